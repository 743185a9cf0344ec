package configs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseProperties(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     map[string]string
	}{
		{"separators", "a=1\nb:2\nc 3\nd\t=\t4\ne = 5 ", map[string]string{"a": "1", "b": "2", "c": "3", "d": "4", "e": "5 "}},
		{"comments and blanks", "# x=1\n  ! y=2\n\n \t\nz=3 # not a comment", map[string]string{"z": "3 # not a comment"}},
		{"continuation", "list=a,\\\n   b,\\\r\n\tc\nd=1", map[string]string{"list": "a,b,c", "d": "1"}},
		{"continuation then hash", "a=1\\\n#2\nb=3", map[string]string{"a": "1#2", "b": "3"}},
		{"continuation then blank line", "a=1\\\n\nb=3", map[string]string{"a": "1", "b": "3"}},
		{"even backslashes end the line", "a=c:\\\\\nb=2", map[string]string{"a": "c:\\", "b": "2"}},
		{"escaped key", "a\\ b\\=c\\:d = e", map[string]string{"a b=c:d": "e"}},
		{"escapes", "a=\\t\\n\\q\\u00e4\\uD83D\\uDE00", map[string]string{"a": "\t\nqä😀"}},
		{"latin1", "a=\xe4", map[string]string{"a": "ä"}},
		{"no value", "a\nb=\n=c", map[string]string{"a": "", "b": "", "": "c"}},
		{"last wins", "a=1\na=2", map[string]string{"a": "2"}},
		{"ends in backslash", "a=1\\", map[string]string{"a": "1"}},
		{"half a pair", "a=\\uD83Dx", map[string]string{"a": "\uFFFDx"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseProperties([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	if _, err := ParseProperties([]byte("ok=1\na=\\u12")); err == nil || err.Error() != "line 2: malformed \\uxxxx escape" {
		t.Errorf("got %v", err)
	}
}

func FuzzParseProperties(f *testing.F) {
	f.Add([]byte("a=1\\\n b\\u0041: c\n#x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseProperties(data)
		if err == nil && m == nil {
			t.Fatal("no map and no error")
		}
		_, _ = ParsePropertiesUTF8(data)
	})
}
