package records

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	jsonOnes  = 0x0101010101010101
	jsonHighs = 0x8080808080808080
	upperHex  = "0123456789ABCDEF"
)

// AppendJSONString appends s, which is UTF-8, as a JSON string as Jackson writes it to bytes:
// converters, internal topics, REST (CW-303). Characters beyond U+FFFF become two \u escapes,
// because Jackson's byte generator does not join surrogates unless told to. All other
// characters beyond ASCII stay as they are. Java finds offsets by these very bytes (CW-174).
func AppendJSONString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	// Most strings need no escape: look at eight bytes at a time. A byte is special when it
	// is below 0x20, a quote or a backslash (the subtraction borrows into its top bit), or
	// when its four upper bits are set (the shifts bring them to its top bit).
	i := 0
	for ; i+8 <= len(s); i += 8 {
		var w [8]byte
		copy(w[:], s[i:i+8])
		x := binary.LittleEndian.Uint64(w[:])
		q, bs := x^('"'*jsonOnes), x^('\\'*jsonOnes)
		if ((x-0x20*jsonOnes)&^x|(q-jsonOnes)&^q|(bs-jsonOnes)&^bs|x&(x<<1)&(x<<2)&(x<<3))&jsonHighs != 0 {
			return append(appendEscaped(dst, s, true), '"')
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0xF0 {
			return append(appendEscaped(dst, s, true), '"')
		}
	}
	dst = append(dst, s...)
	return append(dst, '"')
}

// AppendJSONText appends s as Jackson writes it to a Java string, where characters beyond
// U+FFFF stay as they are: schema history records are made that way.
func AppendJSONText(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s, false), '"')
}

func appendEscaped[T string | []byte](dst []byte, s T, splitSurrogates bool) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && (c < 0xF0 || !splitSurrogates) {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		if c >= 0xF0 {
			var four [4]byte
			n := copy(four[:], s[i:])
			r, size := utf8.DecodeRune(four[:n])
			if size == 4 {
				high, low := utf16.EncodeRune(r)
				for _, u := range [2]rune{high, low} {
					dst = append(dst, '\\', 'u', upperHex[u>>12], upperHex[u>>8&15], upperHex[u>>4&15], upperHex[u&15])
				}
				i += 3
				start = i + 1
				continue
			}
			start = i // not UTF-8; whoever made the text has broken its contract
			continue
		}
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
		}
	}
	return append(dst, s[start:]...)
}
