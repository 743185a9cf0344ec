package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/deliver/sinktest"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

func TestSink_Contract(t *testing.T) {
	c := fakeBroker(t)
	sinktest.Run(t, &fakeTarget{c: c, cfg: producerConfig(t, c.ListenAddrs())}, "contract-")
}

func TestSink_ContractWithASmallBuffer(t *testing.T) {
	c := fakeBroker(t)
	sinktest.Run(t, &fakeTarget{c: c, cfg: producerConfig(t, c.ListenAddrs(), "buffer.memory", "5000", "linger.ms", "2")}, "small-")
}

// write writes a batch and waits for its end.
func write(t testing.TB, s *Sink, b *records.Batch) error {
	t.Helper()
	end := make(chan error, 1)
	if err := s.Write(t.Context(), b, func(err error) { end <- err }); err != nil {
		return err
	}
	select {
	case err := <-end:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("write has not ended")
		return nil
	}
}

func TestSink_WritesRecordsAsConnectDoes(t *testing.T) {
	c := fakeBroker(t)
	cfg := producerConfig(t, c.ListenAddrs())
	cfg.NewKey = factory(t, converters.StringClass)
	cfg.NewValue = factory(t, converters.JSONClass, "schemas.enable", "false")
	cfg.Topics = &TopicCreation{Default: TopicGroup{Partitions: 3, ReplicationFactor: 1}}
	s := openSink(t, cfg)
	optional := &records.Schema{Type: records.String, Optional: true}

	b := records.NewBatch(records.Origin{Table: "db.t"})
	b.TopicIndex("other")
	topic := b.TopicIndex("t")
	so := b.SchemaIndex(optional)
	off, n := b.AddHeaders(records.Header{Key: "a", Value: b.AddString("1")}, records.Header{Key: "b", Value: records.Null}, records.Header{Key: "a", Value: records.Int32Value(7)})
	add := func(r records.Record) {
		r.Topic = topic
		b.Records = append(b.Records, r)
	}
	add(records.Record{Key: b.AddString("k1"), Value: b.AddString("v"), Partition: 2, Timestamp: 1234567890123, HeaderOff: off, HeaderN: n})
	add(records.Record{Key: b.AddString("k1"), Partition: 2, Timestamp: records.NoTimestamp, HeaderOff: off, HeaderN: n}) // tombstone
	add(records.Record{Key: records.Null, ValueSchema: so, Partition: 2, Timestamp: records.NoTimestamp})                 // a null with a schema is not a Kafka null
	add(records.Record{Key: b.AddString(""), Value: b.AddString("empty key"), Partition: 2, Timestamp: records.NoTimestamp})
	before := time.Now().Add(-time.Second)
	if err := write(t, s, b); err != nil {
		t.Fatal(err)
	}
	got := consume(t, c.ListenAddrs(), "t", 4)
	text := func(p []byte) string {
		if p == nil {
			return "<null>"
		}
		return string(p)
	}
	for i, want := range []string{`k1|"v"`, `k1|<null>`, `<null>|null`, `|"empty key"`} {
		r := got[i]
		if s := text(r.Key) + "|" + text(r.Value); s != want {
			t.Errorf("record %d is %s, want %s", i, s, want)
		}
		if r.Partition != 2 {
			t.Errorf("record %d is in partition %d", i, r.Partition)
		}
		if i > 0 && r.Timestamp.Before(before) {
			t.Errorf("record %d has time %s", i, r.Timestamp)
		}
	}
	if ms := got[0].Timestamp.UnixMilli(); ms != 1234567890123 {
		t.Errorf("timestamp is %d", ms)
	}
	for i := range 2 {
		var sb strings.Builder
		for _, h := range got[i].Headers {
			sb.WriteString(h.Key + "=" + text(h.Value) + ";")
		}
		if sb.String() != "a=1;b=<null>;a=7;" {
			t.Errorf("headers of record %d are %s", i, sb.String())
		}
	}
	if len(got[2].Headers) != 0 {
		t.Error("headers leak to the next record")
	}
	if info := c.TopicInfo("t"); info == nil || len(c.PartitionInfos("t")) != 3 {
		t.Error("the topic was not created by the rule")
	}
}

// The vectors are those of Kafka's own Utils.murmur2 test.
func TestPartitioner_IsJavas(t *testing.T) {
	const n = 1 << 20
	p := (&partitioner{inner: kgo.UniformBytesPartitioner(64<<10, true, true, nil)}).ForTopic("t")
	for key, hash := range map[string]int32{"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971} {
		r := &kgo.Record{Key: []byte(key), Partition: records.NoPartition}
		if !p.RequiresConsistency(r) {
			t.Fatal("a key does not decide the partition")
		}
		got := p.(kgo.TopicBackupPartitioner).PartitionByBackup(r, n, nil)
		if want := int(hash&0x7fffffff) % n; got != want {
			t.Errorf("%q goes to %d, want %d", key, got, want)
		}
	}
	if p.RequiresConsistency(&kgo.Record{Partition: records.NoPartition}) {
		t.Error("a record without a key is bound to a partition")
	}
}

func TestSink_ErrorsSayWhatToDo(t *testing.T) {
	c := fakeBroker(t)
	cfg := producerConfig(t, c.ListenAddrs(), "max.request.size", "2000")
	cfg.NewKey, cfg.NewValue = factory(t, converters.StringClass), factory(t, converters.StringClass)
	s := openSink(t, cfg)
	b := records.NewBatch(records.Origin{Table: "big"})
	secret := strings.Repeat("secret", 1000)
	b.Records = append(b.Records, records.Record{Topic: b.TopicIndex("big"), Value: b.AddString(secret), Partition: records.NoPartition, Timestamp: records.NoTimestamp})
	err := write(t, s, b)
	if err == nil || deliver.Retriable(err) || !strings.Contains(err.Error(), "topic big") || !strings.Contains(err.Error(), "max.request.size is 2000") {
		t.Fatalf("error is %v", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Fatal("the error has row data in it")
	}
	var e *deliver.Error
	if !errors.As(err, &e) || e.Class != "org.apache.kafka.common.errors.RecordTooLargeException" {
		t.Fatalf("class is %q", e.Class)
	}
	if err := s.Write(t.Context(), numbers("big", 0, 1), nil); err == nil {
		t.Fatal("the sink goes on after an error")
	}
	if err := s.Flush(t.Context()); err == nil {
		t.Fatal("flush hides the failure")
	}
}

func TestSink_RefusedRecordFailsOrIsDropped(t *testing.T) {
	c := fakeBroker(t)
	schema := &records.Schema{Type: records.Int32}
	bad := func() *records.Batch {
		b := numbers("r", 0, 3)
		b.Records[1].ValueSchema = b.SchemaIndex(schema) // an INT64 under an INT32 schema
		return b
	}
	cfg := producerConfig(t, c.ListenAddrs())
	s := openSink(t, cfg)
	err := write(t, s, bad())
	if err == nil || deliver.Retriable(err) || !strings.HasPrefix(err.Error(), "Tolerance exceeded in error handler: ") || !strings.Contains(err.Error(), "VALUE_CONVERTER") {
		t.Fatalf("error is %v", err)
	}
	var class interface{ JavaClass() string }
	if !errors.As(errors.Unwrap(err), &class) || class.JavaClass() != "org.apache.kafka.connect.errors.DataException" {
		t.Fatal("the cause is not a DataException")
	}
	var asked []records.Stage
	cfg.Failures = tolerant(func(f *records.Failure) { asked = append(asked, f.Stage) })
	if err := write(t, openSink(t, cfg), bad()); err != nil {
		t.Fatal(err)
	}
	got := consume(t, c.ListenAddrs(), "r", 2)
	if len(asked) != 1 || asked[0] != records.StageValueConverter || binary.BigEndian.Uint64(got[1].Key) != 2 {
		t.Fatalf("asked %v, %d records", asked, len(got))
	}
}

// tolerant drops every record that fails.
type tolerant func(*records.Failure)

func (t tolerant) Handle(_ context.Context, f *records.Failure) error { t(f); return nil }
func (tolerant) Retry(_ context.Context, _ records.Stage, _ string, first error, _ func() error) error {
	return first
}

func TestSink_OpenFailsWithoutABroker(t *testing.T) {
	cfg := producerConfig(t, []string{"127.0.0.1:1"})
	s := New(cfg, deliver.Env{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := s.Open(ctx)
	if err == nil || !strings.Contains(err.Error(), "bootstrap.servers") {
		t.Fatalf("error is %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSink_MetricsComeAndGo(t *testing.T) {
	c := fakeBroker(t)
	reg := prometheus.NewRegistry()
	s := New(producerConfig(t, c.ListenAddrs()), deliver.Env{Metrics: reg})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := write(t, s, numbers("m", 0, 10)); err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	families, _ := reg.Gather()
	for _, f := range families {
		m := f.GetMetric()[0]
		values[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	if values["anabranch_kafka_sink_records_total"] != 10 || values["anabranch_kafka_sink_buffered_bytes"] != 0 || values["anabranch_kafka_sink_bytes_total"] != 90 {
		t.Fatal(values)
	}
	s.Close()
	if families, _ := reg.Gather(); len(families) != 0 {
		t.Fatal("metrics stay behind")
	}
}

// Context headers of Debezium repeat; they must not cost an allocation a record.
func TestEncoder_RepeatedHeadersAreShared(t *testing.T) {
	e := &encoder{header: factory(t, converters.SimpleHeaderClass)()}
	b := records.NewBatch(records.Origin{})
	hs := []records.Header{{Key: "a", Value: b.AddString("x")}, {Key: "b", Value: b.AddString("y")}}
	again := []records.Header{{Key: "a", Value: b.AddString("x")}, {Key: "b", Value: b.AddString("y")}}
	other := []records.Header{{Key: "a", Value: b.AddString("x")}, {Key: "b", Value: b.AddString("z")}}
	first, _ := e.headers("t", b, hs)
	if n := testing.AllocsPerRun(100, func() { e.headers("t", b, again) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	second, _ := e.headers("t", b, again)
	third, _ := e.headers("t", b, other)
	if &first[0] != &second[0] || bytes.Equal(first[1].Value, third[1].Value) || string(first[1].Value) != "y" {
		t.Error("headers are mixed up")
	}
}

func TestParseTopicCreation(t *testing.T) {
	good := map[string]string{"topic.creation.default.replication.factor": "-1", "topic.creation.default.partitions": "4",
		"topic.creation.default.cleanup.policy": "compact", "topic.creation.groups": "logs, rest",
		"topic.creation.logs.include": `app\..*,log\d+`, "topic.creation.logs.exclude": `app\.no`, "topic.creation.logs.partitions": "1",
		"topic.creation.rest.include": ".*x"}
	tc, ps := ParseTopicCreation(good)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	for topic, want := range map[string]string{"app.a": "logs", "app.no": "default", "log12": "logs", "zlog1": "default", "abcx": "rest"} {
		g, err := tc.group(topic)
		if err != nil || g.Name != want {
			t.Errorf("%s is in %s, want %s", topic, g.Name, want)
		}
	}
	g, _ := tc.group("app.a")
	if g.Partitions != 1 || g.ReplicationFactor != -1 || *tc.Default.Configs["cleanup.policy"] != "compact" {
		t.Error("values are not inherited")
	}
	if tc, ps := ParseTopicCreation(map[string]string{"name": "x"}); tc != nil || ps != nil {
		t.Error("rules out of nothing")
	}
	for name, bad := range map[string]map[string]string{
		"no factor":     {"topic.creation.default.partitions": "1"},
		"zero":          {"topic.creation.default.partitions": "0", "topic.creation.default.replication.factor": "1"},
		"unknown group": {"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1", "topic.creation.x.include": "a"},
		"bad pattern":   {"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1", "topic.creation.groups": "x", "topic.creation.x.include": "("},
		"no include":    {"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1", "topic.creation.groups": "x"},
	} {
		if _, ps := ParseTopicCreation(bad); len(ps) == 0 {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Blocks are reused while other batches are under way; a mix-up would show as wrong bytes.
func TestSink_ReusedBlocksKeepRecordsApart(t *testing.T) {
	c := fakeBroker(t)
	cfg := producerConfig(t, c.ListenAddrs(), "compression.type", "none")
	cfg.NewValue = factory(t, converters.StringClass)
	s := openSink(t, cfg)
	const lanes, batches, size = 4, 100, 7
	var wg sync.WaitGroup
	for lane := range lanes {
		wg.Go(func() {
			var ends sync.WaitGroup
			for i := range batches {
				b := records.NewBatch(records.Origin{Table: string(rune('a' + lane))})
				topic := b.TopicIndex("mix")
				for j := range size {
					n := int64(lane*1e6 + i*size + j)
					b.Records = append(b.Records, records.Record{Topic: topic, Key: records.Int64Value(n), Value: b.AddString(strings.Repeat(string(rune('A'+n%26)), int(n%50)+1)),
						Partition: records.NoPartition, Timestamp: records.NoTimestamp})
				}
				ends.Add(1)
				if err := s.Write(t.Context(), b, func(err error) {
					if err != nil {
						t.Error(err)
					}
					ends.Done()
				}); err != nil {
					t.Error(err)
					ends.Done()
				}
			}
			ends.Wait()
		})
	}
	wg.Wait()
	next := [lanes]int64{}
	for _, r := range consume(t, c.ListenAddrs(), "mix", lanes*batches*size) {
		n := int64(binary.BigEndian.Uint64(r.Key))
		if want := strings.Repeat(string(rune('A'+n%26)), int(n%50)+1); string(r.Value) != want {
			t.Fatalf("record %d has another's value", n)
		}
		lane := n / 1e6
		if n%1e6 != next[lane] {
			t.Fatalf("lane %d is out of order at %d", lane, n)
		}
		next[lane]++
	}
}
