package metrics

import (
	"bufio"
	"net/http/httptest"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/configs/javametrics"
)

// serve renders beans under sets of names, one line a series without its value.
func serve(t *testing.T, sets []string, beans ...javametrics.MBean) string {
	t.Helper()
	rules, err := LoadRules(sets, "0.20")
	if err != nil {
		t.Fatal(err)
	}
	r := NewRegistry()
	r.MustRegister(NewMBeans(func() []javametrics.MBean { return beans }, rules))
	w := httptest.NewRecorder()
	Handler(r, NewTasks()).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", sets, w.Code, w.Body)
	}
	var out []string
	sc := bufio.NewScanner(w.Body)
	for sc.Scan() {
		if l := sc.Text(); strings.HasPrefix(l, "kafka_") || strings.HasPrefix(l, "debezium_") {
			out = append(out, l)
		}
	}
	sort.Strings(out)
	return strings.Join(out, "\n")
}

func bean(domain string, attrs []javametrics.Attr, props ...string) javametrics.MBean {
	b := javametrics.MBean{Domain: domain, Attrs: attrs}
	for _, p := range props {
		k, v, _ := strings.Cut(p, "=")
		b.Props = append(b.Props, javametrics.Prop{Key: k, Value: v})
	}
	return b
}

func TestRuleSets(t *testing.T) {
	num := func(n string) []javametrics.Attr { return []javametrics.Attr{javametrics.Num(n, 7)} }
	beans := []javametrics.MBean{
		bean("kafka.connect", []javametrics.Attr{javametrics.Text("status", "running"), javametrics.Num("running-ratio", 0.5)}, "type=connector-task-metrics", "connector=c", "task=0"),
		bean("kafka.connect", num("source-record-poll-total"), "type=source-task-metrics", "connector=c", "task=0"),
		bean("kafka.connect", num("connector-failed-task-count"), "type=connect-worker-metrics", "connector=c"),
		bean("kafka.connect", num("connector-count"), "type=connect-worker-metrics"),
		bean("kafka.connect", num("epoch"), "type=connect-worker-rebalance-metrics"),
		bean("kafka.consumer", num("records-lag"), "type=consumer-fetch-manager-metrics", "client-id=connector-consumer-c-0", "topic=t", "partition=0"),
		bean("debezium.mysql", num("MilliSecondsBehindSource"), "type=connector-metrics", "context=streaming", "server=s"),
		bean("debezium.mysql", num("RowsScanned"), "type=connector-metrics", "context=snapshot", "server=s", "key=d.t"),
	}
	for set, want := range map[string][]string{
		"connect-default": {
			`debezium_mysql_connector_metrics_MilliSecondsBehindSource{context="streaming",server="s"} 7`,
			`debezium_mysql_connector_metrics_RowsScanned{context="snapshot",key="d.t",server="s"} 7`,
			`kafka_connect_connect_worker_metrics_connector_count 7`,
			`kafka_connect_connect_worker_metrics_connector_failed_task_count{connector="c"} 7`,
			`kafka_connect_connect_worker_rebalance_metrics_epoch 7`,
			`kafka_connect_connector_task_metrics_running_ratio{connector="c",task="0"} 0.5`,
			`kafka_connect_source_task_metrics_source_record_poll_total{connector="c",task="0"} 7`,
			`kafka_consumer_consumer_fetch_manager_metrics_records_lag{client_id="connector-consumer-c-0",partition="0",topic="t"} 7`,
		},
		"debezium": {
			`debezium_metrics_MilliSecondsBehindSource{context="streaming",name="s",plugin="mysql"} 7`,
			`debezium_metrics_RowsScanned{context="snapshot",name="s",plugin="mysql",table="d.t"} 7`,
			`kafka_connect_worker_metrics_connector_count 7`,
		},
		"jmx-example": {
			`kafka_connect_connect_worker_connector_failed_task_count{connector="c"} 7`,
			`kafka_connect_connector_status{connector="c",status="running",task="0"} 1`,
			`kafka_connect_connector_task_running_ratio{connector="c",task="0"} 0.5`,
			`kafka_connect_source_task_source_record_poll_total{connector="c",task="0"} 7`,
			`kafka_connect_worker_connector_count 7`,
			`kafka_connect_worker_rebalance_epoch 7`,
			`kafka_consumer_consumer_fetch_manager_records_lag{clientId="connector-consumer-c-0",partition="0",topic="t"} 7`,
		},
		"strimzi": {
			`debezium_metrics_millisecondsbehindsource{context="streaming",name="s",plugin="mysql"} 7`,
			`debezium_metrics_rowsscanned{context="snapshot",name="s, key=d.t",plugin="mysql"} 7`,
			`kafka_connect_connector_task_running_ratio{connector="c",task="0"} 0.5`,
			`kafka_connect_connector_task_status{connector="c",status="running",task="0"} 1`,
			`kafka_connect_source_task_source_record_poll_total{connector="c",task="0"} 7`,
			`kafka_connect_worker_connector_count 7`,
			`kafka_connect_worker_connector_failed_task_count{connector="c"} 7`,
			`kafka_connect_worker_rebalance_epoch 7`,
			`kafka_consumer_fetch_manager_records_lag{clientid="connector-consumer-c-0",partition="0",topic="t"} 7`,
		},
		"confluent": {
			`kafka_connect_connect_worker_metrics_connector_count 7`,
			`kafka_connect_connect_worker_metrics_connector_failed_task_count{connector="c"} 7`,
			`kafka_connect_connect_worker_rebalance_metrics_epoch 7`,
			`kafka_connect_connector_task_metrics{connector="c",status="running",task="0"} 1`,
			`kafka_connect_connector_task_metrics_running_ratio{connector="c",task="0"} 0.5`,
			`kafka_connect_source_task_metrics_source_record_poll_total{connector="c",task="0"} 7`,
			`kafka_consumer_consumer_fetch_manager_metrics_records_lag{clientId="connector-consumer-c-0",partition="0",topic="t"} 7`,
		},
	} {
		sort.Strings(want)
		if got := serve(t, []string{set}, beans...); got != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", set, got, strings.Join(want, "\n"))
		}
	}
	// All sets together must still make one valid answer.
	serve(t, RuleSets(), beans...)
}

func TestParseRules_UsersOwnFile(t *testing.T) {
	path := t.TempDir() + "/exporter.yml"
	if err := os.WriteFile(path, []byte("hostPort: 127.0.0.1:1\nlowercaseOutputName: true\nrules:\n- pattern: 'kafka.connect<type=(.+)><>(.+): ([0-9]+)'\n  name: my_$2\n  valueFactor: 0.001\n  labels: {kind: \"$1\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := serve(t, []string{path, "debezium"}, bean("kafka.connect", []javametrics.Attr{javametrics.Num("connector-count", 5)}, "type=connect-worker-metrics"))
	if got != "kafka_connect_worker_metrics_connector_count 5" {
		t.Errorf("got %s", got)
	}
	r, err := LoadRules([]string{path}, "0.20")
	if err != nil {
		t.Fatal(err)
	}
	b := bean("kafka.connect", []javametrics.Attr{javametrics.Num("Connector-Count", 5)}, "type=connect-worker-metrics")
	if s := r[0].series(&b, &b.Attrs[0]); s == nil || s.name != "my_connector_count" || s.factor != 0.001 || s.values[0] != "connect-worker-metrics" {
		t.Errorf("series %+v", s)
	}
	for text, want := range map[string]string{
		"rules: [{name: x}]":                              "name needs a pattern",
		"rules: [{pattern: '('}]":                         "regular expression",
		"rules: [{pattern: a, name: b, type: HISTOGRAM}]": "HISTOGRAM",
		"excludeObjectNames: ['a:*']":                     "excludeObjectNames",
		"rules: 5":                                        "read metric rules",
	} {
		if _, err := ParseRules("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	bare, err := LoadRules([]string{"debezium"}, "1.0")
	if err != nil {
		t.Fatal(err)
	}
	b = bean("kafka.connect", []javametrics.Attr{javametrics.Num("task-startup-attempts-total", 5)}, "type=connect-worker-metrics")
	if s := bare[0].series(&b, &b.Attrs[0]); s == nil || s.name != "kafka_connect_worker_metrics_task_startup_attempts" {
		t.Errorf("exporter 1.0: %+v", s)
	}
	if _, err := LoadRules([]string{"nothing"}, ""); err == nil || !strings.Contains(err.Error(), "strimzi") {
		t.Errorf("unknown set: %v", err)
	}
}
