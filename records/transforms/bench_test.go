package transforms

import (
	"testing"

	"github.com/anabranch/anabranch/records"
)

// row is a sample without nested structs, as sinks get it.
func flatSample() sample {
	s := structOf("flat", "id", typ(records.Int64), "name", opt(records.String), "price", opt(records.Float64), "i64", opt(records.Int64),
		"when", opt(records.String), "dec", decimalOf("2", true), "ts", logical(records.Int64, records.TimestampName, true), "b", opt(records.Boolean))
	return sample{keySchema: typ(records.Int64), key: int64(5), valueSchema: s,
		value: []any{int64(5), "a name", 12.5, int64(1577836800123), "2020-01-05 10:11:12", []byte{1, 2}, int64(1577836800123), true},
		topic: "orders", timestamp: 1577836800123, sink: true, headers: []sampleHeader{{"h", typ(records.String), "v"}, {"g", nil, int64(1)}}}
}

func nestedSample() sample {
	r := samples()[0]
	r.value = wideValue(nil)
	return r
}

func looseSample() sample {
	r := flatSample()
	r.valueSchema, r.value = nil, pairs{"id", int64(5), "name", "a name", "in", pairs{"x", int64(1)}, "price", 1.5}
	return r
}

var benchmarks = []struct {
	name   string
	class  string
	config map[string]string
	sample func() sample
}{
	{"Cast", "Cast$Value", map[string]string{"spec": "id:string,price:float32,b:int8,i64:boolean"}, flatSample},
	{"CastWhole", "Cast$Key", map[string]string{"spec": "int32"}, flatSample},
	{"DropHeaders", "DropHeaders", map[string]string{"headers": "g"}, flatSample},
	{"ExtractField", "ExtractField$Value", map[string]string{"field": "name"}, flatSample},
	{"ExtractFieldNested", "ExtractField$Value", map[string]string{"field": "in.deep.list", "field.syntax.version": "V2"}, nestedSample},
	{"Filter", "Filter", nil, flatSample},
	{"Flatten", "Flatten$Value", nil, nestedSample},
	{"FlattenSchemaless", "Flatten$Value", nil, looseSample},
	{"HeaderFrom", "HeaderFrom$Value", map[string]string{"fields": "name,b", "headers": "x,y", "operation": "move"}, flatSample},
	{"HoistField", "HoistField$Key", map[string]string{"field": "k"}, flatSample},
	{"InsertField", "InsertField$Value", map[string]string{"topic.field": "t", "offset.field": "o!", "timestamp.field": "at", "static.field": "s", "static.value": "x"}, flatSample},
	{"InsertFieldSchemaless", "InsertField$Value", map[string]string{"topic.field": "t", "timestamp.field": "at"}, looseSample},
	{"InsertHeader", "InsertHeader", map[string]string{"header": "x", "value.literal": "text"}, flatSample},
	{"MaskField", "MaskField$Value", map[string]string{"fields": "name,price"}, flatSample},
	{"RegexRouter", "RegexRouter", map[string]string{"regex": "(.*)", "replacement": "x-$1"}, flatSample},
	{"ReplaceField", "ReplaceField$Value", map[string]string{"exclude": "b", "renames": "name:title"}, flatSample},
	{"ReplaceFieldSchemaless", "ReplaceField$Value", map[string]string{"exclude": "id", "renames": "name:title"}, looseSample},
	{"SetSchemaMetadata", "SetSchemaMetadata$Value", map[string]string{"schema.name": "n"}, flatSample},
	{"TimestampConverter", "TimestampConverter$Value", map[string]string{"field": "i64", "target.type": "string", "format": "yyyy-MM-dd HH:mm:ss.SSS"}, flatSample},
	{"TimestampConverterParse", "TimestampConverter$Value", map[string]string{"field": "when", "target.type": "Timestamp", "format": "yyyy-MM-dd HH:mm:ss"}, flatSample},
	{"TimestampRouter", "TimestampRouter", nil, flatSample},
	{"ValueToKey", "ValueToKey", map[string]string{"fields": "id,name"}, flatSample},
}

// worker makes one record pass a transform again and again in the same memory.
func worker(t testing.TB, class string, config map[string]string, s sample) func() {
	c, ok := classByName(kafkaPrefix + class)
	if !ok {
		t.Fatal(class)
	}
	vals, ps := c.Def.Parse(config)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	tr, err := c.New(vals)
	if err != nil {
		t.Fatal(err)
	}
	b := s.batch()
	was := b.Records[0]
	vs, hs, as := len(b.Vals), len(b.Headers), len(b.Arena)
	if st, ok := tr.(starter); ok {
		st.start(b)
	}
	return func() {
		b.Vals, b.Headers, b.Arena = b.Vals[:vs], b.Headers[:hs], b.Arena[:as]
		b.Records[0] = was
		if _, err := tr.Apply(b, &b.Records[0]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTransforms_DoNotAllocate(t *testing.T) {
	for _, c := range benchmarks {
		run := worker(t, c.class, c.config, c.sample())
		run() // plans, and lets the slabs grow
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations a record", c.name, n)
		}
	}
}

// Equal schema pointers lead to equal schema pointers.
func TestTransforms_SchemasAreStable(t *testing.T) {
	for _, c := range benchmarks {
		class, _ := classByName(kafkaPrefix + c.class)
		vals, _ := class.Def.Parse(c.config)
		tr, err := class.New(vals)
		if err != nil {
			t.Fatal(err)
		}
		s := c.sample()
		var key, val *records.Schema
		for i := range 3 {
			b := s.batch()
			if st, ok := tr.(starter); ok {
				st.start(b)
			}
			r := &b.Records[0]
			if _, err := tr.Apply(b, r); err != nil {
				t.Fatal(err)
			}
			if i > 0 && (b.Schemas[r.KeySchema] != key || b.Schemas[r.ValueSchema] != val) {
				t.Errorf("%s: another schema for the same one", c.name)
			}
			key, val = b.Schemas[r.KeySchema], b.Schemas[r.ValueSchema]
			b.Release()
		}
	}
}

func BenchmarkTransforms(b *testing.B) {
	for _, c := range benchmarks {
		run := worker(b, c.class, c.config, c.sample())
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}
