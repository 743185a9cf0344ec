package column

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
)

// spec is a column of a test table: how the DDL parser describes it and how the wire does.
type spec struct {
	typ     string
	jdbc    int
	length  int // 0 = none
	scale   int // -1 = none; with length only
	charset string
	notNull bool
	def     *string
	enum    []string
	wire    byte
	meta    []byte // TABLE_MAP metadata
}

func (s spec) column(name string, pos int) schemahistory.Column {
	c := schemahistory.Column{Name: name, JDBCType: s.jdbc, TypeName: s.typ, CharsetName: s.charset, Position: pos,
		Optional: !s.notNull, EnumValues: s.enum}
	if s.length > 0 {
		l := s.length
		c.Length = &l
		if s.scale >= 0 && (s.jdbc == jdbcDecimal || s.jdbc == jdbcNumeric || s.scale > 0) {
			sc := s.scale
			c.Scale = &sc
		}
	}
	if s.def != nil {
		c.HasDefault, c.Default = true, s.def
	}
	return c
}

func tableOf(specs ...spec) *schemahistory.Table {
	t := &schemahistory.Table{ID: schemahistory.TableID{Database: "db", Table: "t"}}
	for i, s := range specs {
		t.Columns = append(t.Columns, s.column("c"+itoa(i), i+1))
	}
	return t
}

// tableMapOf builds the body of a TABLE_MAP event.
func tableMapOf(specs ...spec) []byte {
	p := []byte{1, 2, 3, 4, 5, 6, 1, 0, 2, 'd', 'b', 0, 1, 't', 0, byte(len(specs))}
	var meta []byte
	for _, s := range specs {
		p = append(p, s.wire)
		meta = append(meta, s.meta...)
	}
	p = append(append(p, byte(len(meta))), meta...)
	return append(p, make([]byte, (len(specs)+7)/8)...)
}

func mustPlan(t testing.TB, o Options, specs ...spec) (*Table, *Decoder) {
	t.Helper()
	p, err := NewTable(tableOf(specs...), "s.db.t", o, nil, []string{"c0"})
	if err != nil {
		t.Fatal(err)
	}
	var m TableMap
	if err := ParseTableMap(&m, tableMapOf(specs...)); err != nil {
		t.Fatal(err)
	}
	d, err := p.Bind(&m)
	if err != nil {
		t.Fatal(err)
	}
	return p, d
}

func allPresent(n int) []byte {
	p := make([]byte, (n+7)/8)
	for i := range p {
		p[i] = 0xff
	}
	return p
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// show renders a value for comparison in a table test.
func show(b *records.Batch, v records.Value) string {
	switch v.Kind {
	case records.KindNull:
		return "null"
	case records.KindBool:
		if v.Bool() {
			return "true"
		}
		return "false"
	case records.KindString:
		return "'" + b.Str(v) + "'"
	case records.KindBytes:
		return "x" + hex.EncodeToString(b.Raw(v))
	case records.KindFloat32, records.KindFloat64:
		return string(plainTree(v.Float()).(interface{ String() string }).String())
	case records.KindStruct, records.KindArray:
		var parts []string
		for _, e := range b.Elems(v) {
			parts = append(parts, show(b, e))
		}
		return "(" + strings.Join(parts, ",") + ")"
	}
	return itoa(int(v.Int()))
}

func str(s string) *string { return &s }

func le(n int, v uint64) []byte {
	var p [8]byte
	binary.LittleEndian.PutUint64(p[:], v)
	return p[:n]
}

var (
	intSpec       = spec{typ: "INT", jdbc: jdbcInteger, wire: typeLong}
	varcharSpec   = spec{typ: "VARCHAR", jdbc: jdbcVarchar, length: 50, charset: "utf8mb4", wire: typeVarchar, meta: []byte{200, 0}}
	decimalSpec   = spec{typ: "DECIMAL", jdbc: jdbcDecimal, length: 12, scale: 2, wire: typeNewDecimal, meta: []byte{12, 2}}
	datetimeSpec  = spec{typ: "DATETIME", jdbc: jdbcTimestamp, wire: typeDatetime2, meta: []byte{0}}
	timestampSpec = spec{typ: "TIMESTAMP", jdbc: jdbcTimestampTZ, length: 3, scale: -1, wire: typeTimestamp2, meta: []byte{3}}
	jsonSpec      = spec{typ: "JSON", jdbc: 1111, wire: typeJSON, meta: []byte{4}}
	pointSpec     = spec{typ: "POINT", jdbc: 1111, wire: typeGeometry, meta: []byte{4}}
)

func packDatetime(y, mo, d, h, mi, s int) []byte {
	v := uint64(1)<<39 | uint64(y*13+mo)<<22 | uint64(d)<<17 | uint64(h)<<12 | uint64(mi)<<6 | uint64(s)
	return []byte{byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}

// benchTable is the table of the project's benchmark: 13 columns of the usual kinds.
func benchTable() ([]spec, []byte) {
	specs := []spec{
		{typ: "BIGINT", jdbc: jdbcBigint, wire: typeLongLong, notNull: true}, intSpec, varcharSpec, varcharSpec, decimalSpec, datetimeSpec, timestampSpec,
		{typ: "TINYINT", jdbc: jdbcSmallint, length: 1, scale: -1, wire: typeTiny}, {typ: "DOUBLE", jdbc: jdbcDouble, wire: typeDouble, meta: []byte{8}},
		{typ: "ENUM", jdbc: jdbcChar, length: 1, scale: -1, enum: []string{"'new'", "'paid'", "'sent'"}, wire: typeString, meta: []byte{typeEnum, 1}},
		{typ: "TEXT", jdbc: jdbcVarchar, charset: "utf8mb4", wire: typeBlob, meta: []byte{2}},
		{typ: "DATE", jdbc: jdbcDate, wire: typeDate}, {typ: "INT UNSIGNED", jdbc: jdbcInteger, wire: typeLong},
	}
	row := []byte{0, 0}
	row = append(row, le(8, 1234567)...)
	row = append(row, le(4, 42)...)
	row = append(append(row, 11), "Ada Lovelac"...)
	row = append(append(row, 23), "ada.lovelace@example.or"...)
	row = append(row, 0x80, 0, 0, 4, 0xD2, 50) // 1234.50 in DECIMAL(12,2)
	row = append(row, packDatetime(2024, 5, 6, 7, 8, 9)...)
	row = append(row, 0x66, 0x38, 0x7A, 0x10, 0x04, 0xD2)
	row = append(row, 1)
	row = append(row, le(8, 0x3FF8000000000000)...)
	row = append(row, 2)
	row = append(append(row, le(2, 40)...), strings.Repeat("lorem ipsu", 4)...)
	row = append(row, le(3, 2024<<9|5<<5|6)...)
	return specs, append(row, le(4, 4000000000)...)
}
