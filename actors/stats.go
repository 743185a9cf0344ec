package actors

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/anabranch/anabranch/configs/javametrics"
)

// TaskStats are a task's numbers as the Java worker keeps them (CW-377, CW-378, CW-380).
type TaskStats struct {
	Polled   javametrics.Stats // records read, one measurement a batch
	PollTime javametrics.Stats // ms
	Sent     javametrics.Stats // records behind the transforms, given to the sink
	Written  javametrics.Stats // records acknowledged by the sink
	PutTime  javametrics.Stats // ms from giving a batch to the sink until it is done
	Active   javametrics.Stats // records read and not yet delivered, one measurement a batch
	// Partitions is how many a consumer is assigned, 0 for other sources.
	Partitions int
	// ActiveNow is their number at this moment.
	ActiveNow int64
	// Commits are the offset commits that worked, CommitFailures those that did not, in ms.
	Commits, CommitFailures javametrics.Stats
	// Transactions are the records of each transaction; Transactional says that there are any (CW-379).
	Transactions  javametrics.Stats
	Transactional bool
	// RunningRatio and PausedRatio are the parts of the task's life in these states.
	RunningRatio, PausedRatio float64
	// Errors are the numbers about failing records.
	Errors ErrorCounts
}

// taskStats collects them. It is safe for concurrent use and measures per batch.
type taskStats struct {
	polled, pollTime, sent, written, putTime, active, commits, commitFailures, transactions *javametrics.Window

	activeNow     atomic.Int64
	transactional atomic.Bool
	tolerance     atomic.Pointer[Tolerance] // of the newest incarnation

	mu     sync.Mutex // guards the fields below
	begun  time.Time
	since  time.Time
	state  State
	inside map[State]time.Duration
	// before are the errors up to the last restart.
	before ErrorCounts
}

func newTaskStats(spec javametrics.Spec) *taskStats {
	now := time.Now()
	s := &taskStats{begun: now, since: now, state: Unassigned, inside: map[State]time.Duration{}}
	for _, w := range s.windows() {
		*w = javametrics.NewWindow(spec)
	}
	return s
}

func (s *taskStats) windows() []**javametrics.Window {
	return []**javametrics.Window{&s.polled, &s.pollTime, &s.sent, &s.written, &s.putTime, &s.active, &s.commits, &s.commitFailures, &s.transactions}
}

// reset begins anew, as the numbers of a task do that is restarted on request: in Java it is another task.
func (s *taskStats) reset() {
	errs := s.errors()
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.windows() {
		(*w).Reset()
	}
	s.before = errs
	s.begun, s.since = now, now
	clear(s.inside)
}

// errors are all errors of the task's incarnations.
func (s *taskStats) errors() ErrorCounts {
	if t := s.tolerance.Load(); t != nil {
		return (*t).Counts()
	}
	return ErrorCounts{}
}

// read notes a frame from the source and how long it was waited for.
func (s *taskStats) read(rows int, took time.Duration) {
	if rows == 0 {
		return
	}
	s.polled.Add(float64(rows))
	s.pollTime.Add(float64(took.Microseconds()) / 1000)
	s.active.Add(float64(s.activeNow.Add(int64(rows))))
}

// over notes that rows are delivered, dropped or given up.
func (s *taskStats) over(rows int) {
	if rows > 0 {
		s.active.Add(float64(s.activeNow.Add(-int64(rows))))
	}
}

// acked notes a batch that the sink has finished.
func (s *taskStats) acked(records int, took time.Duration) {
	s.written.Add(float64(records))
	s.putTime.Add(float64(took.Microseconds()) / 1000)
}

func (s *taskStats) enter(st State) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside[s.state] += now.Sub(s.since)
	s.state, s.since = st, now
}

func (s *taskStats) ratio(st State) float64 {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.inside[st]
	if s.state == st {
		in += now.Sub(s.since)
	}
	if life := now.Sub(s.begun); life > 0 {
		return float64(in) / float64(life)
	}
	return 0
}

func (s *taskStats) snapshot() TaskStats {
	errs := s.errors()
	s.mu.Lock()
	errs = errs.since(s.before)
	s.mu.Unlock()
	return TaskStats{
		Errors: errs, Transactions: s.transactions.Stats(), Transactional: s.transactional.Load(),
		Polled: s.polled.Stats(), PollTime: s.pollTime.Stats(), Sent: s.sent.Stats(), Written: s.written.Stats(), PutTime: s.putTime.Stats(),
		Active: s.active.Stats(), ActiveNow: s.activeNow.Load(), Commits: s.commits.Stats(), CommitFailures: s.commitFailures.Stats(),
		RunningRatio: s.ratio(Running), PausedRatio: s.ratio(Paused),
	}
}

// Beans returns the beans of the sources of a connector's tasks that have some.
func (s *System) Beans(connector string) []javametrics.MBean {
	var out []javametrics.MBean
	for _, v := range s.board.of(connector) {
		w := v.run.Load()
		if w == nil {
			continue
		}
		if r, ok := w.source.(javametrics.Reporter); ok {
			out = append(out, r.Beans(javametrics.Queue{UsedBytes: w.budget.Used(), LimitBytes: s.opts.BudgetBytes})...)
		}
	}
	return out
}

// partitioned is implemented by sources that read partitions.
type partitioned interface {
	// Partitions is how many are assigned now. Any goroutine may ask.
	Partitions() int
}

// Startups counts what was started on this worker (CW-383).
type Startups struct {
	Connectors, Tasks, TaskFailures int64
}

// Startups returns the counts since the System was made.
func (s *System) Startups() Startups {
	return Startups{Connectors: s.started.connectors.Load(), Tasks: s.started.tasks.Load(), TaskFailures: s.started.taskFailures.Load()}
}

// startups are the counters behind Startups.
type startups struct{ connectors, tasks, taskFailures atomic.Int64 }

// Stats returns the numbers of a connector's tasks on this worker, by task.
func (s *System) Stats(connector string) map[int]TaskStats {
	out := map[int]TaskStats{}
	for _, v := range s.board.of(connector) {
		st := v.stats.snapshot()
		if w := v.run.Load(); w != nil {
			if p, ok := w.source.(partitioned); ok {
				st.Partitions = p.Partitions()
			}
		}
		out[v.id] = st
	}
	return out
}
