package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/deliver/sinktest"
	"github.com/anabranch/anabranch/records"
)

func TestMain(m *testing.M) {
	records.Poison.Store(true)
	os.Exit(m.Run())
}

// store is a target in memory.
type store struct {
	mu    sync.Mutex
	rows  map[string][]int
	gate  chan struct{} // nil or closed: open
	calls int
}

func (s *store) append(ctx context.Context, bs ...*records.Batch) error {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	for _, b := range bs {
		for _, r := range b.Records {
			s.rows[b.Origin.Table] = append(s.rows[b.Origin.Table], int(r.Value.Int()))
		}
	}
	return nil
}

type single struct{ *store }

func (s single) Open(context.Context) error { return nil }
func (s single) Close() error               { return nil }
func (s single) WriteBatch(ctx context.Context, b *records.Batch) error {
	return s.append(ctx, b)
}

type many struct{ single }

func (s many) WriteBatches(ctx context.Context, bs []*records.Batch) error {
	return s.append(ctx, bs...)
}

type target struct {
	*store
	newSink func(*store) deliver.Sink
}

func (x target) NewSink(*testing.T) deliver.Sink { return x.newSink(x.store) }
func (x target) NewBatch(_ *testing.T, lane string, from, to int) *records.Batch {
	return numbers(lane, from, to)
}
func (x target) Rows(_ *testing.T, lane string) []int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]int(nil), x.rows[lane]...)
}
func (x target) Block(*testing.T) func() {
	gate := make(chan struct{})
	x.mu.Lock()
	x.gate = gate
	x.mu.Unlock()
	return sync.OnceFunc(func() { close(gate) })
}

func numbers(lane string, from, to int) *records.Batch {
	b := records.NewBatch(records.Origin{Table: lane})
	for i := from; i < to; i++ {
		b.Records = append(b.Records, records.Record{Value: records.Int64Value(int64(i))})
	}
	return b
}

func TestBlocking_Contract(t *testing.T) {
	for name, newSink := range map[string]func(*store) deliver.Sink{
		"one worker": func(s *store) deliver.Sink { return deliver.NewBlocking(single{s}, deliver.BlockingOptions{}) },
		"many":       func(s *store) deliver.Sink { return deliver.NewBlocking(many{single{s}}, deliver.BlockingOptions{}) },
		"four, small": func(s *store) deliver.Sink {
			return deliver.NewBlocking(many{single{s}}, deliver.BlockingOptions{Workers: 4, QueueBatches: 2, CoalesceRows: 30})
		},
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, target{&store{rows: map[string][]int{}}, newSink}, "lane-")
		})
	}
}

func TestBlocking_CoalescesQueuedBatches(t *testing.T) {
	s := &store{rows: map[string][]int{}}
	x := target{store: s}
	unblock := x.Block(t)
	q := deliver.NewBlocking(many{single{s}}, deliver.BlockingOptions{CoalesceRows: 1000})
	if err := q.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	for i := range 30 {
		if err := q.Write(t.Context(), numbers("a", i*10, i*10+10), func(error) {}); err != nil {
			t.Fatal(err)
		}
	}
	unblock()
	if err := q.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.calls > 2 || len(s.rows["a"]) != 300 {
		t.Fatalf("%d calls for %d rows, want at most 2 for 300", s.calls, len(s.rows["a"]))
	}
}

type failing struct{ single }

func (failing) WriteBatch(context.Context, *records.Batch) error {
	return &deliver.Error{Op: "write", Cause: errors.New("gone"), CanRetry: true}
}

type panicking struct{ single }

func (panicking) WriteBatch(context.Context, *records.Batch) error { panic("bug") }

func TestBlocking_WritesNothingAfterAnError(t *testing.T) {
	for name, sink := range map[string]deliver.BlockingSink{"error": failing{}, "panic": panicking{}} {
		t.Run(name, func(t *testing.T) {
			q := deliver.NewBlocking(sink, deliver.BlockingOptions{})
			sink.(interface{ Close() error }).Close()
			if err := q.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			ends := make(chan error, 100)
			wrote := 0
			for i := range 100 {
				if q.Write(t.Context(), numbers(fmt.Sprint("l", i%3), i, i+1), func(err error) { ends <- err }) != nil {
					break
				}
				wrote++
			}
			for range wrote {
				select {
				case err := <-ends:
					if err == nil || deliver.Retriable(err) != (name == "error") {
						t.Fatalf("write ended with %v", err)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("a write did not end")
				}
			}
			if err := q.Flush(t.Context()); err == nil {
				t.Fatal("flush hides the failure")
			}
			if err := q.Write(t.Context(), numbers("x", 0, 1), nil); err == nil {
				t.Fatal("write after a failure succeeded")
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
