package converters

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
)

// schemaServer is a registry that takes every schema; it only counts.
func schemaServer(t testing.TB) string {
	var mu sync.Mutex
	var texts []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			var body struct{ Schema, SchemaType string }
			raw, _ := io.ReadAll(r.Body)
			if json.Unmarshal(raw, &body) != nil || body.SchemaType != "JSON" {
				w.WriteHeader(422)
				return
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
		json.NewEncoder(w).Encode(map[string]any{"schema": texts[id-1], "schemaType": "JSON"})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// asRead makes a schema what reading gives: parameters in the order of a HashMap, and no
// differences that JSON Schema cannot keep.
func asRead(s *records.Schema) *records.Schema {
	if s == nil {
		return nil
	}
	c := s.Clone()
	keys := make([]string, len(c.Params))
	for i, p := range c.Params {
		keys[i] = p.Key
	}
	records.JavaOrder(keys)
	for i, k := range keys {
		v, _ := s.Param(k)
		c.Params[i] = records.Param{Key: k, Value: v}
	}
	for i := range c.Fields {
		c.Fields[i].Schema = asRead(c.Fields[i].Schema)
	}
	c.Elem, c.Key = asRead(c.Elem), asRead(c.Key)
	return c
}

func TestJSONSchema_RoundTrip(t *testing.T) {
	url := schemaServer(t)
	for _, format := range []string{"BASE64", "NUMERIC"} {
		f, err := New(JSONSchemaClass, map[string]string{"schema.registry.url": url, DecimalFormat: format}, false)
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			c := f()
			s := genSchema(t, 3)
			x, y := records.NewBatch(records.Origin{}), records.NewBatch(records.Origin{})
			defer x.Release()
			defer y.Release()
			v := genValue(t, x, s)
			data, isNull, err := c.Append(nil, "t", x, s, v)
			if err != nil {
				t.Skip(err.Error()) // values that JSON cannot hold
			}
			if isNull {
				return
			}
			s2, w, err := f().Decode("t", data, y)
			if err != nil {
				t.Fatalf("%s: %v", data[5:], err)
			}
			if want := asRead(s); !s2.Equal(want) {
				t.Fatalf("schema %+v, want %+v", s2, want)
			}
			if !sameValue(x, s, v, y, w) {
				t.Fatalf("value of %s differs", data[5:])
			}
		})
	}
}

func TestJSONSchema_Text(t *testing.T) {
	s := &records.Schema{Type: records.Struct, Name: "shop.Order", Version: 2, Fields: []records.Field{
		{Name: "id", Schema: &records.Schema{Type: records.Int32}},
		{Name: "note", Schema: &records.Schema{Type: records.String, Optional: true, Default: "none"}},
		{Name: "price", Schema: &records.Schema{Type: records.Bytes, Name: records.DecimalName, Version: 1, Params: []records.Param{{Key: "scale", Value: "2"}}}},
	}}
	for cfg, want := range map[string]string{
		"": `{"type":"object","title":"shop.Order","connect.version":2,"properties":{"id":{"connect.type":"int32","type":"integer","connect.index":0},` +
			`"note":{"oneOf":[{"type":"null"},{"type":"string"}],"default":"none","connect.index":1},` +
			`"price":{"connect.parameters":{"scale":"2"},"connect.type":"bytes","type":"number","title":"org.apache.kafka.connect.data.Decimal","connect.version":1,"connect.index":2}}}`,
		"use.optional.for.nonrequired": `["id","price"]`,
		"object.additional.properties": `"additionalProperties":false`,
		"ignore.default.for.nullables": `"note":{"oneOf":[{"type":"null"},{"type":"string"}],"connect.index":1}`,
	} {
		m := map[string]string{"schema.registry.url": "http://127.0.0.1:1"}
		if cfg != "" {
			m[cfg] = map[bool]string{true: "false", false: "true"}[cfg == "object.additional.properties"]
		}
		v, problems := jsonSchemaDef().Parse(m)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		shared, err := newJSONSchemaShared(v, false)
		if err != nil {
			t.Fatal(err)
		}
		text, err := shared.schemaText(s)
		if err != nil {
			t.Fatal(err)
		}
		var any1, any2 any
		if cfg == "" {
			if json.Unmarshal([]byte(text), &any1) != nil || json.Unmarshal([]byte(want), &any2) != nil || fmt.Sprint(any1) != fmt.Sprint(any2) {
				t.Errorf("text\n%s\nwant\n%s", text, want)
			}
			continue
		}
		if !strings.Contains(strings.ReplaceAll(text, `"connect.index":1,"oneOf":[{"type":"null"},{"type":"string"}]`, `"oneOf":[{"type":"null"},{"type":"string"}],"connect.index":1`), want) {
			t.Errorf("%s: %s has no %s", cfg, text, want)
		}
	}
}

// Schemas as others write them, without Connect's additions.
func TestJSONSchema_OfOthers(t *testing.T) {
	shared := &jsonSchemaShared{json: &jsonShared{}}
	for text, want := range map[string]string{
		`{"type":"object","properties":{"b":{"type":"integer"},"a":{"type":["null","string"]},"c":{"type":"array","items":{"type":"number"}}}}`:       "STRUCT{a:STRING?,b:INT64,c:ARRAY[FLOAT64]}",
		`{"type":"object","properties":{"z":{"$ref":"#/definitions/n"}},"definitions":{"n":{"type":"object","properties":{"k":{"type":"boolean"}}}}}`: "STRUCT{z:STRUCT{k:BOOLEAN}}",
		`{"type":"object","additionalProperties":{"type":"integer"}}`:                                                                                 "MAP[STRING,INT64]",
		`{"enum":["a","b"]}`:                               "STRING",
		`{"anyOf":[{"type":"string"},{"type":"null"}]}`:    "STRING?",
		`{"$ref":"other.json#/a"}`:                         "INT64",
		`{"oneOf":[{"type":"string"},{"type":"integer"}]}`: "error: oneOf of 2 types",
		`{"$ref":"#"}`:                                     "error: nested too deeply",
		`{"$ref":"#/nowhere"}`:                             "error: which it does not have",
		`{"type":"array"}`:                                 "error: items",
		`true`:                                             "error: not an object",
		`{"type":"string"} {}`:                             "error: there is more",
		`{"type":"integer","default":"x"}`:                 "error: Invalid default",
	} {
		s, err := shared.parseJSONSchema(text, map[string]string{"other.json": `{"a":{"type":"integer"}}`})
		if what, bad := strings.CutPrefix(want, "error: "); bad {
			if err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%s: %v, want %s", text, err, what)
			}
			continue
		}
		if err != nil || shape(s) != want {
			t.Errorf("%s: %v %v, want %s", text, shape(s), err, want)
		}
	}
}

func shape(s *records.Schema) string {
	if s == nil {
		return "nil"
	}
	out := s.Type.String()
	switch s.Type {
	case records.Struct:
		var f []string
		for i := range s.Fields {
			f = append(f, s.Fields[i].Name+":"+shape(s.Fields[i].Schema))
		}
		out += "{" + strings.Join(f, ",") + "}"
	case records.Array:
		out += "[" + shape(s.Elem) + "]"
	case records.Map:
		out += "[" + shape(s.Key) + "," + shape(s.Elem) + "]"
	}
	if s.Optional {
		out += "?"
	}
	return out
}

func TestJSONSchema_RealRegistry(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a schema registry; not in short mode")
	}
	r := testenv.Registry(t)
	topic := testenv.Kafka(t).TopicPrefix(t)
	cfg := map[string]string{"schema.registry.url": r.URL()}
	f, err := New(JSONSchemaClass, cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	s := &records.Schema{Type: records.Struct, Name: "shop.Order", Fields: []records.Field{
		{Name: "id", Schema: &records.Schema{Type: records.Int64}}, {Name: "note", Schema: &records.Schema{Type: records.String, Optional: true}}}}
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	off := b.AddVals(2)
	b.Vals[off], b.Vals[off+1] = records.Int64Value(7), b.AddString("hello")
	v := records.StructAt(off, 2)
	first, _, err := f().Append(nil, topic, b, s, v)
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(JSONSchemaClass, cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := g().Append(nil, topic, b, s.Clone(), v)
	if err != nil || string(again) != string(first) {
		t.Fatalf("a second converter wrote %q, the first %q: %v", again, first, err)
	}
	if want := `{"id":7,"note":"hello"}`; string(first[5:]) != want || first[0] != 0 {
		t.Errorf("wrote %q", first)
	}
	got, w, err := g().Decode(topic, first, b)
	if err != nil || !got.Equal(s) || !sameValue(b, s, v, b, w) {
		t.Errorf("read %+v, %v", got, err)
	}
	// Others' schemas and what a registry refuses.
	if _, _, err := g().Decode(topic, []byte{0, 0x7f, 0xff, 0xff, 0xff, '1'}, b); err == nil || records.Retriable(err) {
		t.Errorf("unknown id: %v", err)
	}
	if _, _, err := g().Decode(topic, []byte(`{"id":7}`), b); err == nil || !strings.Contains(err.Error(), "Unknown magic byte") {
		t.Errorf("no header: %v", err)
	}
}

func TestJSONSchema_AppendDoesNotAllocate(t *testing.T) {
	f, err := New(JSONSchemaClass, map[string]string{"schema.registry.url": schemaServer(t)}, false)
	if err != nil {
		t.Fatal(err)
	}
	c := f()
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	s := &records.Schema{Type: records.Struct, Fields: []records.Field{{Name: "id", Schema: &records.Schema{Type: records.Int64}}}}
	off := b.AddVals(1)
	b.Vals[off] = records.Int64Value(7)
	buf, _, err := c.Append(nil, "t", b, s, records.StructAt(off, 1))
	if err != nil {
		t.Fatal(err)
	}
	data := append([]byte(nil), buf...)
	if n := testing.AllocsPerRun(100, func() { buf, _, _ = c.Append(buf[:0], "t", b, s, records.StructAt(off, 1)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	d := f()
	if n := testing.AllocsPerRun(100, func() {
		vals := len(b.Vals)
		if _, _, err := d.Decode("t", data, b); err != nil {
			t.Fatal(err)
		}
		b.Vals = b.Vals[:vals]
	}); n != 0 {
		t.Errorf("%v allocations for reading", n)
	}
}

func FuzzJSONSchema_Parse(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"$ref":"#/definitions/x"}},"definitions":{"x":{"oneOf":[{"type":"null"},{"type":"integer","default":1}]}}}`)
	shared := &jsonSchemaShared{json: &jsonShared{}}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := shared.parseJSONSchema(text, nil)
		if err == nil {
			_ = newPlace(s)
		}
	})
}
