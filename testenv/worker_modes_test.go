package testenv

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestWorker_StandaloneFileToFile runs a source and a sink from their files, over a stop, a kill
// and a change of levels: with each converter the same lines arrive, once.
func TestWorker_StandaloneFileToFile(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker; not in short mode")
	}
	t.Parallel()
	k := Kafka(t)
	const schema = `{"schema":{"type":"string","optional":false},"payload":"%s"}`
	for name, c := range map[string]struct {
		props map[string]string
		value string
	}{
		"json with schemas":    {map[string]string{}, schema},
		"json without schemas": {map[string]string{"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false"}, `"%s"`},
		"string":               {map[string]string{"key.converter": stringConverter, "value.converter": stringConverter}, "%s"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, id := t.TempDir(), strings.Trim(unique("alone"), "-_")
			in, out, files := &textFile{path: filepath.Join(dir, "in")}, filepath.Join(dir, "out"), []string{filepath.Join(dir, "source.properties"), filepath.Join(dir, "sink.properties")}
			in.grow(t, 3)
			source, sink := fileSource(in.path, id), with(fileSink(out, id), "consumer.override.fetch.max.wait.ms", "50", "consumer.override.session.timeout.ms", "6000")
			delete(source, "value.converter")
			delete(sink, "value.converter")
			source["name"], sink["name"] = id+"-source", id+"-sink"
			for i, props := range []map[string]string{source, sink} {
				if err := writeProps(files[i], props); err != nil {
					t.Fatal(err)
				}
			}
			w := PrivateAnabranch(t, k, AnabranchOptions{Standalone: files, Props: with(c.props, "offset.flush.interval.ms", "100")})
			arrives := func() {
				t.Helper()
				want, err := os.ReadFile(in.path)
				if err != nil {
					t.Fatal(err)
				}
				waitFor(t, w, "the lines in the sink's file", 30*time.Second, func() bool {
					got, err := os.ReadFile(out)
					return err == nil && string(got) == string(want)
				})
				waitFor(t, w, "the offset of the last line", 10*time.Second, func() bool { // before a kill
					_, body, err := w.Call(t.Context(), http.MethodGet, connectorPath(id+"-source", "/offsets"), nil)
					return err == nil && strings.Contains(string(body), fmt.Sprintf(`"position":%d}`, len(want)))
				})
				waitFor(t, w, "the commit of the last line", 10*time.Second, func() bool {
					_, body, err := w.Call(t.Context(), http.MethodGet, connectorPath(id+"-sink", "/offsets"), nil)
					return err == nil && strings.Contains(string(body), fmt.Sprintf(`"kafka_offset":%d}`, in.n))
				})
			}
			arrives()
			rest(t, w, http.MethodGet, "/health", nil, http.StatusOK)
			const namespace = "org.apache.kafka.connect.runtime"
			if got := rest(t, w, http.MethodPut, "/admin/loggers/"+namespace, map[string]string{"level": "TRACE"}, http.StatusOK); !strings.Contains(got, `"`+namespace+`"`) {
				t.Errorf("changed loggers: %s", got)
			}
			if got := rest(t, w, http.MethodGet, "/admin/loggers/"+namespace, nil, http.StatusOK); !strings.Contains(got, `"level":"TRACE"`) || strings.Contains(got, `"last_modified":null`) {
				t.Errorf("logger: %s", got)
			}
			w.Stop(t)
			in.grow(t, 4)
			w.Start(t)
			arrives()
			if name == "string" { // the group waits for the session of the dead consumer
				w.Kill(t)
				in.grow(t, 5)
				w.Start(t)
				arrives()
			}
			for i, r := range k.ReadAll(t, id) {
				if want := fmt.Sprintf(c.value, "line "+itoa6(i+1)); string(r.Value) != want {
					t.Errorf("record %d is %s, want %s", i, r.Value, want)
				}
			}
			rest(t, w, http.MethodPost, "/connectors", map[string]any{"name": "stopped", "config": with(source, "name", "stopped"), "initial_state": "STOPPED"}, http.StatusCreated)
			if s := w.Status(t, "stopped"); s.Connector.State != "STOPPED" || len(s.Tasks) != 0 {
				t.Errorf("created stopped: %+v", s)
			}
			rest(t, w, http.MethodPut, "/connectors/stopped/resume", nil, http.StatusAccepted)
			w.WaitRunning(t, "stopped")
		})
	}
}

// TestWorker_ClientOverridePolicies creates a connector with overrides under each policy.
func TestWorker_ClientOverridePolicies(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker; not in short mode")
	}
	t.Parallel()
	k := Kafka(t)
	const login = "producer.override.sasl.jaas.config"
	jaas := `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";`
	for policy, want := range map[string]map[string]int{
		"None":      {"": 201, login: 400, "producer.override.linger.ms": 400, "consumer.override.x": 201},
		"Principal": {"": 201, login: 201, "producer.override.linger.ms": 400, "producer.override.security.protocol": 201},
		"All":       {"": 201, login: 201, "producer.override.linger.ms": 201},
		"Allowlist": {"": 201, login: 400, "producer.override.linger.ms": 201},
		"":          {"": 201, login: 201, "producer.override.linger.ms": 201},
	} {
		for _, kind := range workerKinds() {
			t.Run(policy+" "+kind.name, func(t *testing.T) {
				id := strings.Trim(unique("policy"), "-_")
				props := map[string]string{"group.id": id, "config.storage.topic": id + "-c", "offset.storage.topic": id + "-o", "status.storage.topic": id + "-s", "heartbeat.interval.ms": "300"}
				if policy != "" {
					props["connector.client.config.override.policy"] = policy
				}
				if policy == "Allowlist" {
					props["connector.client.config.override.allowlist"] = "linger.ms,acks"
				}
				w := kind.start(t, k, props)
				for key, code := range want {
					config := fileSource(filepath.Join(t.TempDir(), "none"), id)
					config["file"] = "/dev/null"
					switch key {
					case "":
					case login:
						config[key] = jaas
					case "producer.override.security.protocol":
						config[key] = "PLAINTEXT"
					default:
						config[key] = "5"
					}
					name := fmt.Sprintf("c%d", len(key))
					got, body, err := w.Call(t.Context(), http.MethodPut, connectorPath(name, "/config"), config)
					if err != nil || got != code {
						t.Errorf("%q: %d %.400s %v, want %d", key, got, body, err, code)
					} else if code == http.StatusCreated {
						w.WaitRunning(t, name)
					} else if !strings.Contains(string(body), "error(s)") {
						t.Errorf("%q: %s", key, body)
					}
				}
			})
		}
	}
}

// TestWorker_Assignors runs two tasks of a sink with each assignor of Java's consumer, eager and
// cooperative: nothing is lost or read twice when a partition moves at leisure.
func TestWorker_Assignors(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker; not in short mode")
	}
	t.Parallel()
	p := &pair{k: Kafka(t), id: strings.Trim(unique("assign"), "-_"), dir: t.TempDir()}
	w := PrivateAnabranch(t, p.k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "200", "heartbeat.interval.ms": "300"}})
	const clients = "org.apache.kafka.clients.consumer."
	const each = 200
	p.seed(t, p.id, 4, each, func(i int) string { return fmt.Sprint(i) })
	for i, strategy := range []string{"RangeAssignor", "RoundRobinAssignor", "StickyAssignor", "CooperativeStickyAssignor", "RangeAssignor," + clients + "CooperativeStickyAssignor"} {
		t.Run(strategy, func(t *testing.T) {
			name, file := fmt.Sprintf("%s-%d", p.id, i), filepath.Join(p.dir, fmt.Sprint(i))
			config := with(fileSink(file, p.id), "tasks.max", "1", "consumer.override.fetch.max.wait.ms", "50", "consumer.override.heartbeat.interval.ms", "200",
				"consumer.override.max.poll.records", "20", "consumer.override.partition.assignment.strategy", clients+strategy)
			w.Create(t, name, config)
			for _, tasks := range []string{"2", "3", "1"} { // members come and go
				config["tasks.max"] = tasks
				rest(t, w, http.MethodPut, connectorPath(name, "/config"), config, http.StatusOK)
				w.WaitRunning(t, name)
			}
			admin := kadm.NewClient(p.k.Client(t))
			waitFor(t, w, "the end of the topic", 30*time.Second, func() bool {
				o, err := admin.FetchOffsets(t.Context(), "connect-"+name)
				n := int64(0)
				if err == nil {
					o.Each(func(r kadm.OffsetResponse) { n += r.At })
				}
				return n == 4*each
			})
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]int{}
			for line := range strings.Lines(string(raw)) {
				seen[strings.TrimSpace(line)]++
			}
			for n := range each {
				if got := seen[fmt.Sprint(n)]; got != 4 {
					t.Errorf("%d is there %d times, want 4", n, got)
				}
			}
		})
	}
}
