package relational

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// Adjuster makes schema or field names fit for Avro (schema.name.adjustment.mode,
// field.name.adjustment.mode, DM-40). nil leaves names as they are.
type Adjuster func(string) string

// NewAdjuster returns the adjuster of a mode: none, avro or avro_unicode. dots tells whether
// dots separate parts of the name, as in schema names.
func NewAdjuster(mode string, dots bool) (Adjuster, error) {
	switch strings.ToLower(mode) {
	case "", "none":
		return nil, nil
	case "avro":
		return func(s string) string { return adjust(s, dots, false) }, nil
	case "avro_unicode":
		return func(s string) string { return adjust(s, dots, true) }, nil
	}
	return nil, fmt.Errorf("unknown adjustment mode %q", mode)
}

func adjust(s string, dots, unicode bool) string {
	var sb strings.Builder
	replace := func(u uint16) {
		if unicode {
			fmt.Fprintf(&sb, "_u%04x", u)
		} else {
			sb.WriteByte('_')
		}
	}
	first := true // only the first character of the whole name must not be a digit
	for _, u := range utf16.Encode([]rune(s)) {
		c := byte(u)
		switch {
		case u == '.' && dots:
			sb.WriteByte('.')
		case u == '_' && unicode:
			replace(u)
		case u < 0x80 && (c == '_' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'):
			sb.WriteByte(c)
		case u < 0x80 && '0' <= c && c <= '9':
			if first && unicode {
				replace(u)
			} else {
				if first {
					sb.WriteByte('_')
				}
				sb.WriteByte(c)
			}
		default:
			replace(u)
		}
		first = false
	}
	return sb.String()
}
