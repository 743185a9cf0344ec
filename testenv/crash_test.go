package testenv

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kills is how often the daemon is killed in each crash test; ANABRANCH_KILLS raises it.
func kills(t *testing.T) int {
	n := 5
	if s := os.Getenv("ANABRANCH_KILLS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 {
			t.Fatalf("ANABRANCH_KILLS=%s: want a positive number", s)
		}
	}
	return n
}

// killAfter kills the daemon after a random time and starts it again.
func killAfter(t *testing.T, w *ConnectWorker, longest time.Duration) {
	t.Helper()
	d := time.Duration(rand.Int64N(int64(longest)))
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal("the test's time is over")
	}
	w.Kill(t)
	w.Start(t)
	t.Logf("killed after %v", d.Round(time.Millisecond))
}

// waitFor polls until ok, with a deadline; what failed is told with the daemon's log.
func waitFor(t *testing.T, w *ConnectWorker, what string, d time.Duration, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { return ok(), nil }); err != nil {
		t.Fatalf("%s: %v; log %s", what, err, w.Log())
	}
}

// workload writes to a table and remembers every state that must be delivered.
type workload struct {
	db     *sql.DB
	mu     sync.Mutex // guards the fields below
	want   []Version
	ver    int
	alive  map[int]int // id -> version
	nextID int
	ddl    int
	err    error
}

// run changes rows until ctx ends: transactions of one to thirty changes, now and then a DDL
// on a second table, with a row before and after it.
func (w *workload) run(ctx context.Context) {
	for i := 0; ctx.Err() == nil && w.err == nil; i++ {
		if i%60 == 59 {
			w.err = w.alter()
		} else {
			w.err = w.transaction()
		}
	}
}

func (w *workload) alter() error {
	w.ddl++
	for _, stmt := range []string{
		fmt.Sprintf("INSERT INTO evolving (ver) VALUES (%d)", 2*w.ddl),
		fmt.Sprintf("ALTER TABLE evolving ADD COLUMN c%d INT NOT NULL DEFAULT %d", w.ddl, w.ddl),
		fmt.Sprintf("INSERT INTO evolving (ver) VALUES (%d)", 2*w.ddl+1),
	} {
		if _, err := w.db.Exec(stmt); err != nil {
			return err
		}
	}
	return nil
}

func (w *workload) transaction() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	tx, err := w.db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // without effect after a commit
	for range 1 + rand.IntN(30) {
		w.ver++
		id := 1 + rand.IntN(w.nextID)
		old, there := w.alive[id]
		switch {
		case !there:
			id = w.nextID
			w.nextID++
			_, err = tx.Exec("INSERT INTO items VALUES (?, ?, ?)", id, w.ver, fmt.Sprint("row ", w.ver))
			w.alive[id] = w.ver
			w.want = append(w.want, Version{Key: strconv.Itoa(id), Version: strconv.Itoa(w.ver)})
		case rand.IntN(5) == 0:
			_, err = tx.Exec("DELETE FROM items WHERE id = ?", id)
			delete(w.alive, id)
			w.want = append(w.want, Version{Key: strconv.Itoa(id), Version: strconv.Itoa(old), Deleted: true})
		default:
			_, err = tx.Exec("UPDATE items SET ver = ?, note = ? WHERE id = ?", w.ver, fmt.Sprint("row ", w.ver), id)
			w.alive[id] = w.ver
			w.want = append(w.want, Version{Key: strconv.Itoa(id), Version: strconv.Itoa(w.ver)})
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

const crashRows = 60000

// TestCrash_Source kills the daemon in its snapshot and while it streams, over rows and DDL,
// and then judges what the topics hold.
func TestCrash_Source(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	n := kills(t)
	k, m := Kafka(t), MySQL(t)
	name, db := m.Database(t)
	for _, stmt := range []string{
		"CREATE TABLE items (id INT PRIMARY KEY, ver BIGINT NOT NULL, note VARCHAR(60))",
		"CREATE TABLE evolving (id INT AUTO_INCREMENT PRIMARY KEY, ver INT NOT NULL)",
		"SET SESSION cte_max_recursion_depth = 1000000; INSERT INTO items WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
			strconv.Itoa(crashRows) + ") SELECT i, 0, REPEAT('s', 50) FROM n",
	} {
		if _, err := db.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	w := PrivateAnabranch(t, k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "200"}})
	prefix := strings.Trim(unique("crash"), "-")
	w.Create(t, prefix, map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "database.hostname": m.Host(), "database.port": strconv.Itoa(m.Port()),
		"database.user": MySQLUser, "database.password": MySQLPassword, "database.server.id": strconv.Itoa(500000 + rand.IntN(100000)),
		"topic.prefix": prefix, "database.include.list": name,
		"schema.history.internal.kafka.bootstrap.servers": k.Bootstrap(), "schema.history.internal.kafka.topic": prefix + "-history",
		"schema.history.internal.store.only.captured.databases.ddl": "true",
		"key.converter.schemas.enable":                              "false", "value.converter.schemas.enable": "false",
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter"})
	items, evolving := prefix+"."+name+".items", prefix+"."+name+".evolving"

	for range (n + 3) / 4 {
		killAfter(t, w, 600*time.Millisecond)
	}
	waitFor(t, w, "end of the snapshot", time.Minute, func() bool {
		code, body, err := w.Call(t.Context(), http.MethodGet, "/connectors/"+prefix+"/offsets", nil)
		return err == nil && code == http.StatusOK && strings.Contains(string(body), `"file"`) && !strings.Contains(string(body), `"snapshot"`)
	})

	// However early the kills came, both topics have something to judge.
	if _, err := db.ExecContext(t.Context(), "INSERT INTO evolving (ver) VALUES (0)"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	load := &workload{db: db, alive: map[int]int{}, nextID: crashRows + 1}
	for i := 1; i <= crashRows; i++ {
		load.alive[i] = 0
	}
	var wg sync.WaitGroup
	wg.Go(func() { load.run(ctx) })
	for range n - (n+3)/4 {
		killAfter(t, w, 2500*time.Millisecond)
	}
	stop()
	wg.Wait()
	if load.err != nil {
		t.Fatalf("workload: %v", load.err)
	}
	end := "2147483000"
	if _, err := db.ExecContext(t.Context(), "INSERT INTO items VALUES ("+end+", 1, 'end')"); err != nil {
		t.Fatal(err)
	}
	load.want = append(load.want, Version{Key: end, Version: "1"})

	var recs []*kgo.Record
	waitFor(t, w, "the last row", 90*time.Second, func() bool {
		recs = k.ReadAll(t, items)
		return len(recs) > 0 && strings.Contains(string(recs[len(recs)-1].Value), `"id":`+end)
	})
	judge(t, db, recs, "ver", load.want, "SELECT id, ver, note FROM items")
	// Rows written before a column was added have its default in the table only.
	judge(t, db, k.ReadAll(t, evolving), "", nil, "SELECT id, ver FROM evolving")
	t.Logf("%d kills, %d changes of rows, %d DDL statements, %d records", n, len(load.want), load.ddl, len(recs))
}

// judge runs every validator over the records of one topic.
func judge(t *testing.T, db *sql.DB, recs []*kgo.Record, versionColumn string, want []Version, query string) {
	t.Helper()
	events, err := Events(recs)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) == 0 {
		t.Fatalf("%s: no events", query)
	}
	if versionColumn != "" {
		if err := NoGap(events, "id", versionColumn, want); err != nil {
			t.Error(err)
		}
		if err := BeforeEqualsPreviousAfter(events); err != nil {
			t.Error(err)
		}
	}
	if err := OrderPerKey(events); err != nil {
		t.Error(err)
	}
	rows, err := SelectRows(t.Context(), db, query)
	if err != nil {
		t.Fatal(err)
	}
	if err := FinalTable(events, []string{"id"}, rows); err != nil {
		t.Error(err)
	}
}

// TestCrash_Sink kills the daemon while it writes a topic into PostgreSQL, between its
// transactions and its commits of offsets, and compares the table at the end.
func TestCrash_Sink(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	n := kills(t)
	k, pg := Kafka(t), Postgres(t)
	database, db := pg.Database(t)
	w := PrivateAnabranch(t, k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "100"}})
	topic := strings.ReplaceAll(strings.Trim(unique("sinkcrash"), "-"), "-", "_")
	c := k.Client(t, kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if _, err := kadm.NewClient(c).CreateTopic(t.Context(), 2, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	name := "crash-" + topic
	w.Create(t, name, map[string]string{
		"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": topic,
		"connection.url":  fmt.Sprintf("jdbc:postgresql://%s:%d/%s", pg.Host(), pg.Port(), database),
		"connection.user": PostgresRoot, "connection.password": PostgresRootPassword,
		"insert.mode": "upsert", "pk.mode": "record_key", "delete.enabled": "true", "auto.create": "true"})

	// The producer goes on while the daemon is killed.
	ctx, stop := context.WithCancel(t.Context())
	final := map[int]int{}
	var wg sync.WaitGroup
	var produced int
	var produceErr error
	wg.Go(func() {
		for ver := 1; ctx.Err() == nil && produceErr == nil; ver++ {
			id := rand.IntN(5000)
			if rand.IntN(10) == 0 {
				c.Produce(t.Context(), &kgo.Record{Key: sinkKey(id)}, nil)
				delete(final, id)
			} else {
				c.Produce(t.Context(), &kgo.Record{Key: sinkKey(id), Value: sinkValue(id, ver)}, nil)
				final[id] = ver
			}
			if produced++; produced%500 != 0 {
				continue
			}
			// About ten thousand a second: the load is bounded, whatever the machine.
			if produceErr = c.Flush(t.Context()); produceErr == nil {
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		}
	})
	for range n {
		killAfter(t, w, 1500*time.Millisecond)
	}
	stop()
	wg.Wait()
	if err := c.Flush(t.Context()); err != nil || produceErr != nil {
		t.Fatal(err, produceErr)
	}
	waitFor(t, w, "the consumer group to reach the end", 2*time.Minute, func() bool { return sinkLag(t, k, name) == 0 })

	rows, err := SelectRows(t.Context(), db, `SELECT id, ver FROM "`+topic+`"`)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(final) {
		t.Errorf("%d rows in the table, %d live keys were produced", len(rows), len(final))
	}
	wrong := 0
	for _, r := range rows {
		id, _ := strconv.Atoi(r["id"])
		if want, ok := final[id]; !ok || strconv.Itoa(want) != r["ver"] {
			if wrong++; wrong < 10 {
				t.Errorf("row %s has version %s, want %d (live: %v)", r["id"], r["ver"], want, ok)
			}
		}
	}
	t.Logf("%d kills, %d records, %d rows at the end", n, produced, len(rows))
}

func sinkKey(id int) []byte {
	return fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,"name":"k"},"payload":{"id":%d}}`, id)
}

func sinkValue(id, ver int) []byte {
	return fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"},{"type":"int64","optional":false,"field":"ver"},{"type":"string","optional":true,"field":"note"}],"optional":false,"name":"v"},"payload":{"id":%d,"ver":%d,"note":"row %d"}}`, id, ver, ver)
}

// sinkLag is how far the group of a sink connector is behind the end of its topics; -1 if unknown.
func sinkLag(t *testing.T, k *KafkaServer, connector string) int64 {
	t.Helper()
	c := k.Client(t)
	defer c.Close()
	lags, err := kadm.NewClient(c).Lag(t.Context(), "connect-"+connector)
	if err != nil {
		return -1
	}
	var total int64
	group, ok := lags["connect-"+connector]
	if !ok || len(group.Lag) == 0 {
		return -1
	}
	for _, l := range group.Lag.Sorted() {
		if l.Commit.At < 0 {
			return -1
		}
		total += l.Lag
	}
	return total
}
