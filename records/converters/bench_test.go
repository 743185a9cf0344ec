package converters

import (
	"testing"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv/typed"
)

func sch(t records.Type, opts ...func(*records.Schema)) *records.Schema {
	s := &records.Schema{Type: t}
	for _, o := range opts {
		o(s)
	}
	return s
}

func opt(s *records.Schema) { s.Optional = true }
func named(n string) func(*records.Schema) {
	return func(s *records.Schema) { s.Name, s.Version = n, 1 }
}
func def(v any) func(*records.Schema) { return func(s *records.Schema) { s.Default = v } }

// envelope is a Debezium update of a table of 13 columns.
func envelope() (*records.Batch, *records.Schema, records.Value) { return typed.Envelope() }

func benchAppend(b *testing.B, schemas string) {
	batch, s, v := envelope()
	c := must(b, JSONClass, "schemas.enable", schemas)
	buf, _, err := c.Append(nil, "t", batch, s, v)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf, _, _ = c.Append(buf[:0], "t", batch, s, v)
	}
}

func BenchmarkJSONAppend_Envelope13(b *testing.B)           { benchAppend(b, "false") }
func BenchmarkJSONAppend_Envelope13WithSchema(b *testing.B) { benchAppend(b, "true") }

func benchDecode(b *testing.B, schemas string) {
	batch, s, v := envelope()
	c := must(b, JSONClass, "schemas.enable", schemas)
	text, _, _ := c.Append(nil, "t", batch, s, v)
	in := records.NewBatch(records.Origin{})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		in.Arena, in.Vals = in.Arena[:0], in.Vals[:0]
		if _, _, err := c.Decode("t", text, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSONDecode_Envelope13(b *testing.B)           { benchDecode(b, "false") }
func BenchmarkJSONDecode_Envelope13WithSchema(b *testing.B) { benchDecode(b, "true") }
