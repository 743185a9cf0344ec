package relational

import (
	"reflect"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
)

func id(db, table string) schemahistory.TableID {
	return schemahistory.TableID{Database: db, Table: table}
}

func TestSplitPatterns(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" a , b ", []string{"a", "b"}},
		{`a\,b,c`, []string{"a,b", "c"}},
		{`a\.b,,`, []string{`a\.b`}},
		{`x\\,y`, []string{`x\\`, "y"}},
	} {
		got, err := SplitPatterns(c.text)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("SplitPatterns(%q) = %q, %v; want %q", c.text, got, err, c.want)
		}
	}
	if _, err := SplitPatterns(`a\`); err == nil {
		t.Error("a backslash at the end must be an error")
	}
}

func TestFilters(t *testing.T) {
	for name, c := range map[string]struct {
		cfg      FilterConfig
		in, out  []string
		dbIn     []string
		dbOut    []string
		structs  []string
		nostruct []string
	}{
		"nothing given": {cfg: FilterConfig{Builtin: []string{"mysql"}, IgnoreBuiltin: true},
			in: []string{"a.t"}, out: []string{"mysql.user", "MySQL.user"}, structs: []string{"a.t"}, nostruct: []string{"mysql.user"}},
		"builtin wanted":    {cfg: FilterConfig{Builtin: []string{"mysql"}}, in: []string{"mysql.user"}},
		"database include":  {cfg: FilterConfig{DatabaseInclude: "shop,crm.*"}, in: []string{"shop.t", "SHOP.t", "crm2.t"}, out: []string{"shop2.t"}, dbIn: []string{"crm"}, dbOut: []string{"xcrm"}, structs: []string{"other.t"}},
		"database exclude":  {cfg: FilterConfig{DatabaseExclude: "tmp"}, in: []string{"a.t"}, out: []string{"tmp.t"}},
		"table include":     {cfg: FilterConfig{TableInclude: `shop\.orders_\d+`}, in: []string{"shop.orders_7"}, out: []string{"shop.orders_x", "shopXorders_7"}},
		"look-ahead":        {cfg: FilterConfig{TableInclude: `shop\.(?!tmp_).*`}, in: []string{"shop.a"}, out: []string{"shop.tmp_a"}},
		"both levels":       {cfg: FilterConfig{DatabaseInclude: "shop", TableInclude: ".*"}, in: []string{"shop.a"}, out: []string{"b.a"}},
		"signal table":      {cfg: FilterConfig{DatabaseInclude: "shop", SignalTable: "ops.signals"}, in: []string{"ops.signals"}},
		"only captured":     {cfg: FilterConfig{TableInclude: "a.t", StoreOnlyCapturedTables: true}, structs: []string{"a.t"}, nostruct: []string{"a.u"}},
		"captured database": {cfg: FilterConfig{DatabaseInclude: "a", TableInclude: "a.t", StoreOnlyCapturedDatabases: true}, structs: []string{"a.u"}, nostruct: []string{"b.t"}},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := NewFilters(c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			check := func(names []string, want bool, what string, fn func(schemahistory.TableID) bool) {
				for _, n := range names {
					db, table, _ := strings.Cut(n, ".")
					for range 2 { // the second answer is the remembered one
						if fn(id(db, table)) != want {
							t.Errorf("%s(%s) is not %v", what, n, want)
						}
					}
				}
			}
			check(c.in, true, "Table", f.Table)
			check(c.out, false, "Table", f.Table)
			check(c.structs, true, "Structure", f.Structure)
			check(c.nostruct, false, "Structure", f.Structure)
			for _, d := range c.dbIn {
				if !f.Database(d) {
					t.Errorf("database %s is left out", d)
				}
			}
			for _, d := range c.dbOut {
				if f.Database(d) {
					t.Errorf("database %s is taken", d)
				}
			}
			if f.Err() != nil {
				t.Error(f.Err())
			}
		})
	}
}

func TestFilters_ColumnAndBadPattern(t *testing.T) {
	f, err := NewFilters(FilterConfig{ColumnExclude: `a\.t\.secret.*`})
	if err != nil {
		t.Fatal(err)
	}
	if f.Column(id("a", "t"), "SECRET_1") || !f.Column(id("a", "t"), "open") || !f.Column(id("a", "u"), "secret") {
		t.Error("column.exclude.list decides wrongly")
	}
	if _, err := NewFilters(FilterConfig{TableInclude: "("}); err == nil || !strings.Contains(err.Error(), "table.include.list") {
		t.Errorf("a bad pattern must name its key, got %v", err)
	}
}

func TestKeyMap(t *testing.T) {
	table := &schemahistory.Table{ID: id("shop", "orders"), PrimaryKey: []string{"id"},
		Columns: []schemahistory.Column{{Name: "id"}, {Name: "region"}, {Name: "No"}}}
	for text, want := range map[string][]string{
		"":                           {"id"},
		"shop.orders:no,region":      {"No", "region"},
		"(.*).orders:region;x.y:id":  {"region"},
		"shop.customers:region":      {"id"},
		"shop.orders:region; a.b:id": {"region"},
	} {
		m, err := ParseKeyMap(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Columns(table); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, bad := range []string{"shop.orders", "shop.orders:", ":id"} {
		if _, err := ParseKeyMap(bad); err == nil {
			t.Errorf("%q must be refused", bad)
		}
	}
}

func TestTopics(t *testing.T) {
	tp := Topics{Prefix: "my-app", Delimiter: ".", HeartbeatPrefix: "__debezium-heartbeat", TransactionName: "transaction"}
	for got, want := range map[string]string{
		tp.Data(id("db", "t")):                    "my-app.db.t",
		tp.Data(id("d b", "tä$x")):                "my-app.d_b.t__x",
		tp.Data(id("db", "😀")):                    "my-app.db.__", // two UTF-16 units
		tp.SchemaChange():                         "my-app",
		tp.Heartbeat():                            "__debezium-heartbeat.my-app",
		tp.Transaction():                          "my-app.transaction",
		Sanitize("."):                             "_",
		Sanitize(".."):                            "__",
		Sanitize(strings.Repeat("a", 300)):        strings.Repeat("a", 249),
		Topics{HeartbeatName: "beat"}.Heartbeat(): "beat",
		Topics{Prefix: "p", Delimiter: "_"}.Data(id("d", "t")): "p_d_t",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAdjuster(t *testing.T) {
	avro, _ := NewAdjuster("avro", true)
	uni, _ := NewAdjuster("avro_unicode", true)
	field, _ := NewAdjuster("avro", false)
	for got, want := range map[string]string{
		avro("a-b.c$d"): "a_b.c_d",
		avro("1a.2b"):   "_1a.2b",
		uni("a-b_c"):    "a_u002db_u005fc",
		uni("1a"):       "_u0031a",
		field("a.b"):    "a_b",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if none, err := NewAdjuster("none", true); none != nil || err != nil {
		t.Error("none must leave names alone")
	}
}

func TestSideRecords(t *testing.T) {
	s := NewSchemas("mysql", &records.Schema{Type: records.Struct, Fields: SourceFields()})
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	s.AppendHeartbeat(b, "beat", "app", 42)
	src := records.StructAt(b.AddVals(9), 9)
	one, def := 1, "x"
	s.AppendSchemaChange(b, "app", &Context{"app", "0", "mysql", "run"}, SchemaChange{Database: "db", HasDatabase: true, DDL: "CREATE ...", NowMillis: 7,
		Changes: []schemahistory.Change{
			{Type: schemahistory.Create, ID: id("db", "t"), Table: &schemahistory.Table{ID: id("db", "t"), PrimaryKey: []string{"id"}, Columns: []schemahistory.Column{
				{Name: "id", JDBCType: 4, TypeName: "INT", Position: 1, Length: &one, Default: &def, EnumValues: []string{"'a'"}}}}},
			{Type: schemahistory.Drop, ID: id("db", "u")},
		}}, src)
	if len(b.Records) != 2 || b.Records[0].Partition != 0 || b.Records[1].HeaderN != 4 {
		t.Fatalf("records %+v", b.Records)
	}
	changes := b.Elems(b.Elems(b.Records[1].Value)[5])
	if len(changes) != 2 || b.Str(b.Elems(changes[0])[1]) != `"db"."t"` || !b.Elems(changes[1])[2].IsNull() {
		t.Error("changes are not as Debezium writes them")
	}
	col := b.Elems(b.Elems(b.Elems(b.Elems(changes[0])[2])[2])[0])
	if b.Str(col[0]) != "id" || col[6].Int() != 1 || b.Str(col[13]) != "x" || col[14].N != 1 || !col[2].IsNull() {
		t.Errorf("column %v", col)
	}
}

func TestCheckPatterns(t *testing.T) {
	for _, good := range []any{"", `a\.(?!b).*,c`, []string{"a", "b.*"}, nil} {
		if err := CheckPatterns(good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range []any{"a,(", []string{"[z-a]"}, "*"} {
		if CheckPatterns(bad) == nil {
			t.Errorf("%v must be refused", bad)
		}
	}
}

func TestValidTopicPart(t *testing.T) {
	for text, want := range map[string]bool{"my-app_1.x": true, "a b": false, "ä": false, "a/b": false, "a:b": false} {
		if ValidTopicPart(text) != want {
			t.Errorf("%q is not %v", text, want)
		}
	}
}

// A pattern that backtracks for ever is an error to be asked for, not a quiet "no".
func TestFilters_EndlessPattern(t *testing.T) {
	f, err := NewFilters(FilterConfig{TableInclude: `d\.(a+)+\1b`})
	if err != nil {
		t.Fatal(err)
	}
	if f.Table(id("d", strings.Repeat("a", 60))) || f.Err() == nil {
		t.Errorf("taken, or no error: %v", f.Err())
	}
}

func TestEnvelopeAndKeyedHeaders(t *testing.T) {
	s := NewSchemas("mysql", &records.Schema{Type: records.Struct, Fields: SourceFields()})
	row := &records.Schema{Type: records.Struct, Name: "app.d.t.Value", Optional: true}
	env := s.Envelope("app.d.t", row)
	if env.Name != "app.d.t.Envelope" || env.Fields[EnvBefore].Schema != row || env.Fields[EnvAfter].Schema != row || env.Fields[EnvOp].Name != "op" || env.Fields[EnvTransaction].Name != "transaction" {
		t.Errorf("envelope %+v", env)
	}
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	key := records.StructAt(b.AddVals(1), 1)
	var none *Context
	if _, n := none.AppendKeyed(b, HeaderNewKey, row, key); n != 1 || b.Headers[0].Key != HeaderNewKey {
		t.Errorf("%d headers without a context", n)
	}
	off, n := (&Context{"app", "0", "mysql", "run"}).AppendKeyed(b, HeaderOldKey, row, key)
	if n != 5 || b.Headers[off].Key != HeaderOldKey || b.Headers[off+4].Key != HeaderRunID {
		t.Errorf("%d headers", n)
	}
}
