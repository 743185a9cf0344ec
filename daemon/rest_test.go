package daemon

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/actors"
	capturefile "github.com/anabranch/anabranch/capture/file"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/daemon/logging"
	"github.com/anabranch/anabranch/daemon/metrics"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/daemon/store"
	deliverfile "github.com/anabranch/anabranch/deliver/file"
)

// fakeSystem does at once what the actors do, and remembers what was asked.
type fakeSystem struct {
	status actors.StatusSink

	mu      sync.Mutex
	running map[string]actors.Connector
	calls   []string
}

func (f *fakeSystem) note(call string) {
	f.calls = append(f.calls, call)
}

func (f *fakeSystem) set(c actors.Connector) {
	state := actors.Running
	if c.Paused {
		state = actors.Paused
	}
	if !c.TasksOnly {
		f.status.ConnectorState(c.Name, state, "")
	}
	for _, t := range c.Tasks {
		f.status.TaskState(c.Name, t.ID, state, "")
	}
	f.running[c.Name] = c
}

func (f *fakeSystem) Add(c actors.Connector) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.TasksOnly {
		f.note("start tasks of " + c.Name)
	} else {
		f.note("start " + c.Name)
	}
	if old, runs := f.running[c.Name]; runs {
		c.TasksOnly = c.TasksOnly && old.TasksOnly
		c.Tasks = append(slices.Clone(old.Tasks), c.Tasks...)
	}
	f.set(c)
	return nil
}

func (f *fakeSystem) Remove(_ context.Context, name string, p actors.Pieces) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.running[name]
	for _, id := range p.Tasks {
		f.note("stop " + name + "-" + string(rune('0'+id)))
		f.status.TaskState(name, id, actors.Unassigned, "")
	}
	c.Tasks = slices.DeleteFunc(slices.Clone(c.Tasks), func(t actors.Task) bool { return slices.Contains(p.Tasks, t.ID) })
	if p.Instance {
		f.note("stop " + name)
		f.status.ConnectorState(name, actors.Unassigned, "")
		c.TasksOnly = true
	}
	f.running[name] = c
	if c.TasksOnly && len(c.Tasks) == 0 {
		delete(f.running, name)
	}
	return nil
}

func (f *fakeSystem) pause(name string, paused bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.running[name]
	if !ok {
		return actors.ErrUnknownConnector
	}
	c.Paused = paused
	f.set(c)
	return nil
}

func (f *fakeSystem) Pause(name string) error  { return f.pause(name, true) }
func (f *fakeSystem) Resume(name string) error { return f.pause(name, false) }
func (f *fakeSystem) RestartConnector(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.running[name]
	if !ok || c.TasksOnly {
		return actors.ErrUnknownConnector
	}
	f.note("restart " + name)
	f.set(c)
	return nil
}
func (f *fakeSystem) RestartTask(name string, id int) error {
	f.log("restart " + name + "-" + string(rune('0'+id)))
	return nil
}

func (f *fakeSystem) log(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(call)
}

func (f *fakeSystem) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (*fakeSystem) Abort() error                          { return nil }
func (*fakeSystem) Progress(string) []actors.TaskProgress { return nil }
func (*fakeSystem) Stats(string) map[int]actors.TaskStats { return nil }
func (*fakeSystem) Beans(string) []javametrics.MBean      { return nil }
func (*fakeSystem) Startups() actors.Startups             { return actors.Startups{} }
func (*fakeSystem) Shutdown(context.Context) error        { return nil }

// fakeCluster has one consumer group.
type fakeCluster struct {
	offsets []groupOffset
	deleted bool
}

func (*fakeCluster) ID(context.Context) (string, error) { return "cluster-1", nil }
func (c *fakeCluster) GroupOffsets(context.Context, string) ([]groupOffset, error) {
	return c.offsets, nil
}

func (c *fakeCluster) AlterGroup(_ context.Context, _ string, o []groupOffset) error {
	c.offsets = o
	return nil
}
func (c *fakeCluster) DeleteGroup(context.Context, string) error { c.deleted = true; return nil }
func (*fakeCluster) Close()                                      {}

// bench is a worker over memory.
type bench struct {
	*httptest.Server
	h       *herder
	system  *fakeSystem
	cluster *fakeCluster
	configs *store.MemoryLog
	stop    func()
}

func testPlugins() []plugin {
	build := func(taskEnv) (actors.Parts, error) { return actors.Parts{}, nil }
	return []plugin{
		{class: capturefile.SourceClass, kind: sourceType, version: kafkaVersion, confirmsOffsets: true, definition: capturefile.Definition, build: build,
			taskConfigs: func(c map[string]string, _ int) ([]map[string]string, error) { return capturefile.TaskConfigs(c), nil }},
		{class: deliverfile.SinkClass, kind: sinkType, version: kafkaVersion, definition: deliverfile.Definition, build: build,
			taskConfigs: func(c map[string]string, _ int) ([]map[string]string, error) { return deliverfile.TaskConfigs(c), nil }},
	}
}

func newBench(t *testing.T, logs ...*store.MemoryLog) *bench {
	t.Helper()
	return newBenchIn(t, func(*herder) {}, logs...)
}

// newBenchIn is newBench with another group than that of one worker.
func newBenchIn(t *testing.T, join func(*herder), logs ...*store.MemoryLog) *bench {
	t.Helper()
	if logs == nil {
		logs = []*store.MemoryLog{{}, {}, {}}
	}
	quiet := slog.New(slog.DiscardHandler)
	w, err := configs.NewWorker(configs.Distributed, map[string]string{
		"bootstrap.servers": "x:1", "group.id": "g", "key.converter": jsonConverterName, "value.converter": jsonConverterName,
		"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
		"config.providers": "env", "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{system: &fakeSystem{running: map[string]actors.Connector{}}, cluster: &fakeCluster{}, configs: logs[0]}
	b.h = newHerder(&herder{worker: w, log: quiet, plugins: newPlugins(testPlugins()), system: b.system, cluster: b.cluster,
		configs: store.NewConfigs(logs[0], quiet), offsets: store.NewOffsets(logs[1], quiet), statuses: store.NewStatuses(logs[2], "host:8083", 1, quiet)})
	join(b.h)
	b.h.statuses.VersionOf = b.h.version
	b.h.env = buildEnv{worker: w, metrics: metrics.NewTasks(), offsets: b.h.offsets}
	b.system.status = b.h.statuses
	_, levels := logging.New(io.Discard)
	b.Server = httptest.NewServer(rest.NewServer(rest.Options{Herder: b.h, Version: kafkaVersion, Commit: "abc", Loggers: levels, TopicTracking: true, TopicTrackingReset: true}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.h.run(ctx)
	}()
	b.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
		b.Server.Close()
	})
	t.Cleanup(b.stop)
	return b
}

// ask sends a request; body "" sends none. A content type of "-" sends none.
func (b *bench) ask(t *testing.T, method, path, contentType, body string) (*http.Response, string) {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, b.URL+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "-" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(data)
}

const jsonCT = "application/json"

func (b *bench) must(t *testing.T, method, path, body string, status int) string {
	t.Helper()
	resp, got := b.ask(t, method, path, jsonCT, body)
	if resp.StatusCode != status {
		t.Fatalf("%s %s: got %d %s, want %d", method, path, resp.StatusCode, got, status)
	}
	return got
}

// The bodies are those of Connect 4.3.1 for the same calls, with the worker id replaced.
func TestREST_AnswersAsConnectDoes(t *testing.T) {
	b := newBench(t)
	waitFor(t, "the end of the start", func() bool {
		resp, _ := b.ask(t, "GET", "/health", "-", "")
		return resp.StatusCode == 200
	})
	for _, c := range []struct {
		method, path, contentType, body string
		status                          int
		want                            string
	}{
		{"GET", "/", jsonCT, "", 200, `{"version":"4.3.1","commit":"abc","kafka_cluster_id":"cluster-1"}`},
		{"GET", "/health", "-", "", 200, `{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}`},
		{"GET", "/connectors", "-", "", 200, `[]`},
		{"POST", "/connectors", jsonCT, `{"name":" hp-probe ","config":{"connector.class":"FileStreamSource","tasks.max":1,"file":"/tmp/hp-probe.txt","topic":"hp-probe-t"}}`, 201,
			`{"name":"hp-probe","config":{"connector.class":"FileStreamSource","tasks.max":"1","file":"/tmp/hp-probe.txt","topic":"hp-probe-t","name":"hp-probe"},"tasks":[],"type":"source"}`},
		{"GET", "/connectors/hp-probe/status", "-", "", 200, `{"name":"hp-probe","connector":{"state":"RUNNING","worker_id":"host:8083","version":"4.3.1"},"tasks":[{"id":0,"state":"RUNNING","worker_id":"host:8083","version":"4.3.1"}],"type":"source"}`},
		{"GET", "/connectors/hp-probe", "-", "", 200, `{"name":"hp-probe","config":{"connector.class":"FileStreamSource","file":"/tmp/hp-probe.txt","tasks.max":"1","name":"hp-probe","topic":"hp-probe-t"},"tasks":[{"connector":"hp-probe","task":0}],"type":"source"}`},
		{"GET", "/connectors/hp-probe/config/", "-", "", 200, `{"connector.class":"FileStreamSource","file":"/tmp/hp-probe.txt","tasks.max":"1","name":"hp-probe","topic":"hp-probe-t"}`},
		{"GET", "/connectors/hp-probe/tasks", "-", "", 200, `[{"id":{"connector":"hp-probe","task":0},"config":{"connector.class":"FileStreamSource","file":"/tmp/hp-probe.txt","task.class":"org.apache.kafka.connect.file.FileStreamSourceTask","tasks.max":"1","name":"hp-probe","topic":"hp-probe-t"}}]`},
		{"GET", "/connectors/hp-probe/tasks/0/status", "-", "", 200, `{"id":0,"state":"RUNNING","worker_id":"host:8083","version":"4.3.1"}`},
		{"GET", "/connectors/hp-probe/tasks/7/status", "-", "", 404, `{"error_code":404,"message":"No status found for task hp-probe-7"}`},
		{"GET", "/connectors/hp-probe/tasks/x/status", "-", "", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
		{"GET", "/connectors/hp-probe/offsets", "-", "", 200, `{"offsets":[]}`},
		{"GET", "/connectors/hp-probe/topics", "-", "", 200, `{"hp-probe":{"topics":[]}}`},
		{"GET", "/connectors?expand=status&expand=info", "-", "", 200, `{"hp-probe":{"status":{"name":"hp-probe","connector":{"state":"RUNNING","worker_id":"host:8083","version":"4.3.1"},"tasks":[{"id":0,"state":"RUNNING","worker_id":"host:8083","version":"4.3.1"}],"type":"source"},"info":{"name":"hp-probe","config":{"connector.class":"FileStreamSource","file":"/tmp/hp-probe.txt","tasks.max":"1","name":"hp-probe","topic":"hp-probe-t"},"tasks":[{"connector":"hp-probe","task":0}],"type":"source"}}}`},
		{"GET", "/connectors?expand=info,status", "-", "", 200, `{"hp-probe":{}}`},
		{"POST", "/connectors", jsonCT, `{"name":"hp-probe","config":{"connector.class":"FileStreamSource","file":"/tmp/hp-probe.txt","topic":"hp-probe-t"}}`, 409, `{"error_code":409,"message":"Connector hp-probe already exists"}`},
		{"PUT", "/connectors/hp-probe/config", jsonCT, `{"connector.class":"FileStreamSource","tasks.max":"1","file":"/tmp/hp-probe.txt","topic":"hp-probe-t"}`, 200,
			`{"name":"hp-probe","config":{"connector.class":"FileStreamSource","tasks.max":"1","file":"/tmp/hp-probe.txt","topic":"hp-probe-t","name":"hp-probe"},"tasks":[{"connector":"hp-probe","task":0}],"type":"source"}`},
		{"PATCH", "/connectors/hp-probe/config", jsonCT, `{"batch.size":10,"tasks.max":null}`, 200,
			`{"name":"hp-probe","config":{"connector.class":"FileStreamSource","name":"hp-probe","topic":"hp-probe-t","file":"/tmp/hp-probe.txt","batch.size":"10"},"tasks":[{"connector":"hp-probe","task":0}],"type":"source"}`},
		{"PUT", "/connectors/hp-probe/pause", "-", "", 202, ``},
		{"GET", "/connectors/hp-probe/tasks/0/status", "-", "", 200, `{"id":0,"state":"PAUSED","worker_id":"host:8083","version":"4.3.1"}`},
		{"PUT", "/connectors/hp-probe/resume", "-", "", 202, ``},
		{"POST", "/connectors/hp-probe/restart", "-", "", 204, ``},
		{"POST", "/connectors/hp-probe/restart?includeTasks=true", "-", "", 202, `{"name":"hp-probe","connector":{"state":"RESTARTING","worker_id":"host:8083","version":"4.3.1"},"tasks":[{"id":0,"state":"RESTARTING","worker_id":"host:8083","version":"4.3.1"}],"type":"source"}`},
		{"POST", "/connectors/hp-probe/tasks/0/restart", "-", "", 204, ``},
		{"POST", "/connectors/hp-probe/tasks/9/restart", "-", "", 404, `{"error_code":404,"message":"Unknown task: hp-probe-9"}`},
		{"PATCH", "/connectors/hp-probe/offsets", jsonCT, `{"offsets":[{"partition":{"filename":"/x"},"offset":{"position":5}}]}`, 400, `{"error_code":400,"message":"Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/hp-probe/stop' endpoint"}`},
		{"PUT", "/connectors/hp-probe/stop", "-", "", 204, ``},
		{"GET", "/connectors/hp-probe/status", "-", "", 200, `{"name":"hp-probe","connector":{"state":"STOPPED","worker_id":"host:8083","version":"4.3.1"},"tasks":[],"type":"source"}`},
		{"POST", "/connectors/hp-probe/tasks/0/restart", "-", "", 409, `{"error_code":409,"message":"Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."}`},
		{"PATCH", "/connectors/hp-probe/offsets", jsonCT, `{"offsets":[{"partition":{"filename":"/x"},"offset":{"position":5}}]}`, 200, `{"message":"The offsets for this connector have been altered successfully"}`},
		{"GET", "/connectors/hp-probe/offsets", "-", "", 200, `{"offsets":[{"partition":{"filename":"/x"},"offset":{"position":5}}]}`},
		{"PATCH", "/connectors/hp-probe/offsets", jsonCT, `{"offsets":[]}`, 400, `{"error_code":400,"message":"Partitions / offsets need to be provided for an alter offsets request"}`},
		{"DELETE", "/connectors/hp-probe/offsets", "-", "", 200, `{"message":"The offsets for this connector have been reset successfully"}`},
		{"GET", "/connectors/hp-probe/offsets", "-", "", 200, `{"offsets":[]}`},
		{"DELETE", "/connectors/hp-probe", "-", "", 204, ``},
		{"GET", "/connectors/hp-probe/status", "-", "", 404, `{"error_code":404,"message":"No status found for connector hp-probe"}`},

		{"PUT", "/connectors/nope/pause", "-", "", 404, `{"error_code":404,"message":"Unknown connector nope"}`},
		{"PUT", "/connectors/nope/resume", "-", "", 404, `{"error_code":404,"message":"Unknown connector nope"}`},
		{"PUT", "/connectors/nope/stop", "-", "", 404, `{"error_code":404,"message":"Unknown connector nope"}`},
		{"POST", "/connectors/nope/restart", "-", "", 404, `{"error_code":404,"message":"Unknown connector: nope"}`},
		{"POST", "/connectors/nope/restart?onlyFailed=true", "-", "", 404, `{"error_code":404,"message":"Unknown connector: nope"}`},
		{"POST", "/connectors/nope/tasks/0/restart", "-", "", 404, `{"error_code":404,"message":"Unknown connector: nope"}`},
		{"DELETE", "/connectors/nope", "-", "", 404, `{"error_code":404,"message":"Connector nope not found"}`},
		{"GET", "/connectors/nope", "-", "", 404, `{"error_code":404,"message":"Connector nope not found"}`},
		{"GET", "/connectors/nope/config", "-", "", 404, `{"error_code":404,"message":"Connector nope not found"}`},
		{"GET", "/connectors/nope/tasks", "-", "", 404, `{"error_code":404,"message":"Connector nope not found"}`},
		{"GET", "/connectors/nope/offsets", "-", "", 404, `{"error_code":404,"message":"Connector nope not found"}`},
		{"GET", "/connectors/nope/status", "-", "", 404, `{"error_code":404,"message":"No status found for connector nope"}`},
		{"GET", "/connectors/nope/topics", "-", "", 200, `{"nope":{"topics":[]}}`},
		{"PUT", "/connectors/nope/topics/reset", "-", "", 202, ``},
		{"PATCH", "/connectors/nope/config", jsonCT, `{}`, 404, `{"error_code":404,"message":"Connector nope not found"}`},
		{"PATCH", "/connectors", "-", "", 405, `{"error_code":405,"message":"HTTP 405 Method Not Allowed"}`},
		{"GET", "/nope", "-", "", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
		{"GET", "/connectors/a/../b", "-", "", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
		{"GET", "/connector-plugins", "-", "", 200, `[{"class":"org.apache.kafka.connect.file.FileStreamSinkConnector","type":"sink","version":"4.3.1"},{"class":"org.apache.kafka.connect.file.FileStreamSourceConnector","type":"source","version":"4.3.1"}]`},
		{"GET", "/connector-plugins/Nope/config", "-", "", 404, `{"error_code":404,"message":"Unknown plugin Nope."}`},
		{"PUT", "/connector-plugins/FileStreamSource/config/validate", jsonCT, `{"connector.class":"FileStreamSink"}`, 400, `{"error_code":400,"message":"Included connector type FileStreamSink does not match request type FileStreamSource"}`},
		{"PUT", "/connector-plugins/FileStreamSource/config/validate", jsonCT, `{}`, 500, `{"error_code":500,"message":"org.apache.kafka.connect.runtime.rest.errors.BadRequestException: Connector config {} contains no connector type"}`},
		{"GET", "/admin/loggers/root", "-", "", 200, `{"level":"INFO","last_modified":null}`},
		{"GET", "/admin/loggers/", "-", "", 200, `{"root":{"level":"INFO","last_modified":null}}`},
		{"PUT", "/admin/loggers/org.zzz", jsonCT, `{"level":"LOUD"}`, 404, `{"error_code":404,"message":"invalid log level 'LOUD'."}`},
		{"PUT", "/admin/loggers/org.zzz", jsonCT, `{}`, 400, `{"error_code":400,"message":"Desired 'level' parameter was not specified in request."}`},
		{"PUT", "/admin/loggers/org.zzz", jsonCT, `{"level":"debug"}`, 200, `["org.zzz"]`},
		{"PUT", "/admin/loggers/org.zzz?scope=cluster", jsonCT, `{"level":"debug"}`, 204, ``},
		{"GET", "/admin/loggers/org.yyy", "-", "", 404, `{"error_code":404,"message":"Logger org.yyy not found."}`},
	} {
		resp, got := b.ask(t, c.method, c.path, c.contentType, c.body)
		if resp.StatusCode != c.status || got != c.want {
			t.Errorf("%s %s\n got %d %s\nwant %d %s", c.method, c.path, resp.StatusCode, got, c.status, c.want)
		}
	}
}

// Bad input ends in Connect's status with a message that names the key, and nothing is created.
func TestREST_BadInputCreatesNothing(t *testing.T) {
	b := newBench(t)
	b.must(t, "POST", "/connectors", `{"name":"taken","config":{"connector.class":"FileStreamSource","topic":"t"}}`, 201)
	before := len(b.configs.Records())
	const tail = "\\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`\"}"
	invalid := func(n, text string) string {
		return `{"error_code":400,"message":"Connector configuration is invalid and contains the following ` + n + ` error(s):\n` + text + tail
	}
	for _, c := range []struct {
		name, method, path, contentType, body string
		status                                int
		want                                  string // whole body, or a part of it
	}{
		{"broken JSON", "POST", "/connectors", jsonCT, `{"name":"x"`, 500, `not valid JSON`},
		{"no body", "POST", "/connectors", jsonCT, ``, 500, `must be a JSON object`},
		{"array", "POST", "/connectors", jsonCT, `[]`, 500, `must be a JSON object`},
		{"unknown field", "POST", "/connectors", jsonCT, `{"name":"x","bogus":1,"config":{}}`, 500, `\"bogus\"`},
		{"no config", "POST", "/connectors", jsonCT, `{"name":"x"}`, 500, `config`},
		{"nested value", "POST", "/connectors", jsonCT, `{"name":"x","config":{"connector.class":{"a":1}}}`, 500, `connector.class`},
		{"bad initial state", "POST", "/connectors", jsonCT, `{"name":"x","initial_state":"up","config":{"connector.class":"FileStreamSource","topic":"t"}}`, 500, `initial_state`},
		{"plain text", "POST", "/connectors", "text/plain", `{}`, 415, `{"error_code":415,"message":"HTTP 415 Unsupported Media Type"}`},
		{"no content type", "POST", "/connectors", "-", `{}`, 415, `{"error_code":415,"message":"HTTP 415 Unsupported Media Type"}`},
		{"no class", "POST", "/connectors", jsonCT, `{"name":"x","config":{"file":"a"}}`, 400, `Connector config {name=x, file=a} contains no connector type`},
		{"unknown class", "POST", "/connectors", jsonCT, `{"name":"x","config":{"connector.class":"Nope"}}`, 400, `Failed to find any class that implements Connector and which name matches Nope, available connectors are: PluginDesc{`},
		{"missing key", "POST", "/connectors", jsonCT, `{"name":"x","config":{"connector.class":"FileStreamSource","file":"a"}}`, 400, invalid("1", `Missing required configuration \"topic\" which has no default value.`)},
		{"wrong types", "POST", "/connectors", jsonCT, `{"name":"x","config":{"connector.class":"FileStreamSource","topic":"t","tasks.max":"zero","batch.size":true}}`, 400,
			invalid("3", `Invalid value zero for configuration tasks.max: Not a number of type INT\nInvalid value null for configuration tasks.max: Value must be non-null\nInvalid value true for configuration batch.size: Not a number of type INT`)},
		{"out of range", "POST", "/connectors", jsonCT, `{"name":"x","config":{"connector.class":"FileStreamSource","topic":"t","tasks.max":"0"}}`, 400, invalid("1", `Invalid value 0 for configuration tasks.max: Value must be at least 1`)},
		{"no name", "POST", "/connectors", jsonCT, `{"config":{"connector.class":"FileStreamSource","topic":"x"}}`, 400, invalid("1", `Invalid value  for configuration name: String may not be empty`)},
		{"control character", "POST", "/connectors", jsonCT, `{"name":"a\u0007b","config":{"connector.class":"FileStreamSource","topic":"x"}}`, 400, `had the following ASCII chars: 7`},
		{"two names", "PUT", "/connectors/x/config", jsonCT, `{"name":"other","connector.class":"FileStreamSource"}`, 400, `{"error_code":400,"message":"Connector name configuration (other) doesn't match connector name in the URL (x)"}`},
		{"name taken", "POST", "/connectors", jsonCT, `{"name":"taken","config":{"connector.class":"FileStreamSource","topic":"t"}}`, 409, `{"error_code":409,"message":"Connector taken already exists"}`},
		{"sink without topics", "PUT", "/connectors/x/config", jsonCT, `{"connector.class":"FileStreamSink"}`, 400, invalid("2", `Must configure one of topics or topics.regex\nMust configure one of topics or topics.regex`)},
		{"sink with both", "PUT", "/connectors/x/config", jsonCT, `{"connector.class":"FileStreamSink","topics":"a","topics.regex":"b"}`, 400, `mutually exclusive`},
		{"bad regex", "PUT", "/connectors/x/config", jsonCT, `{"connector.class":"FileStreamSink","topics.regex":"a("}`, 400, `configuration topics.regex: Invalid regex`},
		{"unknown converter", "PUT", "/connectors/x/config", jsonCT, `{"connector.class":"FileStreamSource","topic":"t","key.converter":"com.acme.Xml"}`, 400, `Invalid value com.acme.Xml for configuration key.converter: Class com.acme.Xml could not be found.`},
		{"bad converter setting", "PUT", "/connectors/x/config", jsonCT, `{"connector.class":"FileStreamSource","topic":"t","key.converter":"org.apache.kafka.connect.json.JsonConverter","key.converter.schemas.enable":"maybe"}`, 400, `configuration schemas.enable`},
		{"unknown transform", "PUT", "/connectors/x/config", jsonCT, `{"connector.class":"FileStreamSource","topic":"t","transforms":"a","transforms.a.type":"Nope"}`, 400, `transforms.a.type`},
		{"unknown tolerance", "PUT", "/connectors/x/config", jsonCT, `{"connector.class":"FileStreamSource","topic":"t","errors.tolerance":"some"}`, 400, `Invalid value some for configuration errors.tolerance: `},
		{"exactly once", "PUT", "/connectors/x/config", jsonCT, `{"connector.class":"FileStreamSource","topic":"t","exactly.once.support":"required"}`, 400, `This worker does not have exactly-once source support enabled.`},
		{"topic creation", "PUT", "/connectors/x/config", jsonCT, `{"connector.class":"FileStreamSource","topic":"t","topic.creation.default.partitions":"1"}`, 400, `topic.creation.default.replication.factor`},
		{"null value", "PUT", "/connectors/x/config", jsonCT, `{"connector.class":"FileStreamSource","topic":"t","file":null}`, 400, `Null value can not be supplied as the configuration value.`},
		{"empty segment", "GET", "/connectors//config", jsonCT, ``, 400, `HTTP 400`},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, got := b.ask(t, c.method, c.path, c.contentType, c.body)
			if resp.StatusCode != c.status || !strings.Contains(got, c.want) {
				t.Errorf("got %d %s\nwant %d %s", resp.StatusCode, got, c.status, c.want)
			}
		})
	}
	if got := b.must(t, "GET", "/connectors", "", 200); got != `["taken"]` {
		t.Errorf("connectors are %s", got)
	}
	if after := len(b.configs.Records()); after != before {
		t.Errorf("%d records were written", after-before)
	}
}

func TestREST_HeadersAreConnects(t *testing.T) {
	b := newBench(t)
	resp, _ := b.ask(t, "POST", "/connectors", jsonCT, `{"name":"a b/ü","config":{"connector.class":"FileStreamSource","topic":"t"}}`)
	if want := b.URL + "/connectors/a%20b%2F%C3%BC"; resp.Header.Get("Location") != want || resp.Header.Get("Content-Type") != jsonCT {
		t.Errorf("got %v, want %s", resp.Header, want)
	}
	if resp, body := b.ask(t, "GET", "/connectors/a%20b%2F%C3%BC/status", "-", ""); resp.StatusCode != 200 {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	if resp, _ := b.ask(t, "DELETE", "/connectors/a%20b%2F%C3%BC", "-", ""); resp.StatusCode != 204 {
		t.Error("what was created must be deletable")
	}
	resp, body := b.ask(t, "OPTIONS", "/connectors", "-", "")
	if resp.StatusCode != 200 || resp.Header.Get("Allow") != "HEAD,POST,GET,OPTIONS" || body != "HEAD, POST, GET, OPTIONS" {
		t.Errorf("OPTIONS: %v %s", resp.Header, body)
	}
	for _, path := range []string{"/nope"} {
		if resp, _ := b.ask(t, "GET", path, "-", ""); resp.Header.Get("Content-Type") != "" {
			t.Errorf("%s has a content type", path)
		}
	}
	r, _ := http.NewRequest("GET", b.URL+"/connectors", nil)
	r.Header.Set("Accept", "text/plain")
	if resp, err := http.DefaultClient.Do(r); err != nil || resp.StatusCode != 406 {
		t.Error(resp, err)
	}
}

func TestREST_ValidateShowsEveryKey(t *testing.T) {
	b := newBench(t)
	got := b.must(t, "PUT", "/connector-plugins/FileStreamSource/config/validate",
		`{"connector.class":"FileStreamSource","name":"x","tasks.max":"0","bogus":"1","value.converter.schemas.enable":"false","transforms":"r","transforms.r.type":"RegexRouter","transforms.r.regex":"a"}`, 200)
	for _, want := range []string{
		`{"name":"FileStreamSource","error_count":3,"groups":["Common","Transforms","Predicates","Error Handling","Topic Creation","Exactly Once Support","offsets.topic","Transforms: r"],"configs":[{"definition":{"name":"name","type":"STRING","required":true,"default_value":null,"importance":"HIGH",`,
		`"group":"Common","order_in_group":1,"width":"MEDIUM","display_name":"Connector name","dependents":[]},"value":{"name":"name","value":"x","recommended_values":[],"errors":[],"visible":true}}`,
		`"value":{"name":"tasks.max","value":"0","recommended_values":[],"errors":["Invalid value 0 for configuration tasks.max: Value must be at least 1"],"visible":true}`,
		`"value":{"name":"topic","value":null,"recommended_values":[],"errors":["Missing required configuration \"topic\" which has no default value."],"visible":true}`,
		`"value":{"name":"transforms.r.regex","value":"a",`,
		`"value":{"name":"transforms.r.replacement","value":null,"recommended_values":[],"errors":["Missing required configuration \"transforms.r.replacement\" which has no default value."]`,
		`"value":{"name":"batch.size","value":"2000",`,
		`"group":null,"order_in_group":-1,"width":"NONE","display_name":"batch.size"`,
		`"value":{"name":"key.converter","value":"org.apache.kafka.connect.json.JsonConverter"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %s in\n%s", want, got)
		}
	}
}

func TestHerder_VariablesStayRaw(t *testing.T) {
	t.Setenv("ANABRANCH_TEST_TOPIC", "secret-topic")
	b := newBench(t)
	b.must(t, "PUT", "/connectors/x/config", `{"connector.class":"FileStreamSource","topic":"${env:ANABRANCH_TEST_TOPIC}"}`, 201)
	if got := b.must(t, "GET", "/connectors/x/tasks", "", 200); !strings.Contains(got, "${env:ANABRANCH_TEST_TOPIC}") || strings.Contains(got, "secret-topic") {
		t.Error(got)
	}
	for _, r := range b.configs.Records() {
		if strings.Contains(string(r.Value), "secret-topic") {
			t.Errorf("%s holds a resolved variable", r.Key)
		}
	}
	parts := b.system.running["x"].Tasks[0]
	if _, err := parts.Build(); err != nil {
		t.Error(err)
	}
}

func TestHerder_SameConfigurationRestartsNothing(t *testing.T) {
	b := newBench(t)
	b.must(t, "PUT", "/connectors/x/config", `{"connector.class":"FileStreamSource","topic":"t"}`, 201)
	b.system.took()
	b.must(t, "PUT", "/connectors/x/config", `{"connector.class":"FileStreamSource","topic":"t"}`, 200)
	if calls := b.system.took(); len(calls) > 0 {
		t.Errorf("unchanged configuration led to %v", calls)
	}
	b.must(t, "PUT", "/connectors/x/config", `{"connector.class":"FileStreamSource","topic":"u"}`, 200)
	if calls := b.system.took(); !slices.Contains(calls, "restart x") || !slices.Contains(calls, "start tasks of x") {
		t.Errorf("changed configuration led to %v", calls)
	}
}

// A second worker over the same records goes on where the first one stopped (CW-197).
func TestHerder_RestartsByTargetState(t *testing.T) {
	logs := []*store.MemoryLog{{}, {}, {}}
	b := newBench(t, logs...)
	for _, name := range []string{"run", "paused", "stopped", "gone"} {
		b.must(t, "PUT", "/connectors/"+name+"/config", `{"connector.class":"FileStreamSink","topics":"t","tasks.max":"2"}`, 201)
	}
	b.must(t, "PUT", "/connectors/paused/pause", "", 202)
	b.must(t, "PUT", "/connectors/stopped/stop", "", 204)
	b.must(t, "DELETE", "/connectors/gone", "", 204)
	b.must(t, "POST", "/connectors", `{"name":"born-paused","initial_state":"paused","config":{"connector.class":"FileStreamSink","topics":"t"}}`, 201)
	b.stop()

	again := newBench(t, logs...)
	if got := again.must(t, "GET", "/connectors", "", 200); got != `["born-paused","paused","run","stopped"]` {
		t.Error(got)
	}
	var states []string
	for _, name := range []string{"run", "paused", "stopped", "born-paused"} {
		st, err := again.h.Status(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, name+" "+string(st.Connector.State)+strings.Repeat("+", len(st.Tasks)))
	}
	if d := cmp.Diff([]string{"run RUNNING++", "paused PAUSED++", "stopped STOPPED", "born-paused PAUSED"}, states); d != "" {
		t.Error(d)
	}
	again.must(t, "PUT", "/connectors/stopped/resume", "", 202)
	if st, _ := again.h.Status(t.Context(), "stopped"); len(st.Tasks) != 2 {
		t.Errorf("resumed: %+v", st)
	}
	again.must(t, "PUT", "/connectors/born-paused/resume", "", 202)
	if st, _ := again.h.Status(t.Context(), "born-paused"); len(st.Tasks) != 1 || st.Connector.State != actors.Running {
		t.Errorf("resumed: %+v", st)
	}
}

func TestHerder_SinkOffsets(t *testing.T) {
	b := newBench(t)
	b.must(t, "PUT", "/connectors/s/config", `{"connector.class":"FileStreamSink","topics":"t"}`, 201)
	b.cluster.offsets = []groupOffset{{topic: "t", partition: 1, offset: 7}, {topic: "t", partition: 0, offset: 5}}
	if got, want := b.must(t, "GET", "/connectors/s/offsets", "", 200), `{"offsets":[{"partition":{"kafka_partition":0,"kafka_topic":"t"},"offset":{"kafka_offset":5}},{"partition":{"kafka_partition":1,"kafka_topic":"t"},"offset":{"kafka_offset":7}}]}`; got != want {
		t.Errorf("got %s", got)
	}
	b.must(t, "PUT", "/connectors/s/stop", "", 204)
	for _, bad := range []string{`{"partition":{"kafka_topic":"t"},"offset":{"kafka_offset":1}}`, `{"partition":null}`,
		`{"partition":{"kafka_topic":"t","kafka_partition":"x"},"offset":{"kafka_offset":1}}`, `{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":{"o":1}}`} {
		b.must(t, "PATCH", "/connectors/s/offsets", `{"offsets":[`+bad+`]}`, 400)
	}
	b.must(t, "PATCH", "/connectors/s/offsets", `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":"0"},"offset":{"kafka_offset":"3"}},{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":null}]}`, 200)
	if len(b.cluster.offsets) != 2 || b.cluster.offsets[0].offset != 3 || !b.cluster.offsets[1].remove {
		t.Errorf("%+v", b.cluster.offsets)
	}
	b.must(t, "DELETE", "/connectors/s/offsets", "", 200)
	if !b.cluster.deleted {
		t.Error("the group must be deleted")
	}
}

func TestParseConnectorFile(t *testing.T) {
	for name, c := range map[string]struct{ in, config, fail string }{
		"properties":  {in: "name=a\nconnector.class=X\n", config: "X"},
		"flat":        {in: `{"name":"a","connector.class":"X","tasks.max":1}`, config: "X"},
		"post":        {in: `{"name":"a","config":{"connector.class":"X"},"initial_state":"paused","extra":1}`, config: "X"},
		"no name":     {in: `{"connector.class":"X"}`, fail: "is missing the mandatory 'name' configuration"},
		"two names":   {in: `{"name":"a","config":{"name":"b"}}`, fail: "doesn't match the one specified"},
		"broken JSON": {in: `{"name":`, fail: "JSON"},
		"nested":      {in: `{"name":"a","x":{}}`, fail: "configuration x"},
	} {
		f, err := parseConnectorFile("f", []byte(c.in))
		if c.fail != "" {
			if err == nil || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%s: got %v", name, err)
			}
			continue
		}
		if err != nil || f.name != "a" || f.config["connector.class"] != c.config || f.config["name"] != "a" {
			t.Errorf("%s: %+v %v", name, f, err)
		}
	}
}

// waitFor polls until ok or the deadline.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("timed out: %s", what)
		}
	}
}

func TestMain(m *testing.M) { os.Exit(m.Run()) }
