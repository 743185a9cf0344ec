package testenv

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// DefaultPlugins are the plugin folders of a worker, each a file in poms/.
var DefaultPlugins = []string{"connect-file", "debezium-mysql"}

// ConnectWorker is a Kafka Connect worker in distributed mode, the peer whose
// behaviour ours is compared with.
type ConnectWorker struct {
	*Server
	kafka string
}

// ConnectOptions shape a private worker.
type ConnectOptions struct {
	Heap    string            // -Xmx, 1g if empty
	CPUs    string            // list for taskset(1), such as "1"; all if empty
	JVM     []string          // further JVM flags
	Props   map[string]string // over our worker.properties
	Plugins []string          // pom names; DefaultPlugins if nil
}

// Connect returns the shared worker, on the shared broker.
func Connect(t testing.TB) *ConnectWorker {
	t.Helper()
	k := Kafka(t)
	return &ConnectWorker{connectPlan(k.Bootstrap(), "shared", ConnectOptions{}).common(t), k.Bootstrap()}
}

// PrivateConnect starts a worker for this test alone on the given broker.
func PrivateConnect(t testing.TB, k *KafkaServer, o ConnectOptions) *ConnectWorker {
	t.Helper()
	return &ConnectWorker{connectPlan(k.Bootstrap(), unique("worker"), o).private(t), k.Bootstrap()}
}

// URL is the address of the REST interface.
func (c *ConnectWorker) URL() string { return "http://" + c.rec.addr("rest") }

// Bootstrap is the broker that the worker uses.
func (c *ConnectWorker) Bootstrap() string { return c.kafka }

// ConnectorStatus is the answer to GET /connectors/{name}/status.
type ConnectorStatus struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Connector struct {
		State    string `json:"state"`
		WorkerID string `json:"worker_id"`
		Trace    string `json:"trace"`
	} `json:"connector"`
	Tasks []struct {
		ID       int    `json:"id"`
		State    string `json:"state"`
		WorkerID string `json:"worker_id"`
		Trace    string `json:"trace"`
	} `json:"tasks"`
}

// Create makes a connector, waits until it and all its tasks run, and deletes it at
// the test's end.
func (c *ConnectWorker) Create(t testing.TB, name string, config map[string]string) {
	t.Helper()
	ctx, cancel := patience(t, time.Minute)
	defer cancel()
	t.Cleanup(func() {
		if !c.Private() { // else it goes with its worker, which may be dead by now
			c.Delete(t, name)
		}
	})
	if code, body, err := c.Call(ctx, http.MethodPut, "/connectors/"+url.PathEscape(name)+"/config", config); err != nil || code >= 300 {
		t.Fatalf("testenv: create connector %s: status %d: %s %v", name, code, body, err)
	}
	c.WaitRunning(t, name)
}

// Delete removes a connector; one that is not there is fine.
func (c *ConnectWorker) Delete(t testing.TB, name string) {
	t.Helper()
	ctx, cancel := patience(t, time.Minute)
	defer cancel()
	var code int
	var body []byte
	// A worker that is rebalancing answers 409: the request is repeated until it is not.
	err := poll(ctx, func() (bool, error) {
		var err error
		code, body, err = c.Call(ctx, http.MethodDelete, "/connectors/"+url.PathEscape(name), nil)
		return code != http.StatusConflict, err
	})
	if err != nil || (code >= 300 && code != http.StatusNotFound) {
		t.Errorf("testenv: delete connector %s: status %d: %s %v", name, code, body, err)
	}
}

// Status returns the state of a connector and its tasks.
func (c *ConnectWorker) Status(t testing.TB, name string) ConnectorStatus {
	t.Helper()
	ctx, cancel := patience(t, 30*time.Second)
	defer cancel()
	s, code, err := c.status(ctx, name)
	if err != nil || code != http.StatusOK {
		t.Fatalf("testenv: status of connector %s: status %d: %v", name, code, err)
	}
	return s
}

// WaitRunning waits until the connector and at least one task run and none failed.
func (c *ConnectWorker) WaitRunning(t testing.TB, name string) {
	t.Helper()
	ctx, cancel := patience(t, 90*time.Second)
	defer cancel()
	var last ConnectorStatus
	err := poll(ctx, func() (bool, error) {
		s, code, err := c.status(ctx, name)
		if err != nil || code != http.StatusOK {
			return false, nil // not known yet, or the worker rebalances; the deadline decides
		}
		last = s
		if s.Connector.State == "FAILED" {
			return false, errors.New("the connector failed: " + s.Connector.Trace)
		}
		running := s.Connector.State == "RUNNING" && len(s.Tasks) > 0
		for _, task := range s.Tasks {
			if task.State == "FAILED" {
				return false, fmt.Errorf("task %d failed: %s", task.ID, task.Trace)
			}
			running = running && task.State == "RUNNING"
		}
		return running, nil
	})
	if err != nil {
		t.Fatalf("testenv: wait for connector %s: %v (last status %+v); log %s:\n%s", name, err, last, c.Log(), tail(c.Log()))
	}
}

func (c *ConnectWorker) status(ctx context.Context, name string) (ConnectorStatus, int, error) {
	var s ConnectorStatus
	code, body, err := c.Call(ctx, http.MethodGet, "/connectors/"+url.PathEscape(name)+"/status", nil)
	if err == nil && code == http.StatusOK {
		err = json.Unmarshal(body, &s)
	}
	return s, code, err
}

// Call makes one REST request; a body that is not nil goes out as JSON.
func (c *ConnectWorker) Call(ctx context.Context, method, path string, body any) (code int, answer []byte, err error) {
	return call(ctx, method, c.URL()+path, body)
}

// oneShot keeps no connections, so that tests which look for leaks see none.
var oneShot = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func call(ctx context.Context, method, target string, body any) (code int, answer []byte, err error) {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, in)
	if err != nil {
		return 0, nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := oneShot.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, 64<<20))
	return res.StatusCode, answer, err
}

func connectPlan(bootstrap, group string, o ConnectOptions) *plan {
	plugins := o.Plugins
	if plugins == nil {
		plugins = DefaultPlugins
	}
	return &plan{
		part:   "connect",
		print:  kafkaVersion + " " + pomPrint(append([]string{"kafka"}, plugins...)...) + " on " + bootstrap,
		ports:  []string{"rest"},
		within: 2 * time.Minute,
		stop:   syscall.SIGTERM,
		prepare: func(ctx context.Context, r *record) error {
			path := filepath.Join(r.Dir, "plugins")
			if err := linkPlugins(ctx, path, plugins); err != nil {
				return err
			}
			props := workerProps(r, bootstrap, group)
			props["plugin.path"] = path
			props["scheduled.rebalance.max.delay.ms"] = "0"
			props["task.shutdown.graceful.timeout.ms"] = "10000"
			maps.Copy(props, o.Props)
			return writeProps(filepath.Join(r.Dir, "worker.properties"), props)
		},
		launch: func(ctx context.Context, r *record) (command, error) {
			cmd, err := javaCommand(ctx, r.Dir, cmp.Or(o.Heap, "1g"), o.JVM,
				"org.apache.kafka.connect.cli.ConnectDistributed", filepath.Join(r.Dir, "worker.properties"))
			if err == nil && o.CPUs != "" {
				cmd.args = append([]string{"-c", o.CPUs, cmd.path}, cmd.args...)
				cmd.path = "taskset"
			}
			return cmd, err
		},
		answers: func(ctx context.Context, r *record) error {
			// The root answers early; the list of connectors only when the worker has
			// read its topics and joined its group.
			code, body, err := call(ctx, http.MethodGet, "http://"+r.addr("rest")+"/connectors", nil)
			if err != nil {
				return err
			}
			if code != http.StatusOK {
				return fmt.Errorf("status %d: %.200s", code, body)
			}
			return nil
		},
		use: func(r *record) (string, []string) {
			return "http://" + r.addr("rest"), []string{"curl -s http://" + r.addr("rest") + "/connector-plugins", "runs " + r.Print}
		},
	}
}

// linkPlugins makes a plugin path with one link a plugin, so that a worker sees only
// the plugins it asked for.
func linkPlugins(ctx context.Context, path string, names []string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		dir, err := jars(ctx, name)
		if err != nil {
			return err
		}
		if err := os.Symlink(dir, filepath.Join(path, strings.TrimSuffix(name, "/"))); err != nil {
			return err
		}
	}
	return nil
}

// workerProps is the worker.properties that a Connect worker and ours get alike.
func workerProps(r *record, bootstrap, group string) map[string]string {
	props := map[string]string{
		"bootstrap.servers":         bootstrap,
		"group.id":                  "connect-" + group,
		"key.converter":             "org.apache.kafka.connect.json.JsonConverter",
		"value.converter":           "org.apache.kafka.connect.json.JsonConverter",
		"listeners":                 "http://" + r.addr("rest"),
		"rest.advertised.host.name": "127.0.0.1",
		"offset.flush.interval.ms":  "5000",
	}
	for _, kind := range []string{"config", "offset", "status"} {
		props[kind+".storage.topic"] = "connect-" + group + "-" + map[string]string{"config": "configs", "offset": "offsets", "status": "status"}[kind]
		props[kind+".storage.replication.factor"] = "1"
		if kind != "config" {
			props[kind+".storage.partitions"] = "1"
		}
	}
	return props
}
