package ddl_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/schemahistory/ddl"
	"github.com/anabranch/anabranch/testenv"
)

// TestLive_HistoryEqualsDebezium lets the real Debezium keep the history of testdata/live.sql
// and compares it record by record with what this package makes of the same statements: those
// of the snapshot from the records, those of the stream from the binlog.
func TestLive_HistoryEqualsDebezium(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a connector")
	}
	c, m, k := testenv.Connect(t), testenv.MySQL(t), testenv.Kafka(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	database, db := m.Database(t)
	other := database + "_x"
	t.Cleanup(func() { db.Exec("DROP DATABASE IF EXISTS " + other) })
	script, err := os.ReadFile("testdata/live.sql")
	if err != nil {
		t.Fatal(err)
	}
	before, stream, _ := strings.Cut(strings.ReplaceAll(string(script), "${db}", database), "-- STREAM")
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(sql string) {
		t.Helper()
		for _, s := range strings.Split(sql, ";\n") {
			if strings.TrimSpace(s) == "" {
				continue
			}
			if _, err := conn.ExecContext(ctx, s); err != nil {
				t.Fatalf("%v\n%s", err, s)
			}
		}
	}
	exec("SET sql_mode='NO_ENGINE_SUBSTITUTION'")
	exec(before)

	prefix := k.TopicPrefix(t)
	topic := prefix + "-history"
	c.Create(t, prefix, map[string]string{
		"connector.class":       "io.debezium.connector.mysql.MySqlConnector",
		"database.hostname":     m.Host(),
		"database.port":         fmt.Sprint(m.Port()),
		"database.user":         testenv.MySQLUser,
		"database.password":     testenv.MySQLPassword,
		"database.server.id":    fmt.Sprint(1 + time.Now().UnixNano()%1_000_000_000),
		"database.include.list": database + "," + other,
		"topic.prefix":          prefix,
		"schema.history.internal.kafka.bootstrap.servers":           c.Bootstrap(),
		"schema.history.internal.kafka.topic":                       topic,
		"schema.history.internal.store.only.captured.databases.ddl": "true",
		"include.schema.comments":                                   "true",
		"snapshot.mode":                                             "no_data",
		"value.converter":                                           "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable":                            "false",
	})
	history := func(stop string) (recs []schemahistory.Record) {
		t.Helper()
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for {
			recs = recs[:0]
			found := false
			for _, r := range k.ReadAll(t, topic) {
				rec, err := schemahistory.ParseRecord(r.Value)
				if err != nil {
					t.Fatalf("offset %d: %v", r.Offset, err)
				}
				if got := string(schemahistory.AppendRecord(nil, &rec)); got != string(r.Value) {
					t.Errorf("offset %d is not written as it was read:\n%s", r.Offset, cmp.Diff(string(r.Value), got))
				}
				recs = append(recs, rec)
				found = found || strings.Contains(rec.DDL, stop)
			}
			if found {
				return recs
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("no record with %q; connector: %+v", stop, c.Status(t, prefix))
			}
		}
	}
	waitTopic(ctx, t, k, topic)
	history("`uk`")
	exec("CREATE TABLE first_of_stream (a INT)")
	history("first_of_stream")
	// The snapshot's records are complete now.
	var file string
	var pos uint32
	var a, b, g any
	if err := conn.QueryRowContext(ctx, "SHOW BINARY LOG STATUS").Scan(&file, &pos, &a, &b, &g); err != nil {
		t.Fatal(err)
	}
	exec(stream)
	exec("CREATE TABLE last_of_stream (a INT)")
	all := history("last_of_stream")

	p := ddl.New(ddl.Options{ServerVersion: 90700, IncludeComments: true, ServerCharset: "utf8mb4"})
	tables := schemahistory.NewTables(false)
	i := 0
	for ; i < len(all) && !strings.Contains(all[i].DDL, "first_of_stream"); i++ {
		rec := all[i]
		res, err := p.Parse(ddl.Statement{SQL: rec.DDL, Database: rec.Database, Snapshot: true}, tables)
		if err != nil {
			t.Fatalf("%v\n%s", err, rec.DDL)
		}
		tables = res.Tables
		if len(res.Events) != 1 {
			t.Fatalf("%d events from %s", len(res.Events), rec.DDL)
		}
		compare(t, rec, res.Events[0])
	}
	res, err := p.Parse(ddl.Statement{SQL: all[i].DDL, Database: all[i].Database}, tables)
	if err != nil {
		t.Fatal(err)
	}
	tables = res.Tables
	i++
	var emitted []change
	for _, q := range queries(ctx, t, m, file, pos) {
		res, err := p.Parse(ddl.Statement{SQL: q.text, Database: q.schema, SQLMode: q.mode}, tables)
		if err != nil {
			t.Errorf("%v\n%s", err, q.text)
			continue
		}
		tables = res.Tables
		for _, ev := range res.Events {
			if ev.Emit && (ev.Database == database || ev.Database == other) {
				emitted = append(emitted, change{ev.Database, ev.DDL, sourceTable(ev)})
			}
			if !ev.History || ev.Database != database && ev.Database != other {
				continue
			}
			if i == len(all) {
				t.Fatalf("Debezium has no record for %s", ev.DDL)
			}
			compare(t, all[i], ev)
			i++
		}
	}
	recovered(ctx, t, k, topic, prefix, all[len(all)-1].Position, tables, database, other)
	changes := schemaChanges(ctx, t, c, k, prefix)
	if len(changes) < len(emitted) {
		t.Fatalf("%d schema changes, want at least %d", len(changes), len(emitted))
	}
	if d := cmp.Diff(changes[len(changes)-len(emitted):], emitted); d != "" {
		t.Errorf("schema-change topic differs:\n%s", d)
	}
	t.Logf("compared %d records and %d schema changes", i, len(emitted))
	for ; i < len(all); i++ {
		t.Errorf("only Debezium has %s", all[i].DDL)
	}
}

// recovered rebuilds the tables from Debezium's topic and compares them with those that came
// from reading the statements.
func recovered(ctx context.Context, t *testing.T, k *testenv.KafkaServer, topic, prefix string, stop records.Doc, want *schemahistory.Tables, databases ...string) {
	t.Helper()
	store := schemahistory.NewKafka(schemahistory.KafkaOptions{Topic: topic, Producer: seeds(k), Consumer: seeds(k)})
	defer store.Close()
	got, stats, err := schemahistory.Recover(ctx, store, records.Doc{{Key: "server", Value: prefix}}, stop,
		schemahistory.RecoverOptions{Order: schemahistory.MySQLOrder(nil), Parser: ddl.New(ddl.Options{IncludeComments: true})})
	if err != nil {
		t.Fatal(err)
	}
	list := func(tables *schemahistory.Tables) (out []string) {
		tables.All(func(tb *schemahistory.Table) bool {
			if slices.Contains(databases, tb.ID.Database) {
				c := *tb
				c.Comment, c.HasComment = "", false // Debezium does not read it back
				rec := schemahistory.Record{Changes: []schemahistory.Change{{Type: schemahistory.Create, ID: tb.ID, Table: &c}}}
				out = append(out, string(schemahistory.AppendRecord(nil, &rec)))
			}
			return true
		})
		return out
	}
	if d := cmp.Diff(list(want), list(got)); d != "" {
		t.Errorf("recovery from Debezium's history:\n%s", d)
	}
	if stats.Applied == 0 || stats.Foreign != 0 || stats.Later != 0 || stats.Failed != 0 {
		t.Errorf("%+v", stats)
	}
}

// change is what a record of the schema-change topic says besides the structures.
type change struct{ Database, DDL, Table string }

func sourceTable(ev ddl.Event) string {
	if !ev.SourceTableSet {
		return "null"
	}
	return fmt.Sprintf("%q", ev.SourceTable())
}

// schemaChanges reads the schema-change topic up to the end mark.
func schemaChanges(ctx context.Context, t *testing.T, c *testenv.ConnectWorker, k *testenv.KafkaServer, topic string) (out []change) {
	t.Helper()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		out = out[:0]
		for _, r := range k.ReadAll(t, topic) {
			var v struct {
				Source       struct{ Table json.RawMessage }
				DatabaseName string
				DDL          string
			}
			if err := json.Unmarshal(r.Value, &v); err != nil {
				t.Fatal(err)
			}
			out = append(out, change{v.DatabaseName, v.DDL, string(v.Source.Table)})
			if strings.Contains(v.DDL, "last_of_stream") {
				return out
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the schema-change topic ends with %d records; connector: %+v", len(out), c.Status(t, topic))
		}
	}
}

func waitTopic(ctx context.Context, t *testing.T, k *testenv.KafkaServer, topic string) {
	t.Helper()
	store := schemahistory.NewKafka(schemahistory.KafkaOptions{Topic: topic, Producer: seeds(k), Consumer: seeds(k)})
	defer store.Close()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := store.Exists(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the history topic does not appear")
		}
	}
}

func compare(t *testing.T, want schemahistory.Record, ev ddl.Event) {
	t.Helper()
	got := want
	got.Database, got.DDL, got.Changes = ev.Database, ev.DDL, ev.Changes
	w, g := schemahistory.AppendRecord(nil, &want), schemahistory.AppendRecord(nil, &got)
	if string(w) != string(g) {
		t.Errorf("differs from Debezium for %s:\n%s", ev.DDL, cmp.Diff(strings.Split(string(w), "\n"), strings.Split(string(g), "\n")))
	}
}

type query struct {
	schema, text string
	mode         uint64
}

// queries reads the statements of the binlog from a position to the end mark.
func queries(ctx context.Context, t *testing.T, m *testenv.MySQLServer, file string, pos uint32) (out []query) {
	t.Helper()
	s := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{ServerID: uint32(1 + time.Now().UnixNano()%1_000_000_000), Flavor: "mysql",
		Host: m.Host(), Port: uint16(m.Port()), User: "root", Password: "root"})
	defer s.Close()
	st, err := s.StartSync(mysql.Position{Name: file, Pos: pos})
	if err != nil {
		t.Fatal(err)
	}
	for {
		ev, err := st.GetEvent(ctx)
		if err != nil {
			t.Fatal(err)
		}
		q, ok := ev.Event.(*replication.QueryEvent)
		if !ok {
			continue
		}
		text := string(q.Query)
		out = append(out, query{string(q.Schema), text, sqlMode(q.StatusVars)})
		if strings.Contains(text, "last_of_stream") {
			return out
		}
	}
}

// sqlMode takes the sql_mode out of a query event's status variables: code 1, eight bytes,
// behind the flags of code 0.
func sqlMode(vars []byte) uint64 {
	for len(vars) > 0 {
		switch vars[0] {
		case 0:
			if len(vars) < 5 {
				return 0
			}
			vars = vars[5:]
		case 1:
			if len(vars) < 9 {
				return 0
			}
			var v uint64
			for i := range 8 {
				v |= uint64(vars[1+i]) << (8 * i)
			}
			return v
		default:
			return 0
		}
	}
	return 0
}
