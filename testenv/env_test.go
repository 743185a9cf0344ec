package testenv_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/testenv"
)

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestKafka_ProducesAndConsumes(t *testing.T) {
	k := testenv.Kafka(t)
	ctx := within(t, time.Minute)
	topic := k.TopicPrefix(t)
	c := k.Client(t, kgo.AllowAutoTopicCreation(), kgo.ProducerBatchMaxBytes(10<<20))
	values := []string{"one", "two", strings.Repeat("x", 9<<20)} // the last is just below message.max.bytes
	for _, v := range values {
		if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range k.ReadAll(t, topic) {
		got = append(got, string(r.Value))
	}
	if !slices.Equal(got, values) {
		t.Fatalf("read %d records, want one, two and the big one", len(got))
	}
}

func TestKafka_ReadAllLeavesAbortedRecordsOut(t *testing.T) {
	k := testenv.Kafka(t)
	ctx := within(t, time.Minute)
	topic := k.TopicPrefix(t)
	c := k.Client(t, kgo.AllowAutoTopicCreation(), kgo.TransactionalID(topic))
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := c.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	recs := k.ReadAll(t, topic)
	if len(recs) != 1 || string(recs[0].Value) != "0" {
		t.Fatalf("read %d records, want the committed one", len(recs))
	}
}

func TestConnect_HasTheMySQLConnector(t *testing.T) {
	c := testenv.Connect(t)
	ctx := within(t, time.Minute)
	code, body, err := c.Call(ctx, http.MethodGet, "/", nil)
	if err != nil || code != http.StatusOK || !strings.Contains(string(body), `"version":"4.3.1"`) {
		t.Fatalf("GET /: status %d: %s %v", code, body, err)
	}
	var plugins []struct{ Class, Version string }
	if _, body, err = c.Call(ctx, http.MethodGet, "/connector-plugins", nil); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &plugins); err != nil {
		t.Fatal(err)
	}
	for _, class := range []string{"io.debezium.connector.mysql.MySqlConnector", "org.apache.kafka.connect.file.FileStreamSinkConnector"} {
		if !slices.ContainsFunc(plugins, func(p struct{ Class, Version string }) bool { return p.Class == class }) {
			t.Errorf("plugin %s is missing in %s", class, body)
		}
	}
}

// The whole chain that other rooms compare ours with: MySQL, Debezium, Kafka.
func TestConnect_DebeziumCopiesATable(t *testing.T) {
	c, m, k := testenv.Connect(t), testenv.MySQL(t), testenv.Kafka(t)
	ctx := within(t, 2*time.Minute)
	database, db := m.Database(t)
	if _, err := db.ExecContext(ctx, "CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(40)); INSERT INTO item VALUES (1,'a'),(2,'b')"); err != nil {
		t.Fatal(err)
	}
	prefix := k.TopicPrefix(t)
	c.Create(t, prefix, map[string]string{
		"connector.class":       "io.debezium.connector.mysql.MySqlConnector",
		"database.hostname":     m.Host(),
		"database.port":         fmt.Sprint(m.Port()),
		"database.user":         testenv.MySQLUser,
		"database.password":     testenv.MySQLPassword,
		"database.server.id":    fmt.Sprint(1 + time.Now().UnixNano()%1_000_000_000),
		"database.include.list": database,
		"topic.prefix":          prefix,
		"schema.history.internal.kafka.bootstrap.servers": c.Bootstrap(),
		"schema.history.internal.kafka.topic":             prefix + "-history",
		"value.converter":                                 "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable":                  "false",
	})
	consumer := k.Client(t, kgo.ConsumeTopics(prefix+"."+database+".item"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var ops []string
	for len(ops) < 3 {
		fetches := consumer.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			t.Fatalf("got %v: %v; log of the worker: %s", ops, err, c.Log())
		}
		for r := range fetches.RecordsAll() {
			var event struct{ Op string }
			if err := json.Unmarshal(r.Value, &event); err != nil {
				t.Fatal(err)
			}
			ops = append(ops, event.Op)
			if len(ops) == 2 {
				if _, err := db.ExecContext(ctx, "UPDATE item SET name = 'c' WHERE id = 2"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if want := []string{"r", "r", "u"}; !slices.Equal(ops, want) {
		t.Errorf("operations %v, want %v", ops, want)
	}
}

func TestMySQL_HasRowBinlogAndGTID(t *testing.T) {
	_, db := testenv.MySQL(t).Database(t)
	var version, format, image, gtid string
	err := db.QueryRowContext(within(t, time.Minute), "SELECT VERSION(), @@binlog_format, @@binlog_row_image, @@gtid_mode").Scan(&version, &format, &image, &gtid)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(version, "9.") || format != "ROW" || image != "FULL" || gtid != "ON" {
		t.Errorf("version %s, binlog %s %s, gtid %s", version, format, image, gtid)
	}
}

func TestMySQL_PrivateOneWithoutGTIDSurvivesItsFaults(t *testing.T) {
	m := testenv.MySQLWith(t, testenv.MySQLOptions{NoGTID: true, Flags: []string{"--binlog-row-image=MINIMAL"}})
	ctx := within(t, 2*time.Minute)
	_, db := m.Database(t)
	if _, err := db.ExecContext(ctx, "CREATE TABLE v (id INT PRIMARY KEY); INSERT INTO v VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	port, pid := m.Port(), m.PID()
	m.Kill(t)
	if m.Running() {
		t.Fatal("it runs after Kill")
	}
	m.Start(t)
	if m.Port() != port || m.PID() == pid {
		t.Errorf("port %d, pid %d after Start, were %d, %d", m.Port(), m.PID(), port, pid)
	}
	m.Restart(t)
	var gtid, image string
	var rows int
	if err := db.QueryRowContext(ctx, "SELECT @@gtid_mode, @@binlog_row_image, (SELECT COUNT(*) FROM v)").Scan(&gtid, &image, &rows); err != nil {
		t.Fatal(err)
	}
	if gtid != "OFF" || image != "MINIMAL" || rows != 1 {
		t.Errorf("gtid %s, image %s, %d rows", gtid, image, rows)
	}

	m.Pause(t)
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if err := db.PingContext(short); err == nil {
		if err := db.QueryRowContext(short, "SELECT 1").Scan(&rows); err == nil {
			t.Error("a paused server answers")
		}
	}
	m.Continue(t)
	if err := db.PingContext(ctx); err != nil {
		t.Errorf("after Continue: %v", err)
	}
}

func TestKafka_PrivateOneKeepsItsDataOverKill(t *testing.T) {
	k := testenv.PrivateKafka(t)
	ctx := within(t, 3*time.Minute)
	c := k.Client(t, kgo.AllowAutoTopicCreation())
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: "kept", Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		do   func(testing.TB)
	}{{"kill", k.Kill}, {"start", k.Start}, {"restart", k.Restart}} {
		begin := time.Now()
		step.do(t)
		t.Logf("%s took %v", step.name, time.Since(begin).Round(time.Millisecond))
	}
	if recs := k.ReadAll(t, "kept"); len(recs) != 1 {
		t.Errorf("%d records after kill and restart, want 1", len(recs))
	}
}

func TestPostgres_DecodesLogically(t *testing.T) {
	p := testenv.Postgres(t)
	ctx := within(t, time.Minute)
	name, db := p.Database(t)
	var level string
	if err := db.QueryRowContext(ctx, "SHOW wal_level").Scan(&level); err != nil || level != "logical" {
		t.Fatalf("wal_level %q: %v", level, err)
	}
	// The slot stays: dropping the database at the end has to get rid of it.
	if _, err := db.ExecContext(ctx, "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", name); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable&replication=database", testenv.PostgresUser, testenv.PostgresPassword, p.Addr(), name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.PgConn().Exec(ctx, "IDENTIFY_SYSTEM").ReadAll(); err != nil {
		t.Errorf("replication as %s: %v", testenv.PostgresUser, err)
	}
}

func TestPostgres_PrivateOneSurvivesItsFaults(t *testing.T) {
	p := testenv.PrivatePostgres(t)
	ctx := within(t, 2*time.Minute)
	_, db := p.Database(t)
	if _, err := db.ExecContext(ctx, "CREATE TABLE v (id INT PRIMARY KEY); INSERT INTO v VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	p.Kill(t)
	p.Start(t)
	p.Restart(t)
	var rows int
	query := func() error { return db.QueryRowContext(ctx, "SELECT COUNT(*) FROM v").Scan(&rows) }
	if err := query(); err != nil { // the pool may hand out a connection of the old server once
		err = query()
		if err != nil {
			t.Fatal(err)
		}
	}
	if rows != 1 {
		t.Errorf("%d rows after kill and restart, want 1", rows)
	}
}

func TestPrometheus_ScrapesItsTargets(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "answer{path=%q} 42\n", r.URL.Path)
	}))
	defer page.Close()
	p := testenv.Prometheus(t, strings.TrimPrefix(page.URL, "http://"), page.URL+"/other")
	got := p.Query(t, "sum(answer) + count(answer{path='/other'})")
	if len(got) != 1 || got[0].Value != 85 {
		t.Errorf("query answers %v, want 85", got)
	}
}

func TestShared_IsTheSameForEveryCall(t *testing.T) {
	a, b := testenv.MySQL(t), testenv.MySQL(t)
	if a.Addr() != b.Addr() || a.PID() != b.PID() || a.Private() {
		t.Errorf("two calls gave %s (%d) and %s (%d)", a.Addr(), a.PID(), b.Addr(), b.PID())
	}
	if err := syscall.Kill(a.PID(), 0); err != nil {
		t.Errorf("process %d: %v", a.PID(), err)
	}
}
