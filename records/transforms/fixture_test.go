package transforms

import (
	"math"
	"math/big"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv/typed"
)

// The names that the samples use.
type (
	pairs    = typed.Pairs
	javaDate = typed.JavaDate
)

func typ(t records.Type) *records.Schema { return typed.Plain(t) }
func opt(t records.Type) *records.Schema { return &records.Schema{Type: t, Optional: true} }
func def(t records.Type, d any) *records.Schema {
	return &records.Schema{Type: t, Optional: true, Default: d}
}
func logical(t records.Type, name string, optional bool) *records.Schema {
	return typed.Logical(t, name, optional)
}
func decimalOf(scale string, optional bool) *records.Schema { return typed.Decimal(scale, optional) }
func structOf(name string, fields ...any) *records.Schema {
	s := &records.Schema{Type: records.Struct, Name: name}
	for i := 0; i < len(fields); i += 2 {
		s.Fields = append(s.Fields, records.Field{Name: fields[i].(string), Schema: fields[i+1].(*records.Schema)})
	}
	return s
}

// sample is a record of a test.
type sample struct {
	keySchema, valueSchema *records.Schema
	key, value             any
	topic                  string
	partition              int32
	timestamp              int64
	sink                   bool
	headers                []sampleHeader
}

type sampleHeader struct {
	key    string
	schema *records.Schema
	value  any
}

// batch makes a batch with this one record.
func (s *sample) batch() *records.Batch {
	o := records.Origin{Table: "t"}
	if s.sink {
		o.Topic, o.Partition = s.topic, s.partition
	}
	b := records.NewBatch(o)
	r := records.Record{Topic: b.TopicIndex(s.topic), Partition: s.partition, Timestamp: s.timestamp,
		KeySchema: b.SchemaIndex(s.keySchema), ValueSchema: b.SchemaIndex(s.valueSchema)}
	if s.sink {
		r.Offset = 42
	}
	r.Key, r.Value = typed.Add(b, s.keySchema, s.key), typed.Add(b, s.valueSchema, s.value)
	var hs []records.Header
	for _, h := range s.headers {
		hs = append(hs, records.Header{Key: h.key, Schema: h.schema, Value: typed.Add(b, h.schema, h.value)})
	}
	r.HeaderOff, r.HeaderN = b.AddHeaders(hs...)
	b.Records = append(b.Records, r)
	return b
}

var (
	innerSchema = structOf("in.ner", "x", typ(records.Int32), "y.z", def(records.String, "dflt"), "deep", structOf("", "a`b", typ(records.String), "list", &records.Schema{Type: records.Array, Elem: opt(records.Int64)}))
	wide        = wideSchema()
)

func wideSchema() *records.Schema {
	optInner := *innerSchema
	optInner.Optional = true
	s := structOf("wide.Value",
		"i8", typ(records.Int8), "i16", opt(records.Int16), "i32", def(records.Int32, int64(7)), "i64", opt(records.Int64),
		"f32", opt(records.Float32), "f64", def(records.Float64, 1.5), "b", opt(records.Boolean), "s", def(records.String, "dflt"),
		"x", opt(records.Bytes), "dec", decimalOf("2", true), "date", logical(records.Int32, records.DateName, true),
		"time", logical(records.Int32, records.TimeName, true), "ts", logical(records.Int64, records.TimestampName, true),
		"list", &records.Schema{Type: records.Array, Elem: typ(records.String), Optional: true},
		"in", innerSchema, "maybe", &optInner)
	s.Version, s.Doc, s.Optional = 3, "a table", true
	s.Params = []records.Param{{Key: "p", Value: "1"}, {Key: "a", Value: "2"}}
	return s
}

func wideValue(vals map[string]any) []any {
	inner := []any{int32(5), "yz", []any{"deep", []any{int64(1), nil}}}
	all := map[string]any{"i8": int8(-8), "i16": int16(300), "i32": int32(-70000), "i64": int64(1577836800123), "f32": float32(1.1), "f64": -2.5e10,
		"b": true, "s": "text", "x": []byte{0, 255, 7}, "dec": big.NewInt(-12345), "date": int32(18262), "time": int32(3661001), "ts": int64(1577840461001),
		"list": []any{"a", "b"}, "in": inner, "maybe": inner}
	for k, v := range vals {
		all[k] = v
	}
	out := make([]any, len(wide.Fields))
	for i, f := range wide.Fields {
		out[i] = all[f.Name]
	}
	return out
}

func samples() []sample {
	keySchema := structOf("wide.Key", "id", typ(records.Int64), "s", opt(records.String))
	base := sample{keySchema: keySchema, key: []any{int64(9), "k"}, valueSchema: wide, value: wideValue(nil), topic: "db.shop.orders", partition: 3, timestamp: 1577840461001, sink: true,
		headers: []sampleHeader{{"h1", typ(records.String), "v1"}, {"h2", nil, int64(5)}, {"h1", opt(records.Int32), nil}, {"keep", nil, nil}}}
	with := func(change func(s *sample)) sample {
		s := base
		change(&s)
		return s
	}
	plain := pairs{"i8", int64(1), "i32", int64(-70000), "i64", int64(1577836800123), "f64", 2.5, "s", "2020-01-05", "b", false, "nothing", nil,
		"list", []any{int64(1), "two", nil}, "in", pairs{"x", int64(3), "y.z", "q", "deep", pairs{"a`b", "dp"}}, "in.x", "clash", "ts", javaDate(1577840461001), "id", "key"}
	whole := func(s *records.Schema, v any) sample {
		return with(func(r *sample) { r.valueSchema, r.value, r.keySchema, r.key = s, v, s, v })
	}
	out := []sample{
		base,
		with(func(s *sample) { s.sink, s.partition, s.timestamp = false, records.NoPartition, records.NoTimestamp }),
		with(func(s *sample) { s.value, s.headers = nil, nil }),
		with(func(s *sample) { s.value, s.valueSchema = nil, nil }),
		with(func(s *sample) { s.key, s.keySchema = nil, nil }),
		with(func(s *sample) {
			s.value = wideValue(map[string]any{"i16": nil, "i32": nil, "i64": nil, "f32": nil, "f64": nil, "b": nil, "s": nil, "x": nil, "dec": nil, "date": nil, "time": nil, "ts": nil, "list": nil, "maybe": nil})
		}),
		with(func(s *sample) { s.value = wideValue(map[string]any{"i8": nil}) }), // refused by put
		with(func(s *sample) {
			s.value = wideValue(map[string]any{"in": []any{nil, nil, []any{"d", nil}}})
		}),
		with(func(s *sample) { s.value = wideValue(map[string]any{"list": []any{"a", nil}}) }),
		with(func(s *sample) {
			s.value = wideValue(map[string]any{"s": "12", "f32": float32(math.NaN()), "f64": 1e300, "i64": int64(math.MinInt64), "x": []byte{}, "dec": big.NewInt(0), "date": int32(-1), "time": int32(0), "ts": int64(-1)})
		}),
		with(func(s *sample) {
			s.value = wideValue(map[string]any{"s": "+0x1p3", "f32": float32(math.Inf(1)), "f64": math.Inf(-1), "i64": int64(math.MaxInt64), "date": int32(math.MaxInt32), "time": int32(86400000), "ts": int64(-62135596800001)})
		}),
		with(func(s *sample) { s.value = wideValue(map[string]any{"s": " TRUE", "time": int32(-5)}) }),
		with(func(s *sample) {
			s.value = wideValue(map[string]any{"s": "true", "f64": math.Copysign(0, -1), "i32": int32(0)})
		}),
		with(func(s *sample) {
			s.valueSchema, s.value, s.keySchema, s.key = nil, plain, nil, pairs{"s", "k", "x", nil}
		}),
		with(func(s *sample) {
			s.valueSchema, s.value, s.keySchema, s.key, s.sink, s.partition, s.timestamp = nil, pairs{}, nil, pairs{"i64", "text", "s", "123"}, false, records.NoPartition, records.NoTimestamp
		}),
		with(func(s *sample) { s.topic, s.timestamp = "${timestamp}", -12219292800001 }),
		with(func(s *sample) {
			m := structOf("m", "id", typ(records.Int32), "m", &records.Schema{Type: records.Map, Key: typ(records.String), Elem: typ(records.Int32)}, "in.x", typ(records.String))
			s.valueSchema, s.value = m, []any{int32(1), pairs{"k", int32(5), "l", nil}, "x"}
			s.keySchema, s.key = structOf("clash", "in", structOf("", "x", typ(records.Int32)), "in.x", opt(records.Int32), "id", typ(records.String)), []any{[]any{int32(1)}, int32(2), "a"}
		}),
		whole(nil, "2020-01-05 10:11:12"), whole(nil, int64(1577836800123)), whole(nil, int32(5)), whole(nil, true), whole(nil, []any{int64(1), "b"}), whole(nil, []byte("x")),
		whole(nil, float32(3.99)), whole(nil, -1e30), whole(nil, "128"), whole(nil, javaDate(1577840461001)), whole(nil, int8(-1)), whole(nil, int16(0)), whole(nil, ""),
		whole(typ(records.String), "2020-01-05 10:11:12"), whole(opt(records.Int64), int64(-1)), whole(def(records.Int32, int64(300)), int32(70000)), whole(opt(records.Int32), nil),
		whole(typ(records.Int32), nil), whole(typ(records.Boolean), false), whole(typ(records.Bytes), []byte("bin")), whole(decimalOf("3", false), big.NewInt(123456789012)),
		whole(logical(records.Int32, records.DateName, false), int32(18262)), whole(logical(records.Int32, records.TimeName, true), int32(3661001)),
		whole(logical(records.Int64, records.TimestampName, false), int64(1577840461001)), whole(&records.Schema{Type: records.Int64, Name: records.TimestampName, Version: 1, Default: int64(5), Optional: true}, int64(7)),
		whole(def(records.String, "notnumber"), "33"), whole(def(records.String, "1"), "33"), whole(def(records.Float32, 2.5), float32(-7.5)),
		whole(&records.Schema{Type: records.Array, Elem: typ(records.Int32)}, []any{int32(1)}), whole(&records.Schema{Type: records.Map, Key: typ(records.String), Elem: opt(records.Int32)}, pairs{"a", nil}),
		whole(structOf(""), []any{}), whole(&records.Schema{Type: records.Struct, Optional: true}, nil),
		whole(typ(records.Int64), int64(math.MaxInt64)), whole(typ(records.Int64), int64(-1577836800123)), whole(typ(records.Float64), 1e20), whole(decimalOf("-2", false), big.NewInt(5)),
		whole(structOf("", "i64", typ(records.String), "id", typ(records.String)), []any{"not a time", "5"}),
		whole(structOf("", "i64", opt(records.Int32), "s", opt(records.Bytes)), []any{int32(1), []byte{1}}),
		whole(structOf("", "ts", def(records.Int64, int64(99)), "s", def(records.Int8, int64(3)), "id", &records.Schema{Type: records.Int32, Default: int64(4)}), []any{nil, nil, nil}),
	}
	return out
}
