package testenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// embeddedDaemon is our program without a worker file: REST, broker and data in one process.
type embeddedDaemon struct {
	*ConnectWorker
	broker *KafkaServer
	data   string
}

// startEmbedded runs `anabranch run -data data` on ports of its own. data may be "", which is
// a directory that goes with the server.
func startEmbedded(t *testing.T, data string) *embeddedDaemon {
	t.Helper()
	s := embeddedPlan(data).private(t)
	return &embeddedDaemon{&ConnectWorker{s, s.rec.addr("client")}, &KafkaServer{s}, embeddedData(s.rec, data)}
}

func embeddedData(r *record, data string) string {
	if data == "" {
		return filepath.Join(r.Dir, "data")
	}
	return data
}

func embeddedArgs(r *record, data string) []string {
	return []string{"run", "-data", embeddedData(r, data),
		"-broker-port", strconv.Itoa(r.Ports["client"]), "-rest-port", strconv.Itoa(r.Ports["rest"])}
}

func embeddedPlan(data string) *plan {
	return &plan{
		part:   "embedded",
		print:  "embedded",
		ports:  []string{"rest", "client"},
		within: 30 * time.Second,
		stop:   syscall.SIGTERM,
		launch: func(ctx context.Context, r *record) (command, error) {
			bin, err := Binary(ctx)
			return command{path: bin, args: embeddedArgs(r, data), dir: r.Dir}, err
		},
		answers: func(ctx context.Context, r *record) error {
			code, body, err := call(ctx, http.MethodGet, "http://"+r.addr("rest")+"/connectors", nil)
			if err == nil && code != http.StatusOK {
				err = fmt.Errorf("status %d: %.200s", code, body)
			}
			return err
		},
	}
}

// fileSource and fileSink are configurations of Kafka's file connectors over plain lines.
func fileSource(file, topic string) map[string]string {
	return map[string]string{"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1",
		"file": file, "topic": topic, "value.converter": "org.apache.kafka.connect.storage.StringConverter"}
}

func fileSink(file, topic string) map[string]string {
	return map[string]string{"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1",
		"file": file, "topics": topic, "value.converter": "org.apache.kafka.connect.storage.StringConverter"}
}

// textFile is a file of numbered lines that grows.
type textFile struct {
	path string
	n    int
}

func (f *textFile) grow(t *testing.T, n int) {
	t.Helper()
	var sb strings.Builder
	for range n {
		f.n++
		fmt.Fprintf(&sb, "line %06d\n", f.n)
	}
	out, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = out.WriteString(sb.String())
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lines are the lines of a file, nil if there is none.
func lines(t *testing.T, path string) []string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) || len(raw) == 0 && err == nil {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
}

// judgeLines checks numbered lines: all of 1..n, in order; going back is allowed `again` times,
// and then everything from there on must come again.
func judgeLines(got []string, n, again int) error {
	at, highest := 0, 0
	for i, l := range got {
		v, err := strconv.Atoi(strings.TrimPrefix(l, "line "))
		if err != nil {
			return fmt.Errorf("line %d of %d is %q", i+1, len(got), l)
		}
		switch {
		case v == at+1:
		case v <= highest && again > 0:
			again--
		default:
			return fmt.Errorf("line %d of %d: %d comes after %d (highest so far %d)", i+1, len(got), v, at, highest)
		}
		at = v
		highest = max(highest, v)
	}
	if at != n {
		return fmt.Errorf("the last line is %d, want %d", at, n)
	}
	return nil
}

// rest makes one REST call that must be answered with one of the codes.
func rest(t *testing.T, w *ConnectWorker, method, path string, body any, codes ...int) string {
	t.Helper()
	ctx, cancel := patience(t, 30*time.Second)
	defer cancel()
	code, answer, err := w.Call(ctx, method, path, body)
	if err != nil || !slices.Contains(codes, code) {
		t.Fatalf("%s %s: status %d, want %v: %s %v; log %s", method, path, code, codes, answer, err, w.Log())
	}
	return string(answer)
}

func connectorPath(name, below string) string { return "/connectors/" + url.PathEscape(name) + below }

// reconfigure puts a configuration with some keys changed; an empty value removes the key.
func reconfigure(t *testing.T, w *ConnectWorker, name string, config, change map[string]string) {
	t.Helper()
	c := maps.Clone(config)
	for k, v := range change {
		if c[k] = v; v == "" {
			delete(c, k)
		}
	}
	rest(t, w, http.MethodPut, connectorPath(name, "/config"), c, http.StatusOK)
}

// trace is the trace of the first task, or of the connector, and the state it belongs to.
func trace(s ConnectorStatus) (state, text string) {
	if len(s.Tasks) > 0 && s.Tasks[0].State != "UNASSIGNED" {
		return s.Tasks[0].State, s.Tasks[0].Trace
	}
	return s.Connector.State, s.Connector.Trace
}

func itoa6(n int) string { return fmt.Sprintf("%06d", n) }

func pidText(pid int) string { return "process " + strconv.Itoa(pid) }
