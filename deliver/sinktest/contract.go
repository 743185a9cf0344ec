// Package sinktest is the contract suite that every deliver.Sink must pass. A sink's test
// gives it a [Target] and calls [Run].
package sinktest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// Target is what the suite needs to know about a sink.
type Target interface {
	// NewSink returns a sink that is not opened yet; every call gives a new one on the same target.
	NewSink(t *testing.T) deliver.Sink
	// NewBatch makes a batch of one lane with rows numbered from to to-1, in a form that the
	// target can take.
	NewBatch(t *testing.T, lane string, from, to int) *records.Batch
	// Rows returns the numbers of a lane's rows that are durable, in the order of arrival.
	// Targets that upsert give each number once.
	Rows(t *testing.T, lane string) []int
	// Block makes the target slow or dead until the returned function is called. nil if that
	// cannot be done.
	Block(t *testing.T) (unblock func())
}

// deadline bounds each step.
const deadline = 30 * time.Second

// Run runs the suite. Lanes get names with prefix, so that it can run against shared servers.
func Run(t *testing.T, target Target, prefix string) {
	t.Run("delivers in order, done once", func(t *testing.T) { ordered(t, target, prefix+"a") })
	t.Run("empty batch is done", func(t *testing.T) { empty(t, target, prefix+"b") })
	t.Run("lanes are concurrent", func(t *testing.T) { concurrent(t, target, prefix+"c") })
	t.Run("flush waits for all", func(t *testing.T) { flush(t, target, prefix+"d") })
	t.Run("close twice, write after close", func(t *testing.T) { closed(t, target, prefix+"e") })
	t.Run("close without open", func(t *testing.T) {
		if err := target.NewSink(t).Close(); err != nil {
			t.Fatalf("close of a sink that was never opened: %v", err)
		}
	})
	t.Run("cancel while blocked", func(t *testing.T) { cancelled(t, target, prefix+"f") })
	t.Run("close while blocked finishes every write", func(t *testing.T) { closeBlocked(t, target, prefix+"g") })
}

// ledger counts the ends of writes.
type ledger struct {
	t    *testing.T
	mu   sync.Mutex
	ends map[string]int
	errs []error
	wg   sync.WaitGroup
}

func newLedger(t *testing.T) *ledger { return &ledger{t: t, ends: map[string]int{}} }

// write writes and accounts.
func (l *ledger) write(ctx context.Context, s deliver.Sink, name string, b *records.Batch) error {
	l.wg.Add(1)
	err := s.Write(ctx, b, func(err error) {
		l.mu.Lock()
		l.ends[name]++
		if l.ends[name] == 1 {
			l.wg.Done()
		}
		if err != nil {
			l.errs = append(l.errs, err)
		}
		l.mu.Unlock()
	})
	if err != nil {
		l.wg.Done()
	}
	return err
}

func (l *ledger) wait() {
	l.t.Helper()
	done := make(chan struct{})
	go func() { l.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(deadline):
		l.t.Fatal("not every write has ended")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, n := range l.ends {
		if n != 1 {
			l.t.Errorf("%s: Done was called %d times", name, n)
		}
	}
}

func (l *ledger) noErrors() {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range l.errs {
		l.t.Errorf("write ended with %v", err)
	}
}

func open(t *testing.T, target Target) deliver.Sink {
	t.Helper()
	s := target.NewSink(t)
	if err := s.Open(t.Context()); err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func checkRows(t *testing.T, target Target, lane string, n int) {
	t.Helper()
	rows := target.Rows(t, lane)
	if len(rows) != n {
		t.Fatalf("lane %s has %d rows, want %d", lane, len(rows), n)
	}
	for i, r := range rows {
		if r != i {
			t.Fatalf("lane %s: row %d is number %d", lane, i, r)
		}
	}
}

func ordered(t *testing.T, target Target, lane string) {
	s, l := open(t, target), newLedger(t)
	const batches, size = 40, 25
	for i := range batches {
		if err := l.write(t.Context(), s, fmt.Sprint(i), target.NewBatch(t, lane, i*size, (i+1)*size)); err != nil {
			t.Fatal(err)
		}
	}
	l.wait()
	l.noErrors()
	checkRows(t, target, lane, batches*size)
}

func empty(t *testing.T, target Target, lane string) {
	s, l := open(t, target), newLedger(t)
	if err := l.write(t.Context(), s, "empty", records.NewBatch(records.Origin{Table: lane})); err != nil {
		t.Fatal(err)
	}
	l.wait()
	l.noErrors()
}

func concurrent(t *testing.T, target Target, prefix string) {
	s, l := open(t, target), newLedger(t)
	var wg sync.WaitGroup
	for lane := range 4 {
		name := fmt.Sprint(prefix, lane)
		wg.Go(func() {
			for i := range 20 {
				if err := l.write(t.Context(), s, fmt.Sprint(name, "-", i), target.NewBatch(t, name, i*10, (i+1)*10)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	l.wait()
	l.noErrors()
	for lane := range 4 {
		checkRows(t, target, fmt.Sprint(prefix, lane), 200)
	}
}

func flush(t *testing.T, target Target, lane string) {
	s, l := open(t, target), newLedger(t)
	for i := range 10 {
		if err := l.write(t.Context(), s, fmt.Sprint(i), target.NewBatch(t, lane, i*10, (i+1)*10)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		t.Fatalf("flush: %v", err)
	}
	l.mu.Lock()
	n := len(l.ends)
	l.mu.Unlock()
	if n != 10 {
		t.Fatalf("flush returned when %d of 10 writes had ended", n)
	}
	checkRows(t, target, lane, 100)
}

func closed(t *testing.T, target Target, lane string) {
	s := open(t, target)
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("second close: %v", err)
	}
	l := newLedger(t)
	if err := l.write(t.Context(), s, "late", target.NewBatch(t, lane, 0, 1)); err == nil {
		l.wait()
		if len(l.errs) == 0 {
			t.Fatal("a write after close succeeded")
		}
	}
}

// fill writes until a write does not return quickly or the target has taken 1000 batches.
func fill(ctx context.Context, t *testing.T, l *ledger, s deliver.Sink, target Target, lane string) {
	for i := 0; i < 1000 && ctx.Err() == nil; i++ {
		if err := l.write(ctx, s, fmt.Sprint(i), target.NewBatch(t, lane, i*100, (i+1)*100)); err != nil {
			return
		}
	}
}

func cancelled(t *testing.T, target Target, lane string) {
	s, l := open(t, target), newLedger(t)
	unblock := target.Block(t)
	if unblock == nil {
		t.Skip("this target cannot be blocked")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	ended := make(chan struct{})
	go func() { defer close(ended); fill(ctx, t, l, s, target, lane) }()
	select {
	case <-ended:
	case <-time.After(deadline):
		t.Error("write did not return when its context ended")
	}
	unblock()
	s.Close()
	l.wait()
}

func closeBlocked(t *testing.T, target Target, lane string) {
	s, l := open(t, target), newLedger(t)
	unblock := target.Block(t)
	if unblock == nil {
		t.Skip("this target cannot be blocked")
	}
	defer unblock()
	// A write may wait for room; Close must end it.
	first, writing, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(writing)
		for i := range 3 {
			if l.write(t.Context(), s, fmt.Sprint(i), target.NewBatch(t, lane, i*10, (i+1)*10)) != nil {
				break
			}
			if i == 0 {
				close(first)
			}
		}
	}()
	<-first
	go func() { defer close(ended); s.Close() }()
	for _, c := range []chan struct{}{ended, writing} {
		select {
		case <-c:
		case <-time.After(deadline):
			t.Fatal("close or write hangs while the target is blocked")
		}
	}
	l.wait()
}
