package actors

import (
	"context"
	"sync"
	"time"
)

// leftoverWait bounds how long an incarnation waits for one of the same task that was left behind:
// what that one has on its way to a broker must not arrive behind newer rows. A source that
// never lets go must not hold its task for ever.
const leftoverWait = 15 * time.Second

// leftovers are incarnations that were given up and are still being closed, by task.
type leftovers struct {
	mu  sync.Mutex // guards all
	all map[string]chan struct{}
}

// add notes one; the result is called when it is closed.
func (l *leftovers) add(who string) (closed func()) {
	done := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]chan struct{}{}
	}
	before := l.all[who]
	l.all[who] = done
	return func() {
		if before != nil {
			<-before // the newest stands for all
		}
		l.mu.Lock()
		if l.all[who] == done {
			delete(l.all, who)
		}
		l.mu.Unlock()
		close(done)
	}
}

// wait returns when nothing of the task is left behind, or its time is over, or ctx ends.
func (l *leftovers) wait(ctx context.Context, who string) {
	l.mu.Lock()
	left := l.all[who]
	l.mu.Unlock()
	if left == nil {
		return
	}
	t := time.NewTimer(leftoverWait)
	defer t.Stop()
	select {
	case <-left:
	case <-t.C:
	case <-ctx.Done():
	}
}
