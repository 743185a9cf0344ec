package testenv

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Our program and Kafka Connect take over from each other, on the same worker properties: same
// group, same three topics. Whoever comes next must find configurations, target states, offsets
// and schema history, and go on where the other stopped.

// worker starts one of the two kinds on the properties.
type workerKind struct {
	name  string
	start func(t *testing.T, k *KafkaServer, props map[string]string) *ConnectWorker
}

var (
	javaWorker = workerKind{"Kafka Connect", func(t *testing.T, k *KafkaServer, props map[string]string) *ConnectWorker {
		return PrivateConnect(t, k, ConnectOptions{Props: props})
	}}
	ourWorker = workerKind{"anabranch", func(t *testing.T, k *KafkaServer, props map[string]string) *ConnectWorker {
		return PrivateAnabranch(t, k, AnabranchOptions{Props: props})
	}}
)

func TestTakeover_FromConnect(t *testing.T)      { takeOver(t, javaWorker, ourWorker) }
func TestTakeover_ByConnectAndBack(t *testing.T) { takeOver(t, ourWorker, javaWorker, ourWorker) }

const (
	takeoverRows = 200
	takeoverDDL  = 220 // statements in the schema history before the first hand-over
)

// relay is what the workers of one test share.
type relay struct {
	kafka  *KafkaServer
	props  map[string]string
	prefix string // topic prefix, connector name
	config map[string]string
	db     *sql.DB
	dbName string
	text   *textFile
	topic  string // of the text file

	ver   int
	want  []Version
	ddl   []string // statements that the history must hold, in order
	marks int
	seen  map[string]string
}

func takeOver(t *testing.T, workers ...workerKind) {
	if testing.Short() {
		t.Skip("needs a broker, a database and Kafka Connect; not in short mode")
	}
	r := newRelay(t)
	for i, kind := range workers {
		w := kind.start(t, r.kafka, r.props)
		if i == 0 {
			r.begin(t, w)
		} else {
			r.inherit(t, w)
		}
		r.work(t, 1+i)
		r.settle(t, w)
		r.look(t, w)
		stopPatiently(t, w)
		if i == len(workers)-1 {
			break
		}
		r.work(t, 10*(1+i)) // while neither runs: read from the log by the next one
		t.Logf("%s hands over", kind.name)
	}
	r.judge(t)
}

// stopPatiently stops a worker the orderly way. Two shutdown hooks of Kafka Connect may get into
// each other's way over its REST server, and then it hangs for the 60 s of Jetty's stop timeout.
func stopPatiently(t *testing.T, w *ConnectWorker) {
	t.Helper()
	if err := syscall.Kill(w.PID(), syscall.SIGTERM); err != nil {
		t.Fatalf("stop %s: %v", w.Name(), err)
	}
	waitFor(t, w, "the worker to end", 90*time.Second, func() bool { return !w.rec.alive() })
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	k, m := Kafka(t), MySQL(t)
	group := strings.Trim(unique("takeover"), "-_")
	r := &relay{kafka: k, prefix: group, topic: group + "-lines",
		text: &textFile{path: filepath.Join(t.TempDir(), "in.txt")},
		props: map[string]string{"group.id": group, "config.storage.topic": group + "-configs", "offset.storage.topic": group + "-offsets",
			"status.storage.topic": group + "-status", "offset.flush.interval.ms": "500", "offset.storage.partitions": "5"}}
	r.dbName, r.db = m.Database(t)
	r.text.grow(t, 50)
	r.exec(t, "CREATE TABLE items (id INT PRIMARY KEY, ver BIGINT NOT NULL, note VARCHAR(60))")
	r.exec(t, "CREATE TABLE evolving (id INT AUTO_INCREMENT PRIMARY KEY, ver BIGINT NOT NULL)")
	for i := 1; i <= takeoverRows; i++ {
		r.exec(t, "INSERT INTO items VALUES (?, 0, 'before')", i)
	}
	r.exec(t, "INSERT INTO evolving (ver) VALUES (0)")
	r.config = map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "database.hostname": m.Host(), "database.port": strconv.Itoa(m.Port()),
		"database.user": MySQLUser, "database.password": MySQLPassword, "database.server.id": strconv.Itoa(600000 + rand.IntN(100000)),
		"topic.prefix": r.prefix, "database.include.list": r.dbName,
		"schema.history.internal.kafka.bootstrap.servers": k.Bootstrap(), "schema.history.internal.kafka.topic": r.prefix + "-history",
		// Other tests work on this server too, also with statements that Debezium cannot read. One
		// of ours that is skipped shows in judgeHistory.
		"schema.history.internal.store.only.captured.databases.ddl": "true",
		"schema.history.internal.skip.unparseable.ddl":              "true",
		"key.converter.schemas.enable":                              "false", "value.converter.schemas.enable": "false",
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter"}
	return r
}

func (r *relay) exec(t *testing.T, stmt string, args ...any) {
	t.Helper()
	if _, err := r.db.ExecContext(t.Context(), stmt, args...); err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
}

// change runs a DDL statement that the history must record.
func (r *relay) change(t *testing.T, stmt string) {
	t.Helper()
	r.exec(t, stmt)
	r.ddl = append(r.ddl, stmt)
}

// begin creates the connectors and lets the first worker see more DDL than fits into a page of
// anything.
func (r *relay) begin(t *testing.T, w *ConnectWorker) {
	t.Helper()
	w.Create(t, r.prefix, r.config)
	w.Create(t, r.prefix+"-text", fileSource(r.text.path, r.topic))
	for state, path := range map[string]string{"PAUSED": "/pause", "STOPPED": "/stop"} {
		name := r.prefix + "-" + strings.ToLower(state)
		w.Create(t, name, fileSource(r.text.path, r.topic+"-unused"))
		rest(t, w, http.MethodPut, connectorPath(name, path), nil, http.StatusAccepted, http.StatusNoContent)
	}
	awaitStream(t, w, r.prefix)
	for i := range takeoverDDL / 4 {
		r.change(t, fmt.Sprintf("CREATE TABLE many%d (id INT PRIMARY KEY, a VARCHAR(%d) DEFAULT 'x', KEY (a))", i, 10+i))
		r.change(t, fmt.Sprintf("ALTER TABLE many%d ADD COLUMN b DECIMAL(10,2) NOT NULL DEFAULT 1.5 AFTER id, CHANGE a aa VARCHAR(99)", i))
		r.change(t, fmt.Sprintf("RENAME TABLE many%d TO lot%d", i, i))
		if i%2 == 0 {
			// MySQL writes this one anew before it logs it, and Debezium once more.
			r.change(t, fmt.Sprintf("DROP TABLE %s.lot%d", r.dbName, i))
		} else {
			r.change(t, fmt.Sprintf("ALTER TABLE lot%d DROP COLUMN aa", i))
		}
	}
}

// inherit checks what a worker finds of the one before it.
func (r *relay) inherit(t *testing.T, w *ConnectWorker) {
	t.Helper()
	for _, name := range []string{r.prefix, r.prefix + "-text"} {
		w.WaitRunning(t, name)
	}
	self := strings.TrimPrefix(w.URL(), "http://")
	waitFor(t, w, "the status of both to name the new worker", 20*time.Second, func() bool {
		s := w.Status(t, r.prefix) // Connect shows what is stored until it has started everything
		return s.Connector.WorkerID == self && len(s.Tasks) == 1 && s.Tasks[0].WorkerID == self
	})
	for _, state := range []string{"PAUSED", "STOPPED"} {
		name := r.prefix + "-" + strings.ToLower(state)
		waitFor(t, w, name+" to be "+state, 20*time.Second, func() bool {
			s, code, err := w.status(t.Context(), name)
			return err == nil && code == http.StatusOK && s.Connector.State == state
		})
	}
	for path, want := range r.seen {
		var a, b map[string]any
		got := rest(t, w, http.MethodGet, path, nil, http.StatusOK)
		if err := errors.Join(json.Unmarshal([]byte(want), &a), json.Unmarshal([]byte(got), &b)); err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s is %s, was %s: %v", path, got, want, err)
		}
	}
}

// work changes rows and structures: inserts, updates, deletes in transactions, and DDL between
// them; text lines as well.
func (r *relay) work(t *testing.T, seed int) {
	t.Helper()
	for round := range 5 {
		tx, err := r.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			r.ver++
			id := 1 + (seed*37+round*11+i*3)%takeoverRows
			if _, err := tx.ExecContext(t.Context(), "UPDATE items SET ver = ?, note = 'work' WHERE id = ?", r.ver, id); err != nil {
				t.Fatal(err)
			}
			r.want = append(r.want, Version{Key: strconv.Itoa(id), Version: strconv.Itoa(r.ver)})
		}
		r.ver++
		fresh := 10000 + r.ver
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO items VALUES (?, ?, 'fresh')", fresh, r.ver); err != nil {
			t.Fatal(err)
		}
		r.want = append(r.want, Version{Key: strconv.Itoa(fresh), Version: strconv.Itoa(r.ver)})
		if round%2 == 1 {
			if _, err := tx.ExecContext(t.Context(), "DELETE FROM items WHERE id = ?", fresh); err != nil {
				t.Fatal(err)
			}
			r.want = append(r.want, Version{Key: strconv.Itoa(fresh), Version: strconv.Itoa(r.ver), Deleted: true})
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		column := fmt.Sprintf("c%d_%d", seed, round)
		r.change(t, fmt.Sprintf("ALTER TABLE evolving ADD COLUMN %s INT NOT NULL DEFAULT %d", column, seed+round))
		r.exec(t, "INSERT INTO evolving (ver) VALUES (?)", r.ver)
		r.exec(t, "UPDATE evolving SET ver = ver + 1 WHERE id = 1")
		r.text.grow(t, 10)
	}
	r.change(t, fmt.Sprintf("ALTER TABLE evolving RENAME COLUMN c%d_0 TO d%d_0", seed, seed))
	// The last statement of a stretch of work is a row: one that ended in DDL might be sent
	// again by Debezium after its restart, which it is allowed to.
	r.marks++
	r.exec(t, "INSERT INTO items VALUES (?, 0, 'mark')", 1000000+r.marks)
}

// settle waits until everything has arrived.
func (r *relay) settle(t *testing.T, w *ConnectWorker) {
	t.Helper()
	mark := `"id":` + strconv.Itoa(1000000+r.marks) + `,`
	waitFor(t, w, "the last change", time.Minute, func() bool {
		if state, text := trace(w.Status(t, r.prefix)); state == "FAILED" {
			t.Fatalf("the task failed: %s", text)
		}
		recs := r.kafka.ReadAll(t, r.items())
		return len(recs) > 0 && strings.Contains(string(recs[len(recs)-1].Value), mark)
	})
	waitFor(t, w, "the last line", time.Minute, func() bool { return len(r.kafka.ReadAll(t, r.topic)) >= r.text.n })
}

// look remembers what a worker shows of the connectors; it must not change by a hand-over. The
// offsets are those of the stopped connector: the others commit once more at their end.
func (r *relay) look(t *testing.T, w *ConnectWorker) {
	t.Helper()
	r.seen = map[string]string{}
	for _, path := range []string{connectorPath(r.prefix, "/config"), connectorPath(r.prefix+"-text", "/config"),
		connectorPath(r.prefix+"-paused", "/config"),
		connectorPath(r.prefix+"-stopped", "/config"), connectorPath(r.prefix+"-stopped", "/offsets")} {
		r.seen[path] = rest(t, w, http.MethodGet, path, nil, http.StatusOK)
	}
}

func (r *relay) items() string    { return r.prefix + "." + r.dbName + ".items" }
func (r *relay) evolving() string { return r.prefix + "." + r.dbName + ".evolving" }

// judge looks at everything that all workers wrote together.
func (r *relay) judge(t *testing.T) {
	t.Helper()
	recs := r.kafka.ReadAll(t, r.items())
	judge(t, r.db, recs, "ver", r.want, "SELECT id, ver, note FROM items")
	judge(t, r.db, r.kafka.ReadAll(t, r.evolving()), "", nil, "SELECT id, ver FROM evolving")
	events, err := Events(recs)
	if err != nil {
		t.Fatal(err)
	}
	// Every stop was orderly: no snapshot twice, no event twice.
	ops := map[string]int{}
	for _, e := range events {
		ops[e.Op]++
	}
	want := map[string]int{"r": takeoverRows, "c": r.marks}
	for _, v := range r.want {
		switch {
		case v.Deleted:
			want["d"]++
		case len(v.Key) > 4: // fresh
			want["c"]++
		default:
			want["u"]++
		}
	}
	if !maps.Equal(ops, want) {
		t.Errorf("events by kind: %v, want %v: something was sent twice or not at all", ops, want)
	}
	r.judgeHistory(t)
	var got []string
	for _, rec := range r.kafka.ReadAll(t, r.topic) {
		got = append(got, string(rec.Value))
	}
	if err := judgeLines(got, r.text.n, 0); err != nil {
		t.Errorf("text file: %v", err)
	}
	keys := map[string]int{}
	for _, rec := range r.kafka.ReadAll(t, r.props["offset.storage.topic"]) {
		keys[string(rec.Key)]++
	}
	if len(keys) != 4 {
		t.Errorf("the offset topic has %d keys, want one for each of four connectors: %v", len(keys), keys)
	}
	t.Logf("%d events, %d DDL statements, %d lines", len(events), len(r.ddl), len(got))
}

// hasStatement reports whether a history record has a statement, quotes aside.
func hasStatement(rec *kgo.Record, stmt string) bool {
	plain := strings.ReplaceAll(strings.ReplaceAll(string(rec.Value), "`", ""), `\"`, `"`)
	return strings.Contains(plain, stmt)
}

// judgeHistory checks that each statement is in the history, once and in order.
func (r *relay) judgeHistory(t *testing.T) {
	t.Helper()
	var recorded []*kgo.Record
	for _, rec := range r.kafka.ReadAll(t, r.prefix+"-history") {
		if strings.Contains(string(rec.Value), r.dbName) {
			recorded = append(recorded, rec)
		}
	}
	at := 0
	for _, stmt := range r.ddl {
		from := at
		for ; at < len(recorded) && !hasStatement(recorded[at], stmt); at++ {
		}
		if at == len(recorded) {
			t.Errorf("the schema history does not have, after record %d: %s", from, stmt)
			at = from
			continue
		}
		at++
	}
	var tail []string
	for _, rec := range recorded[at:] {
		tail = append(tail, string(rec.Value))
	}
	if len(tail) > 0 {
		t.Errorf("%d unexpected records at the end of the schema history: %s", len(tail), tail[0])
	}
}
