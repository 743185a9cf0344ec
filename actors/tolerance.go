package actors

import "context"

// Tolerance decides about records that fail, for one incarnation of a task, and keeps what that needs,
// such as the producer of a dead letter queue. Source, chain and sink know it by other interfaces.
type Tolerance interface {
	// Open is called before sink and source are opened. fail ends the incarnation; any goroutine
	// may call it at any time.
	Open(ctx context.Context, fail func(error)) error
	// Stop tells that the incarnation is to end: nobody waits for another try any more. It does
	// not block and may be called more than once.
	Stop()
	// Close is called once, after sink and source are closed, also when Open failed.
	Close() error
	// Counts may be called from any goroutine at any time.
	Counts() ErrorCounts
}

// ErrorCounts are the numbers of Connect's task-error-metrics (CW-382).
type ErrorCounts struct {
	RecordFailures, RecordErrors, RecordsSkipped, Retries, ErrorsLogged int64
	DeadLetterRequests, DeadLetterFailures                              int64
	LastErrorMillis                                                     int64 // ms since epoch, 0 = never
}
