package testenv

import (
	"context"
	"maps"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestValidators_ExactlyOnce(t *testing.T) {
	at := func(key string, partition int32, pos ...int64) Event {
		return Event{Topic: "t", Key: key, Partition: partition, Position: pos}
	}
	for name, c := range map[string]struct {
		events []Event
		want   string
	}{
		"good":              {[]Event{at("a", 0, 1, 4), at("b", 1, 1, 5), at("a", 0, 2, 4)}, ""},
		"twice in a row":    {[]Event{at("a", 0, 1, 4), at("a", 0, 1, 4)}, "twice"},
		"a restart":         {[]Event{at("a", 0, 1, 4), at("a", 0, 1, 8), at("a", 0, 1, 4)}, "again"},
		"another partition": {[]Event{at("a", 0, 1, 4), at("a", 1, 1, 8)}, "partition"},
	} {
		t.Run(name, func(t *testing.T) {
			err := ExactlyOnce(c.events)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// onceWorld is a database and a text file whose changes are to arrive exactly once.
type onceWorld struct {
	kafka  *KafkaServer
	mysql  *MySQLServer
	prefix string
	dbName string
	load   *workload
	text   *textFile
	lines  string // topic of the text file
}

func newOnceWorld(t *testing.T) *onceWorld {
	t.Helper()
	k, m := Kafka(t), MySQL(t)
	name, db := m.Database(t)
	for _, stmt := range []string{
		"CREATE TABLE items (id INT PRIMARY KEY, ver BIGINT NOT NULL, note VARCHAR(60))",
		"CREATE TABLE evolving (id INT AUTO_INCREMENT PRIMARY KEY, ver INT NOT NULL)",
		"INSERT INTO items VALUES (1, 0, 'first')",
	} {
		if _, err := db.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	o := &onceWorld{kafka: k, mysql: m, prefix: strings.Trim(unique("once"), "-"), dbName: name,
		load: &workload{db: db, alive: map[int]int{1: 0}, nextID: 2}, text: &textFile{path: filepath.Join(t.TempDir(), "in.txt")}}
	o.lines = o.prefix + "-lines"
	o.text.grow(t, 10)
	return o
}

func (o *onceWorld) props(more map[string]string) map[string]string {
	p := map[string]string{"exactly.once.source.support": "enabled", "offset.flush.interval.ms": "1000", "offset.storage.partitions": "3",
		// Who was killed or frozen is soon forgotten by the group.
		"session.timeout.ms": "3000", "heartbeat.interval.ms": "500", "scheduled.rebalance.max.delay.ms": "0"}
	maps.Copy(p, more)
	return p
}

// create creates both connectors; extra goes to both.
func (o *onceWorld) create(t *testing.T, w *ConnectWorker, extra map[string]string) {
	t.Helper()
	source := mysqlSource(o.mysql, o.kafka, o.prefix, o.dbName)
	text := fileSource(o.text.path, o.lines)
	for _, c := range []map[string]string{source, text} {
		maps.Copy(c, map[string]string{"exactly.once.support": "required",
			"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false"})
		maps.Copy(c, extra)
	}
	for _, kind := range []string{"key.converter", "value.converter"} {
		source[kind] = "org.apache.kafka.connect.json.JsonConverter"
	}
	delete(text, "value.converter.schemas.enable")
	w.Create(t, o.prefix, source)
	w.Create(t, o.prefix+"-text", text)
	awaitStream(t, w, o.prefix)
}

// write changes rows, structures and the file until the function that it returns is called.
func (o *onceWorld) write(t *testing.T) (rest func()) {
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { o.load.run(ctx) })
	wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				o.text.grow(t, 3)
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		t.Helper()
		stop()
		wg.Wait()
		if o.load.err != nil {
			t.Fatalf("workload: %v", o.load.err)
		}
	}
}

const onceEnd = "2147483000"

// finish writes a last row, waits for it and the last line, and judges.
func (o *onceWorld) finish(t *testing.T, w *ConnectWorker) {
	t.Helper()
	if _, err := o.load.db.ExecContext(t.Context(), "INSERT INTO items VALUES ("+onceEnd+", 1, 'end')"); err != nil {
		t.Fatal(err)
	}
	o.load.want = append(o.load.want, Version{Key: onceEnd, Version: "1"})
	items, evolving := o.prefix+"."+o.dbName+".items", o.prefix+"."+o.dbName+".evolving"
	var recs, texts []*kgo.Record
	waitFor(t, w, "the last row", 90*time.Second, func() bool {
		recs = o.kafka.ReadAll(t, items)
		return len(recs) > 0 && strings.Contains(string(recs[len(recs)-1].Value), `"id":`+onceEnd)
	})
	waitFor(t, w, "the last line", 30*time.Second, func() bool {
		texts = o.kafka.ReadAll(t, o.lines)
		return len(texts) >= o.text.n
	})
	judge(t, o.load.db, recs, "ver", o.load.want, "SELECT id, ver, note FROM items")
	changes := o.kafka.ReadAll(t, evolving)
	if len(changes) > 0 {
		judge(t, o.load.db, changes, "", nil, "SELECT id, ver FROM evolving")
	}
	for _, list := range [][]*kgo.Record{recs, changes} {
		events, err := Events(list)
		if err == nil {
			err = ExactlyOnce(events)
		}
		if err != nil {
			t.Error(err)
		}
	}
	if len(texts) != o.text.n {
		t.Errorf("%d lines arrived of %d", len(texts), o.text.n)
	}
	got := make([]string, len(texts))
	for i, rec := range texts {
		got[i] = string(rec.Value)
	}
	if err := judgeLines(got, o.text.n, 0); err != nil {
		t.Errorf("text file: %v", err)
	}
	t.Logf("%d changes of rows, %d DDL statements, %d events, %d lines", len(o.load.want), o.load.ddl, len(recs)+len(changes), len(texts))
}

// TestExactlyOnce_Crash kills the daemon while it streams: readers of committed records must see
// nothing twice and miss nothing.
func TestExactlyOnce_Crash(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	for name, extra := range map[string]map[string]string{
		"poll":     nil,
		"interval": {"transaction.boundary": "interval", "transaction.boundary.interval.ms": "150", "offsets.storage.topic": "own"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOnceWorld(t)
			extra := maps.Clone(extra)
			if extra["offsets.storage.topic"] != "" {
				extra["offsets.storage.topic"] = o.prefix + "-own-offsets"
			}
			w := PrivateAnabranch(t, o.kafka, AnabranchOptions{Props: o.props(nil)})
			o.create(t, w, extra)
			rest := o.write(t)
			for range kills(t) {
				killAfter(t, w, 2500*time.Millisecond)
			}
			rest()
			o.finish(t, w)
		})
	}
}

// TestExactlyOnce_Zombie freezes a daemon until another one of its group has taken over, and lets
// it go on: nothing that it writes may count.
func TestExactlyOnce_Zombie(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	t.Parallel()
	o := newOnceWorld(t)
	props := o.props(map[string]string{"group.id": o.prefix, "config.storage.topic": o.prefix + "-configs",
		"offset.storage.topic": o.prefix + "-offsets", "status.storage.topic": o.prefix + "-status"})
	frozen := PrivateAnabranch(t, o.kafka, AnabranchOptions{Props: props})
	o.create(t, frozen, nil)
	rest := o.write(t)
	select {
	case <-time.After(time.Second):
	case <-t.Context().Done():
	}
	frozen.Pause(t)
	second := PrivateAnabranch(t, o.kafka, AnabranchOptions{Props: props})
	second.WaitRunning(t, o.prefix)
	second.WaitRunning(t, o.prefix+"-text")
	frozen.Continue(t)
	// It wakes up with a transaction open and rows in its hands. Its own clients hear that they
	// are fenced; a configuration that it writes is refused.
	waitFor(t, frozen, "the frozen worker to be refused", 30*time.Second, func() bool {
		code, _, err := frozen.Call(t.Context(), http.MethodPut, connectorPath(o.prefix+"-ghost", "/config"), fileSource(o.text.path, "ghost"))
		return err == nil && code >= 400
	})
	rest()
	o.finish(t, second)
	if code, body, err := second.Call(t.Context(), http.MethodGet, connectorPath(o.prefix+"-ghost", ""), nil); err != nil || code != http.StatusNotFound {
		t.Errorf("the frozen worker's connector is there: %d %s %v", code, body, err)
	}
}

// TestExactlyOnce_Takeover hands a source from Kafka Connect to us and back, with transactions.
// Every hand-over finds the other's offsets, producers and task-count record.
func TestExactlyOnce_Takeover(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and Kafka Connect; not in short mode")
	}
	t.Parallel()
	k := Kafka(t)
	prefix := strings.Trim(unique("onceover"), "-")
	text := &textFile{path: filepath.Join(t.TempDir(), "in.txt")}
	props := map[string]string{"group.id": prefix, "config.storage.topic": prefix + "-configs", "offset.storage.topic": prefix + "-offsets",
		"status.storage.topic": prefix + "-status", "exactly.once.source.support": "enabled", "offset.storage.partitions": "3",
		"scheduled.rebalance.max.delay.ms": "0"}
	if _, err := kadm.NewClient(k.Client(t)).CreateTopic(t.Context(), 1, 1, nil, prefix+"-lines"); err != nil {
		t.Fatal(err)
	}
	config := fileSource(text.path, prefix+"-lines")
	maps.Copy(config, map[string]string{"exactly.once.support": "required", "offsets.storage.topic": prefix + "-own"})
	for i, kind := range []workerKind{javaWorker, ourWorker, javaWorker} {
		text.grow(t, 100) // while nobody runs
		w := kind.start(t, k, props)
		if i == 0 {
			w.Create(t, prefix, config)
		}
		w.WaitRunning(t, prefix)
		text.grow(t, 100)
		waitFor(t, w, "all lines", 2*time.Minute, func() bool { return len(k.ReadAll(t, prefix+"-lines")) >= text.n })
		// Another set of task configurations makes the next round of fencing due.
		again := maps.Clone(config)
		again["batch.size"] = strconv.Itoa(3000 + i) // FileStreamSourceTask keeps lines back beyond a small one
		rest(t, w, http.MethodPut, connectorPath(prefix, "/config"), again, http.StatusOK)
		waitFor(t, w, "the task-count record", 2*time.Minute, func() bool { return len(fencings(k.ReadAll(t, prefix+"-configs"), prefix)) >= i+2 })
		w.WaitRunning(t, prefix)
		text.grow(t, 100)
		waitFor(t, w, "all lines", 2*time.Minute, func() bool { return len(k.ReadAll(t, prefix+"-lines")) >= text.n })
		stopPatiently(t, w)
	}
	var got []string
	for _, rec := range k.ReadAll(t, prefix+"-lines") {
		got = append(got, string(rec.Value))
	}
	if err := judgeLines(got, text.n, 0); err != nil || len(got) != text.n {
		t.Errorf("%d lines of %d: %v", len(got), text.n, err)
	}
	records := fencings(k.ReadAll(t, prefix+"-configs"), prefix)
	for _, r := range records {
		if r != records[0] {
			t.Errorf("task-count records differ: %q", records)
			break
		}
	}
	for _, topic := range []string{prefix + "-own", prefix + "-offsets"} {
		keys := map[string]int{}
		for _, rec := range k.ReadAll(t, topic) {
			keys[string(rec.Key)]++
		}
		if len(keys) != 1 {
			t.Errorf("topic %s has keys %v, want one", topic, keys)
		}
	}
	t.Logf("%d lines, task-count records %q", len(got), records)
}

// fencings are the task-count records of a connector.
func fencings(recs []*kgo.Record, name string) []string {
	var out []string
	for _, r := range recs {
		if string(r.Key) == "tasks-fencing-"+name {
			out = append(out, string(r.Value))
		}
	}
	return out
}
