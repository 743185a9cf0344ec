package transforms

import (
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/javatext"
)

// insertHeader is InsertHeader (CW-363): a header whose value is read as SimpleHeaderConverter
// reads headers.
type insertHeader struct {
	name   string
	parsed *records.Batch // holds what the literal says
	schema *records.Schema
	value  records.Value

	in     *records.Batch // the batch that has a copy of it
	copied records.Value
}

func insertHeaderClass() Class {
	text := func(name, doc string) configs.Key {
		return configs.Key{Name: name, Type: configs.StringType, Required: true, Importance: configs.High, Doc: doc}
	}
	return Class{Name: kafkaPrefix + "InsertHeader",
		Def: configs.NewDef(text("header", "Name of the header."),
			text("value.literal", "Its value: null, a boolean, number, date, list or map, else a string.")),
		New: func(v *configs.Values) (Transform, error) {
			t := &insertHeader{name: v.Str("header"), parsed: records.NewBatch(records.Origin{Table: "literal"})}
			t.schema, t.value = javatext.ParseValue(t.parsed, v.Str("value.literal"))
			return t, nil
		}}
}

func (t *insertHeader) start(*records.Batch) { t.in = nil }

func (t *insertHeader) Apply(b *records.Batch, r *records.Record) (bool, error) {
	if t.in != b {
		t.in, t.copied = b, copyValue(b, t.parsed, t.value)
	}
	at := openHeaders(b, r, 1)
	b.Headers = append(b.Headers, records.Header{Key: t.name, Schema: t.schema, Value: t.copied})
	closeHeaders(b, r, at)
	return true, nil
}
