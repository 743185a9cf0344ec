package testenv

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestWorker_BouncesWithoutLoss stops and kills two workers by turns while a file flows to a file.
// A clean stop repeats nothing; a kill may.
func TestWorker_BouncesWithoutLoss(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker; not in short mode")
	}
	t.Parallel()
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprintf("clean %v", clean), func(t *testing.T) {
			b := newBand(t, 2)
			in, out := &textFile{path: filepath.Join(b.dir, "in")}, filepath.Join(b.dir, "out")
			in.grow(t, 10)
			source, sink, paused := b.group+"-source", b.group+"-sink", b.group+"-paused"
			ask := b.workers[0]
			b.put(t, ask, source, fileSource(in.path, b.group+"-lines"))
			b.put(t, ask, sink, with(fileSink(out, b.group+"-lines"), "consumer.override.fetch.max.wait.ms", "50", "consumer.override.session.timeout.ms", "6000"))
			lines := func() []string {
				raw, _ := os.ReadFile(out)
				return strings.Fields(strings.ReplaceAll(string(raw), "line ", ""))
			}
			arrives := func(w *ConnectWorker) {
				t.Helper()
				in.grow(t, 10)
				last := itoa6(in.n)
				waitFor(t, w, "the last line", 40*time.Second, func() bool { l := lines(); return len(l) > 0 && l[len(l)-1] == last })
			}
			arrives(ask)
			b.put(t, ask, paused, fileSource(in.path, b.group+"-unused"))
			ask.WaitRunning(t, paused)
			b.call(t, ask, http.MethodPut, connectorPath(paused, "/pause"), nil, http.StatusAccepted)
			for round := range 4 {
				w := b.workers[round%2]
				in.grow(t, 10)
				if clean {
					w.Stop(t)
				} else {
					w.Kill(t)
				}
				arrives(b.workers[1-round%2])
				w.Start(t)
				arrives(w)
			}
			// A pause outlives everybody.
			waitForText(t, ask, "200 PAUSED PAUSED", func() string {
				s, code, _ := ask.status(t.Context(), paused)
				text := fmt.Sprint(code, " ", s.Connector.State)
				for _, task := range s.Tasks {
					text += " " + task.State
				}
				return text
			})
			seen := map[string]int{}
			for _, l := range lines() {
				seen[l]++
			}
			for i := 1; i <= in.n; i++ {
				switch n := seen[itoa6(i)]; {
				case n == 0:
					t.Errorf("line %d is lost", i)
				case n > 1 && clean:
					t.Errorf("line %d is there %d times after clean stops", i, n)
				}
			}
		})
	}
}

// TestWorker_InternalTopics starts on internal topics that do not fit, on topics that are missing,
// and on ones that were made by hand.
func TestWorker_InternalTopics(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker; not in short mode")
	}
	t.Parallel()
	k := Kafka(t)
	admin := kadm.NewClient(k.Client(t))
	bin, err := Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	compact, remove := "compact", "delete"
	for name, c := range map[string]struct {
		policy     map[string]*string // by kind; made by hand
		partitions int32
		props      map[string]string
		says       []string // and ends
	}{
		"none":                 {},
		"all by hand":          {policy: map[string]*string{"config": &compact, "offset": &compact, "status": &compact}, partitions: 1},
		"config deletes":       {policy: map[string]*string{"config": &remove}, partitions: 1, says: []string{"config.storage.topic", "cleanup.policy"}},
		"offsets delete":       {policy: map[string]*string{"offset": &remove}, partitions: 3, says: []string{"offset.storage.topic", "cleanup.policy"}},
		"statuses delete":      {policy: map[string]*string{"status": &remove}, partitions: 3, says: []string{"status.storage.topic", "cleanup.policy"}},
		"config of two":        {policy: map[string]*string{"config": &compact}, partitions: 2, says: []string{"config.storage.topic", "partition"}},
		"settings":             {props: map[string]string{"offset.storage.partitions": "7", "status.storage.partitions": "2", "offset.storage.max.message.bytes": "2000000", "config.storage.min.insync.replicas": "1"}},
		"policy by the worker": {props: map[string]string{"offset.storage.cleanup.policy": "delete"}},
	} {
		t.Run(name, func(t *testing.T) {
			id := strings.Trim(unique("topics"), "-_")
			props := map[string]string{"group.id": id, "offset.flush.interval.ms": "500", "heartbeat.interval.ms": "300"}
			for _, kind := range []string{"config", "offset", "status"} {
				props[kind+".storage.topic"] = id + "-" + kind
				if p := c.policy[kind]; p != nil {
					if _, err := admin.CreateTopic(t.Context(), c.partitions, 1, map[string]*string{"cleanup.policy": p}, id+"-"+kind); err != nil {
						t.Fatal(err)
					}
				}
			}
			maps.Copy(props, c.props)
			if c.says != nil {
				maps.Copy(props, map[string]string{"bootstrap.servers": k.Bootstrap(), "key.converter": jsonConverter, "value.converter": jsonConverter, "listeners": "http://127.0.0.1:0"})
				for _, kind := range []string{"config", "offset", "status"} {
					props[kind+".storage.replication.factor"] = "1"
				}
				file := filepath.Join(t.TempDir(), "worker.properties")
				if err := writeProps(file, props); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := patience(t, 30*time.Second)
				defer cancel()
				text, err := run(ctx, command{path: bin, args: []string{"run", file}, dir: filepath.Dir(file)})
				if err == nil || ctx.Err() != nil {
					t.Errorf("the worker did not end: %v", err)
				}
				for _, word := range c.says {
					if !strings.Contains(text+fmt.Sprint(err), word) {
						t.Errorf("it does not say %q: %s %v", word, text, err)
					}
				}
				return
			}
			PrivateAnabranch(t, k, AnabranchOptions{Props: props})
			for _, kind := range []string{"config", "offset", "status"} {
				settings := topicSettings(t, k, id+"-"+kind)
				if !strings.Contains(settings, "cleanup.policy=compact") {
					t.Errorf("%s: %s", kind, settings)
				}
				t.Logf("%s: %s", kind, settings)
			}
		})
	}
}

// TestWorker_HugeConfigurations sends what is too big for a record, and thousands of keys.
func TestWorker_HugeConfigurations(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker; not in short mode")
	}
	t.Parallel()
	l := newLittered(t, ourWorker)
	file := fileSource(l.victim.path, l.id+"-victim")
	put := func(name string, config map[string]string) (int, string) {
		t.Helper()
		ctx, cancel := patience(t, 60*time.Second)
		defer cancel()
		code, body, err := l.w.Call(ctx, http.MethodPut, connectorPath(name, "/config"), config)
		if err != nil {
			t.Fatal(err)
		}
		return code, string(body)
	}
	code, body := put("ten-megabytes", with(file, "note", strings.Repeat("x", 10<<20)))
	if code != http.StatusInternalServerError || len(body) > 2000 || strings.Contains(body, "xxxxx") {
		t.Errorf("10 MB: %d %.500s", code, body)
	}
	rest(t, l.w, http.MethodGet, "/connectors/ten-megabytes", nil, http.StatusNotFound)
	l.flows(t)
	code, body = put(l.hurt(), with(file, "note", strings.Repeat("x", 2<<20)))
	if code != http.StatusInternalServerError {
		t.Errorf("2 MB over a connector: %d %.500s", code, body)
	}
	l.w.WaitRunning(t, l.hurt())
	many := maps.Clone(file)
	for i := range 5000 {
		many[fmt.Sprintf("some.key.%04d", i)] = "v"
	}
	many["topic"] = l.id + "-many"
	if code, body = put("many", many); code != http.StatusCreated {
		t.Errorf("5,000 keys: %d %.500s", code, body)
	}
	l.w.WaitRunning(t, "many")
	var back map[string]string
	if err := json.Unmarshal([]byte(rest(t, l.w, http.MethodGet, "/connectors/many/config", nil, http.StatusOK)), &back); err != nil || len(back) != len(many)+1 {
		t.Errorf("%d keys come back, want %d: %v", len(back), len(many)+1, err)
	}
	aliases := make([]string, 500)
	chained := maps.Clone(file)
	for i := range aliases {
		aliases[i] = fmt.Sprintf("t%03d", i)
		chained["transforms."+aliases[i]+".type"] = smt + "InsertHeader"
		chained["transforms."+aliases[i]+".header"] = aliases[i]
		chained["transforms."+aliases[i]+".value.literal"] = "1"
	}
	chained["transforms"], chained["topic"] = strings.Join(aliases, ","), l.id+"-chained"
	if code, body = put("chained", chained); code != http.StatusCreated {
		t.Errorf("500 transforms: %d %.500s", code, body)
	}
	l.w.WaitRunning(t, "chained")
	waitFor(t, l.w, "a record with 500 headers", 20*time.Second, func() bool {
		recs, err := l.k.readAll(t.Context(), []string{l.id + "-chained"})
		return err == nil && len(recs) > 0 && len(recs[0].Headers) == 500
	})
	if code, body = put(strings.Repeat("n", 300), file); code >= 500 {
		t.Errorf("a name of 300 letters: %d %.300s", code, body)
	}
	l.flows(t)
	l.w.Kill(t)
	l.w.Start(t)
	l.flows(t)
}
