package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/anabranch/anabranch/testenv"
)

// running is our own worker inside the test.
type running struct {
	url  string
	stop func() error
	logs *bytes.Buffer
}

// startWorker runs a worker in this process until stop or the end of the test.
func startWorker(t *testing.T, o Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{logs: &bytes.Buffer{}}
	bound, ended := make(chan string, 1), make(chan error, 1)
	o.Stderr = &lockedWriter{w: r.logs}
	o.Listening = func(addr string) { bound <- addr }
	go func() { ended <- Run(ctx, o) }()
	var err error
	stopped := false
	r.stop = func() error {
		if !stopped {
			stopped = true
			cancel()
			err = <-ended
		}
		return err
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(r.logs)
		}
	})
	select {
	case addr := <-bound:
		r.url = "http://" + addr
	case err = <-ended:
		stopped = true
		t.Fatal(err)
	}
	return r
}

type lockedWriter struct {
	w io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) { return l.w.Write(p) } // slog's handler has a lock of its own

func get(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", jsonCT)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func workerFile(t *testing.T, bootstrap, prefix string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "worker.properties")
	text := fmt.Sprintf(`bootstrap.servers=%s
group.id=%[2]s-group
config.storage.topic=%[2]s-configs
config.storage.replication.factor=1
offset.storage.topic=%[2]s-offsets
offset.storage.replication.factor=1
status.storage.topic=%[2]s-status
status.storage.replication.factor=1
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.flush.interval.ms=200
scheduled.rebalance.max.delay.ms=0
listeners=http://127.0.0.1:0
`, bootstrap, prefix)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A Java worker goes on where we stopped, and we go on where it stopped (CW-197).
func TestDaemon_JavaWorkerTakesOverAndBack(t *testing.T) {
	k := testenv.Kafka(t)
	prefix := k.TopicPrefix(t)
	file := workerFile(t, k.Bootstrap(), prefix)
	// Java finds offsets by the bytes of their keys, and writes this character as two escapes.
	lines := filepath.Join(t.TempDir(), "in😀.txt")
	add := func(text string) {
		t.Helper()
		f, err := os.OpenFile(lines, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	topic := prefix + "-lines"
	if _, err := kadm.NewClient(k.Client(t)).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	// holds waits until the topic has exactly these lines: more would be duplicates after an orderly stop.
	holds := func(want ...string) {
		t.Helper()
		var got []string
		waitFor(t, "lines in the topic", func() bool {
			got = nil
			for _, r := range k.ReadAll(t, topic) {
				got = append(got, string(r.Value))
			}
			return len(got) >= len(want)
		})
		if strings.Join(got, ",") != strings.Join(want, ",") {
			t.Fatalf("topic holds %q, want %q", got, want)
		}
	}
	offsetIs := func(url string, n int) {
		t.Helper()
		want := fmt.Sprintf(`{"offsets":[{"partition":{"filename":"%s"},"offset":{"position":%d}}]}`, strings.ReplaceAll(lines, "😀", `\uD83D\uDE00`), n)
		last := ""
		waitFor(t, "offset", func() bool {
			_, last = get(t, "GET", url+"/connectors/source/offsets", "")
			return last == want
		})
	}
	sink := `{"connector.class":"FileStreamSink","file":"` + filepath.Join(t.TempDir(), "out") + `","topics":"` + topic + `","tasks.max":"2"}`

	add("one\n")
	ours := startWorker(t, Options{WorkerFile: file})
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/connectors/source/config", `{"connector.class":"FileStreamSource","file":"` + lines + `","topic":"` + topic + `"}`},
		{"PUT", "/connectors/paused/config", sink}, {"PUT", "/connectors/paused/pause", ""},
		{"PUT", "/connectors/stopped/config", sink}, {"PUT", "/connectors/stopped/stop", ""},
		{"PUT", "/connectors/gone/config", sink}, {"DELETE", "/connectors/gone", ""},
	} {
		if code, body := get(t, c.method, ours.url+c.path, c.body); code >= 300 {
			t.Fatalf("%s %s: %d %s", c.method, c.path, code, body)
		}
	}
	holds("one")
	offsetIs(ours.url, 4)
	infos := func(url string) string {
		_, body := get(t, "GET", url+"/connectors?expand=info", "")
		return body
	}
	before := map[string]string{}
	for _, name := range []string{"source", "paused", "stopped"} {
		_, before[name] = get(t, "GET", ours.url+"/connectors/"+name, "")
	}
	if err := ours.stop(); err != nil {
		t.Fatal(err)
	}

	java := testenv.PrivateConnect(t, k, testenv.ConnectOptions{Plugins: []string{"connect-file"}, Heap: "256m", Props: map[string]string{
		"group.id": prefix + "-group", "config.storage.topic": prefix + "-configs", "offset.storage.topic": prefix + "-offsets", "status.storage.topic": prefix + "-status",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"offset.storage.partitions": "25", "status.storage.partitions": "5", "offset.flush.interval.ms": "200", "scheduled.rebalance.max.delay.ms": "0",
	}})
	for name, want := range before {
		waitFor(t, name+" in Java", func() bool {
			code, _ := get(t, "GET", java.URL()+"/connectors/"+name+"/status", "")
			return code == 200
		})
		if _, got := get(t, "GET", java.URL()+"/connectors/"+name, ""); got != want {
			t.Errorf("Java shows %s as\n%s, we as\n%s", name, got, want)
		}
	}
	for name, state := range map[string]string{"source": "RUNNING", "paused": "PAUSED", "stopped": "STOPPED"} {
		waitFor(t, name+" is "+state+" in Java", func() bool { return java.Status(t, name).Connector.State == state })
	}
	if code, _ := get(t, "GET", java.URL()+"/connectors/gone/status", ""); code != 404 {
		t.Error("a deleted connector came back in Java")
	}
	offsetIs(java.URL(), 4)
	add("two\n")
	holds("one", "two")
	offsetIs(java.URL(), 8)
	javaInfos := infos(java.URL())

	// Ours joins while the Java worker runs, shares its work, and has all of it afterwards.
	ours = startWorker(t, Options{WorkerFile: file})
	waitFor(t, "both workers to run something", func() bool {
		workers := map[string]bool{}
		for name := range before {
			_, body := get(t, "GET", ours.url+"/connectors/"+name+"/status", "")
			if _, same := get(t, "GET", java.URL()+"/connectors/"+name+"/status", ""); same != body {
				return false
			}
			for _, id := range workerIDs.FindAllString(body, -1) {
				workers[id] = true
			}
		}
		return len(workers) == 2
	})
	java.Stop(t)
	add("three\n")
	holds("one", "two", "three")
	offsetIs(ours.url, 14)
	if got := infos(ours.url); len(got) != len(javaInfos) { // the order of connectors is not promised
		t.Errorf("we show\n%s, Java showed\n%s", got, javaInfos)
	}
	for name, state := range map[string]string{"source": "RUNNING", "paused": "PAUSED", "stopped": "STOPPED"} {
		waitFor(t, name+" is "+state, func() bool {
			_, body := get(t, "GET", ours.url+"/connectors/"+name+"/status", "")
			return strings.Contains(body, `"connector":{"state":"`+state+`"`)
		})
	}
}

var (
	workerIDs = regexp.MustCompile(`"worker_id":"[^"]*"`)
	pluginEnd = regexp.MustCompile(`available connectors are: .*"}`)
)

// The same calls to the real worker and to ours: same status, same body. What differs on
// purpose is named here.
func TestREST_SameAnswersAsTheRealConnect(t *testing.T) {
	java := testenv.Connect(t)
	k := testenv.Kafka(t)
	prefix := k.TopicPrefix(t)
	ours := startWorker(t, Options{WorkerFile: workerFile(t, k.Bootstrap(), prefix)})
	name, in := prefix+"-c", filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(in, []byte("a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := "/connectors/" + name
	config := `{"connector.class":"FileStreamSource","file":"` + in + `","topic":"` + prefix + `-t","tasks.max":1}`
	states := func(url, want string) func() bool {
		return func() bool {
			_, body := get(t, "GET", url+c+"/status", "")
			return strings.Count(body, `"state":"`+want+`"`) == 2 || want == "STOPPED" && strings.Contains(body, want) && strings.Contains(body, `"tasks":[]`)
		}
	}
	for _, s := range []struct {
		method, path, body string
		wait               string // state to wait for before the call
		statusOnly         bool   // the text is that of a JSON library
	}{
		{method: "GET", path: c}, {method: "DELETE", path: c}, {method: "GET", path: c + "/status"}, {method: "GET", path: c + "/tasks"},
		{method: "PUT", path: c + "/pause"}, {method: "PUT", path: c + "/stop"}, {method: "POST", path: c + "/restart"}, {method: "POST", path: c + "/tasks/0/restart"},
		{method: "GET", path: c + "/topics"}, {method: "PATCH", path: c + "/config", body: `{}`},
		{method: "POST", path: "/connectors", body: `{"name":"` + name + `","config":` + config + `}`},
		{method: "POST", path: "/connectors", body: `{"name":"` + name + `","config":` + config + `}`, wait: "RUNNING"},
		{method: "GET", path: c}, {method: "GET", path: c + "/config"}, {method: "GET", path: c + "/tasks"}, {method: "GET", path: c + "/status"}, {method: "GET", path: c + "/"},
		{method: "GET", path: c + "/tasks/0/status"}, {method: "GET", path: c + "/tasks/1/status"}, {method: "GET", path: c + "/tasks/x/status"},
		{method: "PUT", path: c + "/config", body: config},
		{method: "PUT", path: c + "/config", body: `{"name":"other","connector.class":"FileStreamSource"}`, wait: "RUNNING"},
		// Java adds "Value must be non-null" about the value that it could not parse.
		{method: "PUT", path: c + "/config", body: `{"connector.class":"FileStreamSource","tasks.max":"x"}`, statusOnly: true},
		{method: "PUT", path: c + "/config", body: `{"connector.class":"FileStreamSink","topics":"a","topics.regex":"b"}`},
		// These texts list the plugins of each, and a map in Java's hash order.
		{method: "PUT", path: c + "/config", body: `{"connector.class":"NoSuch"}`, statusOnly: true},
		{method: "PUT", path: c + "/config", body: `{"file":"a"}`, statusOnly: true},
		{method: "PUT", path: c + "/config", body: `{"connector.class":"FileStreamSource","topic":"t","key.converter":"com.acme.Xml"}`, statusOnly: true},
		{method: "POST", path: "/connectors", body: `{"name":"x"`, statusOnly: true}, {method: "POST", path: "/connectors", body: `[]`, statusOnly: true},
		{method: "POST", path: "/connectors", body: `{"name":"x"}`, statusOnly: true}, {method: "POST", path: "/connectors", body: `{"name":"x","nope":1,"config":{}}`, statusOnly: true},
		{method: "POST", path: "/connectors", body: `{"name":"x","initial_state":"up","config":{}}`, statusOnly: true},
		{method: "PATCH", path: c + "/offsets", body: `{"offsets":[{"partition":{"filename":"x"},"offset":{"position":1}}]}`},
		{method: "DELETE", path: c + "/offsets"},
		{method: "PUT", path: c + "/pause"}, {method: "PUT", path: c + "/pause", wait: "PAUSED"}, {method: "GET", path: c + "/status"},
		{method: "PUT", path: c + "/resume"}, {method: "POST", path: c + "/restart", wait: "RUNNING"},
		{method: "POST", path: c + "/restart?includeTasks=true", wait: "RUNNING"}, {method: "POST", path: c + "/tasks/0/restart", wait: "RUNNING"}, {method: "POST", path: c + "/tasks/4/restart"},
		{method: "PUT", path: c + "/stop", wait: "RUNNING"}, {method: "GET", path: c + "/status", wait: "STOPPED"}, {method: "GET", path: c + "/tasks"},
		{method: "PATCH", path: c + "/offsets", body: `{"offsets":[{"partition":{"filename":"x"},"offset":{"position":1}}]}`},
		{method: "PATCH", path: c + "/offsets", body: `{"offsets":[]}`}, {method: "GET", path: c + "/topics"},
		{method: "DELETE", path: c + "/offsets"}, {method: "GET", path: c + "/offsets"}, {method: "PUT", path: c + "/topics/reset"},
		{method: "DELETE", path: c},
		{method: "PATCH", path: "/connectors"}, {method: "GET", path: "/nope"}, {method: "GET", path: "/connector-plugins/Nope/config"},
		{method: "PUT", path: "/connector-plugins/FileStreamSource/config/validate", body: `{}`},
		{method: "PUT", path: "/connector-plugins/FileStreamSource/config/validate", body: `{"connector.class":"FileStreamSink"}`},
		{method: "PUT", path: "/admin/loggers/org.zzz", body: `{"level":"LOUD"}`}, {method: "PUT", path: "/admin/loggers/org.zzz", body: `{}`},
	} {
		for _, url := range []string{java.URL(), ours.url} {
			if s.wait != "" {
				waitFor(t, s.method+" "+s.path+": state "+s.wait+" at "+url, states(url, s.wait))
			}
		}
		wantCode, want := get(t, s.method, java.URL()+s.path, s.body)
		gotCode, got := get(t, s.method, ours.url+s.path, s.body)
		mask := func(body string) string {
			return pluginEnd.ReplaceAllString(workerIDs.ReplaceAllString(body, `"worker_id":"W"`), `"}`)
		}
		if gotCode != wantCode || !s.statusOnly && mask(got) != mask(want) {
			t.Errorf("%s %s %s\n ours %d %s\n java %d %s", s.method, s.path, s.body, gotCode, got, wantCode, want)
		}
	}
}
