package column

import (
	"testing"

	"github.com/anabranch/anabranch/records"
)

// everySpec has a column for each opcode.
func everySpec() []spec {
	specs, _ := benchTable()
	for _, s := range []spec{
		{typ: "BOOLEAN", jdbc: jdbcBoolean, wire: typeTiny}, {typ: "SMALLINT", jdbc: jdbcSmallint, wire: typeShort}, {typ: "MEDIUMINT", jdbc: jdbcInteger, wire: typeInt24},
		{typ: "FLOAT", jdbc: jdbcFloat, wire: typeFloat, meta: []byte{4}}, {typ: "YEAR", jdbc: jdbcInteger, wire: typeYear},
		{typ: "BIT", jdbc: jdbcBit, length: 12, scale: -1, wire: typeBit, meta: []byte{4, 1}}, {typ: "SET", jdbc: jdbcChar, enum: []string{"'a'"}, wire: typeString, meta: []byte{typeSet, 1}},
		{typ: "TIME", jdbc: jdbcTime, length: 6, scale: -1, wire: typeTime2, meta: []byte{6}}, {typ: "TIME", jdbc: jdbcTime, wire: typeTime},
		{typ: "DATETIME", jdbc: jdbcTimestamp, wire: typeDatetime}, {typ: "TIMESTAMP", jdbc: jdbcTimestampTZ, wire: typeTimestamp},
		{typ: "VARCHAR", jdbc: jdbcVarchar, charset: "gb18030", wire: typeVarchar, meta: []byte{0, 1}}, {typ: "TEXT", jdbc: jdbcVarchar, charset: "ujis", wire: typeBlob, meta: []byte{1}},
		{typ: "TEXT", jdbc: jdbcVarchar, charset: "utf16", wire: typeBlob, meta: []byte{1}}, {typ: "BINARY", jdbc: jdbcBinary, length: 4, wire: typeString, meta: []byte{254, 4}},
		jsonSpec, pointSpec, {typ: "GEOMETRY", jdbc: 1111, wire: typeGeometry, meta: []byte{2}}, {typ: "VECTOR", jdbc: 1111, wire: typeVector, meta: []byte{2}},
	} {
		specs = append(specs, s)
	}
	return specs
}

func FuzzDecoder_Row(f *testing.F) {
	specs := everySpec()
	_, bench := benchTable()
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, append([]byte{0, 0, 0, 0}, bench[2:]...))
	f.Add([]byte{1, 0, 0, 0}, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8})
	var decoders []*Decoder
	for _, mode := range []string{"", "isostring", "connect", "nanoseconds"} {
		o := optionsOf(mode)
		o.TimePrecision = mode
		_, d := mustPlan(f, o, specs...)
		decoders = append(decoders, d)
	}
	f.Fuzz(func(t *testing.T, present, data []byte) {
		for _, d := range decoders {
			b := records.NewBatch(records.Origin{})
			v, n, err := d.Row(b, present, data)
			if err == nil {
				if n < 0 || n > len(data) {
					t.Fatalf("read %d of %d bytes", n, len(data))
				}
				valueTree(b, d.t.Row, v)
				if _, _, err := d.RowOver(b, v, present, data); err != nil {
					t.Fatal(err)
				}
			}
			b.Release()
		}
	})
}

func FuzzTableMap(f *testing.F) {
	specs := everySpec()
	f.Add(tableMapOf(specs...))
	f.Add(append(tableMapOf(specs[:3]...), optSignedness, 1, 0x80, optDefaultCharset, 1, 45, optColumnName, 4, 1, 'a', 1, 'b', optEnumValue, 3, 1, 1, 'x', optColumnVisibility, 1, 0xff))
	p, err := NewTable(tableOf(specs...), "t", Options{}, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var m TableMap
		if err := ParseTableMap(&m, body); err != nil {
			return
		}
		if len(m.Types) != len(m.Meta) {
			t.Fatal("types and metadata differ in length")
		}
		if d, err := p.Bind(&m); err == nil {
			b := records.NewBatch(records.Origin{})
			d.Row(b, allPresent(len(m.Types)), body) //nolint:errcheck // only that it returns
			b.Release()
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add(smallObject("a", "b", "text", -5))
	f.Add([]byte{jsonSmallArray, 1, 0, 7, 0, jsonSmallArray, 0, 0})
	f.Add([]byte{jsonOpaque, typeNewDecimal, 4, 3, 2, 0x80, 0x7f})
	f.Add([]byte{jsonOpaque, typeTime2, 8, 1, 2, 3, 4, 5, 6, 7, 0xff})
	f.Add([]byte{jsonDouble, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, doc []byte) {
		if len(doc) == 0 {
			return
		}
		w := jsonWriter{budget: len(doc)}
		w.value(doc[0], doc[1:], 0)
		// A double prints 1,080 characters at most, a byte of text six.
		if len(w.dst) > (len(doc)+1)*1100 {
			t.Fatalf("%d bytes from %d", len(w.dst), len(doc))
		}
	})
}
