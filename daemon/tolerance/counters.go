package tolerance

import (
	"sync/atomic"

	"github.com/anabranch/anabranch/actors"
)

// Counters are a task's numbers about failing records (CW-382). They outlive the incarnations
// of a task. Safe for concurrent use.
type Counters struct {
	failures, errors, skipped, retries, logged, letters, lostLetters, last atomic.Int64
}

// Counts returns the numbers of this moment.
func (c *Counters) Counts() actors.ErrorCounts {
	return actors.ErrorCounts{
		RecordFailures: c.failures.Load(), RecordErrors: c.errors.Load(), RecordsSkipped: c.skipped.Load(), Retries: c.retries.Load(),
		ErrorsLogged: c.logged.Load(), DeadLetterRequests: c.letters.Load(), DeadLetterFailures: c.lostLetters.Load(), LastErrorMillis: c.last.Load(),
	}
}
