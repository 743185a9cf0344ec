package mysql

import (
	"context"
	"encoding/binary"
	"log/slog"
	"testing"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/schemahistory/ddl"
	"github.com/anabranch/anabranch/schemahistory/gtid"
)

// minimal is the least configuration.
func minimal(more map[string]string) map[string]string {
	raw := map[string]string{"connector.class": Class, "database.hostname": "localhost", "database.user": "u", "database.password": "p",
		"database.server.id": "9", "topic.prefix": "app", "schema.history.internal": "io.debezium.relational.history.MemorySchemaHistory"}
	for k, v := range more {
		raw[k] = v
	}
	return raw
}

// offline is a stream without a server: events are handed to it.
func offline(t testing.TB, more map[string]string) *stream {
	t.Helper()
	made, err := New(minimal(more), capture.Env{Connector: "c"})
	if err != nil {
		t.Fatal(err)
	}
	src := made.(*Source)
	src.sv = &server{gtid: true}
	src.em = newEmitter(src.s, "3.6.1.Final", "0")
	if src.filters, err = relational.NewFilters(src.s.filters); err != nil {
		t.Fatal(err)
	}
	src.parser = ddl.New(src.ddlOptions())
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	st := &stream{s: src.s, log: slog.New(slog.DiscardHandler), m: m, sv: src.sv, em: src.em, filters: src.filters, parser: src.parser,
		store: schemahistory.NewMemory(), tables: schemahistory.NewTables(false), mapped: map[uint64]*mapping{}, plans: map[tid]*tablePlan{},
		warned: map[string]bool{}, c: &cursor{thread: -1, gtids: &gtid.Set{}, tx: &txContext{}}}
	st.c.startAt("mysql-bin.000001", 4)
	return st
}

// log writes events with consistent positions into a stream.
type testLog struct {
	t   testing.TB
	st  *stream
	pos uint32
	n   int64
}

func (l *testLog) event(kind byte, body []byte) {
	l.t.Helper()
	l.pos += uint32(eventHeaderBytes + len(body))
	var e event
	if err := parseEvent(rawEvent(kind, l.pos, body), 0, &e); err != nil {
		l.t.Fatal(err)
	}
	if err := l.st.handle(context.Background(), &e); err != nil {
		l.t.Fatal(err)
	}
}

func (l *testLog) gtid() {
	l.n++
	body := make([]byte, gtidFixedBytes)
	copy(body[1:], "\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11")
	binary.LittleEndian.PutUint64(body[17:], uint64(l.n))
	l.event(evGTID, body)
}

func (l *testLog) query(db, sql string) {
	body := binary.LittleEndian.AppendUint32(nil, 26)
	body = append(body, 0, 0, 0, 0, byte(len(db)), 0, 0, 0, 0)
	l.event(evQuery, append(append(append(body, db...), 0), sql...))
}

// tableMap is for (id INT, name VARCHAR(50)).
func (l *testLog) tableMap(number byte, db, table string) {
	body := []byte{number, 0, 0, 0, 0, 0, 1, 0, byte(len(db))}
	body = append(append(body, db...), 0, byte(len(table)))
	body = append(append(body, table...), 0, 2, 3, 15, 2, 200, 0, 2)
	l.event(evTableMap, body)
}

func rowsBody(number byte, update bool, rows ...[]byte) []byte {
	body := []byte{number, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 3}
	if update {
		body = append(body, 3)
	}
	for _, r := range rows {
		body = append(body, r...)
	}
	return body
}

func testRow(id uint32, name string) []byte {
	r := binary.LittleEndian.AppendUint32([]byte{0}, id)
	return append(append(r, byte(len(name))), name...)
}

func newLog(t testing.TB, more map[string]string) *testLog {
	l := &testLog{t: t, st: offline(t, more), pos: 4}
	l.gtid()
	l.query("db", "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(50))")
	l.st.cut().Release()
	return l
}

func (l *testLog) frame() *records.Frame {
	f := l.st.cut()
	l.t.Cleanup(f.Release)
	return f
}

func ops(f *records.Frame, table string) string {
	s := ""
	for _, b := range f.Batches {
		if b.Origin.Table != table {
			continue
		}
		for i := range b.Records {
			if b.Records[i].Value.IsNull() {
				s += "-"
				continue
			}
			s += b.Str(b.Elems(b.Records[i].Value)[relational.EnvOp])
		}
	}
	return s
}

func TestStream_OperationsAndKeyChange(t *testing.T) {
	l := newLog(t, nil)
	l.gtid()
	l.query("", "BEGIN")
	l.tableMap(5, "db", "t")
	l.event(evWriteRows, rowsBody(5, false, testRow(1, "a"), testRow(2, "b")))
	l.event(evUpdateRows, rowsBody(5, true, testRow(1, "a"), testRow(1, "x"), testRow(2, "b"), testRow(9, "b")))
	l.event(evDeleteRows, rowsBody(5, false, testRow(1, "x")))
	l.event(evXID, make([]byte, 8))
	f := l.frame()
	if got := ops(f, "db.t"); got != "ccud-cd-" {
		t.Errorf("operations %s", got)
	}
	b := f.Batches[0]
	for i, want := range map[int]string{3: relational.HeaderNewKey, 4: relational.HeaderNewKey, 5: relational.HeaderOldKey, 6: relational.HeaderLogicalName} {
		if h := b.RecordHeaders(&b.Records[i]); h[0].Key != want {
			t.Errorf("record %d begins with header %s, want %s", i, h[0].Key, want)
		}
	}
	src := b.Elems(b.Elems(b.Records[1].Value)[relational.EnvSource])
	if src[srcRow].Int() != 1 || b.Str(src[srcGTID]) != "11111111-1111-1111-1111-111111111111:2" || src[srcThread].Int() != 26 || !src[srcSnapshot].IsNull() {
		t.Errorf("source %v", src)
	}
	if got := f.Position.Offset.Str("gtids"); got != "11111111-1111-1111-1111-111111111111:1-2" {
		t.Errorf("gtids %s", got)
	}
}

// A restart in mid-transaction: what the offset says was sent does not come again, the rest does.
func TestStream_RestartInMidTransaction(t *testing.T) {
	transaction := func(l *testLog) {
		l.gtid()
		l.query("", "BEGIN")
		l.tableMap(5, "db", "t")
		l.event(evWriteRows, rowsBody(5, false, testRow(1, "a"), testRow(2, "b"), testRow(3, "c")))
		l.event(evWriteRows, rowsBody(5, false, testRow(4, "d"), testRow(5, "e"), testRow(6, "f")))
	}
	for name, c := range map[string]struct {
		event, row int64
		want       string
		elsewhere  bool
	}{
		"another transaction": {3, 2, "1,2,3,4,5,6,7,", true},
		"nothing sent":        {0, 0, "1,2,3,4,5,6,7,", false},
		"one row sent":        {2, 1, "2,3,4,5,6,7,", false},
		"one event sent":      {3, 0, "4,5,6,7,", false},
		"one and a half sent": {3, 2, "6,7,", false},
		"all rows sent":       {3, 3, "7,", false},
		"all events sent":     {4, 0, "7,", false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, nil)
			l.st.skipEvents, l.st.skipFirst = c.event, c.row
			l.st.skipFile, l.st.skipPos = "mysql-bin.000001", int64(l.pos)+eventHeaderBytes+gtidFixedBytes
			if c.elsewhere {
				l.st.skipPos++
			}
			transaction(l)
			l.event(evXID, make([]byte, 8))
			l.gtid()
			l.query("", "BEGIN")
			l.tableMap(5, "db", "t")
			l.event(evWriteRows, rowsBody(5, false, testRow(7, "g")))
			l.event(evXID, make([]byte, 8))
			got := ""
			for _, b := range l.frame().Batches {
				for i := range b.Records {
					got += string(rune('0'+b.Elems(b.Records[i].Key)[0].Int())) + ","
				}
			}
			if got != c.want {
				t.Errorf("keys %s, want %s", got, c.want)
			}
		})
	}
}

func TestStream_PositionInsideATransaction(t *testing.T) {
	l := newLog(t, nil)
	l.gtid()
	begin := int64(l.pos)
	l.query("", "BEGIN")
	l.tableMap(5, "db", "t")
	l.event(evWriteRows, rowsBody(5, false, testRow(1, "a")))
	d := l.frame().Position.Offset
	event, _ := d.Int("event")
	pos, _ := d.Int("pos")
	if event != 3 || pos != begin || d.Str("gtids") != "11111111-1111-1111-1111-111111111111:1-1" {
		t.Errorf("offset %v, the transaction begins at %d", d, begin)
	}
}

func TestStream_Options(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  map[string]string
		want string
	}{
		"default":                          {nil, "cuud-"},
		"skipped.operations=c,d":           {map[string]string{"skipped.operations": "c,d"}, "uut"},
		"tombstones.on.delete=false":       {map[string]string{"tombstones.on.delete": "false"}, "cuud"},
		"skip.messages.without.change":     {map[string]string{"skip.messages.without.change": "true"}, "cud-"},
		"change in a column left out":      {map[string]string{"skip.messages.without.change": "true", "column.exclude.list": "db.t.name"}, "cd-"},
		"table.exclude.list":               {map[string]string{"table.exclude.list": "db.t"}, ""},
		"truncate wanted":                  {map[string]string{"skipped.operations": "none"}, "cuud-t"},
		"gtid source left out":             {map[string]string{"gtid.source.excludes": "11111111-1111-1111-1111-111111111111"}, ""},
		"gtid source left out, rows taken": {map[string]string{"gtid.source.excludes": "11111111-1111-1111-1111-111111111111", "gtid.source.filter.dml.events": "false"}, "cuud-"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, c.cfg)
			if l.st.s.gtidExcludes != "" && l.st.s.gtidFilterRows {
				keep := l.st.s.gtidSource()
				l.st.keepGTID = func(uuid string) bool { return keep(gtid.Source{UUID: uuid}) }
			}
			l.gtid()
			l.query("", "BEGIN")
			l.tableMap(5, "db", "t")
			l.event(evWriteRows, rowsBody(5, false, testRow(1, "a")))
			l.event(evUpdateRows, rowsBody(5, true, testRow(1, "a"), testRow(1, "b"), testRow(1, "b"), testRow(1, "b")))
			l.event(evDeleteRows, rowsBody(5, false, testRow(1, "b")))
			l.event(evXID, make([]byte, 8))
			l.gtid()
			l.query("db", "TRUNCATE TABLE t")
			if got := ops(l.frame(), "db.t"); got != c.want {
				t.Errorf("operations %q, want %q", got, c.want)
			}
		})
	}
}

// The time of rows is that of their transaction, wherever reading begins: not the age of the file.
func TestStream_TimeOfRows(t *testing.T) {
	at := func(seconds uint32, kind byte, body []byte) []byte {
		e := rawEvent(kind, 0, body)
		binary.LittleEndian.PutUint32(e, seconds)
		return e
	}
	begin := append([]byte{26, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0}, "db\x00BEGIN"...)
	tableMap := append([]byte{5, 0, 0, 0, 0, 0, 1, 0, 2, 'd', 'b', 0, 1, 't'}, 0, 2, 3, 15, 2, 200, 0, 2)
	description := at(50, evFormatDescription, make([]byte, 61))
	gtidMicros := append(append(make([]byte, gtidFixedBytes), append([]byte{2}, make([]byte, 16)...)...), 0x81, 0x84, 0x1e, 0, 0, 0, 0) // 2 s and 1 µs
	inner := append(append(rawEvent(evQuery, 0, begin), rawEvent(evTableMap, 0, tableMap)...), rawEvent(evWriteRows, 0, rowsBody(5, false, testRow(1, "a")))...)
	for name, c := range map[string]struct {
		gtid bool
		evs  [][]byte
		want int64 // of the row, in µs
	}{
		"anonymous":                       {false, [][]byte{description, at(60, evAnonymousGTID, make([]byte, gtidFixedBytes)), at(61, evQuery, begin)}, 61_000_000},
		"resumed at BEGIN":                {false, [][]byte{description, at(61, evQuery, begin)}, 61_000_000},
		"resumed at BEGIN, GTIDs unknown": {true, [][]byte{description, at(61, evQuery, begin)}, 61_000_000},
		"resumed at a payload":            {false, [][]byte{description, at(61, evPayload, payloadBody(t, compressionZstd, inner))}, 61_000_000},
		"behind a GTID":                   {true, [][]byte{description, at(60, evGTID, gtidMicros), at(61, evQuery, begin)}, 2_000_001},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, nil)
			l.st.sv.gtid, l.st.micros, l.st.hasMicros = c.gtid, 0, false
			handle := func(raw []byte) {
				var e event
				if err := parseEvent(raw, 0, &e); err != nil {
					t.Fatal(err)
				}
				if err := l.st.handle(context.Background(), &e); err != nil {
					t.Fatal(err)
				}
			}
			for _, raw := range c.evs {
				handle(raw)
			}
			if l.st.pl.active {
				defer l.st.pl.close()
				var e event
				for {
					ok, err := l.st.pl.next(&e)
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					if err := l.st.handle(context.Background(), &e); err != nil {
						t.Fatal(err)
					}
				}
			} else {
				handle(at(61, evTableMap, tableMap))
				handle(at(62, evWriteRows, rowsBody(5, false, testRow(1, "a"))))
			}
			b := l.frame().Batches[0]
			src := b.Elems(b.Elems(b.Records[0].Value)[relational.EnvSource])
			if got := src[srcTSMicros].Int(); got != c.want {
				t.Errorf("time %d, want %d", got, c.want)
			}
		})
	}
}

func TestStream_TransactionMetadata(t *testing.T) {
	l := newLog(t, map[string]string{"provide.transaction.metadata": "true"})
	l.gtid()
	l.query("", "BEGIN")
	l.tableMap(5, "db", "t")
	l.event(evWriteRows, rowsBody(5, false, testRow(1, "a"), testRow(2, "b")))
	l.event(evXID, make([]byte, 8))
	f := l.frame()
	statuses, order := "", int64(0)
	for _, b := range f.Batches {
		for i := range b.Records {
			v := b.Elems(b.Records[i].Value)
			if b.Origin.Table == "app.transaction" {
				statuses += b.Str(v[0]) + " "
				if b.Str(v[0]) == "END" && v[2].Int() != 2 {
					t.Errorf("event_count %d", v[2].Int())
				}
				continue
			}
			order = b.Elems(v[relational.EnvTransaction])[1].Int()
		}
	}
	if statuses != "BEGIN END " || order != 2 {
		t.Errorf("statuses %q, last total_order %d", statuses, order)
	}
}

func TestStream_UnreadableStatement(t *testing.T) {
	bad := "ALTER TABLE other ADD COLUMN ((("
	l := newLog(t, map[string]string{"table.include.list": "db.t"})
	l.gtid()
	l.query("db", bad) // concerns no captured table: goes on
	l2 := newLog(t, nil)
	l2.gtid()
	body := append([]byte{26, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0}, "db\x00ALTER TABLE t ADD COLUMN ((("...)
	e := event{kind: evQuery, body: body}
	err := l2.st.handle(context.Background(), &e)
	if err == nil {
		t.Fatal("a statement on a captured table that cannot be read must stop the task")
	}
	if capture.Retriable(err) {
		t.Error("trying again does not help")
	}
}

func TestStream_UnknownTable(t *testing.T) {
	l := newLog(t, nil)
	l.gtid()
	l.query("", "BEGIN")
	l.tableMap(6, "db", "never_seen")
	e := event{kind: evWriteRows, body: rowsBody(6, false, testRow(1, "a"))}
	if err := l.st.handle(context.Background(), &e); err == nil || capture.Retriable(err) {
		t.Errorf("inconsistent.schema.handling.mode=fail: %v", err)
	}
	l = newLog(t, map[string]string{"inconsistent.schema.handling.mode": "warn"})
	l.gtid()
	l.query("", "BEGIN")
	l.tableMap(6, "db", "never_seen")
	l.event(evWriteRows, rowsBody(6, false, testRow(1, "a")))
}

// hotLog is one transaction of one row, as a stream of small transactions has them.
func hotLog(t testing.TB) func() {
	l := newLog(t, nil)
	sid := "\x00\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11"
	g := rawEvent(evGTID, 100, append([]byte(sid), make([]byte, 8)...))
	evs := [][]byte{g,
		rawEvent(evQuery, 200, append([]byte{26, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0}, "db\x00BEGIN"...)),
		rawEvent(evTableMap, 300, append([]byte{5, 0, 0, 0, 0, 0, 1, 0, 2, 'd', 'b', 0, 1, 't'}, 0, 2, 3, 15, 2, 200, 0, 2)),
		rawEvent(evWriteRows, 400, rowsBody(5, false, testRow(1, "some name"))),
		rawEvent(evUpdateRows, 500, rowsBody(5, true, testRow(1, "some name"), testRow(1, "another name"))),
		rawEvent(evXID, 600, make([]byte, 8))}
	n := uint64(1)
	var e event
	return func() {
		n++
		binary.LittleEndian.PutUint64(g[eventHeaderBytes+17:], n)
		for _, raw := range evs {
			if err := parseEvent(raw, 0, &e); err != nil {
				t.Fatal(err)
			}
			if err := l.st.handle(context.Background(), &e); err != nil {
				t.Fatal(err)
			}
		}
		if l.st.full() {
			l.st.cut().Release()
		}
	}
}

func TestStream_NothingIsAllocatedForARow(t *testing.T) {
	records.Poison.Store(false)
	defer records.Poison.Store(true)
	one := hotLog(t)
	for range 20_000 { // slabs grow to their size
		one()
	}
	// A frame costs some allocations; a thousand transactions of two rows are about one frame.
	if got := testing.AllocsPerRun(5, func() {
		for range 1000 {
			one()
		}
	}); got > 60 {
		t.Errorf("%v allocations for a thousand transactions", got)
	}
}

func BenchmarkStream_TransactionOfTwoRows(b *testing.B) {
	records.Poison.Store(false)
	defer records.Poison.Store(true)
	one := hotLog(b)
	b.ReportAllocs()
	for b.Loop() {
		one()
	}
}
