package jdbc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/records"
)

const (
	dz = "io.debezium.time."
	dd = "io.debezium.data."
)

// typeCase is one field of one type: its column type and what a value looks like in the
// table, by server; a missing entry means that the server is not asked.
type typeCase struct {
	name   string
	schema *records.Schema
	value  any
	sqlite [2]string // type, value
	pg     [2]string
	my     [2]string
}

var debeziumTypes = []typeCase{
	{"bool", typ(records.Boolean), true, [2]string{"INTEGER", "1"}, [2]string{"boolean", "true"}, [2]string{"tinyint(1)", "1"}},
	{"i8", typ(records.Int8), -128, [2]string{"INTEGER", "-128"}, [2]string{"smallint", "-128"}, [2]string{"tinyint", "-128"}},
	{"i16", typ(records.Int16), -32768, [2]string{"INTEGER", "-32768"}, [2]string{"smallint", "-32768"}, [2]string{"smallint", "-32768"}},
	{"i32", typ(records.Int32), -2147483648, [2]string{"INTEGER", "-2147483648"}, [2]string{"integer", "-2147483648"}, [2]string{"int", "-2147483648"}},
	{"i64", typ(records.Int64), -9223372036854775808, [2]string{"INTEGER", "-9223372036854775808"}, [2]string{"bigint", "-9223372036854775808"}, [2]string{"bigint", "-9223372036854775808"}},
	{"f32", typ(records.Float32), 1.5, [2]string{"REAL", "1.5"}, [2]string{"real", "1.5"}, [2]string{"float", "1.5"}},
	{"f64", typ(records.Float64), 1e300, [2]string{"REAL", "1e+300"}, [2]string{"double precision", "1e+300"}, [2]string{"double", "1e+300"}},
	{"str", typ(records.String), `quo'te \ "ü€😀"`, [2]string{"TEXT", `quo'te \ "ü€😀"`}, [2]string{"text", `quo'te \ "ü€😀"`}, [2]string{"longtext", `quo'te \ "ü€😀"`}},
	{"bytes", typ(records.Bytes), []byte{0, 1, 0xFF, '\''}, [2]string{"BLOB", "\x00\x01\xff'"}, [2]string{"bytea", "\x00\x01\xff'"}, [2]string{"longblob", "\x00\x01\xff'"}},
	{"dec", named(records.Bytes, records.DecimalName, "scale", "2", "connect.decimal.precision", "10"), dec("-1234567"),
		[2]string{"NUMERIC", "-12345.67"}, [2]string{"numeric(10,2)", "-12345.67"}, [2]string{"decimal(10,2)", "-12345.67"}},
	// Scale 0 without precision must keep every digit (BIGINT UNSIGNED in precise mode).
	{"dec0", named(records.Bytes, records.DecimalName, "scale", "0"), dec("18446744073709551615"),
		[2]string{}, [2]string{"numeric", "18446744073709551615"}, [2]string{"decimal(65,0)", "18446744073709551615"}},
	{"decbig", named(records.Bytes, records.DecimalName, "scale", "10", "connect.decimal.precision", "40"), dec("-1234567890123456789012345678901234567890"),
		[2]string{"TEXT", "-123456789012345678901234567890.1234567890"}, [2]string{"numeric(40,10)", "-123456789012345678901234567890.1234567890"},
		[2]string{"decimal(40,10)", "-123456789012345678901234567890.1234567890"}},
	{"vsd", func() *records.Schema {
		s := structOf("scale", typ(records.Int32), "value", typ(records.Bytes))
		s.Name = dd + "VariableScaleDecimal"
		return s
	}(), list{3, dec("12345678901234567890123")}, [2]string{"TEXT", "12345678901234567890.123"}, [2]string{"numeric", "12345678901234567890.123"},
		[2]string{"decimal(65,30)", "12345678901234567890.123000000000000000000000000000"}},
	{"day", named(records.Int32, dz+"Date"), -719162, [2]string{"TEXT", "0001-01-01"}, [2]string{"date", "0001-01-01"}, [2]string{"date", "0001-01-01"}},
	{"daybc", named(records.Int32, dz+"Date"), -719163, [2]string{}, [2]string{"date", "0001-12-31 BC"}, [2]string{}},
	{"tmilli", named(records.Int32, dz+"Time"), 45296789, [2]string{"TEXT", "12:34:56.789"}, [2]string{"time(6) without time zone", "12:34:56.789"}, [2]string{"time(6)", "12:34:56.789000"}},
	{"tmicro", named(records.Int64, dz+"MicroTime"), 86399999999, [2]string{"TEXT", "23:59:59.999999"}, [2]string{"time(6) without time zone", "23:59:59.999999"}, [2]string{"time(6)", "23:59:59.999999"}},
	{"t24", named(records.Int64, dz+"MicroTime"), 86400000000, [2]string{"TEXT", "24:00:00"}, [2]string{"time(6) without time zone", "24:00:00"}, [2]string{"time(6)", "24:00:00.000000"}},
	{"tneg", named(records.Int64, dz+"MicroTime"), -3020399000000, [2]string{"TEXT", "-838:59:59"}, [2]string{}, [2]string{"time(6)", "-838:59:59.000000"}},
	{"tnano", named(records.Int64, dz+"NanoTime"), 1000, [2]string{"TEXT", "00:00:00.000001"}, [2]string{"time(6) without time zone", "00:00:00.000001"}, [2]string{"time(6)", "00:00:00.000001"}},
	{"smilli", named(records.Int64, dz+"Timestamp"), 1700000000123, [2]string{"TEXT", "2023-11-14 22:13:20.123"}, [2]string{"timestamp(6) without time zone", "2023-11-14 22:13:20.123"}, [2]string{"datetime(6)", "2023-11-14 22:13:20.123000"}},
	{"smicro", named(records.Int64, dz+"MicroTimestamp"), -62135596800000000, [2]string{"TEXT", "0001-01-01 00:00:00"}, [2]string{"timestamp(6) without time zone", "0001-01-01 00:00:00"}, [2]string{"datetime(6)", "0001-01-01 00:00:00.000000"}},
	{"smicro3", named(records.Int64, dz+"MicroTimestamp", "__debezium.source.column.length", "3"), 1700000000123000, [2]string{"TEXT", "2023-11-14 22:13:20.123"}, [2]string{"timestamp(3) without time zone", "2023-11-14 22:13:20.123"}, [2]string{"datetime(3)", "2023-11-14 22:13:20.123"}},
	{"snano", named(records.Int64, dz+"NanoTimestamp"), 1700000000123456000, [2]string{"TEXT", "2023-11-14 22:13:20.123456"}, [2]string{"timestamp(6) without time zone", "2023-11-14 22:13:20.123456"}, [2]string{"datetime(6)", "2023-11-14 22:13:20.123456"}},
	{"zoned", named(records.String, dz+"ZonedTimestamp"), "2023-11-14T22:13:20.123456+02:00", [2]string{"TEXT", "2023-11-14T22:13:20.123456+02:00"}, [2]string{"timestamp(6) with time zone", "2023-11-14 20:13:20.123456+00"}, [2]string{"timestamp(6)", "2023-11-14 20:13:20.123456"}},
	{"inf", named(records.String, dz+"ZonedTimestamp"), "infinity", [2]string{"TEXT", "infinity"}, [2]string{"timestamp(6) with time zone", "infinity"}, [2]string{"timestamp(6)", "2038-01-19 03:14:07.000000"}},
	{"ztime", named(records.String, dz+"ZonedTime"), "12:34:56+02:00", [2]string{"TEXT", "12:34:56+02:00"}, [2]string{"time(6) with time zone", "12:34:56+02"}, [2]string{"time(6)", "10:34:56.000000"}},
	{"yr", named(records.Int32, dz+"Year"), 2024, [2]string{"INTEGER", "2024"}, [2]string{"integer", "2024"}, [2]string{"year", "2024"}},
	{"js", named(records.String, dd+"Json"), `{"a": [1, "x'y"]}`, [2]string{"TEXT", `{"a": [1, "x'y"]}`}, [2]string{"json", `{"a": [1, "x'y"]}`}, [2]string{"json", `{"a": [1, "x'y"]}`}},
	{"jsb", named(records.String, dd+"Json", "__debezium.source.column.type", "JSONB"), `{"a":1}`, [2]string{"TEXT", `{"a":1}`}, [2]string{"jsonb", `{"a": 1}`}, [2]string{"json", `{"a": 1}`}},
	{"uid", named(records.String, dd+"Uuid"), "6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b", [2]string{"TEXT", "6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b"}, [2]string{"uuid", "6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b"}, [2]string{"longtext", "6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b"}},
	{"en", named(records.String, dd+"Enum", "allowed", `a,it's,x\,y`), "x,y", [2]string{"TEXT", "x,y"}, [2]string{"text", "x,y"}, [2]string{`enum('a','it''s','x,y')`, "x,y"}},
	{"st", named(records.String, dd+"EnumSet", "allowed", "a,b,c"), "a,c", [2]string{"TEXT", "a,c"}, [2]string{"text", "a,c"}, [2]string{"set('a','b','c')", "a,c"}},
	{"bits", named(records.Bytes, dd+"Bits", "length", "12"), []byte{0x01, 0x08}, [2]string{"TEXT", "100000000001"}, [2]string{"bit(12)", "100000000001"}, [2]string{"bit(12)", "\x08\x01"}},
	{"bit1", typ(records.Boolean), false, [2]string{"INTEGER", "0"}, [2]string{"boolean", "false"}, [2]string{"tinyint(1)", "0"}},
	{"dur", named(records.Int64, dz+"MicroDuration"), 3723000001, [2]string{"INTEGER", "3723000001"}, [2]string{"interval", "01:02:03.000001"}, [2]string{"time(6)", "01:02:03.000001"}},
	{"xml", named(records.String, dd+"Xml"), "<a>b</a>", [2]string{"TEXT", "<a>b</a>"}, [2]string{"xml", "<a>b</a>"}, [2]string{"longtext", "<a>b</a>"}},
	{"ubig", withParam(typ(records.Int64), "__debezium.source.column.type", "BIGINT UNSIGNED"), -1, [2]string{"INTEGER", "-1"}, [2]string{"bigint", "-1"}, [2]string{"bigint unsigned", "18446744073709551615"}},
	{"vc", withParam(typ(records.String), "__debezium.source.column.type", "VARCHAR", "__debezium.source.column.length", "20"), "v", [2]string{"TEXT", "v"}, [2]string{"character varying(20)", "v"}, [2]string{"varchar(20)", "v"}},
	{"arr", &records.Schema{Type: records.Array, Elem: opt(typ(records.String))}, list{"a", `q"\x`, nil, "c,d"}, [2]string{}, [2]string{"text[]", `{a,"q\"\\x",NULL,"c,d"}`}, [2]string{}},
	{"ints", &records.Schema{Type: records.Array, Elem: typ(records.Int32)}, list{1, -2}, [2]string{}, [2]string{"integer[]", `{1,-2}`}, [2]string{}},
	{"pt", func() *records.Schema {
		s := structOf("x", typ(records.Float64), "y", typ(records.Float64), "wkb", opt(typ(records.Bytes)), "srid", opt(typ(records.Int32)))
		s.Name = dd + "geometry.Point"
		return s
	}(), list{1.0, 2.0, []byte("\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\x40"), nil},
		[2]string{"BLOB", "\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\x40"}, [2]string{"point", "(1,2)"},
		[2]string{"point", "\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\x40"}},
}

func withParam(s *records.Schema, kv ...string) *records.Schema {
	c := s.Clone()
	for i := 0; i < len(kv); i += 2 {
		c.Params = append(c.Params, records.Param{Key: kv[i], Value: kv[i+1]})
	}
	return c
}

var confluentTypes = []typeCase{
	{"bool", typ(records.Boolean), true, [2]string{"INTEGER", "1"}, [2]string{"boolean", "true"}, [2]string{"tinyint(1)", "1"}},
	{"i8", typ(records.Int8), -1, [2]string{"INTEGER", "-1"}, [2]string{"smallint", "-1"}, [2]string{"tinyint", "-1"}},
	{"i64", typ(records.Int64), 9223372036854775807, [2]string{"INTEGER", "9223372036854775807"}, [2]string{"bigint", "9223372036854775807"}, [2]string{"bigint", "9223372036854775807"}},
	{"str", typ(records.String), "a", [2]string{"TEXT", "a"}, [2]string{"text", "a"}, [2]string{"text", "a"}},
	{"bytes", typ(records.Bytes), []byte{0, 1}, [2]string{"BLOB", "\x00\x01"}, [2]string{"bytea", "\x00\x01"}, [2]string{"varbinary(1024)", "\x00\x01"}},
	{"dec", named(records.Bytes, records.DecimalName, "scale", "2"), dec("1999"), [2]string{"NUMERIC", "19.99"}, [2]string{"numeric", "19.99"}, [2]string{"decimal(65,2)", "19.99"}},
	{"decneg", named(records.Bytes, records.DecimalName, "scale", "-3"), dec("12"), [2]string{"NUMERIC", "12000"}, [2]string{"numeric", "12000"}, [2]string{"decimal(65,0)", "12000"}},
	{"day", named(records.Int32, records.DateName), -719162, [2]string{"NUMERIC", "-62135596800000"}, [2]string{"date", "0001-01-01"}, [2]string{"date", "0001-01-01"}},
	{"tm", named(records.Int32, records.TimeName), 1001, [2]string{"NUMERIC", "1001"}, [2]string{"time without time zone", "00:00:01.001"}, [2]string{"time(3)", "00:00:01.001"}},
	{"ts", named(records.Int64, records.TimestampName), 1700000000123, [2]string{"NUMERIC", "1700000000123"}, [2]string{"timestamp without time zone", "2023-11-14 22:13:20.123"}, [2]string{"datetime(3)", "2023-11-14 22:13:20.123"}},
	{"dbzts", named(records.Int64, dz+"MicroTimestamp"), 17, [2]string{"INTEGER", "17"}, [2]string{"bigint", "17"}, [2]string{"bigint", "17"}},
	{"stamp", typ(records.Int64), 1700000000123456, [2]string{"NUMERIC", "1700000000123"}, [2]string{"timestamp without time zone", "2023-11-14 22:13:20.123456"}, [2]string{"datetime(6)", "2023-11-14 22:13:20.123456"}},
}

func TestTypes_Debezium(t *testing.T) { runTypes(t, DebeziumClass, debeziumTypes) }

func TestTypes_Confluent(t *testing.T) {
	runTypes(t, ConfluentClass, confluentTypes, "timestamp.fields.list", "stamp")
}

// runTypes writes one row with every field, and one with nulls, and looks at both.
func runTypes(t *testing.T, class string, cases []typeCase, kv ...string) {
	onServers(t, func(t *testing.T, s *server) {
		pick := func(c typeCase) [2]string {
			switch s.name {
			case "sqlite":
				return c.sqlite
			case "postgres":
				return c.pg
			}
			return c.my
		}
		row := structOf("id", typ(records.Int32))
		values, nulls := list{1}, list{2}
		var asked []typeCase
		for _, c := range cases {
			if pick(c)[0] == "" {
				continue
			}
			asked = append(asked, c)
			row.Fields = append(row.Fields, records.Field{Name: c.name, Schema: opt(c.schema)})
			values, nulls = append(values, c.value), append(nulls, nil)
		}
		r := s.open(t, class, upsertKeys(class, kv...)...)
		m := newMaker("types")
		for range 2 { // the second time the rows are there
			r.mustWrite(m.add(keySchema, list{1}, row, values).add(keySchema, list{2}, row, nulls).next())
		}
		types := map[string]string{}
		for _, line := range s.rows(t, map[string]string{
			"sqlite":   "SELECT name, type FROM pragma_table_info('types')",
			"postgres": "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'types'::regclass AND attnum > 0",
			"mysql":    "SELECT COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'types'",
		}[s.name]) {
			name, typ, _ := strings.Cut(line, "|")
			types[name] = typ
		}
		for _, c := range asked {
			want := pick(c)
			if types[c.name] != want[0] {
				t.Errorf("%s: column type %s, want %s", c.name, types[c.name], want[0])
			}
			expr := s.quote(c.name)
			if s.name == "postgres" && want[0] != "bytea" {
				expr += "::text"
			}
			got := s.rows(t, fmt.Sprintf("SELECT %s FROM types ORDER BY id", expr))
			if diff := cmp.Diff([]string{want[1], "∅"}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	})
}

// Values written into columns that people made themselves, of other types than ours.
func TestTypes_IntoExistingColumns(t *testing.T) {
	s := postgresServer(t)
	s.exec(t, "SET TIME ZONE 'UTC'", "CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN posint AS int CHECK (VALUE > 0)",
		`CREATE TABLE own (id INT PRIMARY KEY, a mood, b posint, c inet, d varchar(10), e numeric(20,4), f bigint, g jsonb, h text, i timestamptz, j char(3),
		 k boolean, l double precision, m date, n uuid)`)
	row := structOf("id", typ(records.Int32), "a", typ(records.String), "b", typ(records.Int32), "c", typ(records.String), "d", typ(records.String),
		"e", typ(records.Int64), "f", named(records.Bytes, records.DecimalName, "scale", "0"), "g", typ(records.String), "h", typ(records.Int64),
		"i", named(records.Int64, records.TimestampName), "j", typ(records.String), "k", typ(records.Int16), "l", typ(records.Float32),
		"m", typ(records.String), "n", typ(records.String))
	r := s.open(t, ConfluentClass, "insert.mode", "upsert", "pk.mode", "record_key")
	m := newMaker("own")
	r.mustWrite(m.add(keySchema, list{1}, row, list{1, "ok", 5, "10.0.0.1", "ten", 12, dec("99"), `{"x":1}`, 42, 1700000000123, "abc", 1, 0.5, "2024-02-29",
		"6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b"}).next())
	s.want(t, "SELECT a, b, c, d, e, f, g, h, i AT TIME ZONE 'UTC', j, k, l, m::text, n FROM own",
		`ok|5|10.0.0.1|ten|12.0000|99|{"x": 1}|42|2023-11-14T22:13:20.123Z|abc|true|0.5|2024-02-29|6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b`)
	r.mustFail(m.add(keySchema, list{2}, row, list{2, "angry", 5, "10.0.0.1", "ten", 12, dec("99"), `{}`, 42, 0, "abc", 1, 0.5, "2024-02-29",
		"6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b"}).next(), "topic own partition 0 offset 1", "column a")
}

func TestTypes_ZonesOfDatabaseAndValue(t *testing.T) {
	s := postgresServer(t)
	r := s.open(t, ConfluentClass, upsertKeys(ConfluentClass, "db.timezone", "America/New_York")...)
	row := structOf("id", typ(records.Int32), "ts", named(records.Int64, records.TimestampName), "d", named(records.Int32, records.DateName))
	m := newMaker("zones")
	r.mustWrite(m.add(keySchema, list{1}, row, list{1, 1700000000000, 19000}).next())
	s.want(t, "SELECT ts::text, d::text FROM zones", "2023-11-14 17:13:20|2022-01-07") // date.timezone follows db.timezone
	r2 := s.open(t, ConfluentClass, upsertKeys(ConfluentClass, "db.timezone", "America/New_York", "date.timezone", "UTC")...)
	r2.mustWrite(m.add(keySchema, list{1}, row, list{1, 1700000000000, 19000}).next())
	s.want(t, "SELECT ts::text, d::text FROM zones", "2023-11-14 17:13:20|2022-01-08")
}

func TestTypes_StructsAreRefused(t *testing.T) {
	s := sqliteServer(t)
	r := s.open(t, ConfluentClass, upsertKeys(ConfluentClass)...)
	r.mustFail(newMaker("env").add(keySchema, list{1}, envV1, list{nil, list{1, "a"}, src, "c", 1}).next(), "offset 0", "STRUCT", "ExtractNewRecordState")
}

func TestTypes_Defaults(t *testing.T) {
	row := structOf("id", typ(records.Int32), "b", withDefault(typ(records.Boolean), true), "n", withDefault(typ(records.Int32), int64(-5)),
		"s", withDefault(opt(typ(records.String)), `it's \`), "d", withDefault(named(records.Bytes, records.DecimalName, "scale", "2", "connect.decimal.precision", "5"), dec("-105")),
		"f", withDefault(typ(records.Float64), 2.5))
	onBoth(t, func(t *testing.T, s *server, class string) {
		topic := topicName("defaults")
		r := s.open(t, class, upsertKeys(class)...)
		r.mustWrite(newMaker(topic).add(keySchema, list{1}, row, list{1, false, 1, "x", dec("1"), 1.0}).next())
		s.exec(t, "INSERT INTO "+topic+" (id) VALUES (2)")
		str := `it's \`
		if s.name == "mysql" {
			str = "∅" // a TEXT has no default there
		}
		b := map[bool]string{true: "true", false: "1"}[s.name == "postgres"]
		s.want(t, "SELECT b, n, s, d, f FROM "+topic+" WHERE id = 2", b+"|-5|"+str+"|-1.05|2.5")
	})
}
