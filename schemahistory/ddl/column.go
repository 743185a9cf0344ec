package ddl

import (
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

type attrKind uint8

const (
	attrNull attrKind = iota
	attrNotNull
	attrDefault
	attrAuto // AUTO_INCREMENT, ON UPDATE
	attrSerial
	attrPrimary
	attrUnique
	attrComment
	attrCollate
)

type attr struct {
	kind attrKind
	text string
	// value is set when text is a default; without it, the default is an expression or NULL.
	value, null bool
}

// column is one column definition: the type and the attributes in their order, from which a
// Column is made as Debezium's listeners do it.
type column struct {
	name  string
	typ   *dataType
	attrs []attr
}

// definition reads the type and the attributes of a column, up to FIRST, AFTER, a comma, a
// closing parenthesis or the end.
func (r *reader) definition(name string) (*column, error) {
	t, err := r.dataType()
	if err != nil {
		return nil, err
	}
	c := &column{name: name, typ: t}
	for !r.atStop() && !r.isMark(',') && !r.isMark(')') {
		if err := r.attribute(c); err != nil {
			return nil, err
		}
		if r.isWord("FIRST") || r.isWord("AFTER") {
			break
		}
	}
	return c, nil
}

func (r *reader) attribute(c *column) error {
	add := func(a attr) error {
		c.attrs = append(c.attrs, a)
		return nil
	}
	switch {
	case r.isWord("FIRST"), r.isWord("AFTER"):
		return nil
	case r.accept("NOT", "NULL"):
		return add(attr{kind: attrNotNull})
	case r.accept("NULL"):
		return add(attr{kind: attrNull})
	case r.accept("NOT"): // SECONDARY, ENFORCED
		return r.skipPart()
	case r.accept("DEFAULT"):
		a, err := r.defaultValue()
		if err != nil {
			return err
		}
		return add(a)
	case r.accept("ON", "UPDATE"):
		if err := r.skipPart(); err != nil {
			return err
		}
		if r.isMark('(') {
			if err := r.skipGroup(); err != nil {
				return err
			}
		}
		return add(attr{kind: attrAuto})
	case r.accept("AUTO_INCREMENT"):
		return add(attr{kind: attrAuto})
	case r.accept("SERIAL"):
		r.accept("DEFAULT", "VALUE")
		return add(attr{kind: attrSerial})
	case r.accept("PRIMARY"):
		r.accept("KEY")
		return add(attr{kind: attrPrimary})
	case r.accept("KEY"):
		return add(attr{kind: attrPrimary})
	case r.accept("UNIQUE"):
		r.accept("KEY")
		return add(attr{kind: attrUnique})
	case r.accept("COMMENT"):
		r.acceptMark('=')
		if k := r.tok().kind; k == tokNString {
			s := r.text(r.tok())
			r.next()
			return add(attr{kind: attrComment, text: s})
		} else if k != tokString {
			return r.fail("a comment is missing")
		}
		return add(attr{kind: attrComment, text: unquote(r.strings())})
	case r.accept("COLLATE"):
		r.acceptMark('=')
		t := r.tok()
		if _, err := r.charsetName(); err != nil {
			return err
		}
		if r.isWord("AS") || r.isWord("GENERATED") {
			return nil // Debezium's grammar has no attribute here
		}
		return add(attr{kind: attrCollate, text: r.raw(t)})
	case r.accept("REFERENCES"):
		return r.references()
	case r.isAny("COLUMN_FORMAT", "STORAGE", "SRID", "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"):
		r.next()
		r.acceptMark('=')
		return r.skipPart()
	case r.acceptAny("CHECK"):
		return r.skipPart()
	}
	return r.skipPart()
}

// references skips a foreign key's target, so that its SET NULL is not taken for NULL.
func (r *reader) references() error {
	if _, err := r.tableID(); err != nil {
		return err
	}
	if r.isMark('(') {
		if err := r.skipGroup(); err != nil {
			return err
		}
	}
	for {
		switch {
		case r.isWord("MATCH"):
			r.next()
			r.next()
		case r.isWord("ON") && (r.isWordAt(1, "DELETE") || r.isWordAt(1, "UPDATE") && r.isAction(2)):
			r.next()
			r.next()
			if r.acceptAny("SET", "NO") {
				r.next()
			} else {
				r.acceptAny("RESTRICT", "CASCADE")
			}
		default:
			return nil
		}
	}
}

// isAction tells a foreign key's ON UPDATE from that of a timestamp.
func (r *reader) isAction(n int) bool {
	return r.isWordAt(n, "RESTRICT") || r.isWordAt(n, "CASCADE") || r.isWordAt(n, "SET") || r.isWordAt(n, "NO")
}

// charsets that may introduce a literal, with their underscore.
var introducers = func() map[string]bool {
	m := map[string]bool{}
	for _, cs := range strings.Fields(`armscii8 ascii big5 binary cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 cp932 dec8
		eucjpms euckr gb2312 gbk gb18030 geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce
		macroman sjis swe7 tis620 ucs2 ujis utf16 utf16le utf32 utf8 utf8mb3 utf8mb4`) {
		m["_"+cs] = true
	}
	return m
}()

// epoch is what Debezium stores for CURRENT_TIMESTAMP (DM-170).
const epoch = "1970-01-01 00:00:00"

// defaultValue reads what follows DEFAULT. Literals stay as they were written, without their
// quotes; Debezium cuts the last digit off 0x41 and 0b01, and so do we (DM-501).
func (r *reader) defaultValue() (attr, error) {
	a := attr{kind: attrDefault}
	introduced := false
	if t := r.tok(); t.kind == tokWord && introducers[strings.ToLower(r.text(t))] {
		switch r.peek(1).kind {
		case tokString, tokHex, tokBin:
			introduced = true
			r.next()
		}
	}
	t := r.tok()
	s := r.text(t)
	switch {
	case r.isMark('('):
		return a, r.skipGroup()
	case r.isMark('-'), r.isMark('+'):
		r.next()
		if r.tok().kind != tokNumber && r.tok().kind != tokHex {
			return a, r.fail("a number is missing")
		}
		a.text, a.value = s+r.text(r.tok()), true
		r.next()
		return a, nil
	case t.kind == tokString:
		joined := r.strings()
		a.text, a.value = unquote(joined), true
		return a, nil
	case t.kind == tokNString:
		r.next()
		for r.tok().kind == tokString {
			s += r.raw(r.tok())
			r.next()
		}
		a.text, a.value = s, true
		return a, nil
	case t.kind == tokHex, t.kind == tokBin:
		r.next()
		if len(s) > 2 {
			s = s[2 : len(s)-1]
		}
		a.text, a.value = s, true
		return a, nil
	case t.kind == tokNumber, r.isAny("TRUE", "FALSE"):
		r.next()
		a.text, a.value = s, true
		return a, nil
	case r.accept("NULL"):
		a.null = true
		return a, nil
	case r.isAny("DATE", "TIME", "TIMESTAMP") && r.peek(1).kind == tokString:
		r.next()
		a.text, a.value = s+r.raw(r.tok()), true
		r.next()
		return a, nil
	case r.acceptAny("CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"):
		a.text, a.value = epoch, true
		if r.isMark('(') {
			return a, r.skipGroup()
		}
		return a, nil
	case t.kind == tokWord && !introduced: // MariaDB: an expression without parentheses
		r.next()
		for r.isMark('.') || r.isMark('(') {
			if err := r.skipPart(); err != nil {
				return a, err
			}
			if r.tok().kind == tokWord && r.src[r.toks[r.i-1].start] == '.' {
				r.next()
			}
		}
		return a, nil
	}
	return a, r.fail("a default value is missing")
}

// builder makes a Column in the way of Debezium's ColumnDefinitionParserListener.
type builder struct {
	c        *schemahistory.Column
	optional *bool
	primary  bool
	unique   bool
	comments bool
}

// apply changes c as the definition says. For CHANGE, c is the old column; many of its
// attributes survive, which Debezium does, too. listed is the form ADD (a ..., b ...), in which
// Debezium looks only at NULL and DEFAULT.
func (def *column) apply(c *schemahistory.Column, comments, listed bool) (primary, unique bool) {
	b := &builder{c: c, comments: comments}
	b.setType(def.typ)
	for i := range def.attrs {
		b.attr(&def.attrs[i], listed)
	}
	b.setOptional(b.optional == nil || *b.optional)
	return b.primary, b.unique
}

// setOptional gives an optional column without a default the default NULL.
func (b *builder) setOptional(v bool) {
	b.c.Optional = v
	if v && !b.c.HasDefault {
		b.c.HasDefault, b.c.Default = true, nil
	}
}

func (b *builder) setType(t *dataType) {
	c := b.c
	c.JDBCType, c.TypeName, c.TypeExpression = t.jdbc, t.name, t.name
	c.Length, c.CharsetName = t.length, t.charset
	if t.scale != nil {
		c.Scale = t.scale
	}
	if t.enum != nil {
		c.EnumValues = t.enum
	}
	if t.serial {
		b.serial()
	}
}

func (b *builder) serial() {
	if b.optional == nil {
		b.optional = ptr(false)
	}
	b.unique = true
	b.c.AutoIncremented, b.c.Generated = true, true
}

func (b *builder) attr(a *attr, listed bool) {
	switch a.kind {
	case attrNull:
		b.optional = ptr(true)
	case attrNotNull:
		b.optional = ptr(false)
	case attrDefault:
		if !a.null {
			b.c.HasDefault, b.c.Default = true, nil
			if a.value {
				b.c.Default = &a.text
			}
		}
		if b.optional != nil {
			b.setOptional(*b.optional)
		}
	}
	if listed {
		return
	}
	switch a.kind {
	case attrAuto:
		b.c.AutoIncremented, b.c.Generated = true, true
	case attrSerial:
		b.serial()
	case attrPrimary:
		b.optional = ptr(false)
		b.primary = true
	case attrUnique:
		b.unique = true
	case attrComment:
		if b.comments {
			b.c.Comment, b.c.HasComment = a.text, true
		}
	case attrCollate:
		if i := strings.IndexByte(a.text, '_'); i > 0 && b.c.CharsetName == "" {
			b.c.CharsetName = a.text[:i]
		}
	}
}

// takesCharset tells which columns get the table's character set.
func takesCharset(jdbc int) bool {
	return jdbc == jdbcChar || jdbc == jdbcVarchar || jdbc == jdbcNchar || jdbc == jdbcNvarchar
}

func fillCharset(c *schemahistory.Column, table string) {
	if takesCharset(c.JDBCType) && (c.CharsetName == "" || strings.EqualFold(c.CharsetName, "DEFAULT")) {
		c.CharsetName = table
	}
}
