package converters

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads JSON tokens from bytes. It accepts what Jackson accepts by default plus
// leading zeros in numbers (CW-305): nothing after the first value is looked at.
type scanner struct {
	data  []byte
	pos   int
	depth int
}

// maxDepth is Jackson's limit for nested arrays and objects.
const maxDepth = 1000

func (s *scanner) reset(data []byte) {
	*s = scanner{data: data}
	if len(data) >= 3 && data[0] == 0xEF && data[1] == 0xBB && data[2] == 0xBF {
		s.pos = 3
	}
}

// syntax is an error about the bytes; it never quotes them.
func (s *scanner) syntax(format string, args ...any) error {
	return &DataError{Message: "Converting byte[] to Kafka Connect data failed due to serialization error: ",
		Cause: &DataError{Message: fmt.Sprintf("invalid JSON at byte %d: ", s.pos) + fmt.Sprintf(format, args...), class: serializationExceptionClass}}
}

// next skips blanks and returns the next byte without consuming it, 0 at the end.
func (s *scanner) next() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.syntax("unexpected token")
	}
	s.pos += len(word)
	return s.boundary()
}

// boundary demands that a number or word ends here.
func (s *scanner) boundary() error {
	if s.pos >= len(s.data) {
		return nil
	}
	switch s.data[s.pos] {
	case ' ', '\t', '\n', '\r', ',', ':', ']', '}':
		return nil
	}
	return s.syntax("unexpected character after a value")
}

func (s *scanner) enter() error {
	s.pos++
	if s.depth++; s.depth > maxDepth {
		return s.syntax("nested deeper than %d levels", maxDepth)
	}
	return nil
}

// more is asked inside an array or object, with first true right after the opening bracket.
// It consumes the comma or the closing bracket and reports whether another member follows.
func (s *scanner) more(first bool, closing byte) (bool, error) {
	c := s.next()
	if c == closing {
		s.pos++
		s.depth--
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, s.syntax("expected a comma or %q", closing)
	}
	s.pos++
	return true, nil
}

// str scans a string at the opening quote. raw is the text between the quotes; escaped
// tells that it contains escapes and must go through unescape.
func (s *scanner) str() (raw []byte, escaped bool, err error) {
	if s.next() != '"' {
		return nil, false, s.syntax("expected a string")
	}
	s.pos++
	start, high := s.pos, byte(0)
	for i := start; i < len(s.data); i++ {
		c := s.data[i]
		switch {
		case c == '"':
			raw = s.data[start:i]
			if high >= utf8.RuneSelf && !utf8.Valid(raw) {
				return nil, false, s.syntax("string is not UTF-8")
			}
			s.pos = i + 1
			return raw, escaped, nil
		case c == '\\':
			escaped = true
			i++
		case c < 0x20:
			s.pos = i
			return nil, false, s.syntax("control character in a string")
		}
		high |= c
	}
	s.pos = len(s.data)
	return nil, false, s.syntax("string without an end")
}

// key scans a member name and its colon.
func (s *scanner) key() (raw []byte, escaped bool, err error) {
	if raw, escaped, err = s.str(); err != nil {
		return
	}
	if s.next() != ':' {
		return nil, false, s.syntax("expected a colon")
	}
	s.pos++
	return
}

// unescape appends the text of an escaped string. A lone surrogate becomes '?', which is
// what Java's encoder writes for it.
func (s *scanner) unescape(dst, raw []byte) ([]byte, error) {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		i++
		if i >= len(raw) {
			return dst, s.syntax("unfinished escape")
		}
		switch raw[i] {
		case '"', '\\', '/':
			dst = append(dst, raw[i])
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(raw[i+1:])
			if !ok {
				return dst, s.syntax("bad \\u escape")
			}
			i += 4
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError)
				if i+2 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					if low, ok := hex4(raw[i+3:]); ok {
						pair = utf16.DecodeRune(r, low)
					}
				}
				if pair == utf8.RuneError {
					dst = append(dst, '?')
					continue
				}
				i += 6
				r = pair
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, s.syntax("unknown escape")
		}
	}
	return dst, nil
}

func hex4(p []byte) (rune, bool) {
	if len(p) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range p[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number is a scanned number.
type number struct {
	text  []byte
	mag   uint64 // the magnitude, if whole and fits
	neg   bool
	whole bool // no point and no exponent
	fits  bool // mag is exact
}

func (s *scanner) number() (n number, err error) {
	start := s.pos
	d := s.data
	i := s.pos
	if i < len(d) && d[i] == '-' {
		n.neg = true
		i++
	}
	digits := i
	n.whole, n.fits = true, true
	for ; i < len(d) && d[i]-'0' <= 9; i++ {
		if n.mag > (1<<64-1-9)/10 {
			n.fits = false
		}
		n.mag = n.mag*10 + uint64(d[i]-'0')
	}
	bad := i == digits
	if i < len(d) && d[i] == '.' {
		n.whole = false
		i++
		frac := i
		for i < len(d) && d[i]-'0' <= 9 {
			i++
		}
		bad = bad || i == frac
	}
	if i < len(d) && (d[i] == 'e' || d[i] == 'E') {
		n.whole = false
		i++
		if i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		exp := i
		for i < len(d) && d[i]-'0' <= 9 {
			i++
		}
		bad = bad || i == exp
	}
	s.pos = i
	if bad {
		return n, s.syntax("bad number")
	}
	n.text = d[start:i]
	return n, s.boundary()
}

// int64 returns a whole number; ok is false if it is none or does not fit.
func (n *number) int64() (int64, bool) {
	switch {
	case !n.whole || !n.fits:
		return 0, false
	case n.neg:
		return -int64(n.mag), n.mag <= 1<<63
	default:
		return int64(n.mag), n.mag < 1<<63
	}
}

// skip passes over one value of any kind, checking its syntax.
func (s *scanner) skip() error {
	switch c := s.next(); {
	case c == '"':
		raw, escaped, err := s.str()
		if err == nil && escaped {
			_, err = s.unescape(nil, raw)
		}
		return err
	case c == '{':
		if err := s.enter(); err != nil {
			return err
		}
		for first := true; ; first = false {
			more, err := s.more(first, '}')
			if err != nil || !more {
				return err
			}
			if _, _, err := s.key(); err != nil {
				return err
			}
			if err := s.skip(); err != nil {
				return err
			}
		}
	case c == '[':
		if err := s.enter(); err != nil {
			return err
		}
		for first := true; ; first = false {
			more, err := s.more(first, ']')
			if err != nil || !more {
				return err
			}
			if err := s.skip(); err != nil {
				return err
			}
		}
	case c == '-' || c-'0' <= 9:
		_, err := s.number()
		return err
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	case c == 0 && s.pos >= len(s.data):
		return s.syntax("unexpected end")
	}
	return s.syntax("unexpected character")
}
