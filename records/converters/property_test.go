package converters

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// genSchema draws schemas of all types; depth bounds nesting.
func genSchema(t *rapid.T, depth int) *records.Schema {
	types := []records.Type{records.Int8, records.Int16, records.Int32, records.Int64, records.Float32, records.Float64, records.Boolean, records.String, records.Bytes}
	if depth > 0 {
		types = append(types, records.Array, records.Map, records.Struct, records.Struct)
	}
	s := &records.Schema{Type: rapid.SampledFrom(types).Draw(t, "type"), Optional: rapid.Bool().Draw(t, "optional")}
	if rapid.Bool().Draw(t, "named") {
		s.Name, s.Version = rapid.StringMatching(`[a-z.]{1,8}`).Draw(t, "name"), rapid.IntRange(0, 3).Draw(t, "version")
		s.Doc = rapid.String().Draw(t, "doc")
		if rapid.Bool().Draw(t, "params") {
			s.Params = []records.Param{{Key: "k", Value: rapid.String().Draw(t, "param")}, {Key: "a", Value: ""}}
		}
	}
	switch s.Type {
	case records.Bytes:
		if rapid.Bool().Draw(t, "decimal") {
			s.Name, s.Version, s.Params = records.DecimalName, 1, []records.Param{{Key: "scale", Value: rapid.SampledFrom([]string{"0", "2", "9", "-2"}).Draw(t, "scale")}}
		}
	case records.String:
		if rapid.Bool().Draw(t, "default") {
			s.Default = rapid.String().Draw(t, "default")
		}
	case records.Int32:
		if rapid.Bool().Draw(t, "default") {
			s.Default = int64(rapid.Int32().Draw(t, "default"))
		}
	case records.Array:
		s.Elem = genSchema(t, depth-1)
	case records.Map:
		s.Key, s.Elem = &records.Schema{Type: rapid.SampledFrom([]records.Type{records.String, records.Int64}).Draw(t, "key")}, genSchema(t, depth-1)
	case records.Struct:
		for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
			s.Fields = append(s.Fields, records.Field{Name: rapid.String().Draw(t, "field") + string(rune('a'+i)), Schema: genSchema(t, depth-1)})
		}
	}
	return s
}

func genValue(t *rapid.T, b *records.Batch, s *records.Schema) records.Value {
	if (s.Optional || s.Default != nil) && rapid.IntRange(0, 3).Draw(t, "null") == 0 {
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
		if s.IsDecimal() {
			n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "n"))
			if rapid.Bool().Draw(t, "neg") {
				n.Neg(n)
			}
			off := len(b.Arena)
			b.Arena = records.AppendTwosComplement(b.Arena, n)
			return b.ArenaValue(records.KindBytes, off)
		}
		return b.AddBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "p"))
	case records.Array:
		n := rapid.IntRange(0, 3).Draw(t, "n")
		off := b.AddVals(n)
		for i := range n {
			v := genValue(t, b, s.Elem)
			b.Vals[int(off)+i] = v
		}
		return records.Value{Kind: records.KindArray, Off: off, N: uint32(n)}
	case records.Map:
		n := rapid.IntRange(0, 3).Draw(t, "n")
		off := b.AddVals(2 * n)
		for i := range n {
			k := records.Int64Value(int64(i))
			if s.Key.Type == records.String {
				k = b.AddString(rapid.String().Draw(t, "k") + string(rune('a'+i)))
			}
			v := genValue(t, b, s.Elem)
			b.Vals[int(off)+2*i], b.Vals[int(off)+2*i+1] = k, v
		}
		return records.Value{Kind: records.KindMap, Off: off, N: uint32(n)}
	}
	off := b.AddVals(len(s.Fields))
	for i := range s.Fields {
		v := genValue(t, b, s.Fields[i].Schema)
		b.Vals[int(off)+i] = v
	}
	return records.StructAt(off, len(s.Fields))
}

// sameValue compares two values of a schema; nulls of fields with a default count as the default.
func sameValue(x *records.Batch, s *records.Schema, v records.Value, y *records.Batch, w records.Value) bool {
	if v.IsNull() && s.Default != nil {
		v = x.DefaultValue(s)
	}
	if v.Kind != w.Kind {
		return false
	}
	switch v.Kind {
	case records.KindString, records.KindBytes:
		return string(x.Raw(v)) == string(y.Raw(w))
	case records.KindFloat32, records.KindFloat64:
		return v.Float() == w.Float() || math.IsNaN(v.Float()) && math.IsNaN(w.Float())
	case records.KindArray, records.KindMap, records.KindStruct:
		if v.N != w.N {
			return false
		}
		n := len(x.Elems(v))
		for i := range n {
			es := s.Elem
			if v.Kind == records.KindStruct {
				es = s.Fields[i].Schema
			} else if v.Kind == records.KindMap && i%2 == 0 {
				es = s.Key
			}
			if !sameValue(x, es, x.Elems(v)[i], y, y.Elems(w)[i]) {
				return false
			}
		}
		return true
	}
	return v.Num == w.Num
}

func TestJSON_RoundTrip(t *testing.T) {
	for _, format := range []string{"BASE64", "NUMERIC"} {
		t.Run(format, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				f, err := New(JSONClass, map[string]string{DecimalFormat: format}, false)
				if err != nil {
					t.Fatal(err)
				}
				c := f()
				s := genSchema(t, 3)
				x, y := records.NewBatch(records.Origin{}), records.NewBatch(records.Origin{})
				v := genValue(t, x, s)
				text, isNull, err := c.Append(nil, "t", x, s, v)
				if err != nil || isNull {
					t.Fatalf("append: %v %v", isNull, err)
				}
				if !json.Valid(text) {
					t.Fatalf("not JSON: %s", text)
				}
				s2, w, err := c.Decode("t", text, y)
				if err != nil {
					t.Fatalf("decode: %v: %s", err, text)
				}
				if !s.Equal(s2) {
					t.Fatalf("schema came back otherwise: %s", text)
				}
				if !sameValue(x, s, v, y, w) {
					t.Fatalf("value came back otherwise: %s", text)
				}
				s3, _, err := c.Decode("t", text, y)
				if err != nil || s3 != s2 {
					t.Fatal("the same bytes give another schema pointer")
				}
			})
		})
	}
}

// FuzzJSON_Decode looks for panics and for messages that are read differently from encoding/json.
func FuzzJSON_Decode(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"x",null,true,{"b":"\u00e9\ud83d\ude00"}]}`, `{"schema":{"type":"struct","fields":[{"type":"int32","field":"a"}]},"payload":{"a":1}}`,
		`"\ud800"`, `007`, `1e400`, `[[[[[`, "\xef\xbb\xbf1", `{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},"payload":1e9999}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, schemas := range []string{"true", "false"} {
			c := must(t, JSONClass, "schemas.enable", schemas)
			b := records.NewBatch(records.Origin{})
			s, v, err := c.Decode("t", data, b)
			if err != nil {
				continue
			}
			text, isNull, err := c.Append(nil, "t", b, s, v)
			if err != nil {
				t.Fatalf("cannot write what was read: %v", err)
			}
			if !isNull && !json.Valid(text) {
				t.Fatalf("not JSON: %q", text)
			}
			if schemas == "false" && json.Valid(data) && !isNull && !strings.Contains(string(data), "\\") && !strings.Contains(string(data), "-0") {
				var a, z any
				if json.Unmarshal(data, &a) == nil && json.Unmarshal(text, &z) == nil {
					p, _ := json.Marshal(a)
					q, _ := json.Marshal(z)
					if string(p) != string(q) {
						t.Fatalf("read as %s, want %s", q, p)
					}
				}
			}
		}
	})
}

// FuzzSimpleHeader looks for panics and for text that cannot be written again.
func FuzzSimpleHeader(f *testing.F) {
	for _, s := range []string{"", "[1,2]", `{"a":[1,{"b":null}]}`, "2019-08-23T14:34:54.346Z", "1e99999", `"`, `[[[[`, `\`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := must(t, SimpleHeaderClass)
		b := records.NewBatch(records.Origin{})
		s, v, err := c.Decode("t", data, b)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Append(nil, "t", b, s, v); err != nil {
			t.Fatal(err)
		}
	})
}

func TestJSON_AppendDoesNotAllocate(t *testing.T) {
	b, s, v := envelope()
	for _, schemas := range []string{"true", "false"} {
		c := must(t, JSONClass, "schemas.enable", schemas, "decimal.format", "numeric")
		buf, _, err := c.Append(nil, "t", b, s, v)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { buf, _, _ = c.Append(buf[:0], "t", b, s, v) }); n != 0 {
			t.Errorf("schemas %s: Append allocates %v times", schemas, n)
		}
		in := records.NewBatch(records.Origin{})
		read := func() {
			in.Arena, in.Vals = in.Arena[:0], in.Vals[:0]
			if _, _, err := c.Decode("t", buf, in); err != nil {
				t.Fatal(err)
			}
		}
		read()
		if n := testing.AllocsPerRun(100, read); n != 0 {
			t.Errorf("Decode allocates %v times", n)
		}
	}
}

func TestNew_RefusesBadConfigurations(t *testing.T) {
	for name, c := range map[string]struct {
		class string
		cfg   map[string]string
		key   string
	}{
		"unknown class":  {"com.example.X", nil, "converter"},
		"not a boolean":  {JSONClass, map[string]string{SchemasEnable: "maybe"}, SchemasEnable},
		"decimal format": {JSONClass, map[string]string{DecimalFormat: "hex"}, DecimalFormat},
		"schema content": {JSONClass, map[string]string{SchemaContent: "{}"}, SchemaContent},
		"encoding":       {StringClass, map[string]string{Encoding: "UTF-16"}, Encoding},
	} {
		_, err := New(c.class, c.cfg, false)
		ps, ok := err.(configs.Problems)
		if !ok || len(ps) != 1 || ps[0].Key != c.key {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, class := range []string{"JsonConverter", "Json", "org.apache.kafka.connect.converters.LongConverter", "SimpleHeaderConverter", "ByteArray"} {
		if _, err := New(class, nil, true); err != nil {
			t.Errorf("%s: %v", class, err)
		}
	}
}

func TestPrimitives(t *testing.T) {
	b := records.NewBatch(records.Origin{})
	for class, c := range map[string]struct {
		v    records.Value
		want string
	}{
		ShortClass: {records.Int16Value(-2), "\xff\xfe"}, IntegerClass: {records.Int32Value(258), "\x00\x00\x01\x02"},
		LongClass: {records.Int64Value(-1), "\xff\xff\xff\xff\xff\xff\xff\xff"}, FloatClass: {records.Float32Value(1.5), "\x3f\xc0\x00\x00"},
		DoubleClass: {records.Float64Value(-2), "\xc0\x00\x00\x00\x00\x00\x00\x00"}, BooleanClass: {records.BoolValue(true), "\x01"},
		ByteArrayClass: {b.AddBytes([]byte("x")), "x"}, StringClass: {b.AddString("x"), "x"},
	} {
		conv := must(t, class)
		if got := out(t, conv, b, nil, c.v); got != c.want {
			t.Errorf("%s writes %q", class, got)
		}
		s, v, err := conv.Decode("t", []byte(c.want), b)
		if err != nil || v.Kind != c.v.Kind || s == nil || !s.Optional {
			t.Errorf("%s reads %v %v", class, v, err)
		}
		if got := out(t, conv, b, nil, records.Null); got != "<null>" {
			t.Errorf("%s writes null as %q", class, got)
		}
		if _, v, err := conv.Decode("t", nil, b); err != nil || !v.IsNull() {
			t.Errorf("%s reads null as %v", class, v)
		}
		if class != StringClass && class != ByteArrayClass {
			if _, _, err := conv.Decode("t", []byte("123"), b); err == nil {
				t.Errorf("%s takes a wrong length", class)
			}
			if got := out(t, conv, b, nil, b.AddString("x")); !strings.HasPrefix(got, "error: ") {
				t.Errorf("%s takes a string", class)
			}
		}
	}
}

// An error names the place and never shows the value.
func TestJSON_ErrorsNameTheFieldOnly(t *testing.T) {
	c := must(t, JSONClass)
	b := records.NewBatch(records.Origin{})
	_, _, err := c.Decode("t", []byte(`{"schema":{"type":"struct","fields":[{"field":"after","type":"struct","fields":[{"field":"n","type":"int8"}]}]},"payload":{"after":{"n":"secret"}}}`), b)
	if err == nil || !strings.Contains(err.Error(), "(field payload.after.n)") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error is %v", err)
	}
	if j, ok := err.(interface{ JavaClass() string }); !ok || j.JavaClass() != dataExceptionClass {
		t.Errorf("class of %v", err)
	}
}
