package testenv

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// step is one thing that a test does with both workers: a request of which the answers are
// compared, or a condition that both must reach. NAME stands for the connector, KIND for the worker.
type step struct {
	method, path string
	body         string
	state        string // "RUNNING RUNNING": connector and tasks, or one of several between |; waited for
	lines        int    // of the sink's file; waited for
	offsets      string // of the connector; waited for
	until        string // that the answer must hold; asked again until it does
	do           func(kind string)
	statusOnly   string // why the texts differ
}

// walk runs the steps for both workers side by side and compares what was answered.
func (p *pair) walk(t *testing.T, connector string, steps []step) {
	t.Helper()
	got := map[string][]string{}
	var mu sync.Mutex
	p.both(func(kind string, w *ConnectWorker) {
		var answers []string
		for i, s := range steps {
			a, err := p.step(t, kind, w, connector, s)
			if err != nil {
				t.Errorf("%s, step %d %+v: %v", kind, i, s, err)
				break
			}
			answers = append(answers, a)
		}
		mu.Lock()
		defer mu.Unlock()
		got[kind] = answers
	})
	for i := range min(len(got["our"]), len(got["jav"])) {
		a, b := got["our"][i], got["jav"][i]
		if steps[i].statusOnly != "" {
			a, b = a[:3], b[:3]
		}
		if a != b {
			t.Errorf("step %d %s %s %s\nours    %s\nConnect %s", i, steps[i].method, steps[i].path, steps[i].body, got["our"][i], got["jav"][i])
		}
	}
}

var (
	workerMask  = regexp.MustCompile(`"worker_id":"[^"]*"`)
	versionMask = regexp.MustCompile(`,"version":"[^"]*"`)
	traceMask   = regexp.MustCompile(`\\n(\\tat|Caused by).*?"`)
)

func (p *pair) step(t *testing.T, kind string, w *ConnectWorker, connector string, s step) (string, error) {
	name := p.id + "-" + kind + "-" + connector
	fill := func(text string) string {
		return strings.NewReplacer("NAME", name, "KIND", kind, "ID", p.id, "DIR", p.dir).Replace(text)
	}
	mask := func(text string) string {
		text = strings.ReplaceAll(text, name, "NAME")
		text = workerMask.ReplaceAllString(versionMask.ReplaceAllString(text, ""), `"worker_id":"W"`)
		text = strings.ReplaceAll(traceMask.ReplaceAllString(text, `"`), p.id+"-"+kind, "ID-KIND")
		return inOneOrder(text)
	}
	deadline := time.Now().Add(30 * time.Second)
	last := ""
	await := func(ok func() bool) (string, error) {
		err := poll(t.Context(), func() (bool, error) { return ok() || time.Now().After(deadline), nil })
		if err == nil && time.Now().After(deadline) {
			err = fmt.Errorf("not reached: %s; log %s", last, w.Log())
		}
		return last, err
	}
	switch {
	case s.state != "":
		_, err := await(func() bool {
			st, code, err := w.status(t.Context(), name)
			last = fmt.Sprint(code, err)
			if err == nil && code == http.StatusOK {
				last = st.Connector.State
				for _, task := range st.Tasks {
					last += " " + task.State
				}
			}
			return slices.Contains(strings.Split(s.state, "|"), last)
		})
		return s.state, err
	case s.lines != 0:
		return await(func() bool {
			raw, _ := os.ReadFile(filepath.Join(p.dir, name))
			last = fmt.Sprint(strings.Count(string(raw), "\n"), " lines")
			n := strings.Count(string(raw), "\n")
			return n == s.lines || kind == "jav" && n > s.lines // Connect may deliver some twice
		})
	case s.do != nil:
		s.do(kind)
		return "done", nil
	case s.until != "":
		_, err := await(func() bool {
			_, body, err := w.Call(t.Context(), s.method, fill(s.path), nil)
			last = string(body)
			return err == nil && strings.Contains(last, fill(s.until))
		})
		return s.until, err
	case s.offsets != "":
		return await(func() bool {
			_, body, err := w.Call(t.Context(), http.MethodGet, connectorPath(name, "/offsets"), nil)
			last = mask(string(body))
			return err == nil && strings.Contains(last, mask(fill(s.offsets)))
		})
	}
	if s.method == http.MethodPut && strings.HasSuffix(s.path, "/config") && !w.Private() {
		t.Cleanup(func() { w.Delete(t, name) })
	}
	var body any
	if s.body != "" {
		body = json.RawMessage(fill(s.body))
	}
	var code int
	var answer []byte
	_, err := await(func() bool { // a worker that rebalances answers 409 with these words
		var err error
		code, answer, err = w.Call(t.Context(), s.method, fill(s.path), body)
		last = fmt.Sprint(code, " ", string(answer), " ", err)
		return err == nil && !strings.Contains(string(answer), "conflicting operation") && !strings.Contains(string(answer), "stale configuration") && !strings.Contains(string(answer), "rebalance is expected")
	})
	return fmt.Sprint(code, " ", mask(string(answer))), err
}

// inOneOrder is JSON with its members, and the offsets of a list, in one order: Java's is that of a HashMap.
func inOneOrder(text string) string {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	if o, ok := v.(map[string]any); ok {
		if list, ok := o["offsets"].([]any); ok {
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	out, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return string(out)
}

// seed makes a topic with numbered records, the same number in each partition.
func (p *pair) seed(t *testing.T, topic string, partitions, each int, value func(i int) string) {
	t.Helper()
	cl := p.k.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), int32(partitions), 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	var recs []*kgo.Record
	for n := range partitions {
		for i := range each {
			recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(n), Value: []byte(value(i))})
		}
	}
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func sinkJSON(more string) string {
	return `{"connector.class":"org.apache.kafka.connect.file.FileStreamSinkConnector","tasks.max":"1","file":"DIR/NAME","value.converter":"` + jsonConverter +
		`","value.converter.schemas.enable":"false","consumer.override.fetch.max.wait.ms":"50"` + more + `}`
}

// TestWorker_OffsetsBesideConnect reads, alters and resets offsets of running, stopped and deleted
// connectors of both kinds.
func TestWorker_OffsetsBesideConnect(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and Kafka Connect; not in short mode")
	}
	t.Parallel()
	p := newPair(t)
	p.seed(t, p.id+"-in", 2, 5, func(i int) string { return fmt.Sprintf(`{"n":%d}`, i) })
	if err := os.WriteFile(filepath.Join(p.dir, "lines"), []byte("one\ntwo\nthree\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	patch := func(list string) step {
		return step{method: "PATCH", path: "/connectors/NAME/offsets", body: `{"offsets":[` + list + `]}`}
	}
	at := func(partition, offset string) string {
		return `{"partition":{"kafka_topic":"ID-in","kafka_partition":` + partition + `},"offset":` + offset + `}`
	}
	// parsed says that a body may be one that Connect's JSON library refuses.
	parsed := func(s step) step { s.statusOnly = "the parser's words"; return s }
	get := step{method: "GET", path: "/connectors/NAME/offsets"}
	stop, resume := step{method: "PUT", path: "/connectors/NAME/stop"}, step{method: "PUT", path: "/connectors/NAME/resume"}
	reset, remove := step{method: "DELETE", path: "/connectors/NAME/offsets"}, step{method: "DELETE", path: "/connectors/NAME"}
	t.Run("sink", func(t *testing.T) {
		steps := []step{get, reset, patch(at("0", `{"kafka_offset":1}`)),
			{method: "PUT", path: "/connectors/NAME/config", body: sinkJSON(`,"topics":"ID-in"`)}, {state: "RUNNING RUNNING"}, {lines: 10},
			{offsets: `{"offset":{"kafka_offset":5},"partition":{"kafka_partition":1,"kafka_topic":"ID-in"}}`}, get, reset, patch(at("0", `{"kafka_offset":1}`)),
			stop, {state: "STOPPED"}, get}
		for _, bad := range []string{``, `{}`, `null`, `{"partition":null,"offset":null}`, `{"partition":{},"offset":{}}`, `{"offset":{"kafka_offset":1}}`, at(`"x"`, `{"kafka_offset":1}`), at(`-1`, `{"kafka_offset":1}`), at(`1.5`, `{"kafka_offset":1}`),
			at("0", `{"kafka_offset":-1}`), at("0", `{"kafka_offset":"x"}`), at("0", `{"kafka_offset":null}`), at("0", `{"kafka_offset":1.5}`), at("0", `{"o":1}`), at("0", `{}`), at("0", `7`), at("7", `{"kafka_offset":1}`), at("0", `{"kafka_offset":99999999999999999999}`),
			`{"partition":{"kafka_topic":"ID-in"},"offset":{"kafka_offset":1}}`, `{"partition":{"kafka_topic":7,"kafka_partition":0},"offset":{"kafka_offset":1}}`, `{"partition":{"kafka_topic":"none-such-topic","kafka_partition":0},"offset":{"kafka_offset":1}}`,
			`{"partition":{"kafka_topic":"ID-in","kafka_partition":0,"x":1},"offset":{"kafka_offset":3,"y":2}}`, at(`"1"`, `{"kafka_offset":"4"}`), at("0", "null"), at("0", `{"kafka_offset":2}`) + "," + at("0", `{"kafka_offset":3}`)} {
			steps = append(steps, parsed(patch(bad)), get)
		}
		steps = append(steps, patch(at("0", `{"kafka_offset":3}`)+","+at("1", `{"kafka_offset":4}`)), get, resume, step{state: "RUNNING RUNNING"}, step{lines: 13}, stop, step{state: "STOPPED"}, reset, get, resume, step{lines: 23},
			stop, step{state: "STOPPED"}, remove, get, reset, patch(at("0", `{"kafka_offset":1}`)))
		p.walk(t, "sink", steps)
	})
	t.Run("own group", func(t *testing.T) {
		p.walk(t, "group", []step{{method: "PUT", path: "/connectors/NAME/config", body: sinkJSON(`,"topics.regex":"ID-i.*","consumer.override.group.id":"NAME-own"`)}, {lines: 10},
			{offsets: `{"offset":{"kafka_offset":5},"partition":{"kafka_partition":1,"kafka_topic":"ID-in"}}`}, stop, {state: "STOPPED"}, patch(at("0", `{"kafka_offset":4}`)), get, resume, {lines: 11}, stop, {state: "STOPPED"}, reset, get, remove})
	})
	t.Run("source", func(t *testing.T) {
		file := func(position string) string {
			return `{"partition":{"filename":"DIR/lines"},"offset":` + position + `}`
		}
		steps := []step{{method: "PUT", path: "/connectors/NAME/config", body: `{"connector.class":"FileStreamSource","file":"DIR/lines","topic":"ID-KIND-out"}`}, {state: "RUNNING RUNNING"},
			{offsets: `{"position":14}`}, get, reset, patch(file(`{"position":4}`)), stop, {state: "STOPPED"}, get}
		for _, some := range []string{``, `{}`, file(`{"position":"x"}`), file(`{"position":-1}`), file(`{"position":1.5}`), file(`{}`), file(`{"position":null}`), file(`{"position":4,"x":1}`), file(`{"x":1}`), file(`{"position":{"a":1}}`), file("7"), file("null"),
			`{"partition":{"filename":"other"},"offset":{"position":1}}`, `{"partition":{"filename":7},"offset":{"position":1}}`, `{"partition":{"file":"x"},"offset":{"position":1}}`, `{"partition":{},"offset":{"position":1}}`, `{"partition":{"filename":"DIR/lines","x":null},"offset":{"position":1}}`} {
			steps = append(steps, parsed(patch(some))) // Connect shows what it has read back, some time later
		}
		p.walk(t, "source", append(steps, patch(file(`{"position":4}`)), reset, patch(file(`{"position":8}`)), step{offsets: `"offset":{"position":8}`}, resume, step{offsets: `{"position":14}`}, stop, step{state: "STOPPED"}, remove, get,
			// Made anew under its name, it finds what the old one left.
			step{method: "PUT", path: "/connectors/NAME/config", body: `{"connector.class":"FileStreamSource","file":"DIR/lines","topic":"ID-KIND-out"}`}, step{state: "RUNNING RUNNING"}, get))
		for kind := range p.w {
			var got []string
			for _, r := range p.k.ReadAll(t, p.id+"-"+kind+"-out") {
				got = append(got, string(r.Value))
			}
			if len(got) != 4 {
				t.Errorf("%s: %q, want three lines, and the third again", kind, got)
			}
		}
	})
}

// TestWorker_RestartBesideConnect restarts connectors and tasks that run, failed, are paused and stopped.
func TestWorker_RestartBesideConnect(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and Kafka Connect; not in short mode")
	}
	t.Parallel()
	p := newPair(t)
	p.seed(t, p.id+"-bad", 1, 3, func(i int) string { return []string{`{"n":0}`, `{"n":`, `{"n":2}`}[i] })
	cl := p.k.Client(t)
	var steps []step
	// restarts asks for a restart in every way; a task that fails again and again is seen in any state.
	restarts := func(states ...string) {
		fails, soon := "", "the task may be restarting still"
		if strings.Contains(states[0], " FAILED") {
			fails = "what the task does at the moment"
		}
		for i, q := range []string{"", "?includeTasks=false&onlyFailed=true", "?includeTasks=true", "?includeTasks=true&onlyFailed=true", "?includeTasks=maybe&onlyFailed=1", "?onlyFailed=TRUE&includeTasks=True"} {
			if i > 2 {
				fails = soon // of the restart before
			}
			steps = append(steps, step{method: "POST", path: "/connectors/NAME/restart" + q, statusOnly: fails}, step{state: states[min(i, len(states)-1)]})
		}
		last := step{state: states[len(states)-1]}
		steps = append(steps, step{method: "POST", path: "/connectors/NAME/tasks/0/restart"}, last, step{method: "POST", path: "/connectors/NAME/tasks/1/restart"},
			step{method: "GET", path: "/connectors/NAME/tasks/0/status", statusOnly: soon}, step{method: "GET", path: "/connectors/NAME/status", statusOnly: soon},
			step{method: "GET", path: "/connectors/NAME/tasks"}, step{method: "GET", path: "/connectors/NAME/topics"})
	}
	restarts("404 <nil>")
	steps = append(steps, step{method: "PUT", path: "/connectors/NAME/config", body: sinkJSON(`,"topics":"ID-bad"`)}, step{state: "RUNNING FAILED"})
	restarts("RUNNING FAILED")
	steps = append(steps, step{method: "PUT", path: "/connectors/NAME/pause"}, step{state: "PAUSED FAILED|PAUSED PAUSED"})
	restarts("PAUSED FAILED|PAUSED PAUSED", "PAUSED FAILED|PAUSED PAUSED", "PAUSED PAUSED") // a paused task is started again, and reads nothing
	steps = append(steps, step{method: "PUT", path: "/connectors/NAME/resume"}, step{state: "RUNNING FAILED"}, step{method: "GET", path: "/connectors/NAME/status"},
		step{method: "PATCH", path: "/connectors/NAME/config", body: `{"errors.tolerance":"all"}`}, step{state: "RUNNING RUNNING"},
		step{method: "GET", path: "/connectors/NAME/topics", until: `["ID-bad"]`})
	restarts("RUNNING RUNNING")
	steps = append(steps, step{method: "PUT", path: "/connectors/NAME/pause"}, step{state: "PAUSED PAUSED"})
	restarts("PAUSED PAUSED")
	steps = append(steps, step{method: "PUT", path: "/connectors/NAME/stop"}, step{state: "STOPPED"}, step{method: "POST", path: "/connectors/NAME/restart"}, step{state: "STOPPED"},
		step{method: "PUT", path: "/connectors/NAME/pause"}, step{state: "PAUSED"}, step{method: "PUT", path: "/connectors/NAME/resume"}, step{state: "RUNNING RUNNING"},
		step{method: "GET", path: "/connectors/NAME/topics"}, step{method: "PUT", path: "/connectors/NAME/topics/reset"},
		step{method: "GET", path: "/connectors/NAME/topics", until: `{"NAME":{"topics":[]}}`},
		// A topic that is still in use comes back.
		step{do: func(string) {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: p.id + "-bad", Value: []byte(`{"n":3}`)}).FirstErr(); err != nil {
				t.Error(err)
			}
		}}, step{method: "GET", path: "/connectors/NAME/topics", until: `["ID-bad"]`})
	p.walk(t, "restart", steps)
}
