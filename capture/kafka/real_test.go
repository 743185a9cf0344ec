package kafka

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
)

// A member comes, takes over partitions, and leaves again: nothing is read twice, because
// the hook commits before the partitions change hands, and nothing is left out.
func TestSource_MembersComeAndGoOnRealKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a real broker")
	}
	k := testenv.Kafka(t)
	topic := k.TopicPrefix(t)
	cl := k.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(20))
	if _, err := kadm.NewClient(cl).CreateTopics(t.Context(), 4, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	cfg := config(t, k.Brokers(), "heartbeat.interval.ms", "200", "session.timeout.ms", "6000")
	cfg.Group, cfg.Topics = "connect-"+topic, []string{topic}

	var mu sync.Mutex
	seen := map[string]int{}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()

	// member is a task in small: it reads, delivers at once and commits in the hook.
	type member struct {
		s    *Source
		stop func()
	}
	start := func() *member {
		s := New(cfg, capture.Env{})
		latest := map[string]records.Position{}
		var posMu sync.Mutex
		commit := func(ctx context.Context) {
			posMu.Lock()
			defer posMu.Unlock()
			var all []records.Position
			for _, p := range latest {
				all = append(all, p)
			}
			if err := s.CommitAll(ctx, all); err != nil {
				t.Error(err)
			}
		}
		s.OnRevoke(func(ctx context.Context, _ []string) { commit(ctx) })
		if err := s.Open(ctx, nil); err != nil {
			t.Fatal(err)
		}
		readCtx, end := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				f, err := s.Read(readCtx)
				if err != nil {
					if readCtx.Err() == nil {
						t.Errorf("a member reads no more: %v", err)
					}
					return
				}
				mu.Lock()
				for _, b := range f.Batches {
					for _, r := range b.Records {
						seen[fmt.Sprint(b.Origin.Table, "@", r.Offset)]++
					}
				}
				mu.Unlock()
				posMu.Lock()
				latest[f.Position.Partition.Canonical()] = f.Position
				posMu.Unlock()
				f.Release()
			}
		}()
		return &member{s, func() {
			end()
			<-done
			commit(ctx)
			s.Close()
		}}
	}
	sent := 0
	send := func(n int) {
		for i := range n {
			r := rec(topic, int32(i%4), "1")
			if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
			sent++
		}
	}
	reached := func(n int) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			mu.Lock()
			got := len(seen)
			mu.Unlock()
			if got >= n {
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				lanes := map[string]int{}
				mu.Lock()
				for at := range seen {
					lanes[at[:strings.LastIndexByte(at, '@')]]++
				}
				mu.Unlock()
				at, err := kadm.NewClient(cl).FetchOffsets(t.Context(), cfg.Group)
				t.Fatalf("%d of %d records were read: %v; committed %v %v", got, n, lanes, at, err)
			}
		}
	}
	a := start()
	send(40)
	reached(sent)
	b := start()
	owns := func(m *member, n int) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			m.s.mu.Lock()
			got := len(m.s.assigned)
			m.s.mu.Unlock()
			if got == n {
				return
			}
			select {
			case <-tick.C:
				send(1) // rows flow while partitions move
			case <-ctx.Done():
				t.Fatalf("a member owns %d partitions, want %d", got, n)
			}
		}
	}
	owns(b, 2)
	owns(a, 2)
	send(80)
	reached(sent)
	b.stop()
	owns(a, 4)
	send(40)
	reached(sent)

	// A paused member keeps its partitions beyond the session timeout and reads nothing (CW-252).
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(seen) }
	a.s.Pause()
	send(4) // perhaps a poll was under way
	before, paused := count(), time.Now()
	send(40)
	for time.Since(paused) < 7*time.Second {
		send(1)
		a.s.mu.Lock()
		n := len(a.s.assigned)
		a.s.mu.Unlock()
		if n != 4 {
			t.Fatalf("a paused member owns %d partitions", n)
		}
	}
	if got := count(); got > before+4 {
		t.Fatalf("%d records were read during a pause", got-before)
	}
	// Rebalances pass, and what others have read meanwhile is not read again.
	b = start()
	owns(b, 2)
	owns(a, 2)
	send(40)
	a.s.mu.Lock()
	mine := maps.Clone(a.s.assigned)
	a.s.mu.Unlock()
	left := 0
	for tp := range mine {
		ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		end, _ := ends.Lookup(tp.topic, tp.partition)
		for o := range end.Offset {
			mu.Lock()
			if seen[fmt.Sprint(tp.lane(), "@", o)] == 0 {
				left++
			}
			mu.Unlock()
		}
	}
	if left < 20 {
		t.Errorf("only %d records wait for the paused member", left)
	}
	reached(sent - left)
	b.stop()
	owns(a, 4)
	a.s.Resume()
	reached(sent)
	send(8)
	reached(sent)
	a.stop()
	mu.Lock()
	defer mu.Unlock()
	for at, n := range seen {
		if n != 1 {
			t.Errorf("%s was read %d times", at, n)
		}
	}
}
