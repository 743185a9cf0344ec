package ddl

import (
	"regexp"
	"strings"
)

// storedText rebuilds the text that Debezium keeps of a statement: its parser first rewrites
// double-quoted strings to single-quoted ones and puts backticks around a few window function
// names that are used as identifiers (DdlNormalizer; DM-505). Offsets of the original are
// translated, so that parts of the text can be cut out by token.
type storedText struct {
	text string
	// moved maps offsets of the original to offsets of text; nil when nothing moved.
	moved []int
}

// cut returns the stored form of the original's [start,end).
func (t *storedText) cut(start, end int) string {
	if t.moved != nil {
		start, end = t.moved[start], t.moved[end]
	}
	if start > end {
		return ""
	}
	return t.text[start:end]
}

var windowNames = []string{"CUME_DIST", "DENSE_RANK", "FIRST_VALUE", "JSON_TABLE", "LAG", "LAST_VALUE", "LEAD", "NTH_VALUE",
	"NTILE", "PERCENT_RANK", "RANK", "ROW_NUMBER"}

// hasWindowName is the quick look before the expensive one: almost no statement has such a word.
func hasWindowName(s string) bool {
	for i := 0; i < len(s); {
		if !isWordByte(s[i]) {
			i++
			continue
		}
		start := i
		for i < len(s) && isWordByte(s[i]) {
			i++
		}
		if n := i - start; n >= 3 && n <= 12 {
			for _, w := range windowNames {
				if len(w) == n && strings.EqualFold(w, s[start:i]) {
					return true
				}
			}
		}
	}
	return false
}

const windowGroup = `(CUME_DIST|DENSE_RANK|FIRST_VALUE|JSON_TABLE|LAG|LAST_VALUE|LEAD|NTH_VALUE|NTILE|PERCENT_RANK|RANK|ROW_NUMBER)`

// The three places in which Debezium takes such a word for an identifier; the number is the
// group that holds it.
var windowUses = []struct {
	re    *regexp.Regexp
	group int
}{
	{regexp.MustCompile(`(?i)\b(CREATE\s+TABLE|ALTER\s+TABLE|DROP\s+TABLE|FROM|JOIN|LEFT\s+JOIN|RIGHT\s+JOIN|INNER\s+JOIN|OUTER\s+JOIN|INTO)\s+` + windowGroup + `\b`), 2},
	{regexp.MustCompile(`(?i)\b` + windowGroup + `\s+((?:VAR)?CHAR|INT|BIGINT|DECIMAL|NUMERIC|FLOAT|DOUBLE|JSON|TEXT|BLOB|DATE|DATETIME|TIMESTAMP|TIME|YEAR|ENUM|SET|BINARY|VARBINARY|BIT|BOOL|BOOLEAN)\b`), 1},
	{regexp.MustCompile(`(?i)\b` + windowGroup + `\s*:`), 1},
}

// normalize makes the stored form. keepDouble leaves double quotes alone.
func normalize(sql string, keepDouble bool) storedText {
	if keepDouble || !strings.Contains(sql, `"`) {
		if !hasWindowName(sql) {
			return storedText{text: sql}
		}
	}
	n := normalizer{src: sql, moved: make([]int, len(sql)+1), out: make([]byte, 0, len(sql)+16)}
	plain := 0
	for i := 0; i < len(sql); {
		end, kind := quotedAt(sql, i)
		if kind == 0 {
			i++
			continue
		}
		n.plain(plain, i)
		if kind == '"' && !keepDouble {
			n.double(i, end)
		} else {
			n.copy(i, end)
		}
		i = end
		plain = end
	}
	n.plain(plain, len(sql))
	n.moved[len(sql)] = len(n.out)
	return storedText{string(n.out), n.moved}
}

type normalizer struct {
	src   string
	out   []byte
	moved []int
}

func (n *normalizer) copy(start, end int) {
	for i := start; i < end; i++ {
		n.moved[i] = len(n.out)
		n.out = append(n.out, n.src[i])
	}
}

// double writes a double-quoted string with single quotes; quotes inside are doubled.
func (n *normalizer) double(start, end int) {
	for i := start; i < end; i++ {
		n.moved[i] = len(n.out)
		switch c := n.src[i]; {
		case i == start || i == end-1:
			n.out = append(n.out, '\'')
		case c == '\'':
			n.out = append(n.out, '\'', '\'')
		default:
			n.out = append(n.out, c)
		}
	}
}

// plain copies text outside of quotes and puts backticks around window function names that
// stand where an identifier is expected. A pass sees the backticks of the one before it.
func (n *normalizer) plain(start, end int) {
	seg := n.src[start:end]
	if !hasWindowName(seg) {
		n.copy(start, end)
		return
	}
	var open, close []int // offsets in seg
	text, origin := seg, make([]int, len(seg)+1)
	for i := range origin {
		origin[i] = i
	}
	for _, use := range windowUses {
		var b []byte
		var from []int
		last := 0
		for _, m := range use.re.FindAllStringSubmatchIndex(text, -1) {
			s, e := m[2*use.group], m[2*use.group+1]
			b = append(b, text[last:s]...)
			from = append(from, origin[last:s]...)
			b = append(b, '`')
			from = append(from, origin[s])
			b = append(b, text[s:e]...)
			from = append(from, origin[s:e]...)
			b = append(b, '`')
			from = append(from, origin[e])
			open, close = append(open, origin[s]), append(close, origin[e])
			last = e
		}
		if last == 0 {
			continue
		}
		b = append(b, text[last:]...)
		from = append(from, origin[last:]...)
		text, origin = string(b), from
	}
	for i := 0; i <= len(seg); i++ {
		for _, c := range close {
			if c == i {
				n.out = append(n.out, '`')
			}
		}
		if i == len(seg) {
			break
		}
		n.moved[start+i] = len(n.out)
		for _, o := range open {
			if o == i {
				n.out = append(n.out, '`')
			}
		}
		n.out = append(n.out, seg[i])
	}
}

// quotedAt tells whether Debezium sees a comment or a quoted text at i and where it ends. Its
// notion differs from the server's: a comment begins at every --, and backslashes always escape.
func quotedAt(s string, i int) (end int, kind byte) {
	switch s[i] {
	case '-':
		if i+1 < len(s) && s[i+1] == '-' {
			return lineEnd(s, i), '-'
		}
	case '#':
		return lineEnd(s, i), '-'
	case '/':
		if i+1 < len(s) && s[i+1] == '*' && !(i+2 < len(s) && s[i+2] == '!') {
			if n := strings.Index(s[i+2:], "*/"); n >= 0 {
				return i + 2 + n + 2, '/'
			}
		}
	case '\'', '"', '`':
		mark := s[i]
		for j := i + 1; j < len(s); j++ {
			switch c := s[j]; {
			case c == '\\' && mark != '`':
				j++
			case c == mark:
				if j+1 < len(s) && s[j+1] == mark {
					j++
					continue
				}
				return j + 1, mark
			}
		}
	}
	return 0, 0
}

func lineEnd(s string, i int) int {
	if n := strings.IndexByte(s[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(s)
}
