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

// since returns what came after an earlier count.
func (c ErrorCounts) since(e ErrorCounts) ErrorCounts {
	last := c.LastErrorMillis
	if c.RecordFailures == e.RecordFailures && last == e.LastErrorMillis {
		last = 0
	}
	return ErrorCounts{
		RecordFailures: c.RecordFailures - e.RecordFailures, RecordErrors: c.RecordErrors - e.RecordErrors, RecordsSkipped: c.RecordsSkipped - e.RecordsSkipped,
		Retries: c.Retries - e.Retries, ErrorsLogged: c.ErrorsLogged - e.ErrorsLogged, DeadLetterRequests: c.DeadLetterRequests - e.DeadLetterRequests,
		DeadLetterFailures: c.DeadLetterFailures - e.DeadLetterFailures, LastErrorMillis: last,
	}
}
