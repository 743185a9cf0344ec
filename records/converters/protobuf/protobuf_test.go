package protobuf

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/registry"
	"github.com/anabranch/anabranch/testenv"
)

func make1(t testing.TB, cfg ...string) func() *Converter {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(cfg); i += 2 {
		m[cfg[i]] = cfg[i+1]
	}
	v, problems := Def().Parse(m)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	f, problems := New(v, false)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return f
}

// schemaServer is a registry that takes every Protobuf schema that compiles.
func schemaServer(t testing.TB) string {
	var mu sync.Mutex
	var texts []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			var body struct{ Schema, SchemaType string }
			raw, _ := io.ReadAll(r.Body)
			if json.Unmarshal(raw, &body) != nil || body.SchemaType != "PROTOBUF" {
				w.WriteHeader(422)
				return
			}
			if _, err := compile(&options{}, registry.Schema{Text: body.Schema}, nil); err != nil {
				w.WriteHeader(422)
				json.NewEncoder(w).Encode(map[string]any{"error_code": 42201, "message": err.Error() + body.Schema})
				return
			}
			for i, text := range texts {
				if text == body.Schema {
					fmt.Fprintf(w, `{"id":%d}`, i+1)
					return
				}
			}
			texts = append(texts, body.Schema)
			fmt.Fprintf(w, `{"id":%d}`, len(texts))
			return
		}
		var id int
		if _, err := fmt.Sscanf(r.URL.Path, "/schemas/ids/%d", &id); err != nil || id < 1 || id > len(texts) {
			w.WriteHeader(404)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"schema": texts[id-1], "schemaType": "PROTOBUF"})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// order is a struct with every type that the mapping knows.
func order(b *records.Batch) (*records.Schema, records.Value) {
	typ := func(t records.Type) *records.Schema { return &records.Schema{Type: t} }
	opt := func(t records.Type) *records.Schema { return &records.Schema{Type: t, Optional: true} }
	named := func(t records.Type, name string) *records.Schema {
		return &records.Schema{Type: t, Name: name, Version: 1, Optional: true}
	}
	line := &records.Schema{Type: records.Struct, Name: "shop.Line", Fields: []records.Field{{Name: "sku", Schema: typ(records.String)}, {Name: "n", Schema: typ(records.Int32)}}}
	price := named(records.Bytes, records.DecimalName)
	price.Params = []records.Param{{Key: "scale", Value: "2"}}
	noted := opt(records.String)
	noted.Doc = "a \"note\" – odd"
	s := &records.Schema{Type: records.Struct, Name: "shop.Order", Fields: []records.Field{
		{Name: "i8", Schema: typ(records.Int8)}, {Name: "i16", Schema: typ(records.Int16)}, {Name: "i32", Schema: typ(records.Int32)}, {Name: "i64", Schema: typ(records.Int64)},
		{Name: "f32", Schema: typ(records.Float32)}, {Name: "f64", Schema: typ(records.Float64)}, {Name: "ok", Schema: typ(records.Boolean)},
		{Name: "note", Schema: noted}, {Name: "raw", Schema: opt(records.Bytes)}, {Name: "price", Schema: price},
		{Name: "day", Schema: named(records.Int32, records.DateName)}, {Name: "at", Schema: named(records.Int32, records.TimeName)}, {Name: "ts", Schema: named(records.Int64, records.TimestampName)},
		{Name: "lines", Schema: &records.Schema{Type: records.Array, Elem: line}}, {Name: "nums", Schema: &records.Schema{Type: records.Array, Elem: typ(records.Int64)}},
		{Name: "tags", Schema: &records.Schema{Type: records.Map, Key: typ(records.String), Elem: typ(records.Float64)}}, {Name: "first", Schema: line.AsOptional()},
		{Name: "gone", Schema: line.AsOptional()},
	}}
	str := func(off uint32, vals ...records.Value) records.Value {
		copy(b.Vals[off:], vals)
		return records.StructAt(off, len(vals))
	}
	mk := func(sku string, n int32) records.Value {
		v := b.AddString(sku)
		return str(b.AddVals(2), v, records.Int32Value(n))
	}
	l1, l2 := mk("a", 1), mk("b", -2)
	list := b.AddVals(2)
	b.Vals[list], b.Vals[list+1] = l1, l2
	nums := b.AddVals(3)
	b.Vals[nums], b.Vals[nums+1], b.Vals[nums+2] = records.Int64Value(0), records.Int64Value(-1), records.Int64Value(1<<40)
	tag := b.AddString("weight")
	tags := b.AddVals(2)
	b.Vals[tags], b.Vals[tags+1] = tag, records.Float64Value(2.5)
	note, raw, dec := b.AddString(strings.Repeat("näme", 100)), b.AddBytes([]byte{0, 1, 255}), b.AddBytes([]byte{0xff, 0x85})
	first := mk("", 0)
	return s, str(b.AddVals(len(s.Fields)), records.Int8Value(-8), records.Int16Value(-300), records.Int32Value(math.MinInt32), records.Int64Value(math.MaxInt64),
		records.Float32Value(1.5), records.Float64Value(-0.25), records.BoolValue(true), note, raw, dec,
		records.Int32Value(-1), records.Int32Value(3_661_001), records.Int64Value(-1),
		records.Value{Kind: records.KindArray, Off: list, N: 2}, records.Value{Kind: records.KindArray, Off: nums, N: 3},
		records.Value{Kind: records.KindMap, Off: tags, N: 1}, first, records.Null)
}

// Google's own library reads what we write, with the schema that we register.
func TestWrite_JudgedByGoogle(t *testing.T) {
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	s, v := order(b)
	text, name, _, err := (&options{}).fromConnect(s)
	if err != nil {
		t.Fatal(err)
	}
	c := make1(t, "schema.registry.url", schemaServer(t))()
	data, _, err := c.Append(nil, "t", b, s, v)
	if err != nil {
		t.Fatal(err)
	}
	if data[0] != 0 || data[5] != 0 || name != "shop.Order" {
		t.Errorf("header % x, name %s", data[:6], name)
	}
	sources := map[string]string{"a.proto": text}
	for k, v := range known {
		sources[k] = v
	}
	files, err := (&protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)})}).Compile(t.Context(), "a.proto")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	m := dynamicpb.NewMessage(files[0].Messages().Get(0))
	if err := proto.Unmarshal(data[6:], m); err != nil {
		t.Fatal(err)
	}
	shown, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(shown, &got); err != nil {
		t.Fatal(err)
	}
	json.Unmarshal([]byte(`{"i8":-8,"i16":-300,"i32":-2147483648,"i64":"9223372036854775807","f32":1.5,"f64":-0.25,"ok":true,"note":"`+strings.Repeat("näme", 100)+`",
		"raw":"AAH/","price":{"value":"/4U=","scale":2},"day":{"year":1969,"month":12,"day":31},"at":{"hours":1,"minutes":1,"seconds":1,"nanos":1000000},
		"ts":"1969-12-31T23:59:59.999Z","lines":[{"sku":"a","n":1},{"sku":"b","n":-2}],"nums":["0","-1","1099511627776"],"tags":{"weight":2.5},"first":{}}`), &want)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Google reads\n%v\nwant\n%v\nschema\n%s", got, want, text)
	}
	// What Google's library writes, we read.
	again, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	s1, v1, err := c.Decode("t", data, b)
	if err != nil {
		t.Fatal(err)
	}
	s2, v2, err := c.Decode("t", append(append([]byte(nil), data[:6]...), again...), b)
	if err != nil || s1 != s2 || show(b, s1, v1) != show(b, s2, v2) {
		t.Errorf("%s\nfrom Google's bytes %s, %v", show(b, s1, v1), show(b, s2, v2), err)
	}
	if want := `{i8=-8,i16=-300,i32=-2147483648,i64=9223372036854775807,f32=1.5,f64=-0.25,ok=true,note=` + strings.Repeat("näme", 100) + `,raw=0001ff,price=ff85,day=-1,at=3661001,ts=-1,lines=[{sku=a,n=1} {sku=b,n=-2}],nums=[0 -1 1099511627776],tags=map[weight:2.5],first={sku=,n=0},gone=null}`; show(b, s1, v1) != want {
		t.Errorf("read\n%s\nwant\n%s", show(b, s1, v1), want)
	}
}

// show renders a value.
func show(b *records.Batch, s *records.Schema, v records.Value) string {
	switch v.Kind {
	case records.KindNull:
		return "null"
	case records.KindString:
		return b.Str(v)
	case records.KindBytes:
		return fmt.Sprintf("%x", b.Raw(v))
	case records.KindBool:
		return fmt.Sprint(v.Bool())
	case records.KindFloat32, records.KindFloat64:
		return fmt.Sprint(v.Float())
	case records.KindStruct:
		var out []string
		for i, e := range b.Elems(v) {
			out = append(out, s.Fields[i].Name+"="+show(b, s.Fields[i].Schema, e))
		}
		return "{" + strings.Join(out, ",") + "}"
	case records.KindArray:
		var out []string
		for _, e := range b.Elems(v) {
			out = append(out, show(b, s.Elem, e))
		}
		return fmt.Sprint(out)
	case records.KindMap:
		out := map[string]string{}
		kv := b.Elems(v)
		for i := 0; i < len(kv); i += 2 {
			out[show(b, s.Key, kv[i])] = show(b, s.Elem, kv[i+1])
		}
		return fmt.Sprint(out)
	}
	return fmt.Sprint(v.Int())
}

// Random structs come back as they went, nulls as zeros unless optional.for.nullables keeps them.
func TestRoundTrip(t *testing.T) {
	url := schemaServer(t)
	for _, optional := range []string{"false", "true"} {
		f := make1(t, "schema.registry.url", url, optionalKey, optional, scrubKey, "true")
		rapid.Check(t, func(t *rapid.T) {
			b := records.NewBatch(records.Origin{})
			defer b.Release()
			s := genStruct(t, 3)
			v := genValue(t, b, s, optional == "true")
			data, _, err := f().Append(nil, "t", b, s, v)
			if err != nil {
				t.Fatal(err)
			}
			s2, w, err := f().Decode("t", data, b)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := show(b, s2, w), show(b, s, v); got != want {
				t.Fatalf("read %s, wrote %s", got, want)
			}
			for i := range s.Fields {
				if a, z := s.Fields[i].Schema.Type, s2.Fields[i].Schema.Type; a != z {
					t.Fatalf("field %s: %v, want %v", s.Fields[i].Name, z, a)
				}
			}
		})
	}
}

func genStruct(t *rapid.T, depth int) *records.Schema {
	s := &records.Schema{Type: records.Struct, Name: rapid.SampledFrom([]string{"", "A", "n.B", "n.m.C"}).Draw(t, "name")}
	for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
		s.Fields = append(s.Fields, records.Field{Name: fmt.Sprintf("f%d", i), Schema: genField(t, depth)})
	}
	return s
}

func genField(t *rapid.T, depth int) *records.Schema {
	plain := []records.Type{records.Int8, records.Int16, records.Int32, records.Int64, records.Float32, records.Float64, records.Boolean, records.String, records.Bytes}
	elem := func() *records.Schema {
		if depth > 0 && rapid.Bool().Draw(t, "deep") {
			return genStruct(t, depth-1)
		}
		return &records.Schema{Type: rapid.SampledFrom(plain).Draw(t, "elem")}
	}
	switch rapid.IntRange(0, 5).Draw(t, "what") {
	case 0:
		return &records.Schema{Type: records.Array, Elem: elem()}
	case 1:
		return &records.Schema{Type: records.Map, Key: &records.Schema{Type: rapid.SampledFrom([]records.Type{records.String, records.Int32, records.Int64, records.Boolean}).Draw(t, "key")}, Elem: elem()}
	case 2:
		if depth > 0 {
			s := genStruct(t, depth-1)
			s.Optional = true
			return s
		}
	}
	return &records.Schema{Type: rapid.SampledFrom(plain).Draw(t, "type"), Optional: rapid.Bool().Draw(t, "optional")}
}

func genValue(t *rapid.T, b *records.Batch, s *records.Schema, nulls bool) records.Value {
	if s.Optional && (nulls || s.Type == records.Struct) && rapid.Bool().Draw(t, "null") {
		return records.Null
	}
	many := func(n int, one func(i int) records.Value) uint32 {
		vals := make([]records.Value, n)
		for i := range vals {
			vals[i] = one(i)
		}
		off := b.AddVals(n)
		copy(b.Vals[off:], vals)
		return off
	}
	switch s.Type {
	case records.Struct:
		return records.StructAt(many(len(s.Fields), func(i int) records.Value { return genValue(t, b, s.Fields[i].Schema, nulls) }), len(s.Fields))
	case records.Array:
		n := rapid.IntRange(0, 3).Draw(t, "n")
		return records.Value{Kind: records.KindArray, N: uint32(n), Off: many(n, func(int) records.Value { return genValue(t, b, s.Elem, nulls) })}
	case records.Map:
		n := rapid.IntRange(0, 1).Draw(t, "n")
		return records.Value{Kind: records.KindMap, N: uint32(n), Off: many(2*n, func(i int) records.Value {
			return genValue(t, b, []*records.Schema{s.Key, s.Elem}[i%2], nulls)
		})}
	case records.Int8:
		return records.Int8Value(rapid.Int8().Draw(t, "v"))
	case records.Int16:
		return records.Int16Value(rapid.Int16().Draw(t, "v"))
	case records.Int32:
		return records.Int32Value(rapid.Int32().Draw(t, "v"))
	case records.Int64:
		return records.Int64Value(rapid.Int64().Draw(t, "v"))
	case records.Float32:
		return records.Float32Value(rapid.Float32().Draw(t, "v"))
	case records.Float64:
		return records.Float64Value(rapid.Float64().Draw(t, "v"))
	case records.Boolean:
		return records.BoolValue(rapid.Bool().Draw(t, "v"))
	case records.String:
		return b.AddString(rapid.String().Draw(t, "v"))
	}
	return b.AddBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "v"))
}

// Schemas of others: proto2, enums, oneofs, nested types, references, all wire types.
func TestRead_SchemasOfOthers(t *testing.T) {
	text := `syntax = "proto3"; package p; import "other.proto"; import "google/protobuf/timestamp.proto";
message Unused { int32 x = 1; }
message M {
  enum Color { RED = 0; BLUE = 5; }
  Color color = 1; repeated Color colors = 2; sint64 z = 3; fixed32 u = 4; sfixed64 w = 5; uint64 big = 6;
  oneof pick { string word = 7; int32 num = 8; }
  Other other = 9; optional int32 maybe = 10; google.protobuf.Timestamp ts = 11; map<int32, Color> by = 12;
  message Inner { bool deep = 1; } Inner inner = 13;
}`
	f, err := compile(&options{indexForUnions: true, optionalProto2: true}, registry.Schema{Text: text},
		[]registry.Named{{Name: "other.proto", Schema: registry.Schema{Text: `syntax = "proto2"; package p; message Other { required int32 a = 1; optional string b = 2 [default = "x"]; }`}}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.at([]int{1})
	if err != nil {
		t.Fatal(err)
	}
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	m := dynamicpb.NewMessage(f.root.Messages().Get(1))
	if err := (protojson.UnmarshalOptions{}).Unmarshal([]byte(`{"color":"BLUE","colors":["RED","BLUE"],"z":"-5","u":4294967295,"w":"-7","big":"18446744073709551615","num":3,"other":{"a":1},"ts":"1970-01-01T00:00:01Z","by":{"4":"BLUE"},"inner":{"deep":true}}`), m); err != nil {
		t.Fatal(err)
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	v, err := r.plan.read(b, raw, 0)
	want := "{color=BLUE,colors=[RED BLUE],z=-5,u=4294967295,w=-7,big=-1,pick_0={word=null,num=3},other={a=1,b=null},maybe=null,ts=1000,by=map[4:BLUE],inner={deep=true}}"
	if err != nil || show(b, r.schema, v) != want {
		t.Errorf("read\n%s %v\nwant\n%s", show(b, r.schema, v), err, want)
	}
	if v, err = r.plan.read(b, nil, 0); err != nil || !strings.HasPrefix(show(b, r.schema, v), "{color=RED,colors=[],z=0") {
		t.Errorf("empty message: %s %v", show(b, r.schema, v), err)
	}
	inner, err := f.at([]int{1, 1}) // the entries of the map come before it
	if err != nil || inner.schema.Name != "Inner" {
		t.Errorf("nested message: %+v %v", inner, err)
	}
	for text, want := range map[string]string{
		`syntax = "proto3"; message A { A a = 1; }`:                "contains itself",
		`syntax = "proto3"; message A { int32 a = 1`:               "Invalid Protobuf schema",
		`syntax = "proto3"; import "missing.proto"; message A {}`:  "missing.proto",
		`syntax = "proto2"; message A { optional group G = 1 {} }`: "not supported",
		`syntax = "proto3";`: "no message",
	} {
		f, err := compile(&options{}, registry.Schema{Text: text}, nil)
		if err == nil {
			_, err = f.at([]int{0})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestAppend_Refuses(t *testing.T) {
	c := make1(t, "schema.registry.url", "http://127.0.0.1:1", "max.retries", "0")()
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	str := &records.Schema{Type: records.String}
	wrap := func(name string, s *records.Schema) *records.Schema {
		return &records.Schema{Type: records.Struct, Fields: []records.Field{{Name: name, Schema: s}}}
	}
	list := &records.Schema{Type: records.Array, Elem: str}
	for want, s := range map[string]*records.Schema{
		"needs a Struct":         str,
		"scrub.invalid.names":    wrap("a-b", str),
		"lists of lists":         wrap("a", &records.Schema{Type: records.Array, Elem: list}),
		"maps with keys of type": wrap("a", &records.Schema{Type: records.Map, Key: &records.Schema{Type: records.Float64}, Elem: str}),
		"maps of lists":          wrap("a", &records.Schema{Type: records.Map, Key: str, Elem: list}),
		"read or write schema":   nil,
	} {
		if s == nil {
			s, want = wrap("a", str), "connect" // the registry is away: retriable
		}
		off := b.AddVals(1)
		b.Vals[off] = b.AddString("x")
		_, _, err := c.Append(nil, "t", b, s, records.StructAt(off, 1))
		if err == nil || !strings.Contains(err.Error(), want) || records.Retriable(err) != (want == "connect") {
			t.Errorf("%v, retriable %v, want %s", err, records.Retriable(err), want)
		}
	}
}

func TestRealRegistry(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a schema registry; not in short mode")
	}
	r := testenv.Registry(t)
	topic := testenv.Kafka(t).TopicPrefix(t)
	f := make1(t, "schema.registry.url", r.URL())
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	s, v := order(b)
	data, _, err := f().Append(nil, topic, b, s, v)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := make1(t, "schema.registry.url", r.URL(), "auto.register.schemas", "false")().Append(nil, topic, b, s.Clone(), v)
	if err != nil || string(again) != string(data) {
		t.Errorf("looked up: %v, equal %v", err, string(again) == string(data))
	}
	s2, w, err := make1(t, "schema.registry.url", r.URL())().Decode(topic, data, b)
	if err != nil || show(b, s2, w) != show(b, s, v) {
		t.Errorf("read %s, %v", show(b, s2, w), err)
	}
	if _, _, err := f().Decode(topic, []byte("plain text"), b); err == nil || records.Retriable(err) {
		t.Errorf("no header: %v", err)
	}
}

func TestAppend_DoesNotAllocate(t *testing.T) {
	c := make1(t, "schema.registry.url", schemaServer(t))()
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	s, v := order(b)
	buf, _, err := c.Append(nil, "t", b, s, v)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { buf, _, _ = c.Append(buf[:0], "t", b, s, v) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	c := make1(b, "schema.registry.url", schemaServer(b))()
	batch := records.NewBatch(records.Origin{})
	s, v := order(batch)
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

func BenchmarkDecode(b *testing.B) {
	c := make1(b, "schema.registry.url", schemaServer(b))()
	batch := records.NewBatch(records.Origin{})
	s, v := order(batch)
	buf, _, err := c.Append(nil, "t", batch, s, v)
	if err != nil {
		b.Fatal(err)
	}
	vals, arena := len(batch.Vals), len(batch.Arena)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		batch.Vals, batch.Arena = batch.Vals[:vals], batch.Arena[:arena]
		if _, _, err := c.Decode("t", buf, batch); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzRead(f *testing.F) {
	b := records.NewBatch(records.Origin{})
	s, v := order(b)
	text, _, plan, err := (&options{}).fromConnect(s)
	if err != nil {
		f.Fatal(err)
	}
	seed, err := plan.append(nil, b, v)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	file, err := compile(&options{}, registry.Schema{Text: text}, nil)
	if err != nil {
		f.Fatal(err)
	}
	r, err := file.at([]int{0})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		x := records.NewBatch(records.Origin{})
		defer x.Release()
		if v, err := r.plan.read(x, in, 0); err == nil {
			show(x, r.schema, v)
		}
	})
}

func FuzzCompile(f *testing.F) {
	f.Add(`syntax = "proto3"; message A { map<string, int32> m = 1; oneof o { bool b = 2; } }`)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := compile(&options{}, registry.Schema{Text: text}, nil)
		if err == nil {
			_, _ = file.at([]int{0})
		}
	})
}
