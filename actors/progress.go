package actors

import "github.com/anabranch/anabranch/capture"

// TaskProgress is how far one task is, for the REST, the log and the terminal.
type TaskProgress struct {
	Task  int
	State State
	// HasSnapshot says that Snapshot was filled by the task's source.
	HasSnapshot bool
	Snapshot    capture.Snapshot
	// LagMillis is how far delivery is behind the source: 0 when caught up, -1 when unknown.
	LagMillis int64
	// Records counts the records that went through since the task was started.
	Records int64
	// InFlightBytes of BudgetBytes are read and not yet delivered.
	InFlightBytes, BudgetBytes int64
	// Retries counts the restarts in a row after retriable failures.
	Retries int
	// LastCommitMillis is when offsets were last stored, ms since epoch; 0 if not yet.
	LastCommitMillis int64
}
