package actors

import (
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/anabranch/anabranch/actors/flow"
	"github.com/anabranch/anabranch/records"
)

// quiet keeps a message that outlives its receiver out of the library's log.
type quiet struct{}

// IgnoreDeadLetterLogging is the library's marker.
func (quiet) IgnoreDeadLetterLogging() {}

// op is what a command asks for.
type op uint8

const (
	opStart op = iota
	opAdd
	opRemove
	opStop
	opPause
	opResume
	opRestartConnector
	opRestartTask
	opAbort
	opShutdown
)

var opNames = [...]string{"start", "add to", "stop parts of", "stop", "pause", "resume", "restart", "restart task of", "abort", "shut down"}

func (o op) String() string { return opNames[o] }

// System -> registry.
type (
	// command is one call of the System's methods; the answer goes to reply, which has room for it.
	command struct {
		quiet
		op        op
		name      string
		task      int
		connector Connector
		pieces    Pieces
		reply     chan error
	}
)

// Registry -> connector.
type (
	// addPieces: run the instance or tasks besides what runs; a task that runs is replaced.
	addPieces struct {
		quiet
		connector Connector
	}
	// removePieces: end the instance or tasks; nil goes to reply when they have ended.
	removePieces struct {
		quiet
		pieces Pieces
		reply  chan error
	}
	// stopConnector: end all tasks in an orderly way, then yourself.
	stopConnector struct{ quiet }
	// pauseConnector: the target state is PAUSED.
	pauseConnector struct{ quiet }
	// resumeConnector: the target state is RUNNING.
	resumeConnector struct{ quiet }
	// restartConnector: restart yourself, not the tasks.
	restartConnector struct{ quiet }
	// restartTask: give one task a new incarnation; the answer goes to reply.
	restartTask struct {
		quiet
		id    int
		reply chan error
	}
)

// Connector -> task.
type (
	// pauseTask: stop reading and stay PAUSED; what runs stays open.
	pauseTask struct{ quiet }
	// resumeTask: run again, unless FAILED.
	resumeTask struct{ quiet }
	// rerunTask: start anew whatever the state is, with the count of retries at 0.
	rerunTask struct{ quiet }
	// stopTask: end the incarnation after a drain, or at once, then yourself.
	stopTask struct {
		quiet
		abort bool
	}
)

// Task -> connector, connector -> registry.
type (
	// taskEnded: the task has ended in an orderly way.
	taskEnded struct {
		quiet
		id int
	}
	// connectorEnded: all tasks have ended, or had more than their time.
	connectorEnded struct {
		quiet
		name string
		pid  *actor.PID
	}
)

// Pumps of an incarnation -> task. Each carries the epoch that it belongs to.
type (
	// opened: source and sink are open, frames follow.
	opened struct {
		quiet
		epoch flow.Epoch
	}
	// frameRead: a frame for the lanes; size bytes were taken from the budget for it.
	frameRead struct {
		quiet
		epoch flow.Epoch
		frame *records.Frame
		rows  int
		size  int64
	}
	// readEnded: the read pump is gone; err is nil if that was asked for, io.EOF if the source is exhausted.
	readEnded struct {
		quiet
		epoch flow.Epoch
		err   error
	}
	// committed: an offset commit ended.
	committed struct {
		quiet
		epoch flow.Epoch
		done  []flow.Advanced
		// stored tells that the positions are durable, err may nevertheless have the answer of Source.Commit.
		stored bool
		err    error
		took   time.Duration
	}
	// flushed: Sink.Flush of a drain returned.
	flushed struct {
		quiet
		epoch flow.Epoch
		drain *drain
		err   error
	}
	// closed: source and sink are closed.
	closed struct {
		quiet
		epoch flow.Epoch
		err   error
	}
	// revoked: partitions are being taken away; answer when their lanes are drained and committed.
	revoked struct {
		quiet
		epoch flow.Epoch
		lanes []string
		done  chan struct{} // closed by the task
	}
)

// Task -> lane.
type (
	// batchWork: one batch to transform and write.
	batchWork struct {
		quiet
		flight  *flight
		batch   *records.Batch // the lane's, then the sink's
		table   string
		settled atomic.Bool // guards against a sink that reports twice
		records int         // given to the sink, at the time given
		given   time.Time
	}
	// laneMarker: answer with laneDrained; it stands behind all batches sent before.
	laneMarker struct {
		quiet
		drain *drain
	}
)

// Lane, or the sink's goroutines -> task.
type (
	// laneDrained: every batch before the marker was handed to the sink.
	laneDrained struct {
		quiet
		epoch flow.Epoch
		drain *drain
	}
	// frameDone: all batches of a frame are delivered or dropped on purpose.
	frameDone struct{ flight *flight }
	// troubled: the sink writes batches again; nil when it works again.
	troubled struct {
		quiet
		epoch flow.Epoch
		err   error
	}
	// failed: a batch could not be delivered.
	failed struct {
		quiet
		epoch flow.Epoch
		err   error
	}
)

// Timers -> task.
type (
	// pulse: refresh gauges, reclaim idle lanes.
	pulse struct {
		quiet
		epoch flow.Epoch
	}
	// commitDue: offset.flush.interval.ms is over.
	commitDue struct {
		quiet
		epoch flow.Epoch
	}
	// retryDue: the wait before a restart is over; turn tells it from an earlier wait.
	retryDue struct {
		quiet
		turn uint64
	}
	// pauseOver: a pause has waited long enough for what is in flight; turn tells it from another one.
	pauseOver struct {
		quiet
		epoch flow.Epoch
		turn  int
	}
	// drainOver: the time for an orderly drain is over.
	drainOver struct {
		quiet
		epoch flow.Epoch
	}
	// lifeOver: the time for the whole end of an incarnation is over.
	lifeOver struct {
		quiet
		epoch flow.Epoch
	}
)

// Timers -> connector.
type (
	// stopOver: the tasks had their time, and more.
	stopOver struct{ quiet }
)

// IgnoreDeadLetterLogging is the library's marker. frameDone has no quiet inside, so that it
// stays one pointer and needs no memory of its own.
func (frameDone) IgnoreDeadLetterLogging() {}
