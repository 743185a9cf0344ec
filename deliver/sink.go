package deliver

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anabranch/anabranch/records"
)

// Done reports the end of one Write: nil when every record of the batch is durable at the
// target (or was dropped on purpose), else the error. It is called exactly once for each
// Write that returned nil, from any goroutine, never from within Write, and does not block.
type Done func(error)

// Sink writes batches to one target for one task.
//
// Lanes call Write; calls for one lane (equal Batch.Origin.Table) come in order and one at a
// time, calls for different lanes may be concurrent. The sink owns the batch from the call
// on, also when Write returns an error, and releases it when it no longer needs it, before
// Done. Records of one lane must reach the target in order.
type Sink interface {
	// Open connects. At start-up an error is fatal unless it is marked retriable.
	Open(ctx context.Context) error
	// Write takes a batch. It may block for a bounded time, or until ctx ends. A returned
	// error means that nothing more can be written; Done will not be called then.
	Write(ctx context.Context, b *records.Batch, done Done) error
	// Flush returns when every earlier Write is done. It is called before offsets are
	// committed on stop, and when partitions are taken away.
	Flush(ctx context.Context) error
	// Close frees everything. Writes still under way may be lost: their Done gets an error.
	Close() error
}

// Redeliverer is implemented by sinks that write batches again by themselves after an error that
// may pass, as Connect puts records again after a RetriableException (CW-282). The task goes
// on meanwhile; it stops reading and shows the error.
type Redeliverer interface {
	// OnTrouble sets, before Open, who hears of each try that failed, and of nil when one
	// worked again. It is called from any goroutine and does not block.
	OnTrouble(func(error))
}

// Env is what a task gives its sink besides the configuration.
type Env struct {
	Connector string
	TaskID    int
	Log       *slog.Logger
	Metrics   prometheus.Registerer // wrapped: carries connector and task labels
	// Failures decides about records that the target does not take; nil means that such a
	// record ends the task. See Errant.
	Failures records.Failures
}

// errantClass is what Connect names for records that a sink reports (CW-296).
const errantClass = "org.apache.kafka.connect.sink.SinkTask"

// Errant reports the i-th record of a batch that the target does not take, as Connect's errant
// record reporter does (CW-297): nil means that it counts as dropped on purpose.
func (e *Env) Errant(ctx context.Context, b *records.Batch, i int, err error) error {
	if e.Failures == nil {
		return err
	}
	return e.Failures.Handle(ctx, &records.Failure{Stage: records.StageTaskPut, Class: errantClass, Err: err, Consumed: b.ConsumedOf(&b.Records[i])})
}
