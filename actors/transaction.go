package actors

import (
	"context"
	"time"

	"github.com/anabranch/anabranch/actors/flow"
	"github.com/anabranch/anabranch/records"
)

// transactionWithin bounds the end of one transaction. It is not offset.flush.timeout.ms: an
// offset commit that failed is repeated later, a transaction of which nobody knows how it
// ended costs the incarnation.
const transactionWithin = 60 * time.Second

// Transactions make a task deliver exactly once: its sink writes in transactions, and positions
// are stored in the transaction of the frames that they stand for (CW-272).
type Transactions struct {
	// Interval is the time from the first frame of a transaction to its end; 0 ends it as soon
	// as what was read meanwhile is delivered (transaction.boundary, CW-273).
	Interval time.Duration
	// Commit writes the positions and ends the sink's transaction: deliver.Transactor with the
	// positions as the worker stores them. It is called with nothing in flight.
	Commit func(ctx context.Context, positions []records.Position) error
}

// transaction is the state of an incarnation that delivers in transactions.
//
// Frames are dispatched into the open transaction until its boundary; the frames that are read
// from then on wait, bounded by the budget, and make up the next one. So a source that is faster
// than a commit gets larger transactions and not longer queues:
//
//	read   A ──▶ B C D ──▶ E F …
//	open   [A]───commit───[B C D]───commit───[E F …
//
// A transaction ends at the end of a frame only, with everything before it delivered.
type transaction struct {
	spec *Transactions
	turn uint64 // tells the boundary of this transaction from an earlier one
	// dirty: something was dispatched since the last commit; rows: not only empty frames.
	dirty, rows bool
	// written is how many records the task had delivered before this transaction.
	written float64
	// closing: the boundary was reached; what is in flight is waited for, then it is committed.
	closing bool
	// sealed: a frame was dropped, because the incarnation ends; those behind it must not pass.
	sealed bool
	held   []*frameRead
	timer  *time.Timer
}

// boundaryDue: the interval of a transaction is over.
type boundaryDue struct {
	quiet
	epoch flow.Epoch
	turn  uint64
}

// admit takes a frame into the transaction, or keeps it for the next one, or drops it when the
// incarnation ends. It reports whether the frame is to be dispatched now.
func (t *task) admit(m *frameRead) bool {
	r := t.run
	x := r.txn
	switch {
	case x == nil:
		return true
	case x.sealed:
		r.discard(m)
		return false
	case x.closing && r.phase > phaseRunning:
		// It was not dispatched, so its position is not stored: it is read again later.
		x.sealed = true
		r.discard(m)
		return false
	case x.closing:
		x.held = append(x.held, m)
		return false
	}
	x.rows = x.rows || len(m.frame.Batches) > 0
	if !x.dirty {
		x.dirty = true
		x.written = r.stats.written.Stats().Total
		x.turn++
		wait := x.spec.Interval
		if wait <= 0 {
			wait = t.sys.opts.FlushInterval // for positions without rows, nobody waits for them
		}
		x.timer = t.after(wait, &boundaryDue{epoch: r.epoch, turn: x.turn})
	}
	return true
}

// admitted is called when frames that were admitted are dispatched.
func (t *task) admitted() {
	if r := t.run; r != nil && r.txn != nil && r.txn.rows && r.txn.spec.Interval <= 0 {
		t.boundary()
	}
}

func (t *task) onBoundaryDue(m *boundaryDue) {
	if r := t.of(m.epoch); r != nil && r.txn != nil && r.txn.turn == m.turn && r.phase <= phaseDraining {
		t.boundary()
	}
}

// boundary closes the open transaction, if there is one.
func (t *task) boundary() {
	x := t.run.txn
	if !x.dirty || x.closing {
		return
	}
	x.closing = true
	t.landed()
}

// landed commits a closing transaction when nothing of it is in flight any more.
func (t *task) landed() {
	if r := t.run; r != nil && r.txn != nil && r.txn.closing && r.first == nil && !r.committing && r.phase <= phaseDraining {
		t.commit()
	}
}

// mayCommit tells whether a commit may begin: always without transactions, else only when all of
// the transaction is delivered. An incarnation that was given up leaves it to be aborted (CW-273).
func (r *incarnation) mayCommit() bool { return r.txn == nil || r.first == nil && !r.aborted }

// uncommitted tells whether a transaction is open, also one without positions.
func (r *incarnation) uncommitted() bool { return r.txn != nil && r.txn.dirty }

// turned follows a transaction's commit: the frames that waited make up the next one.
func (t *task) turned(m *committed) {
	r := t.run
	x := r.txn
	if m.err != nil && !m.stored {
		// Nobody knows how it ended: only the stored offsets tell, read anew.
		t.end(false, &taskError{stage: stageTransaction, where: r.who, cause: m.err})
		return
	}
	if x.timer != nil {
		x.timer.Stop()
	}
	if x.rows {
		r.stats.transactions.Add(r.stats.written.Stats().Total - x.written)
	}
	if x.rows && t.retries > 0 {
		t.setRetries(0) // DM-69
	}
	x.dirty, x.rows, x.closing = false, false, false
	held := x.held
	x.held = nil
	for i, f := range held {
		if r.phase > phaseRunning {
			x.sealed = true
			for _, f := range held[i:] {
				r.discard(f)
			}
			return
		}
		// admit, not a cut after each: all that waited is one transaction.
		if t.admit(f) {
			t.dispatch(f)
		}
	}
	t.admitted()
	t.quiet()
}

// quiet calls those who wait for a commit once nothing is left to commit; until then it makes the
// open transaction end.
func (t *task) quiet() {
	r := t.run
	if len(r.waiting) == 0 {
		return
	}
	if r.txn.dirty || r.committing {
		t.boundary()
		return
	}
	fns := r.waiting
	r.waiting = nil
	for _, fn := range fns {
		fn()
	}
}

// discard gives a frame back that will not be dispatched.
func (r *incarnation) discard(m *frameRead) {
	m.frame.Release()
	r.budget.Return(m.size)
	r.stats.over(m.rows)
}

// dropHeld gives up the frames that wait for the next transaction.
func (r *incarnation) dropHeld() {
	if r.txn == nil {
		return
	}
	r.txn.sealed = true
	for _, f := range r.txn.held {
		r.discard(f)
	}
	r.txn.held = nil
	if r.txn.timer != nil {
		r.txn.timer.Stop()
	}
}
