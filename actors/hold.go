package actors

import (
	"context"
	"sync"
	"time"
)

// pausedAfter bounds how long a task that pauses waits for what is in flight until it says PAUSED.
const pausedAfter = 10 * time.Second

// hold stops the read pump while the task is paused.
type hold struct {
	mu sync.Mutex // guards the field below
	on chan struct{}
}

func (h *hold) set() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.on == nil {
		h.on = make(chan struct{})
	}
}

func (h *hold) lift() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.on != nil {
		close(h.on)
		h.on = nil
	}
}

// wait returns when reading may go on; false if ctx has ended.
func (h *hold) wait(ctx context.Context) bool {
	h.mu.Lock()
	on := h.on
	h.mu.Unlock()
	if on == nil {
		return true
	}
	select {
	case <-on:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// holdReading pauses a running incarnation, which stays open (CW-252): a consumer stays in its
// group, other sources are not read. Offsets are committed when what is in flight is delivered;
// then, or after a while, the task is PAUSED.
func (t *task) holdReading() {
	r := t.run
	if r.held {
		return
	}
	r.held = true
	r.holds++
	r.hold.set()
	t.quietSource()
	turn := r.holds
	t.drain(nil, func() { t.commitThen(func() { t.paused(r, turn) }) })
	r.pauseTimer = t.after(pausedAfter, &pauseOver{epoch: r.epoch, turn: turn})
}

// paused shows that a pause is complete, unless it is over.
func (t *task) paused(r *incarnation, turn int) {
	if t.run == r && r.held && r.holds == turn && r.phase == phaseRunning {
		r.pauseTimer.Stop()
		t.setState(Paused, "")
	}
}

// goOnReading ends a pause.
func (t *task) goOnReading() {
	r := t.run
	if !r.held || r.phase != phaseRunning {
		return
	}
	r.held = false
	r.pauseTimer.Stop()
	t.quietSource()
	r.hold.lift()
	if r.trouble != nil {
		t.setState(Restarting, Trace(r.trouble))
		return
	}
	t.setState(Running, "")
}
