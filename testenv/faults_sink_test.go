package testenv

import (
	"database/sql"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sinkFault is a JDBC sink with an account of its own in a database of its own, fed by hand.
type sinkFault struct {
	k    *KafkaServer
	w    *ConnectWorker
	db   *sql.DB // as the superuser
	out  *kgo.Client
	name string // of connector, topic and table
	role string
	n    int // rows produced
}

func newSinkFault(t *testing.T) (f *sinkFault, config map[string]string) {
	t.Helper()
	f = &sinkFault{k: Kafka(t), name: strings.ReplaceAll(strings.Trim(unique("refused"), "-_"), "-", "_")}
	m := MySQL(t)
	f.w = PrivateAnabranch(t, f.k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "300"}})
	f.out, f.role = f.k.Client(t, kgo.AllowAutoTopicCreation()), fmt.Sprintf("r%x", time.Now().UnixNano()&0xffffffffff)
	base, db := m.Database(t)
	f.db = db
	f.exec(t, "CREATE USER "+f.role+" IDENTIFIED BY 'first'")
	t.Cleanup(func() {
		ctx, cancel := patience(t, 30*time.Second)
		defer cancel()
		if _, err := m.Open(t, "").ExecContext(ctx, "DROP USER "+f.role); err != nil {
			t.Errorf("drop user: %v", err)
		}
	})
	f.exec(t, "CREATE TABLE "+f.name+" (id INT PRIMARY KEY, ver INT NOT NULL)")
	f.exec(t, "GRANT SELECT ON "+base+".* TO "+f.role)
	const json = "org.apache.kafka.connect.json.JsonConverter"
	return f, map[string]string{"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": f.name,
		"connection.url": fmt.Sprintf("jdbc:mysql://%s/%s", m.Addr(), base), "connection.user": f.role, "connection.password": "first",
		"insert.mode": "upsert", "pk.mode": "record_key", "max.retries": "1", "retry.backoff.ms": "100",
		"key.converter": json, "value.converter": json, "key.converter.schemas.enable": "true", "value.converter.schemas.enable": "true"}
}

func (f *sinkFault) exec(t *testing.T, stmt string) {
	t.Helper()
	if _, err := f.db.ExecContext(t.Context(), stmt); err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
}

// feed produces one more row.
func (f *sinkFault) feed(t *testing.T) {
	t.Helper()
	f.n++
	const id, ver = `{"field":"id","type":"int32"}`, `{"field":"ver","type":"int32"}`
	rec := &kgo.Record{Topic: f.name,
		Key:   fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[%s]},"payload":{"id":%d}}`, id, f.n),
		Value: fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[%s,%s]},"payload":{"id":%d,"ver":1}}`, id, ver, f.n)}
	if err := f.out.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// complete waits until every row that was ever produced is in the table.
func (f *sinkFault) complete(t *testing.T) {
	t.Helper()
	waitFor(t, f.w, "all rows in the table", 20*time.Second, func() bool {
		var n int
		return f.db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+f.name).Scan(&n) == nil && n == f.n
	})
}

// cut ends the connections of the account.
func (f *sinkFault) cut(t *testing.T) {
	t.Helper()
	rows, err := SelectRows(t.Context(), f.db, "SELECT ID FROM information_schema.processlist WHERE USER = ?", f.role)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		_, _ = f.db.ExecContext(t.Context(), "KILL "+r["ID"]) // it may have ended by itself
	}
}

// TestFaults_SinkAccount takes from a sink what it needs, one thing after the other: its
// password at create time, a privilege on the table, the password while it runs. No row is lost.
func TestFaults_SinkAccount(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	f, config := newSinkFault(t)
	f.feed(t)

	body := rest(t, f.w, http.MethodPost, "/connectors", map[string]any{"name": f.name, "config": with(config, "connection.password", "guess")}, http.StatusBadRequest)
	for _, want := range []string{"connection.url", "connection.user", "connection.password", "Access denied", f.role} {
		if !strings.Contains(body, want) {
			t.Errorf("a wrong password is refused without %q: %s", want, body)
		}
	}
	if strings.Contains(body, "guess") {
		t.Errorf("the answer shows the password: %s", body)
	}
	if list := rest(t, f.w, http.MethodGet, "/connectors", nil, http.StatusOK); list != "[]" {
		t.Errorf("connectors after a refused create: %s", list)
	}

	rest(t, f.w, http.MethodPost, "/connectors", map[string]any{"name": f.name, "config": config}, http.StatusCreated)
	text := expectTrace(t, f.w, f.name, []string{"FAILED"}, f.name, "denied", "grant")
	t.Log(between(text, "Caused by: ", "\n"))
	f.feed(t)
	f.exec(t, "GRANT INSERT, UPDATE, DELETE ON "+f.name+" TO "+f.role)
	rest(t, f.w, http.MethodPost, connectorPath(f.name, "/tasks/0/restart"), nil, http.StatusNoContent)
	recovers(t, f.w, f.name)
	f.complete(t)

	f.exec(t, "ALTER USER "+f.role+" IDENTIFIED BY 'second'")
	f.cut(t)
	f.feed(t)
	text = expectTrace(t, f.w, f.name, []string{"FAILED", "RESTARTING"}, f.role, "connection.password")
	t.Log(between(text, "Caused by: ", "\n"))
	f.feed(t)
	reconfigure(t, f.w, f.name, config, map[string]string{"connection.password": "second"})
	recovers(t, f.w, f.name)
	f.complete(t)

	// The table goes away under the sink, and comes back.
	f.exec(t, "ALTER TABLE "+f.name+" RENAME TO "+f.name+"_gone")
	f.feed(t)
	text = expectTrace(t, f.w, f.name, []string{"FAILED"}, f.name, "auto.create")
	t.Log(between(text, "Caused by: ", "\n"))
	f.exec(t, "ALTER TABLE "+f.name+"_gone RENAME TO "+f.name)
	rest(t, f.w, http.MethodPost, connectorPath(f.name, "/restart?includeTasks=true&onlyFailed=true"), nil, http.StatusAccepted)
	recovers(t, f.w, f.name)
	f.complete(t)
}
