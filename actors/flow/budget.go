package flow

import (
	"context"
	"sync"
)

// Budget bounds the bytes in flight between a source and a sink. It is the one place where
// a task blocks. Waiters are served in order, so that a large frame is not starved by small ones.
type Budget struct {
	total int64

	mu      sync.Mutex // guards the fields below
	used    int64
	open    bool
	waiters []*waiter
}

type waiter struct {
	n       int64
	granted chan struct{}
}

// NewBudget makes a budget of total bytes.
func NewBudget(total int64) *Budget { return &Budget{total: max(total, 1)} }

// fits reports whether n more bytes may be taken: within the total, or alone, for otherwise
// a frame larger than the budget would wait for ever.
func (b *Budget) fits(n int64) bool { return b.open || b.used == 0 || b.used+n <= b.total }

// Overdraw lets Take go on although nothing is free, for a source that must not be blocked and is
// told to hand over nothing more: what it holds already comes through.
func (b *Budget) Overdraw(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = on
	b.grant()
}

// Take waits until n bytes are free, or returns the cause of ctx's end with nothing taken.
func (b *Budget) Take(ctx context.Context, n int64) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.mu.Lock()
	if len(b.waiters) == 0 && b.fits(n) {
		b.used += n
		b.mu.Unlock()
		return nil
	}
	w := &waiter{n: n, granted: make(chan struct{})}
	b.waiters = append(b.waiters, w)
	b.mu.Unlock()

	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.waiters {
		if b.waiters[i] == w {
			b.waiters = append(b.waiters[:i], b.waiters[i+1:]...)
			b.grant() // those behind may fit now
			return context.Cause(ctx)
		}
	}
	// Granted between ctx's end and the lock: give it back.
	b.used -= n
	b.grant()
	return context.Cause(ctx)
}

// Return gives n bytes back. They must have been taken.
func (b *Budget) Return(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.used < 0 {
		panic("flow: more bytes returned to the budget than taken")
	}
	b.grant()
}

// grant serves waiters in order, as far as they fit. b.mu is held.
func (b *Budget) grant() {
	for len(b.waiters) > 0 && b.fits(b.waiters[0].n) {
		w := b.waiters[0]
		b.waiters[0] = nil
		b.waiters = b.waiters[1:]
		b.used += w.n
		close(w.granted)
	}
}

// Used is the gauge: bytes in flight now. It exceeds Total while one larger frame is alone, or
// after Overdraw.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Total is the size of the budget.
func (b *Budget) Total() int64 { return b.total }
