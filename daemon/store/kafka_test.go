package store

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

var quiet = slog.New(slog.DiscardHandler)

func broker(t *testing.T) []kgo.Opt {
	t.Helper()
	_, opts := cluster(t)
	return opts
}

func cluster(t *testing.T) (*kfake.Cluster, []kgo.Opt) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, []kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func kafkaLog(name string, partitions int32, opts []kgo.Opt) *KafkaLog {
	return NewKafkaLog(configs.Topic{Name: name, Partitions: partitions, Replication: 1}, partitions == 1, opts, quiet)
}

// dump reads a topic as partition, key, value.
func dump(t *testing.T, opts []kgo.Opt, topic string, n int) []string {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var out []string
	ctx := within(t)
	for len(out) < n {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("only %d of %d records: %q", len(out), n, out)
		}
		fs.EachRecord(func(r *kgo.Record) {
			v := "<null>"
			if r.Value != nil {
				v = string(r.Value)
			}
			out = append(out, strings.Join([]string{string(rune('0' + r.Partition)), string(r.Key), v}, " "))
		})
	}
	return out
}

func TestConfigs_RecordsAreConnects(t *testing.T) {
	opts := broker(t)
	c := NewConfigs(kafkaLog("configs", 1, opts), quiet)
	ctx := within(t)
	if err := c.Open(ctx); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		c.PutConnector(ctx, "a-b", map[string]string{"name": "a-b", "connector.class": "X"}, Stopped),
		c.PutTarget(ctx, "a-b", Started),
		c.PutTasks(ctx, "a-b", []map[string]string{{"task.class": "T"}, {"k": "v<>"}}),
		c.PutTasks(ctx, "a-b", nil),
		c.PutTarget(ctx, "a-b", Paused),
		c.DeleteConnector(ctx, "a-b"),
		c.PutConnector(ctx, "z", map[string]string{"name": "z"}, ""),
		c.PutTasks(ctx, "z", []map[string]string{{"n": "0"}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`0 target-state-a-b {"state":"PAUSED","state.v2":"STOPPED"}`,
		`0 connector-a-b {"properties":{"connector.class":"X","name":"a-b"}}`,
		`0 target-state-a-b {"state":"STARTED","state.v2":"STARTED"}`,
		`0 task-a-b-0 {"properties":{"task.class":"T"}}`,
		`0 task-a-b-1 {"properties":{"k":"v<>"}}`,
		`0 commit-a-b {"tasks":2}`,
		`0 commit-a-b {"tasks":0}`,
		`0 target-state-a-b {"state":"PAUSED","state.v2":"PAUSED"}`,
		`0 connector-a-b <null>`,
		`0 target-state-a-b <null>`,
		`0 connector-z {"properties":{"name":"z"}}`,
		`0 task-z-0 {"properties":{"n":"0"}}`,
		`0 commit-z {"tasks":1}`,
	}
	if d := cmp.Diff(want, dump(t, opts, "configs", len(want))); d != "" {
		t.Error(d)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	again := NewConfigs(kafkaLog("configs", 1, opts), quiet)
	if err := again.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if d := cmp.Diff([]string{"z"}, again.Names()); d != "" {
		t.Error(d)
	}
	z, _ := again.Get("z")
	if len(z.Tasks) != 1 || z.Tasks[0]["n"] != "0" || z.Target != Started || z.Applied["name"] != "z" {
		t.Errorf("%+v", z)
	}
}

func TestOffsets_KeepForeignKeyBytes(t *testing.T) {
	opts := broker(t)
	o := NewOffsets(kafkaLog("offsets", 25, opts), quiet)
	ctx := within(t)
	if err := o.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	// A key in an order that Java's HashMap would not give, written by someone else.
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	foreign := `["c", {"database":"d","server":"s"}]`
	for _, v := range []string{`{"lsn":1}`, `not json`, `{"lsn":2,"f":1.50}`} {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "offsets", Key: []byte(foreign), Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := o.Load(ctx, "c")
	if err != nil {
		t.Fatal(err)
	}
	want := []records.Position{{
		Partition: records.Doc{{Key: "database", Value: "d"}, {Key: "server", Value: "s"}},
		Offset:    records.Doc{{Key: "lsn", Value: int64(2)}, {Key: "f", Value: 1.5}}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	err = o.Store(ctx, "c", []records.Position{
		{Partition: records.Doc{{Key: "server", Value: "s"}, {Key: "database", Value: "d"}}, Offset: records.Doc{{Key: "lsn", Value: int64(3)}}},
		{Partition: records.Doc{{Key: "server", Value: "s"}, {Key: "database", Value: "new"}}, Offset: records.Doc{{Key: "b", Value: "<&>"}, {Key: "a", Value: true}}},
		{},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := dump(t, opts, "offsets", 5)
	has := func(rec string) {
		t.Helper()
		for _, r := range all {
			if r[2:] == rec || r == rec {
				return
			}
		}
		t.Errorf("no record %s in %q", rec, all)
	}
	has(foreign + ` {"lsn":3}`)
	has(`["c",{"server":"s","database":"new"}] {"b":"<&>","a":true}`)
	if err := o.Store(ctx, "c", []records.Position{{Partition: want[0].Partition}}); err != nil {
		t.Fatal(err)
	}
	if got, _ := o.Load(ctx, "c"); len(got) != 1 {
		t.Errorf("tombstone left %v", got)
	}
}

// The partitions of CW-179: another partitioner would break "last one wins" across workers.
func TestOffsets_PartitionerIsJavas(t *testing.T) {
	opts := broker(t)
	l := kafkaLog("offsets", 25, opts)
	o := NewOffsets(l, quiet)
	ctx := within(t)
	if err := o.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for connector, c := range map[string]struct {
		server string
		want   int64
	}{"c1": {"dbserver1", 3}, "inventory": {"inventory", 13}} {
		err := o.Store(ctx, connector, []records.Position{{Partition: records.Doc{{Key: "server", Value: c.server}}, Offset: records.Doc{{Key: "pos", Value: int64(4)}}}})
		if err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		if l.next[c.want] != 1 {
			t.Errorf("%s is not on partition %d: %v", connector, c.want, l.next)
		}
		l.mu.Unlock()
	}
}

func TestStatuses_RecordsAreConnects(t *testing.T) {
	opts := broker(t)
	s := NewStatuses(kafkaLog("status", 5, opts), "host:8083", 1, quiet)
	s.now = func() time.Time { return time.UnixMilli(1700000000000) }
	ctx := within(t)
	if err := s.Open(ctx); err != nil {
		t.Fatal(err)
	}
	s.ConnectorState("c", actors.Running, "")
	s.TaskState("c", 0, actors.Failed, "boom\n\tat x")
	s.UseTopic("c", 0, "t.a")
	if st, ok := s.Task("c", 0); !ok || st.State != actors.Failed {
		t.Error("a status must be seen at once")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(dump(t, opts, "status", 3), "\n")
	for _, want := range []string{
		`status-connector-c {"state":"RUNNING","trace":null,"worker_id":"host:8083","generation":1,"version":null}`,
		`status-task-c-0 {"state":"FAILED","trace":"boom\n\tat x","worker_id":"host:8083","generation":1,"version":null}`,
		`status-topic-t.a:connector-c {"topic":{"name":"t.a","connector":"c","task":0,"discoverTimestamp":1700000000000}}`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("missing %s in\n%s", want, all)
		}
	}
	again := NewStatuses(kafkaLog("status", 5, opts), "host:8083", 1, quiet)
	if err := again.Open(ctx); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"t.a"}, again.Topics("c")); d != "" {
		t.Error(d)
	}
	again.Remove("c")
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	last := NewStatuses(kafkaLog("status", 5, opts), "host:8083", 1, quiet)
	if err := last.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	if got := last.Connectors(); len(got) != 0 {
		t.Errorf("tombstones left %v", got)
	}
}

func TestKafkaLog_RefusesUnsafeTopics(t *testing.T) {
	opts := broker(t)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	ctx := within(t)
	for name, c := range map[string]struct {
		partitions int32
		policy     string
		want       string
	}{
		"deleting": {1, "delete", "cleanup.policy"},
		"both":     {1, "compact,delete", "cleanup.policy"},
		"wide":     {3, "compact", "exactly one partition"},
	} {
		if _, err := adm.CreateTopic(ctx, c.partitions, 1, map[string]*string{"cleanup.policy": &c.policy}, name); err != nil {
			t.Fatal(err)
		}
		err := kafkaLog(name, 1, opts).Open(ctx, func(Record) {})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A broker that takes a record and never answers must not hold up a commit or the end of the worker.
func TestKafkaLog_AppendEndsWithItsContext(t *testing.T) {
	c, opts := cluster(t)
	l := kafkaLog("offsets", 1, opts)
	if err := l.Open(within(t), func(Record) {}); err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		c.SleepControl(func() { <-hold })
		return nil, nil, false
	})
	t.Cleanup(func() { close(hold) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- l.Append(ctx, Record{Key: []byte("k"), Value: []byte("v")}) }()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "no answer") {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Append hangs")
	}
	closed := make(chan struct{})
	go func() {
		_ = l.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("Close hangs")
	}
}
