package store

import (
	"testing"
	"time"
)

// A worker whose start fails before the stores are open closes them all the same.
func TestStatuses_CloseWithoutOpenReturns(t *testing.T) {
	s := NewStatuses(&MemoryLog{}, "127.0.0.1:8083", 0, quiet)
	done := make(chan struct{})
	go func() {
		_ = s.Close() // a log that was not opened may say so
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Close hangs")
	}
}
