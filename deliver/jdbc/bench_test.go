package jdbc

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
)

var speed = flag.Bool("speed", false, "run the measurements")

// The table of the benchmarks: 13 columns as an order system has them.
var benchRow = structOf(
	"id", typ(records.Int64), "customer", typ(records.Int32), "status", typ(records.String), "email", opt(typ(records.String)),
	"note", opt(typ(records.String)), "amount", named(records.Bytes, records.DecimalName, "scale", "2", "connect.decimal.precision", "12"),
	"quantity", typ(records.Int16), "weight", opt(typ(records.Float64)), "active", typ(records.Boolean),
	"day", named(records.Int32, "io.debezium.time.Date"), "created", named(records.Int64, "io.debezium.time.MicroTimestamp"),
	"updated", opt(named(records.String, "io.debezium.time.ZonedTimestamp")), "blob", opt(typ(records.Bytes)))

var benchKey = structOf("id", typ(records.Int64))

func benchBatch(m *maker, from, n int) *records.Batch {
	for i := from; i < from+n; i++ {
		var dec [8]byte
		binary.BigEndian.PutUint64(dec[:], uint64(i*37%1000000))
		m.add(benchKey, list{i}, benchRow, list{i, i % 5000, "SHIPPED", fmt.Sprintf("user%d@example.com", i%5000),
			"left at the door of the neighbour", dec[:], i % 100, float64(i) * 0.25, i%2 == 0, 19000 + i%365,
			int64(1700000000000000) + int64(i)*1000003, "2024-03-01T12:34:56.123456Z", []byte("0123456789abcdef")})
	}
	return m.next()
}

const benchRows = 500000

// benchSink writes n rows in batches of size through a sink and returns the time it took.
func benchSink(t testing.TB, class string, batches []*records.Batch, kv ...string) time.Duration {
	ctx := context.Background()
	s, err := New(conf(t, class, kv...), class, deliver.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	began := time.Now()
	errs := make(chan error, len(batches))
	for _, b := range batches {
		if err := s.Write(ctx, b, func(err error) { errs <- err }); err != nil {
			t.Fatal(err)
		}
	}
	for range batches {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(began)
}

func benchBatches(rows, size int) []*records.Batch {
	m := newMaker("bench")
	var bs []*records.Batch
	for i := 0; i < rows; i += size {
		bs = append(bs, benchBatch(m, i, min(size, rows-i)))
	}
	return bs
}

// copyData renders the rows in COPY's binary format, as a loader by hand would have them.
func copyData(rows int) []byte {
	out := []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	be := binary.BigEndian
	m := newMaker("bench")
	b := benchBatch(m, 0, rows)
	cols := []column{}
	for i := range benchRow.Fields {
		cols = append(cols, column{field: newField(debezium, benchRow.Fields[i].Name, benchRow.Fields[i].Schema, i == 0), idx: i})
	}
	encs := make([]encoder, len(cols))
	bases := []string{"bigint", "integer", "text", "text", "text", "numeric", "smallint", "double precision", "boolean", "date", "timestamp without time zone", "timestamp with time zone", "bytea"}
	for i := range cols {
		w, err := pgWire(&cols[i].field, bases[i])
		if err != nil {
			panic(err)
		}
		encs[i] = w.enc
	}
	for i := range b.Records {
		r := row{b: b, rec: int32(i), val: b.Records[i].Value.Off}
		out = be.AppendUint16(out, uint16(len(cols)))
		for j := range cols {
			bb, v := cols[j].value(&r)
			at := len(out)
			out = append(out, 0, 0, 0, 0)
			out, _ = encs[j](out, &cols[j], bb, v, time.UTC)
			be.PutUint32(out[at:], uint32(len(out)-at-4))
		}
	}
	return be.AppendUint16(out, 0xFFFF)
}

// byHand loads the same rows with COPY into a staging table and one INSERT … ON CONFLICT.
func byHand(t testing.TB, url, table string, data []byte) time.Duration {
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	exec := func(q string) {
		if _, err := conn.Exec(ctx, q).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	var names, sets []string
	for _, f := range benchRow.Fields {
		names = append(names, f.Name)
		if f.Name != "id" {
			sets = append(sets, f.Name+" = EXCLUDED."+f.Name)
		}
	}
	began := time.Now()
	exec("BEGIN")
	exec("CREATE TEMP TABLE staging (LIKE " + table + ") ON COMMIT DROP")
	if _, err := conn.CopyFrom(ctx, bytes.NewReader(data), "COPY staging FROM STDIN BINARY"); err != nil {
		t.Fatal(err)
	}
	exec("INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") SELECT " + strings.Join(names, ", ") +
		" FROM staging ON CONFLICT (id) DO UPDATE SET " + strings.Join(sets, ", "))
	exec("COMMIT")
	return time.Since(began)
}

// TestSpeed_PostgresAgainstCopyByHand is not a timed test: it prints the figures that
// docs/benchmarks.md speaks of when asked to with -run Speed -speed.
func TestSpeed_PostgresAgainstCopyByHand(t *testing.T) {
	if !*speed {
		t.Skip("only with -speed")
	}
	pg := testenv.Postgres(t)
	name, db := pg.Database(t)
	data := copyData(benchRows)
	exec := func(q string) {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	url := "jdbc:postgresql://" + pg.Addr() + "/" + name + "?sslmode=disable"
	for round := range 3 {
		for _, c := range []struct {
			label string
			class string
			size  int
			kv    []string
		}{
			{"debezium, batches of 500, batch.size 500", DebeziumClass, 500, nil},
			{"debezium, batches of 5000, batch.size 5000", DebeziumClass, 5000, []string{"batch.size", "5000"}},
		} {
			kv := append([]string{"connection.url", url, "connection.username", "postgres", "connection.password", "postgres",
				"insert.mode", "upsert", "primary.key.mode", "record_key", "schema.evolution", "basic", "collection.name.format", "bench"}, c.kv...)
			exec("DROP TABLE IF EXISTS bench")
			batches := benchBatches(benchRows, c.size)
			ins := benchSink(t, c.class, batches, kv...)
			exec("VACUUM ANALYZE bench")
			batches = benchBatches(benchRows, c.size)
			upd := benchSink(t, c.class, batches, kv...)
			exec("DROP TABLE IF EXISTS hand")
			exec("CREATE TABLE hand (LIKE bench INCLUDING ALL)")
			hins := byHand(t, pg.URL(name), "hand", data)
			exec("VACUUM ANALYZE hand")
			hupd := byHand(t, pg.URL(name), "hand", data)
			t.Logf("round %d %s: fresh rows %.2fs (by hand %.2fs, ratio %.2f), existing rows %.2fs (by hand %.2fs, ratio %.2f)", round, c.label,
				ins.Seconds(), hins.Seconds(), hins.Seconds()/ins.Seconds(), upd.Seconds(), hupd.Seconds(), hupd.Seconds()/upd.Seconds())
			var n int
			if err := db.QueryRow("SELECT count(*) FROM (SELECT * FROM bench EXCEPT SELECT * FROM hand) x").Scan(&n); err != nil || n != 0 {
				t.Fatalf("%d rows differ, %v", n, err)
			}
		}
	}
}

// benchSet makes a group of rows bound to PostgreSQL's types.
func benchSet(n int) (*group, *layout, []wire, []row) {
	b := benchBatch(newMaker("bench"), 0, n)
	l := &layout{table: &table{}, keys: 1}
	bases := []string{"bigint", "integer", "text", "text", "text", "numeric", "smallint", "double precision", "boolean", "date",
		"timestamp without time zone", "timestamp with time zone", "bytea"}
	var wires []wire
	for i := range benchRow.Fields {
		c := column{field: newField(debezium, benchRow.Fields[i].Name, benchRow.Fields[i].Schema, i == 0), idx: i}
		w, err := pgWire(&c.field, bases[i])
		if err != nil {
			panic(err)
		}
		wires = append(wires, w)
		l.cols = append(l.cols, c)
	}
	var rows []row
	for i := range b.Records {
		rows = append(rows, row{b: b, rec: int32(i), val: b.Records[i].Value.Off, key: b.Records[i].Key.Off})
	}
	return &group{}, l, wires, rows
}

// BenchmarkGroup is the reduction and sorting of 1000 rows.
func BenchmarkGroup(b *testing.B) {
	g, l, _, rows := benchSet(1000)
	b.ReportAllocs()
	for b.Loop() {
		g.reset()
		for i := range rows {
			g.add(modeUpsert, l, rows[len(rows)-1-i])
		}
		g.split(true)
	}
}

// BenchmarkEncodePostgres is the encoding of 1000 rows of 13 columns.
func BenchmarkEncodePostgres(b *testing.B) {
	g, l, wires, rows := benchSet(1000)
	for _, r := range rows {
		g.add(modeUpsert, l, r)
	}
	_, set := g.split(true)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = buf[:0]
		for i := range wires {
			var err error
			if buf, err = encodeArray(buf, l, i, wires[i], set, time.UTC); err != nil {
				b.Fatal(err)
			}
		}
	}
}
