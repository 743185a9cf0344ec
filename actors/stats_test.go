package actors

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a Tolerance with fixed numbers.
type counted struct{ n ErrorCounts }

func (c *counted) Open(context.Context, func(error)) error { return nil }
func (c *counted) Stop()                                   {}
func (c *counted) Close() error                            { return nil }
func (c *counted) Counts() ErrorCounts                     { return c.n }

// In Java a restarted task is another one, and its metrics begin at 0; a retry of our own is not.
func TestStats_BeginAnewWithARestartOnRequest(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		tol := &counted{ErrorCounts{RecordFailures: 3, RecordErrors: 2, LastErrorMillis: 77}}
		h.start("c", func() (Parts, error) { return Parts{Source: &fakeSource{}, Sink: &fakeSink{}, Tolerance: tol}, nil })
		h.wantStates("c/0", "RUNNING")
		time.Sleep(time.Minute) // of the bubble's clock
		if s := h.sys.Stats("c")[0]; s.Errors.RecordFailures != 3 || s.Errors.LastErrorMillis != 77 {
			t.Fatalf("before: %+v", s.Errors)
		}
		h.must(h.sys.RestartTask("c", 0))
		h.wantStates("c/0", "RUNNING", "RESTARTING", "RUNNING")
		synctest.Wait()
		if s := h.sys.Stats("c")[0]; s.Errors != (ErrorCounts{}) || s.Polled.Total != 0 {
			t.Fatalf("after: %+v", s)
		}
		tol.n = ErrorCounts{RecordFailures: 4, RecordErrors: 3, LastErrorMillis: 99}
		if s := h.sys.Stats("c")[0]; s.Errors != (ErrorCounts{RecordFailures: 1, RecordErrors: 1, LastErrorMillis: 99}) {
			t.Fatalf("later: %+v", s.Errors)
		}
	})
}
