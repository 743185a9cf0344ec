package jdbc

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// origin is where a column's values come from.
type origin uint8

const (
	fromValue     origin = iota // member idx of the value struct
	fromKey                     // member idx of the key struct
	fromWholeKey                // a primitive key
	fromConst                   // the same for all rows (the topic)
	fromPartition               // SJ-066, pk.mode=kafka
	fromOffset
	fromHeader // by name
)

// column is one column of a layout.
type column struct {
	field
	from     origin
	idx      int
	column   string // name in the database
	target   tableColumn
	constant *records.Batch // holds def
	def      records.Value  // the constant, or what a null is written as (SJ-051)
}

// value returns a row's value and the batch that holds its bytes. It does not allocate.
func (c *column) value(r *row) (*records.Batch, records.Value) {
	var v records.Value
	switch c.from {
	case fromValue:
		v = r.b.Vals[int(r.val)+c.idx]
	case fromKey:
		v = r.b.Vals[int(r.key)+c.idx]
	case fromWholeKey:
		v = r.b.Records[r.rec].Key
	case fromPartition:
		return r.b, records.Int32Value(r.b.Origin.Partition)
	case fromOffset:
		return r.b, records.Int64Value(r.b.Records[r.rec].Offset)
	case fromHeader:
		for _, h := range r.b.RecordHeaders(&r.b.Records[r.rec]) {
			if h.Key == c.name {
				v = h.Value
			}
		}
	}
	if v.Kind == records.KindNull && c.constant != nil {
		return c.constant, c.def
	}
	return r.b, v
}

// layout is a list of columns of one table that rows are written to or, with delete set,
// deleted by. Layouts are interned by their text, so that equal schemas with different
// pointers share one and their rows one statement.
type layout struct {
	table  *table
	delete bool
	cols   []column // key columns first
	keys   int      // how many of cols are key columns
	ddl    []int    // order of cols in CREATE TABLE (SJ-067)
	bound  any      // what the session's bind made
	ints   bool     // no key column is a text
}

// signature is equal for layouts that can share statements and rows.
func (l *layout) signature() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s|%t|%d", l.table.id, l.delete, l.keys)
	for i := range l.cols {
		c := &l.cols[i]
		fmt.Fprintf(&b, "|%q %d.%d k%d s%d d%d l%d f%d t%s v%d.%d.%d.%d.%d.%d", c.name, c.from, c.idx, c.kind, c.scale, c.digits,
			c.length, c.decimals, c.source, c.wkb, c.srid, c.x, c.y, c.unscaled, c.scaleAt)
		if c.kind == kindArray {
			fmt.Fprintf(&b, " e%d", c.schema.Elem.Type)
		}
		if c.constant != nil {
			if c.def.Kind == records.KindString || c.def.Kind == records.KindBytes {
				fmt.Fprintf(&b, " =%q", c.constant.Raw(c.def))
			} else {
				fmt.Fprintf(&b, " =%d", c.def.Num)
			}
		}
	}
	return b.String()
}

// row refers to one record that is to be written.
type row struct {
	b          *records.Batch
	rec        int32
	remove     bool
	superseded bool // a later row of the same group has its key
	val, key   uint32
	keyOff     uint32 // its encoded key in group.keys
	keyLen     uint32
	prefix     uint64 // first bytes of the encoded key, for sorting
}

// rowSet is a selection of rows, in the order in which they are to be written.
type rowSet struct {
	rows  []row
	order []int32
}

func (s rowSet) len() int              { return len(s.order) }
func (s rowSet) at(i int) *row         { return &s.rows[s.order[i]] }
func (s rowSet) cut(lo, hi int) rowSet { return rowSet{s.rows, s.order[lo:hi]} }
