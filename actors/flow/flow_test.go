package flow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/records"
)

func pos(partition string, n int) records.Position {
	p := records.Position{Offset: records.Doc{{Key: "n", Value: int64(n)}}}
	if partition != "" {
		p.Partition = records.Doc{{Key: "server", Value: partition}}
	}
	return p
}

func offsetOf(p records.Position) int {
	n, _ := p.Offset.Int("n")
	return int(n)
}

// naiveTracker keeps every frame for ever and looks at all of them each time.
type naiveTracker struct {
	frames []naiveFrame
	stored map[string]int
}

type naiveFrame struct {
	partition string
	n         int
	done      bool
}

func (m *naiveTracker) advance() map[string]int {
	out := map[string]int{}
	blocked := map[string]bool{}
	for _, f := range m.frames {
		if !f.done {
			if f.partition == "" {
				break // holds back everything behind it
			}
			blocked[f.partition] = true
		}
		if f.partition != "" && !blocked[f.partition] {
			out[f.partition] = f.n
		}
	}
	for p, n := range out {
		if n <= m.stored[p] {
			delete(out, p)
		}
	}
	return out
}

func checkTracker(t *rapid.T, partitions []string, exact bool) {
	tr, model := NewTracker(1), &naiveTracker{stored: map[string]int{}}
	var tickets []*Ticket
	n := 0
	compare := func(final bool) {
		got, want := map[string]int{}, model.advance()
		adv := tr.Advance()
		for _, a := range adv {
			got[a.Position.Partition.Str("server")] = offsetOf(a.Position)
		}
		for p, g := range got {
			if g > want[p] {
				t.Fatalf("partition %s: position %d offered, only %d is covered", p, g, want[p])
			}
		}
		if exact || final {
			for p, w := range want {
				if got[p] != w {
					t.Fatalf("partition %s: position %d offered, want %d", p, got[p], w)
				}
			}
		}
		if rapid.Bool().Draw(t, "stored") {
			tr.Stored(adv)
			for p, g := range got {
				model.stored[p] = max(model.stored[p], g)
			}
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"register": func(t *rapid.T) {
			n++
			p := rapid.SampledFrom(partitions).Draw(t, "partition")
			tickets = append(tickets, tr.Register(pos(p, n), int64(n)))
			model.frames = append(model.frames, naiveFrame{partition: p, n: n})
		},
		"finish": func(t *rapid.T) {
			if len(tickets) == 0 {
				t.Skip("nothing registered")
			}
			i := rapid.IntRange(0, len(tickets)-1).Draw(t, "which")
			if changed := tr.Finish(tickets[i]); changed == model.frames[i].done {
				t.Fatalf("Finish said %v for a frame whose done was %v", changed, model.frames[i].done)
			}
			model.frames[i].done = true
		},
		"advance": func(t *rapid.T) { compare(false) },
		"": func(t *rapid.T) {
			open, oldest := 0, 0
			for _, f := range model.frames {
				if !f.done {
					if open++; oldest == 0 {
						oldest = f.n
					}
				}
			}
			if tr.Pending() != open {
				t.Fatalf("Pending %d, want %d", tr.Pending(), open)
			}
			if at, ok := tr.Oldest(); open > 0 && (!ok || at > int64(oldest)) {
				t.Fatalf("Oldest %d %v, but frame %d is open", at, ok, oldest)
			}
		},
	})
	for i := range tickets {
		tr.Finish(tickets[i])
		model.frames[i].done = true
	}
	compare(true)
	adv := tr.Advance()
	tr.Stored(adv)
	if len(tr.Advance()) > 0 {
		t.Fatal("something is offered after everything was stored")
	}
	if at, ok := tr.Oldest(); ok {
		t.Fatalf("Oldest is %d after everything was stored", at)
	}
}

func TestTracker_OffersTheLongestFinishedPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkTracker(t, []string{"a", "b", "c"}, true) })
}

func TestTracker_FramesWithoutPartitionHoldBackAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkTracker(t, []string{"a", "b", ""}, false) })
}

func TestTracker_RepeatsWhatWasNotStored(t *testing.T) {
	tr := NewTracker(1)
	a := tr.Register(pos("p", 1), 10)
	b := tr.Register(pos("p", 2), 20)
	tr.Finish(a)
	first := tr.Advance()
	if len(first) != 1 || offsetOf(first[0].Position) != 1 {
		t.Fatalf("offered %v", first)
	}
	if at, ok := tr.Oldest(); !ok || at != 10 {
		t.Fatalf("oldest %d %v", at, ok)
	}
	tr.Finish(b) // the commit of 1 fails, the next one has newer data
	second := tr.Advance()
	if len(second) != 1 || offsetOf(second[0].Position) != 2 {
		t.Fatalf("offered %v", second)
	}
	tr.Stored(second)
	tr.Stored(first) // a late answer changes nothing
	if left := tr.Advance(); len(left) != 0 {
		t.Fatalf("offered %v", left)
	}
}

func TestTracker_IgnoresStrangers(t *testing.T) {
	old, now := NewTracker(1), NewTracker(2)
	stale := old.Register(pos("p", 1), 0)
	mine := now.Register(pos("p", 1), 0)
	if now.Finish(stale) || now.Finish(nil) {
		t.Fatal("a ticket of another epoch was accepted")
	}
	if len(now.Advance()) != 0 || !now.Finish(mine) || now.Finish(mine) {
		t.Fatal("own ticket")
	}
}

func TestTracker_Forget(t *testing.T) {
	tr := NewTracker(1)
	a := tr.Register(pos("gone", 1), 0)
	tr.Register(pos("stays", 2), 0)
	tr.Forget(pos("gone", 0).Partition)
	tr.Forget(pos("never seen", 0).Partition)
	if tr.Pending() != 1 {
		t.Fatalf("pending %d", tr.Pending())
	}
	again := tr.Register(pos("gone", 3), 0)
	if tr.Finish(a) {
		t.Fatal("a frame of the forgotten partition counted")
	}
	if got := tr.Advance(); len(got) != 0 {
		t.Fatalf("offered %v", got)
	}
	tr.Finish(again)
	if got := tr.Advance(); len(got) != 1 || offsetOf(got[0].Position) != 3 {
		t.Fatalf("offered %v", got)
	}
}

func TestTracker_MergesFinishedFramesBehindAnOpenOne(t *testing.T) {
	tr := NewTracker(1)
	tr.Register(pos("p", 0), 0)
	for i := 1; i <= 1000; i++ {
		tr.Finish(tr.Register(pos("p", i), int64(i)))
	}
	n := 0
	for _, p := range tr.partitions {
		for k := p.head; k != nil; k = k.next {
			n++
		}
	}
	if n != 2 {
		t.Fatalf("%d tickets are kept, want the open one and one for the finished", n)
	}
}

func TestBudget_NeverExceedsItsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(1, 50).Draw(t, "total")
		b := NewBudget(total)
		var held []int64
		var used int64
		full, cancel := context.WithCancel(context.Background())
		cancel()
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				n := rapid.Int64Range(0, 80).Draw(t, "n")
				fits := used == 0 || used+n <= total
				ctx := context.Background()
				if !fits {
					ctx = full
				}
				if err := b.Take(ctx, n); (err == nil) != fits {
					t.Fatalf("Take(%d) with %d of %d used: %v", n, used, total, err)
				} else if err == nil {
					used += n
					held = append(held, n)
				}
			},
			"return": func(t *rapid.T) {
				if len(held) == 0 {
					t.Skip("nothing held")
				}
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				b.Return(held[i])
				used -= held[i]
				held = append(held[:i], held[i+1:]...)
			},
			"": func(t *rapid.T) {
				if b.Used() != used || b.Total() != total {
					t.Fatalf("used %d, want %d", b.Used(), used)
				}
				if used > total && len(held) != 1 {
					withBytes := 0
					for _, h := range held {
						if h > 0 {
							withBytes++
						}
					}
					if withBytes > 1 {
						t.Fatalf("%d of %d used by %v", used, total, held)
					}
				}
			},
		})
	})
}

func TestBudget_ManyTakers(t *testing.T) {
	b := NewBudget(100)
	var inFlight atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 500 {
				n := int64((i*37+j*13)%120 + 1)
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(j%3)*time.Millisecond+time.Microsecond)
				if b.Take(ctx, n) == nil {
					if now := inFlight.Add(n); now > 100 && now != n {
						t.Errorf("%d bytes in flight", now)
					}
					inFlight.Add(-n)
					b.Return(n)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if b.Used() != 0 || len(b.waiters) != 0 {
		t.Fatalf("used %d, waiters %d", b.Used(), len(b.waiters))
	}
}

func TestBudget_BlocksInOrderAndCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(10)
		if err := b.Take(t.Context(), 8); err != nil {
			t.Fatal(err)
		}
		cause := errors.New("no longer wanted")
		ctx, cancel := context.WithCancelCause(t.Context())
		order := make(chan string, 3)
		go func() { order <- fmt.Sprint("large ", b.Take(ctx, 9)) }()
		synctest.Wait()
		go func() { order <- fmt.Sprint("small ", b.Take(t.Context(), 1)) }()
		synctest.Wait()
		if len(order) != 0 {
			t.Fatalf("the small one overtook: %s", <-order)
		}
		cancel(cause)
		synctest.Wait()
		if a, c := <-order, <-order; a != "large no longer wanted" || c != "small <nil>" {
			t.Fatalf("%q, %q", a, c)
		}
		b.Return(8)
		b.Return(1)
		if err := b.Take(t.Context(), 1000); err != nil || b.Used() != 1000 {
			t.Fatalf("alone: %v, used %d", err, b.Used())
		}
		b.Return(1000)
		if err := b.Take(ctx, 1); !errors.Is(err, cause) {
			t.Fatalf("ended context: %v", err)
		}
	})
}

func TestBudget_PanicsWhenMoreIsReturnedThanTaken(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	NewBudget(1).Return(1)
}

func TestEpochs(t *testing.T) {
	var e Epochs
	if e.Current() != 0 {
		t.Fatal("not 0 at first")
	}
	first := e.Bump()
	if e.Stale(first) || first != e.Current() {
		t.Fatal("the current one is stale")
	}
	if second := e.Bump(); second == first || !e.Stale(first) || e.Stale(second) {
		t.Fatal("the old one is not stale")
	}
}

func BenchmarkTracker(b *testing.B) {
	b.ReportAllocs()
	tr := NewTracker(1)
	p := pos("mysql", 1)
	var ring [64]*Ticket
	for i := 0; b.Loop(); i++ {
		tr.Finish(ring[i%64])
		ring[i%64] = tr.Register(p, 0)
		if i%1000 == 0 {
			tr.Stored(tr.Advance())
		}
	}
}

func BenchmarkBudget(b *testing.B) {
	b.ReportAllocs()
	budget := NewBudget(1 << 20)
	ctx := b.Context()
	for b.Loop() {
		if budget.Take(ctx, 100) == nil {
			budget.Return(100)
		}
	}
}
