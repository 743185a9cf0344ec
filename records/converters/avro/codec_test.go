package avro

import (
	"encoding/hex"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/anabranch/anabranch/records"
)

func defaults() *options {
	return &options{metaData: true, flattenSingle: true, schemasCacheSize: 100}
}

// row is a table row of ten columns as change events have them.
func row(b *records.Batch) (*records.Schema, records.Value) {
	s := &records.Schema{Type: records.Struct, Name: "srv.shop.orders.Value"}
	off := b.AddVals(10)
	add := func(i int, name string, t records.Type, optional bool, v records.Value) {
		s.Fields = append(s.Fields, records.Field{Name: name, Schema: &records.Schema{Type: t, Optional: optional}})
		b.Vals[int(off)+i] = v
	}
	add(0, "id", records.Int32, false, records.Int32Value(123456))
	add(1, "customer", records.Int64, false, records.Int64Value(987654321))
	add(2, "name", records.String, true, b.AddString("Ann Example"))
	add(3, "city", records.String, true, records.Null)
	add(4, "total", records.Float64, false, records.Float64Value(12.5))
	add(5, "paid", records.Boolean, false, records.BoolValue(true))
	add(6, "created", records.Int64, false, records.Int64Value(1700000000000000))
	add(7, "note", records.String, true, b.AddString("leave at the door"))
	add(8, "blob", records.Bytes, true, b.AddBytes([]byte{1, 2, 3, 4}))
	add(9, "n", records.Int16, true, records.Int16Value(7))
	return s, records.StructAt(off, 10)
}

func TestEncoder_AllocatesNothing(t *testing.T) {
	b := records.NewBatch(records.Origin{Table: "t"})
	s, v := row(b)
	o := defaults()
	a, err := o.fromConnect(s)
	if err != nil {
		t.Fatal(err)
	}
	e, err := o.encoderOf(s, a)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { _, err = e.append(dst, b, v) }); n != 0 || err != nil {
		t.Errorf("%v allocations, %v", n, err)
	}
	to, err := o.toConnect(a, 0, &atomic.Int64{})
	if err != nil {
		t.Fatal(err)
	}
	d, _ := o.decoderOf(a, to)
	msg, _ := e.append(nil, b, v)
	in := &input{}
	c := records.NewBatch(records.Origin{Table: "t"})
	read := func() {
		c.Vals, c.Arena = c.Vals[:0], c.Arena[:0]
		*in = input{data: msg, b: c, stack: in.stack[:0], maxVals: math.MaxInt}
		_, err = in.value(d)
	}
	read()
	if n := testing.AllocsPerRun(100, read); n != 0 || err != nil {
		t.Errorf("%v allocations, %v", n, err)
	}
}

func BenchmarkEncodeRow(bm *testing.B) {
	b := records.NewBatch(records.Origin{Table: "t"})
	s, v := row(b)
	o := defaults()
	a, _ := o.fromConnect(s)
	e, err := o.encoderOf(s, a)
	if err != nil {
		bm.Fatal(err)
	}
	dst := make([]byte, 0, 1024)
	out, _ := e.append(dst, b, v)
	bm.SetBytes(int64(len(out)))
	bm.ReportAllocs()
	for bm.Loop() {
		if _, err := e.append(dst, b, v); err != nil {
			bm.Fatal(err)
		}
	}
}

func BenchmarkDecodeRow(bm *testing.B) {
	b := records.NewBatch(records.Origin{Table: "t"})
	s, v := row(b)
	o := defaults()
	a, _ := o.fromConnect(s)
	e, err := o.encoderOf(s, a)
	if err != nil {
		bm.Fatal(err)
	}
	to, err := o.toConnect(a, 0, &atomic.Int64{})
	if err != nil {
		bm.Fatal(err)
	}
	d, _ := o.decoderOf(a, to)
	msg, _ := e.append(nil, b, v)
	in := &input{}
	c := records.NewBatch(records.Origin{Table: "t"})
	bm.SetBytes(int64(len(msg)))
	bm.ReportAllocs()
	for bm.Loop() {
		c.Vals, c.Arena = c.Vals[:0], c.Arena[:0]
		*in = input{data: msg, b: c, stack: in.stack[:0], maxVals: math.MaxInt}
		if _, err := in.value(d); err != nil {
			bm.Fatal(err)
		}
	}
}

func TestDecoder_HostileLengths(t *testing.T) {
	o := defaults()
	for name, c := range map[string]struct{ schema, msg string }{
		"string":             {`"string"`, "feffffffffffffffff01"},
		"negative length":    {`"bytes"`, "01"},
		"array":              {`{"type":"array","items":"int"}`, "feffffffffffffffff01"},
		"negative count":     {`{"type":"array","items":"int"}`, "ffffffffffffffffff0100"},
		"array of nothing":   {`{"type":"array","items":{"type":"record","name":"e","fields":[]}}`, "feffffff0f"},
		"nothing in nothing": {`{"type":"array","items":{"type":"array","items":{"type":"record","name":"e","fields":[]}}}`, strings.Repeat("8080"+"04"+"00", 100)},
		"fixed":              {`{"type":"fixed","name":"f","size":1000}`, "00"},
		"branch":             {`["null","int"]`, "04"},
		"symbol":             {`{"type":"enum","name":"e","symbols":["A"]}`, "02"},
		"number":             {`"long"`, "ffffffffffffffffffffff"},
		"int":                {`"int"`, "feffffffff7f"},
	} {
		s, err := parse(c.schema)
		if err != nil {
			t.Fatal(name, err)
		}
		to, err := o.toConnect(s, 0, &atomic.Int64{})
		if err != nil {
			t.Fatal(name, err)
		}
		d, _ := o.decoderOf(s, to)
		msg, err := hex.DecodeString(c.msg)
		if err != nil {
			t.Fatal(name, err)
		}
		b := records.NewBatch(records.Origin{Table: "t"})
		in := &input{data: msg, b: b, maxVals: len(msg)*valuesPerByte + freeValues}
		if _, err := in.value(d); err == nil {
			t.Errorf("%s is accepted", name)
		}
		if n := cap(b.Vals); n > 4*freeValues {
			t.Errorf("%s: %d values for %d bytes", name, n, len(msg))
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	for _, text := range []string{``, `{`, `{}`, `5`, `"nosuch"`, `{"type":"record"}`, `{"type":"record","name":"r"}`, `{"type":"fixed","name":"f","size":-1}`,
		`{"type":"fixed","name":"f","size":99999999999}`, `["int","int"]`, `[["int"]]`, `{"type":"enum","name":"e","symbols":["A","A"]}`,
		`{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}`, `{"type":"record","name":"a-b","fields":[]}`,
		`{"type":"record","name":"r","fields":[{"name":"x","type":{"type":"record","name":"r","fields":[]}}]}`, `"int" "int"`,
		strings.Repeat(`{"type":"array","items":`, 300) + `"int"` + strings.Repeat("}", 300), strings.Repeat("[", 100000)} {
		if _, err := parse(text); err == nil {
			t.Errorf("%.60s is accepted", text)
		}
	}
}

func TestToConnect_RefusesRecursion(t *testing.T) {
	s, err := parse(`{"type":"record","name":"n","fields":[{"name":"next","type":["null","n"]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := defaults().toConnect(s, 0, &atomic.Int64{}); err == nil || !strings.Contains(err.Error(), "recursive") {
		t.Error(err)
	}
}

func TestAnything_RoundTrip(t *testing.T) {
	b := records.NewBatch(records.Origin{Table: "t"})
	off := b.AddVals(8)
	copy(b.Vals[off:], []records.Value{records.Null, records.Int32Value(5), records.Int64Value(6), records.Float64Value(1.5), records.Float32Value(2.5), records.BoolValue(true), b.AddString("x")})
	inner := b.AddVals(2)
	b.Vals[inner], b.Vals[inner+1] = b.AddString("k"), records.Value{Kind: records.KindArray, Off: off, N: 7}
	v := records.Value{Kind: records.KindMap, Off: inner, N: 1}
	msg, err := (&encoder{op: encAny}).append(nil, b, v)
	if err != nil {
		t.Fatal(err)
	}
	in := &input{data: msg, b: b, maxVals: math.MaxInt}
	got, err := in.value(&decoder{op: decAny})
	if err != nil || in.pos != len(msg) {
		t.Fatal(err, in.pos, len(msg))
	}
	list := b.Elems(got)
	if got.Kind != records.KindMap || b.Str(list[0]) != "k" || list[1].N != 7 {
		t.Fatalf("%+v", got)
	}
	for i, e := range b.Elems(list[1]) {
		want := b.Vals[int(off)+i]
		if e.Kind != want.Kind || e.Num != want.Num || e.Kind == records.KindString && b.Str(e) != "x" {
			t.Errorf("%d: %+v, want %+v", i, e, want)
		}
	}
	if _, err := (&encoder{op: encAny}).append(nil, b, b.AddBytes([]byte{1})); err == nil {
		t.Error("bytes without a schema are accepted")
	}
}

func TestJavaOrder_EqualKeysAndFullBuckets(t *testing.T) {
	b := records.NewBatch(records.Origin{Table: "t"})
	var kv []records.Value
	// "Aa" and "BB" have the same hash, so all 2^12 words of them share one bucket.
	for i := range 1 << 13 {
		word := ""
		for bit := range 12 {
			word += [2]string{"Aa", "BB"}[i>>bit&1]
		}
		kv = append(kv, b.AddString(word), records.Int32Value(int32(i)))
	}
	got := javaOrder(nil, b, kv)
	if len(got) != 1<<12 {
		t.Fatalf("%d entries", len(got))
	}
	for i, p := range got {
		if p.value.Int() != int64(i+1<<12) {
			t.Fatalf("entry %d is %d", i, p.value.Int())
		}
	}
}

func TestScrub(t *testing.T) {
	o := defaults()
	o.scrub = true
	for in, want := range map[string]string{"abc": "abc", "a-b": "a_b", "1a": "x1a", "a b": "a_b", "ä": "_C3_A4", "a$": "a_24", "": "", "1-a": "x1_a"} {
		if got := o.scrubName(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if space, name := o.split("my-server.db.1t"); space != "my_server.db" || name != "x1t" {
		t.Error(space, name)
	}
}

func TestReadable(t *testing.T) {
	for _, c := range []struct {
		w, r string
		ok   bool
	}{
		{`"int"`, `"long"`, true}, {`"long"`, `"int"`, false}, {`"int"`, `["null","int"]`, true}, {`["null","int"]`, `"int"`, false},
		{`"string"`, `"bytes"`, true}, {`{"type":"array","items":"int"}`, `{"type":"array","items":"double"}`, true},
		{`{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}`, `{"type":"record","name":"r","fields":[{"name":"b","type":"int"}]}`, false},
		{`{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}`, `{"type":"record","name":"r","fields":[{"name":"b","type":"int","default":1}]}`, true},
		{`{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}`, `{"type":"record","name":"r","fields":[{"name":"b","type":"int","aliases":["a"]}]}`, true},
		{`{"type":"record","name":"r","fields":[]}`, `{"type":"record","name":"q","fields":[]}`, false},
		{`{"type":"enum","name":"e","symbols":["A","B"]}`, `{"type":"enum","name":"e","symbols":["A"]}`, false},
		{`{"type":"enum","name":"e","symbols":["A","B"]}`, `{"type":"enum","name":"e","symbols":["A"],"default":"A"}`, true},
		{`{"type":"fixed","name":"f","size":1}`, `{"type":"fixed","name":"f","size":2}`, false},
	} {
		w, err := parse(c.w)
		if err != nil {
			t.Fatal(err)
		}
		r, err := parse(c.r)
		if err != nil {
			t.Fatal(err)
		}
		if err := readable(w, r); (err == nil) != c.ok {
			t.Errorf("%s as %s: %v", c.w, c.r, err)
		}
	}
}

// The registry's schema may be wider than the data: use.latest.version.
func TestEncoder_OtherSchema(t *testing.T) {
	o := defaults()
	s := &records.Schema{Type: records.Struct, Name: "r", Fields: []records.Field{
		{Name: "a", Schema: &records.Schema{Type: records.Int32}}, {Name: "gone", Schema: &records.Schema{Type: records.String}}, {Name: "b", Schema: &records.Schema{Type: records.String}}}}
	to, err := parse(`{"type":"record","name":"r","fields":[{"name":"b","type":["null","string"],"default":null},{"name":"new","type":"string","default":"x"},{"name":"a","type":"long"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	e, err := o.encoderOf(s, to)
	if err != nil {
		t.Fatal(err)
	}
	b := records.NewBatch(records.Origin{Table: "t"})
	off := b.AddVals(3)
	b.Vals[off], b.Vals[off+1], b.Vals[off+2] = records.Int32Value(3), b.AddString("lost"), b.AddString("B")
	got, err := e.append(nil, b, records.StructAt(off, 3))
	if want := "020242" + "0278" + "06"; err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%x %v, want %s", got, err, want)
	}
	to.fields[1].def = nil
	if _, err := o.encoderOf(s, to); err == nil {
		t.Error("a field without a default is made up")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`"int"`, `["null","string"]`, `{"type":"record","name":"a.R","fields":[{"name":"x","type":{"type":"enum","name":"E","symbols":["A"]},"default":"A"}]}`,
		`{"type":"record","name":"n","fields":[{"name":"next","type":["null","n"]}]}`, `{"type":"fixed","name":"f","size":4,"logicalType":"decimal","precision":2}`} {
		f.Add(s, []byte{0, 2, 4, 0xff})
	}
	f.Fuzz(func(t *testing.T, text string, msg []byte) {
		s, err := parse(text)
		if err != nil {
			return
		}
		if printed, err := s.text(); err == nil {
			again, err := parse(printed)
			if err != nil {
				// Java's library would not write names that it does not read back.
				t.Skip()
			}
			if twice, err := again.text(); err != nil || twice != printed {
				t.Fatalf("%s\n%s\n%v", printed, twice, err)
			}
		}
		o := defaults()
		to, err := o.toConnect(s, 1, &atomic.Int64{})
		if err != nil {
			return
		}
		d, err := o.decoderOf(s, to)
		if err != nil {
			return
		}
		b := records.NewBatch(records.Origin{Table: "t"})
		defer b.Release()
		in := &input{data: msg, b: b, maxVals: len(msg)*valuesPerByte + freeValues}
		v, err := in.value(d)
		if len(b.Vals) > in.maxVals+len(msg) || len(b.Arena) > len(msg)*(1+len(text)) {
			t.Fatalf("%d values and %d bytes of %d", len(b.Vals), len(b.Arena), len(msg))
		}
		if err != nil || to == nil {
			return
		}
		// What was read can be written, and reads the same.
		e, err := o.encoderOf(to, s)
		if err != nil {
			return
		}
		e.append(nil, b, v)
	})
}
