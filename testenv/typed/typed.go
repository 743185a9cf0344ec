// Package typed holds records, values and schemas as JSON in which no type gets lost, for
// comparison with what the Java classes make of them (testenv.Judge).
package typed

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"testing"

	"github.com/anabranch/anabranch/records"
)

// Record is a record with its schemas as JSON, in which no type gets lost: the form in
// which a Judge takes and gives records. A value is null or [kind, content] with the kinds
// b i8 i16 i32 i64 f32 f64 s x (hexadecimal) list map struct, and date for a java.util.Date
// without a schema. Logical types have the kind of their base type.
type Record struct {
	Sink        bool     `json:"sink"` // a SinkRecord, else a SourceRecord
	Topic       string   `json:"topic"`
	Partition   *int32   `json:"partition"`
	KeySchema   *Schema  `json:"keySchema"`
	Key         any      `json:"key"`
	ValueSchema *Schema  `json:"valueSchema"`
	Value       any      `json:"value"`
	Timestamp   *int64   `json:"timestamp"`
	Offset      int64    `json:"offset"`
	Headers     []Header `json:"headers"`
}

// Header is one header.
type Header struct {
	Key string `json:"key"`
	Value
}

// Value is a value with its schema.
type Value struct {
	Schema *Schema `json:"schema"`
	Value  any     `json:"value"`
}

// Schema is a schema; nil is none.
type Schema struct {
	Type     string      `json:"type"`
	Optional bool        `json:"optional,omitempty"`
	Name     string      `json:"name,omitempty"`
	Version  int         `json:"version,omitempty"`
	Doc      string      `json:"doc,omitempty"`
	Params   [][2]string `json:"params,omitempty"`
	Default  any         `json:"default,omitempty"`
	Fields   []Field     `json:"fields,omitempty"`
	Key      *Schema     `json:"key,omitempty"`
	Elem     *Schema     `json:"elem,omitempty"`
}

// Field is a field of a struct.
type Field struct {
	Name   string  `json:"name"`
	Schema *Schema `json:"schema"`
}

// MarshalJSON writes the fields of a struct even if there are none, as the judge expects.
func (s *Schema) MarshalJSON() ([]byte, error) {
	type plain Schema
	if s.Type != records.Struct.String() || len(s.Fields) > 0 {
		return json.Marshal((*plain)(s))
	}
	return json.Marshal(struct {
		*plain
		Fields []Field `json:"fields"`
	}{(*plain)(s), []Field{}})
}

// NewRecord describes a record of a batch.
func NewRecord(b *records.Batch, r *records.Record) *Record {
	ks, vs := b.Schemas[r.KeySchema], b.Schemas[r.ValueSchema]
	t := &Record{Sink: b.Origin.Topic != "", Topic: b.Topics[r.Topic], Offset: r.Offset, Headers: []Header{},
		KeySchema: NewSchema(ks), Key: value(b, r.Key), ValueSchema: NewSchema(vs), Value: value(b, r.Value)}
	if r.Partition != records.NoPartition {
		p := r.Partition
		t.Partition = &p
	}
	if r.Timestamp != records.NoTimestamp {
		ts := r.Timestamp
		t.Timestamp = &ts
	}
	for _, h := range b.RecordHeaders(r) {
		t.Headers = append(t.Headers, Header{h.Key, NewValue(b, h.Schema, h.Value)})
	}
	return t
}

// NewValue describes a value of a batch.
func NewValue(b *records.Batch, s *records.Schema, v records.Value) Value {
	return Value{NewSchema(s), value(b, v)}
}

// NewSchema describes a schema.
func NewSchema(s *records.Schema) *Schema {
	if s == nil {
		return nil
	}
	t := &Schema{Type: s.Type.String(), Optional: s.Optional, Name: s.Name, Version: s.Version, Doc: s.Doc,
		Key: NewSchema(s.Key), Elem: NewSchema(s.Elem)}
	for _, p := range s.Params {
		t.Params = append(t.Params, [2]string{p.Key, p.Value})
	}
	for _, f := range s.Fields {
		t.Fields = append(t.Fields, Field{f.Name, NewSchema(f.Schema)})
	}
	if s.Default != nil {
		b := records.NewBatch(records.Origin{Table: "default"})
		defer b.Release()
		t.Default = value(b, b.DefaultValue(s))
	}
	return t
}

func value(b *records.Batch, v records.Value) any {
	number := func(kind string) any { return []any{kind, strconv.FormatInt(v.Int(), 10)} }
	float := func(kind string) any {
		bits := math.Float64bits(v.Float())
		if math.IsNaN(v.Float()) {
			bits = 0x7ff8000000000000
		}
		return []any{kind, strconv.FormatUint(bits, 16)}
	}
	list := func(kind string) any {
		out := []any{}
		for _, e := range b.Elems(v) {
			out = append(out, value(b, e))
		}
		return []any{kind, out}
	}
	switch v.Kind {
	case records.KindNull:
		return nil
	case records.KindInt8:
		return number("i8")
	case records.KindInt16:
		return number("i16")
	case records.KindInt32:
		return number("i32")
	case records.KindInt64:
		return number("i64")
	case records.KindDate:
		return number("date")
	case records.KindFloat32:
		return float("f32")
	case records.KindFloat64:
		return float("f64")
	case records.KindBool:
		return []any{"b", v.Bool()}
	case records.KindString:
		return []any{"s", b.Str(v)}
	case records.KindBytes:
		return []any{"x", hex.EncodeToString(b.Raw(v))}
	case records.KindArray:
		return list("list")
	case records.KindStruct:
		return list("struct")
	case records.KindMap:
		pairs := []any{}
		kv := b.Elems(v)
		for i := 0; i < len(kv); i += 2 {
			pairs = append(pairs, []any{value(b, kv[i]), value(b, kv[i+1])})
		}
		return []any{"map", pairs}
	}
	return []any{"unknown", fmt.Sprint(v.Kind)}
}

// Canonical is a JSON text of anything typed that does not depend on the order of map
// entries, which Java's HashMap does not define.
func Canonical(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("typed: %v", err)
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		t.Fatalf("typed: %v", err)
	}
	sortMaps(tree)
	raw, err = json.Marshal(tree)
	if err != nil {
		t.Fatalf("typed: %v", err)
	}
	return string(raw)
}

func sortMaps(v any) {
	switch x := v.(type) {
	case map[string]any:
		for _, e := range x {
			sortMaps(e)
		}
	case []any:
		for _, e := range x {
			sortMaps(e)
		}
		if len(x) != 2 || x[0] != "map" {
			return
		}
		pairs, ok := x[1].([]any)
		if !ok {
			return
		}
		sort.SliceStable(pairs, func(i, j int) bool {
			a, _ := json.Marshal(pairs[i])
			b, _ := json.Marshal(pairs[j])
			return bytes.Compare(a, b) < 0
		})
	}
}
