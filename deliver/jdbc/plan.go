package jdbc

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// shape is the form of a record's value.
type shape uint8

const (
	shapeNone         shape = iota // no value schema: tombstones only
	shapeFlat                      // the value is the row
	shapeEnvelope                  // Debezium's change event (SJ-140)
	shapeSchemaChange              // skipped (SJ-141)
)

// Debezium's envelope (io.debezium.data.Envelope).
const (
	envelopeSuffix = ".Envelope"
	schemaChange   = "SchemaChangeValue"
	fieldBefore    = "before"
	fieldAfter     = "after"
	fieldSource    = "source"
	fieldOp        = "op"
)

// Names of the key columns of pk.mode=kafka (SJ-066).
var kafkaColumns = []string{"__connect_topic", "__connect_partition", "__connect_offset"}

// plan says how records of one topic under one pair of schemas become rows.
type plan struct {
	topic      string
	key, value *records.Schema
	shape      shape
	op         int // positions in the envelope
	before     int
	after      int
	source     int
	static     *target            // the table, when it depends on the topic alone
	bySource   map[string]*target // else by its resolved name
}

// target is one table of a plan with the layouts that its records need, made on demand.
type target struct {
	table    *table
	put, del *layout
	// headers of the record that the key columns were taken from (record_header).
}

func (c *config) shapeOf(p *plan) {
	s := p.value
	if s == nil {
		return
	}
	p.shape = shapeFlat
	if c.family != debezium || s.Type != records.Struct {
		return
	}
	if strings.Contains(s.Name, schemaChange) {
		p.shape = shapeSchemaChange
		return
	}
	op, after := s.FieldIndex(fieldOp), s.FieldIndex(fieldAfter)
	named := strings.HasSuffix(s.Name, envelopeSuffix)
	if op >= 0 && after >= 0 && (named || s.Name == "") {
		p.shape = shapeEnvelope
		p.op, p.after = op, after
		p.before, p.source = s.FieldIndex(fieldBefore), s.FieldIndex(fieldSource)
	}
}

// keyColumns makes the key columns of a record's rows. payload is the struct that holds the
// value's fields: the flat value, after, or before for deletes; nil for tombstones.
func (w *writer) keyColumns(p *plan, payload *records.Schema, b *records.Batch, rec int) ([]column, *recordError) {
	c := w.config
	var cols []column
	fail := func(hint, format string, args ...any) ([]column, *recordError) {
		return nil, recordErr(b, rec, hint, format, args...)
	}
	switch c.pk {
	case pkKafka:
		names := kafkaColumns
		if c.family == confluent && len(c.pkFields) == 3 {
			names = c.pkFields
		}
		types := []records.Type{records.String, records.Int32, records.Int64}
		from := []origin{fromConst, fromPartition, fromOffset}
		for i, name := range names {
			col := column{field: newField(c.family, name, &records.Schema{Type: types[i]}, true), from: from[i]}
			if i == 0 {
				col.constant = records.NewBatch(records.Origin{Table: "constant"})
				col.def = col.constant.AddString(p.topic)
			}
			cols = append(cols, col)
		}
	case pkKey:
		s := p.key
		if s == nil {
			return fail("set "+c.pkKey+" to record_value or none, or give the records a key with a schema",
				"%s=record_key needs a record key with a schema", c.pkKey)
		}
		if s.Type != records.Struct {
			if len(c.pkFields) != 1 {
				return fail("set "+c.pkField+" to the name of the key column",
					"the record key is a %s, so %s must name exactly one column", s.Type, c.pkField)
			}
			cols = append(cols, column{field: newField(c.family, c.pkFields[0], s, true), from: fromWholeKey})
			break
		}
		for i := range s.Fields {
			if len(c.pkFields) > 0 && !slices.Contains(c.pkFields, s.Fields[i].Name) {
				continue
			}
			cols = append(cols, column{field: newField(c.family, s.Fields[i].Name, s.Fields[i].Schema, true), from: fromKey, idx: i})
		}
		for _, name := range c.pkFields {
			if s.FieldIndex(name) < 0 {
				return fail("", "%s names %s, which the record key does not have", c.pkField, name)
			}
		}
	case pkValue:
		if payload == nil {
			return fail("", "%s=record_value needs a record value", c.pkKey)
		}
		for i := range payload.Fields {
			if len(c.pkFields) > 0 && !slices.Contains(c.pkFields, payload.Fields[i].Name) {
				continue
			}
			cols = append(cols, column{field: newField(c.family, payload.Fields[i].Name, payload.Fields[i].Schema, true), from: fromValue, idx: i})
		}
		for _, name := range c.pkFields {
			if payload.FieldIndex(name) < 0 {
				return fail("", "%s names %s, which the record value does not have", c.pkField, name)
			}
		}
	case pkHeader:
		for _, h := range b.RecordHeaders(&b.Records[rec]) {
			if len(c.pkFields) > 0 && !slices.Contains(c.pkFields, h.Key) {
				continue
			}
			s := h.Schema
			if s == nil {
				return fail("", "header %s has no schema, so no key column can be made of it", h.Key)
			}
			cols = append(cols, column{field: newField(c.family, h.Key, s, true), from: fromHeader})
		}
		if len(cols) == 0 {
			return fail("", "%s=record_header needs record headers", c.pkKey)
		}
	}
	if len(cols) == 0 && c.pk != pkNone {
		return fail("", "the record has no key fields for %s=%s", c.pkKey, c.pk)
	}
	for i := range cols {
		if cols[i].kind == kindNone || cols[i].kind == kindArray {
			return fail("", "key field %s has type %s, which has no column form", cols[i].name, cols[i].schema.Type)
		}
	}
	return cols, nil
}

// putLayout makes the columns that insert, upsert and update write.
func (w *writer) putLayout(ctx context.Context, p *plan, t *table, payload *records.Schema, b *records.Batch, rec int) (*layout, error) {
	c := w.config
	keys, rerr := w.keyColumns(p, payload, b, rec)
	if rerr != nil {
		return nil, rerr
	}
	l := &layout{table: t, keys: len(keys), cols: keys}
	for i := range payload.Fields {
		pf := &payload.Fields[i]
		if slices.ContainsFunc(keys, func(k column) bool { return k.name == pf.Name }) || !c.writes(p.topic, pf.Name) {
			continue
		}
		col := column{field: newField(c.family, pf.Name, pf.Schema, false), from: fromValue, idx: i}
		if col.kind == kindInt64 && c.stampFields[pf.Name] {
			col.kind = kindInstantMicro
			if c.stampNanos {
				col.kind = kindInstantNano
			}
		}
		if col.kind == kindNone {
			hint := "drop the field with ReplaceField, or flatten it"
			if c.family == confluent && (pf.Name == fieldBefore || pf.Name == fieldAfter || pf.Name == fieldSource) {
				hint = "put the transform ExtractNewRecordState in front, or use " + DebeziumClass
			}
			return nil, recordErr(b, rec, hint, "field %s has type %s, which has no column form", pf.Name, describeType(pf.Schema))
		}
		if c.nullToDefault && pf.Schema.Optional && pf.Schema.Default != nil {
			col.constant = records.NewBatch(records.Origin{Table: "default"})
			col.def = col.constant.DefaultValue(pf.Schema)
		}
		l.cols = append(l.cols, col)
	}
	if len(l.cols) == 0 {
		return nil, recordErr(b, rec, "check the field filters and "+c.pkKey, "no column is left to write")
	}
	l.ddl = ddlOrder(c, l.cols, keys, payload)
	if err := w.settle(ctx, l, true); err != nil {
		return nil, err
	}
	l.cols = slices.DeleteFunc(l.cols, func(c column) bool {
		if c.target.generated && !c.key {
			w.warnOnce("the table computes the column itself, so its values are not written: "+c.column, p.topic)
			return true
		}
		return false
	})
	return w.intern(l)
}

// delLayout makes the key columns by which rows are deleted.
func (w *writer) delLayout(ctx context.Context, p *plan, t *table, payload *records.Schema, b *records.Batch, rec int) (*layout, error) {
	keys, rerr := w.keyColumns(p, payload, b, rec)
	if rerr != nil {
		return nil, rerr
	}
	l := &layout{table: t, keys: len(keys), cols: keys, delete: true}
	if err := w.settle(ctx, l, false); err != nil {
		return nil, err
	}
	return w.intern(l)
}

// intern returns the layout that is already known under l's signature, or binds l.
func (w *writer) intern(l *layout) (*layout, error) {
	sig := l.signature()
	if known, ok := w.layouts[sig]; ok && known.table == l.table {
		return known, nil
	}
	l.ints = !slices.ContainsFunc(l.cols[:l.keys], func(c column) bool { return c.kind == kindString || c.kind.isText() || c.kind == kindBytes })
	if err := w.session.bind(l); err != nil {
		return nil, err
	}
	w.layouts[sig] = l
	return l, nil
}

// ddlOrder is the order of columns in CREATE TABLE: Debezium lists keys and then others;
// Confluent the kafka key columns, then the value's order, then keys that are only in the
// record key, by name (SJ-067).
func ddlOrder(c *config, cols, keys []column, payload *records.Schema) []int {
	order := make([]int, 0, len(cols))
	if c.family == debezium || c.pk == pkKafka {
		for i := range cols {
			order = append(order, i)
		}
		return order
	}
	at := func(name string) int { return slices.IndexFunc(cols, func(x column) bool { return x.name == name }) }
	for i := range payload.Fields {
		if j := at(payload.Fields[i].Name); j >= 0 {
			order = append(order, j)
		}
	}
	var rest []int
	for i := range keys {
		if payload.FieldIndex(keys[i].name) < 0 {
			rest = append(rest, i)
		}
	}
	sort.Slice(rest, func(i, j int) bool { return cols[rest[i]].name < cols[rest[j]].name })
	return append(order, rest...)
}

func describeType(s *records.Schema) string {
	if s.Name != "" {
		return fmt.Sprintf("%s (%s)", s.Type, s.Name)
	}
	return s.Type.String()
}
