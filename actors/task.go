package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/anabranch/anabranch/actors/flow"
)

// target is what a task is told to be.
type target uint8

const (
	wantRunning target = iota
	wantPaused
	wantStopped
)

// task runs the incarnations of one task, one after the other. It is the unit of restart: whatever
// fails below, the whole incarnation ends and a new one starts from the stored position.
// This file has what it is told to do; taskend.go has how an incarnation ends, retry.go what
// follows a failure, taskflow.go what happens to frames.
type task struct {
	sys       *System
	connector string
	spec      Task
	log       *slog.Logger
	vitals    *vitals
	metrics   *taskMetrics

	ctx    actor.Context
	tell   func(any)
	epochs flow.Epochs
	want   target
	run    *incarnation // nil while PAUSED, FAILED or waiting for a retry

	state      State
	trace      string
	fatal      bool // FAILED: only rerunTask and stopTask help
	anew       bool // the next incarnation is another task to who looks at its numbers
	rerun      bool // start anew when the incarnation has ended
	ranBefore  bool // was RUNNING since it was started or restarted
	retries    int  // in a row, without any record delivered
	retryTurn  uint64
	retryTimer *time.Timer
	retryErrs  repeats
	commitErrs repeats

	snapshotLogged time.Time

	// Of the last incarnation that failed.
	maxRetries    int
	retryWait     time.Duration
	sinkConnector bool
}

// Receive turns messages into calls.
func (t *task) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		self, root := c.Self(), c.ActorSystem().Root
		t.ctx, t.tell = c, func(m any) { root.Send(self, m) }
		t.start()
	case *actor.Stopping:
		if t.run != nil { // not our own protocol: a panic, or a connector that ran out of time
			t.abandon()
		}
	case *actor.Terminated:
		t.laneEnded(m.Who.Id)
	case *frameRead:
		t.onFrame(m)
	case frameDone:
		t.onFrameDone(m.flight)
	case *laneDrained:
		t.onLaneDrained(m)
	case *flushed:
		t.onFlushed(m)
	case *failed:
		if r := t.of(m.epoch); r != nil && !r.aborted && r.phase <= phaseDraining {
			t.end(false, m.err)
		}
	case *troubled:
		t.onTroubled(m)
	case *opened:
		t.onOpened(m)
	case *readEnded:
		t.onReadEnded(m)
	case *committed:
		t.onCommitted(m)
	case *closed:
		t.onClosed(m)
	case *revoked:
		t.onRevoked(m)
	case *commitDue:
		t.onCommitDue(m)
	case *boundaryDue:
		t.onBoundaryDue(m)
	case *pulse:
		t.onPulse(m)
	case *pauseOver:
		if r := t.of(m.epoch); r != nil {
			t.paused(r, m.turn)
		}
	case *drainOver:
		if r := t.of(m.epoch); r != nil && r.phase == phaseDraining {
			t.log.Warn("drain took too long, deliveries are given up", keyEpoch, r.epoch)
			t.halt(true)
		}
	case *lifeOver:
		if t.of(m.epoch) != nil {
			t.tooLate()
		}
	case *retryDue:
		if m.turn == t.retryTurn && t.run == nil && !t.fatal && t.want == wantRunning {
			t.begin()
		}
	case *pauseTask:
		t.pause()
	case *resumeTask:
		t.resume()
	case *rerunTask:
		t.restart()
	case *stopTask:
		t.stop(m.abort)
	}
}

// of returns the incarnation of an epoch if it is still ours.
func (t *task) of(e flow.Epoch) *incarnation {
	if t.run != nil && t.run.epoch == e {
		return t.run
	}
	return nil
}

func (t *task) setState(s State, trace string) {
	if s == t.state && trace == t.trace {
		return
	}
	t.state, t.trace = s, trace
	t.vitals.state.Store(s)
	t.vitals.stats.enter(s)
	t.metrics.setState(s)
	t.sys.notifier.post(status{connector: t.connector, task: t.spec.ID, state: s, trace: trace})
}

// start brings the task without an incarnation to where it should be.
func (t *task) start() {
	switch t.want {
	case wantStopped:
		t.terminate()
	case wantPaused:
		t.setState(Paused, "")
	default:
		t.begin()
	}
}

// begin starts an incarnation at the stored position.
func (t *task) begin() {
	t.cancelRetry()
	if t.anew {
		t.anew = false
		t.vitals.stats.reset()
	}
	t.vitals.stats.activeNow.Store(0) // what an earlier incarnation had in flight is read again
	r := &incarnation{
		epoch:     t.epochs.Bump(),
		connector: t.connector,
		who:       fmt.Sprintf("%s-%d", t.connector, t.spec.ID),
		log:       t.log,
		tell:      t.tell,
		pumps:     pumps{all: &t.sys.pumps},
		handover:  make(chan struct{}, 1),
		budget:    flow.NewBudget(t.sys.opts.BudgetBytes),
		stats:     t.vitals.stats,
		lanes:     map[string]*laneRef{},
		actors:    map[string]*laneRef{},
	}
	r.tracker = flow.NewTracker(r.epoch)
	r.life, r.endLife = context.WithCancelCause(context.Background())
	r.work, r.endWork = context.WithCancelCause(r.life)
	r.read, r.endRead = context.WithCancelCause(r.work)
	t.run = r
	build, left := t.spec.Build, &t.sys.left
	r.pumps.start(func() error {
		left.wait(r.read, r.who)
		if r.read.Err() != nil {
			return nil // the end was asked for meanwhile
		}
		return r.readLoop(build)
	}, func(err error) {
		r.tell(&readEnded{epoch: r.epoch, err: err})
	})
}

func (t *task) onOpened(m *opened) {
	r := t.of(m.epoch)
	if r == nil || r.phase != phaseOpening {
		return
	}
	r.opened, r.phase = true, phaseRunning
	r.pulseTimer = t.after(pulseEvery, &pulse{epoch: r.epoch})
	if spec := r.parts.Transactions; spec != nil {
		r.txn = &transaction{spec: spec}
		r.stats.transactional.Store(true)
	} else {
		r.commitTimer = t.after(t.sys.opts.FlushInterval, &commitDue{epoch: r.epoch})
	}
	t.vitals.run.Store(&watched{source: r.parts.Source, budget: r.budget})
	if t.ranBefore {
		t.log.Info("task runs again", keyEpoch, r.epoch)
	} else {
		t.log.Info("task started", keyEpoch, r.epoch)
	}
	if !t.ranBefore {
		t.sys.started.tasks.Add(1)
	}
	t.ranBefore = true
	t.setState(Running, "")
}

func (t *task) after(d time.Duration, msg any) *time.Timer {
	tell := t.tell
	return time.AfterFunc(d, func() { tell(msg) })
}

func (t *task) onReadEnded(m *readEnded) {
	r := t.of(m.epoch)
	if r == nil {
		return
	}
	r.readEnded = true
	switch {
	case r.phase == phaseDraining:
		if m.err != nil && !errors.Is(m.err, io.EOF) {
			t.log.Warn("source failed while it was stopped", keyErr, m.err)
		}
		t.drainAll()
	case r.phase >= phaseHalting:
		t.proceed()
	case errors.Is(m.err, io.EOF) && r.phase == phaseRunning:
		// Nothing more will come (snapshot.mode=initial_only, DM-94): the task stays RUNNING.
		t.log.Info("source has nothing more to read", keyEpoch, r.epoch)
		if r.txn != nil {
			t.boundary()
		} else {
			t.drain(nil, func() { t.commitThen(func() {}) })
		}
	case m.err == nil:
		t.end(false, &taskError{stage: stageRead, where: r.who, cause: errors.New("reading ended without a reason")})
	default:
		// What is in flight can still be delivered: that spares duplicates.
		t.end(true, m.err)
	}
}

// pause stops the reading (CW-252). What is being opened is closed again, as Connect opens a
// task only when it is to run.
func (t *task) pause() {
	if t.want == wantStopped {
		return
	}
	t.want = wantPaused
	switch {
	case t.run != nil && t.run.phase == phaseRunning:
		t.holdReading()
	case t.run != nil:
		t.end(true, nil)
	case t.fatal:
	default:
		t.cancelRetry()
		t.setState(Paused, "")
	}
}

func (t *task) resume() {
	if t.want == wantStopped {
		return
	}
	t.want = wantRunning
	if t.run != nil {
		t.goOnReading()
	}
	if t.run == nil && !t.fatal && t.retryTimer == nil {
		t.begin()
	}
}

func (t *task) restart() {
	if t.want == wantStopped {
		return
	}
	t.log.Info("task restarts on request")
	t.setRetries(0)
	t.fatal, t.ranBefore, t.anew = false, false, true
	t.setState(Restarting, "")
	if t.run != nil {
		t.rerun = true
		t.end(true, nil)
		return
	}
	t.start()
}

func (t *task) stop(abort bool) {
	if t.want == wantStopped {
		if abort && t.run != nil {
			t.end(false, nil)
		}
		return
	}
	t.want = wantStopped
	if t.run != nil {
		t.end(!abort, nil)
		return
	}
	t.terminate()
}

// terminate ends the actor. Everything is drained or given up by now, so it is Stop that
// we want: it throws away what is still queued.
func (t *task) terminate() {
	t.cancelRetry()
	t.setState(Unassigned, "")
	t.ctx.Send(t.ctx.Parent(), &taskEnded{id: t.spec.ID})
	t.ctx.Stop(t.ctx.Self())
}
