package actors

import (
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anabranch/anabranch/configs/javametrics"
)

// Errors of the System's calls.
var (
	// ErrUnknownConnector says that no connector of that name is started.
	ErrUnknownConnector = errors.New("no connector of this name is running")
	// ErrUnknownTask says that the connector has no task with that number.
	ErrUnknownTask = errors.New("the connector has no such task")
	// ErrShutdown says that the System has been shut down.
	ErrShutdown = errors.New("the worker is shutting down")
)

// Defaults of Options; the first three are the worker's defaults of the Connect keys.
const (
	DefaultFlushInterval   = 60 * time.Second // offset.flush.interval.ms
	DefaultFlushTimeout    = 5 * time.Second  // offset.flush.timeout.ms
	DefaultShutdownTimeout = 5 * time.Second  // task.shutdown.graceful.timeout.ms
	DefaultBudgetBytes     = 16 << 20
)

// Options says how a System runs its tasks. The zero value works.
type Options struct {
	Log *slog.Logger // nil discards
	// Metrics is where the series anabranch_task_… are registered; nil keeps them to ourselves.
	Metrics prometheus.Registerer
	// Status hears of every change of state, from one goroutine of ours; nil is allowed.
	Status StatusSink
	// FlushInterval is the time between two offset commits of a task (offset.flush.interval.ms).
	FlushInterval time.Duration
	// FlushTimeout bounds one offset commit (offset.flush.timeout.ms, CW-265).
	FlushTimeout time.Duration
	// ShutdownTimeout bounds the orderly end of one incarnation: drain, last commit, close
	// (task.shutdown.graceful.timeout.ms, CW-258). Tasks of a connector end side by side.
	ShutdownTimeout time.Duration
	// BudgetBytes bounds what one task holds between its source and its sink.
	BudgetBytes int64
	// Samples are metrics.sample.window.ms and metrics.num.samples (CW-96); zero is the default.
	Samples javametrics.Spec
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FlushInterval <= 0 {
		o.FlushInterval = DefaultFlushInterval
	}
	if o.FlushTimeout <= 0 {
		o.FlushTimeout = DefaultFlushTimeout
	}
	if o.ShutdownTimeout <= 0 {
		o.ShutdownTimeout = DefaultShutdownTimeout
	}
	if o.BudgetBytes <= 0 {
		o.BudgetBytes = DefaultBudgetBytes
	}
	return o
}
