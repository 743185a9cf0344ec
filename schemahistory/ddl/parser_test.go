package ddl

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/schemahistory"
)

func id(db, table string) schemahistory.TableID {
	return schemahistory.TableID{Database: db, Table: table}
}

// run applies statements one after the other and fails the test at the first error.
func run(t *testing.T, p *Parser, tables *schemahistory.Tables, sqls ...string) (*schemahistory.Tables, *Result) {
	t.Helper()
	var res *Result
	for _, s := range sqls {
		var err error
		if res, err = p.Parse(Statement{SQL: s, Database: "d"}, tables); err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
		tables = res.Tables
	}
	return tables, res
}

func names(t *schemahistory.Table) string {
	if t == nil {
		return "no table"
	}
	var out []string
	for _, c := range t.Columns {
		out = append(out, c.Name+" "+c.TypeName)
	}
	return strings.Join(out, ", ")
}

// What Debezium gets wrong or dies of (DM-520, DM-521); the server's result is expected.
func TestParse_WhereDebeziumFails(t *testing.T) {
	for _, c := range []struct{ name, alter, want string }{
		{"swap", "RENAME COLUMN a TO b, RENAME COLUMN b TO a", "b INT, a TEXT, c DATE"},
		{"rotate", "RENAME COLUMN a TO b, RENAME COLUMN b TO c, RENAME COLUMN c TO a", "b INT, c TEXT, a DATE"},
		{"swap by change", "CHANGE a b INT, CHANGE b a TEXT", "b INT, a TEXT, c DATE"},
		{"after a new name", "CHANGE c c2 DATE AFTER z, RENAME COLUMN a TO z", "z INT, c2 DATE, b TEXT"},
		{"drop and add again", "ADD COLUMN b INT, DROP COLUMN b", "a INT, c DATE, b INT"},
		{"move to the end in other case", "MODIFY `A` INT AFTER c", "b TEXT, c DATE, A INT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tables, _ := run(t, New(Options{}), nil, "CREATE TABLE t (a INT, b TEXT, c DATE)", "ALTER TABLE t "+c.alter)
			if got := names(tables.Get(id("d", "t"))); got != c.want {
				t.Errorf("columns are %s, want %s", got, c.want)
			}
		})
	}
}

func TestParse_SQLMode(t *testing.T) {
	parse := func(sql string, mode uint64) *schemahistory.Table {
		t.Helper()
		res, err := New(Options{}).Parse(Statement{SQL: sql, Database: "d", SQLMode: mode}, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, sql)
		}
		return res.Tables.Get(id("d", "t"))
	}
	tb := parse(`CREATE TABLE "t" ("a b" INT, c VARCHAR(5) DEFAULT 'x')`, ModeAnsiQuotes)
	if got := names(tb); got != "a b INT, c VARCHAR" {
		t.Errorf("under ANSI_QUOTES: %s", got)
	}
	tb = parse(`CREATE TABLE t (a VARCHAR(5) DEFAULT "x")`, 0)
	if got := *tb.Column("a").Default; got != "x" {
		t.Errorf("default is %q", got)
	}
	tb = parse(`CREATE TABLE t (a VARCHAR(5) DEFAULT '\', b INT COMMENT '\\')`, ModeNoBackslashEscapes)
	if got := names(tb); got != "a VARCHAR, b INT" {
		t.Errorf("under NO_BACKSLASH_ESCAPES: %s", got)
	}
	tb = parse(`CREATE TABLE t (a VARCHAR(5) DEFAULT '\'', b INT)`, 0)
	if got := names(tb); got != "a VARCHAR, b INT" {
		t.Errorf("with escapes: %s", got)
	}
}

func TestParse_ExecutableComments(t *testing.T) {
	for _, c := range []struct {
		flavor  Flavor
		version int
		sql     string
		want    string
	}{
		{MySQL, 80036, "CREATE TABLE t (a INT /*!80023 INVISIBLE */, b INT)", "a INT, b INT"},
		{MySQL, 80036, "CREATE TABLE t (a INT /*!90000 , b INT */)", "a INT"},
		{MySQL, 90700, "CREATE TABLE t (a INT /*!90000 , b INT */)", "a INT, b INT"},
		{MySQL, 0, "CREATE TABLE t (a INT /*!999999 , b INT */)", "a INT, b INT"},
		{MySQL, 0, "CREATE TABLE t (a INT /*M! , b INT */)", "a INT"},
		{MariaDB, 110402, "CREATE TABLE t (a INT /*M! , b INT */)", "a INT, b INT"},
		{MariaDB, 110402, "CREATE TABLE t (a INT /*M!120000 , b INT */)", "a INT"},
		{MariaDB, 110402, "CREATE TABLE t (a INT /*!50701 , b INT */ /*!50100 , c INT */ /*!100100 , e INT */)", "a INT, c INT, e INT"},
		{MySQL, 0, "CREATE TABLE t (a INT, -- b INT,\n# c INT,\nd INT /* e INT */)", "a INT, d INT"},
		{MySQL, 0, "CREATE TABLE t (a INT DEFAULT 5--3\n)", "a INT"},
	} {
		res, err := New(Options{Flavor: c.flavor, ServerVersion: c.version}).Parse(Statement{SQL: c.sql, Database: "d"}, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, c.sql)
			continue
		}
		if got := names(res.Tables.Get(id("d", "t"))); got != c.want {
			t.Errorf("%s: %s, want %s", c.sql, got, c.want)
		}
	}
}

func TestParse_MariaDB(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"CREATE OR REPLACE TABLE t (a INT, u UUID DEFAULT uuid(), i4 INET4, i6 INET6 NOT NULL)", "a INT, u UUID, i4 INET4, i6 INET6"},
		{"CREATE TABLE t (a INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING", "a INT, s TIMESTAMP, e TIMESTAMP"},
		{"CREATE TABLE t (a INT, b INT, UNIQUE (a, b WITHOUT OVERLAPS), INDEX i (a) IGNORED) ENGINE=`InnoDB` `PAGE_COMPRESSED`=1", "a INT, b INT"},
		{"CREATE TABLE t (a INT DEFAULT NEXT VALUE FOR d.s, b INT PERSISTENT, c VARCHAR(3) COMPRESSED DEFAULT concat('a','b') COMMENT 'x')", "a INT, b INT, c VARCHAR"},
		{"SET STATEMENT max_statement_time=1, x=2 FOR CREATE TABLE t (a INT)", "a INT"},
		{"CREATE TABLE t (a VARCHAR2(3), b NUMBER(5), c CLOB, d RAW(5))", "a VARCHAR2, b NUMBER, c CLOB, d RAW"},
	} {
		res, err := New(Options{Flavor: MariaDB}).Parse(Statement{SQL: c.sql, Database: "d"}, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, c.sql)
			continue
		}
		if got := names(res.Tables.Get(id("d", "t"))); got != c.want {
			t.Errorf("%s: %s, want %s", c.sql, got, c.want)
		}
	}
	p := New(Options{Flavor: MariaDB})
	tables, _ := run(t, p, nil, "CREATE TABLE t (a INT, b INT)",
		"ALTER ONLINE TABLE IF EXISTS t WAIT 10 ADD COLUMN IF NOT EXISTS a TEXT, ADD COLUMN IF NOT EXISTS c INT, DROP COLUMN IF EXISTS zz, MODIFY COLUMN IF EXISTS yy INT, RENAME COLUMN IF EXISTS xx TO b",
		"RENAME TABLE IF EXISTS t WAIT 5 TO t2, nope NOWAIT TO nope2")
	if got := names(tables.Get(id("d", "t2"))); got != "a INT, b INT, c INT" {
		t.Errorf("columns are %s", got)
	}
}

func TestParse_KeepsWhatItDoesNotOwn(t *testing.T) {
	p := New(Options{})
	before, _ := run(t, p, nil, "CREATE TABLE t (a INT)", "CREATE TABLE u (a INT)")
	for _, sql := range []string{
		"CREATE TABLE IF NOT EXISTS t (b INT)", "CREATE TEMPORARY TABLE t (b INT)", "DROP TEMPORARY TABLE t", "CREATE VIEW v AS SELECT 1",
		"CREATE PROCEDURE p() BEGIN DROP TABLE t; END", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DROP TABLE t", "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 'it''s'",
		"CREATE FUNCTION f() RETURNS INT LANGUAGE JAVASCRIPT AS $$ it's; DROP TABLE t; $$", "GRANT ALL ON *.* TO x", "INSERT INTO t VALUES (1)", "FLUSH TABLES", "CREATE USER x", "XA COMMIT 'a'",
		"ALTER TABLE nope ADD x INT", "DROP TABLE nope",
	} {
		res, err := p.Parse(Statement{SQL: sql, Database: "d"}, before)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
			continue
		}
		if res.Tables.Get(id("d", "t")) != before.Get(id("d", "t")) || res.Tables.Len() != 2 {
			t.Errorf("%s changed the tables", sql)
		}
	}
	after, res := run(t, p, before, "ALTER TABLE t ADD b INT")
	if names(before.Get(id("d", "t"))) != "a INT" || names(after.Get(id("d", "t"))) != "a INT, b INT" {
		t.Error("the old set changed")
	}
	if before.Get(id("d", "u")) != after.Get(id("d", "u")) {
		t.Error("another table was copied")
	}
	if d := cmp.Diff([]schemahistory.TableID{id("d", "t")}, res.Changed); d != "" {
		t.Error(d)
	}
}

func TestParse_Errors(t *testing.T) {
	p := New(Options{})
	tables, _ := run(t, p, nil, "CREATE TABLE t (a INT)", "CREATE DATABASE d CHARSET greek")
	for _, c := range []struct {
		sql    string
		table  string
		offset int
		near   string
	}{
		{"  CREATE TABLE x (a INT, b secrettype)", "d.x", 27, ""},
		{"CREATE TABLE x (a INT", "d.x", 21, "the end"},
		{"CREATE TABLE x (a VARCHAR(10) DEFAULT 'secret", "d.x", 38, ""},
		{"CREATE TABLE x (a INT b INT) ) garbage", "", -1, ""},
		{"ALTER TABLE t MODIFY nope INT", "d.t", 21, ""},
		{"ALTER TABLE e.q ADD (a INT", "e.q", 26, "the end"},
		{"CREATE TABLE", "", 12, "the end"},
		{"RENAME TABLE a b", "", 15, ""},
		{"USE x; ALTER TABLE t ADD a zzz", "x.t", 27, ""},
	} {
		res, err := p.Parse(Statement{SQL: c.sql, Database: "d"}, tables)
		if c.offset < 0 {
			if err != nil {
				t.Errorf("%s: %v", c.sql, err)
			}
			continue
		}
		var e *Error
		if !errors.As(err, &e) || res != nil {
			t.Errorf("%s: no error", c.sql)
			continue
		}
		table := ""
		if e.Table != nil {
			table = e.Table.String()
		}
		if table != c.table || e.Offset != c.offset || e.Near != c.near {
			t.Errorf("%s: table %q offset %d near %q: %v", c.sql, table, e.Offset, e.Near, e)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%v tells data", err)
		}
	}
	// A statement that fails leaves the parser alone: USE x above did not stick.
	tables, _ = run(t, p, tables, "CREATE TABLE y (a TEXT)")
	if cs := tables.Get(id("d", "y")).DefaultCharset; cs != "greek" {
		t.Errorf("character set is %q", cs)
	}
}

func TestParse_RoutesByCapture(t *testing.T) {
	captured := func(i schemahistory.TableID) bool { return i.Table == "in" }
	database := func(d string) bool { return d == "d" }
	route := func(o Options, sql string) string {
		t.Helper()
		o.Captured, o.CapturedDatabase = captured, database
		p := New(o)
		tables, _ := run(t, New(Options{}), nil, "CREATE TABLE `in` (a INT)", "CREATE TABLE d.`out` (a INT)", "CREATE TABLE e.`out` (a INT)")
		_, res := run(t, p, tables, sql)
		s := ""
		for _, e := range res.Events {
			if e.History {
				s += "h"
			}
			if e.Emit {
				s += "e"
			}
			s += "."
		}
		return s
	}
	tablesOnly, databasesOnly := Options{StoreOnlyCapturedTables: true}, Options{StoreOnlyCapturedDatabases: true}
	for _, c := range []struct {
		o    Options
		sql  string
		want string
	}{
		{Options{}, "ALTER TABLE `out` ADD b INT", "he."},
		{tablesOnly, "ALTER TABLE `in` ADD b INT", "he."},
		{tablesOnly, "ALTER TABLE `out` ADD b INT", ""},
		{tablesOnly, "CREATE DATABASE d", "e."},
		{tablesOnly, "CREATE DATABASE e", ""},
		{tablesOnly, "CREATE INDEX i ON `in` (a)", ""},
		{tablesOnly, "RENAME TABLE `in` TO x, x TO `in`", "e.he."},
		{tablesOnly, "DROP TABLE `in`, `out`", "he."},
		{databasesOnly, "ALTER TABLE `out` ADD b INT", "he."},
		{databasesOnly, "ALTER TABLE e.`out` ADD b INT", ""},
		{databasesOnly, "DROP TABLE `in`, e.`out`", "he."},
		{databasesOnly, "FLUSH TABLES", "he."},
		{Options{}, "TRUNCATE TABLE `in`", "."},
		{Options{}, "TRUNCATE TABLE nope", "he."},
		{Options{Filter: []*regexp.Regexp{regexp.MustCompile("FLUSH.*")}}, "FLUSH TABLES", ""},
	} {
		if got := route(c.o, c.sql); got != c.want {
			t.Errorf("%+v %s: %q, want %q", c.o, c.sql, got, c.want)
		}
	}
}

func TestParse_Filter(t *testing.T) {
	for sql, want := range map[string]bool{
		"DROP TEMPORARY TABLE IF EXISTS `x` /* generated by server */": true,
		"GRANT SELECT ON x TO y":                true,
		"create user 'a'@'b' identified by 'c'": true,
		"CREATE DEFINER=`a`@`b` TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN\n END":                      true,
		"CREATE OR REPLACE ALGORITHM = UNDEFINED DEFINER = `a`@`b` SQL SECURITY INVOKER VIEW v AS SELECT 1": true,
		"SAVEPOINT a": true, "insert into t values (1)": true, "REPLACE INTO t VALUES (1)": true, "FLUSH PRIVILEGES": true, "BEGIN": true,
		"SET STATEMENT max_statement_time=1 FOR UPDATE t SET a=1": true,
		"ANALYZE TABLE t": true, "OPTIMIZE LOCAL TABLE t": true,
		"TRUNCATE TABLE t": false, "CREATE TABLE t (a INT)": false, "FLUSH TABLES": false, "ALTER EVENT e DISABLE": false,
	} {
		res, err := New(Options{}).Parse(Statement{SQL: sql, Database: "d"}, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
		} else if res.Filtered != want {
			t.Errorf("%s: filtered %v", sql, res.Filtered)
		}
	}
	re, err := CompileFilter(`A .*, B\,.* ,`)
	if err != nil || len(re) != 2 || !re[1].MatchString("b,x") || re[0].MatchString("xA b") {
		t.Errorf("%v %v", re, err)
	}
	if _, err := CompileFilter("("); err == nil {
		t.Error("an open group was accepted")
	}
}

func TestParser_RenamedFrom(t *testing.T) {
	p := New(Options{})
	for sql, want := range map[string]string{
		"ALTER TABLE a ADD x INT, RENAME TO b":    "d.a",
		"ALTER TABLE `e`.`a` RENAME AS `e`.`b`":   "e.a",
		"ALTER TABLE a RENAME COLUMN x TO y":      "",
		"ALTER TABLE a RENAME a":                  "",
		"ALTER TABLE a MODIFY":                    "",
		"RENAME TABLE a TO b":                     "",
		"ALTER ONLINE TABLE IF EXISTS a RENAME b": "d.a",
	} {
		got, ok := p.RenamedFrom(sql, "d")
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v %v", sql, got, ok)
		}
	}
}

func TestParse_CharsetOfLastResort(t *testing.T) {
	st := Statement{SQL: "CREATE TABLE t (a TEXT)", Database: "d", DatabaseCharset: "greek"}
	for _, c := range []struct {
		o    Options
		want string
	}{{Options{}, "greek"}, {Options{ServerCharset: "latin1"}, "latin1"}, {Options{ServerCollation: "utf8mb4_0900_ai_ci"}, "utf8mb4"}} {
		res, err := New(c.o).Parse(st, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Tables.Get(id("d", "t")).Columns[0].CharsetName; got != c.want {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
}

func TestNormalize_MapsOffsets(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`a "b'c" 'd"e' -- "f"` + "\n" + `"g"`, `a 'b''c' 'd"e' -- "f"` + "\n" + `'g'`},
		{"ALTER TABLE rank ADD lag INT, ADD x INT", "ALTER TABLE `rank` ADD `lag` INT, ADD x INT"},
		{"CREATE TABLE t (`rank` INT, ntile VARCHAR(3), 'lag int')", "CREATE TABLE t (`rank` INT, `ntile` VARCHAR(3), 'lag int')"},
		{"x lead: LOOP", "x `lead`: LOOP"},
		{"no change", "no change"},
	} {
		n := normalize(c.in, false)
		if n.text != c.want {
			t.Errorf("%s: %s", c.in, n.text)
		}
		// Cuts must follow each other without a gap.
		rnd := rand.New(rand.NewPCG(3, 4))
		for range 50 {
			a := rnd.IntN(len(c.in) + 1)
			if got := n.cut(0, a) + n.cut(a, len(c.in)); got != n.text {
				t.Fatalf("cut at %d: %s", a, got)
			}
		}
	}
}

func TestJavaOrder(t *testing.T) {
	// As Java 21 prints new HashSet<>(set) of these names.
	got := javaOrder([]schemahistory.TableID{id("d", "a"), id("d", "x"), id("d", "b"), id("d", "t10"), id("e", "é😀")})
	if len(got) != 5 {
		t.Fatal(got)
	}
	for i := 1; i < len(got); i++ {
		if bucket(got[i-1], 16) > bucket(got[i], 16) {
			t.Errorf("%v is before %v", got[i-1], got[i])
		}
	}
	if h := bucket(id("", "😀"), 1<<30); h != 1772899^1772899>>16 {
		t.Errorf("hash is %d", h)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"CREATE TABLE t (a INT UNSIGNED NOT NULL DEFAULT -1 COMMENT 'x', b ENUM('a',\"b\") CHARSET latin1, PRIMARY KEY (a), UNIQUE u (b(3) DESC)) ENGINE=InnoDB /*!50100 PARTITION BY HASH (a) */",
		"ALTER TABLE t ADD (c INT, d TEXT), CHANGE a b BIGINT FIRST, MODIFY b INT AFTER c, DROP d, RENAME COLUMN x TO y, ORDER BY a, b, COMMENT='x'; RENAME TABLE t TO u, u TO t",
		"DROP TABLE IF EXISTS a, `b``c`.d /* x */ CASCADE", "SET NAMES utf8, @a = 1, GLOBAL x = 'y'", "CREATE DATABASE x COLLATE utf8mb4_bin", "USE x; TRUNCATE t",
		"CREATE ALGORITHM=MERGE DEFINER=`a`@`b` VIEW v AS SELECT 1", "CREATE UNIQUE INDEX i ON t (a)", "SET STATEMENT a=1 FOR ALTER TABLE t WAIT 1 ADD a INT", "CREATE TABLE t (a INT DEFAULT (1", "rank ntile int \"'\"",
	} {
		f.Add(s, uint64(0), false)
		f.Add(s, ModeAnsiQuotes|ModeNoBackslashEscapes, true)
	}
	f.Fuzz(func(t *testing.T, sql string, mode uint64, maria bool) {
		o := Options{IncludeComments: true}
		if maria {
			o.Flavor = MariaDB
		}
		p := New(o)
		tables, _ := run(t, p, nil, "CREATE TABLE t (a INT, b TEXT NOT NULL, x DATE, UNIQUE (b(3)))")
		was := names(tables.Get(id("d", "t")))
		res, err := p.Parse(Statement{SQL: sql, Database: "d", SQLMode: mode}, tables)
		if got := names(tables.Get(id("d", "t"))); got != was {
			t.Fatalf("the old tables changed to %s", got)
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(sql) {
				t.Fatalf("%#v", err)
			}
			return
		}
		for _, e := range res.Events {
			rec := schemahistory.Record{Changes: e.Changes, DDL: e.DDL, HasDDL: true}
			schemahistory.AppendRecord(nil, &rec)
		}
		res.Tables.All(func(tb *schemahistory.Table) bool {
			for i, c := range tb.Columns {
				if c.Position != i+1 {
					t.Fatalf("column %d has position %d", i, c.Position)
				}
			}
			return true
		})
	})
}

func BenchmarkParse_CreateTable(b *testing.B) {
	var sb strings.Builder
	sb.WriteString("CREATE TABLE `t` (`id` bigint unsigned NOT NULL AUTO_INCREMENT")
	for i := range 50 {
		sb.WriteString(",\n  `c")
		sb.WriteString(strings.Repeat("x", i%7))
		sb.WriteByte(byte('a' + i%26))
		sb.WriteByte(byte('a' + i/26))
		sb.WriteString("` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT ''")
	}
	sb.WriteString(",\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")
	sql := sb.String()
	b.SetBytes(int64(len(sql)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(Options{}).Parse(Statement{SQL: sql, Database: "d"}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
