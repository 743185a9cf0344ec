package testenv

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// badRecords are good and bad records of a topic that a sink with JsonConverter reads, schemas
// enabled for values only.
func badRecords(topic string) []*kgo.Record {
	str := func(s string) string { return `{"schema":{"type":"string","optional":true},"payload":` + s + `}` }
	values := []string{
		str(`"first"`),
		`{"schema":`,
		`{"a":1}`,
		`"text"`,
		`{"schema":{"type":"wat"},"payload":1}`,
		`{"schema":{"type":"string","optional":false},"payload":null}`,
		"\xff\xfe",
		str(`"größe"`),
		`{"schema":{"type":"array"},"payload":[1]}`,
		`{"schema":{"type":"struct","fields":[{"type":"int32"}]},"payload":{}}`,
		`{"schema":{"type":"bytes"},"payload":"***"}`,
		`{"payload":1,"schema":{},"x":2}`,
		`{"payload":{"a":{}},"schema":{"type":"struct","fields":[{"field":"a","type":"wat"}]},"schema":7,"x":2`,
		`{"schema":{"type":"string"},"payload":{"a":[1,{}]},"x":[]}`,
		`{"schema":{"type":"string"},"payload":null}`,
		`{"schema":{"type":"string"}}`,
		`{"schema":null,"payload":{"a":1.50}}`,
		`[1,2`,
		`{"schema":{},"payload":1}`,
		`nul`,
	}
	var recs []*kgo.Record
	for i, v := range values {
		recs = append(recs, &kgo.Record{Topic: topic, Value: []byte(v), Key: fmt.Appendf(nil, "%d", i)})
	}
	recs[2].Headers = []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "h", Value: nil}, {Key: "", Value: []byte("ü")}}
	recs[3].Key = nil
	recs = append(recs,
		&kgo.Record{Topic: topic, Key: []byte("{bad"), Value: []byte(str(`"behind a bad key"`))},
		&kgo.Record{Topic: topic, Key: []byte{}, Value: nil},
		&kgo.Record{Topic: topic, Key: []byte(`"k"`), Value: []byte{}},
		&kgo.Record{Topic: topic, Key: []byte(`"k"`), Value: []byte(str(`"last"`))})
	for i, r := range recs {
		r.Timestamp = time.UnixMilli(1_700_000_000_000 + int64(i))
	}
	return recs
}

// letters shows a dead letter queue line by line, without what must differ: the connector's
// name, and of stack traces all but the first line.
func letters(recs []*kgo.Record) []string {
	out := make([]string, len(recs))
	for i, r := range recs {
		var sb strings.Builder
		fmt.Fprintf(&sb, "key %q null %t value %q null %t at %d partition %d", r.Key, r.Key == nil, r.Value, r.Value == nil, r.Timestamp.UnixMilli(), r.Partition)
		for _, h := range r.Headers {
			v := h.Value
			switch h.Key {
			case "__connect.errors.exception.stacktrace":
				first, rest, _ := bytes.Cut(v, []byte("\n"))
				if !bytes.HasPrefix(rest, []byte("\tat ")) || !bytes.HasSuffix(v, []byte("\n")) {
					first = append(first, " (not the shape of a stack trace)"...)
				}
				v = first
			case "__connect.errors.connector.name":
				v = []byte("NAME")
			}
			fmt.Fprintf(&sb, "\n\t%s = %q null %t", h.Key, v, h.Value == nil)
		}
		out[i] = sb.String()
	}
	return out
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func compareLetters(t *testing.T, ours, theirs []string) {
	t.Helper()
	if len(ours) != len(theirs) {
		t.Errorf("ours has %d letters, Connect's %d", len(ours), len(theirs))
	}
	i, j := 0, 0
	for i < len(ours) && j < len(theirs) {
		if ours[i] == theirs[j] {
			i, j = i+1, j+1
			continue
		}
		a, b := firstLine(ours[i]), firstLine(theirs[j])
		switch {
		case a == b:
			t.Errorf("\nours    %s\nConnect %s", ours[i], theirs[j])
			i, j = i+1, j+1
		case !slices.ContainsFunc(theirs[j:], func(s string) bool { return firstLine(s) == a }):
			t.Errorf("only in ours: %s", ours[i])
			i++
		default:
			t.Errorf("only in Connect's: %s", theirs[j])
			j++
		}
	}
}

// TestDeadLetters_AsConnectWrites puts the same bad records through the real worker and ours.
func TestDeadLetters_AsConnectWrites(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a Connect worker; not in short mode")
	}
	k := Kafka(t)
	topic := k.TopicPrefix(t)
	cl := k.Client(t, kgo.UnknownTopicRetries(20))
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	recs := badRecords(topic)
	for _, r := range recs {
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	run := func(w *ConnectWorker, kind string) (lettersOf []string, lines string, first string) {
		name, dlq := topic+"-"+kind, topic+"-dlq-"+kind
		file := filepath.Join(dir, kind)
		const json = "org.apache.kafka.connect.json.JsonConverter"
		config := map[string]string{"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": topic, "file": file,
			"key.converter": json, "key.converter.schemas.enable": "false", "value.converter": json, "value.converter.schemas.enable": "true",
			"errors.tolerance": "all", "errors.log.enable": "true", "errors.log.include.messages": "true",
			"errors.deadletterqueue.topic.name": dlq, "errors.deadletterqueue.topic.replication.factor": "1",
			"errors.deadletterqueue.context.headers.enable": "true", "consumer.override.fetch.max.wait.ms": "50"}
		w.Create(t, name, config)
		waitFor(t, w, "the last line of "+kind, 40*time.Second, func() bool {
			text, err := os.ReadFile(file)
			lines = string(text)
			return err == nil && strings.HasSuffix(lines, "last\n")
		})
		// The letters are written behind the lines, and before offsets are committed.
		waitFor(t, w, "offsets of "+kind, 40*time.Second, func() bool {
			o, err := kadm.NewClient(cl).FetchOffsets(t.Context(), "connect-"+name)
			if err != nil {
				return false
			}
			at, ok := o.Lookup(topic, 0)
			return ok && at.At == int64(len(recs))
		})
		lettersOf = letters(k.ReadAll(t, dlq))

		strict := name + "-strict"
		rest(t, w, http.MethodPost, "/connectors", map[string]any{"name": strict, "config": with(config, "errors.tolerance", "none",
			"file", file+"-strict", "errors.deadletterqueue.topic.name", dlq+"-strict")}, http.StatusCreated)
		defer w.Delete(t, strict)
		first, _, _ = strings.Cut(expectTrace(t, w, strict, []string{"FAILED"}, "Tolerance exceeded", "Caused by: org.apache.kafka.connect.errors.DataException: "), "\n")
		// It is reported, and it fails the task (CW-292).
		waitFor(t, w, "a letter of the strict connector of "+kind, 20*time.Second, func() bool { return len(k.ReadAll(t, dlq+"-strict")) > 0 })
		first += "\n" + strings.Join(letters(k.ReadAll(t, dlq+"-strict")), "\n")
		return lettersOf, lines, first
	}
	our := PrivateAnabranch(t, k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "500"}})
	ours, ourLines, ourTrace := run(our, "ours")
	for _, name := range []string{"kafka_producer_producer_metrics_record_send_total", "kafka_connect_task_error_metrics_deadletterqueue_produce_requests"} {
		if text := rest(t, our, http.MethodGet, "/metrics", nil, http.StatusOK); !regexp.MustCompile(`(?m)^` + name + `[a-z_]*\{.*` + topic + `-ours.*} [1-9]`).MatchString(text) {
			t.Errorf("no %s of the dead letter queue", name)
		}
	}
	theirs, theirLines, theirTrace := run(Connect(t), "connect")
	compareLetters(t, ours, theirs)
	if ourLines != theirLines {
		t.Errorf("lines delivered\nours    %q\nConnect %q", ourLines, theirLines)
	}
	if ourTrace != theirTrace {
		t.Errorf("strict\nours    %s\nConnect %s", ourTrace, theirTrace)
	}
	t.Logf("%d letters of %d records", len(theirs), len(recs))
}

// TestDeadLetters_OfTransforms compares the letters of transforms that fail on some records, some
// of them behind a predicate.
func TestDeadLetters_OfTransforms(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a Connect worker; not in short mode")
	}
	p := newPair(t)
	topic := p.id + "-in"
	cl := p.k.Client(t, kgo.UnknownTopicRetries(20))
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	values := []string{`{"n":"1"}`, `{"n":"x"}`, `"text"`, `{"n":null}`, `{"n":[1]}`, `null`, `{"m":2}`, `{"n":{"a":1}}`, `{"n":"99999999999"}`, `7`, `[1]`, `{"n":"5"}`}
	for i, v := range values {
		r := &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "k%d", i), Value: []byte(v), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i))}
		if i%3 != 1 {
			r.Headers = []kgo.RecordHeader{{Key: "cast", Value: []byte("yes")}}
		}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	got, lines := map[string][]string{}, map[string]string{}
	for kind, w := range p.w {
		name, dlq, file := p.id+"-"+kind, p.id+"-dlq-"+kind, filepath.Join(p.dir, kind)
		config := chain("?h HasHeaderKey name=cast", "i InsertField$Value static.field=s static.value=x", "c Cast$Value spec=n:int32 predicate=h", "k ValueToKey fields=n")
		for key, v := range map[string]string{"connector.class": "FileStreamSink", "topics": topic, "file": file, "key.converter": stringConverter,
			"value.converter": jsonConverter, "value.converter.schemas.enable": "false", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": dlq,
			"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true"} {
			config[key] = v
		}
		w.Create(t, name, config)
		waitFor(t, w, "offsets of "+kind, 40*time.Second, func() bool {
			o, err := kadm.NewClient(cl).FetchOffsets(t.Context(), "connect-"+name)
			if err != nil {
				return false
			}
			at, ok := o.Lookup(topic, 0)
			return ok && at.At == int64(len(values))
		})
		got[kind] = letters(p.k.ReadAll(t, dlq))
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines[kind] = string(text)
	}
	for i := range got["jav"] { // wanted (docs/compatibility.md)
		got["jav"][i] = strings.ReplaceAll(got["jav"][i], "Value (99999999999)", "Value ([hidden])")
	}
	compareLetters(t, got["our"], got["jav"])
	// The order within a line is that of a HashMap whose size depends on the transforms before.
	if a, b := strings.Count(lines["our"], "\n"), strings.Count(lines["jav"], "\n"); a != b {
		t.Errorf("lines delivered\nours    %q\nConnect %q", lines["our"], lines["jav"])
	}
	if len(got["jav"]) == 0 || lines["jav"] == "" {
		t.Error("nothing failed, or everything")
	}
}
