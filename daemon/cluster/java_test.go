package cluster

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/testenv"
)

// topicHost reads the real config topic; otherwise it is a host.
type topicHost struct {
	*host
	configs *store.Configs
}

func (h *topicHost) Configs() Configs {
	for {
		c := Configs{Offset: h.configs.Offset(), Tasks: map[string]int{}}
		for _, name := range h.configs.Names() {
			if x, ok := h.configs.Get(name); ok {
				c.Tasks[name] = len(x.Tasks)
			}
		}
		if h.configs.Offset() == c.Offset {
			return c
		}
	}
}

func (h *topicHost) ReadToEnd(ctx context.Context) error { return h.configs.Refresh(ctx) }

func (h *topicHost) Assigned(ctx context.Context, g Given) {
	h.set(func() { h.view.Offset = g.Offset }) // the base has no topic of its own
	h.host.Assigned(ctx, g)
}

func (w *world) joinTopic(t *testing.T, k *testenv.KafkaServer, topic string, cfg Config) *topicHost {
	t.Helper()
	cs := store.NewConfigs(store.NewKafkaLog(configs.Topic{Name: topic, Partitions: 1, Replication: 1}, true,
		[]kgo.Opt{kgo.SeedBrokers(k.Bootstrap())}, slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler))
	if err := cs.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cs.Close() })
	h := &topicHost{configs: cs}
	w.joinAs(t, k, "ours", cfg, h) // sets h.host
	return h
}

// described are the members of a group as the broker has them.
func described(t *testing.T, cl *kgo.Client, group string) *kmsg.DescribeGroupsResponseGroup {
	t.Helper()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{group}
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	return &resp.Groups[0]
}

// TestMember_BesideJava joins the group of a real worker, with either as the leader (CW-199 to CW-240).
func TestMember_BesideJava(t *testing.T) {
	if os.Getenv("ANABRANCH_SLOW") == "" {
		t.Skip("set ANABRANCH_SLOW=1 to run it")
	}
	k := testenv.Kafka(t)
	for _, protocol := range []Version{Sessioned, Compatible, Eager} {
		t.Run(protocol.String(), func(t *testing.T) {
			group := k.TopicPrefix(t)
			java := testenv.PrivateConnect(t, k, testenv.ConnectOptions{Heap: "256m", Plugins: []string{"connect-file"}, Props: map[string]string{
				"group.id": group, "config.storage.topic": group + "-configs", "offset.storage.topic": group + "-offsets", "status.storage.topic": group + "-status",
				"connect.protocol": protocol.String(), "session.timeout.ms": "3000", "heartbeat.interval.ms": "500",
			}})
			file := filepath.Join(t.TempDir(), "in")
			if err := os.WriteFile(file, []byte("line\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			for i := range 6 {
				java.Create(t, fmt.Sprintf("c%d", i), map[string]string{
					"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "file": file, "topic": group + "-out", "tasks.max": "1"})
			}
			cfg := quick(group)
			cfg.Protocol = protocol
			w := newWorld(t)
			ours := w.joinTopic(t, k, group+"-configs", cfg)
			half := func() error { return shared(t, java, ours, 3) }
			t.Logf("work shared after %s, Java leads", eventually(t, 30*time.Second, "work is shared", half))
			if _, url, me := ours.member.Leader(); me || url != java.URL()+"/" {
				t.Errorf("the leader is %s, ours %v", url, me)
			}
			same(t, ours.cl, group, ours.member.Protocol())

			java.Kill(t)
			t.Logf("all ours after %s", eventually(t, 30*time.Second, "all work is ours", func() error { return mustBe(len(ours.runs()) == 12, "%v", ours.runs().sorted()) }))
			if _, _, me := ours.member.Leader(); !me {
				t.Error("ours does not lead")
			}

			java.Start(t)
			t.Logf("work shared after %s, ours leads", eventually(t, 60*time.Second, "work is shared", half))
			same(t, ours.cl, group, ours.member.Protocol())
			if url, ok := ours.member.Owner(ours.away()); !ok || url != java.URL()+"/" {
				t.Errorf("%s runs on %q", ours.away(), url)
			}

			ours.leave(t)
			t.Logf("all Java's after %s", eventually(t, 60*time.Second, "all work is Java's", func() error { return shared(t, java, ours, 0) }))
		})
	}
}

// away is some work that runs elsewhere.
func (h *topicHost) away() Work {
	return h.Configs().all().minus(h.runs()).sorted()[0]
}

// shared tells whether ours runs n connectors and n tasks, and Java the other ones, going by the statuses.
func shared(t *testing.T, java *testenv.ConnectWorker, ours *topicHost, n int) error {
	runs := ours.runs()
	if len(runs) != 2*n {
		return fmt.Errorf("ours runs %v", runs.sorted())
	}
	code, body, err := java.Call(t.Context(), http.MethodGet, "/connectors?expand=status", nil)
	if err != nil || code != http.StatusOK {
		return fmt.Errorf("status %d: %s %v", code, body, err)
	}
	var all map[string]struct{ Status testenv.ConnectorStatus }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	var wrong []string
	for name, x := range all {
		if theirs := x.Status.Connector.State == "RUNNING"; theirs == runs.has(Instance(name)) {
			wrong = append(wrong, fmt.Sprintf("%s: %s, ours %v", name, x.Status.Connector.State, runs.has(Instance(name))))
		}
		for _, task := range x.Status.Tasks {
			// Java may leave RUNNING behind in a status of a task that it has just stopped.
			if theirs := task.State == "RUNNING"; !theirs && !runs.has(Work{name, task.ID}) {
				wrong = append(wrong, fmt.Sprintf("%s-%d: %s, ours %v", name, task.ID, task.State, runs.has(Work{name, task.ID})))
			}
		}
	}
	return mustBe(len(all) == 6 && len(wrong) == 0, "%d connectors, wrong %v", len(all), wrong)
}

// same compares bytes: what Java sent is what we would send, and reading loses nothing.
func same(t *testing.T, cl *kgo.Client, group string, v Version) {
	t.Helper()
	g := described(t, cl, group)
	if g.ProtocolType != ProtocolType || g.Protocol != v.Name() || len(g.Members) != 2 {
		t.Errorf("group %+v", g)
	}
	for _, m := range g.Members {
		md, err := ParseMetadata(m.ProtocolMetadata)
		if err != nil {
			t.Errorf("%s: %v", m.ClientID, err)
		}
		if diff := cmp.Diff(hex.EncodeToString(m.ProtocolMetadata), hex.EncodeToString(md.Append(nil, v))); diff != "" {
			t.Errorf("metadata of %s at %s: %s", m.ClientID, md.URL, diff)
		}
		a, err := ParseAssignment(m.MemberAssignment)
		if err != nil {
			t.Errorf("%s: %v", m.ClientID, err)
		}
		if diff := cmp.Diff(hex.EncodeToString(m.MemberAssignment), hex.EncodeToString(a.Append(nil, v))); diff != "" {
			t.Errorf("assignment of %s at %s: %s", m.ClientID, md.URL, diff)
		}
		t.Logf("%s: %+v, allocation %+v; assignment %+v", m.ClientID, md, md.Allocation, a)
	}
}
