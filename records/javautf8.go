package records

import "unicode/utf8"

// AddUTF8 adds bytes as a STRING. Where they are not UTF-8 it puts U+FFFD as Java's String and
// InputStreamReader do.
func (b *Batch) AddUTF8(p []byte) Value {
	if utf8.Valid(p) {
		return b.AddStringBytes(p)
	}
	off := len(b.Arena)
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			n = malformedUTF8(p)
		}
		b.Arena = utf8.AppendRune(b.Arena, r)
		p = p[n:]
	}
	return b.ArenaValue(KindString, off)
}

// malformedUTF8 is how many bytes of p, which starts with a malformed sequence, Java takes for one
// U+FFFD: what could have become a character, and a whole surrogate.
func malformedUTF8(p []byte) int {
	want, low, high := 0, byte(0x80), byte(0xbf)
	switch c := p[0]; {
	case c >= 0xc2 && c <= 0xdf:
		want = 2
	case c >= 0xe0 && c <= 0xef:
		want = 3
		if c == 0xe0 {
			low = 0xa0
		}
	case c >= 0xf0 && c <= 0xf4:
		want = 4
		if c == 0xf0 {
			low = 0x90
		}
		if c == 0xf4 {
			high = 0x8f
		}
	}
	for n := 1; n < want; n++ {
		if n == len(p) || p[n] < low || p[n] > high {
			return n
		}
		low, high = 0x80, 0xbf
	}
	return max(want, 1)
}
