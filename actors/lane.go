package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// lane is the ordered path of one table or topic-partition: transforms, then the sink. After
// its first error it delivers nothing more: going on behind the batch that failed would leave
// a hole in the stream (invariant 3), so only a new incarnation of the task goes on.
type lane struct {
	run   *incarnation
	table string
	chain Chain
	ready bool // the chain is made
	dead  bool
}

// Receive handles batchWork and laneMarker.
func (l *lane) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *batchWork:
		l.take(m)
	case *laneMarker:
		l.run.tell(&laneDrained{epoch: l.run.epoch, drain: m.drain})
	}
}

func (l *lane) take(w *batchWork) {
	if l.dead || l.run.work.Err() != nil {
		w.batch.Release()
		return
	}
	if err := l.deliver(w); err != nil {
		l.dead = true
		l.run.fail(err)
	}
}

func (l *lane) deliver(w *batchWork) (err error) {
	at := stageTransform
	defer func() {
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
		if err != nil {
			err = &taskError{stage: at, where: l.table, cause: err}
		}
	}()
	if !l.ready {
		if l.run.parts.NewChain != nil {
			if l.chain, err = l.run.parts.NewChain(); err != nil {
				return err
			}
		}
		l.ready = true
	}
	if len(w.batch.Records) > 0 && l.chain != nil {
		if err := l.chain.Apply(l.run.work, w.batch); err != nil {
			w.batch.Release()
			return err
		}
	}
	if len(w.batch.Records) == 0 {
		// Dropped on purpose: it counts as delivered (invariant 2). Connect would hold the
		// position back until a later record is sent (CW-262).
		w.batch.Release()
		w.done(nil)
		return nil
	}
	at = stageWrite
	w.records, w.given = len(w.batch.Records), time.Now()
	l.run.stats.sent.Add(float64(w.records))
	return l.run.parts.Sink.Write(l.run.work, w.batch, w.done)
}

// done is the sink's answer for the batch. Any goroutine may call it.
func (w *batchWork) done(err error) {
	run := w.flight.run
	if w.settled.Swap(true) {
		run.log.Error("sink reported a batch twice", keyEpoch, run.epoch)
		return
	}
	if err != nil {
		run.fail(&taskError{stage: stageWrite, where: w.table, cause: err})
		return
	}
	if w.records > 0 {
		run.stats.acked(w.records, time.Since(w.given))
	}
	if w.flight.left.Add(-1) == 0 {
		run.tell(frameDone{w.flight})
	}
}
