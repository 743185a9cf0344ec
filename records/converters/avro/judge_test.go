package avro_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/avro"
	"github.com/anabranch/anabranch/records/converters/registry"
	"github.com/anabranch/anabranch/testenv"
	"github.com/anabranch/anabranch/testenv/typed"
)

// Apicurio's converter maps with a copy of Confluent's AvroData, and leaves the writing of the
// schema and the values to Avro's Java library. So it judges both texts and bytes.

func factory(t testing.TB, isKey bool, pairs ...string) func() *avro.Converter {
	t.Helper()
	cfg := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		cfg[pairs[i]] = pairs[i+1]
	}
	v, problems := avro.Def().Parse(cfg)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	f, problems := avro.New(v, isKey)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return f
}

// apicurio is the configuration that people give Apicurio's converter for this wire format.
func apicurio(r *testenv.RegistryServer, group string, pairs ...string) map[string]string {
	cfg := map[string]string{"apicurio.registry.url": r.NativeURL(), "apicurio.registry.auto-register": "true",
		"apicurio.registry.as-confluent": "true", "apicurio.registry.headers.enabled": "false", "apicurio.registry.use-id": "contentId",
		"apicurio.registry.artifact.group-id": group}
	for i := 0; i < len(pairs); i += 2 {
		cfg[pairs[i]] = pairs[i+1]
	}
	return cfg
}

type sample struct {
	name   string
	schema *records.Schema
	make   func(b *records.Batch) records.Value
}

func prim(t records.Type) *records.Schema { return &records.Schema{Type: t} }

func opt(s *records.Schema) *records.Schema { return s.AsOptional() }

func structOf(name string, fields ...records.Field) *records.Schema {
	return &records.Schema{Type: records.Struct, Name: name, Fields: fields}
}

func fld(name string, s *records.Schema) records.Field { return records.Field{Name: name, Schema: s} }

func logical(t records.Type, name string, version int, params ...records.Param) *records.Schema {
	return &records.Schema{Type: t, Name: name, Version: version, Params: params}
}

func with(s *records.Schema, def any) *records.Schema {
	c := s.Clone()
	c.Default = def
	return c
}

func listOf(b *records.Batch, kind records.Kind, vals ...records.Value) records.Value {
	off := b.AddVals(len(vals))
	copy(b.Vals[off:], vals)
	n := len(vals)
	if kind == records.KindMap {
		n /= 2
	}
	return records.Value{Kind: kind, Off: off, N: uint32(n)}
}

// envelope is a change event as Debezium writes it.
func envelope() *records.Schema {
	dec := logical(records.Bytes, records.DecimalName, 1, records.Param{Key: "scale", Value: "2"}, records.Param{Key: "connect.decimal.precision", Value: "10"})
	value := structOf("srv.shop.orders.Value", fld("id", prim(records.Int32)), fld("total", dec),
		fld("note", with(opt(prim(records.String)), "none")), fld("day", opt(logical(records.Int32, "io.debezium.time.Date", 1))),
		fld("at", logical(records.Int64, "io.debezium.time.MicroTimestamp", 1)), fld("n", with(logical(records.Int64, "io.debezium.time.Timestamp", 1), int64(0))))
	source := structOf("io.debezium.connector.mysql.Source", fld("version", prim(records.String)),
		fld("snapshot", with(opt(logical(records.String, "io.debezium.data.Enum", 1, records.Param{Key: "allowed", Value: "true,first,last,false"})), "false")))
	source.Version = 1
	env := structOf("srv.shop.orders.Envelope", fld("before", opt(value)), fld("after", opt(value)), fld("source", source),
		fld("op", prim(records.String)), fld("ts_ms", opt(prim(records.Int64))))
	env.Version = 2
	return env
}

func samples() []sample {
	one := func(v records.Value) func(*records.Batch) records.Value {
		return func(*records.Batch) records.Value { return v }
	}
	str := func(s string) func(*records.Batch) records.Value {
		return func(b *records.Batch) records.Value { return b.AddString(s) }
	}
	bin := func(p ...byte) func(*records.Batch) records.Value {
		return func(b *records.Batch) records.Value { return b.AddBytes(p) }
	}
	in := func(f func(*records.Batch) records.Value) func(*records.Batch) records.Value {
		return func(b *records.Batch) records.Value { return listOf(b, records.KindStruct, f(b)) }
	}
	docs := prim(records.Int32)
	docs.Doc, docs.Version = "how \"many\" ü\U0001F600\n", 3
	params := prim(records.String)
	params.Name, params.Params = "my.Name", []records.Param{{Key: "z", Value: "1"}, {Key: "a", Value: "ü"}, {Key: "avro.java.string", Value: "String"}}
	decimal := func(params ...records.Param) *records.Schema {
		return logical(records.Bytes, records.DecimalName, 1, params...)
	}
	scale := func(s string) records.Param { return records.Param{Key: "scale", Value: s} }
	precision := func(s string) records.Param { return records.Param{Key: "connect.decimal.precision", Value: s} }
	pair := structOf("pair", fld("x", prim(records.Int32)))
	list := []sample{
		{"int8", prim(records.Int8), one(records.Int8Value(-7))},
		{"int16", prim(records.Int16), one(records.Int16Value(3000))},
		{"int32", prim(records.Int32), one(records.Int32Value(-1 << 31))},
		{"int64", prim(records.Int64), one(records.Int64Value(1<<63 - 1))},
		{"float32", prim(records.Float32), one(records.Float32Value(1.1))},
		{"float64", prim(records.Float64), one(records.Float64Value(-1e300))},
		{"boolean", prim(records.Boolean), one(records.BoolValue(true))},
		{"string", prim(records.String), str("ü\U0001F600")},
		{"optional string", opt(prim(records.String)), str("x")},
		{"string with default", with(prim(records.String), "d"), str("x")},
		{"optional string with default", with(opt(prim(records.String)), "d"), str("x")},
		{"annotated", docs, one(records.Int32Value(1))},
		{"parameters", params, str("x")},
		{"date", logical(records.Int32, records.DateName, 1), one(records.Int32Value(19000))},
		{"time", logical(records.Int32, records.TimeName, 1), one(records.Int32Value(1))},
		{"timestamp", logical(records.Int64, records.TimestampName, 1), one(records.Int64Value(1700000000000))},
		{"optional timestamp with default", with(opt(logical(records.Int64, records.TimestampName, 1)), int64(5)), one(records.Int64Value(1))},
		{"decimal in a field", structOf("d", fld("d", decimal(scale("2")))), in(bin(0x30, 0x39))},
		{"decimal with precision", structOf("d", fld("d", decimal(scale("2"), precision("10")))), in(bin(0xFF))},
		{"decimal of negative scale", structOf("d", fld("d", decimal(scale("-2")))), in(bin(1))},
		{"decimal of too large scale", structOf("d", fld("d", decimal(scale("12"), precision("10")))), in(bin(1))},
		{"optional decimal with default", structOf("d", fld("d", with(opt(decimal(scale("1"))), []byte{0x81, 0x00}))), in(one(records.Null))},
		{"bytes in a field", structOf("d", fld("d", prim(records.Bytes))), in(bin(0, 255))},
		{"envelope", envelope(), func(b *records.Batch) records.Value {
			row := listOf(b, records.KindStruct, records.Int32Value(7), b.AddBytes([]byte{0x30, 0x39}), records.Null, records.Int32Value(1), records.Int64Value(5), records.Int64Value(6))
			src := listOf(b, records.KindStruct, b.AddString("3.6.1"), records.Null)
			return listOf(b, records.KindStruct, records.Null, row, src, b.AddString("c"), records.Int64Value(9))
		}},
		{"array", &records.Schema{Type: records.Array, Elem: opt(prim(records.Int32))}, func(b *records.Batch) records.Value {
			return listOf(b, records.KindArray, records.Int32Value(1), records.Null, records.Int32Value(3))
		}},
		{"empty array", &records.Schema{Type: records.Array, Elem: prim(records.Int32)}, func(b *records.Batch) records.Value { return listOf(b, records.KindArray) }},
		{"optional array", opt(&records.Schema{Type: records.Array, Elem: pair}), func(b *records.Batch) records.Value {
			return listOf(b, records.KindArray, listOf(b, records.KindStruct, records.Int32Value(1)))
		}},
		{"array default", structOf("a", fld("a", with(&records.Schema{Type: records.Array, Elem: prim(records.Int64)}, []any{int64(1), int64(2)}))), in(func(b *records.Batch) records.Value { return listOf(b, records.KindArray) })},
		{"map", &records.Schema{Type: records.Map, Key: prim(records.String), Elem: opt(prim(records.Int64))}, func(b *records.Batch) records.Value {
			return listOf(b, records.KindMap, b.AddString("k"), records.Int64Value(1))
		}},
		{"map with int keys", &records.Schema{Type: records.Map, Key: prim(records.Int32), Elem: prim(records.String)}, func(b *records.Batch) records.Value {
			return listOf(b, records.KindMap, records.Int32Value(4), b.AddString("v"))
		}},
		{"optional map with optional keys", opt(&records.Schema{Type: records.Map, Key: opt(prim(records.String)), Elem: pair}), func(b *records.Batch) records.Value {
			return listOf(b, records.KindMap, records.Null, listOf(b, records.KindStruct, records.Int32Value(1)))
		}},
		{"named map", &records.Schema{Type: records.Map, Name: "a.b.Entry", Key: prim(records.Int32), Elem: prim(records.String)}, func(b *records.Batch) records.Value {
			return listOf(b, records.KindMap, records.Int32Value(4), b.AddString("v"))
		}},
		{"unnamed structs", structOf("", fld("a", structOf("", fld("x", prim(records.Int32)))), fld("b", opt(structOf("", fld("y", prim(records.Int32))))), fld("c", structOf("", fld("x", prim(records.Int32))))),
			func(b *records.Batch) records.Value {
				return listOf(b, records.KindStruct, listOf(b, records.KindStruct, records.Int32Value(1)), records.Null, listOf(b, records.KindStruct, records.Int32Value(3)))
			}},
		{"namespaces", structOf("a.b.Outer", fld("i", structOf("a.b.Inner", fld("d", structOf("Deep", fld("x", prim(records.Int32)))))), fld("o", opt(structOf("c.Inner", fld("d", structOf("Deep", fld("x", prim(records.Int32)))))))),
			func(b *records.Batch) records.Value {
				deep := listOf(b, records.KindStruct, listOf(b, records.KindStruct, records.Int32Value(1)))
				return listOf(b, records.KindStruct, deep, deep)
			}},
		{"one name, two structs", structOf("o", fld("a", structOf("same", fld("x", prim(records.Int32)))), fld("b", structOf("same", fld("y", prim(records.Int32))))),
			func(b *records.Batch) records.Value {
				return listOf(b, records.KindStruct, listOf(b, records.KindStruct, records.Int32Value(1)), listOf(b, records.KindStruct, records.Int32Value(3)))
			}},
		{"dash in the namespace", structOf("my-server.db.Table", fld("x", prim(records.Int32))), in(one(records.Int32Value(1)))},
		{"dash in the name", structOf("db.my-table", fld("x", prim(records.Int32))), in(one(records.Int32Value(1)))},
		{"dash in a field", structOf("t", fld("x-y", prim(records.Int32))), in(one(records.Int32Value(1)))},
		{"digit first", structOf("t", fld("1x", prim(records.Int32))), in(one(records.Int32Value(1)))},
		{"umlaut in a field", structOf("t", fld("größe", prim(records.Int32))), in(one(records.Int32Value(1)))},
		{"null where none may be", structOf("t", fld("x", prim(records.Int32))), in(one(records.Null))},
		{"default for null", structOf("t", fld("x", with(prim(records.Int32), int64(5)))), in(one(records.Null))},
		{"optional default for null", structOf("t", fld("x", with(opt(prim(records.Int32)), int64(5)))), in(one(records.Null))},
		{"defaults", structOf("t", fld("a", with(prim(records.Int8), int64(-1))), fld("b", with(prim(records.Float32), float64(float32(1.1)))), fld("c", with(prim(records.Float64), 1e7)),
			fld("d", with(prim(records.Boolean), false)), fld("e", with(prim(records.String), "ü\"\n")), fld("f", with(prim(records.Bytes), []byte{0, 0x7f, 0xff})), fld("g", with(opt(prim(records.Int16)), int64(12)))),
			func(b *records.Batch) records.Value {
				return listOf(b, records.KindStruct, records.Null, records.Null, records.Null, records.Null, records.Null, records.Null, records.Null)
			}},
		{"union", structOf("u", fld("u", &records.Schema{Type: records.Struct, Name: "io.confluent.connect.avro.Union", Optional: true, Fields: []records.Field{
			fld("int", opt(prim(records.Int32))), fld("string", opt(prim(records.String))), fld("pair", opt(pair))}})), in(func(b *records.Batch) records.Value {
			return listOf(b, records.KindStruct, records.Null, b.AddString("x"), records.Null)
		})},
		{"enum", logical(records.String, "my.Colour", 0, records.Param{Key: "io.confluent.connect.avro.Enum", Value: "my.Colour"}, records.Param{Key: "io.confluent.connect.avro.Enum.RED", Value: "RED"}), str("RED")},
	}
	return list
}

// genSchema draws schemas whose names Avro accepts.
func genSchema(t *rapid.T, depth int, n *int) *records.Schema {
	types := []records.Type{records.Int8, records.Int16, records.Int32, records.Int64, records.Float32, records.Float64, records.Boolean, records.String, records.Bytes}
	if depth > 0 {
		types = append(types, records.Array, records.Map, records.Struct, records.Struct, records.Struct)
	}
	s := &records.Schema{Type: rapid.SampledFrom(types).Draw(t, "type"), Optional: rapid.Bool().Draw(t, "optional")}
	*n++
	if rapid.Bool().Draw(t, "named") {
		s.Name = rapid.StringMatching(`([a-z]{1,3}\.){0,2}[A-Z]{1,3}`).Draw(t, "name") + fmt.Sprint(*n)
		s.Version = rapid.IntRange(0, 3).Draw(t, "version")
		s.Doc = rapid.String().Draw(t, "doc")
		if rapid.Bool().Draw(t, "params") {
			s.Params = []records.Param{{Key: "k", Value: rapid.String().Draw(t, "param")}, {Key: "a", Value: ""}}
		}
	}
	def := rapid.Bool().Draw(t, "default")
	switch s.Type {
	case records.Bytes:
		if rapid.Bool().Draw(t, "decimal") {
			s.Name, s.Version, s.Params = records.DecimalName, 1, []records.Param{{Key: "scale", Value: rapid.SampledFrom([]string{"0", "2", "9", "-2"}).Draw(t, "scale")}}
		}
	case records.String:
		if def {
			s.Default = rapid.String().Draw(t, "default")
		}
	case records.Int32, records.Int64:
		if def {
			s.Default = int64(rapid.Int32().Draw(t, "default"))
		}
	case records.Float32:
		if def {
			s.Default = float64(rapid.Float32Range(-1e9, 1e9).Draw(t, "default"))
		}
	case records.Float64:
		if def {
			s.Default = rapid.Float64Range(-1e9, 1e9).Draw(t, "default")
		}
	case records.Array:
		s.Elem = genSchema(t, depth-1, n)
	case records.Map:
		s.Key, s.Elem = &records.Schema{Type: rapid.SampledFrom([]records.Type{records.String, records.Int64}).Draw(t, "key")}, genSchema(t, depth-1, n)
		if s.Name == "" && s.Key.Type != records.String {
			s.Name = "Entry" + fmt.Sprint(*n)
		}
	case records.Struct:
		for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
			s.Fields = append(s.Fields, fld(rapid.StringMatching(`[a-z_][A-Za-z0-9_]{0,5}`).Draw(t, "field")+string(rune('a'+i)), genSchema(t, depth-1, n)))
		}
	}
	return s
}

func genValue(t *rapid.T, b *records.Batch, s *records.Schema, top bool) records.Value {
	if !top && s.Optional && rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		return records.Null
	}
	switch s.Type {
	case records.Int8:
		return records.Int8Value(rapid.Int8().Draw(t, "i"))
	case records.Int16:
		return records.Int16Value(rapid.Int16().Draw(t, "i"))
	case records.Int32:
		return records.Int32Value(rapid.Int32().Draw(t, "i"))
	case records.Int64:
		return records.Int64Value(rapid.Int64().Draw(t, "i"))
	case records.Float32:
		return records.Float32Value(rapid.Float32().Draw(t, "f"))
	case records.Float64:
		return records.Float64Value(rapid.Float64().Draw(t, "f"))
	case records.Boolean:
		return records.BoolValue(rapid.Bool().Draw(t, "b"))
	case records.String:
		return b.AddString(rapid.String().Draw(t, "s"))
	case records.Bytes:
		p := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "p")
		if s.IsDecimal() {
			n := new(big.Int).SetBytes(p)
			if rapid.Bool().Draw(t, "neg") {
				n.Neg(n)
			}
			p = records.AppendTwosComplement(nil, n)
		}
		return b.AddBytes(p)
	case records.Array:
		var vals []records.Value
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			vals = append(vals, genValue(t, b, s.Elem, false))
		}
		return listOf(b, records.KindArray, vals...)
	case records.Map:
		n := 1 // maps with other keys are written in the order of the HashMap that the worker holds
		if s.Key.Type == records.String {
			n = rapid.IntRange(0, 40).Draw(t, "n")
		}
		var vals []records.Value
		for i := range n {
			k := records.Int64Value(rapid.Int64().Draw(t, "k"))
			if s.Key.Type == records.String {
				k = b.AddString(rapid.String().Draw(t, "k") + strconv.Itoa(i))
			}
			vals = append(vals, k, genValue(t, b, s.Elem, false))
		}
		return listOf(b, records.KindMap, vals...)
	}
	var vals []records.Value
	for i := range s.Fields {
		vals = append(vals, genValue(t, b, s.Fields[i].Schema, false))
	}
	return listOf(b, records.KindStruct, vals...)
}

// known are samples that Apicurio's converter treats in another way than Confluent's.
var known = map[string]string{
	"one name, two structs": "Avro 1.12 writes the second as a reference to the first; the registry would read other data than was written",
	"dash in the namespace": "the registry refuses the text",
}

// draw makes the samples' values, and random ones.
func draw(t *testing.T, b *records.Batch, random int) ([]sample, []records.Value) {
	list := samples()
	values := make([]records.Value, 0, len(list)+random)
	for i := range list {
		values = append(values, list[i].make(b))
	}
	type pair struct {
		s *records.Schema
		v records.Value
	}
	for i := range random {
		p := rapid.Custom(func(t *rapid.T) pair {
			n := 0
			schema := genSchema(t, 3, &n)
			return pair{schema, genValue(t, b, schema, true)}
		}).Example(i)
		list, values = append(list, sample{name: fmt.Sprint("random ", i), schema: p.s}), append(values, p.v)
	}
	return list, values
}

// randoms is how many random schemas are compared. ANABRANCH_JUDGE=1000 takes more time.
func randoms() int {
	if n, err := strconv.Atoi(os.Getenv("ANABRANCH_JUDGE")); err == nil {
		return n
	}
	return 40
}

func TestJudge_TextsAndBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a registry and a JVM; not in short mode")
	}
	r := testenv.Registry(t)
	judge := testenv.NewJudge(t, "apicurio-converter")
	prefix := testenv.Kafka(t).TopicPrefix(t)
	client, err := registry.NewClient(registry.Config{URLs: []string{r.URL() + "/"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, pairs := range map[string][]string{
		"plain": nil, "enhanced": {"enhanced.avro.schema.support", "true"}, "without metadata": {"connect.meta.data", "false"},
	} {
		t.Run(name, func(t *testing.T) {
			b := records.NewBatch(records.Origin{Table: "t"})
			random := randoms()
			if name != "plain" {
				random = 0
			}
			list, values := draw(t, b, random)
			q := testenv.Question{Op: "encode", Class: "io.apicurio.registry.utils.converter.AvroConverter", Use: "value",
				Config: apicurio(r, prefix+strings.ReplaceAll(name, " ", ""), pairs...)}
			for i := range list {
				q.Values = append(q.Values, typed.NewValue(b, list[i].schema, values[i]))
			}
			answer := judge.Ask(t, []testenv.Question{q})[0]
			if answer.Error != nil {
				t.Fatal(answer.Error)
			}
			ours := factory(t, false, append([]string{registry.URLKey, r.URL()}, pairs...)...)()
			for i, want := range answer.Results {
				if why, ok := known[list[i].name]; ok {
					t.Logf("%s: %s", list[i].name, why)
					continue
				}
				compare(t, client, ours, prefix, list[i], b, values[i], want)
			}
		})
	}
}

func compare(t *testing.T, client *registry.Client, ours *avro.Converter, topic string, s sample, b *records.Batch, v records.Value, want testenv.JudgeCase) {
	text, terr := avro.TextOf(ours, s.schema)
	got, _, err := ours.Append(nil, topic, b, s.schema, v)
	if want.Error != nil {
		if err == nil {
			t.Errorf("%s: Java says %v, ours writes it", s.name, want.Error)
			return
		}
		// Connect's clients see class and text.
		var j interface{ JavaClass() string }
		if !errors.As(err, &j) || j.JavaClass() != want.Error.Class || !strings.HasPrefix(err.Error(), want.Error.Message) {
			t.Errorf("%s: Java %v; ours %v %v", s.name, want.Error, j, err)
		}
		return
	}
	if err != nil || terr != nil {
		t.Errorf("%s: %v %v; Java writes %s\n%s", s.name, err, terr, *want.Data, typed.Canonical(t, typed.NewSchema(s.schema)))
		return
	}
	raw, _ := hex.DecodeString(*want.Data)
	id, payload, _ := registry.SplitHeader(raw)
	theirs, err := client.ByID(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	got = got[registry.HeaderSize:]
	switch {
	case s.schema.Type == records.Struct && s.schema.Optional:
		// Apicurio registers the schema of the data, Confluent's converter that of the schema.
		text = strings.TrimSuffix(strings.TrimPrefix(text, `["null",`), "]")
		got = got[1:]
	case s.schema.Type == records.Bytes && !s.schema.Optional:
		// Confluent's serializer writes bytes as they are.
		got = append(binary.AppendUvarint(nil, uint64(len(got))<<1), got...)
	}
	if theirs.Text != text {
		t.Errorf("%s: schema\n ours %s\n Java %s", s.name, text, theirs.Text)
	} else if string(got) != string(payload) {
		t.Errorf("%s: payload\n ours %x\n Java %x\n%s", s.name, got, payload, text)
	}
}
