package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/anabranch/anabranch/actors/flow"
	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/records"
)

// frameOverheadBytes is what a frame costs in the budget beyond its batches. It bounds the
// number of empty frames in flight.
const frameOverheadBytes = 1 << 10

// Drainer is implemented by sources whose partitions can be taken away while they run
// (Kafka consumer groups, CW-283). The task sets the hook before Open. The source calls it, from any
// goroutine but one that Commit waits for, with the lanes (Batch.Origin.Table) that it is about
// to lose, and lets the rebalance proceed when the hook returns: their batches are then
// delivered and Commit has been called for their positions, or ctx has ended. A frame that
// Read returned before counts; frames with those lanes must not come from Read afterwards. A
// source that calls the hook from within Read keeps that rule by itself.
type Drainer interface {
	OnRevoke(hook func(ctx context.Context, lanes []string))
}

// MultiCommitter is implemented by sources with many partitions that can commit all of them
// in one request. It has the meaning of one Commit for each position.
type MultiCommitter interface {
	CommitAll(ctx context.Context, positions []records.Position) error
}

// phase is how far an incarnation is in its life. It only moves on.
type phase uint8

const (
	phaseOpening  phase = iota // the read pump opens sink and source
	phaseRunning               // frames flow
	phaseDraining              // reading ends, what is in flight is delivered
	phaseHalting               // lanes, pumps and a commit under way come to their end
	phaseFinal                 // last offset commit
	phaseClosing               // source and sink are being closed
)

// incarnation is one life of a task: source, sink, lanes and what is in flight between them.
// The task owns it; what other goroutines may touch is marked.
type incarnation struct {
	epoch     flow.Epoch      // read by all
	connector string          // read by all
	who       string          // read by all: connector-task
	log       *slog.Logger    // read by all
	tell      func(msg any)   // called by all: sends to the task
	pumps     pumps           // called by all
	handover  chan struct{}   // held while a frame is on its way from Read to the task
	budget    *flow.Budget    // safe for all
	hold      hold            // safe for all
	stats     *taskStats      // safe for all
	reading   atomic.Int64    // when Read was called, ms since epoch; 0 outside Read
	life      context.Context // ends when the time for an orderly end is over
	work      context.Context // below life; ends when deliveries are given up
	read      context.Context // below work; ends when reading is to stop
	endLife   context.CancelCauseFunc
	endWork   context.CancelCauseFunc
	endRead   context.CancelCauseFunc

	// Written by the read pump before its first message, then only read.
	parts                      Parts
	sinkTouched, sourceTouched bool
	toleranceTouched           bool

	// The task's own.
	phase        phase
	tracker      *flow.Tracker
	txn          *transaction        // nil: delivery is at least once
	lanes        map[string]*laneRef // by table
	actors       map[string]*laneRef // by id of the lane's actor, also those that are ending
	spawned      int
	first, last  *flight // in flight, oldest first
	flushing     int     // calls of Sink.Flush under way
	opened       bool
	readEnded    bool
	committing   bool
	waiting      []func() // to be called after a commit that begins later than now
	served       []func() // to be called after the commit under way
	revoking     []*revoked
	failure      error
	aborted      bool
	closed       bool
	deadline     time.Time
	pulseTimer   *time.Timer
	commitTimer  *time.Timer
	pauseTimer   *time.Timer
	held         bool  // paused
	holds        int   // pauses so far
	trouble      error // why the sink does not write now
	quieted      bool  // the source was told to pause
	endTimers    []*time.Timer
	sourceMillis int64 // newest seen
}

// laneRef is the task's side of a lane.
type laneRef struct {
	table    string
	pid      *actor.PID
	inFlight int // frames
	lastUsed time.Time
	ending   bool
	records  prometheus.Counter
}

// flight is a frame between dispatch and completion.
type flight struct {
	run          *incarnation
	ticket       *flow.Ticket
	left         atomic.Int32 // batches not yet done
	rows         int
	size         int64
	sourceMillis int64
	batches      int
	lanes        []*laneRef
	one          [1]*laneRef // backs lanes of the common frame
	drains       []*drain    // that wait for it
	prev, next   *flight
}

// drain waits until frames in flight are delivered: markers pass through the lanes, then the
// sink is flushed, then the frames that were in flight at the start are done.
type drain struct {
	run     *incarnation
	lanes   int
	frames  int
	flushed bool
	then    func()
}

// fail reports an error of the incarnation. Any goroutine may call it.
func (r *incarnation) fail(err error) { r.tell(&failed{epoch: r.epoch, err: err}) }

// cancel ends everything that waits.
func (r *incarnation) cancel(cause error) {
	r.endLife(cause)
	for _, t := range append(r.endTimers, r.pulseTimer, r.commitTimer, r.pauseTimer) {
		if t != nil {
			t.Stop()
		}
	}
}

// readLoop is the read pump: it opens sink and source, then reads until it is told to stop.
func (r *incarnation) readLoop(build func() (Parts, error)) error {
	var err error
	if r.parts, err = build(); err == nil && (r.parts.Source == nil || r.parts.Sink == nil) {
		err = errors.New("the task has no source or no sink")
	}
	if err != nil {
		return &taskError{stage: stageBuild, where: r.who, cause: err}
	}
	if tol := r.parts.Tolerance; tol != nil {
		r.stats.tolerance.Store(&tol)
	}
	if err := r.open(); err != nil {
		if r.work.Err() != nil {
			return nil // ours: the end was asked for
		}
		return err
	}
	r.tell(&opened{epoch: r.epoch})
	_, polls := r.parts.Source.(capture.Pauser) // pauses by itself
	for {
		if !polls && !r.hold.wait(r.read) {
			return nil
		}
		asked := time.Now()
		r.reading.Store(asked.UnixMilli())
		f, err := r.parts.Source.Read(r.read)
		r.reading.Store(0)
		if err == nil && f == nil {
			err = errors.New("source returned neither a frame nor an error")
		}
		if err != nil {
			if r.read.Err() != nil {
				return nil
			}
			return &taskError{stage: stageRead, where: r.who, cause: err}
		}
		took := time.Since(asked)
		if !polls && !r.hold.wait(r.read) { // a pause began meanwhile
			f.Release()
			return nil
		}
		r.stats.read(f.Rows(), took)
		if !r.handOver(f) {
			return nil
		}
	}
}

func (r *incarnation) open() error {
	fail := func(sub string, err error) error {
		return &taskError{stage: stageOpen, sub: sub, where: r.who, cause: err}
	}
	if tol := r.parts.Tolerance; tol != nil {
		r.toleranceTouched = true
		if err := tol.Open(r.work, func(err error) {
			r.fail(&taskError{stage: stageRead, sub: "report failed records of", where: r.who, cause: err})
		}); err != nil {
			return fail("open dead letter queue", err)
		}
	}
	// The sink comes before the offsets: one with transactions ends those of an earlier incarnation, and
	// only then the offsets are what they will be.
	r.sinkTouched = true
	r.hearTrouble()
	if err := r.parts.Sink.Open(r.work); err != nil {
		return fail("open sink", err)
	}
	var offsets []records.Position
	if r.parts.Offsets != nil {
		var err error
		if offsets, err = r.parts.Offsets.Load(r.work, r.connector); err != nil {
			return fail("load offsets", err)
		}
	}
	if d, ok := r.parts.Source.(Drainer); ok {
		d.OnRevoke(r.onRevoke)
	}
	r.sourceTouched = true
	if err := r.parts.Source.Open(r.work, offsets); err != nil {
		return fail("open source", err)
	}
	return nil
}

// handOver takes the budget for a frame and gives it to the task; false if reading is to end.
// A frame that is dropped here is read again later, its position was not registered.
func (r *incarnation) handOver(f *records.Frame) bool {
	select {
	case r.handover <- struct{}{}:
	case <-r.read.Done():
		f.Release()
		return false
	}
	defer func() { <-r.handover }()
	rows, size := f.Rows(), f.SizeBytes()+frameOverheadBytes
	if err := r.budget.Take(r.read, size); err != nil {
		f.Release()
		return false
	}
	r.tell(&frameRead{epoch: r.epoch, frame: f, rows: rows, size: size})
	return true
}

// onRevoke is the hook of a Drainer.
func (r *incarnation) onRevoke(ctx context.Context, lanes []string) {
	// Behind this point every frame that Read returned before is in the task's mailbox.
	select {
	case r.handover <- struct{}{}:
	case <-ctx.Done():
		return
	case <-r.work.Done():
		return
	}
	ask := &revoked{epoch: r.epoch, lanes: lanes, done: make(chan struct{})}
	r.tell(ask)
	<-r.handover
	select {
	case <-ask.done:
	case <-ctx.Done():
	case <-r.work.Done():
	}
}

// store makes positions durable and then tells the source (invariant 1). stored says whether
// the first half worked; for sink connectors the two are one act.
func (r *incarnation) store(ctx context.Context, positions []records.Position) (stored bool, err error) {
	switch {
	case r.parts.Transactions != nil:
		if err := r.parts.Transactions.Commit(ctx, positions); err != nil {
			return false, err
		}
		stored = true
	case r.parts.Offsets != nil:
		if err := r.parts.Offsets.Store(ctx, r.connector, positions); err != nil {
			return false, fmt.Errorf("store offsets: %w", err)
		}
		stored = true
	}
	if m, ok := r.parts.Source.(MultiCommitter); ok {
		err = m.CommitAll(ctx, positions)
	} else {
		for i := range positions {
			if err = r.parts.Source.Commit(ctx, positions[i]); err != nil {
				break
			}
		}
	}
	if err != nil {
		return stored, fmt.Errorf("commit to source: %w", err)
	}
	return true, nil
}

// close closes what was opened: the sink first, so that nothing is delivered any more when
// the source frees what it holds.
func (r *incarnation) close() error {
	var sinkErr, sourceErr, toleranceErr error
	if r.sinkTouched {
		sinkErr = guard(r.parts.Sink.Close)
	}
	if r.sourceTouched {
		sourceErr = guard(r.parts.Source.Close)
	}
	if r.toleranceTouched {
		toleranceErr = guard(r.parts.Tolerance.Close)
	}
	return errors.Join(sinkErr, sourceErr, toleranceErr)
}

// snapshotOf asks the source for its progress; false if it has none.
func snapshotOf(src capture.Source) (s capture.Snapshot, ok bool) {
	p, is := src.(capture.Progress)
	if !is {
		return s, false
	}
	err := guard(func() error { s = p.SnapshotProgress(); return nil })
	return s, err == nil
}

// answer lets one rebalance proceed, once.
func (r *incarnation) answer(m *revoked) {
	for i := range r.revoking {
		if r.revoking[i] == m {
			r.revoking = append(r.revoking[:i], r.revoking[i+1:]...)
			close(m.done)
			return
		}
	}
}

// push and drop keep the list of flights.
func (r *incarnation) push(f *flight) {
	f.prev = r.last
	if r.last == nil {
		r.first = f
	} else {
		r.last.next = f
	}
	r.last = f
}

func (r *incarnation) drop(f *flight) {
	if f.prev == nil {
		r.first = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next == nil {
		r.last = f.prev
	} else {
		f.next.prev = f.prev
	}
	f.prev, f.next = nil, nil
}
