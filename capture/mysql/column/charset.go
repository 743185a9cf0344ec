package column

import (
	"strings"
	"unicode/utf8"

	"github.com/anabranch/anabranch/records"
)

// charset decodes the bytes of a MySQL character set into UTF-8, in the way in which Debezium
// does: through the Java charset that Connector/J names for it (DM-172), replacing what that
// one does not know by U+FFFD.
type charset struct {
	name   string
	utf8   bool
	decode func(dst, src []byte) []byte
}

func (c *charset) appendUTF8(dst, src []byte) []byte {
	if c.utf8 {
		return appendUTF8(dst, src)
	}
	return c.decode(dst, src)
}

// charsetOf returns the charset of a MySQL name, nil if there is none.
func charsetOf(name string) *charset {
	name = strings.ToLower(strings.TrimSpace(name))
	c := &charset{name: name}
	switch name {
	case "utf8mb4", "utf8", "utf8mb3":
		c.utf8 = true
		return c
	case "binary":
		c.decode = func(dst, src []byte) []byte {
			for _, x := range src {
				dst = utf8.AppendRune(dst, rune(x))
			}
			return dst
		}
		return c
	case "ascii":
		c.decode = func(dst, src []byte) []byte {
			for _, x := range src {
				if x < 0x80 {
					dst = append(dst, x)
				} else {
					dst = append(dst, replacement...)
				}
			}
			return dst
		}
		return c
	case "ucs2", "utf16":
		c.decode = appendUTF16
		return c
	case "utf16le":
		c.decode = func(dst, src []byte) []byte { return appendUTF16Order(dst, src, 1) }
		return c
	case "utf32":
		c.decode = appendUTF32
		return c
	}
	if t := singleByte(name); t != nil {
		c.decode = t.append
		return c
	}
	if t := multiByte(name); t != nil {
		c.decode = t.append
		return c
	}
	return nil
}

const replacement = "\uFFFD"

// appendUTF8 appends src with every malformed sequence replaced as Java's UTF-8 decoder does it:
// one U+FFFD for each maximal part of a sequence.
func appendUTF8(dst, src []byte) []byte {
	if utf8.Valid(src) {
		return append(dst, src...)
	}
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if r != utf8.RuneError || n > 1 {
			dst = append(dst, src[:n]...)
			src = src[n:]
			continue
		}
		dst = append(dst, replacement...)
		src = src[malformed(src):]
	}
	return dst
}

// malformed is the length of the ill-formed sequence at the start of p: its lead byte and the
// continuation bytes that could still have become a character.
func malformed(p []byte) int {
	lo, hi, need := byte(0x80), byte(0xBF), 0
	switch c := p[0]; {
	case c >= 0xC2 && c <= 0xDF:
		need = 1
	case c >= 0xE0 && c <= 0xEF:
		need = 2
		if c == 0xE0 {
			lo = 0xA0
		} else if c == 0xED {
			// Java takes a surrogate's three bytes as one malformed sequence.
			if len(p) >= 3 && p[1] >= 0xA0 && p[1] <= 0xBF && p[2] >= 0x80 && p[2] <= 0xBF {
				return 3
			}
			hi = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		need = 3
		if c == 0xF0 {
			lo = 0x90
		} else if c == 0xF4 {
			hi = 0x8F
		}
	}
	n := 1
	for n <= need && n < len(p) && p[n] >= lo && p[n] <= hi {
		lo, hi = 0x80, 0xBF
		n++
	}
	return n
}

func utf8Value(b *records.Batch, p []byte) records.Value {
	off := len(b.Arena)
	b.Arena = appendUTF8(b.Arena, p)
	return b.ArenaValue(records.KindString, off)
}

// appendUTF16 is Java's UTF-16: big-endian unless a byte order mark says otherwise, and the
// mark is swallowed. MySQL never writes one on its own.
func appendUTF16(dst, src []byte) []byte {
	if len(src) >= 2 {
		switch {
		case src[0] == 0xFE && src[1] == 0xFF:
			return appendUTF16Order(dst, src[2:], 0)
		case src[0] == 0xFF && src[1] == 0xFE:
			return appendUTF16Order(dst, src[2:], 1)
		}
	}
	return appendUTF16Order(dst, src, 0)
}

// appendUTF16Order decodes pairs of bytes: little is 1 for little-endian, 0 for big-endian.
func appendUTF16Order(dst, src []byte, little int) []byte {
	unit := func(i int) uint16 {
		return uint16(src[i+little])<<8 | uint16(src[i+1-little])
	}
	for i := 0; i < len(src); {
		if i+1 >= len(src) {
			return append(dst, replacement...)
		}
		u := unit(i)
		i += 2
		switch {
		case u < 0xD800 || u > 0xDFFF:
			dst = utf8.AppendRune(dst, rune(u))
		case u < 0xDC00 && i+1 < len(src) && unit(i) >= 0xDC00 && unit(i) <= 0xDFFF:
			dst = utf8.AppendRune(dst, 0x10000+rune(u-0xD800)<<10+rune(unit(i)-0xDC00))
			i += 2
		default:
			dst = append(dst, replacement...)
		}
	}
	return dst
}

func appendUTF32(dst, src []byte) []byte {
	for len(src) >= 4 {
		dst = utf8.AppendRune(dst, rune(bigEndian(src[:4])))
		src = src[4:]
	}
	if len(src) > 0 {
		dst = append(dst, replacement...)
	}
	return dst
}

// byteTable holds the UTF-8 of each byte, packed: length in the top byte.
type byteTable [256]uint32

func (t *byteTable) set(b byte, r rune) {
	var buf [4]byte
	n := utf8.EncodeRune(buf[:], r)
	t[b] = uint32(n)<<24 | uint32(buf[0]) | uint32(buf[1])<<8 | uint32(buf[2])<<16
}

func (t *byteTable) append(dst, src []byte) []byte {
	for _, x := range src {
		if x < 0x80 && t[x] == uint32(x)|1<<24 {
			dst = append(dst, x)
			continue
		}
		switch v := t[x]; v >> 24 {
		case 1:
			dst = append(dst, byte(v))
		case 2:
			dst = append(dst, byte(v), byte(v>>8))
		default:
			dst = append(dst, byte(v), byte(v>>8), byte(v>>16))
		}
	}
	return dst
}
