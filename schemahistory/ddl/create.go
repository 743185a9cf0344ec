package ddl

import (
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

// create reads CREATE; the word itself is behind us at token start.
func (r *reader) create(start int) (ignored bool, err error) {
	r.accept("OR", "REPLACE")
	temporary := r.accept("TEMPORARY")
	switch {
	case r.accept("TABLE"):
		return temporary, r.createTable(start, temporary)
	case r.accept("DATABASE"), r.accept("SCHEMA"):
		return false, r.createDatabase(start)
	}
	r.acceptAny("ONLINE", "OFFLINE")
	unique := r.accept("UNIQUE")
	if !unique {
		r.acceptAny("FULLTEXT", "SPATIAL", "VECTOR")
	}
	if r.accept("INDEX") {
		return false, r.createIndex(start, unique)
	}
	r.i = start + 1
	return false, r.view(start, CreateTable)
}

// view signals CREATE VIEW and ALTER VIEW as tables that never exist; that is what Debezium
// writes when its filter does not catch the statement (a comment in front is enough).
func (r *reader) view(start int, kind Kind) error {
	r.accept("OR", "REPLACE")
	for {
		switch {
		case r.accept("ALGORITHM"), r.accept("DEFINER"):
			r.acceptMark('=')
			for !r.atStop() && !r.isAny("DEFINER", "SQL", "VIEW", "EVENT", "TRIGGER", "PROCEDURE", "FUNCTION") {
				if err := r.skipPart(); err != nil {
					return err
				}
			}
			continue
		case r.accept("SQL", "SECURITY"):
			r.next()
			continue
		}
		break
	}
	if !r.accept("VIEW") {
		return r.other()
	}
	r.accept("IF", "NOT", "EXISTS")
	id, err := r.tableID()
	if err != nil {
		return err
	}
	if err := r.skipStatement(); err != nil {
		return err
	}
	r.signal(kind, id, nil, r.cut(start+1, r.last()))
	return nil
}

func (r *reader) createTable(start int, temporary bool) error {
	keep := r.accept("IF", "NOT", "EXISTS")
	id, err := r.tableID()
	if err != nil {
		return err
	}
	r.about = &id
	if r.isWord("LIKE") || r.isMark('(') && r.isWordAt(1, "LIKE") {
		return r.createLike(start, id, temporary, keep)
	}
	e := newEdit(id, r.p.opts.IncludeComments)
	if r.isMark('(') && !r.isQueryAt(1) {
		r.next()
		if err := r.elements(e); err != nil {
			return err
		}
	}
	if err := r.tableOptions(e); err != nil {
		return err
	}
	if temporary || keep && r.tables.Get(id) != nil {
		return nil
	}
	if strings.TrimSpace(e.charset) == "" {
		if e.charset = r.p.tableCharset(id); e.charset == "" {
			e.charset = r.st.DatabaseCharset
		}
	}
	r.tables = r.tables.Put(e.table())
	r.touch(id)
	r.signal(CreateTable, id, nil, r.cut(start, r.last()))
	return nil
}

// isQueryAt tells that a query begins there: CREATE TABLE ... SELECT.
func (r *reader) isQueryAt(n int) bool {
	for r.isMarkAt(n, '(') {
		n++
	}
	return r.isWordAt(n, "SELECT") || r.isWordAt(n, "WITH") || r.isWordAt(n, "VALUES") || r.isWordAt(n, "TABLE")
}

func (r *reader) createLike(start int, id schemahistory.TableID, temporary, keep bool) error {
	paren := r.acceptMark('(')
	r.next()
	from, err := r.tableID()
	if err != nil {
		return err
	}
	if paren {
		r.acceptMark(')')
	}
	if err := r.skipStatement(); err != nil {
		return err
	}
	old := r.tables.Get(from)
	if old == nil || temporary || keep && r.tables.Get(id) != nil {
		return nil
	}
	c := *old
	c.ID, c.Comment, c.HasComment = id, "", false
	r.tables = r.tables.Put(&c)
	r.touch(id)
	r.signal(CreateTable, id, nil, r.cut(start, r.last()))
	return nil
}

// elements reads the columns and constraints of CREATE TABLE up to the closing parenthesis.
func (r *reader) elements(e *edit) error {
	for {
		if r.acceptMark(')') {
			return nil
		}
		c, err := r.element(e)
		if err != nil {
			return err
		}
		if c != nil {
			col := schemahistory.Column{Name: c.name, Optional: true}
			primary, unique := c.apply(&col, e.comments, false)
			e.add(col)
			if primary || unique && len(e.pk) == 0 {
				e.pk = []string{c.name}
			}
		}
		if r.acceptMark(',') {
			continue
		}
		if !r.isMark(')') {
			return r.fail("a comma or a closing parenthesis is missing")
		}
	}
}

// element reads one column, or applies one constraint to e.
func (r *reader) element(e *edit) (*column, error) {
	con, err := r.constraint()
	if err != nil {
		return nil, err
	}
	if con != nil {
		con.apply(e)
		return nil, r.skipItem()
	}
	name, err := r.name()
	if err != nil {
		return nil, err
	}
	c, err := r.definition(name)
	if err != nil {
		return nil, err
	}
	return c, r.skipItem()
}

type keyPart struct {
	name string
	expr bool
}

// constraint is a table-level key or anything else that is no column.
type constraint struct {
	primary, unique bool
	parts           []keyPart
}

func (c *constraint) apply(e *edit) {
	switch {
	case c.primary:
		e.primaryKey(c.parts)
	case c.unique:
		e.uniqueKey(c.parts)
	}
}

// constraint reads a table-level constraint or index; nil when a column stands here.
func (r *reader) constraint() (*constraint, error) {
	named := false
	if r.accept("CONSTRAINT") {
		named = true
		r.accept("IF", "NOT", "EXISTS")
		if !r.isAny("PRIMARY", "UNIQUE", "FOREIGN", "CHECK") {
			if _, err := r.name(); err != nil {
				return nil, err
			}
		}
	}
	c := &constraint{}
	switch {
	case r.accept("PRIMARY", "KEY"):
		c.primary = true
	case r.accept("UNIQUE"):
		c.unique = true
		r.acceptAny("KEY", "INDEX")
	case r.isAny("FOREIGN", "CHECK", "INDEX", "KEY", "FULLTEXT", "SPATIAL"),
		r.isWord("VECTOR") && (r.isWordAt(1, "INDEX") || r.isWordAt(1, "KEY")),
		r.isWord("PERIOD") && r.isWordAt(1, "FOR"),
		r.isWord("LIKE"):
		return c, r.skipItem()
	case named:
		return nil, r.fail("a constraint is missing")
	default:
		return nil, nil
	}
	for !r.isMark('(') {
		if r.atStop() || r.isMark(',') || r.isMark(')') {
			return nil, r.fail("the columns of a key are missing")
		}
		r.next()
	}
	var err error
	c.parts, err = r.keyParts()
	return c, err
}

// keyParts reads the columns of a key in parentheses.
func (r *reader) keyParts() ([]keyPart, error) {
	r.next()
	var parts []keyPart
	for {
		if r.isMark('(') {
			parts = append(parts, keyPart{expr: true})
		} else {
			name, err := r.name()
			if err != nil {
				return nil, err
			}
			parts = append(parts, keyPart{name: name})
		}
		if err := r.skipItem(); err != nil {
			return nil, err
		}
		if r.acceptMark(')') {
			return parts, nil
		}
		if !r.acceptMark(',') {
			return nil, r.fail("a comma or a closing parenthesis is missing")
		}
	}
}

// tableOptions reads what follows the columns of CREATE TABLE. Only the character set and the
// comment matter; partitions and queries end it.
func (r *reader) tableOptions(e *edit) error {
	for !r.atStop() {
		switch {
		case r.isAny("PARTITION", "SELECT", "AS", "WITH", "VALUES"), r.isMark('('):
			return r.skipStatement()
		case r.acceptCharset():
			r.acceptMark('=')
			cs, err := r.charsetName()
			if err != nil {
				return err
			}
			if strings.EqualFold(cs, "default") {
				cs = r.p.tableCharset(e.id)
			}
			e.charset = cs
		case r.accept("COMMENT"):
			r.tableComment(e)
		default:
			if err := r.skipPart(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) tableComment(e *edit) {
	r.acceptMark('=')
	if t := r.tok(); t.kind == tokString {
		if e.comments {
			e.comment, e.hasText = unquote(r.raw(t)), true
		}
		r.next()
	}
}

func (r *reader) createIndex(start int, unique bool) error {
	r.accept("IF", "NOT", "EXISTS")
	if _, err := r.name(); err != nil {
		return err
	}
	for !r.isWord("ON") {
		if r.atStop() {
			return r.fail("the table of an index is missing")
		}
		r.next()
	}
	r.next()
	id, err := r.tableID()
	if err != nil {
		return err
	}
	r.about = &id
	if !r.isMark('(') {
		return r.skipStatement()
	}
	parts, err := r.keyParts()
	if err != nil {
		return err
	}
	if err := r.skipStatement(); err != nil {
		return err
	}
	t := r.tables.Get(id)
	if !unique || t == nil || !r.captured(id) {
		return nil
	}
	e := editOf(t, r.p.opts.IncludeComments)
	if !e.uniqueKey(parts) {
		return nil
	}
	r.tables = r.tables.Put(e.table())
	r.touch(id)
	r.signal(createIndex, id, nil, r.cut(start+1, r.last()))
	return nil
}
