package actors

import (
	"math/rand/v2"
	"time"
)

// Bounds of the wait before a restart; retriable.restart.connector.wait.ms replaces the cap.
const (
	backoffStart = 300 * time.Millisecond
	backoffCap   = 10 * time.Second
)

// backoffCeiling is the longest wait before restart number n (from 0): it doubles from
// backoffStart up to limit (the library's own strategy is linear and has no cap).
func backoffCeiling(n int, limit time.Duration) time.Duration {
	d := backoffStart
	for range n {
		if d >= limit/2 { // doubled, it would be beyond the limit, or overflow
			return limit
		}
		d *= 2
	}
	return min(d, limit)
}

// backoff picks the wait with full jitter, so that the tasks that one outage stopped do not
// come back in step.
func backoff(n int, limit time.Duration) time.Duration {
	if limit <= 0 {
		limit = backoffCap
	}
	return 1 + rand.N(backoffCeiling(n, limit))
}
