package tolerance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/records"
)

// firstDelay is the wait before the first repetition (RETRIES_DELAY_MIN_MS); it doubles.
const firstDelay = 300 * time.Millisecond

// DeadLetterQueue takes records that could not be processed. Its methods are safe for concurrent
// use between Open and Close.
type DeadLetterQueue interface {
	// Open makes the topic if it is missing.
	Open(ctx context.Context) error
	// Send writes a record with further headers and returns before it is durable. It blocks
	// while too much is on its way. done hears of the end of each that it took, from any goroutine.
	Send(ctx context.Context, c *records.Consumed, more []records.RawHeader, done func(error)) error
	// Wait returns when everything sent before is durable, with the first error there was.
	Wait(ctx context.Context) error
	Close() error
}

// Operator is the records.Failures of one incarnation of a task.
type Operator struct {
	cfg       Config
	connector string
	task      int
	log       *slog.Logger
	counters  *Counters
	metrics   *metrics
	queue     DeadLetterQueue // nil without one
	headers   bool            // errors.deadletterqueue.context.headers.enable

	stopping chan struct{}
	stopOnce sync.Once
	fail     func(error) // set by Open, before any record
}

var (
	_ records.Failures = (*Operator)(nil)
	_ actors.Tolerance = (*Operator)(nil)
)

// Parts are what an Operator works with.
type Parts struct {
	Connector string
	Task      int
	Log       *slog.Logger
	Counters  *Counters
	Metrics   Registerer
	// Queue is nil without a dead letter queue; Headers adds the context headers to its records.
	Queue   DeadLetterQueue
	Headers bool
}

// New makes an operator.
func New(cfg Config, p Parts) *Operator {
	return &Operator{cfg: cfg, connector: p.Connector, task: p.Task, log: p.Log, counters: p.Counters, metrics: newMetrics(p.Metrics),
		queue: p.Queue, headers: p.Headers, stopping: make(chan struct{}), fail: func(error) {}}
}

// TakesErrant reports whether a sink should give its bad records here: Connect makes an errant
// record reporter when there is a reporter at all. We also skip what is tolerated.
func (o *Operator) TakesErrant() bool { return o.cfg.All || o.queue != nil || o.cfg.Log }

// KeepsRecords reports whether batches must keep the bytes of their records.
func (o *Operator) KeepsRecords() bool { return o.queue != nil || o.cfg.Log && o.cfg.LogRecords }

// Open implements actors.Tolerance.
func (o *Operator) Open(ctx context.Context, fail func(error)) error {
	o.fail = fail
	o.metrics.register()
	if o.queue == nil {
		return nil
	}
	return o.queue.Open(ctx)
}

// Stop implements actors.Tolerance: waits between repetitions end.
func (o *Operator) Stop() { o.stopOnce.Do(func() { close(o.stopping) }) }

// Close implements actors.Tolerance.
func (o *Operator) Close() error {
	o.Stop()
	o.metrics.close()
	if o.queue == nil {
		return nil
	}
	return o.queue.Close()
}

// Counts implements actors.Tolerance.
func (o *Operator) Counts() actors.ErrorCounts { return o.counters.Counts() }

// BeforeCommit returns when the letters sent so far are durable (invariant 2).
func (o *Operator) BeforeCommit(ctx context.Context) error {
	if o.queue == nil {
		return nil
	}
	return o.queue.Wait(ctx)
}

// interrupted is the error of a record that was given up because the task stops. It is not
// reported: the record comes again.
type interrupted struct{ cause error }

func (e *interrupted) Error() string {
	return "the task stopped while a record was being tried again: " + e.cause.Error()
}
func (e *interrupted) Unwrap() error   { return e.cause }
func (e *interrupted) Retriable() bool { return true }

// Retry implements records.Failures with Connect's numbers (CW-289).
func (o *Operator) Retry(ctx context.Context, stage records.Stage, _ string, first error, op func() error) error {
	began := time.Now()
	for attempt, err := 0, first; ; attempt++ {
		o.count(&o.counters.failures, o.metrics.failures)
		left := o.cfg.RetryTimeout - time.Since(began)
		if o.cfg.RetryTimeout >= 0 && left <= 0 {
			return err
		}
		wait := o.delay(attempt)
		if o.cfg.RetryTimeout >= 0 {
			wait = min(wait, left)
		}
		if attempt == 0 {
			o.log.Debug("a record is tried again", "stage", string(stage), "err", err)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-o.stopping:
			t.Stop()
			return &interrupted{err}
		case <-ctx.Done():
			t.Stop()
			return &interrupted{err}
		}
		o.count(&o.counters.retries, o.metrics.retries)
		if err = op(); err == nil || !records.Retriable(err) {
			return err
		}
	}
}

// delay is 300 ms doubled each time; what would be beyond the limit is random below it.
func (o *Operator) delay(attempt int) time.Duration {
	if attempt < 32 {
		if d := firstDelay << attempt; d <= o.cfg.RetryDelayMax {
			return d
		}
	}
	if o.cfg.RetryDelayMax <= 0 {
		return 0
	}
	return rand.N(o.cfg.RetryDelayMax)
}

// Handle implements records.Failures (CW-290 to CW-292).
func (o *Operator) Handle(ctx context.Context, f *records.Failure) error {
	var gone *interrupted
	if errors.As(f.Err, &gone) {
		return f.Err
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx) // the error may come from the end itself
	}
	// Connect's executeFailed, for what a sink reports and what a producer could not write.
	outside := f.Stage == records.StageTaskPut || f.Stage == records.StageKafkaProduce
	if outside || !records.Retriable(f.Err) { // else Retry has counted it
		o.count(&o.counters.failures, o.metrics.failures)
	}
	o.counters.last.Store(time.Now().UnixMilli())
	if err := o.report(ctx, f); err != nil {
		return err
	}
	if !o.cfg.All {
		o.count(&o.counters.errors, o.metrics.errors)
		return records.Intolerable(f)
	}
	if !outside {
		o.count(&o.counters.errors, o.metrics.errors)
		o.count(&o.counters.skipped, o.metrics.skipped)
	}
	return nil
}

func (o *Operator) report(ctx context.Context, f *records.Failure) error {
	if o.cfg.Log {
		o.log.Error(o.line(f), "err", f.Err)
		o.count(&o.counters.logged, o.metrics.logged)
	}
	if o.queue == nil {
		return nil
	}
	o.count(&o.counters.letters, o.metrics.letters)
	if f.Consumed == nil {
		o.count(&o.counters.lostLetters, o.metrics.lostLetters)
		return nil
	}
	var more []records.RawHeader
	if o.headers {
		more = o.context(f)
	}
	lost := func(err error) { o.count(&o.counters.lostLetters, o.metrics.lostLetters) }
	err := o.queue.Send(ctx, f.Consumed, more, func(err error) {
		if err != nil {
			lost(err)
			o.fail(err) // also when no commit is due and no other record fails
		}
	})
	if err != nil {
		lost(err)
	}
	return err
}

// line is LogReporter's text (CW-293). What a source record holds stays out of the log.
func (o *Operator) line(f *records.Failure) string {
	s := fmt.Sprintf("Error encountered in task %s-%d. Executing stage '%s' with class '%s'", o.connector, o.task, f.Stage, f.Class)
	switch c := f.Consumed; {
	case !o.cfg.LogRecords:
	case c != nil:
		s += fmt.Sprintf(", where consumed record is {topic='%s', partition=%d, offset=%d", c.Topic, c.Partition, c.Offset)
		if c.Timestamp != records.NoTimestamp {
			kind := "CreateTime"
			if c.LogAppendTime {
				kind = "LogAppendTime"
			}
			s += fmt.Sprintf(", timestamp=%d, timestampType=%s", c.Timestamp, kind)
		}
		s += "}"
	case f.Describe != nil:
		s += ", where source record is = " + f.Describe()
	}
	return s + "."
}
