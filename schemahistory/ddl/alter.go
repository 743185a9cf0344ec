package ddl

import (
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

type opKind uint8

const (
	opAdd opKind = iota
	opModify
	opChange
	opRenameColumn
	opDrop
	opKey
	opDropPrimary
	opDefault
	opConvert
	opRenameTable
	opComment
)

// op is one step of ALTER TABLE.
type op struct {
	kind     opKind
	name     string // the column as it is before
	newName  string
	def      *column
	listed   bool // in ADD (a ..., b ...)
	tolerant bool // IF EXISTS, IF NOT EXISTS
	place    bool
	after    string // "" with place means FIRST
	key      *constraint
	value    *attr // SET DEFAULT; nil drops it
	charset  string
	table    schemahistory.TableID
	comment  string
	offset   int // token of the column's name, for errors
}

func (r *reader) alter(start int) error {
	r.acceptAny("ONLINE", "OFFLINE")
	r.accept("IGNORE")
	switch {
	case r.accept("TABLE"):
		return r.alterTable(start)
	case r.accept("DATABASE"), r.accept("SCHEMA"):
		return r.alterDatabase()
	}
	r.i = start + 1
	return r.view(start, AlterTable)
}

func (r *reader) alterTable(start int) error {
	r.accept("IF", "EXISTS")
	id, err := r.tableID()
	if err != nil {
		return err
	}
	r.about = &id
	if r.accept("WAIT") {
		r.next()
	}
	r.accept("NOWAIT")
	t := r.tables.Get(id)
	ops, err := r.alterOps()
	if err != nil {
		return err
	}
	if t == nil {
		// Debezium stores the text only; rows of the table are its reader's concern.
		for i := range ops {
			if ops[i].kind == opRenameTable {
				r.tables = r.tables.Remove(ops[i].table)
				r.touch(ops[i].table)
			}
		}
		return nil
	}
	e, perr := r.applyOps(t, ops)
	if perr != nil {
		return perr
	}
	r.tables = r.tables.Remove(id)
	r.touch(id)
	if e.id != id {
		r.touch(e.id)
	}
	r.tables = r.tables.Put(e.table())
	r.signal(AlterTable, e.id, nil, r.cut(start, r.last()))
	return nil
}

// alterOps reads the comma-separated steps up to the end of the statement.
func (r *reader) alterOps() ([]op, error) {
	var ops []op
	for !r.atStop() {
		if err := r.alterOp(&ops); err != nil {
			return nil, err
		}
		if err := r.skipItem(); err != nil {
			return nil, err
		}
		if r.isMark(')') {
			return nil, r.fail("a parenthesis is not open")
		}
		r.acceptMark(',')
	}
	return ops, nil
}

func (r *reader) alterOp(ops *[]op) error {
	switch {
	case r.accept("ADD"):
		return r.alterAdd(ops)
	case r.accept("DROP"):
		return r.alterDrop(ops)
	case r.accept("MODIFY"):
		return r.alterModify(ops)
	case r.accept("CHANGE"):
		return r.alterChange(ops)
	case r.accept("ALTER"):
		return r.alterDefault(ops)
	case r.accept("RENAME"):
		return r.alterRename(ops)
	case r.accept("CONVERT", "TO"):
		if !r.acceptCharset() {
			return nil
		}
		if r.accept("DEFAULT") {
			return nil // Debezium makes nothing of it
		}
		cs, err := r.charsetName()
		*ops = append(*ops, op{kind: opConvert, charset: cs})
		return err
	case r.accept("ORDER", "BY"):
		return r.orderBy()
	case r.isWord("PARTITION"), r.isAny("REMOVE", "REBUILD", "OPTIMIZE", "ANALYZE", "CHECK", "REPAIR", "COALESCE",
		"TRUNCATE", "REORGANIZE", "EXCHANGE", "DISCARD", "IMPORT"):
		return r.skipStatement()
	}
	return r.alterOptions(ops)
}

// alterOptions reads table options, which need no commas between them. The character set is
// the default for columns to come; Debezium does not note it (DM-502).
func (r *reader) alterOptions(ops *[]op) error {
	for !r.atStop() && !r.isMark(',') && !r.isMark(')') {
		switch {
		case r.accept("COMMENT"):
			r.acceptMark('=')
			if t := r.tok(); t.kind == tokString {
				*ops = append(*ops, op{kind: opComment, comment: unquote(r.raw(t))})
				r.next()
			}
		case r.accept("PARTITION", "BY"), r.accept("REMOVE", "PARTITIONING"):
			return r.skipStatement()
		default:
			if err := r.skipPart(); err != nil {
				return err
			}
		}
	}
	return nil
}

// orderBy skips a list of columns whose commas do not end the step.
func (r *reader) orderBy() error {
	for {
		if _, err := r.name(); err != nil {
			return err
		}
		for r.acceptMark('.') {
			r.next()
		}
		r.acceptAny("ASC", "DESC")
		t := r.peek(1)
		if !r.isMark(',') || t.kind != tokWord && t.kind != tokQuoted {
			return nil
		}
		if !(r.isMarkAt(2, ',') || r.isMarkAt(2, ';') || r.isMarkAt(2, '.') || r.isWordAt(2, "ASC") || r.isWordAt(2, "DESC") || r.peek(2).kind == tokEnd) {
			return nil
		}
		r.next()
	}
}

func (r *reader) alterAdd(ops *[]op) error {
	if r.isWord("PARTITION") {
		return r.skipStatement()
	}
	if r.isWord("SYSTEM") && r.isWordAt(1, "VERSIONING") || r.isWord("PERIOD") && r.isWordAt(1, "FOR") {
		return nil
	}
	if !r.accept("COLUMN") {
		con, err := r.constraint()
		if err != nil {
			return err
		}
		if con != nil {
			*ops = append(*ops, op{kind: opKey, key: con})
			return nil
		}
	}
	tolerant := r.accept("IF", "NOT", "EXISTS")
	if r.acceptMark('(') {
		return r.addList(ops, tolerant)
	}
	o := op{kind: opAdd, tolerant: tolerant}
	var err error
	if o.name, err = r.name(); err != nil {
		return err
	}
	if o.def, err = r.definition(o.name); err != nil {
		return err
	}
	err = r.place(&o)
	*ops = append(*ops, o)
	return err
}

// addList reads ADD (a ..., b ..., KEY ...). Debezium looks at the keys before the columns.
func (r *reader) addList(ops *[]op, tolerant bool) error {
	var cols []op
	for {
		con, err := r.constraint()
		if err != nil {
			return err
		}
		if con != nil {
			*ops = append(*ops, op{kind: opKey, key: con})
		} else {
			o := op{kind: opAdd, listed: true, tolerant: tolerant}
			if o.name, err = r.name(); err != nil {
				return err
			}
			if o.def, err = r.definition(o.name); err != nil {
				return err
			}
			cols = append(cols, o)
		}
		if err := r.skipItem(); err != nil {
			return err
		}
		if r.acceptMark(')') {
			*ops = append(*ops, cols...)
			return nil
		}
		if !r.acceptMark(',') {
			return r.fail("a comma or a closing parenthesis is missing")
		}
	}
}

func (r *reader) place(o *op) error {
	switch {
	case r.accept("FIRST"):
		o.place = true
	case r.accept("AFTER"):
		o.place = true
		var err error
		o.after, err = r.name()
		return err
	}
	return nil
}

func (r *reader) alterDrop(ops *[]op) error {
	switch {
	case r.isWord("PARTITION"):
		return r.skipStatement()
	case r.accept("PRIMARY", "KEY"):
		*ops = append(*ops, op{kind: opDropPrimary})
		return nil
	case r.isAny("INDEX", "KEY", "FOREIGN", "CHECK", "CONSTRAINT"),
		r.isWord("PERIOD") && r.isWordAt(1, "FOR"), r.isWord("SYSTEM") && r.isWordAt(1, "VERSIONING"):
		return nil
	}
	r.accept("COLUMN")
	r.accept("IF", "EXISTS")
	name, err := r.name()
	*ops = append(*ops, op{kind: opDrop, name: name})
	return err
}

func (r *reader) alterModify(ops *[]op) error {
	r.accept("COLUMN")
	o := op{kind: opModify, tolerant: r.accept("IF", "EXISTS"), offset: r.i}
	var err error
	if o.name, err = r.name(); err != nil {
		return err
	}
	o.newName = o.name
	if o.def, err = r.definition(o.name); err != nil {
		return err
	}
	err = r.place(&o)
	*ops = append(*ops, o)
	return err
}

func (r *reader) alterChange(ops *[]op) error {
	r.accept("COLUMN")
	o := op{kind: opChange, tolerant: r.accept("IF", "EXISTS"), offset: r.i}
	var err error
	if o.name, err = r.name(); err != nil {
		return err
	}
	if o.newName, err = r.name(); err != nil {
		return err
	}
	if o.def, err = r.definition(o.newName); err != nil {
		return err
	}
	err = r.place(&o)
	*ops = append(*ops, o)
	return err
}

// alterDefault reads ALTER [COLUMN] c SET DEFAULT v, DROP DEFAULT, and skips the same for
// indexes and constraints.
func (r *reader) alterDefault(ops *[]op) error {
	if !r.accept("COLUMN") && r.isAny("INDEX", "KEY", "CHECK", "CONSTRAINT") {
		return nil
	}
	tolerant := r.accept("IF", "EXISTS")
	o := op{kind: opDefault, tolerant: tolerant, offset: r.i}
	var err error
	if o.name, err = r.name(); err != nil {
		return err
	}
	switch {
	case r.accept("DROP", "DEFAULT"):
	case r.accept("SET", "DEFAULT"):
		first := r.tok()
		a, err := r.defaultValue()
		if err != nil {
			return err
		}
		o.value = r.setDefault(a, first)
	default:
		return nil
	}
	*ops = append(*ops, o)
	return nil
}

// setDefault repeats what Debezium makes of a literal in SET DEFAULT, which is less than in a
// column definition: an introducer stays in the text, and NULL and hexadecimal literals
// become the text null.
func (r *reader) setDefault(a attr, first token) *attr {
	intro := ""
	if s := r.text(first); first.kind == tokWord && introducers[strings.ToLower(s)] {
		intro = s
	}
	switch last := r.toks[r.last()].kind; {
	case a.null, first.kind != tokMark && (last == tokHex || last == tokBin):
		return &attr{kind: attrDefault, text: "null", value: true}
	case intro != "" && last == tokString:
		n := r.last()
		for r.toks[n-1].kind == tokString {
			n--
		}
		for ; n <= r.last(); n++ {
			intro += r.raw(r.toks[n])
		}
		return &attr{kind: attrDefault, text: intro, value: true}
	}
	return &a
}

func (r *reader) alterRename(ops *[]op) error {
	switch {
	case r.accept("COLUMN"):
		o := op{kind: opRenameColumn, tolerant: r.accept("IF", "EXISTS"), offset: r.i}
		var err error
		if o.name, err = r.name(); err != nil {
			return err
		}
		if !r.accept("TO") {
			return r.fail("TO is missing")
		}
		o.newName, err = r.name()
		*ops = append(*ops, o)
		return err
	case r.isAny("INDEX", "KEY"):
		return nil
	}
	if !r.acceptAny("TO", "AS") {
		r.acceptMark('=')
	}
	id, err := r.tableID()
	*ops = append(*ops, op{kind: opRenameTable, table: id})
	return err
}
