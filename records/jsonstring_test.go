package records

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestAppendJSON_BytesAndText(t *testing.T) {
	for _, c := range []struct{ in, bytes, text string }{
		{"", `""`, `""`},
		{"plain text, longer than eight", `"plain text, longer than eight"`, `"plain text, longer than eight"`},
		{"a<b>&/", `"a<b>&/"`, `"a<b>&/"`},
		{"q\"b\\ \b\t\n\f\r\x01\x1f\x7f", `"q\"b\\ \b\t\n\f\r\u0001\u001F` + "\x7f\"", `"q\"b\\ \b\t\n\f\r\u0001\u001F` + "\x7f\""},
		{"größe\u2028漢", "\"größe\u2028漢\"", "\"größe\u2028漢\""},
		{"c😀", `"c\uD83D\uDE00"`, `"c😀"`},
		{"eight by eight 😀\" and on", `"eight by eight \uD83D\uDE00\" and on"`, `"eight by eight 😀\" and on"`},
	} {
		if got := string(AppendJSONString(nil, c.in)); got != c.bytes {
			t.Errorf("%q to bytes: %s, want %s", c.in, got, c.bytes)
		}
		if got := string(AppendJSONString(nil, []byte(c.in))); got != c.bytes {
			t.Errorf("%q from bytes: %s, want %s", c.in, got, c.bytes)
		}
		if got := string(AppendJSONText(nil, c.in)); got != c.text {
			t.Errorf("%q to text: %s, want %s", c.in, got, c.text)
		}
	}
}

func FuzzAppendJSONString(f *testing.F) {
	f.Add("c😀\"\x00 and so on")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		for _, p := range [][]byte{AppendJSONString(nil, s), AppendJSONText(nil, s)} {
			var back string
			if err := json.Unmarshal(p, &back); err != nil || back != s {
				t.Fatalf("%q became %s: %q, %v", s, p, back, err)
			}
		}
	})
}
