package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/capture/sourcetest"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/testenv"
)

// serverIDs gives each source of this test run its own replica id; other test runs use the
// same server.
var serverIDs = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(time.Now().UnixNano() % 1_000_000 * 100)
	return &n
}()

// live is a connector against a real server.
type live struct {
	raw map[string]string
	db  *sql.DB
	dbn string
}

func newLive(t *testing.T, m *testenv.MySQLServer, more map[string]string) *live {
	t.Helper()
	name, db := m.Database(t)
	raw := map[string]string{
		"connector.class": Class, "database.hostname": m.Host(), "database.port": strconv.Itoa(m.Port()),
		"database.user": testenv.MySQLUser, "database.password": testenv.MySQLPassword, "database.server.id": strconv.FormatInt(70_000+serverIDs.Add(1), 10),
		"topic.prefix": "app", "database.include.list": name, "schema.history.internal": "io.debezium.storage.file.history.FileSchemaHistory",
		"schema.history.internal.file.filename":                     filepath.Join(t.TempDir(), "history.dat"),
		"schema.history.internal.store.only.captured.databases.ddl": "true",
	}
	for k, v := range more {
		raw[k] = v
	}
	return &live{raw: raw, db: db, dbn: name}
}

func (l *live) exec(t testing.TB, stmts ...string) {
	t.Helper()
	c, err := l.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, s := range stmts {
		if _, err := c.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func (l *live) source(t testing.TB) capture.Source {
	t.Helper()
	src, err := New(l.raw, capture.Env{Connector: "live", Version: "3.6.1.Final"})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func (l *live) open(t *testing.T, offsets ...records.Position) capture.Source {
	t.Helper()
	src := l.source(t)
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := src.Open(ctx, offsets); err != nil {
		t.Fatal(err)
	}
	return src
}

// rec is a record as the tests look at it.
type rec struct {
	topic, op, snapshot, table, ddl string
	key                             string
}

// collect reads until stop says so.
func collect(t *testing.T, src capture.Source, stop func(all []rec) bool) ([]rec, records.Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all []rec
	var pos records.Position
	for !stop(all) {
		f, err := src.Read(ctx)
		if errors.Is(err, io.EOF) {
			return all, pos
		}
		if err != nil {
			t.Fatalf("after %d records: %v", len(all), err)
		}
		for _, b := range f.Batches {
			for i := range b.Records {
				all = append(all, look(b, &b.Records[i]))
			}
		}
		pos = f.Position
		f.Release()
	}
	return all, pos
}

func look(b *records.Batch, r *records.Record) rec {
	x := rec{topic: b.Topics[r.Topic], op: "-"}
	text := func(v records.Value) string {
		if v.IsNull() {
			return ""
		}
		return b.Str(v)
	}
	if !r.Key.IsNull() {
		for _, v := range b.Elems(r.Key) {
			if v.Kind == records.KindString {
				x.key += text(v) + " "
			} else {
				x.key += fmt.Sprint(v.Int()) + " "
			}
		}
		x.key = strings.TrimSpace(x.key)
	}
	if r.Value.IsNull() {
		return x
	}
	v := b.Elems(r.Value)
	schema := b.Schemas[r.ValueSchema]
	var src []records.Value
	switch {
	case strings.HasSuffix(schema.Name, ".Envelope"):
		x.op = text(v[relational.EnvOp])
		src = b.Elems(v[relational.EnvSource])
	case strings.HasSuffix(schema.Name, ".SchemaChangeValue"):
		x.op, x.ddl = "ddl", text(v[4])
		src = b.Elems(v[0])
	default:
		return x
	}
	x.snapshot, x.table = text(src[srcSnapshot]), text(src[srcTable])
	return x
}

func upTo(n int) func([]rec) bool { return func(all []rec) bool { return len(all) >= n } }

// around is what a transaction of the contract suite begins and ends with.
type around struct {
	first, last []string
	whole       bool // read again as a whole after a restart
}

var plain = around{first: []string{"START TRANSACTION"}, last: []string{"COMMIT"}}

func contract(t *testing.T, m *testenv.MySQLServer, more map[string]string, tx around) {
	l := newLive(t, m, more)
	l.exec(t, "CREATE TABLE t (id INT PRIMARY KEY, txt VARCHAR(40))")
	sourcetest.Run(t, sourcetest.Fixture{
		New:     l.source,
		Repeats: tx.whole,
		Write: func(t testing.TB, first, last int) {
			// One transaction with an event for each row: frames end in the middle of it.
			stmts := append([]string{}, tx.first...)
			for n := first; n <= last; n++ {
				stmts = append(stmts, fmt.Sprintf("INSERT INTO t VALUES (%d, 'row %d')", n, n))
			}
			l.exec(t, append(stmts, tx.last...)...)
		},
		Number: func(b *records.Batch, r *records.Record) (int, bool) {
			if b.Origin.Table != l.dbn+".t" {
				return 0, false
			}
			return int(b.Elems(r.Key)[0].Int()), true
		},
	})
}

// Each way in which a transaction can be in the log must survive a restart at each of its frames.
func TestLive_Contract(t *testing.T) {
	m, off := testenv.MySQL(t), testenv.MySQLWith(t, testenv.MySQLOptions{NoGTID: true})
	with := func(set string) around {
		return around{first: append([]string{"SET SESSION " + set}, plain.first...), last: plain.last}
	}
	compressed := with("binlog_transaction_compression=ON")
	xa := around{[]string{"XA START 'c'"}, []string{"XA END 'c'", "XA PREPARE 'c'", "XA COMMIT 'c'"}, true}
	for name, c := range map[string]struct {
		m    *testenv.MySQLServer
		more map[string]string
		tx   around
	}{
		"GTID":               {m, nil, plain},
		"no TLS":             {m, map[string]string{"database.ssl.mode": "disabled"}, plain},
		"tagged GTID":        {m, nil, with("gtid_next='AUTOMATIC:anab'")},
		"compressed":         {m, nil, compressed},
		"XA":                 {m, nil, xa},
		"minimal images":     {m, nil, with("binlog_row_image=MINIMAL")},
		"no GTID":            {off, nil, plain},
		"no GTID compressed": {off, nil, compressed},
		"no GTID XA":         {off, nil, xa},
	} {
		more := map[string]string{"max.batch.size": "7"}
		for k, v := range c.more {
			more[k] = v
		}
		t.Run(name, func(t *testing.T) { contract(t, c.m, more, c.tx) })
	}
}

func TestLive_SnapshotMarksAndHistory(t *testing.T) {
	l := newLive(t, testenv.MySQL(t), nil)
	l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "CREATE TABLE b (id INT PRIMARY KEY)", "CREATE TABLE c (id INT PRIMARY KEY)", "CREATE TABLE d (id INT PRIMARY KEY)",
		"INSERT INTO a VALUES (1),(2),(3)", "INSERT INTO c VALUES (1)")
	src := l.open(t)
	all, pos := collect(t, src, upTo(1+4+3+4+4))
	ddls := ""
	marks := ""
	for _, r := range all {
		if r.op == "ddl" {
			ddls += strings.Fields(r.ddl)[0] + " "
			continue
		}
		marks += r.table + "=" + r.snapshot + " "
	}
	if want := "SET DROP DROP DROP DROP DROP CREATE USE CREATE CREATE CREATE CREATE "; ddls != want {
		t.Errorf("statements %s", ddls)
	}
	// Tables b and d are empty: the last record of all is marked nevertheless (DM-33).
	if want := "a=first a=true a=last_in_data_collection c=last "; marks != want {
		t.Errorf("marks %s", marks)
	}
	if _, still := pos.Offset.Get("snapshot"); still {
		t.Errorf("the last offset still says snapshot: %v", pos.Offset)
	}
	if p := src.(capture.Progress).SnapshotProgress(); !p.Completed || p.TablesDone != 4 || p.RowsDone != 4 {
		t.Errorf("progress %+v", p)
	}
	n := 0
	err := schemahistory.NewFile(l.raw["schema.history.internal.file.filename"], nil).Read(t.Context(), func(r schemahistory.Record) error {
		n++
		if r.Position.Str("snapshot") != "INITIAL" {
			t.Errorf("history position %v", r.Position)
		}
		return nil
	})
	if err != nil || n != 12 {
		t.Errorf("%d history records, %v", n, err)
	}
}

func TestLive_InterruptedSnapshotStartsOver(t *testing.T) {
	l := newLive(t, testenv.MySQL(t), map[string]string{"max.batch.size": "2"})
	l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "INSERT INTO a VALUES (1),(2),(3),(4),(5),(6),(7)")
	src := l.open(t)
	_, pos := collect(t, src, func(all []rec) bool { return len(all) > 0 && all[len(all)-1].op == "r" })
	if pos.Offset.Str("snapshot") != "INITIAL" {
		t.Fatalf("offset %v", pos.Offset)
	}
	again := l.open(t, pos)
	all, pos := collect(t, again, func(all []rec) bool { return len(all) > 0 && all[len(all)-1].snapshot == "last" })
	rows := 0
	for _, r := range all {
		if r.op == "r" {
			rows++
		}
	}
	if _, still := pos.Offset.Get("snapshot"); rows != 7 || still {
		t.Errorf("%d rows, offset %v", rows, pos.Offset)
	}
}

func TestLive_Modes(t *testing.T) {
	m := testenv.MySQL(t)
	t.Run("no_data", func(t *testing.T) {
		l := newLive(t, m, map[string]string{"snapshot.mode": "no_data"})
		l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "INSERT INTO a VALUES (1)")
		src := l.open(t)
		all, _ := collect(t, src, upTo(6))
		if last := all[len(all)-1]; last.op != "ddl" || last.snapshot != "last" {
			t.Errorf("the last record is %+v", last)
		}
		l.exec(t, "INSERT INTO a VALUES (2)")
		more, _ := collect(t, src, upTo(1))
		if more[0].op != "c" || more[0].key != "2" {
			t.Errorf("streamed %+v", more)
		}
	})
	t.Run("initial_only", func(t *testing.T) {
		l := newLive(t, m, map[string]string{"snapshot.mode": "initial_only"})
		l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "INSERT INTO a VALUES (1)")
		all, pos := collect(t, l.open(t), upTo(1000))
		if last := all[len(all)-1]; last.op != "r" || last.snapshot != "last" {
			t.Errorf("the last record is %+v", last)
		}
		if again, _ := collect(t, l.open(t, pos), upTo(1)); len(again) != 0 {
			t.Errorf("a second start sent %+v", again)
		}
	})
	t.Run("always", func(t *testing.T) {
		l := newLive(t, m, map[string]string{"snapshot.mode": "always"})
		l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "INSERT INTO a VALUES (1)")
		_, pos := collect(t, l.open(t), upTo(7))
		if all, _ := collect(t, l.open(t, pos), upTo(7)); all[6].op != "r" {
			t.Errorf("the second start sent %+v", all)
		}
	})
	t.Run("recovery", func(t *testing.T) {
		l := newLive(t, m, nil)
		l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "INSERT INTO a VALUES (1)")
		_, pos := collect(t, l.open(t), upTo(7))
		l.exec(t, "INSERT INTO a VALUES (2)")
		l.raw["schema.history.internal.file.filename"] = filepath.Join(t.TempDir(), "lost.dat")
		lost := l.source(t)
		err := lost.Open(t.Context(), []records.Position{pos})
		if err == nil || capture.Retriable(err) || !strings.Contains(err.Error(), "db history topic is missing") {
			t.Errorf("a lost history: %v", err)
		}
		if err := lost.Close(); err != nil {
			t.Error(err)
		}
		l.raw["snapshot.mode"] = "recovery"
		all, _ := collect(t, l.open(t, pos), func(all []rec) bool { return len(all) > 0 && all[len(all)-1].op == "c" })
		if all[len(all)-1].key != "2" {
			t.Errorf("after recovery %+v", all)
		}
	})
	t.Run("override", func(t *testing.T) {
		l := newLive(t, m, map[string]string{"snapshot.tables.order.by.row.count": "descending"})
		l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY, v INT)", "INSERT INTO a VALUES (1,1),(2,2),(3,3)")
		l.raw[overridesKey] = l.dbn + ".a"
		l.raw[overridesKey+"."+l.dbn+".a"] = "SELECT v, id FROM " + l.dbn + ".a WHERE id > 1 ORDER BY id DESC;"
		all, _ := collect(t, l.open(t), func(all []rec) bool { return len(all) > 0 && all[len(all)-1].snapshot == "last" })
		if got := all[len(all)-2].key + all[len(all)-1].key; got != "32" {
			t.Errorf("keys %s", got)
		}
	})
}

// Servers that refuse the global lock: the captured tables are locked one by one, the others'
// structures are read afterwards (DM-101).
func TestLive_TableLocks(t *testing.T) {
	m := testenv.MySQL(t)
	l := newLive(t, m, map[string]string{"table.include.list": ".*\\.a"})
	user := "lk" + strconv.FormatInt(serverIDs.Add(1), 10)
	l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "CREATE TABLE other (id INT PRIMARY KEY)", "INSERT INTO a VALUES (1),(2)",
		"CREATE USER "+user+" IDENTIFIED BY 'x'", "GRANT SELECT, LOCK TABLES, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO "+user)
	t.Cleanup(func() { _, _ = l.db.Exec("DROP USER " + user) }) // the server outlives the test; a leftover does no harm
	// FLUSH TABLES ... WITH READ LOCK wants RELOAD or FLUSH_TABLES; the latter does not allow the global lock.
	l.exec(t, "GRANT FLUSH_TABLES ON *.* TO "+user)
	l.raw["database.user"], l.raw["database.password"] = user, "x"
	src := l.open(t)
	all, _ := collect(t, src, func(all []rec) bool { return len(all) > 0 && all[len(all)-1].snapshot == "last" })
	rows := 0
	for _, r := range all {
		if r.op == "r" {
			rows++
		}
	}
	if rows != 2 {
		t.Errorf("%d rows", rows)
	}
	l.exec(t, "INSERT INTO a VALUES (3)") // would hang if the locks were still held
	more, _ := collect(t, src, func(all []rec) bool { return len(all) > 0 && all[len(all)-1].op == "c" })
	if more[len(more)-1].key != "3" {
		t.Errorf("%+v", more)
	}
}

func TestLive_NoPrivileges(t *testing.T) {
	m := testenv.MySQL(t)
	l := newLive(t, m, nil)
	user := "np" + strconv.FormatInt(serverIDs.Add(1), 10)
	l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "CREATE USER "+user+" IDENTIFIED BY 'x'", "GRANT SELECT, SHOW DATABASES, REPLICATION CLIENT ON *.* TO "+user)
	t.Cleanup(func() { _, _ = l.db.Exec("DROP USER " + user) }) // the server outlives the test; a leftover does no harm
	l.raw["database.user"], l.raw["database.password"] = user, "x"
	src := l.open(t)
	_, err := src.Read(t.Context())
	if err == nil || capture.Retriable(err) || !strings.Contains(err.Error(), "grant") {
		t.Errorf("got %v", err)
	}
}

// Statements, structures, compressed and XA transactions while streaming, and a restart after each.
func TestLive_StatementsAndRestarts(t *testing.T) {
	l := newLive(t, testenv.MySQL(t), map[string]string{"snapshot.mode": "no_data", "include.schema.changes": "false"})
	l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY, v INT)")
	var stored []records.Position
	expect := func(want string, stmts ...string) {
		t.Helper()
		src := l.open(t, stored...)
		if stored == nil {
			f, err := src.Read(t.Context()) // the end of the snapshot
			if err != nil {
				t.Fatal(err)
			}
			stored = []records.Position{f.Position}
			f.Release()
		}
		l.exec(t, append(stmts, "INSERT INTO "+l.dbn+".fence VALUES (NULL)")...)
		got := ""
		all, pos := collect(t, src, func(all []rec) bool { return len(all) > 0 && all[len(all)-1].table == "fence" })
		for _, r := range all {
			if r.table != "fence" {
				got += r.op + r.key + " "
			}
		}
		if got != want {
			t.Errorf("%v\n got %q\nwant %q", stmts, got, want)
		}
		stored = []records.Position{pos}
	}
	l.exec(t, "CREATE TABLE fence (id INT PRIMARY KEY AUTO_INCREMENT)")
	expect("c1 ", "INSERT INTO a VALUES (1,1)")
	expect("c2 u1 ", "ALTER TABLE a ADD COLUMN w VARCHAR(10) DEFAULT 'x', RENAME COLUMN v TO vv", "INSERT INTO a VALUES (2,2,'y')", "UPDATE a SET w='z' WHERE id=1")
	expect("c3 c4 ", "SET SESSION binlog_transaction_compression=ON", "START TRANSACTION", "INSERT INTO a VALUES (3,3,'')", "INSERT INTO a VALUES (4,4,'')", "COMMIT")
	expect("c c1 ", "CREATE TABLE b AS SELECT 1 AS id", "ALTER TABLE b ADD PRIMARY KEY (id)", "DELETE FROM b WHERE id=7", "TRUNCATE TABLE b", "INSERT INTO b VALUES (1)")
	expect("c5 ", "XA START 'x1'", "INSERT INTO a VALUES (5,5,'')", "XA END 'x1'", "XA PREPARE 'x1'", "XA COMMIT 'x1'")
	expect("c6 ", "RENAME TABLE a TO a2", "INSERT INTO a2 VALUES (6,6,'')")
	expect("d6 -6 c60 ", "UPDATE a2 SET id=60 WHERE id=6")
	expect("u60 ", "SET SESSION binlog_row_image=MINIMAL", "UPDATE a2 SET w='m' WHERE id=60", "SET SESSION binlog_row_image=FULL")
	expect("", "DROP TABLE b", "CREATE VIEW vw AS SELECT 1", "CREATE TABLE c (id INT PRIMARY KEY)")
}

func TestLive_PositionOfAnIdleSourceMovesOn(t *testing.T) {
	l := newLive(t, testenv.MySQL(t), map[string]string{"snapshot.mode": "no_data", "include.schema.changes": "false", "table.include.list": ".*\\.wanted"})
	l.exec(t, "CREATE TABLE wanted (id INT PRIMARY KEY)", "CREATE TABLE other (id INT PRIMARY KEY)")
	src := l.open(t)
	f, err := src.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before, _ := f.Position.Offset.Int("pos")
	f.Release()
	l.exec(t, "INSERT INTO other VALUES (1)")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if f, err = src.Read(ctx); err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	if after, _ := f.Position.Offset.Int("pos"); len(f.Batches) != 0 || after <= before {
		t.Errorf("%d batches, position %d after %d", len(f.Batches), after, before)
	}
}

func TestLive_Validate(t *testing.T) {
	m := testenv.MySQL(t)
	l := newLive(t, m, nil)
	check := func(want string) {
		t.Helper()
		v, ps := Definition().Parse(l.raw)
		if len(ps) > 0 {
			t.Fatal(ps)
		}
		got := Validate(t.Context(), v)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0].Key != keyHostname || !strings.Contains(got[0].Message, want)) {
			t.Errorf("%v, want %q", got, want)
		}
	}
	check("")
	l.raw["database.password"] = "wrong"
	check("Access denied")
}
