package testenv

import (
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

// notServed are series of the Java worker that mean nothing here: its network code, its memory
// pool, its own JMX reporter, and what it counts for features of the client that we do not have.
var notServed = regexp.MustCompile(`_(io|select|io_wait|io_waittime)_|reauthentication|authentication_|_bufferpool_|_buffer_|waiting_threads|_txn_|_flush_time|` +
	`metadata_(age|wait)|_time_ns_total|kafka_metrics_count|StartTimeMs\{id\}|app_info_start_time_ms\{\}|batch_split|record_(queue|retry)|requests_in_flight|record_size_max|` +
	`time_between_poll|poll_idle_ratio|partition_(assigned|lost|revoked)_latency|admin_client`)

var seriesLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? `)

// TestMetricNames runs a source and a sink and wants every series that a real worker shows
// under the exporter's default rules, with the same labels, besides those of notServed.
func TestMetricNames(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	text, err := os.ReadFile("../daemon/metrics/testdata/connect-default.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, l := range strings.Fields(string(text)) {
		if !notServed.MatchString(l) {
			want[l] = true
		}
	}
	k, m := Kafka(t), MySQL(t)
	name, db := m.Database(t)
	for _, stmt := range []string{"CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)"} {
		if _, err := db.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	w := PrivateAnabranch(t, k, AnabranchOptions{})
	prefix := strings.Trim(unique("names"), "-")
	w.Create(t, prefix, map[string]string{
		"connector.class": "io.debezium.connector.mysql.MySqlConnector", "database.hostname": m.Host(), "database.port": strconv.Itoa(m.Port()),
		"database.user": MySQLUser, "database.password": MySQLPassword, "database.server.id": "734502", "topic.prefix": prefix,
		"database.include.list": name, "schema.history.internal.kafka.bootstrap.servers": k.Bootstrap(),
		"schema.history.internal.kafka.topic": prefix + "-history"})
	w.Create(t, prefix+"-sink", map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "file": t.TempDir() + "/out", "topics": prefix + "." + name + ".t"})
	missing := []string{"not asked"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = poll(ctx, func() (bool, error) {
		have, err := servedSeries(ctx, w.URL()+"/metrics")
		if err != nil {
			return false, err
		}
		missing = missing[:0]
		for s := range want {
			if !have[s] {
				missing = append(missing, s)
			}
		}
		return len(missing) == 0, nil
	})
	if err != nil {
		sort.Strings(missing)
		t.Fatalf("%v; %d of %d series are missing:\n%s", err, len(missing), len(want), strings.Join(missing, "\n"))
	}
}

// servedSeries reads a scrape as name{labels} with sorted label names.
func servedSeries(ctx context.Context, url string) (map[string]bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, l := range strings.Split(string(body), "\n") {
		m := seriesLine.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		var labels []string
		for _, kv := range regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`).FindAllStringSubmatch(m[2], -1) {
			labels = append(labels, kv[1])
		}
		sort.Strings(labels)
		out[m[1]+"{"+strings.Join(labels, ",")+"}"] = true
	}
	return out, nil
}
