package records

import "testing"

// The results are those of Java 17: new String(bytes, UTF_8) and InputStreamReader.
func TestBatch_AddUTF8PutsJavasReplacements(t *testing.T) {
	const r = "\ufffd"
	for in, want := range map[string]string{
		"":                     "",
		"ü漢😀":                  "ü漢😀",
		"\xff\xfea":            r + r + "a",
		"\xc3,":                r + ",",
		"\xc3":                 r,
		"\xe2\x82,":            r + ",",
		"\xe2\x82":             r,
		"\xe2\x82\xac":         "€",
		"\xe0\x80\x80":         r + r + r,
		"\xf0\x9f\x98,":        r + ",",
		"\xf0\x9f\x98":         r,
		"\xf0\x80\x80\x80":     r + r + r + r,
		"\xed\xa0\x80x":        r + "x",
		"\xed\xa0x":            r + "x",
		"\xc0\x80":             r + r,
		"\xf8\x88\x80\x80\x80": r + r + r + r + r,
		"\xf4\x90\x80\x80":     r + r + r + r,
		"\xef\xbf\xbd":         r,
	} {
		b := NewBatch(Origin{})
		if got := b.Str(b.AddUTF8([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		b.Release()
	}
}
