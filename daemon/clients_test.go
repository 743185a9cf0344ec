package daemon

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/testenv"
)

// Clients that others wrote, unmodified: kafka-connect-py and kafka-connect-api of PyPI, each
// through a connector's whole life.
func TestREST_ClientsOfOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Python packages and Kafka")
	}
	k := testenv.Kafka(t)
	prefix := k.TopicPrefix(t)
	ours := startWorker(t, Options{WorkerFile: workerFile(t, k.Bootstrap(), prefix)})
	file := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(file, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `
import sys, time
url, prefix, file = sys.argv[1:]
def until(what, fn):
    end = time.time() + 30
    while True:
        try:
            if fn(): return
        except Exception as e: # there is no status right after a create, as in Connect
            if "404" not in str(e): raise
        assert time.time() < end, what
        time.sleep(0.05)
conf = {"connector.class": "FileStreamSource", "topic": prefix + "-t", "file": file}

from kafka_connect import KafkaConnect
c = KafkaConnect(url)
assert c.get_cluster_info()["version"].startswith("4."), c.get_cluster_info()
n = prefix + "-one"
assert c.create_connector({"name": n, "config": conf})["name"] == n
state = lambda: c.get_connector_status(n)["connector"]["state"]
running = lambda: state() == "RUNNING" and [x["state"] for x in c.get_connector_status(n)["tasks"]] == ["RUNNING"]
until("running", running)
assert n in c.list_connectors()
assert list(c.list_connectors(expand="status", pattern=n)) == [n]
assert list(c.list_connectors(expand="status", state="RUNNING"))
assert c.get_connector(n)["type"] == "source"
assert c.get_connector_config(n)["topic"] == prefix + "-t"
assert c.update_connector(n, dict(conf, **{"batch.size": "10"}))["config"]["batch.size"] == "10"
until("running", running)
c.pause_connector(n); until("paused", lambda: state() == "PAUSED")
c.resume_connector(n); until("running", running)
c.restart_connector(n); until("running", running)
c.restart_connector(n, include_tasks=True); until("running", running)
c.stop_connector(n); until("stopped", lambda: state() == "STOPPED")
c.resume_connector(n); until("running", running)
assert any(p["class"].endswith("FileStreamSourceConnector") for p in c.list_connector_plugins())
answer = c.validate_connector_config("FileStreamSource", dict(conf, name=n, **{"tasks.max": "x"}))
c.delete_connector(n)
until("gone", lambda: n not in c.list_connectors())

from kafka_connect_api.kafka_connect_api import Api, Cluster
host, port = url[len("http://"):].split(":")
cluster = Cluster(Api(host, port=int(port)))
assert cluster.version, cluster.version
from kafka_connect_api.kafka_connect_api import Connector
n = prefix + "-two"
new = Connector(cluster, n)
new.config = dict(conf, name=n)
until("running", lambda: n in cluster.connectors and cluster.connectors[n].state == "RUNNING" and cluster.connectors[n].tasks)
two = cluster.connectors[n]
assert two.exists() and two.config["file"] == file
until("task runs", lambda: all(x.is_running() for x in two.tasks))
two.pause(); until("paused", lambda: two.state == "PAUSED")
two.resume(); until("running", lambda: two.state == "RUNNING")
two.restart()
two.restart_all_tasks()
assert "root" in cluster.loggers
two.delete()
until("gone", lambda: n not in cluster.connectors)
print("fine")
`
	if out := testenv.Python(t, script, "", ours.url, prefix, file); !strings.Contains(out, "fine") {
		t.Error(out)
	}
}

// An operator's loop, in the calls that Strimzi makes (CW-67): each round makes what is there
// equal to what is wanted, and every round but the first changes nothing.
func TestREST_OperatorReconciles(t *testing.T) {
	b := newBench(t)
	config := `{"connector.class":"org.apache.kafka.connect.file.FileStreamSourceConnector","tasks.max":"1","topic":"op","file":"/tmp/op.txt","name":"op"}`
	state := func() string { return b.must(t, "GET", "/connectors/op/status", "", 200) }
	for round := range 3 {
		if round == 0 {
			b.must(t, "GET", "/connectors/op/config", "", 404)
			b.must(t, "PUT", "/connectors/op/config", config, 201)
			waitFor(t, "running", func() bool { return strings.Count(state(), `"RUNNING"`) == 2 })
		} else if got := b.must(t, "PUT", "/connectors/op/config", config, 200); !strings.Contains(got, `"tasks":[{"connector":"op","task":0}]`) {
			t.Errorf("round %d: %s", round, got)
		}
		if got := b.must(t, "GET", "/connectors/op", "", 200); !strings.Contains(got, `"type":"source"`) {
			t.Error(got)
		}
		if got := state(); strings.Count(got, `"RUNNING"`) != 2 {
			t.Errorf("round %d restarted something: %s", round, got)
		}
		b.must(t, "GET", "/connectors/op/topics", "", 200)
		b.must(t, "GET", "/connector-plugins", "", 200)
		b.must(t, "GET", "/admin/loggers/", "", 200)
		b.must(t, "PUT", "/admin/loggers/org.apache.op?scope=worker", `{"level":"INFO"}`, 200)
	}
	for _, step := range []struct {
		method, path string
		status       int
		state        string
	}{
		{http.MethodPut, "/connectors/op/pause", 202, "PAUSED"}, {http.MethodPut, "/connectors/op/resume", 202, "RUNNING"},
		{http.MethodPost, "/connectors/op/restart?includeTasks=true&onlyFailed=false", 202, "RUNNING"},
		{http.MethodPost, "/connectors/op/tasks/0/restart", 204, "RUNNING"},
		{http.MethodPut, "/connectors/op/stop", 204, "STOPPED"},
	} {
		b.must(t, step.method, step.path, "", step.status)
		waitFor(t, step.path, func() bool { return strings.Contains(state(), `"connector":{"state":"`+step.state+`"`) })
	}
	b.must(t, "GET", "/connectors/op/offsets", "", 200)
	b.must(t, "DELETE", "/connectors/op/offsets", "", 200)
	b.must(t, "DELETE", "/connectors/op", "", 204)
	waitFor(t, "no status", func() bool {
		resp, _ := b.ask(t, "GET", "/connectors/op/status", "-", "")
		return resp.StatusCode == http.StatusNotFound
	})
	b.must(t, "DELETE", "/connectors/op", "", 404)
}
