package actors

import (
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Causes of the ends that we ask for ourselves.
var (
	errEnding  = errors.New("the task's incarnation ends")
	errTooLate = errors.New("source or sink did not end in time")
)

// Shares of ShutdownTimeout. What is left of the whole is for the last commit and Close.
const drainShare = 0.6

// minEndTime is the least time that an incarnation has for its end when nobody waits for it.
const minEndTime = 30 * time.Second

// end begins the end of the incarnation: gracefully, that is with a drain, or at once.
func (t *task) end(graceful bool, failure error) {
	r := t.run
	if failure != nil && r.failure == nil {
		r.failure = failure
		t.maxRetries, t.retryWait = r.parts.MaxRetries, time.Duration(r.parts.RetryWaitMillis)*time.Millisecond
		t.sinkConnector = r.parts.Offsets == nil
		if t.want == wantRunning && !t.rerun && t.canRetry(failure) {
			t.setState(Restarting, Trace(failure))
		}
	}
	if r.phase >= phaseHalting {
		return
	}
	if r.deadline.IsZero() {
		d := t.sys.opts.ShutdownTimeout
		if t.want != wantStopped {
			d = max(d, minEndTime)
		}
		r.deadline = time.Now().Add(d)
		r.endTimers = append(r.endTimers, t.after(d, &lifeOver{epoch: r.epoch}))
	} else if d := t.sys.opts.ShutdownTimeout; t.want == wantStopped && time.Until(r.deadline) > d {
		r.deadline = time.Now().Add(d) // a stop while a longer end was under way
		r.endTimers = append(r.endTimers, t.after(d, &lifeOver{epoch: r.epoch}))
	}
	r.endRead(errEnding)
	if r.phase > phaseOpening && r.parts.Tolerance != nil {
		r.parts.Tolerance.Stop()
	}
	switch {
	case !graceful || r.phase == phaseOpening:
		t.halt(true)
	case r.phase == phaseRunning:
		r.phase = phaseDraining
		share := time.Duration(drainShare * float64(t.sys.opts.ShutdownTimeout))
		r.endTimers = append(r.endTimers, t.after(share, &drainOver{epoch: r.epoch}))
		if r.readEnded {
			t.drainAll()
		}
	}
}

func (t *task) drainAll() { t.drain(nil, func() { t.halt(false) }) }

// halt ends lanes and pumps. With giveUp, what is in flight no longer counts: the epoch is
// bumped before the lanes end, so that no completion of theirs can be taken for one of
// the next incarnation.
func (t *task) halt(giveUp bool) {
	r := t.run
	r.phase = phaseHalting
	r.dropHeld()
	if giveUp {
		r.aborted = true
		t.epochs.Bump()
		r.endWork(errEnding) // lets lanes out of Write
	}
	for _, l := range r.lanes {
		t.endLane(l)
	}
	t.proceed()
}

// endLane uses Poison: after a drain the queue is empty, and otherwise the lane still
// releases the batches in its queue, which is quick because work has ended.
func (t *task) endLane(l *laneRef) {
	if !l.ending {
		l.ending = true
		t.ctx.Poison(l.pid)
	}
}

// laneEnded hears of the end of a lane's actor.
func (t *task) laneEnded(id string) {
	r := t.run
	if r == nil || r.actors[id] == nil {
		return
	}
	l := r.actors[id]
	delete(r.actors, id)
	if r.lanes[l.table] == l {
		delete(r.lanes, l.table)
	}
	if !l.ending && r.phase <= phaseDraining {
		t.end(false, &taskError{stage: stageActor, where: l.table, cause: errors.New("the lane ended by itself")})
	}
	t.proceed()
}

// HandleFailure makes the task the supervisor of its lanes. A lane that panicked outside its
// own guard is ended, never resumed or restarted: the library has dropped its message.
func (t *task) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason any, _ any) {
	sup.StopChildren(child)
	if r := t.run; r != nil && r.actors[child.Id] != nil && r.phase <= phaseDraining {
		t.end(false, &taskError{stage: stageActor, where: r.actors[child.Id].table, cause: newPanicError(reason)})
	}
}

// proceed moves an ending incarnation on as far as it can go.
func (t *task) proceed() {
	for t.run != nil {
		r := t.run
		switch r.phase {
		case phaseHalting:
			if !r.readEnded || len(r.actors) > 0 || r.flushing > 0 || r.committing {
				return
			}
			r.phase = phaseFinal
			t.commit() // CW-266; after a failure too, for what is delivered (CW-260)
		case phaseFinal:
			if r.committing {
				return
			}
			r.phase = phaseClosing
			for len(r.revoking) > 0 {
				r.answer(r.revoking[0]) // Close may be waiting for it
			}
			t.vitals.run.Store(nil)
			r.pumps.start(r.close, func(err error) { r.tell(&closed{epoch: r.epoch, err: err}) })
		case phaseClosing:
			if !r.closed {
				return
			}
			t.ended()
		default:
			return
		}
	}
}

func (t *task) onClosed(m *closed) {
	if r := t.of(m.epoch); r != nil {
		if m.err != nil {
			t.log.Warn("close source and sink", keyErr, m.err)
		}
		r.closed = true
		t.proceed()
	}
}

// tooLate gives up waiting for an incarnation that does not end.
func (t *task) tooLate() {
	t.log.Error("task did not end in time, its source and sink are left behind", keyEpoch, t.run.epoch)
	if t.want != wantStopped {
		// A second incarnation beside one that may still write could turn the order of
		// rows around, so that a person has to decide.
		t.run.failure = &taskError{stage: stageDeadline, where: t.run.who, cause: errTooLate}
		t.rerun = false
	}
	failure := t.run.failure
	t.abandon()
	t.settle(failure)
}

// abandon leaves the incarnation to a pump of the System that closes it when its own pumps are gone.
func (t *task) abandon() {
	r := t.run
	t.run = nil
	t.epochs.Bump()
	t.vitals.run.Store(nil)
	r.dropHeld()
	r.cancel(errTooLate)
	t.setLag(-1)
	for _, l := range r.actors {
		t.ctx.Stop(l.pid)
	}
	closed := t.sys.left.add(r.who)
	closer := pumps{all: &t.sys.pumps}
	closer.start(func() error { r.pumps.own.Wait(); return r.close() }, func(err error) {
		if err != nil {
			r.log.Warn("close source and sink", keyErr, err)
		}
		closed()
	})
}

func (t *task) ended() {
	r := t.run
	r.cancel(errEnding)
	t.run = nil
	t.epochs.Bump()
	t.metrics.queueBytes.Set(0)
	t.metrics.lanes.Set(0)
	t.metrics.commitAge.Set(0)
	t.setLag(-1)
	t.settle(r.failure)
}

// settle decides what follows an incarnation.
func (t *task) settle(failure error) {
	switch {
	case t.want == wantStopped:
		t.terminate()
	case t.rerun:
		t.rerun = false
		t.start()
	case failure == nil:
		t.start()
	case !t.canRetry(failure):
		t.fail(failure)
	case t.want == wantPaused:
		t.setState(Paused, "")
	default:
		t.retry(failure)
	}
}
