package actors

import (
	"fmt"
	"log/slog"
)

// canRetry tells whether the task comes back by itself after this failure.
func (t *task) canRetry(failure error) bool {
	return retriable(failure, t.ranBefore, t.retries) && (t.maxRetries < 0 || t.retries < t.maxRetries)
}

// retry waits, then begins again. The state says RESTARTING and the trace why.
func (t *task) retry(failure error) {
	wait := backoff(t.retries, t.retryWait)
	t.setRetries(t.retries + 1)
	t.metrics.retries.Inc()
	t.setState(Restarting, Trace(failure))
	t.retryErrs.log(t.log, slog.LevelWarn, "task restarts after an error", failure, keyWait, wait)
	t.retryTurn++
	t.retryTimer = t.after(wait, &retryDue{turn: t.retryTurn})
}

// fail puts the task into FAILED, where it stays until it is restarted (CW-255).
func (t *task) fail(failure error) {
	if t.retries > 0 && t.maxRetries >= 0 && t.retries >= t.maxRetries {
		failure = fmt.Errorf("gave up after %d restarts in a row: %w", t.retries, failure)
	}
	args := []any{keyErr, failure}
	if p := asPanic(failure); p != nil {
		args = append(args, keyStack, p.stack)
	}
	t.log.Error("task failed", args...)
	if !t.ranBefore {
		t.sys.started.taskFailures.Add(1)
	}
	t.fatal = true
	t.setState(Failed, failureTrace(failure, t.sinkConnector))
}

func (t *task) cancelRetry() {
	if t.retryTimer != nil {
		t.retryTimer.Stop()
		t.retryTimer = nil
	}
	t.retryTurn++
}

func (t *task) setRetries(n int) {
	t.retries = n
	t.vitals.retries.Store(int64(n))
}
