package ddl

import "strings"

type tokenKind uint8

const (
	tokEnd     tokenKind = iota
	tokWord              // keyword or bare name
	tokQuoted            // name in backticks, or in double quotes under ANSI_QUOTES
	tokString            // '...' or "..."
	tokNString           // N'...'
	tokHex               // 0x41, x'41'
	tokBin               // 0b1, b'1'
	tokNumber
	tokMark // one character of punctuation
	tokBad  // text that cannot be read, up to the end
)

type token struct {
	kind       tokenKind
	start, end int
}

type lexer struct {
	src     string
	pos     int
	toks    []token
	flavor  Flavor
	version int
	ansi    bool // double quotes are for names
	raw     bool // NO_BACKSLASH_ESCAPES
	inVer   int  // open executable comments
}

// scan splits the text into tokens. Comments vanish, executable ones leave their content. It
// never fails: what it cannot read becomes a last tokBad, which matters only if the parser
// gets there (bodies of routines may hold anything).
func scan(src string, flavor Flavor, version int, mode uint64) []token {
	l := &lexer{src: src, flavor: flavor, version: version,
		ansi: mode&ModeAnsiQuotes != 0, raw: mode&ModeNoBackslashEscapes != 0,
		toks: make([]token, 0, len(src)/5+8)}
	for l.next() {
	}
	l.toks = append(l.toks, token{tokEnd, len(src), len(src)})
	return l.toks
}

func (l *lexer) add(k tokenKind, start, end int) bool {
	l.toks = append(l.toks, token{k, start, end})
	l.pos = end
	return true
}

// bad ends the scan.
func (l *lexer) bad(start int) bool {
	l.add(tokBad, start, len(l.src))
	return false
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (l *lexer) at(i int) byte {
	if i < len(l.src) {
		return l.src[i]
	}
	return 0
}

func (l *lexer) next() bool {
	for l.pos < len(l.src) && isSpace(l.src[l.pos]) {
		l.pos++
	}
	if l.pos >= len(l.src) {
		return false
	}
	s, c := l.pos, l.src[l.pos]
	switch {
	case c == '/' && l.at(s+1) == '*':
		return l.comment()
	case c == '*' && l.at(s+1) == '/' && l.inVer > 0:
		l.inVer--
		l.pos += 2
		return true
	case c == '#', c == '-' && l.at(s+1) == '-' && (s+2 >= len(l.src) || l.src[s+2] <= ' '):
		if n := strings.IndexByte(l.src[s:], '\n'); n >= 0 {
			l.pos = s + n + 1
		} else {
			l.pos = len(l.src)
		}
		return true
	case c == '`':
		return l.quoted(tokQuoted, s, s, false)
	case c == '"':
		if l.ansi {
			return l.quoted(tokQuoted, s, s, false)
		}
		return l.quoted(tokString, s, s, !l.raw)
	case c == '\'':
		return l.quoted(tokString, s, s, !l.raw)
	case isDigit(c), c == '.' && isDigit(l.at(s+1)) && !l.afterName():
		return l.number()
	case isWordByte(c):
		return l.word()
	}
	return l.add(tokMark, s, s+1)
}

// afterName tells that the text before pos ends a name, so that a dot separates.
func (l *lexer) afterName() bool {
	if len(l.toks) == 0 {
		return false
	}
	t := l.toks[len(l.toks)-1]
	return t.end == l.pos && (t.kind == tokWord || t.kind == tokQuoted)
}

func (l *lexer) afterDot() bool {
	if len(l.toks) == 0 {
		return false
	}
	t := l.toks[len(l.toks)-1]
	return t.kind == tokMark && l.src[t.start] == '.'
}

// quoted reads up to the closing mark; the opening one is at open.
func (l *lexer) quoted(k tokenKind, start, open int, escapes bool) bool {
	mark := l.src[open]
	for i := open + 1; i < len(l.src); i++ {
		switch c := l.src[i]; {
		case c == '\\' && escapes:
			i++
		case c == mark:
			if l.at(i+1) == mark {
				i++
				continue
			}
			return l.add(k, start, i+1)
		}
	}
	return l.bad(start)
}

func (l *lexer) word() bool {
	s := l.pos
	e := s
	for e < len(l.src) && isWordByte(l.src[e]) {
		e++
	}
	if e == s+1 && l.at(e) == '\'' && !l.afterDot() {
		switch l.src[s] {
		case 'x', 'X':
			return l.quoted(tokHex, s, e, false)
		case 'b', 'B':
			return l.quoted(tokBin, s, e, false)
		case 'n', 'N':
			return l.quoted(tokNString, s, e, !l.raw)
		}
	}
	return l.add(tokWord, s, e)
}

// number reads what begins with a digit or a dot; names may begin with a digit, too.
func (l *lexer) number() bool {
	s := l.pos
	e := s
	for e < len(l.src) && isWordByte(l.src[e]) {
		e++
	}
	run := l.src[s:e]
	if l.afterDot() && run != "" {
		return l.add(tokWord, s, e)
	}
	switch {
	case len(run) > 2 && run[0] == '0' && run[1] == 'x' && allIn(run[2:], "0123456789abcdefABCDEF"):
		return l.add(tokHex, s, e)
	case len(run) > 2 && run[0] == '0' && run[1] == 'b' && allIn(run[2:], "01"):
		return l.add(tokBin, s, e)
	}
	e = s
	for isDigit(l.at(e)) {
		e++
	}
	if l.at(e) == '.' {
		e++
		for isDigit(l.at(e)) {
			e++
		}
	}
	if c := l.at(e); c == 'e' || c == 'E' {
		x := e + 1
		if c := l.at(x); c == '+' || c == '-' {
			x++
		}
		if isDigit(l.at(x)) {
			for isDigit(l.at(x)) {
				x++
			}
			e = x
		}
	}
	if e < len(l.src) && isWordByte(l.src[e]) && !strings.Contains(l.src[s:e], ".") {
		for e < len(l.src) && isWordByte(l.src[e]) {
			e++
		}
		return l.add(tokWord, s, e)
	}
	return l.add(tokNumber, s, e)
}

func allIn(s, set string) bool {
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return true
}

// comment skips a comment, or the opening of one whose content the server executes.
func (l *lexer) comment() bool {
	s := l.pos
	body := -1
	switch {
	case l.at(s+2) == '!':
		body = s + 3
	case l.at(s+2) == 'M' && l.at(s+3) == '!' && l.flavor == MariaDB:
		body = s + 4
	}
	if body >= 0 {
		v, e := 0, body
		for e < len(l.src) && e < body+6 && isDigit(l.src[e]) {
			v = v*10 + int(l.src[e]-'0')
			e++
		}
		if n := e - body; n != 0 && n < 5 {
			e, v = body, 0
		}
		if l.executes(v, l.at(s+2) == 'M') {
			l.inVer++
			l.pos = e
			return true
		}
	}
	n := strings.Index(l.src[min(s+2, len(l.src)):], "*/")
	if n < 0 {
		l.pos = len(l.src)
		return true
	}
	l.pos = s + 2 + n + 2
	return true
}

func (l *lexer) executes(v int, mariaOnly bool) bool {
	if v == 0 {
		return true
	}
	if l.flavor == MariaDB && !mariaOnly && v >= 50700 && v < 100000 {
		return false // MariaDB leaves what is for MySQL 5.7 and newer alone
	}
	return l.version == 0 || v <= l.version
}
