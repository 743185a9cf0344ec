package actors

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestLeftovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l leftovers
		l.wait(t.Context(), "c-0") // nothing is left behind
		first := l.add("c-0")
		second := l.add("c-0")
		free := make(chan struct{})
		go func() { l.wait(t.Context(), "c-0"); close(free) }()
		l.wait(t.Context(), "c-1") // of another task
		go second()
		synctest.Wait()
		select {
		case <-free:
			t.Error("the first is still there")
		default:
		}
		first()
		<-free
		// One that never closes does not hold its task for ever, nor one that is told to end.
		l.add("c-0")
		begun := time.Now()
		l.wait(t.Context(), "c-0")
		if took := time.Since(begun); took != leftoverWait {
			t.Errorf("waited %v", took)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		l.wait(ended, "c-0")
	})
}
