package kafka

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/deliver/sinktest"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
)

// realTarget runs the contract suite against a Kafka broker.
type realTarget struct {
	k   *testenv.KafkaServer
	cfg Config
}

func (r *realTarget) NewSink(*testing.T) deliver.Sink {
	return New(r.cfg, deliver.Env{Connector: "c"})
}
func (r *realTarget) NewBatch(_ *testing.T, lane string, from, to int) *records.Batch {
	return numbers(lane, from, to)
}
func (r *realTarget) Rows(t *testing.T, lane string) []int {
	var rows []int
	for _, rec := range r.k.ReadAll(t, lane) {
		rows = append(rows, int(binary.BigEndian.Uint64(rec.Key)))
	}
	return rows
}
func (r *realTarget) Block(*testing.T) func() { return nil }

func TestSink_ContractOnRealKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a real broker")
	}
	k := testenv.Kafka(t)
	cfg := producerConfig(t, k.Brokers())
	cfg.Topics = &TopicCreation{Default: TopicGroup{Partitions: 1, ReplicationFactor: -1}}
	sinktest.Run(t, &realTarget{k, cfg}, k.TopicPrefix(t)+"-")
}

// A broker that is killed and comes back costs time, not records, and does not end the task.
func TestSink_OutlivesABroker(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a real broker")
	}
	k := testenv.PrivateKafka(t)
	cfg := producerConfig(t, k.Brokers())
	cfg.Topics = &TopicCreation{Default: TopicGroup{Partitions: 1, ReplicationFactor: 1}}
	s := openSink(t, cfg)
	topic := k.TopicPrefix(t)
	if err := write(t, s, numbers(topic, 0, 10)); err != nil {
		t.Fatal(err)
	}
	var ends sync.WaitGroup
	send := func(from, to int) {
		ends.Add(1)
		if err := s.Write(t.Context(), numbers(topic, from, to), func(err error) {
			if err != nil {
				t.Error(err)
			}
			ends.Done()
		}); err != nil {
			t.Fatal(err)
		}
	}
	n := 10
	for range 20 {
		send(n, n+100)
		n += 100
	}
	k.Kill(t)
	for range 20 {
		send(n, n+100)
		n += 100
	}
	k.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		t.Fatalf("flush: %v", err)
	}
	ends.Wait()
	seen := -1
	for _, r := range k.ReadAll(t, topic) {
		i := int(binary.BigEndian.Uint64(r.Key))
		if i > seen+1 {
			t.Fatalf("gap: %d after %d", i, seen)
		}
		seen = max(seen, i)
	}
	if seen != n-1 {
		t.Fatalf("last row is %d, want %d", seen, n-1)
	}
}
