package actors

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/anabranch/anabranch/actors/flow"
	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/records"
)

// Bounds of what a task does by the clock.
const (
	pulseEvery = time.Second
	// caughtUpAfter is how long Read waits with nothing in flight until the lag counts as 0.
	caughtUpAfter = 2 * time.Second
	// Lanes that were idle for laneIdle end when there are more than maxIdleLanes.
	maxIdleLanes = 256
	laneIdle     = time.Minute
)

// onFrame takes a frame from the read pump.
func (t *task) onFrame(m *frameRead) {
	r := t.of(m.epoch)
	if r == nil || r.aborted || r.phase > phaseDraining {
		m.frame.Release()
		return
	}
	if t.admit(m) {
		t.dispatch(m)
		t.admitted()
	}
}

// dispatch gives the batches of a frame to their lanes.
func (t *task) dispatch(m *frameRead) {
	r := t.run
	now := time.Now()
	f := &flight{run: r, rows: m.rows, size: m.size, sourceMillis: m.frame.SourceMillis, batches: len(m.frame.Batches)}
	f.ticket = r.tracker.Register(m.frame.Position, now.UnixMilli())
	f.left.Store(int32(len(m.frame.Batches)))
	f.lanes = f.one[:0]
	r.push(f)
	if len(m.frame.Batches) == 0 {
		t.onFrameDone(f) // a heartbeat moves the position on like any frame
		return
	}
	for _, b := range m.frame.Batches {
		l, err := t.lane(b.Origin.Table)
		if err != nil {
			t.end(false, err)
			return
		}
		l.inFlight++
		l.lastUsed = now
		l.records.Add(float64(len(b.Records)))
		f.lanes = append(f.lanes, l)
		t.ctx.Send(l.pid, &batchWork{flight: f, batch: b, table: l.table})
	}
}

// lane finds or spawns the lane of a table.
func (t *task) lane(table string) (*laneRef, error) {
	r := t.run
	if l := r.lanes[table]; l != nil && !l.ending {
		return l, nil
	}
	r.spawned++
	props := t.sys.props(func() actor.Actor { return &lane{run: r, table: table} })
	// The number keeps the names of a lane and of the one that follows it apart.
	pid, err := t.ctx.SpawnNamed(props, "lane/"+table+"/"+strconv.FormatUint(uint64(r.epoch), 10)+"."+strconv.Itoa(r.spawned))
	if err != nil {
		return nil, &taskError{stage: stageActor, where: table, cause: fmt.Errorf("spawn lane: %w", err)}
	}
	l := &laneRef{table: table, pid: pid, records: t.metrics.table(table)}
	r.lanes[table], r.actors[pid.Id] = l, l
	return l, nil
}

// onFrameDone accounts for a delivered frame.
func (t *task) onFrameDone(f *flight) {
	r := f.run
	if t.epochs.Stale(r.epoch) {
		return // of an incarnation that was given up
	}
	r.budget.Return(f.size)
	r.stats.over(f.rows)
	r.tracker.Finish(f.ticket)
	r.drop(f)
	now := time.Now()
	for _, l := range f.lanes {
		l.inFlight--
		l.lastUsed = now
	}
	if f.rows > 0 {
		t.vitals.records.Add(int64(f.rows))
		t.metrics.records.Add(float64(f.rows))
		t.metrics.bytes.Add(float64(f.size - frameOverheadBytes))
		if t.retries > 0 && r.txn == nil {
			t.setRetries(0) // DM-69
		}
	}
	t.metrics.batches.Add(float64(f.batches))
	t.observeLag(f, now.UnixMilli())
	for _, d := range f.drains {
		d.frames--
		t.checkDrain(d)
	}
	t.landed()
}

// observeLag derives the lag from a delivered frame.
func (t *task) observeLag(f *flight, now int64) {
	r := f.run
	switch {
	case f.batches == 0 && f.sourceMillis <= r.sourceMillis:
		// A heartbeat with nothing new: if all else is delivered, we are at the end of the log.
		if r.first == nil {
			t.setLag(0)
		}
	case f.sourceMillis > 0:
		r.sourceMillis = max(r.sourceMillis, f.sourceMillis)
		t.setLag(max(now-f.sourceMillis, 0))
	}
}

func (t *task) setLag(ms int64) {
	t.vitals.lag.Store(ms)
	t.metrics.lag.Set(float64(ms))
}

// onPulse refreshes what changes without a frame, and ends idle lanes.
func (t *task) onPulse(m *pulse) {
	r := t.of(m.epoch)
	if r == nil {
		return
	}
	now := time.Now()
	nowMillis := now.UnixMilli()
	if f := r.first; f != nil {
		// The oldest frame in flight has been waiting since its lag was last known.
		if f.sourceMillis > 0 {
			t.setLag(max(nowMillis-f.sourceMillis, t.vitals.lag.Load()))
		}
	} else if since := r.reading.Load(); !r.held && since > 0 && nowMillis-since >= caughtUpAfter.Milliseconds() && t.vitals.lag.Load() > 0 {
		t.setLag(0)
	}
	t.metrics.queueBytes.Set(float64(r.budget.Used()))
	t.metrics.lanes.Set(float64(len(r.lanes)))
	age := 0.0
	if at, ok := r.tracker.Oldest(); ok {
		age = float64(max(nowMillis-at, 0)) / 1000
	}
	t.metrics.commitAge.Set(age)
	if s, ok := snapshotOf(r.parts.Source); ok {
		t.metrics.setSnapshot(&s)
		t.logSnapshot(&s, now)
	}
	if len(r.lanes) > maxIdleLanes {
		for _, l := range r.lanes {
			if l.inFlight == 0 && now.Sub(l.lastUsed) >= laneIdle {
				t.retireLane(l)
			}
		}
	}
	if r.phase <= phaseDraining {
		r.pulseTimer.Reset(pulseEvery)
	}
}

// logSnapshot tells now and then how far a snapshot is.
func (t *task) logSnapshot(s *capture.Snapshot, now time.Time) {
	if !s.Running || now.Sub(t.snapshotLogged) < repeatEvery {
		return
	}
	first := t.snapshotLogged.IsZero()
	t.snapshotLogged = now
	if first {
		return // a short snapshot needs no line
	}
	args := []any{"rows", s.RowsDone, "tables", s.TablesDone, "of", s.TablesTotal}
	if s.RowsEstimated > 0 {
		args = append(args, "percent", min(100*s.RowsDone/s.RowsEstimated, 99))
	}
	if s.SecondsLeft >= 0 {
		args = append(args, "left", time.Duration(s.SecondsLeft)*time.Second)
	}
	t.log.Info("snapshot goes on", args...)
}

// retireLane ends a lane with nothing in flight. Its table may come again at once: everything
// of the old lane is delivered, so that a new one keeps the order.
func (t *task) retireLane(l *laneRef) {
	delete(t.run.lanes, l.table)
	t.endLane(l)
}

func (t *task) onCommitDue(m *commitDue) {
	r := t.of(m.epoch)
	if r == nil || r.phase > phaseDraining {
		return
	}
	t.commit()
	r.commitTimer.Reset(t.sys.opts.FlushInterval)
}

// commitThen commits what is finished by now and then calls fn, whether or not it worked.
func (t *task) commitThen(fn func()) {
	t.run.waiting = append(t.run.waiting, fn)
	if t.run.txn != nil {
		t.quiet()
		return
	}
	t.commit()
}

// commit stores the newest finished positions in a pump, unless one is at it already.
func (t *task) commit() {
	r := t.run
	if r.committing {
		return
	}
	var fns []func()
	if r.txn == nil {
		fns, r.waiting = r.waiting, nil
	}
	var done []flow.Advanced
	if r.mayCommit() {
		done = r.tracker.Advance()
	}
	if len(done) == 0 && !(r.mayCommit() && r.uncommitted()) {
		for _, fn := range fns {
			fn()
		}
		return
	}
	r.served, r.committing = fns, true
	timeout := t.sys.opts.FlushTimeout
	if r.txn != nil {
		timeout = max(timeout, transactionWithin)
	}
	if !r.deadline.IsZero() {
		// The other half of what is left is for Close.
		timeout = min(timeout, max(time.Until(r.deadline)/2, 10*time.Millisecond))
	}
	positions := make([]records.Position, len(done))
	for i := range done {
		positions[i] = done[i].Position
	}
	answer := &committed{epoch: r.epoch, done: done}
	began := time.Now()
	r.pumps.start(func() (err error) {
		ctx, cancel := context.WithTimeout(r.life, timeout)
		defer cancel()
		answer.stored, err = r.store(ctx, positions)
		return err
	}, func(err error) {
		answer.err, answer.took = err, time.Since(began)
		r.tell(answer)
	})
}

func (t *task) onCommitted(m *committed) {
	r := t.of(m.epoch)
	if r == nil {
		return
	}
	r.committing = false
	t.metrics.commitSeconds.Observe(m.took.Seconds())
	if m.err == nil {
		r.stats.commits.Add(float64(m.took.Microseconds()) / 1000)
	} else {
		r.stats.commitFailures.Add(float64(m.took.Microseconds()) / 1000)
	}
	if m.stored {
		r.tracker.Stored(m.done)
		t.vitals.lastCommit.Store(time.Now().UnixMilli())
	}
	if m.err != nil && (m.stored || r.txn == nil) {
		// The data is kept and goes with the next commit, the task lives on (CW-265).
		t.metrics.commitFailures.Inc()
		t.commitErrs.log(t.log, slog.LevelError, "offset commit failed", m.err, keyEpoch, r.epoch, keyTook, m.took)
	}
	served := r.served
	r.served = nil
	for _, fn := range served {
		fn()
	}
	if r.phase <= phaseDraining && asPanic(m.err) != nil {
		t.end(false, &taskError{stage: stageCommit, where: r.who, cause: m.err})
		return
	}
	if r.txn != nil {
		t.turned(m)
	} else if len(r.waiting) > 0 {
		t.commit()
	}
	t.proceed()
}

// drain calls then when all that is in flight in the given lanes, or in all if only is nil, is
// delivered. If the incarnation is given up meanwhile, then is not called.
func (t *task) drain(only map[string]bool, then func()) {
	r := t.run
	d := &drain{run: r, then: then}
	for f := r.first; f != nil; f = f.next {
		for _, l := range f.lanes {
			if only == nil || only[l.table] {
				d.frames++
				f.drains = append(f.drains, d)
				break
			}
		}
	}
	for _, l := range r.lanes {
		if !l.ending && (only == nil || only[l.table]) {
			d.lanes++
			t.ctx.Send(l.pid, &laneMarker{drain: d})
		}
	}
	if d.lanes == 0 {
		t.flush(d)
	}
}

func (t *task) onLaneDrained(m *laneDrained) {
	if t.of(m.epoch) == nil {
		return
	}
	if m.drain.lanes--; m.drain.lanes == 0 {
		t.flush(m.drain)
	}
}

// flush makes the sink write what it still holds back: nothing else would make it hurry.
func (t *task) flush(d *drain) {
	r := d.run
	if r.aborted {
		return
	}
	r.flushing++
	r.pumps.start(func() error { return r.parts.Sink.Flush(r.work) }, func(err error) {
		r.tell(&flushed{epoch: r.epoch, drain: d, err: err})
	})
}

func (t *task) onFlushed(m *flushed) {
	r := t.of(m.epoch)
	if r == nil {
		return
	}
	r.flushing--
	switch {
	case r.phase >= phaseHalting:
		t.proceed()
	case m.err != nil:
		t.end(false, &taskError{stage: stageFlush, where: r.who, cause: m.err})
	default:
		m.drain.flushed = true
		t.checkDrain(m.drain)
	}
}

func (t *task) checkDrain(d *drain) {
	if d.flushed && d.frames == 0 && d.run.phase <= phaseDraining {
		d.flushed = false // once only
		d.then()
	}
}

// onRevoked drains the lanes of partitions that are being taken away, commits, and only
// then lets the rebalance proceed.
func (t *task) onRevoked(m *revoked) {
	r := t.of(m.epoch)
	if r == nil || r.phase > phaseDraining {
		close(m.done) // ending: what is in flight was drained, or given up
		return
	}
	only := make(map[string]bool, len(m.lanes))
	for _, l := range m.lanes {
		only[l] = true
	}
	r.revoking = append(r.revoking, m)
	if r.trouble != nil {
		t.leaveInTrouble()
		return
	}
	t.drain(only, func() {
		t.commitThen(func() {
			for table := range only {
				if l := r.lanes[table]; l != nil && l.inFlight == 0 {
					t.retireLane(l)
				}
			}
			r.answer(m)
		})
	})
}
