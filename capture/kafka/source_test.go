package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/configs/javaregex"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

func TestMain(m *testing.M) {
	records.Poison.Store(true)
	os.Exit(m.Run())
}

func fakeBroker(t testing.TB, partitions int32, topics ...string) []string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topics...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

func factory(t testing.TB, class string, kv ...string) func() converters.Converter {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	f, err := converters.New(class, m, false)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func config(t testing.TB, addrs []string, props ...string) Config {
	t.Helper()
	m := map[string]string{"bootstrap.servers": strings.Join(addrs, ","), "fetch.max.wait.ms": "50", "heartbeat.interval.ms": "100", "metadata.max.age.ms": "200"}
	for i := 0; i < len(props); i += 2 {
		m[props[i]] = props[i+1]
	}
	st := kafkaprops.Consumer(m)
	if len(st.Problems) > 0 {
		t.Fatal(st.Problems)
	}
	cfg := FromSettings(st, "sink")
	cfg.Topics = []string{"a"}
	cfg.NewKey, cfg.NewValue = factory(t, converters.StringClass), factory(t, converters.JSONClass, "schemas.enable", "false")
	return cfg
}

func openSource(t testing.TB, cfg Config, hook func(context.Context, []string)) *Source {
	t.Helper()
	s := New(cfg, capture.Env{Connector: "sink"})
	if hook != nil {
		s.OnRevoke(hook)
	}
	if err := s.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func produce(t testing.TB, addrs []string, rs ...*kgo.Record) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(context.Background(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func rec(topic string, partition int32, value string, headers ...kgo.RecordHeader) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Key: []byte("k"), Value: []byte(value), Headers: headers, Timestamp: time.UnixMilli(1700000000000)}
}

// read reads frames until there are n rows or dropped records.
func read(t testing.TB, s *Source, upTo map[string]int64) []*records.Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out []*records.Frame
	for missing := len(upTo); missing > 0; {
		f, err := s.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
		p, _ := f.Position.Partition.Int("kafka_partition")
		o, _ := f.Position.Offset.Int("kafka_offset")
		if upTo[fmt.Sprintf("%s-%d", f.Position.Partition.Str("kafka_topic"), p)] == o {
			missing--
		}
	}
	return out
}

func committed(t testing.TB, addrs []string, topic string, partition int32) int64 {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	os, err := kadm.NewClient(cl).FetchOffsets(context.Background(), "connect-sink")
	if errors.Is(err, kerr.GroupIDNotFound) {
		return -1
	}
	if err != nil {
		t.Fatal(err)
	}
	o, ok := os.Lookup(topic, partition)
	if !ok {
		return -1
	}
	return o.At
}

func TestSource_ReadsCommitsAndResumes(t *testing.T) {
	addrs := fakeBroker(t, 2, "a")
	h := kgo.RecordHeader{Key: "h", Value: []byte("12")}
	produce(t, addrs, rec("a", 0, `{"x":1}`, h), rec("a", 0, `{"x":2}`, h), rec("a", 1, `"y"`), &kgo.Record{Topic: "a", Partition: 0})
	s := openSource(t, config(t, addrs), nil)
	frames := read(t, s, map[string]int64{"a-0": 3, "a-1": 1})
	for _, f := range frames {
		if len(f.Batches) != 1 {
			t.Fatal("a frame has one batch")
		}
		b := f.Batches[0]
		if b.Origin.Topic != "a" || b.Origin.Table != fmt.Sprintf("a-%d", b.Origin.Partition) {
			t.Errorf("origin is %+v", b.Origin)
		}
		if b.Origin.Partition == 0 {
			r := b.Records[1]
			if r.Offset != 1 || r.Timestamp != 1700000000000 || r.Partition != 0 || b.Topics[r.Topic] != "a" || b.Str(r.Key) != "k" {
				t.Errorf("record is %+v", r)
			}
			hs := b.RecordHeaders(&r)
			if len(hs) != 1 || hs[0].Value != records.Int8Value(12) || r.HeaderOff != b.Records[0].HeaderOff {
				t.Errorf("headers are %+v", hs)
			}
			if last := b.Records[2]; !last.Key.IsNull() || !last.Value.IsNull() || last.ValueSchema != 0 {
				t.Errorf("a Kafka null is %+v", last)
			}
		}
		if err := s.Commit(t.Context(), f.Position); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, addrs, "a", 0); got != 3 {
		t.Fatalf("committed offset is %d, want the next one to read", got)
	}
	produce(t, addrs, rec("a", 0, `3`))
	s = openSource(t, config(t, addrs), nil)
	f := read(t, s, map[string]int64{"a-0": 4})
	if len(f) != 1 || len(f[0].Batches[0].Records) != 1 || f[0].Batches[0].Records[0].Offset != 3 {
		t.Fatal("the source did not resume at the committed offset")
	}
}

func TestSource_FramesAreBoundedAndOrdered(t *testing.T) {
	addrs := fakeBroker(t, 1, "a")
	var rs []*kgo.Record
	for i := range 1000 {
		rs = append(rs, rec("a", 0, fmt.Sprint(i)))
	}
	produce(t, addrs, rs...)
	s := openSource(t, config(t, addrs, "max.poll.records", "64"), nil)
	n := int64(0)
	for _, f := range read(t, s, map[string]int64{"a-0": 1000}) {
		b := f.Batches[0]
		if len(b.Records) > 64 {
			t.Fatalf("frame of %d rows", len(b.Records))
		}
		for _, r := range b.Records {
			if r.Value.Int() != n {
				t.Fatalf("row %d is %d", n, r.Value.Int())
			}
			n++
		}
		f.Release()
	}
}

func TestSource_RecordThatCannotBeReadEndsTheTaskOrIsDropped(t *testing.T) {
	addrs := fakeBroker(t, 1, "a")
	produce(t, addrs, rec("a", 0, `1`), rec("a", 0, `{secret`), rec("a", 0, `3`), rec("a", 0, `also bad`))
	s := openSource(t, config(t, addrs), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := s.Read(ctx)
	if err == nil || capture.Retriable(err) || !strings.Contains(err.Error(), "topic a partition 0 offset 1 (VALUE_CONVERTER)") || strings.Contains(err.Error(), "secret") {
		t.Fatalf("error is %v", err)
	}
	var j interface{ JavaClass() string }
	if !strings.HasPrefix(err.Error(), "Tolerance exceeded in error handler: ") || !errors.As(errors.Unwrap(err), &j) || j.JavaClass() != "org.apache.kafka.connect.errors.DataException" {
		t.Fatalf("error is not shaped as Connect's: %v", err)
	}
	if _, again := s.Read(ctx); again == nil {
		t.Fatal("reading on would skip the record")
	}
	s.Close()

	cfg := config(t, addrs)
	var dropped []int64
	cfg.Failures = tolerant(func(f *records.Failure) { dropped = append(dropped, f.Consumed.Offset) })
	s = openSource(t, cfg, nil)
	frames := read(t, s, map[string]int64{"a-0": 4})
	if len(frames) != 1 || len(frames[0].Batches[0].Records) != 2 || !slices.Equal(dropped, []int64{1, 3}) {
		t.Fatalf("%d frames, dropped %v", len(frames), dropped)
	}
	// The dropped record at the end counts for the offset (real-parts: Connect leaves a lag of 1 there).
	if err := s.Commit(t.Context(), frames[0].Position); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, addrs, "a", 0); got != 4 {
		t.Fatalf("committed %d", got)
	}
}

// tolerant drops every record that fails.
type tolerant func(*records.Failure)

func (t tolerant) Handle(_ context.Context, f *records.Failure) error { t(f); return nil }
func (tolerant) Retry(_ context.Context, _ records.Stage, _ string, first error, _ func() error) error {
	return first
}

func TestSource_RevokedPartitionsAreDrainedFirst(t *testing.T) {
	for _, assignor := range []string{"org.apache.kafka.clients.consumer.RangeAssignor", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"} {
		t.Run(assignor[strings.LastIndexByte(assignor, '.')+1:], func(t *testing.T) {
			addrs := fakeBroker(t, 2, "a")
			produce(t, addrs, rec("a", 0, `1`), rec("a", 1, `1`))
			var s *Source
			positions := map[string]records.Position{}
			revoked := make(chan []string, 10)
			cfg := config(t, addrs, "partition.assignment.strategy", assignor)
			s = New(cfg, capture.Env{})
			s.OnRevoke(func(ctx context.Context, lanes []string) {
				for _, l := range lanes {
					if err := s.Commit(ctx, positions[l]); err != nil {
						t.Error(err)
					}
				}
				revoked <- lanes
			})
			if err := s.Open(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, f := range read(t, s, map[string]int64{"a-0": 1, "a-1": 1}) {
				positions[f.Batches[0].Origin.Table] = f.Position
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			reading := make(chan struct{})
			go func() { // a pump that waits for more
				defer close(reading)
				for ctx.Err() == nil {
					s.Read(ctx)
				}
			}()
			defer func() { <-reading }()
			defer cancel()
			other := openSource(t, config(t, addrs, "partition.assignment.strategy", assignor), nil)
			got := make(chan *records.Frame, 1)
			go func() {
				if f, err := other.Read(ctx); err == nil {
					got <- f
				}
			}()
			select {
			case lanes := <-revoked:
				if len(lanes) == 0 {
					t.Error("no lanes")
				}
			case <-ctx.Done():
				t.Fatal("no rebalance")
			}
			// The newcomer starts behind what was committed in the hook.
			for p := range int32(2) {
				produce(t, addrs, rec("a", p, `2`))
			}
			select {
			case f := <-got:
				if off := f.Batches[0].Records[0].Offset; off != 1 {
					t.Errorf("the new member starts at %d", off)
				}
			case <-ctx.Done():
				t.Fatal("the new member reads nothing")
			}
		})
	}
}

func TestSource_CommitOfAPartitionThatIsGoneIsLeftAlone(t *testing.T) {
	addrs := fakeBroker(t, 1, "a")
	s := openSource(t, config(t, addrs), nil)
	pos := records.Position{Partition: records.Doc{{Key: "kafka_topic", Value: "a"}, {Key: "kafka_partition", Value: int64(7)}}, Offset: records.Doc{{Key: "kafka_offset", Value: int64(5)}}}
	if err := s.Commit(t.Context(), pos); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, addrs, "a", 7); got != -1 {
		t.Fatalf("committed %d", got)
	}
}

func TestSource_PatternFindsNewTopics(t *testing.T) {
	addrs := fakeBroker(t, 1, "x-1", "other")
	re, err := javaregex.Compile(`x-(?!9)\d`, false) // look-ahead, which RE2 has not
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t, addrs)
	cfg.Topics, cfg.TopicPattern, cfg.PatternRefresh = nil, re, 50*time.Millisecond
	produce(t, addrs, rec("x-1", 0, "1"), rec("other", 0, "1"))
	s := openSource(t, cfg, nil)
	read(t, s, map[string]int64{"x-1-0": 1})
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopics(t.Context(), 1, 1, nil, "x-2", "x-9"); err != nil {
		t.Fatal(err)
	}
	produce(t, addrs, rec("x-2", 0, "1"), rec("x-9", 0, "1"))
	for _, f := range read(t, s, map[string]int64{"x-2-0": 1}) {
		if topic := f.Batches[0].Origin.Topic; topic == "x-9" || topic == "other" {
			t.Errorf("read from %s", topic)
		}
	}
}

func TestSource_PatternWithoutAnyTopicYet(t *testing.T) {
	addrs := fakeBroker(t, 1, "other")
	re, _ := javaregex.Compile(`late`, false)
	cfg := config(t, addrs)
	cfg.Topics, cfg.TopicPattern, cfg.PatternRefresh = nil, re, 50*time.Millisecond
	s := openSource(t, cfg, nil)
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopics(t.Context(), 1, 1, nil, "late"); err != nil {
		t.Fatal(err)
	}
	produce(t, addrs, rec("late", 0, "1"))
	read(t, s, map[string]int64{"late-0": 1})
}

func TestSource_ReadEndsWithItsContext(t *testing.T) {
	addrs := fakeBroker(t, 1, "a")
	s := openSource(t, config(t, addrs), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := s.Read(ctx); err == nil || time.Since(begin) > 5*time.Second {
		t.Fatalf("read returned %v after %s", err, time.Since(begin))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSource_OpenFailsWithoutABroker(t *testing.T) {
	s := New(config(t, []string{"127.0.0.1:1"}), capture.Env{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := s.Open(ctx, nil); err == nil || !strings.Contains(err.Error(), "connect to kafka") {
		t.Fatalf("error is %v", err)
	}
	begin := time.Now()
	if err := s.Close(); err != nil || time.Since(begin) > 10*time.Second {
		t.Fatalf("close: %v after %s", err, time.Since(begin))
	}
}
