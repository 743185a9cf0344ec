package testenv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// workerKinds are the kinds that a test runs; with ANABRANCH_SLOW=1 a real Connect worker as
// well, which shows that what the test expects is what Connect does.
func workerKinds() []workerKind {
	if os.Getenv("ANABRANCH_SLOW") != "" {
		return []workerKind{javaWorker, ourWorker}
	}
	return []workerKind{ourWorker}
}

// littered are two good connectors of a worker whose internal topics get garbage, and a victim
// that the garbage is about.
type littered struct {
	k      *KafkaServer
	w      *ConnectWorker
	id     string
	props  map[string]string
	dir    string
	text   *textFile
	victim *textFile
	sink   string
}

func newLittered(t *testing.T, kind workerKind) *littered {
	t.Helper()
	l := &littered{k: Kafka(t), id: strings.Trim(unique("garbage"), "-_"), dir: t.TempDir()}
	l.props = map[string]string{"group.id": l.id, "config.storage.topic": l.id + "-configs", "offset.storage.topic": l.id + "-offsets",
		"status.storage.topic": l.id + "-status", "offset.flush.interval.ms": "500", "heartbeat.interval.ms": "300"}
	l.text, l.victim, l.sink = &textFile{path: filepath.Join(l.dir, "in")}, &textFile{path: filepath.Join(l.dir, "victim")}, filepath.Join(l.dir, "out")
	l.text.grow(t, 5)
	l.victim.grow(t, 5)
	l.w = kind.start(t, l.k, l.props)
	l.w.Create(t, l.source(), fileSource(l.text.path, l.id+"-lines"))
	l.w.Create(t, l.id+"-sink", with(fileSink(l.sink, l.id+"-lines"), "consumer.override.fetch.max.wait.ms", "50"))
	l.w.Create(t, l.hurt(), fileSource(l.victim.path, l.id+"-victim"))
	l.flows(t)
	return l
}

func (l *littered) source() string { return l.id + "-source" }
func (l *littered) hurt() string   { return l.id + "-victim" }

// flows proves that the two good connectors work: a new line passes both.
func (l *littered) flows(t *testing.T) {
	t.Helper()
	l.text.grow(t, 1)
	waitFor(t, l.w, "a line through both good connectors", 40*time.Second, func() bool {
		got, err := os.ReadFile(l.sink)
		return err == nil && strings.HasSuffix(string(got), itoa6(l.text.n)+"\n")
	})
	for _, name := range []string{l.source(), l.id + "-sink"} {
		if s := l.w.Status(t, name); s.Connector.State != "RUNNING" || len(s.Tasks) != 1 || s.Tasks[0].State != "RUNNING" {
			t.Errorf("%s is %+v", name, s)
		}
	}
}

func (l *littered) litter(t *testing.T, kind string, pairs ...string) {
	t.Helper()
	c := l.k.Client(t)
	for i := 0; i < len(pairs); i += 2 {
		r := &kgo.Record{Topic: l.props[kind+".storage.topic"], Key: []byte(pairs[i]), Value: []byte(pairs[i+1])}
		if pairs[i+1] == tombstone {
			r.Value = nil
		}
		if err := c.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatalf("write garbage %.60q: %v", pairs[i], err)
		}
	}
}

// tombstone stands for no value. A compacted topic takes no record without a key.
const tombstone = "\x00tombstone"

// configGarbage is what no worker writes to a config topic. Nothing of it may change a
// connector that runs.
func (l *littered) configGarbage() []string {
	source, deep := l.source(), strings.Repeat("[", 200_000)
	var all []string
	for _, key := range []string{"connector-" + source, "task-" + source + "-0", "task-" + source + "-x", "task-" + source + "-", "task-", "task-x",
		"task-" + source + "-99999999999999999999", "task-" + source + "--1", "commit-" + source, "target-state-" + source, "restart-connector-none", "tasks-fencing-" + source,
		"session-key", "logger-cluster-org.apache", "unknown-key", "connector-none", "commit-none", "target-state-none", "", "\xff\xfe", "connector-\xff\xfe"} {
		for _, value := range []string{"", "{", "null", "7", `"x"`, "[]", "{}", "\xff\xfe\x00", deep, strings.Repeat("x", 900_000),
			`{"properties":[]}`, `{"properties":7}`, `{"properties":{"a":{"b":1}}}`, `{"properties":{"a":[1]}}`, `{"tasks":"1"}`, `{"tasks":-1}`, `{"tasks":1.5}`, `{"tasks":99999999999999999999}`,
			`{"state":"FLYING"}`, `{"state":7,"state.v2":[]}`, `{"task-count":"x"}`, `{"task-count":-5}`, `{"level":"LOUD"}`, `{"level":7}`,
			`{"key":"!!","algorithm":"HmacSHA256","creation-timestamp":1}`, `{"key":7,"algorithm":"HmacSHA256","creation-timestamp":1}`,
			`{"key":"AAAA","algorithm":"Nope","creation-timestamp":1}`, `{"key":"AAAA","algorithm":"HmacSHA256","creation-timestamp":"now"}`} {
			if len(value) > 1000 && key != "connector-"+source && key != "session-key" && key != "unknown-key" {
				continue
			}
			all = append(all, key, value)
		}
	}
	return append(all, "task-"+source+"-0", tombstone, "session-key", tombstone, "tasks-fencing-"+source, tombstone, "restart-connector-"+source, tombstone,
		"logger-cluster-x", tombstone, "unknown", tombstone, "connector-none", tombstone, "target-state-none", tombstone,
		"restart-connector-"+source, `{}`, "restart-connector-"+source, `{"include-tasks":"yes","only-failed":7}`, "restart-connector-"+source, `{"include-tasks":true,"only-failed":false}`)
}

func (l *littered) offsetGarbage() []string {
	partition := `{"filename":"` + l.victim.path + `"}`
	var all []string
	for _, key := range []string{"", "{", "[]", `["` + l.hurt() + `"]`, `["` + l.hurt() + `",7]`, `["` + l.hurt() + `",{"a":{"b":[1]}}]`, `[7,{}]`, `[null,null]`,
		`["` + l.hurt() + `",null]`, `["` + l.hurt() + `",{},1]`, `"x"`, "\xff\xfe", `["none",` + partition + `]`} {
		for _, value := range []string{"", "{", "7", "[]", `{"position":{"a":1}}`, `{"position":"x"}`, "\xff", tombstone} {
			all = append(all, key, value)
		}
	}
	return all
}

func (l *littered) statusGarbage() []string {
	var all []string
	for _, key := range []string{"", "x", "status-", "status-connector-", "status-task-", "status-task-x", "status-task-" + l.source() + "-x", "status-task-" + l.source() + "-99999999999999999999",
		"status-task-" + l.source() + "--1", "status-topic-", "status-topic-x", "status-topic-x:connector-", "status-topic-:connector-" + l.source(), "status-connector-" + l.source(), "status-task-" + l.source() + "-0", "\xff"} {
		for _, value := range []string{"", "{", "7", "[]", "{}", `{"state":"FLYING"}`, `{"state":7}`, `{"state":"RUNNING"}`, `{"state":"FAILED","worker_id":7,"generation":"x","trace":{}}`,
			`{"topic":{"name":7}}`, `{"topic":[]}`, "\xff"} {
			all = append(all, key, value)
		}
	}
	return append(all, "status-connector-ghost", `{"state":"RUNNING","trace":null,"worker_id":"10.0.0.1:8083","generation":1}`,
		"status-task-ghost-0", `{"state":"RUNNING","trace":null,"worker_id":"10.0.0.1:8083","generation":1}`)
}

// TestWorker_GarbageInItsTopics writes what is no record of Connect into all three internal
// topics: two good connectors go on, also over a restart.
func TestWorker_GarbageInItsTopics(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker; not in short mode")
	}
	t.Parallel()
	// Not beside the real worker, which loses a connector whose record has a value that is no text.
	l := newLittered(t, ourWorker)
	before := rest(t, l.w, http.MethodGet, connectorPath(l.source(), "/config"), nil, http.StatusOK)
	want := rest(t, l.w, http.MethodGet, "/connectors?expand=status", nil, http.StatusOK)
	for topic, garbage := range map[string][]string{"config": l.configGarbage(), "offset": l.offsetGarbage(), "status": l.statusGarbage()} {
		l.litter(t, topic, garbage...)
	}
	look := func() {
		t.Helper()
		l.flows(t)
		if after := rest(t, l.w, http.MethodGet, connectorPath(l.source(), "/config"), nil, http.StatusOK); after != before {
			t.Errorf("the configuration is %s, was %s", after, before)
		}
		waitForText(t, l.w, want, func() string { return rest(t, l.w, http.MethodGet, "/connectors?expand=status", nil, http.StatusOK) })
		rest(t, l.w, http.MethodGet, connectorPath(l.hurt(), "/offsets"), nil, http.StatusOK)
		rest(t, l.w, http.MethodGet, "/health", nil, http.StatusOK)
	}
	look()
	l.w.Kill(t)
	l.w.Start(t)
	look()
}

// TestWorker_HalfWrittenConnectors has records that a worker could write, in combinations that
// none does.
func TestWorker_HalfWrittenConnectors(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker; not in short mode")
	}
	t.Parallel()
	properties := func(m map[string]string) string {
		raw, err := json.Marshal(map[string]any{"properties": m})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	for _, kind := range workerKinds() {
		t.Run(kind.name, func(t *testing.T) {
			l := newLittered(t, kind)
			file := fileSource(l.victim.path, l.id+"-victim")
			task := map[string]string{"task.class": "org.apache.kafka.connect.file.FileStreamSourceTask", "file": l.victim.path, "topic": l.id + "-victim", "batch.size": "2000"}
			l.litter(t, "config",
				"connector-no-class", properties(map[string]string{"name": "no-class"}),
				"connector-empty", properties(map[string]string{}),
				"connector-alien", properties(map[string]string{"name": "alien", "connector.class": "com.example.Alien"}),
				"connector-bad-tasks", properties(with(file, "name", "bad-tasks", "tasks.max", "many")),
				"connector-other", properties(with(file, "name", "somebody-else", "topic", l.id+"-other")),
				"connector-bad-conv", properties(with(file, "name", "bad-conv", "value.converter", "com.example.Xml")),
				"connector-bad-smt", properties(with(file, "name", "bad-smt", "transforms", "a", "transforms.a.type", "com.example.None")),
				"connector-nulls", `{"properties":{"name":"nulls","connector.class":"FileStreamSource","topic":null}}`,
				"connector-", properties(with(file, "name", "")),
				"commit-"+l.hurt(), `{"tasks":3}`, // without tasks
				"task-no-commit-0", properties(task),
				"commit-no-config", `{"tasks":0}`,
				"target-state-paused-first", `{"state":"PAUSED"}`,
				"connector-paused-first", properties(with(file, "name", "paused-first", "topic", l.id+"-paused")),
			)
			l.flows(t)
			states := func() string {
				var b bytes.Buffer
				for _, name := range []string{"no-class", "empty", "alien", "bad-tasks", "other", "bad-conv", "bad-smt", "nulls", "paused-first", l.hurt()} {
					s, code, err := l.w.status(t.Context(), name)
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&b, "%s %d %s", strings.TrimPrefix(name, l.id), code, s.Connector.State)
					for _, task := range s.Tasks {
						fmt.Fprintf(&b, " %s", task.State)
					}
					b.WriteString("\n")
				}
				return b.String()
			}
			waitForText(t, l.w, "no-class 200 FAILED\nempty 200 FAILED\nalien 200 FAILED\nbad-tasks 200 FAILED\nother 200 RUNNING RUNNING\n"+
				"bad-conv 200 FAILED\nbad-smt 200 FAILED\nnulls 200 FAILED\npaused-first 200 PAUSED\n-victim 200 RUNNING\n", states)
			// The next complete set heals the victim.
			rest(t, l.w, http.MethodPut, connectorPath(l.hurt(), "/config"), with(file, "batch.size", "100"), http.StatusOK)
			recovers(t, l.w, l.hurt())
			for _, name := range []string{"no-class", "empty", "alien", "bad-tasks", "other", "bad-conv", "bad-smt", "nulls", "paused-first"} {
				l.w.Delete(t, name)
			}
			l.flows(t)
		})
	}
}

// waitForText waits until a text is as wanted and shows it if it is not.
func waitForText(t *testing.T, w *ConnectWorker, want string, text func() string) {
	t.Helper()
	var last string
	ctx, cancel := patience(t, 20*time.Second)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { last = text(); return last == want, nil }); err != nil {
		t.Errorf("got\n%s\nwant\n%s\nlog %s", last, want, w.Log())
	}
}
