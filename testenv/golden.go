package testenv

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A golden case is a folder:
//
//	init.sql        run before the connectors start: what the snapshot sees
//	changes.sql     run while both stream; may be missing
//	connector.json  the connector's configuration, as a POST body or a flat map; keys about
//	                hosts, names and topics are replaced
//
// In changes.sql the comment lines "-- anabranch:restart", "-- anabranch:stop" and
// "-- anabranch:start" stop and start both connectors; "-- anabranch:settle" waits until
// both have caught up.
//
// The judge is the real Debezium on the real Connect: both read the same server at the same
// time and write to the same broker under prefixes of equal length; then every topic is
// compared record by record, history included.

// GoldenCase is a loaded case.
type GoldenCase struct {
	Name    string
	Init    []Step
	Changes []Step
	Config  map[string]string
}

// LoadGolden reads a case folder.
func LoadGolden(dir string) (*GoldenCase, error) {
	c := &GoldenCase{Name: filepath.Base(dir), Config: map[string]string{}}
	load := func(file string, into *[]Step) error {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if os.IsNotExist(err) && file == "changes.sql" {
			return nil
		}
		if err != nil {
			return err
		}
		*into, err = ParseScript(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, file), err)
		}
		return nil
	}
	if err := load("init.sql", &c.Init); err != nil {
		return nil, err
	}
	if err := load("changes.sql", &c.Changes); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "connector.json"))
	if err != nil {
		return nil, err
	}
	var body struct {
		Config map[string]any `json:"config"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, fmt.Errorf("%s/connector.json: %w", dir, err)
	}
	flat := body.Config
	if flat == nil {
		if err := json.Unmarshal(raw, &flat); err != nil {
			return nil, fmt.Errorf("%s/connector.json: %w", dir, err)
		}
	}
	for k, v := range flat {
		c.Config[k] = fmt.Sprint(v)
	}
	return c, nil
}

// Golden holds the servers that a run of cases shares.
type Golden struct {
	Kafka *KafkaServer
	MySQL *MySQLServer
	Peer  *ConnectWorker // the real Connect with Debezium
	Ours  *ConnectWorker

	marks bool // of the case that runs: every DDL is in the history
}

// NewGolden starts them, for this test alone.
func NewGolden(t testing.TB) *Golden {
	t.Helper()
	k := Kafka(t)
	quick := map[string]string{"offset.flush.interval.ms": "1000"}
	g := &Golden{Kafka: k, MySQL: PrivateMySQL(t), Peer: PrivateConnect(t, k, ConnectOptions{Props: quick})}
	if os.Getenv("ANABRANCH_GOLDEN_SELF") != "" {
		// Debezium against itself: shows what the masks leave of two runs on the same SQL.
		g.Ours = g.Peer
	} else {
		g.Ours = PrivateAnabranch(t, k, AnabranchOptions{Props: quick})
	}
	return g
}

const (
	goldenWait  = 90 * time.Second
	goldenQuiet = 1500 * time.Millisecond
)

// side is one of the two connectors of a run.
type side struct {
	worker *ConnectWorker
	prefix string
}

func (s *side) history() string { return s.prefix + "-history" }

var createDatabase = regexp.MustCompile("(?i)^\\s*create\\s+(?:database|schema)\\s+(?:if\\s+not\\s+exists\\s+)?[`\"]?([A-Za-z0-9_$-]+)")

// Run runs one case and reports every difference.
func (g *Golden) Run(t *testing.T, c *GoldenCase) {
	t.Helper()
	id := unique("")
	id = strings.Trim(id, "-_.")
	sides := []*side{{g.Peer, "dbz" + id}, {g.Ours, "our" + id}}
	db := g.MySQL.Open(t, "")
	ctx := t.Context()
	g.marks = c.Config["schema.history.internal.store.only.captured.tables.ddl"] != "true" &&
		c.Config["schema.history.internal.store.only.captured.databases.ddl"] != "true"
	g.dropDatabases(t, db, c)
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close() // the server is ours and goes away too
		g.dropDatabases(t, db, c)
	})
	g.exec(t, conn, sides, c.Init)
	for i, s := range sides {
		s.worker.Create(t, s.prefix, g.config(c, s, i))
	}
	g.awaitStreaming(t, sides)
	g.exec(t, conn, sides, c.Changes)
	g.settle(t, conn, sides)
	g.compare(t, sides)
}

func (g *Golden) dropDatabases(t *testing.T, db *sql.DB, c *GoldenCase) {
	t.Helper()
	for _, st := range slices.Concat(c.Init, c.Changes) {
		if m := createDatabase.FindStringSubmatch(st.SQL); m != nil {
			// The test's context is over in a cleanup.
			if _, err := db.ExecContext(context.Background(), "DROP DATABASE IF EXISTS `"+m[1]+"`"); err != nil {
				t.Errorf("drop database of case: %v", err)
			}
		}
	}
}

func (g *Golden) config(c *GoldenCase, s *side, i int) map[string]string {
	cfg := map[string]string{}
	for k, v := range c.Config {
		cfg[k] = v
	}
	cfg["name"] = s.prefix
	if cfg["connector.class"] == "" {
		cfg["connector.class"] = "io.debezium.connector.mysql.MySqlConnector"
	}
	cfg["database.hostname"] = g.MySQL.Host()
	cfg["database.port"] = strconv.Itoa(g.MySQL.Port())
	cfg["database.user"] = MySQLUser
	cfg["database.password"] = MySQLPassword
	cfg["database.server.id"] = strconv.Itoa(900000 + i*1000 + int(time.Now().UnixNano()%1000))
	cfg["topic.prefix"] = s.prefix
	cfg["schema.history.internal.kafka.bootstrap.servers"] = g.Kafka.Bootstrap()
	cfg["schema.history.internal.kafka.topic"] = s.history()
	if name := cfg["topic.heartbeat.name"]; name != "" {
		cfg["topic.heartbeat.name"] = name + "." + s.prefix
	}
	return cfg
}

// exec runs steps on one connection, so that USE and SET hold.
func (g *Golden) exec(t *testing.T, conn *sql.Conn, sides []*side, steps []Step) {
	t.Helper()
	for _, st := range steps {
		switch st.Directive {
		case "":
			if _, err := conn.ExecContext(t.Context(), st.SQL); err != nil {
				t.Fatalf("line %d: %.200s: %v", st.Line, st.SQL, err)
			}
		case "settle":
			g.settle(t, conn, sides)
		case "stop":
			g.stop(t, sides)
		case "start":
			g.start(t, sides)
		case "restart":
			g.stop(t, sides)
			g.start(t, sides)
		default:
			t.Fatalf("line %d: unknown directive %q", st.Line, st.Directive)
		}
	}
}

// stop lets both catch up without a mark: a statement that is the last thing before a stop may
// be sent again after it, by one of the two and not the other, as both are allowed to.
func (g *Golden) stop(t *testing.T, sides []*side) {
	t.Helper()
	g.awaitQuiet(t, sides, 3*time.Second)
	for _, s := range sides {
		g.call(t, s, http.MethodPut, "/stop", http.StatusNoContent)
	}
	for _, s := range sides {
		g.await(t, "STOPPED", func() bool { return s.worker.Status(t, s.prefix).Connector.State == "STOPPED" })
	}
}

func (g *Golden) start(t *testing.T, sides []*side) {
	t.Helper()
	for _, s := range sides {
		g.call(t, s, http.MethodPut, "/resume", http.StatusAccepted)
	}
	for _, s := range sides {
		s.worker.WaitRunning(t, s.prefix)
	}
}

func (g *Golden) call(t *testing.T, s *side, method, path string, want int) {
	t.Helper()
	code, body, err := s.worker.Call(t.Context(), method, "/connectors/"+s.prefix+path, nil)
	if err != nil || code != want {
		t.Fatalf("%s %s%s on %s: %d %s %v", method, s.prefix, path, s.worker.URL(), code, body, err)
	}
}

// await polls until ok, with a deadline.
func (g *Golden) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), goldenWait)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { return ok(), nil }); err != nil {
		t.Fatalf("waiting for %s: %v; logs: %s, %s", what, err, g.Peer.Log(), g.Ours.Log())
	}
}

// awaitStreaming waits until both snapshots are over: an offset without the snapshot mark is
// stored, or, where a snapshot has no rows and so stores none, nothing more arrives.
func (g *Golden) awaitStreaming(t *testing.T, sides []*side) {
	t.Helper()
	quiet := newQuiet(g, sides, 4*time.Second)
	g.await(t, "end of snapshot", func() bool {
		done := true
		for _, s := range sides {
			code, body, err := s.worker.Call(t.Context(), http.MethodGet, "/connectors/"+s.prefix+"/offsets", nil)
			done = done && err == nil && code == http.StatusOK &&
				strings.Contains(string(body), `"file"`) && !strings.Contains(string(body), `"snapshot"`)
		}
		return done || quiet.reached(t)
	})
}

// settle makes both connectors pass a mark in the log and then waits until nothing more
// arrives and both have written the same number of records.
func (g *Golden) settle(t *testing.T, conn *sql.Conn, sides []*side) {
	t.Helper()
	if !g.marks {
		g.awaitQuiet(t, sides, 4*time.Second)
		return
	}
	mark := "zz_mark_" + strings.Trim(unique(""), "-_.")
	for _, stmt := range []string{"CREATE DATABASE " + mark, "DROP DATABASE " + mark} {
		if _, err := conn.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range sides {
		if g.failed(t, s) {
			t.Errorf("%s: a task failed before the end; log %s", s.worker.URL(), s.worker.Log())
			return
		}
		g.await(t, s.prefix+" to pass the mark", func() bool {
			for _, r := range g.Kafka.ReadAll(t, g.topics(t, s)[s.history()]...) {
				if strings.Contains(string(r.Value), "DROP DATABASE "+mark) || strings.Contains(string(r.Value), "DROP DATABASE `"+mark) {
					return true
				}
			}
			return g.failed(t, s)
		})
	}
	g.awaitQuiet(t, sides, goldenQuiet)
}

func (g *Golden) awaitQuiet(t *testing.T, sides []*side, d time.Duration) {
	t.Helper()
	quiet := newQuiet(g, sides, d)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	// Unequal counts are reported by the comparison, record by record.
	_ = poll(ctx, func() (bool, error) {
		return quiet.reached(t) && (quiet.counts[0] == quiet.counts[1] || quiet.since() > 8*time.Second), nil
	})
}

func (g *Golden) failed(t *testing.T, s *side) bool {
	st := s.worker.Status(t, s.prefix)
	for _, task := range st.Tasks {
		if task.State == "FAILED" {
			t.Errorf("%s task %d FAILED: %.2000s", s.prefix, task.ID, task.Trace)
			return true
		}
	}
	return st.Connector.State == "FAILED"
}

// quiet tells when no record has arrived for a while.
type quiet struct {
	g      *Golden
	sides  []*side
	for_   time.Duration
	counts []int64
	at     time.Time
}

func newQuiet(g *Golden, sides []*side, d time.Duration) *quiet {
	return &quiet{g: g, sides: sides, for_: d, counts: make([]int64, len(sides)), at: time.Now()}
}

func (q *quiet) since() time.Duration { return time.Since(q.at) }

func (q *quiet) reached(t *testing.T) bool {
	for i, s := range q.sides {
		if n := q.g.count(t, s); n != q.counts[i] {
			q.counts[i], q.at = n, time.Now()
		}
	}
	return q.since() >= q.for_ && !slices.Contains(q.counts, 0)
}

// topics lists a side's topics, by name; the value is the name again, for ReadAll.
func (g *Golden) topics(t *testing.T, s *side) map[string][]string {
	t.Helper()
	c := g.Kafka.Client(t)
	list, err := kadm.NewClient(c).ListTopics(t.Context())
	c.Close()
	if err != nil {
		t.Fatalf("list topics: %v", err)
	}
	out := map[string][]string{}
	for name := range list {
		if strings.Contains(name, s.prefix) {
			out[name] = []string{name}
		}
	}
	return out
}

func (g *Golden) count(t *testing.T, s *side) int64 {
	t.Helper()
	c := g.Kafka.Client(t)
	defer c.Close()
	var names []string
	for n := range g.topics(t, s) {
		names = append(names, n)
	}
	if len(names) == 0 {
		return 0
	}
	ends, err := kadm.NewClient(c).ListEndOffsets(t.Context(), names...)
	if err != nil {
		t.Fatalf("list end offsets: %v", err)
	}
	var n int64
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

func (g *Golden) read(t *testing.T, s *side, to string) map[string][]Masked {
	t.Helper()
	out := map[string][]Masked{}
	for name := range g.topics(t, s) {
		var recs []*kgo.Record = g.Kafka.ReadAll(t, name)
		topic := strings.ReplaceAll(name, s.prefix, to)
		out[topic] = []Masked{}
		for _, r := range recs {
			out[topic] = append(out[topic], maskRecord(r, name == s.history(), s.prefix, to))
		}
	}
	return out
}

const maxReported = 5

func (g *Golden) compare(t *testing.T, sides []*side) {
	t.Helper()
	to := sides[0].prefix
	theirs, ours := g.read(t, sides[0], to), g.read(t, sides[1], to)
	names := map[string]bool{}
	for n := range theirs {
		names[n] = true
	}
	for n := range ours {
		names[n] = true
	}
	total, different := 0, 0
	for n := range names {
		a, inA := theirs[n]
		b, inB := ours[n]
		if !inA || !inB {
			t.Errorf("topic %s: debezium has it: %v (%d records), anabranch has it: %v (%d records)", n, inA, len(a), inB, len(b))
			continue
		}
		if len(a) != len(b) {
			t.Errorf("topic %s: debezium wrote %d records, anabranch %d", n, len(a), len(b))
		}
		for i := range min(len(a), len(b)) {
			total++
			if d := a[i].Diff(b[i]); d != "" {
				if different++; different <= maxReported {
					t.Errorf("topic %s record %d:\n%s", n, i, d)
				}
			}
		}
	}
	if different > maxReported {
		t.Errorf("… and %d more records differ", different-maxReported)
	}
	if total == 0 {
		t.Errorf("nothing was compared: neither connector wrote a record")
	}
	t.Logf("%d topics, %d records compared, %d differ", len(names), total, different)
}
