package actors

import (
	"errors"
	"log/slog"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/deliver"
)

var errMovedInTrouble = errors.New("partitions are taken away while the sink cannot write")

// hearTrouble lets the sink tell of batches that it writes again (CW-282).
func (r *incarnation) hearTrouble() {
	if s, ok := r.parts.Sink.(deliver.Redeliverer); ok {
		s.OnTrouble(func(err error) { r.tell(&troubled{epoch: r.epoch, err: err}) })
	}
}

// onTroubled shows what keeps the sink from writing, and keeps a consumer in its group: it reads
// nothing and is not blocked, so that rebalances pass.
func (t *task) onTroubled(m *troubled) {
	r := t.of(m.epoch)
	if r == nil || r.phase > phaseDraining {
		return
	}
	if m.err == nil {
		r.trouble = nil
		r.budget.Overdraw(false)
		t.quietSource()
		if r.phase == phaseRunning && !r.held {
			t.setState(Running, "")
		}
		return
	}
	r.trouble = &taskError{stage: stageWrite, where: r.who, cause: m.err}
	t.metrics.retries.Inc()
	t.retryErrs.log(t.log, slog.LevelWarn, "sink does not write, it is tried again", r.trouble)
	t.quietSource()
	if _, ok := r.parts.Source.(capture.Pauser); ok {
		r.budget.Overdraw(true)
	}
	if r.phase == phaseRunning && !r.held {
		t.setState(Restarting, Trace(r.trouble))
	}
	if len(r.revoking) > 0 {
		t.leaveInTrouble()
	}
}

// quietSource pauses a source that pauses by itself, or lets it go on.
func (t *task) quietSource() {
	r := t.run
	p, ok := r.parts.Source.(capture.Pauser)
	if want := r.held || r.trouble != nil; ok && want != r.quieted {
		r.quieted = want
		if want {
			p.Pause()
		} else {
			p.Resume()
		}
	}
}

// leaveInTrouble gives up an incarnation whose partitions go to another member while the sink
// holds batches of them: written later, they would follow what the other has written.
func (t *task) leaveInTrouble() {
	t.end(false, &taskError{stage: stageRead, sub: "leave partitions of", where: t.run.who, cause: &leaving{t.run.trouble}})
}

// leaving is an error that may pass.
type leaving struct{ cause error }

func (e *leaving) Error() string   { return errMovedInTrouble.Error() + ": " + e.cause.Error() }
func (e *leaving) Unwrap() error   { return e.cause }
func (e *leaving) Retriable() bool { return true }
