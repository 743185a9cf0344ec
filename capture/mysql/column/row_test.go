package column

import (
	"errors"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
)

// Cells by hand: the type, the bytes in the row image and what the default modes make of them.
func TestDecoder_Cells(t *testing.T) {
	sp := func(typ string, jdbc, length int, wire byte, meta ...byte) spec {
		return spec{typ: typ, jdbc: jdbc, length: length, scale: -1, wire: wire, meta: meta}
	}
	dec := func(p, s int) spec {
		return spec{typ: "DECIMAL", jdbc: jdbcDecimal, length: p, scale: s, wire: typeNewDecimal, meta: []byte{byte(p), byte(s)}}
	}
	blob := func(typ string, jdbc int, charset string) spec {
		return spec{typ: typ, jdbc: jdbc, charset: charset, wire: typeBlob, meta: []byte{1}}
	}
	enum := func(typ string, wire byte, values ...string) spec {
		return spec{typ: typ, jdbc: jdbcChar, enum: values, wire: typeString, meta: []byte{wire, 1}}
	}
	notNull := func(s spec) spec { s.notNull = true; return s }
	vector := spec{typ: "VECTOR", jdbc: 1111, length: 3, scale: -1, wire: typeVector, meta: []byte{4}}
	geometry := spec{typ: "GEOMETRY", jdbc: 1111, wire: typeGeometry, meta: []byte{4}}
	for _, c := range []struct {
		name string
		spec spec
		data string
		want string
	}{
		{"tinyint min", sp("TINYINT", jdbcSmallint, 0, typeTiny), "80", "-128"},
		{"tinyint unsigned max", sp("TINYINT UNSIGNED", jdbcSmallint, 0, typeTiny), "ff", "255"},
		{"smallint min", sp("SMALLINT", jdbcSmallint, 0, typeShort), "0080", "-32768"},
		{"smallint unsigned max", sp("SMALLINT UNSIGNED ZEROFILL", jdbcSmallint, 0, typeShort), "ffff", "65535"},
		{"mediumint min", sp("MEDIUMINT", jdbcInteger, 0, typeInt24), "000080", "-8388608"},
		{"mediumint unsigned max", sp("MEDIUMINT UNSIGNED", jdbcInteger, 0, typeInt24), "ffffff", "16777215"},
		{"int min", intSpec, "00000080", "-2147483648"},
		{"int unsigned max", sp("INT UNSIGNED", jdbcInteger, 0, typeLong), "ffffffff", "4294967295"},
		{"bigint min", sp("BIGINT", jdbcBigint, 0, typeLongLong), "0000000000000080", "-9223372036854775808"},
		{"bigint unsigned wraps", sp("BIGINT UNSIGNED", jdbcBigint, 0, typeLongLong), "ffffffffffffffff", "-1"},
		{"boolean", sp("BOOLEAN", jdbcBoolean, 0, typeTiny), "fb", "true"},
		{"float", sp("FLOAT", jdbcFloat, 0, typeFloat, 4), "0000c03f", "1.5"},
		{"float as double", sp("FLOAT", jdbcFloat, 53, typeDouble, 8), "000000000000f83f", "1.5"},
		{"real holds a double", sp("REAL", jdbcReal, 0, typeDouble, 8), "000000000000f83f", "1.5"},
		{"decimal zero", dec(10, 0), "8000000000", "x00"},
		{"decimal negative", dec(5, 2), "7ffee4", "x81"}, // -1.27 at scale 2
		{"decimal 128", dec(5, 2), "8001 1c", "x0080"},
		{"decimal 65 digits", dec(65, 30), "85f5e0ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff03e7", "x00f316271c7fc3908a8bef464e3945ef7a253609ffffffffffffffff"},
		{"bit(1)", sp("BIT", jdbcBit, 1, typeBit, 1, 0), "01", "true"},
		{"bit(12) turns round", sp("BIT", jdbcBit, 12, typeBit, 4, 1), "0801", "x0108"},
		{"char", spec{typ: "CHAR", jdbc: jdbcChar, length: 10, charset: "latin1", wire: typeString, meta: []byte{254, 10}}, "02e980", "'é€'"},
		{"long char", spec{typ: "CHAR", jdbc: jdbcChar, length: 255, charset: "utf8mb4", wire: typeString, meta: []byte{0xCE, 0xFC}}, "0200c3a4", "'ä'"},
		{"varchar of two length bytes", spec{typ: "VARCHAR", jdbc: jdbcVarchar, length: 300, charset: "utf8mb4", wire: typeVarchar, meta: []byte{0xB0, 4}}, "0100" + "61", "'a'"},
		{"text", blob("TEXT", jdbcVarchar, "utf8mb4"), "0161", "'a'"},
		{"binary is padded", spec{typ: "BINARY", jdbc: jdbcBinary, length: 4, wire: typeString, meta: []byte{254, 4}}, "0101", "x01000000"},
		{"blob", blob("BLOB", jdbcBlob, ""), "0200ff", "x00ff"},
		{"enum", enum("ENUM", typeEnum, "'a'", "'b,c'"), "02", `'b\,c'`},
		{"enum empty", enum("ENUM", typeEnum, "'a'"), "00", "''"},
		{"enum beyond the definition", enum("ENUM", typeEnum, "'a'"), "02", "null"},
		{"set", enum("SET", typeSet, "'a'", "'b'", "'it''s'"), "05", "'a,it's'"},
		{"set empty", enum("SET", typeSet, "'a'"), "00", "''"},
		{"json empty, null", jsonSpec, "00000000", "null"},
		{"json empty, not null", notNull(jsonSpec), "00000000", "'{}'"},
		{"json text", jsonSpec, "02000000" + "5b5d", "'[]'"},
		{"json broken", notNull(jsonSpec), "02000000" + "0c05", "'{}'"},
		{"date", sp("DATE", jdbcDate, 0, typeDate), "21d00f", "19723"},
		{"date zero", sp("DATE", jdbcDate, 0, typeDate), "000000", "null"},
		{"date zero, not null", notNull(sp("DATE", jdbcDate, 0, typeDate)), "000000", "0"},
		{"date of 31 February", sp("DATE", jdbcDate, 0, typeDate), "5fd00f", "0"},
		{"date of the year 1", sp("DATE", jdbcDate, 0, typeDate), "210200", "11323"},
		{"time", sp("TIME", jdbcTime, 0, typeTime2, 0), "810203", "58083000000"},
		{"time negative", sp("TIME", jdbcTime, 3, typeTime2, 3), "7fffff" + "fff6", "-1000"},
		{"time 6", sp("TIME", jdbcTime, 6, typeTime2, 6), "800000" + "000001", "1"},
		{"time old", sp("TIME", jdbcTime, 0, typeTime), "40e201", "45296000000"},
		{"time old negative", sp("TIME", jdbcTime, 0, typeTime), "c01dfe", "-45296000000"},
		{"datetime 6", sp("DATETIME", jdbcTimestamp, 6, typeDatetime2, 6), "99b2420000" + "000001", "1704067200000001"},
		{"datetime zero", datetimeSpec, "8000000000", "null"},
		{"datetime old", sp("DATETIME", jdbcTimestamp, 0, typeDatetime), "19a72c9c68120000", "1714979289000"},
		{"timestamp 3", timestampSpec, "66387a10" + "1388", "'2024-05-06T06:34:56.500Z'"},
		{"timestamp zero", notNull(timestampSpec), "00000000" + "0000", "'1970-01-01T00:00:00Z'"},
		{"timestamp old", sp("TIMESTAMP", jdbcTimestampTZ, 0, typeTimestamp), "107a3866", "'2024-05-06T06:34:56Z'"},
		{"year", sp("YEAR", jdbcInteger, 4, typeYear), "7c", "2024"},
		{"year zero", sp("YEAR", jdbcInteger, 4, typeYear), "00", "1900"},
		{"point", pointSpec, "19000000" + "e6100000" + "0101000000" + "000000000000f03f" + "0000000000000040", "(1,2,x0101000000000000000000f03f0000000000000040,4326)"},
		{"point that is none", pointSpec, "0d000000" + "00000000" + "010700000000000000", "null"},
		{"geometry without srid", geometry, "0d000000" + "00000000" + "010700000000000000", "(x010700000000000000,null)"},
		{"vector", vector, "08000000" + "0000803f" + "000020c0", "(1,-2.5)"},
		{"vector odd", vector, "03000000" + "000000", "()"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, d := mustPlan(t, Options{TimeAdjuster: true}, c.spec)
			b := records.NewBatch(records.Origin{})
			defer b.Release()
			data := append([]byte{0}, unhex(t, c.data)...)
			v, n, err := d.Row(b, []byte{0xff}, data)
			if err != nil || n != len(data) {
				t.Fatalf("read %d of %d: %v", n, len(data), err)
			}
			if got := show(b, b.Elems(v)[0]); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			for cut := 1; cut < len(data); cut++ {
				if _, _, err := d.Row(b, []byte{0xff}, data[:cut]); !errors.Is(err, ErrCorrupt) {
					t.Fatalf("cut at %d: %v", cut, err)
				}
			}
		})
	}
}

func TestDecoder_NullInNotNullColumn(t *testing.T) {
	specs := []spec{
		{typ: "INT", jdbc: jdbcInteger, wire: typeLong, notNull: true},
		{typ: "INT", jdbc: jdbcInteger, wire: typeLong, notNull: true, def: str("7")},
		{typ: "VARCHAR", jdbc: jdbcVarchar, charset: "utf8mb4", wire: typeVarchar, meta: []byte{9, 0}, notNull: true},
		{typ: "DECIMAL", jdbc: jdbcDecimal, length: 5, scale: 2, wire: typeNewDecimal, meta: []byte{5, 2}, notNull: true},
		{typ: "GEOMETRY", jdbc: 1111, wire: typeGeometry, meta: []byte{4}, notNull: true},
		{typ: "POINT", jdbc: 1111, wire: typeGeometry, meta: []byte{4}, notNull: true},
		{typ: "INT", jdbc: jdbcInteger, wire: typeLong, def: str("7")},
	}
	_, d := mustPlan(t, Options{}, specs...)
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	v, _, err := d.Row(b, []byte{0xff}, []byte{0xff})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(b, v), "(0,7,'',x00,(x010700000000000000,null),(0,0,x010700000000000000,null),null)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A MINIMAL image holds the key before and what changed after (DM-523).
func TestDecoder_PartialImages(t *testing.T) {
	name := varcharSpec
	name.def = str("anon")
	specs := []spec{intSpec, name, {typ: "INT", jdbc: jdbcInteger, wire: typeLong, def: str("5")}, jsonSpec, intSpec}
	_, d := mustPlan(t, Options{}, specs...)
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	key := append([]byte{0}, le(4, 1)...)
	before, n, err := d.Row(b, []byte{0b00001}, key)
	if err != nil || n != len(key) {
		t.Fatal(n, err)
	}
	if got, want := show(b, before), "(1,'__debezium_unavailable_value',5,'__debezium_unavailable_value',null)"; got != want {
		t.Errorf("before %s, want %s", got, want)
	}
	after, n, err := d.RowOver(b, before, []byte{0b10010}, []byte{0b01, 9, 0, 0, 0})
	if err != nil || n != 5 {
		t.Fatal(n, err)
	}
	if got, want := show(b, after), "(1,null,5,'__debezium_unavailable_value',9)"; got != want {
		t.Errorf("after %s, want %s", got, want)
	}
	inserted, _, err := d.InsertRow(b, []byte{0b00001}, key)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(b, inserted), "(1,'anon',5,null,null)"; got != want {
		t.Errorf("inserted %s, want %s", got, want)
	}
	if _, _, err := d.Row(b, nil, key); !errors.Is(err, ErrCorrupt) {
		t.Errorf("without a bitmap: %v", err)
	}
}

func TestTable_KeyOutsideTheRow(t *testing.T) {
	specs := []spec{intSpec, varcharSpec, intSpec}
	p, err := NewTable(tableOf(specs...), "s.db.t", Options{}, func(c string) bool { return c == "c1" }, []string{"C2", "c1"})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Row.Fields) != 1 || p.Key == nil || len(p.Key.Fields) != 2 || p.Key.Name != "s.db.t.Key" || p.Row.Name != "s.db.t.Value" || !p.Row.Optional || p.Key.Optional {
		t.Fatalf("schemas %+v %+v", p.Row, p.Key)
	}
	if got := p.SelectList(); got != "`c1`, `c2`" {
		t.Errorf("select list %s", got)
	}
	var m TableMap
	if err := ParseTableMap(&m, tableMapOf(specs...)); err != nil {
		t.Fatal(err)
	}
	d, err := p.Bind(&m)
	if err != nil {
		t.Fatal(err)
	}
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	row, _, err := d.Row(b, []byte{7}, []byte{0, 1, 0, 0, 0, 1, 'x', 3, 0, 0, 0})
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.TextRow(b, [][]byte{[]byte("x"), []byte("3")})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []records.Value{row, text} {
		if got := show(b, r) + show(b, p.KeyOf(b, r)); got != "('x')(3,'x')" {
			t.Error(got)
		}
	}
	if !p.Equal(b, p.KeyOf(b, row), p.KeyOf(b, text)) {
		t.Error("equal keys differ")
	}
	other, err := p.TextRow(b, [][]byte{[]byte("y"), []byte("3")})
	if err != nil || p.Equal(b, p.KeyOf(b, row), p.KeyOf(b, other)) {
		t.Error("different keys are equal", err)
	}
}

func TestBind_NamesWhatDiffers(t *testing.T) {
	for name, c := range map[string]struct {
		known, wire spec
		want        string
	}{
		"type":  {intSpec, spec{wire: typeLongLong}, "db.t.c0: the binlog has LONGLONG, the known structure INT"},
		"scale": {decimalSpec, spec{wire: typeNewDecimal, meta: []byte{12, 3}}, "db.t.c0: the binlog has DECIMAL(12,3), the known structure DECIMAL(12,2)"},
		"wire":  {intSpec, spec{wire: 99}, "column type 99"},
		"bit":   {spec{typ: "BIT", jdbc: jdbcBit, length: 8, scale: -1}, spec{wire: typeBit, meta: []byte{0, 2}}, "BIT(16), the known structure BIT(8)"},
	} {
		p, err := NewTable(tableOf(c.known), "t", Options{}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var m TableMap
		if err := ParseTableMap(&m, tableMapOf(c.wire)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Bind(&m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		m = TableMap{Schema: "db", Table: "t", Types: []byte{3, 3}, Meta: []uint16{0, 0}}
		if _, err := p.Bind(&m); err == nil || !strings.Contains(err.Error(), "2 columns, the known structure 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFailure_Modes(t *testing.T) {
	s := spec{typ: "ENUM", jdbc: jdbcChar, enum: []string{"'a'"}, wire: typeString, meta: []byte{typeEnum, 1}}
	for mode, want := range map[string]string{"warn": "(null) warned", "skip": "(null) ", "fail": "error"} {
		warned := ""
		_, d := mustPlan(t, Options{ConvertFailure: mode, Warn: func(string, ...any) { warned = "warned" }}, s)
		b := records.NewBatch(records.Origin{})
		v, _, err := d.Row(b, []byte{1}, []byte{0, 9})
		got := show(b, v) + " " + warned
		if err != nil {
			got = "error"
			if !strings.Contains(err.Error(), "db.t.c0") {
				t.Error(err)
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", mode, got, want)
		}
		b.Release()
	}
	if _, err := NewTable(tableOf(s), "t", Options{TimePrecision: "adaptive"}, nil, nil); err == nil {
		t.Error("time.precision.mode=adaptive is accepted")
	}
	if err := PartialJSONError(tableOf().ID); !errors.Is(err, ErrPartialJSON) {
		t.Error(err)
	}
}
