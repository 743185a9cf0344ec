package transforms

import (
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// insertField is InsertField (CW-362): facts about the record become fields.
type insertField struct {
	side        side
	topic       *insertion
	partition   *insertion
	offset      *insertion
	timestamp   *insertion
	static      *insertion
	staticValue string
	fill        bool
	plans       plans[insertPlan]
}

// insertion is the name of a new field and whether it is optional.
type insertion struct {
	name     string
	optional bool
}

type insertPlan struct {
	out *records.Schema
	err error
}

func insertFieldClasses() []Class {
	text := func(name, doc string) configs.Key {
		return configs.Key{Name: name, Type: configs.StringType, Importance: configs.Medium, Doc: doc}
	}
	const how = " End it with ! for a required field, with ? for an optional one, which it is without."
	return sided("InsertField", configs.NewDef(
		text("topic.field", "Field for the topic."+how),
		text("partition.field", "Field for the partition."+how),
		text("offset.field", "Field for the offset, in sink connectors."+how),
		text("timestamp.field", "Field for the timestamp."+how),
		text("static.field", "Field for static.value."+how),
		text("static.value", "What static.field gets."),
		replaceNullKey()), newInsertField)
}

func newInsertField(v *configs.Values, s side) (Transform, error) {
	spec := func(key string) *insertion {
		if v.Get(key) == nil {
			return nil
		}
		name := v.Str(key)
		if cut, ok := strings.CutSuffix(name, "?"); ok {
			return &insertion{cut, true}
		}
		cut, required := strings.CutSuffix(name, "!")
		return &insertion{cut, !required}
	}
	t := &insertField{side: s, topic: spec("topic.field"), partition: spec("partition.field"), offset: spec("offset.field"),
		timestamp: spec("timestamp.field"), static: spec("static.field"), staticValue: v.Str("static.value"), fill: v.Bool(replaceNull)}
	switch {
	case t.topic == nil && t.partition == nil && t.offset == nil && t.timestamp == nil && t.static == nil:
		return nil, configErrorf("No field insertion configured")
	case t.static != nil && v.Get("static.value") == nil:
		return nil, configErrorf("Invalid value null for configuration static.value: No value specified for static field: %s", t.static.name)
	}
	return t, nil
}

func (t *insertField) plan(s *records.Schema) *insertPlan {
	sb := newStruct(basics(s))
	for _, f := range s.Fields {
		sb.field(f.Name, f.Schema)
	}
	add := func(i *insertion, schema records.Schema) {
		if i != nil {
			schema.Optional = i.optional
			sb.field(i.name, &schema)
		}
	}
	add(t.topic, records.Schema{Type: records.String})
	add(t.partition, records.Schema{Type: records.Int32})
	add(t.offset, records.Schema{Type: records.Int64})
	add(t.timestamp, records.Schema{Type: records.Int64, Name: records.TimestampName, Version: 1})
	add(t.static, records.Schema{Type: records.String})
	return &insertPlan{sb.schema, sb.err}
}

func (t *insertField) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := t.side.get(b, r)
	switch {
	case v.IsNull():
		return true, nil
	case s == nil:
		return true, t.intoMap(b, r, v)
	case v.Kind != records.KindStruct:
		return true, notStruct("field insertion", s, v)
	}
	p := t.plans.of(s)
	if p == nil {
		p = t.plans.keep(s, t.plan(s))
	}
	if p.err != nil {
		return true, p.err
	}
	n := len(p.out.Fields)
	off := int(b.AddVals(n))
	for i := range s.Fields {
		e := get(b, s.Fields[i].Schema, b.Vals[int(v.Off)+i], t.fill)
		if err := put(b, &s.Fields[i], e); err != nil {
			return true, err
		}
		b.Vals[off+i] = e
	}
	at := off + len(s.Fields)
	next := func(i *insertion, v records.Value) {
		if i != nil {
			b.Vals[at] = v
			at++
		}
	}
	if t.offset != nil && !sink(b) {
		return true, notSinkRecord("field insertion")
	}
	next(t.topic, t.topicValue(b, r))
	next(t.partition, partitionValue(r))
	next(t.offset, records.Int64Value(r.Offset))
	next(t.timestamp, timestampValue(r))
	next(t.static, t.staticText(b))
	t.side.set(b, r, p.out, records.StructAt(uint32(off), n))
	return true, nil
}

func (t *insertField) intoMap(b *records.Batch, r *records.Record, v records.Value) error {
	if v.Kind != records.KindMap {
		return notMap("field insertion", nil, v)
	}
	if t.offset != nil && !sink(b) {
		return notSinkRecord("field insertion")
	}
	m := mapCopy(b, v, 5)
	if t.topic != nil {
		mapPut(b, &m, t.topic.name, t.topicValue(b, r))
	}
	if p := partitionValue(r); t.partition != nil && !p.IsNull() {
		mapPut(b, &m, t.partition.name, p)
	}
	if t.offset != nil {
		mapPut(b, &m, t.offset.name, records.Int64Value(r.Offset))
	}
	if ts := timestampValue(r); t.timestamp != nil && !ts.IsNull() {
		mapPut(b, &m, t.timestamp.name, ts)
	}
	if t.static != nil {
		mapPut(b, &m, t.static.name, t.staticText(b))
	}
	t.side.set(b, r, nil, m)
	return nil
}

func (t *insertField) topicValue(b *records.Batch, r *records.Record) records.Value {
	if t.topic == nil {
		return records.Null
	}
	return b.AddString(b.Topics[r.Topic])
}

func (t *insertField) staticText(b *records.Batch) records.Value {
	if t.static == nil {
		return records.Null
	}
	return b.AddString(t.staticValue)
}

func partitionValue(r *records.Record) records.Value {
	if r.Partition == records.NoPartition {
		return records.Null
	}
	return records.Int32Value(r.Partition)
}

func timestampValue(r *records.Record) records.Value {
	if r.Timestamp == records.NoTimestamp {
		return records.Null
	}
	return records.Int64Value(r.Timestamp)
}

// sink says whether the batch's records are what Connect calls SinkRecords.
func sink(b *records.Batch) bool { return b.Origin.Topic != "" }

func notSinkRecord(purpose string) error {
	return dataErrorf("Only SinkRecord supported for [%s], found: org.apache.kafka.connect.source.SourceRecord", purpose)
}
