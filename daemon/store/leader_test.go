package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
)

// leading opens the configurations of a worker that can lead.
func leading(t *testing.T, k *testenv.KafkaServer, topic string) *Configs {
	t.Helper()
	opts := []kgo.Opt{kgo.SeedBrokers(k.Brokers()...)}
	l := NewKafkaLog(configs.Topic{Name: topic, Partitions: 1, Replication: 1}, true, opts, quiet)
	l.ReadCommitted()
	l.LeadAs("connect-cluster-"+topic, opts)
	c := NewConfigs(l, quiet)
	if err := c.Open(within(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // ends with the test
	return c
}

func TestConfigs_ANewLeaderFencesTheOldOne(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a real broker")
	}
	k := testenv.Kafka(t)
	topic := k.TopicPrefix(t)
	one, two := leading(t, k, topic), leading(t, k, topic)
	put := func(c *Configs, name string) error {
		return c.PutConnector(within(t), name, map[string]string{"connector.class": name}, "")
	}
	if err := put(one, "early"); !errors.Is(err, ErrFenced) || one.Led() {
		t.Errorf("a worker that never led wrote: %v", err)
	}
	if err := one.Lead(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := put(one, "a"); err != nil {
		t.Fatal(err)
	}
	if err := two.Lead(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := put(one, "zombie"); !errors.Is(err, ErrFenced) || one.Led() {
		t.Errorf("the old leader's write: %v, leads %v", err, one.Led())
	}
	if err := put(two, "b"); err != nil {
		t.Fatal(err)
	}
	// Anybody may write a target state (CW-170).
	if err := one.PutTarget(within(t), "a", Paused); err != nil {
		t.Error(err)
	}
	for _, c := range []*Configs{one, two} {
		if err := c.Refresh(within(t)); err != nil {
			t.Fatal(err)
		}
		a, known := c.Get("a")
		if names := c.Names(); len(names) != 2 || names[1] != "b" || !known || a.Target != Paused {
			t.Errorf("a worker sees %v, a is %s", names, a.Target)
		}
	}
}

// Offsets behind somebody else's open transaction are waited for: without them rows would come
// again. A worker that starts does not wait.
func TestOffsets_WaitForOpenTransactions(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a real broker")
	}
	k := testenv.Kafka(t)
	topic := k.TopicPrefix(t)
	open := func() *Offsets {
		l := NewKafkaLog(configs.Topic{Name: topic, Partitions: 1, Replication: 1}, true, []kgo.Opt{kgo.SeedBrokers(k.Brokers()...)}, quiet)
		l.ReadCommitted()
		o := NewOffsets(l, quiet)
		if err := o.Open(within(t)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = o.Close() }) // ends with the test
		return o
	}
	o := open()
	at := func(n int64) []records.Position {
		return []records.Position{{Partition: records.Doc{{Key: "p", Value: "x"}}, Offset: records.Doc{{Key: "n", Value: n}}}}
	}
	// Somebody has a transaction open, and ours is committed behind it.
	other := k.Client(t, kgo.TransactionalID(topic+"-other"), kgo.DefaultProduceTopic(topic))
	mine := k.Client(t, kgo.TransactionalID(topic+"-mine"), kgo.DefaultProduceTopic(topic))
	produce := func(cl *kgo.Client, recs []Record) {
		t.Helper()
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, r := range recs {
			if err := cl.ProduceSync(within(t), &kgo.Record{Key: r.Key, Value: r.Value}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	produce(other, o.Records("other", at(1)))
	produce(mine, o.Records("mine", at(7)))
	if err := mine.EndTransaction(within(t), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	second := open()
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if ps, err := second.Load(short, "mine"); err == nil {
		t.Fatalf("offsets %v are told while a transaction holds newer ones back", ps)
	}
	if err := other.EndTransaction(within(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Offsets{o, second} {
		ps, err := s.Load(within(t), "mine")
		if err != nil || len(ps) != 1 {
			t.Fatalf("offsets %v, %v", ps, err)
		}
		if n, _ := ps[0].Offset.Int("n"); n != 7 {
			t.Errorf("offset %d, want 7", n)
		}
		if ps, err := s.Load(within(t), "other"); err != nil || len(ps) != 0 {
			t.Errorf("offsets of the aborted transaction: %v, %v", ps, err)
		}
	}
}

// order is a Log that notes what is written to it.
type order struct {
	MemoryLog
	name  string
	notes *[]string
}

func (l *order) Append(ctx context.Context, recs ...Record) error {
	for _, r := range recs {
		what := "offset"
		if r.Value == nil {
			what = "tombstone"
		}
		*l.notes = append(*l.notes, what+" to "+l.name)
	}
	return l.MemoryLog.Append(ctx, recs...)
}

func TestOwnOffsets_BothTopics(t *testing.T) {
	var notes []string
	worker, own := &order{name: "worker", notes: &notes}, &order{name: "own", notes: &notes}
	w := NewOffsets(worker, quiet)
	if err := w.Open(within(t)); err != nil {
		t.Fatal(err)
	}
	at := func(part string, n int64) records.Position {
		p := records.Position{Partition: records.Doc{{Key: "p", Value: part}}}
		if n >= 0 {
			p.Offset = records.Doc{{Key: "n", Value: n}}
		}
		return p
	}
	if err := w.Store(within(t), "c", []records.Position{at("old", 1), at("both", 2)}); err != nil {
		t.Fatal(err)
	}
	o := NewOwnOffsets(own, w, quiet)
	notes = nil
	if err := o.Store(within(t), "c", []records.Position{at("both", 3), at("gone", -1)}); err != nil {
		t.Fatal(err)
	}
	o.behind.Wait()
	if want := []string{"tombstone to worker", "offset to own", "tombstone to own", "offset to worker"}; !equal(notes, want) {
		t.Errorf("written: %v, want %v", notes, want)
	}
	if err := w.Store(within(t), "c", []records.Position{at("both", 1), at("gone", 9)}); err != nil { // somebody who does not know better
		t.Fatal(err)
	}
	ps, err := o.Load(within(t), "c")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, p := range ps {
		name, _ := p.Partition.Get("p")
		got[name.(string)], _ = p.Offset.Int("n")
	}
	if len(got) != 2 || got["old"] != 1 || got["both"] != 3 {
		t.Errorf("offsets %v: the own topic wins, its tombstones too", got)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
