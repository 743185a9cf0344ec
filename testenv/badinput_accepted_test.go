package testenv

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestBadInput_Accepted is about what is taken, as Connect takes it, and still not right: an
// option that nobody knows is reported; a server that is not there shows in the status, names
// itself, and does not hold up its own deletion or the connectors beside.
func TestBadInput_Accepted(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	k, m, pg := Kafka(t), MySQL(t), Postgres(t)
	b := newKeeper(t, k)
	name, _ := m.Database(t)
	prefix := strings.TrimPrefix(b.name, "keeper ")
	mysql := mysqlSource(m, k, prefix, name)
	jdbc := map[string]string{"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": b.topic + "-json", "topics.regex": "",
		"connection.url": "jdbc:postgresql://" + pg.Addr() + "/none_such", "connection.user": PostgresRoot, "connection.password": secretPassword,
		"auto.create": "true"}
	delete(jdbc, "topics.regex")

	t.Run("unknown option", func(t *testing.T) {
		body := rest(t, b.w, http.MethodPut, "/connector-plugins/MySqlConnector/config/validate", with(mysql, "name", "odd", "databse.hostname", "x"), http.StatusOK)
		if !strings.Contains(body, `"error_count":0`) { // as Connect, which lists known keys only
			t.Errorf("validate refuses the unknown option: %.300s", body)
		}
		rest(t, b.w, http.MethodPost, "/connectors", map[string]any{"name": "odd", "config": with(mysql, "databse.hostname", "x")}, http.StatusCreated)
		recovers(t, b.w, "odd")
		log, err := os.ReadFile(b.w.Log())
		if err != nil || !strings.Contains(string(log), "databse.hostname") {
			t.Errorf("the log does not warn of the unknown option: %v", err)
		}
		b.remove(t, "odd")
	})
	t.Run("history broker not there", func(t *testing.T) {
		rest(t, b.w, http.MethodPost, "/connectors", map[string]any{"name": "no-history", "config": with(mysql, "topic.prefix", prefix+"2",
			"schema.history.internal.kafka.bootstrap.servers", "127.0.0.1:1", "schema.history.internal.kafka.query.timeout.ms", "1000",
			"schema.history.internal.kafka.create.timeout.ms", "1000")}, http.StatusCreated)
		text := expectTrace(t, b.w, "no-history", []string{"RESTARTING", "FAILED"}, "schema history", "127.0.0.1:1", "brokers")
		t.Log(strings.SplitN(text, "\n", 2)[0])
		b.flows(t)
		b.remove(t, "no-history")
	})
	t.Run("sink database not there", func(t *testing.T) {
		code, body, err := b.w.Call(t.Context(), http.MethodPost, "/connectors", map[string]any{"name": "no-db", "config": jdbc})
		if err != nil {
			t.Fatal(err)
		}
		text := string(body)
		if code == http.StatusCreated {
			text = expectTrace(t, b.w, "no-db", []string{"RESTARTING", "FAILED"})
			b.remove(t, "no-db")
		} else if code != http.StatusBadRequest {
			t.Errorf("status %d: %s", code, body)
		}
		for _, want := range []string{"none_such", "connection.url"} {
			if !strings.Contains(text, want) {
				t.Errorf("status %d: nothing says %q: %s", code, want, text)
			}
		}
		if strings.Contains(text, secretPassword) {
			t.Errorf("the password is shown: %s", text)
		}
		t.Log(strings.SplitN(text, "\n", 2)[0])
	})
	t.Run("sink database unreachable", func(t *testing.T) {
		code, body, err := b.w.Call(t.Context(), http.MethodPost, "/connectors", map[string]any{"name": "no-host",
			"config": with(jdbc, "connection.url", "jdbc:postgresql://127.0.0.1:1/x", "connection.attempts", "1", "connection.backoff.ms", "100")})
		if err != nil {
			t.Fatal(err)
		}
		text := string(body)
		if code == http.StatusCreated {
			text = expectTrace(t, b.w, "no-host", []string{"RESTARTING", "FAILED"}, "127.0.0.1:1")
			b.remove(t, "no-host")
		}
		if !strings.Contains(text, "127.0.0.1:1") || !strings.Contains(text, "connection.url") {
			t.Errorf("status %d: %s", code, text)
		}
		t.Log(strings.SplitN(text, "\n", 2)[0])
	})
	b.flows(t)
}

// remove deletes a connector, which must not take long, and waits until its status is gone too.
func (b *keeper) remove(t *testing.T, name string) {
	t.Helper()
	start := time.Now()
	rest(t, b.w, http.MethodDelete, connectorPath(name, ""), nil, http.StatusNoContent)
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("deleting %s took %v", name, took)
	}
	waitFor(t, b.w, "the status of "+name+" to go", 10*time.Second, func() bool {
		_, code, err := b.w.status(t.Context(), name)
		return err == nil && code == http.StatusNotFound
	})
}
