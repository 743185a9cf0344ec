package javatime

import "strings"

// Format is a compiled pattern. It is safe for concurrent use.
type Format struct {
	pattern string
	items   []item
}

// item is a field (letter and how often it stands) or, with letter 0, literal text.
type item struct {
	letter byte
	count  int
	text   string
}

// PatternError is what the IllegalArgumentException of a bad pattern says.
type PatternError struct{ text string }

func (e *PatternError) Error() string { return e.text }

// JavaClass is the exception's class.
func (e *PatternError) JavaClass() string { return "java.lang.IllegalArgumentException" }

const letters = "GyMdkHmsSEDFwWahKzZYuXL"

// Compile reads a pattern of SimpleDateFormat.
func Compile(pattern string) (*Format, error) {
	f := &Format{pattern: pattern}
	var literal strings.Builder
	quoted := false
	flush := func() {
		if literal.Len() > 0 {
			f.items = append(f.items, item{text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\'' && i+1 < len(pattern) && pattern[i+1] == '\'':
			literal.WriteByte('\'')
			i++
		case c == '\'':
			quoted = !quoted
		case quoted || !isLetter(c):
			literal.WriteByte(c)
		case strings.IndexByte(letters, c) < 0:
			return nil, &PatternError{"Illegal pattern character '" + string(rune(c)) + "'"}
		default:
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			flush()
			if c == 'X' && n > 3 {
				return nil, &PatternError{"invalid ISO 8601 format: length=" + string(appendPadded(nil, int64(n), 1, 0))}
			}
			f.items = append(f.items, item{letter: c, count: n})
			i += n - 1
		}
	}
	if quoted {
		return nil, &PatternError{"Unterminated quote"}
	}
	flush()
	return f, nil
}

// String returns the pattern (SimpleDateFormat.toPattern).
func (f *Format) String() string { return f.pattern }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

var (
	months = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September",
		"October", "November", "December"}
	weekdays = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	eras     = [...]string{"BC", "AD"}
	longEras = [...]string{"Before Christ", "Anno Domini"} // read, not printed
	halves   = [...]string{"AM", "PM"}
)
