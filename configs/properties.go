package configs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// LoadProperties reads a Java .properties file as Kafka's command line does: bytes are
// ISO-8859-1 (CW-72).
func LoadProperties(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read properties file: %w", err)
	}
	m, err := ParseProperties(data)
	if err != nil {
		return nil, fmt.Errorf("read properties file %s: %w", path, err)
	}
	return m, nil
}

// ParseProperties parses the format of java.util.Properties from ISO-8859-1 bytes: "=", ":"
// or blanks separate, "#" and "!" start comments, a trailing backslash continues the line and
// \uXXXX stands for a UTF-16 unit (CW-72, CW-459). Of a key given twice the last wins.
func ParseProperties(data []byte) (map[string]string, error) {
	rs := make([]rune, len(data))
	for i, b := range data {
		rs[i] = rune(b)
	}
	return parseProperties(rs)
}

// ParsePropertiesUTF8 is ParseProperties for UTF-8 text, which FileConfigProvider reads (CW-122).
func ParsePropertiesUTF8(data []byte) (map[string]string, error) {
	return parseProperties([]rune(string(data)))
}

func parseProperties(rs []rune) (map[string]string, error) {
	m := map[string]string{}
	for line := 1; len(rs) > 0; {
		text, rest, lines := logicalLine(rs)
		if len(text) > 0 {
			cut, valueAt := splitProperty(text)
			key, err := unescape(text[:cut])
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			value, err := unescape(text[valueAt:])
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			m[key] = value
		}
		rs = rest
		line += lines
	}
	return m, nil
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\f' }
func isEOL(r rune) bool   { return r == '\n' || r == '\r' }

// logicalLine joins the next natural lines that belong together; a comment or blank line
// gives an empty text. lines counts the natural lines that were taken.
func logicalLine(rs []rune) (text, rest []rune, lines int) {
	for {
		i := 0
		for i < len(rs) && isBlank(rs[i]) {
			i++
		}
		rs = rs[i:]
		end := 0
		for end < len(rs) && !isEOL(rs[end]) {
			end++
		}
		natural := rs[:end]
		rest = rs[end:]
		if len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n' {
			rest = rest[1:]
		}
		if len(rest) > 0 {
			rest = rest[1:]
		}
		lines++
		if lines == 1 && len(natural) > 0 && (natural[0] == '#' || natural[0] == '!') {
			return nil, rest, lines
		}
		slashes := 0
		for slashes < len(natural) && natural[len(natural)-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return append(text, natural...), rest, lines
		}
		text = append(text, natural[:len(natural)-1]...)
		if len(rest) == 0 {
			return text, nil, lines
		}
		rs = rest
	}
}

// splitProperty finds the end of the key and the start of the value.
func splitProperty(text []rune) (keyEnd, valueAt int) {
	escaped := false
	for keyEnd < len(text) {
		r := text[keyEnd]
		if !escaped && (r == '=' || r == ':' || isBlank(r)) {
			break
		}
		escaped = r == '\\' && !escaped
		keyEnd++
	}
	valueAt = keyEnd
	for valueAt < len(text) && isBlank(text[valueAt]) {
		valueAt++
	}
	if valueAt < len(text) && (text[valueAt] == '=' || text[valueAt] == ':') {
		valueAt++
		for valueAt < len(text) && isBlank(text[valueAt]) {
			valueAt++
		}
	}
	return keyEnd, valueAt
}

func unescape(rs []rune) (string, error) {
	var sb strings.Builder
	for i := 0; i < len(rs); i++ {
		r := rs[i]
		if r != '\\' {
			sb.WriteRune(r)
			continue
		}
		i++
		if i == len(rs) {
			break
		}
		switch rs[i] {
		case 't':
			sb.WriteByte('\t')
		case 'n':
			sb.WriteByte('\n')
		case 'r':
			sb.WriteByte('\r')
		case 'f':
			sb.WriteByte('\f')
		case 'u':
			u, err := hex4(rs, i+1)
			if err != nil {
				return "", err
			}
			i += 4
			if utf16.IsSurrogate(u) {
				// A pair is two escapes; half a pair has no UTF-8 form.
				low := rune(utf8.RuneError)
				if i+2 < len(rs) && rs[i+1] == '\\' && rs[i+2] == 'u' {
					if low, err = hex4(rs, i+3); err != nil {
						return "", err
					}
				}
				if u = utf16.DecodeRune(u, low); u != utf8.RuneError {
					i += 6
				}
			}
			sb.WriteRune(u)
		default:
			sb.WriteRune(rs[i])
		}
	}
	return sb.String(), nil
}

func hex4(rs []rune, at int) (rune, error) {
	if at+4 > len(rs) {
		return 0, fmt.Errorf("malformed \\uxxxx escape")
	}
	n, err := strconv.ParseUint(string(rs[at:at+4]), 16, 32)
	if err != nil {
		return 0, fmt.Errorf("malformed \\uxxxx escape")
	}
	return rune(n), nil
}
