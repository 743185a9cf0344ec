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

	"github.com/twmb/franz-go/pkg/kgo"
)

// pipeline is MySQL -> Kafka -> PostgreSQL on servers of its own, which tests may break.
type pipeline struct {
	k  *KafkaServer
	m  *MySQLServer
	pg *PostgresServer
	w  *ConnectWorker

	source, sink string // connector names
	config       map[string]string
	topic        string
	db           *sql.DB // of the source
	target       *sql.DB
	load         *workload
	stopLoad     func()
	marks        int
}

// outage is how long a server is away. ANABRANCH_LONG=1 makes it as long as a person would.
func outage() time.Duration {
	if os.Getenv("ANABRANCH_LONG") == "1" {
		return 30 * time.Second
	}
	return 8 * time.Second
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	p := &pipeline{k: PrivateKafka(t), m: PrivateMySQL(t), pg: PrivatePostgres(t), source: "orders-source", sink: "orders-sink"}
	p.w = PrivateAnabranch(t, p.k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "500"}})
	db := p.m.Open(t, "")
	for _, stmt := range []string{"CREATE DATABASE shop",
		"CREATE TABLE shop.items (id INT PRIMARY KEY, ver BIGINT NOT NULL, note VARCHAR(60))",
		"CREATE TABLE shop.evolving (id INT AUTO_INCREMENT PRIMARY KEY, ver INT NOT NULL)",
		"INSERT INTO shop.items VALUES (1, 0, 'first')"} {
		if _, err := db.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	p.db, p.target, p.topic = p.m.Open(t, "shop"), p.pg.Open(t, ""), "faults.shop.items"
	p.load = &workload{db: p.db, alive: map[int]int{1: 0}, nextID: 2}
	p.config = mysqlSource(p.m, p.k, "faults", "shop")
	p.w.Create(t, p.source, p.config)
	p.w.Create(t, p.sink, map[string]string{
		"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": p.topic,
		"connection.url":  fmt.Sprintf("jdbc:postgresql://%s:%d/postgres", p.pg.Host(), p.pg.Port()),
		"connection.user": PostgresRoot, "connection.password": PostgresRootPassword,
		// By default the sink itself tries for 30 s before the task is restarted.
		"max.retries": "1", "retry.backoff.ms": "100",
		"insert.mode": "upsert", "pk.mode": "record_key", "delete.enabled": "true", "auto.create": "true", "auto.evolve": "true",
		"transforms": "unwrap,route", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
		"transforms.route.type":  "org.apache.kafka.connect.transforms.RegexRouter",
		"transforms.route.regex": `.*\.(\w+)`, "transforms.route.replacement": "$1",
		// A worker that ends without its broker cannot leave the group; the next one waits this long.
		"consumer.override.session.timeout.ms": "6000"})
	awaitStream(t, p.w, p.source)
	return p
}

// awaitStream waits until a source has finished its snapshot.
func awaitStream(t *testing.T, w *ConnectWorker, name string) {
	t.Helper()
	waitFor(t, w, "end of the snapshot", time.Minute, func() bool {
		code, body, err := w.Call(t.Context(), http.MethodGet, connectorPath(name, "/offsets"), nil)
		return err == nil && code == http.StatusOK && strings.Contains(string(body), `"file"`) && !strings.Contains(string(body), `"snapshot"`)
	})
}

// mysqlSource is the configuration of a MySQL source connector, as people write it.
func mysqlSource(m *MySQLServer, k *KafkaServer, prefix, databases string) map[string]string {
	return map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "database.hostname": m.Host(), "database.port": strconv.Itoa(m.Port()),
		"database.user": MySQLUser, "database.password": MySQLPassword, "database.server.id": strconv.Itoa(700000 + rand.IntN(100000)),
		"topic.prefix": prefix, "database.include.list": databases,
		"schema.history.internal.kafka.bootstrap.servers": k.Bootstrap(), "schema.history.internal.kafka.topic": prefix + "-history",
		"schema.history.internal.store.only.captured.databases.ddl": "true"}
}

// work starts changing rows, until rest.
func (p *pipeline) work(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		// Steady rather than fast: what counts is the outage, and every row is judged.
		pace := time.NewTicker(10 * time.Millisecond)
		defer pace.Stop()
		for i := 1; p.load.err == nil; i++ {
			select {
			case <-ctx.Done():
				return
			case <-pace.C:
			}
			if i%60 == 0 {
				p.load.err = p.load.alter()
			} else {
				p.load.err = p.load.transaction()
			}
		}
	})
	p.stopLoad = func() {
		cancel()
		wg.Wait()
	}
}

func (p *pipeline) rest(t *testing.T) {
	t.Helper()
	p.stopLoad()
	if p.load.err != nil {
		t.Fatalf("workload: %v", p.load.err)
	}
}

// watch polls both statuses for d, or until ok, and returns every trace seen, by state. A task
// that ends in FAILED ends the test: the fault was one that passes.
func (p *pipeline) watch(t *testing.T, d time.Duration, ok func() bool) (traces map[string]string) {
	t.Helper()
	traces = map[string]string{}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	// The end of the time is one of the two ways to end.
	_ = poll(ctx, func() (bool, error) {
		for _, name := range []string{p.source, p.sink} {
			start := time.Now()
			state, text := trace(p.w.Status(t, name))
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("GET status took %v while a server was away", took)
			}
			if state == "FAILED" {
				t.Fatalf("%s FAILED, though this outage passes: %s", name, text)
			}
			if text != "" {
				traces[name+" "+state] = text
			}
		}
		return ok != nil && ok(), nil
	})
	return traces
}

// settle waits until source, topic and sink have the same last row.
func (p *pipeline) settle(t *testing.T) {
	t.Helper()
	p.marks++
	id := 2147480000 + p.marks
	// The pool may still hold connections to the server's last life.
	waitFor(t, p.w, "the source database to take a row", 20*time.Second, func() bool {
		_, err := p.db.ExecContext(t.Context(), "INSERT IGNORE INTO items VALUES (?, 1, 'mark')", id)
		return err == nil
	})
	p.load.want = append(p.load.want, Version{Key: strconv.Itoa(id), Version: "1"})
	waitFor(t, p.w, "the last row in the topic", 60*time.Second, func() bool {
		return strings.Contains(lastValue(t, p.k, p.topic), fmt.Sprintf(`"id":%d`, id))
	})
	waitFor(t, p.w, "the last row in the sink", 60*time.Second, func() bool {
		var n int
		return p.target.QueryRowContext(t.Context(), "SELECT count(*) FROM items WHERE id = $1", id).Scan(&n) == nil && n == 1
	})
}

// lastValue is the value of the last record of a topic with one partition, "" while none can be had.
func lastValue(t *testing.T, k *KafkaServer, topic string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Bootstrap()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtEnd().Relative(-1)}}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	last := ""
	c.PollFetches(ctx).EachRecord(func(r *kgo.Record) { last = string(r.Value) })
	return last
}

// judge settles and compares: source with topic by the validators, source with sink row by row.
func (p *pipeline) judge(t *testing.T) {
	t.Helper()
	p.settle(t)
	judge(t, p.db, p.k.ReadAll(t, p.topic), "ver", p.load.want, "SELECT id, ver, note FROM items")
	p.compareSink(t)
	for _, name := range []string{p.source, p.sink} {
		recovers(t, p.w, name)
	}
}

func (p *pipeline) compareSink(t *testing.T) {
	t.Helper()
	const query = "SELECT id, ver, note FROM items ORDER BY id"
	want, err := SelectRows(t.Context(), p.db, query)
	if err != nil {
		t.Fatal(err)
	}
	got, err := SelectRows(t.Context(), p.target, query)
	if err != nil {
		t.Fatal(err)
	}
	var f faults
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(want):
			f.add("row %v is in the sink only", got[i])
		case i >= len(got):
			f.add("row %v is in the source only", want[i])
		case fmt.Sprint(want[i]) != fmt.Sprint(got[i]):
			f.add("row %v in the source is %v in the sink", want[i], got[i])
		}
	}
	if err := f.err("sink"); err != nil {
		t.Error(err)
	}
}

// expectTrace waits until the task of a connector is in one of the states with a trace that has
// all the words.
func expectTrace(t *testing.T, w *ConnectWorker, name string, states []string, words ...string) string {
	t.Helper()
	var state, text string
	missing := ""
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := poll(ctx, func() (bool, error) {
		s, code, err := w.status(ctx, name)
		if err != nil || code != http.StatusOK {
			return false, nil // not known yet
		}
		state, text = trace(s)
		if !contains(states, state) {
			missing = "one of the states"
			return false, nil
		}
		for _, word := range words {
			if !strings.Contains(text, word) {
				missing = word
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatalf("connector %s is %s, want %v; its trace lacks %q:\n%s\nlog %s", name, state, states, missing, text, w.Log())
	}
	return text
}

// recovers waits until a connector that failed runs again, without a trace. Until its new task
// has opened everything, the old state is shown, as in Connect.
func recovers(t *testing.T, w *ConnectWorker, name string) {
	t.Helper()
	waitFor(t, w, name+" to run again", 40*time.Second, func() bool {
		s, code, err := w.status(t.Context(), name)
		if err != nil || code != http.StatusOK || len(s.Tasks) == 0 {
			return false
		}
		state, text := trace(s)
		return state == "RUNNING" && text == "" && s.Connector.State == "RUNNING"
	})
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
