package javaregex

import "testing"

// The texts are those of JDK 17, as a Connect 4.3.1 worker shows them.
func TestJavaMessage(t *testing.T) {
	for pattern, want := range map[string]string{
		"(":          "Unclosed group near index 1\n(",
		"[a":         "Unclosed character class near index 1\n[a\n ^",
		"*":          "Dangling meta character '*' near index 0\n*\n^",
		"x**":        "Dangling meta character '*' near index 2\nx**\n  ^",
		"a)":         "Unmatched closing ')' near index 0\na)\n^",
		`\`:          "Unexpected internal error near index 1\n\\",
		"a.*b":       "",
		"x*+y*?":     "",
		"(?:a|b)+":   "",
		"[a-c&&[b]]": "",
		`\Q(\E`:      "",
		"^*":         "",
		"(*)":        "Dangling meta character '*' near index 1\n(*)\n ^",
	} {
		if got := JavaMessage(pattern); got != want {
			t.Errorf("%q: %q, want %q", pattern, got, want)
		}
	}
}
