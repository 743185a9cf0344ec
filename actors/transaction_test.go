package actors

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// ledger is a target with transactions: what readers of committed records see.
type ledger struct {
	open []int64 // written, not committed
	seen map[int64]bool
}

// commit ends the transaction of a world: at times it fails, and at times it works and says that
// it failed.
func (w *world) commit(ctx context.Context, ps []records.Position) error {
	if w.chance(12) {
		return markedError{retriable: true}
	}
	lies := w.chance(12)
	select {
	case <-time.After(w.wait()):
	case <-ctx.Done():
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.ledger.open {
		if w.ledger.seen[n] {
			w.t.Errorf("row %d is delivered twice", n)
		}
		w.ledger.seen[n] = true
	}
	w.ledger.open = nil
	for _, p := range ps {
		w.stored, _ = p.Offset.Int("n")
	}
	for n := range w.rows {
		if n++; w.ledger.seen[n] != (n <= w.stored) {
			w.t.Errorf("position %d is stored, row %d is delivered: %v; %v now", w.stored, n, w.ledger.seen[n], ps)
			break
		}
	}
	if err := w.positions.Store(ctx, "", ps); err != nil {
		return err
	}
	if lies {
		return markedError{retriable: true}
	}
	return nil
}

// txnSink is a laneSink whose rows count when the world commits.
type txnSink struct{ *laneSink }

func (s txnSink) Open(ctx context.Context) error {
	err := s.laneSink.Open(ctx)
	s.w.mu.Lock()
	s.w.ledger.open = nil // the transaction of the incarnation before is aborted
	s.w.mu.Unlock()
	return err
}

func (s txnSink) Close() error {
	err := s.laneSink.Close()
	s.w.mu.Lock()
	s.w.ledger.open = nil
	s.w.mu.Unlock()
	return err
}

// TestTransaction_DeliversOnceUnderFailures is TestTask_LosesNothingUnderFailures with a target
// that has transactions: every row is seen once, and never beyond the stored position.
func TestTransaction_DeliversOnceUnderFailures(t *testing.T) {
	failures := 0
	for seed := range uint64(24) {
		interval := time.Duration(seed%3) * 20 * time.Millisecond
		bubble(t, Options{FlushInterval: 50 * time.Millisecond, BudgetBytes: 16 << 10}, func(t *testing.T, h *harness) {
			w := &world{t: t, rows: 400, rng: rand.New(rand.NewPCG(seed, 2)), ledger: &ledger{seen: map[int64]bool{}}}
			build := func() (Parts, error) {
				p, err := w.build()
				p.Sink = txnSink{p.Sink.(*laneSink)}
				p.Transactions = &Transactions{Interval: interval, Commit: w.commit}
				return p, err
			}
			h.start("c", build)
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
					h.must(h.sys.Stop(h.Context(), "c"))
					h.start("c", build)
				}
			}
			w.mu.Lock()
			w.calm = true
			w.mu.Unlock()
			h.must(h.sys.Resume("c"))
			h.pass(5 * time.Minute)
			if len(w.ledger.seen) != int(w.rows) || w.stored != w.rows || h.lastState("c/0") != "RUNNING" {
				t.Fatalf("seed %d: %d rows delivered, %d stored, %s\n%s", seed, len(w.ledger.seen), w.stored, h.lastState("c/0"), h.status.trace("c/0"))
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

// txnTask is a task over a channel of frames whose commits wait for the test.
type txnTask struct {
	frames chan *records.Frame
	gate   chan error // one answer for each commit

	mu        sync.Mutex // guards the fields below
	commits   [][]int64  // offsets of each
	written   []int64
	toldFirst bool // Source.Commit came before a commit had ended
	ended     int
}

func newTxnTask() *txnTask {
	return &txnTask{frames: make(chan *records.Frame, 16), gate: make(chan error, 16)}
}

func (x *txnTask) parts(interval time.Duration) Parts {
	sink := &fakeSink{write: func(_ context.Context, b *records.Batch, done deliver.Done) error {
		x.mu.Lock()
		for i := range b.Records {
			x.written = append(x.written, int64(b.Records[i].Value.Num))
		}
		x.mu.Unlock()
		b.Release()
		go done(nil)
		return nil
	}}
	source := &fakeSource{read: readFrames(x.frames), commit: func(context.Context, records.Position) error {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.toldFirst = x.toldFirst || x.ended < len(x.commits)
		return nil
	}}
	return Parts{Source: source, Sink: sink, Offsets: &memoryOffsets{}, Transactions: &Transactions{Interval: interval, Commit: x.commit}}
}

func (x *txnTask) commit(ctx context.Context, ps []records.Position) error {
	var at []int64
	for _, p := range ps {
		n, _ := p.Offset.Int("n")
		at = append(at, n)
	}
	x.mu.Lock()
	x.commits = append(x.commits, at)
	x.mu.Unlock()
	select {
	case err := <-x.gate:
		x.mu.Lock()
		x.ended++
		x.mu.Unlock()
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *txnTask) want(t *testing.T, written []int64, commits ...[]int64) {
	t.Helper()
	synctest.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Equal(x.written, written) || !slices.EqualFunc(x.commits, commits, slices.Equal) {
		t.Fatalf("written %v, commits at %v; want %v, %v", x.written, x.commits, written, commits)
	}
	if x.toldFirst {
		t.Error("the source was told of a position before it was committed")
	}
}

func (x *txnTask) send(n int64) { x.frames <- frameOf(at("s", n), batchOf("t", n)) }

func TestTransaction_TakesWhatIsReadDuringACommit(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		x := newTxnTask()
		h.start("c", parts(x.parts(0)))
		x.send(1)
		x.want(t, []int64{1}, []int64{1})
		for n := int64(2); n <= 4; n++ {
			x.send(n)
		}
		x.want(t, []int64{1}, []int64{1}) // nothing is written while the commit is under way
		x.gate <- nil
		x.want(t, []int64{1, 2, 3, 4}, []int64{1}, []int64{4})
		x.gate <- nil
		synctest.Wait()
		if s := h.sys.Stats("c")[0]; !s.Transactional || s.Transactions.Count != 2 || s.Transactions.Min != 1 || s.Transactions.Max != 3 || s.Transactions.Avg != 2 {
			t.Errorf("sizes of transactions: %+v", s.Transactions)
		}
		h.must(h.sys.Stop(h.Context(), "c"))
		x.want(t, []int64{1, 2, 3, 4}, []int64{1}, []int64{4})
	})
}

func TestTransaction_EndsAfterItsInterval(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		x := newTxnTask()
		h.start("c", parts(x.parts(time.Second)))
		x.send(1)
		h.pass(900 * time.Millisecond)
		x.send(2)
		x.want(t, []int64{1, 2})
		x.gate <- nil
		h.pass(200 * time.Millisecond)
		x.want(t, []int64{1, 2}, []int64{2})
		x.send(3)
		h.pass(time.Millisecond)
		x.gate <- nil
		h.must(h.sys.Pause("c")) // commits what is open (CW-273)
		h.pass(time.Millisecond)
		x.want(t, []int64{1, 2, 3}, []int64{2}, []int64{3})
	})
}

// Positions without rows are committed too, but nobody waits for them (CW-276).
func TestTransaction_OfPositionsAlone(t *testing.T) {
	bubble(t, Options{FlushInterval: time.Second}, func(t *testing.T, h *harness) {
		x := newTxnTask()
		h.start("c", parts(x.parts(0)))
		x.frames <- frameOf(at("s", 7))
		h.pass(10 * time.Millisecond)
		x.want(t, nil)
		x.gate <- nil
		h.pass(time.Second)
		x.want(t, nil, []int64{7})
	})
}

func TestTransaction_ThatFailedEndsTheIncarnation(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		x := newTxnTask()
		h.start("c", parts(x.parts(0)))
		x.send(1)
		x.send(2)
		h.pass(time.Millisecond)
		x.gate <- markedError{retriable: false}
		h.pass(time.Second)
		// Frame 2 waited for the commit; it is not written behind one that nobody knows the end of.
		x.want(t, []int64{1}, []int64{1})
		h.wantStates("c/0", "RUNNING", "FAILED")
	})
}

func TestTransaction_OfASourceThatEnds(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		x := newTxnTask()
		h.start("c", parts(x.parts(0)))
		x.send(1)
		x.send(2)
		close(x.frames)
		x.gate <- nil
		x.gate <- nil
		h.pass(time.Second)
		x.want(t, []int64{1, 2}, []int64{1}, []int64{2})
	})
}
