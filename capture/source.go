package capture

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anabranch/anabranch/records"
)

// Source reads one log, table set or topic set for one task.
//
// The task's pump goroutine calls Open once, then Read in a loop, and at last Close.
// Commit comes from the task's goroutine and may overlap a Read; everything else is
// never called concurrently. A Source is not reused after Close: a restart makes a new one.
type Source interface {
	// Open connects and positions the source after the committed offsets. offsets holds what
	// the offset store knows for this connector; it is empty on the first start. At start-up
	// an error is fatal unless it is marked retriable (see Retriable).
	Open(ctx context.Context, offsets []records.Position) error
	// Read blocks until a frame is ready. The caller owns the frame and its batches. An
	// empty frame is a heartbeat. io.EOF means that the source has nothing more to say and
	// the task stays RUNNING (snapshot.mode=initial_only, DM-94). When ctx ends, Read
	// returns promptly with ctx's error; rows that were read but not handed over are read again later.
	Read(ctx context.Context) (*records.Frame, error)
	// Commit tells that everything up to pos is delivered and pos is stored durably
	// (invariant 1). Sources that keep nothing upstream ignore it. For sink connectors this
	// is the consumer group commit itself, so an error means "not stored" and is reported.
	Commit(ctx context.Context, pos records.Position) error
	// Close frees everything; it is called once after the last Read returned, also when
	// Open failed, and must not hang on a dead peer.
	Close() error
}

// Pauser is implemented by sources that must be read while their task is paused too, such as
// members of a consumer group (CW-252). Others are simply not read then.
type Pauser interface {
	// Pause keeps Read from returning records, until Resume. Neither blocks; the task calls them
	// between Open and Close, while a Read may be under way.
	Pause()
	Resume()
}

// Progress is implemented by sources that do long work before they stream.
type Progress interface {
	// SnapshotProgress may be called from any goroutine at any time.
	SnapshotProgress() Snapshot
}

// Snapshot is the progress of a snapshot.
type Snapshot struct {
	Running         bool
	Completed       bool
	TablesTotal     int
	TablesDone      int
	RowsDone        int64
	RowsEstimated   int64 // from the server's statistics, 0 if unknown
	CurrentTable    string
	StartedMillis   int64
	SecondsLeft     int64 // -1 if it cannot be told yet
	DurationSeconds int64
}

// Env is what a task gives its source besides the configuration.
type Env struct {
	Connector string
	TaskID    int
	Log       *slog.Logger          // carries connector and task
	Metrics   prometheus.Registerer // wrapped: carries connector and task labels; series are removed by whoever made it
	Version   string                // version to report in source blocks: Debezium's, "3.6.1.Final"
}
