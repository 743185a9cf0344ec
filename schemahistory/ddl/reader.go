package ddl

import (
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

// reader walks over the tokens of one Parse.
type reader struct {
	p      *Parser
	st     *Statement
	src    string
	toks   []token
	i      int
	stored storedText
	double bool // double-quoted strings are stored with single quotes
	tables *schemahistory.Tables
	schema string // current database; USE changes it
	events []rawEvent
	about  *schemahistory.TableID // the table of the statement, for errors
	// changed collects tables that were touched.
	changed []schemahistory.TableID
}

// rawEvent is what Debezium's parser signals for a part of a statement.
type rawEvent struct {
	kind  Kind
	id    schemahistory.TableID
	hasID bool
	prev  *schemahistory.TableID
	db    string
	text  string
}

func (r *reader) tok() token { return r.toks[r.i] }

func (r *reader) peek(n int) token {
	if r.i+n < len(r.toks) {
		return r.toks[r.i+n]
	}
	return r.toks[len(r.toks)-1]
}

func (r *reader) next() {
	if r.i < len(r.toks)-1 {
		r.i++
	}
}

func (r *reader) text(t token) string { return r.src[t.start:t.end] }

func (r *reader) isWordAt(n int, word string) bool {
	t := r.peek(n)
	return t.kind == tokWord && t.end-t.start == len(word) && strings.EqualFold(r.text(t), word)
}

func (r *reader) isWord(word string) bool { return r.isWordAt(0, word) }

func (r *reader) isAny(words ...string) bool {
	for _, w := range words {
		if r.isWordAt(0, w) {
			return true
		}
	}
	return false
}

func (r *reader) isMark(c byte) bool { return r.isMarkAt(0, c) }

func (r *reader) isMarkAt(n int, c byte) bool {
	t := r.peek(n)
	return t.kind == tokMark && r.src[t.start] == c
}

// accept steps over a sequence of words if all of them follow.
func (r *reader) accept(words ...string) bool {
	for n, w := range words {
		if !r.isWordAt(n, w) {
			return false
		}
	}
	for range words {
		r.next()
	}
	return true
}

func (r *reader) acceptAny(words ...string) bool {
	if r.isAny(words...) {
		r.next()
		return true
	}
	return false
}

func (r *reader) acceptMark(c byte) bool {
	if r.isMark(c) {
		r.next()
		return true
	}
	return false
}

func (r *reader) atEnd() bool { return r.tok().kind == tokEnd }

// atStop tells that the statement ends here.
func (r *reader) atStop() bool { return r.atEnd() || r.isMark(';') }

// fail makes an Error at the current token. Names and literals are not repeated: they may be data.
func (r *reader) fail(cause string) *Error {
	t := r.tok()
	e := &Error{Table: r.about, Offset: t.start, Cause: cause}
	switch t.kind {
	case tokMark:
		e.Near = r.text(t)
	case tokWord:
		if s := strings.ToUpper(r.text(t)); keywords[s] {
			e.Near = s
		}
	case tokEnd:
		e.Near = "the end"
	case tokBad:
		e.Cause = "quotes are not closed"
	}
	return e
}

// keywords may be shown in errors.
var keywords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`ADD AFTER ALTER AS CHANGE CHARACTER CHARSET CHECK COLLATE COLUMN COMMENT CONSTRAINT
		CREATE DATABASE DEFAULT DROP EXISTS FIRST FOREIGN FULLTEXT GENERATED IF INDEX KEY LIKE MODIFY NOT NULL ON
		PARTITION PRIMARY REFERENCES RENAME SCHEMA SELECT SET SPATIAL TABLE TO TRUNCATE UNIQUE USE USING WITH`) {
		m[w] = true
	}
	return m
}()

// name reads an identifier.
func (r *reader) name() (string, error) {
	t := r.tok()
	switch t.kind {
	case tokWord:
		r.next()
		return r.text(t), nil
	case tokQuoted:
		r.next()
		s := r.text(t)
		mark := s[:1]
		return strings.ReplaceAll(s[1:len(s)-1], mark+mark, mark), nil
	}
	return "", r.fail("a name is missing")
}

// tableID reads a table name, with or without its database.
func (r *reader) tableID() (schemahistory.TableID, error) {
	r.acceptMark('.')
	first, err := r.name()
	if err != nil {
		return schemahistory.TableID{}, err
	}
	if !r.acceptMark('.') {
		return schemahistory.TableID{Database: r.schema, Table: first}, nil
	}
	second, err := r.name()
	if err != nil {
		return schemahistory.TableID{}, err
	}
	return schemahistory.TableID{Database: first, Table: second}, nil
}

// skipGroup steps over a balanced pair of parentheses; the current token is the opening one.
func (r *reader) skipGroup() error {
	depth := 0
	for {
		switch t := r.tok(); {
		case t.kind == tokEnd || t.kind == tokBad:
			return r.fail("parentheses are not closed")
		case t.kind == tokMark && r.src[t.start] == '(':
			depth++
		case t.kind == tokMark && r.src[t.start] == ')':
			depth--
			if depth == 0 {
				r.next()
				return nil
			}
		}
		r.next()
	}
}

// skipPart steps over one token or one group.
func (r *reader) skipPart() error {
	if r.isMark('(') {
		return r.skipGroup()
	}
	if r.tok().kind == tokBad {
		return r.fail("")
	}
	r.next()
	return nil
}

// skipItem goes to the next comma, closing parenthesis or end of the statement.
func (r *reader) skipItem() error {
	for !r.atStop() && !r.isMark(',') && !r.isMark(')') {
		if err := r.skipPart(); err != nil {
			return err
		}
	}
	return nil
}

// skipStatement goes to the end of the statement.
func (r *reader) skipStatement() error {
	for !r.atStop() {
		if r.isMark(')') { // a stray one; the server knows better
			r.next()
			continue
		}
		if err := r.skipPart(); err != nil {
			return err
		}
	}
	return nil
}

// skipAll goes to the end of the text, for bodies with semicolons and anything else inside.
func (r *reader) skipAll() { r.i = len(r.toks) - 1 }

// raw is the text of a string token as Debezium sees it after its rewriting, quotes included.
func (r *reader) raw(t token) string {
	s := r.text(t)
	if r.double && s[0] == '"' {
		return "'" + strings.ReplaceAll(s[1:len(s)-1], "'", "''") + "'"
	}
	return s
}

// strings joins adjacent string tokens raw, as the token texts follow each other.
func (r *reader) strings() string {
	t := r.tok()
	s := r.raw(t)
	r.next()
	for r.tok().kind == tokString {
		s += r.raw(r.tok())
		r.next()
	}
	return s
}

// unquote strips one pair of quotes and leaves everything inside as it is.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '\'' || s[0] == '"' || s[0] == '`') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// charsetName reads a character set or collation name.
func (r *reader) charsetName() (string, error) {
	t := r.tok()
	switch t.kind {
	case tokWord, tokQuoted, tokString:
		r.next()
		return unquote(r.raw(t)), nil
	}
	return "", r.fail("a character set is missing")
}

// acceptCharset steps over CHARSET, CHARACTER SET or CHAR SET.
func (r *reader) acceptCharset() bool {
	return r.accept("CHARSET") || r.accept("CHARACTER", "SET") || r.accept("CHAR", "SET")
}

// cut is the stored text from token a up to and including token b.
func (r *reader) cut(a, b int) string {
	return r.stored.cut(r.toks[a].start, r.toks[b].end)
}

// last is the index of the last token before the current one.
func (r *reader) last() int { return r.i - 1 }

func (r *reader) signal(kind Kind, id schemahistory.TableID, prev *schemahistory.TableID, text string) {
	r.events = append(r.events, rawEvent{kind: kind, id: id, hasID: true, prev: prev, db: id.Database, text: text})
}

func (r *reader) signalDB(kind Kind, db, text string) {
	r.events = append(r.events, rawEvent{kind: kind, db: db, text: text})
}

func (r *reader) touch(id schemahistory.TableID) { r.changed = append(r.changed, id) }
