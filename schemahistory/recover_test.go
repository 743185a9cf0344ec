package schemahistory

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
)

const uuidA, uuidB = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562"

func TestMySQLOrder(t *testing.T) {
	at := func(file string, pos int, more ...any) records.Doc {
		return doc(append([]any{"file", file, "pos", pos}, more...)...)
	}
	g := func(set string, more ...any) records.Doc {
		return doc(append([]any{"file", "b.000001", "pos", 4, "gtids", set}, more...)...)
	}
	for _, c := range []struct {
		name              string
		recorded, desired records.Doc
		want              bool
	}{
		{"same place", at("b.000001", 4), at("b.000001", 4), true},
		{"earlier position", at("b.000001", 4), at("b.000001", 5), true},
		{"later position", at("b.000001", 6), at("b.000001", 5), false},
		{"positions beyond 2 GiB", at("b.000001", 4000000000), at("b.000001", 3000000000), false},
		{"file number counts, not text", at("b.999999", 4), at("b.1000000", 4), true},
		{"later file", at("b.000002", 4), at("b.000001", 500), false},
		{"other base name", at("b.000009", 4), at("c.000001", 4), true},
		{"more events", at("b.000001", 4, "event", 3), at("b.000001", 4, "event", 2), false},
		{"fewer events", at("b.000001", 4), at("b.000001", 4, "event", 2), true},
		{"later row", at("b.000001", 4, "event", 2, "row", 3), at("b.000001", 4, "event", 2, "row", 2), false},
		{"no row is before a row", at("b.000001", 4), at("b.000001", 4, "row", 0), true},
		{"other server, older", at("b.000009", 4, "server_id", 1, "ts_sec", 10), at("b.000001", 4, "server_id", 2, "ts_sec", 11), true},
		{"other server, newer", at("b.000001", 4, "server_id", 1, "ts_sec", 12), at("b.000009", 4, "server_id", 2, "ts_sec", 11), false},
		{"GTID only wanted", at("b.000009", 4), g(uuidA + ":1"), true},
		{"GTID only recorded", g(uuidA + ":1"), at("b.000009", 4), false},
		{"subset", g(uuidA + ":1-3"), g(uuidA + ":1-5," + uuidB + ":1"), true},
		{"not a subset", g(uuidA + ":1-6"), g(uuidA + ":1-5," + uuidB + ":1"), false},
		{"other source", g(uuidB + ":1"), g(uuidA + ":1-5"), false},
		{"tag of its own", g(uuidA + ":x:1"), g(uuidA + ":1-5"), false},
		{"tag within", g(uuidA + ":x:1"), g(uuidA + ":1-5:x:1-2"), true},
		{"equal sets in other words", g(uuidA + ":1-3:4-5"), g(strings.ToUpper(uuidA) + ":1-5"), true},
		{"equal sets, more events", g(uuidA+":1", "event", 2), g(uuidA+":1", "event", 1), false},
		{"equal sets, wanted in snapshot", g(uuidA + ":1"), g(uuidA+":1", "snapshot", true), false},
		{"equal sets, both in snapshot", g(uuidA+":1", "snapshot", true), g(uuidA+":1", "snapshot", true), true},
	} {
		got, err := MySQLOrder(nil)(c.recorded, c.desired)
		if err != nil || got != c.want {
			t.Errorf("%s: %v %v", c.name, got, err)
		}
	}
	only := MySQLOrder(func(u string) bool { return u == uuidA })
	if ok, err := only(g(uuidB+":7"), g(uuidA+":1-5")); !ok || err != nil {
		t.Errorf("a filtered source counts: %v", err)
	}
	for _, bad := range []records.Doc{at("nofile", 1), g("x")} {
		if _, err := MySQLOrder(nil)(bad, bad); err == nil {
			t.Errorf("%v was compared", bad)
		}
	}
	if ok, err := MariaDBOrder()(g("0-1-5"), g("0-2-7,1-1-1")); !ok || err != nil {
		t.Errorf("MariaDB: %v %v", ok, err)
	}
	if ok, err := MariaDBOrder()(g("0-1-8"), g("0-2-7,1-1-1")); ok || err != nil {
		t.Errorf("MariaDB: %v %v", ok, err)
	}
}

type tableErr struct{ id *TableID }

func (e tableErr) Error() string { return "no" }
func (e tableErr) Subject() (TableID, bool) {
	if e.id == nil {
		return TableID{}, false
	}
	return *e.id, true
}

// fakeParser fails where the statement says so and creates a table otherwise.
type fakeParser struct{ seen []string }

func (p *fakeParser) Replay(ddl, database string, tables *Tables) (*Tables, error) {
	p.seen = append(p.seen, database+":"+ddl)
	switch ddl {
	case "bad":
		return nil, tableErr{}
	case "bad table":
		return nil, tableErr{&TableID{Database: "d", Table: "x"}}
	}
	return tables.Put(&Table{ID: TableID{Database: database, Table: ddl}}), nil
}

func TestRecover(t *testing.T) {
	ctx := context.Background()
	history := func(recs ...Record) *Memory {
		m := NewMemory()
		if err := m.Append(ctx, recs...); err != nil {
			t.Fatal(err)
		}
		return m
	}
	stmt := func(n int, ddl string) Record {
		r := rec(n)
		r.DDL, r.Changes = ddl, []Change{}
		return r
	}
	foreign := rec(3)
	foreign.Source = doc("server", "other")
	unset := rec(5)
	unset.Changes[0].Table.Columns[0].HasDefault = false
	source, stop := doc("server", "s"), doc("file", "bin.000001", "pos", 10)
	var later []Record
	p := &fakeParser{}
	tables, stats, err := Recover(ctx, history(rec(1), stmt(2, "USE d"), foreign, stmt(4, "bad"), unset, rec(11), stmt(12, "later")), source, stop,
		RecoverOptions{Order: MySQLOrder(nil), Parser: p, Later: func(r Record) { later = append(later, r) }})
	if err != nil {
		t.Fatal(err)
	}
	if want := (RecoverStats{Records: 7, Foreign: 1, Later: 2, Applied: 2, Replayed: 1, Failed: 1}); stats != want {
		t.Errorf("%+v", stats)
	}
	if len(later) != 2 || strings.Join(p.seen, ",") != "d:USE d,d:bad" {
		t.Errorf("%d later, replayed %v", len(later), p.seen)
	}
	if tables.Len() != 3 || tables.Get(TableID{Database: "d", Table: "t3"}) != nil {
		t.Errorf("%d tables", tables.Len())
	}
	if c := tables.Get(TableID{Database: "d", Table: "t5"}).Columns[0]; !c.HasDefault || c.Default != nil {
		t.Errorf("an optional column has no default: %+v", c)
	}
	if unset.Changes[0].Table.Columns[0].HasDefault {
		t.Error("the record was changed")
	}

	_, _, err = Recover(ctx, history(stmt(1, "bad table")), source, stop, RecoverOptions{Order: MySQLOrder(nil), Parser: p})
	var e *Error
	if !errors.As(err, &e) || e.Subject != "table d.x" || e.Hint == "" {
		t.Errorf("%v", err)
	}
	if _, stats, err = Recover(ctx, history(stmt(1, "bad table")), source, stop, RecoverOptions{Order: MySQLOrder(nil), Parser: p, SkipUnparseable: true}); err != nil || stats.Failed != 1 {
		t.Errorf("%v %+v", err, stats)
	}
	if _, stats, err = Recover(ctx, history(rec(1)), source, stop, RecoverOptions{Order: MySQLOrder(nil), Parser: p, PreferDDL: true}); err != nil || stats.Replayed != 1 {
		t.Errorf("%v %+v", err, stats)
	}
	bad := rec(1)
	bad.Position = doc("file", "nonsense")
	if _, _, err = Recover(ctx, history(bad), source, stop, RecoverOptions{Order: MySQLOrder(nil)}); err == nil {
		t.Error("a position that cannot be compared was passed over")
	}
}
