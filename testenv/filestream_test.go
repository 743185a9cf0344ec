package testenv

import (
	"context"
	"fmt"
	"maps"
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

// fileWorkers are the real worker and ours, by the ending of names and topics.
func fileWorkers(t *testing.T, k *KafkaServer) map[string]*ConnectWorker {
	return map[string]*ConnectWorker{"connect": Connect(t),
		"ours": PrivateAnabranch(t, k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "500"}})}
}

func appendFile(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shown are records without their times, which differ.
func shown(recs []*kgo.Record) []string {
	out := make([]string, len(recs))
	for i, r := range recs {
		out[i] = fmt.Sprintf("%d@%d key %q null %t headers %v value %.300q (%d bytes)", r.Partition, r.Offset, r.Key, r.Key == nil, r.Headers, r.Value, len(r.Value))
	}
	return out
}

// lines waits until a topic has n records, and tells if more come than that.
func topicLines(t *testing.T, k *KafkaServer, w *ConnectWorker, topic string, n int) []string {
	t.Helper()
	var got []string
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := poll(ctx, func() (bool, error) {
		recs, err := k.readAll(ctx, []string{topic})
		if err != nil {
			return false, nil // the topic is made with its first record
		}
		got = shown(recs)
		return len(got) >= n, nil
	})
	if err != nil {
		t.Fatalf("topic %s has %d records, want %d: %v; log %s\n%s", topic, len(got), n, err, w.Log(), strings.Join(got, "\n"))
	}
	return got
}

func sameLines(t *testing.T, what string, ours, theirs []string) {
	t.Helper()
	for i := range max(len(ours), len(theirs)) {
		a, b := "-", "-"
		if i < len(ours) {
			a = ours[i]
		}
		if i < len(theirs) {
			b = theirs[i]
		}
		if a != b {
			t.Errorf("%s, line %d\nours    %s\nConnect %s", what, i, a, b)
		}
	}
}

// storedOffset waits until the source offset is at a position, and returns it as REST shows it
// and as the bytes of the last record in the worker's topic.
func storedOffset(t *testing.T, k *KafkaServer, w *ConnectWorker, name string, position int) string {
	t.Helper()
	var answer string
	waitFor(t, w, fmt.Sprintf("offset %d of %s", position, name), 30*time.Second, func() bool {
		answer = rest(t, w, http.MethodGet, connectorPath(name, "/offsets"), nil, http.StatusOK, http.StatusInternalServerError)
		return strings.Contains(answer, fmt.Sprintf(`"position":%d}`, position))
	})
	var last string
	for _, r := range k.ReadAll(t, w.prop(t, "offset.storage.topic")) {
		if strings.HasPrefix(string(r.Key), `["`+name+`",`) {
			last = fmt.Sprintf("%s = %s", r.Key, r.Value)
		}
	}
	return strings.ReplaceAll(answer+" "+last, name, "NAME")
}

// prop is a line of the worker's properties.
func (c *ConnectWorker) prop(t *testing.T, key string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.rec.Dir, "worker.properties"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(key) + `=(.*)$`).FindStringSubmatch(string(text))
	if m == nil {
		t.Fatalf("the worker has no %s", key)
	}
	return m[1]
}

// TestFileStream_SourceAsConnect lets the real worker and ours read the same files (SF-020 to SF-026).
func TestFileStream_SourceAsConnect(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a Connect worker; not in short mode")
	}
	k := Kafka(t)
	prefix, dir := k.TopicPrefix(t), t.TempDir()
	workers := fileWorkers(t, k)
	odd, plain := filepath.Join(dir, "odd.txt"), filepath.Join(dir, "plain.txt")
	name := func(kind, what string) string { return prefix + "-" + kind + "-" + what }
	for kind, w := range workers {
		create := func(what, file string, more map[string]string) {
			config := map[string]string{"connector.class": "FileStreamSource", "file": file, "topic": name(kind, what),
				"key.converter": stringConverter, "value.converter": stringConverter}
			for key, v := range more {
				config[key] = v
			}
			w.Create(t, name(kind, what), config)
		}
		create("odd", odd, nil)
		create("json", odd, map[string]string{"key.converter": jsonConverter, "value.converter": jsonConverter})
		create("plain", plain, map[string]string{"batch.size": "3"})
	}
	compare := func(what string, n int) {
		t.Helper()
		ours := topicLines(t, k, workers["ours"], name("ours", what), n)
		theirs := topicLines(t, k, workers["connect"], name("connect", what), n)
		sameLines(t, what, ours, theirs)
	}
	// The files come later than the connectors.
	oddLines := []string{"\ufefffirst", "", "größe 漢字 😀", "a\rb\r\nc", "", "nul \x00 tab\t \x7f \u2028 \u0085 \v\f",
		"bad \xff\xfe, \xc3, \xe2\x82, \xe2\x82\xacx, \xf0\x9f\x98, \xed\xa0\x80, \xc0\x80, \xf8\x88\x80\x80\x80, \xf4\x90\x80\x80 end",
		strings.Repeat("long ", 500), strings.Repeat("ä", 70_000), `quote " \ / <>&'`, "\r", "last"}
	appendFile(t, odd, strings.Join(oddLines, "\n")+"\nunfinished ü")
	appendFile(t, plain, "one\ntwo\nthree\n")
	compare("odd", 14)
	compare("json", 14)
	compare("plain", 3)
	appendFile(t, odd, " finished\r")
	appendFile(t, plain, "four\r\nfive\n")
	compare("plain", 5)
	appendFile(t, odd, "\nend\n")
	compare("odd", 16)
	compare("json", 16)
	offsets := func(position int) {
		t.Helper()
		ours := storedOffset(t, k, workers["ours"], name("ours", "plain"), position)
		if theirs := storedOffset(t, k, workers["connect"], name("connect", "plain"), position); ours != theirs {
			t.Errorf("offsets\nours    %s\nConnect %s", ours, theirs)
		}
	}
	offsets(25)
	// A restart goes on behind the position.
	for kind, w := range workers {
		rest(t, w, http.MethodPost, connectorPath(name(kind, "plain"), "/tasks/0/restart"), nil, http.StatusNoContent)
		w.WaitRunning(t, name(kind, "plain"))
	}
	appendFile(t, plain, "six\n")
	compare("plain", 6)
	offsets(29)
	// A source without a topic of its own is refused alike.
	var answers []string
	for _, kind := range []string{"ours", "connect"} {
		for _, topic := range []map[string]string{nil, {"topic": ""}, {"topic": "x", "batch.size": "many"}} {
			config := map[string]string{"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "file": plain, "name": "refused"}
			for key, v := range topic {
				config[key] = v
			}
			answers = append(answers, rest(t, workers[kind], http.MethodPut, "/connectors/refused/config", config, http.StatusBadRequest))
		}
	}
	sameLines(t, "refusals", answers[:3], answers[3:])
}

// fileSinkRecords are values of every shape, for JsonConverter with schemas.
func fileSinkValues() []string {
	return []string{
		`{"schema":{"type":"string"},"payload":"first"}`,
		`{"schema":{"type":"string"},"payload":"two\nlines\r\n\t ü 漢 😀 \u0000 \ud800 x"}`,
		`{"schema":{"type":"string","optional":true},"payload":null}`,
		`{"schema":{"type":"int8"},"payload":-3}`, `{"schema":{"type":"int16"},"payload":300}`,
		`{"schema":{"type":"int32"},"payload":7}`, `{"schema":{"type":"int64"},"payload":9223372036854775807}`,
		`{"schema":{"type":"float"},"payload":1.1}`, `{"schema":{"type":"float"},"payload":1e10}`, `{"schema":{"type":"double"},"payload":1e-7}`,
		`{"schema":{"type":"double"},"payload":100}`, `{"schema":{"type":"boolean"},"payload":true}`,
		`{"schema":{"type":"array","items":{"type":"int32"}},"payload":[1,2,3]}`,
		`{"schema":{"type":"array","items":{"type":"string","optional":true}},"payload":["a",null,""]}`,
		`{"schema":{"type":"map","keys":{"type":"string"},"values":{"type":"int32"}},"payload":{"one":1,"two":2,"three":3,"four":4,"five":5}}`,
		`{"schema":{"type":"map","keys":{"type":"int32"},"values":{"type":"string"}},"payload":[[1,"a"],[20,"b"],[3,"c"]]}`,
		`{"schema":{"type":"struct","fields":[{"field":"a","type":"int32"},{"field":"b","type":"string","optional":true},` +
			`{"field":"in","type":"struct","optional":true,"fields":[{"field":"x","type":"boolean"},{"field":"y","type":"string","optional":true}]},` +
			`{"field":"l","type":"array","optional":true,"items":{"type":"struct","fields":[{"field":"z","type":"int8"}]}}]},` +
			`"payload":{"a":1,"b":null,"in":{"x":true,"y":null},"l":[{"z":1},{"z":2}]}}`,
		`{"schema":{"type":"struct","fields":[]},"payload":{}}`,
		`{"schema":{"type":"struct","name":"d.E","fields":[{"field":"d","type":"string","optional":true,"default":"dflt"}]},"payload":{"d":null}}`,
		`{"schema":{"type":"int32","name":"org.apache.kafka.connect.data.Date","version":1},"payload":19000}`,
		`{"schema":{"type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1},"payload":1700000000123}`,
		`{"schema":{"type":"int32","name":"org.apache.kafka.connect.data.Time","version":1},"payload":3600001}`,
		`{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}},"payload":"MDk="}`,
		`{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"9"}},"payload":"AQ=="}`,
		`{"schema":{"type":"struct","fields":[{"field":"t","type":"int64","name":"org.apache.kafka.connect.data.Timestamp"},{"field":"dec","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"-2"}}]},"payload":{"t":0,"dec":"AQ=="}}`,
		`{"schema":{"type":"bytes"},"payload":"AQID"}`,
		`{"schema":{"type":"struct","fields":[{"field":"raw","type":"bytes"},{"field":"n","type":"int32"}]},"payload":{"raw":"AQID","n":1}}`,
		`{"schema":{"type":"array","items":{"type":"bytes"}},"payload":["AQID","/w=="]}`,
		`{"schema":null,"payload":{"z":1,"a":[1.5,true,null,{"q":"r"}],"long":12345678901,"s":"x, y=z","e":{}}}`,
		`{"schema":null,"payload":1.50}`,
		`{"schema":null,"payload":"plain"}`,
	}
}

var arrayObject = regexp.MustCompile(`\[B@[0-9a-f]+`)

// TestFileStream_SinkAsConnect lets the real worker and ours write the same topic (SF-030 to SF-032).
func TestFileStream_SinkAsConnect(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a Connect worker; not in short mode")
	}
	k := Kafka(t)
	prefix, dir := k.TopicPrefix(t), t.TempDir()
	values, texts := prefix+"-json", prefix+"-text"
	cl := k.Client(t, kgo.UnknownTopicRetries(20))
	if _, err := kadm.NewClient(cl).CreateTopics(t.Context(), 1, 1, nil, values, texts); err != nil {
		t.Fatal(err)
	}
	last := prefix + " last"
	recs := []*kgo.Record{}
	for _, v := range fileSinkValues() {
		recs = append(recs, &kgo.Record{Topic: values, Value: []byte(v)})
	}
	recs = append(recs, &kgo.Record{Topic: values, Key: []byte("k"), Value: nil},
		&kgo.Record{Topic: values, Value: []byte(`{"schema":{"type":"string"},"payload":"` + last + `"}`)},
		&kgo.Record{Topic: texts, Value: []byte(prefix + " bad \xff\xfe, \xc3, \xe2\x82, \xe2\x82\xacx, \xf0\x9f\x98, \xed\xa0\x80, \xc0\x80, \xf8\x88\x80\x80\x80, \xf4\x90\x80\x80 ü😀 end")},
		&kgo.Record{Topic: texts, Value: nil}, &kgo.Record{Topic: texts, Value: []byte{}},
		&kgo.Record{Topic: texts, Value: []byte(last)})
	for _, r := range recs {
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]map[string]string{}
	for kind, w := range fileWorkers(t, k) {
		out := map[string]string{}
		got[kind] = out
		for _, c := range []struct{ what, topic, converter string }{{"json", values, jsonConverter}, {"text", texts, stringConverter},
			{"bytes", texts, "org.apache.kafka.connect.converters.ByteArrayConverter"}, {"stdout", texts, stringConverter}} {
			file, n := filepath.Join(dir, kind+"-"+c.what), 0
			config := map[string]string{"connector.class": "FileStreamSink", "topics": c.topic, "file": file, "key.converter": stringConverter,
				"value.converter": c.converter, "consumer.override.fetch.max.wait.ms": "50"}
			switch c.what {
			case "stdout":
				delete(config, "file")
				file = w.Log()
			case "json":
				appendFile(t, file, "was there\n")
			}
			w.Create(t, prefix+"-"+kind+"-"+c.what, config)
			for _, r := range recs {
				if r.Topic == c.topic {
					n++
				}
			}
			waitFor(t, w, "the lines of "+c.what, 40*time.Second, func() bool {
				raw, err := os.ReadFile(file)
				text := string(raw)
				out[c.what] = text
				switch c.what {
				case "stdout":
					var mine []string
					for line := range strings.Lines(text) {
						if strings.HasPrefix(line, prefix+" ") {
							mine = append(mine, line)
						}
					}
					out[c.what] = strings.Join(mine, "")
					return err == nil && len(mine) == 2
				case "bytes":
					return err == nil && strings.Count(text, "\n") == n
				}
				return err == nil && strings.HasSuffix(text, last+"\n")
			})
		}
		// Java writes the identity of array objects; ours base64, and [B within other values.
		out["json"] = strings.ReplaceAll(arrayObject.ReplaceAllString(out["json"], "[B"), "\nAQID\n", "\n[B\n")
		out["bytes"] = arrayObject.ReplaceAllString(out["bytes"], "BYTES")
		if kind == "ours" {
			lines := strings.Split(out["bytes"], "\n")
			for i, line := range lines[:len(lines)-1] {
				if line != "null" {
					lines[i] = "BYTES"
				}
			}
			out["bytes"] = strings.Join(lines, "\n")
		}
	}
	for _, what := range slices.Sorted(maps.Keys(got["ours"])) {
		sameLines(t, what, strings.Split(got["ours"][what], "\n"), strings.Split(got["connect"][what], "\n"))
	}
}
