package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/testenv"
)

// Ours leads a group with a Java worker: the Java worker sends its requests to us, signed, and
// both run what the other made. Classes that nobody knows are FAILED wherever they are.
func TestDaemon_JavaWorkerInAGroupThatWeLead(t *testing.T) {
	k := testenv.Kafka(t)
	prefix := k.TopicPrefix(t)
	ours := startWorker(t, Options{WorkerFile: workerFile(t, k.Bootstrap(), prefix)})
	dir := t.TempDir()
	const n = 4
	file := func(i int) string { return filepath.Join(dir, fmt.Sprint("in", i)) }
	topic := func(i, version int) string { return fmt.Sprintf("%s-lines-%d-%d", prefix, i, version) }
	add := func(text string) {
		t.Helper()
		for i := range n {
			f, err := os.OpenFile(file(i), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
			if err == nil {
				_, err = f.WriteString(text + "\n")
			}
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	put := func(url string, i, version int) {
		t.Helper()
		waitFor(t, "an answer that is no 409", func() bool {
			code, body := get(t, "PUT", fmt.Sprintf("%s/connectors/c%d/config", url, i), `{"connector.class":"FileStreamSource","file":"`+file(i)+`","topic":"`+topic(i, version)+`"}`)
			if code >= 300 && code != 409 {
				t.Fatalf("%d %s", code, body)
			}
			return code < 300
		})
	}
	add("one")
	var topics []string
	for i := range n {
		topics = append(topics, topic(i, 1), topic(i, 2))
	}
	if _, err := kadm.NewClient(k.Client(t)).CreateTopics(t.Context(), 1, 1, nil, topics...); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		put(ours.url, i, 1)
	}
	// Connectors of other workers' plugins, as the topic may hold them.
	var recs []*kgo.Record
	for _, name := range []string{"c0-alien", "c2-alien", "z-alien"} {
		for _, r := range [][2]string{{"connector-" + name, `{"properties":{"connector.class":"com.acme.Unknown","name":"` + name + `"}}`},
			{"task-" + name + "-0", `{"properties":{"task.class":"com.acme.UnknownTask"}}`}, {"commit-" + name, `{"tasks":1}`}} {
			recs = append(recs, &kgo.Record{Topic: prefix + "-configs", Key: []byte(r[0]), Value: []byte(r[1])})
		}
	}
	if err := k.Client(t).ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	java := testenv.PrivateConnect(t, k, testenv.ConnectOptions{Plugins: []string{"connect-file"}, Heap: "256m", Props: map[string]string{
		"group.id": prefix + "-group", "config.storage.topic": prefix + "-configs", "offset.storage.topic": prefix + "-offsets", "status.storage.topic": prefix + "-status",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"offset.storage.partitions": "25", "status.storage.partitions": "5", "offset.flush.interval.ms": "200", "scheduled.rebalance.max.delay.ms": "0",
	}})
	owners := func() map[string]int {
		out := map[string]int{}
		for i := range n {
			_, body := get(t, "GET", fmt.Sprintf("%s/connectors/c%d/status", ours.url, i), "")
			if strings.Count(body, `"state":"RUNNING"`) != 2 {
				return nil
			}
			for _, id := range workerIDs.FindAllString(body, -1) {
				out[id]++
			}
		}
		return out
	}
	waitFor(t, "both to run connectors and tasks", func() bool { return len(owners()) == 2 })
	add("two")
	// The old task may have read a line before it was replaced: both topics together hold each once.
	holds := func(want ...string) {
		t.Helper()
		for i := range n {
			var got []string
			waitFor(t, "lines of "+file(i), func() bool {
				got = nil
				for version := 1; version <= 2; version++ {
					for _, r := range k.ReadAll(t, topic(i, version)) {
						got = append(got, string(r.Value))
					}
				}
				return len(got) >= len(want)
			})
			if strings.Join(got, ",") != strings.Join(want, ",") {
				t.Errorf("topics %d hold %q, want %q", i, got, want)
			}
		}
	}
	holds("one", "two")
	for i := range n { // the Java worker forwards this to us, and its connectors send us their tasks
		put(java.URL(), i, 2)
	}
	waitFor(t, "everything to run again", func() bool { return len(owners()) == 2 })
	waitFor(t, "the new configurations at the tasks", func() bool {
		for i := range n {
			if _, body := get(t, "GET", fmt.Sprintf("%s/connectors/c%d/tasks", java.URL(), i), ""); !strings.Contains(body, topic(i, 2)) {
				return false
			}
		}
		return true
	})
	add("three")
	holds("one", "two", "three")
	for _, name := range []string{"c0-alien", "c2-alien", "z-alien"} {
		waitFor(t, name+" to be FAILED on both", func() bool {
			_, a := get(t, "GET", ours.url+"/connectors/"+name+"/status", "")
			_, b := get(t, "GET", java.URL()+"/connectors/"+name+"/status", "")
			return strings.Count(a, `"state":"FAILED"`) == 2 && strings.Count(b, `"state":"FAILED"`) == 2 && strings.Contains(a, "com.acme.Unknown")
		})
	}
	// Restarts find their owner from either side, pauses are taken from either side.
	for i := range n {
		for _, at := range []string{ours.url, java.URL()} {
			c := fmt.Sprintf("%s/connectors/c%d", at, i)
			for _, call := range []struct {
				method, path string
				code         int
			}{{"POST", "/tasks/0/restart", 204}, {"POST", "/restart", 204}, {"POST", "/restart?includeTasks=true", 202}, {"PUT", "/pause", 202}, {"PUT", "/resume", 202}} {
				waitFor(t, call.path, func() bool {
					code, body := get(t, call.method, c+call.path, "")
					if code != call.code && code != 409 {
						t.Fatalf("%s %s: %d %s", call.method, c+call.path, code, body)
					}
					return code == call.code
				})
			}
		}
	}
	waitFor(t, "everything to run again", func() bool { return len(owners()) == 2 })
	add("four")
	holds("one", "two", "three", "four")
	began := time.Now()
	if err := ours.stop(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the Java worker to have all", func() bool {
		for i := range n {
			_, body := get(t, "GET", fmt.Sprintf("%s/connectors/c%d/status", java.URL(), i), "")
			if strings.Count(body, `"state":"RUNNING"`) != 2 || strings.Count(body, strings.TrimPrefix(java.URL(), "http://")) != 2 {
				return false
			}
		}
		return true
	})
	t.Logf("the Java worker had everything %v after our stop", time.Since(began))
	add("five")
	holds("one", "two", "three", "four", "five")
}
