package column

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
)

// Table is the plan of one table version. It is immutable after NewTable and safe for
// concurrent use; the schemas' pointers live as long as the plan, so whoever caches by schema
// pointer keeps one Table per version.
type Table struct {
	ID schemahistory.TableID
	// Key is the schema of the key, named <topic>.Key; nil if the table has none (DM-16).
	Key *records.Schema
	// Row is the schema of before and after: an optional STRUCT named <topic>.Value (DM-11).
	Row *records.Schema
	// KeyFields are the slots of the key's members, in key order. A slot below len(Row.Fields) is
	// a field of the row; the others are key columns that a column filter keeps out of the row,
	// which Row and TextRow put behind the row's fields (see KeyOf).
	KeyFields []int

	columns []plan // one for every column of the table, in wire order
	text    []int  // indexes into columns, in the order of SelectList
	slots   int    // values that a row takes in the slab
	mode    modes
}

// plan is one column of the table.
type plan struct {
	name     string
	spelled  string
	kind     kind
	unsigned bool
	float    bool // FLOAT in the definition, whatever the field's type
	optional bool
	length   int // -1 = none
	scale    int
	pad      int // BINARY(n): bytes to fill up to
	slot     int // where the value goes, -1 = nowhere
	schema   *records.Schema
	charset  *charset
	options  []string // ENUM and SET
	fill     filler   // stands for null in a NOT NULL column (DM-21)
	absent   filler   // stands for a value that a MINIMAL or NOBLOB image leaves out
	deflt    filler   // the literal default, else null or zero
	zero     filler   // the type's fallback
}

// NewTable plans a table version. topic names the schemas (DM-11). include says which columns
// the row has; nil means all. keyColumns overrides the primary key (message.key.columns, DM-17);
// nil means the table's own key. A column whose type nobody can convert is left out with a warning (DM-20).
func NewTable(t *schemahistory.Table, topic string, o Options, include func(column string) bool, keyColumns []string) (*Table, error) {
	m, err := o.modes()
	if err != nil {
		return nil, err
	}
	schemaName, fieldName := o.SchemaName, o.FieldName
	if schemaName == nil {
		schemaName = func(s string) string { return s }
	}
	if fieldName == nil {
		fieldName = func(s string) string { return s }
	}
	p := &Table{ID: t.ID, mode: m}
	p.columns = make([]plan, len(t.Columns))
	row := &records.Schema{Type: records.Struct, Optional: true, Name: schemaName(topic + ".Value")}
	for i := range t.Columns {
		c := &t.Columns[i]
		pl, err := p.plan(t, c, &o)
		if err != nil {
			return nil, &Error{Table: t.ID.String(), Column: c.Name, Cause: err}
		}
		p.columns[i] = pl
		if pl.schema == nil {
			m.warn("column of unknown type is left out of the events", "table", t.ID.String(), "column", c.Name, "type", pl.spelled)
			continue
		}
		if include != nil && !include(c.Name) {
			continue
		}
		name := fieldName(c.Name)
		if row.FieldIndex(name) >= 0 {
			return nil, &Error{Table: t.ID.String(), Column: c.Name,
				Cause: fmt.Errorf("two columns have the adjusted field name %q", name), Hint: "see field.name.adjustment.mode"}
		}
		p.columns[i].slot = len(row.Fields)
		row.Fields = append(row.Fields, records.Field{Name: name, Schema: pl.schema})
	}
	p.Row, p.slots = row, len(row.Fields)
	if err := p.planKey(t, schemaName(topic+".Key"), fieldName, keyColumns); err != nil {
		return nil, err
	}
	for i := range p.columns {
		if p.columns[i].slot >= 0 {
			p.text = append(p.text, i)
		}
	}
	if len(p.text) == 0 && len(p.columns) > 0 {
		// Every column is filtered out: the rows are still counted, so something must be selected.
		p.text = append(p.text, 0)
	}
	return p, nil
}

// planKey makes the key schema and gives slots to key columns outside the row.
func (t *Table) planKey(src *schemahistory.Table, name string, fieldName func(string) string, keyColumns []string) error {
	if keyColumns == nil {
		keyColumns = src.PrimaryKey
	}
	if len(keyColumns) == 0 {
		return nil
	}
	key := &records.Schema{Type: records.Struct, Name: name}
	for _, want := range keyColumns {
		i := 0
		for i < len(t.columns) && !strings.EqualFold(t.columns[i].name, want) {
			i++
		}
		if i == len(t.columns) {
			return &Error{Table: t.ID.String(), Column: want, Cause: errors.New("key column is not in the table"),
				Hint: "check message.key.columns, or the schema history is out of date: snapshot.mode=recovery rebuilds it"}
		}
		pl := &t.columns[i]
		if pl.schema == nil {
			continue
		}
		if pl.slot < 0 {
			pl.slot = t.slots
			t.slots++
		}
		key.Fields = append(key.Fields, records.Field{Name: fieldName(pl.name), Schema: pl.schema})
		t.KeyFields = append(t.KeyFields, pl.slot)
	}
	if len(key.Fields) > 0 {
		t.Key = key
	}
	return nil
}

func (t *Table) plan(src *schemahistory.Table, c *schemahistory.Column, o *Options) (plan, error) {
	pl := plan{name: c.Name, spelled: spelling(c), optional: c.Optional, length: length(c), scale: scale(c), slot: -1}
	pl.kind, pl.unsigned = classify(c)
	pl.float = c.JDBCType == jdbcFloat && (c.Scale != nil || pl.length <= 24)
	switch pl.kind {
	case kindBinary:
		if c.JDBCType == jdbcBinary {
			pl.pad = pl.length
		}
	case kindEnum, kindSet:
		pl.options = enumOptions(c.EnumValues)
	case kindText:
		name := c.CharsetName
		if name == "" || strings.EqualFold(name, "default") {
			name = src.DefaultCharset
		}
		if name == "" || strings.EqualFold(name, "default") {
			name = o.ServerCharset
		}
		pl.charset = charsetOf(name)
		if pl.charset == nil {
			if name != "" {
				t.mode.warn("unknown character set is decoded as UTF-8", "table", t.ID.String(), "column", c.Name, "charset", name)
			}
			pl.charset = charsetOf("utf8mb4")
		}
	}
	s := t.fieldSchema(&pl)
	if s == nil {
		return pl, nil
	}
	s.Optional = s.Optional || c.Optional
	if o.IncludeComments && c.HasComment {
		s.Doc = c.Comment
	}
	if c.HasDefault && c.Default != nil {
		d, err := t.mode.parseDefault(&pl, *c.Default)
		switch {
		case err == nil:
			s.Default = d
		case t.mode.failure == failStop:
			return pl, fmt.Errorf("default value: %w", err)
		case t.mode.failure == failWarn:
			t.mode.warn("default value cannot be converted and is left out", "table", t.ID.String(), "column", c.Name, "type", pl.spelled, "err", err)
		}
	}
	pl.schema = s
	t.planFillers(&pl)
	return pl, nil
}

// SelectList is the column list of the snapshot's SELECT: every column that a row or a key
// needs, quoted, in table order. TextRow takes the cells in the same order.
func (t *Table) SelectList() string {
	var sb strings.Builder
	for n, i := range t.text {
		if n > 0 {
			sb.WriteString(", ")
		}
		sb.WriteByte('`')
		sb.WriteString(strings.ReplaceAll(t.columns[i].name, "`", "``"))
		sb.WriteByte('`')
	}
	return sb.String()
}

// Columns is the number of columns that SelectList names and TextRow expects.
func (t *Table) Columns() int { return len(t.text) }

func itoa(i int) string { return strconv.Itoa(i) }
