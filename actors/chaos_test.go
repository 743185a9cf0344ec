package actors

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// world is a log of rows, a target and an offset store that outlive the incarnations of a task,
// with the validators of the delivery guarantee.
type world struct {
	t    *testing.T
	rows int64 // rows 1..rows; row n is of table n%4

	mu        sync.Mutex // guards the fields below
	rng       *rand.Rand
	calm      bool
	durable   map[int64]bool
	newest    map[string]int64 // first deliveries must come in order
	stored    int64
	open      int // incarnations with an open sink
	failures  int
	positions memoryOffsets
	ledger    *ledger // of a target with transactions, else nil
}

func (w *world) chance(oneIn int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calm || w.rng.IntN(oneIn) != 0 {
		return false
	}
	w.failures++
	return true
}

func (w *world) wait() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.rng.IntN(20)) * time.Millisecond
}

func tableOf(n int64) string { return fmt.Sprintf("t%d", n%4) }

// deliver makes rows durable; tables may overtake each other, rows of one table may not.
func (w *world) deliver(ns []int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ledger != nil {
		w.ledger.open = append(w.ledger.open, ns...)
		return
	}
	for _, n := range ns {
		table := tableOf(n)
		if !w.durable[n] {
			if prev := n - 4; prev > 0 && !w.durable[prev] {
				w.t.Errorf("row %d of %s is delivered before row %d", n, table, prev)
			}
			w.newest[table] = n
		}
		w.durable[n] = true
	}
}

// Store checks invariant 2.
func (w *world) Store(ctx context.Context, c string, ps []records.Position) error {
	if w.chance(4) {
		return errPlain
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range ps {
		n, _ := p.Offset.Int("n")
		if n < w.stored {
			w.t.Errorf("position went back from %d to %d", w.stored, n)
		}
		for i := int64(1); i <= n; i++ {
			if !w.durable[i] {
				w.t.Errorf("position %d is stored, row %d is not delivered", n, i)
				break
			}
		}
		w.stored = n
	}
	return w.positions.Store(ctx, c, ps)
}

func (w *world) Load(ctx context.Context, c string) ([]records.Position, error) {
	return w.positions.Load(ctx, c)
}

// laneSink writes each lane in order on a goroutine of its own.
type laneSink struct {
	w       *world
	ctx     context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup
	pending sync.WaitGroup

	mu    sync.Mutex // guards lanes
	lanes map[string]chan func()
}

func (s *laneSink) Open(context.Context) error {
	if s.w.chance(10) {
		return markedError{retriable: true}
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.open++; s.w.open > 1 {
		s.w.t.Error("two incarnations write at the same time")
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return nil
}

func (s *laneSink) Write(ctx context.Context, b *records.Batch, done deliver.Done) error {
	var ns []int64
	for i := range b.Records {
		ns = append(ns, int64(b.Records[i].Value.Num))
	}
	table := b.Origin.Table
	b.Release()
	if s.w.chance(60) {
		return markedError{retriable: true}
	}
	s.mu.Lock()
	ch := s.lanes[table]
	if ch == nil {
		ch = make(chan func(), 2)
		s.lanes[table] = ch
		s.wg.Go(func() {
			for {
				select {
				case f := <-ch:
					if s.ctx.Err() != nil { // select does not say which was first
						s.pending.Done()
						return
					}
					f()
				case <-s.ctx.Done():
					return
				}
			}
		})
	}
	s.mu.Unlock()
	broken := s.w.chance(60)
	s.pending.Add(1)
	select {
	case ch <- func() {
		defer s.pending.Done()
		<-time.After(s.w.wait())
		if broken {
			s.stop() // nothing behind it may be written
			done(markedError{retriable: true})
			return
		}
		s.w.deliver(ns)
		done(nil)
	}:
		return nil
	case <-ctx.Done():
		s.pending.Done()
		return ctx.Err()
	case <-s.ctx.Done():
		s.pending.Done()
		return markedError{retriable: true}
	}
}

func (s *laneSink) Flush(ctx context.Context) error {
	all := make(chan struct{})
	go func() { s.pending.Wait(); close(all) }()
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return markedError{retriable: true}
	}
}

func (s *laneSink) Close() error {
	if s.stop == nil {
		return nil
	}
	s.stop()
	s.wg.Wait()
	for _, ch := range s.lanes {
		for len(ch) > 0 {
			<-ch
			s.pending.Done()
		}
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.open--
	return nil
}

func (w *world) build() (Parts, error) {
	next := int64(1)
	src := &fakeSource{
		open: func(_ context.Context, ps []records.Position) error {
			if w.chance(10) {
				return markedError{retriable: true}
			}
			if len(ps) > 0 {
				n, _ := ps[0].Offset.Int("n")
				next = n + 1
			}
			return nil
		},
		read: func(ctx context.Context) (*records.Frame, error) {
			if w.chance(100) {
				return nil, markedError{retriable: true}
			}
			wait := w.wait() / 4
			if next > w.rows {
				wait = time.Hour
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			if next > w.rows {
				return frameOf(at("s", w.rows)), nil
			}
			f := &records.Frame{}
			last := min(next+int64(wait)%7, w.rows)
			for _, table := range []int64{0, 1, 2, 3} {
				var ns []int64
				for n := next; n <= last; n++ {
					if n%4 == table {
						ns = append(ns, n)
					}
				}
				if len(ns) > 0 {
					f.Batches = append(f.Batches, batchOf(tableOf(table), ns...))
				}
			}
			f.Position = at("s", last)
			next = last + 1
			return f, nil
		},
	}
	return Parts{Source: src, Sink: &laneSink{w: w, lanes: map[string]chan func(){}}, Offsets: w, MaxRetries: -1, RetryWaitMillis: 500}, nil
}

// TestTask_LosesNothingUnderFailures lets everything fail at random, and pauses, restarts and
// replaces the connector meanwhile.
func TestTask_LosesNothingUnderFailures(t *testing.T) {
	failures := 0
	for seed := range uint64(24) {
		bubble(t, Options{FlushInterval: 50 * time.Millisecond, BudgetBytes: 16 << 10}, func(t *testing.T, h *harness) {
			w := &world{t: t, rows: 400, rng: rand.New(rand.NewPCG(seed, 1)), durable: map[int64]bool{}, newest: map[string]int64{}}
			h.start("c", w.build)
			for range 30 {
				h.pass(w.wait() * 10)
				switch w.wait() / time.Millisecond {
				case 0:
					h.must(h.sys.Pause("c"))
				case 1, 2, 3:
					h.must(h.sys.Resume("c"))
				case 4:
					h.must(h.sys.RestartTask("c", 0))
				case 5:
					if err := h.sys.Start(Connector{Name: "c", Tasks: []Task{{ID: 0, Build: w.build}}}); err != nil {
						t.Fatal(err)
					}
				case 6:
					h.must(h.sys.Stop(h.Context(), "c"))
					h.start("c", w.build)
				}
			}
			w.mu.Lock()
			w.calm = true
			w.mu.Unlock()
			h.must(h.sys.Resume("c"))
			h.pass(5 * time.Minute)
			if len(w.durable) != int(w.rows) || w.stored != w.rows || h.lastState("c/0") != "RUNNING" {
				t.Fatalf("seed %d: %d rows delivered, %d stored, %s\n%s", seed, len(w.durable), w.stored, h.lastState("c/0"), h.status.trace("c/0"))
			}
			failures += w.failures
			h.must(h.sys.Stop(h.Context(), "c"))
			synctest.Wait()
		})
	}
	if failures < 100 {
		t.Fatalf("only %d failures happened", failures)
	}
	t.Logf("%d failures injected", failures)
}
