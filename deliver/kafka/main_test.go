package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

func TestMain(m *testing.M) {
	records.Poison.Store(true)
	os.Exit(m.Run())
}

// fakeBroker starts a broker in this process.
func fakeBroker(t testing.TB, topics ...string) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics...), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func producerConfig(t testing.TB, addrs []string, props ...string) Config {
	t.Helper()
	m := map[string]string{"bootstrap.servers": strings.Join(addrs, ",")}
	for i := 0; i < len(props); i += 2 {
		m[props[i]] = props[i+1]
	}
	s := kafkaprops.Producer(m)
	if len(s.Problems) > 0 {
		t.Fatal(s.Problems)
	}
	cfg := FromSettings(s)
	cfg.NewKey, cfg.NewValue = factory(t, converters.LongClass), factory(t, converters.JSONClass, "schemas.enable", "false")
	return cfg
}

func factory(t testing.TB, class string, cfg ...string) func() converters.Converter {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(cfg); i += 2 {
		m[cfg[i]] = cfg[i+1]
	}
	f, err := converters.New(class, m, false)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// openSink opens a sink and closes it at the end of the test.
func openSink(t testing.TB, cfg Config) *Sink {
	t.Helper()
	s := New(cfg, deliver.Env{Connector: "c"})
	if err := s.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// consume reads n records of a topic from its start.
func consume(t testing.TB, addrs []string, topic string, n int) []*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out []*kgo.Record
	for len(out) < n {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("topic %s has %d records, want %d", topic, len(out), n)
		}
		fs.EachRecord(func(r *kgo.Record) { out = append(out, r) })
	}
	return out
}

// numbers makes a batch of rows for one topic; the key is the number too.
func numbers(topic string, from, to int) *records.Batch {
	b := records.NewBatch(records.Origin{Table: topic})
	ti := b.TopicIndex(topic)
	for i := from; i < to; i++ {
		b.Records = append(b.Records, records.Record{Topic: ti, Key: records.Int64Value(int64(i)), Value: records.Int64Value(int64(i)),
			Partition: records.NoPartition, Timestamp: records.NoTimestamp})
	}
	return b
}

// fakeTarget runs the contract suite against kfake.
type fakeTarget struct {
	c   *kfake.Cluster
	cfg Config
}

func (f *fakeTarget) NewSink(*testing.T) deliver.Sink { return New(f.cfg, deliver.Env{Connector: "c"}) }
func (f *fakeTarget) NewBatch(_ *testing.T, lane string, from, to int) *records.Batch {
	return numbers(lane, from, to)
}

func (f *fakeTarget) Rows(t *testing.T, lane string) []int {
	cl, err := kgo.NewClient(kgo.SeedBrokers(f.c.ListenAddrs()...), kgo.ConsumeTopics(lane), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	info := f.c.PartitionInfo(lane, 0)
	if info == nil {
		return nil
	}
	var rows []int
	for len(rows) < int(info.HighWatermark) {
		cl.PollFetches(t.Context()).EachRecord(func(r *kgo.Record) { rows = append(rows, int(binary.BigEndian.Uint64(r.Key))) })
		if t.Context().Err() != nil {
			break
		}
	}
	return rows
}

// Block makes the broker drop every produce request.
func (f *fakeTarget) Block(*testing.T) func() {
	var open atomic.Bool
	f.c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.c.KeepControl()
		if open.Load() {
			return nil, nil, false
		}
		return nil, errors.New("blocked"), true
	})
	return func() { open.Store(true) }
}
