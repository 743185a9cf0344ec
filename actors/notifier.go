package actors

import (
	"log/slog"
	"sync"
	"time"
)

// maxQueuedStatus bounds the changes of state that wait for a slow StatusSink; beyond it
// only the newest of each connector and task is kept.
const maxQueuedStatus = 1024

// connectorItself is the task number of a connector's own state.
const connectorItself = -1

// status is one change of state, or a marker that only wants to be passed.
type status struct {
	connector string
	task      int
	state     State
	trace     string
	passed    chan struct{} // marker: closed when everything before it is delivered
}

// notifier calls the StatusSink from a goroutine of its own. A herder that holds a lock while
// it calls us, and takes the same lock in its StatusSink, thereby delays the news but cannot
// block an actor.
type notifier struct {
	sink  StatusSink
	log   *slog.Logger
	pumps pumps
	wake  chan struct{}
	done  chan struct{}

	mu     sync.Mutex // guards the fields below
	queue  []status
	closed bool
}

func newNotifier(sink StatusSink, log *slog.Logger) *notifier {
	n := &notifier{sink: sink, log: log, wake: make(chan struct{}, 1), done: make(chan struct{})}
	n.pumps.start(n.run, func(error) { close(n.done) })
	return n
}

func (n *notifier) post(s status) {
	n.mu.Lock()
	if len(n.queue) >= maxQueuedStatus {
		n.queue = newestOfEach(n.queue)
	}
	n.queue = append(n.queue, s)
	n.mu.Unlock()
	n.nudge()
}

func (n *notifier) nudge() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func newestOfEach(q []status) []status {
	type key struct {
		connector string
		task      int
	}
	newest := make(map[key]int, len(q))
	for i := range q {
		if q[i].passed != nil {
			continue
		}
		newest[key{q[i].connector, q[i].task}] = i
	}
	kept := q[:0]
	for i := range q {
		if q[i].passed != nil || newest[key{q[i].connector, q[i].task}] == i {
			kept = append(kept, q[i])
		}
	}
	return kept
}

func (n *notifier) run() error {
	for range n.wake {
		for {
			n.mu.Lock()
			if len(n.queue) == 0 {
				closed := n.closed
				n.mu.Unlock()
				if closed {
					return nil
				}
				break
			}
			s := n.queue[0]
			n.queue = n.queue[1:]
			n.mu.Unlock()
			if err := guard(func() error { n.deliver(s); return nil }); err != nil {
				n.log.Error("status sink failed", keyConnector, s.connector, keyErr, err, keyStack, asPanic(err).stack)
			}
		}
	}
	return nil
}

func (n *notifier) deliver(s status) {
	switch {
	case s.passed != nil:
		close(s.passed)
	case n.sink == nil:
	case s.task == connectorItself:
		n.sink.ConnectorState(s.connector, s.state, s.trace)
	default:
		n.sink.TaskState(s.connector, s.task, s.state, s.trace)
	}
}

// flush returns when everything posted so far is delivered, or after a while. In the second
// case what is left of the connector is thrown away: after Stop nothing is told about it.
func (n *notifier) flush(connector string, patience time.Duration) {
	passed := make(chan struct{})
	n.post(status{connector: connector, task: connectorItself, passed: passed})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-passed:
		return
	case <-n.done:
		return
	case <-timer.C:
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	kept := n.queue[:0]
	for i := range n.queue {
		if n.queue[i].connector != connector {
			kept = append(kept, n.queue[i])
		}
	}
	n.queue = kept
}

// close delivers what is queued and ends the goroutine.
func (n *notifier) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.nudge()
}
