package actors

import (
	"sort"
	"sync"
	"sync/atomic"

	"github.com/anabranch/anabranch/actors/flow"
	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/configs/javametrics"
)

// TaskProgress is how far one task is, for the REST, the log and the terminal.
type TaskProgress struct {
	Task  int
	State State
	// HasSnapshot says that Snapshot was filled by the task's source.
	HasSnapshot bool
	Snapshot    capture.Snapshot
	// LagMillis is how far delivery is behind the source: 0 when caught up, -1 when unknown.
	LagMillis int64
	// Records counts the records that went through since the task was started.
	Records int64
	// InFlightBytes of BudgetBytes are read and not yet delivered.
	InFlightBytes, BudgetBytes int64
	// Retries counts the restarts in a row after retriable failures.
	Retries int
	// LastCommitMillis is when offsets were last stored, ms since epoch; 0 if not yet.
	LastCommitMillis int64
}

// vitals is what the task shows to other goroutines.
type vitals struct {
	id         int
	state      atomic.Value // State
	lag        atomic.Int64
	records    atomic.Int64
	retries    atomic.Int64
	lastCommit atomic.Int64
	run        atomic.Pointer[watched]
	stats      *taskStats
}

// watched is the part of an incarnation that Progress looks at.
type watched struct {
	source capture.Source
	budget *flow.Budget
}

func newVitals(id int, spec javametrics.Spec) *vitals {
	v := &vitals{id: id, stats: newTaskStats(spec)}
	v.state.Store(Unassigned)
	v.lag.Store(-1)
	return v
}

func (v *vitals) progress(budgetBytes int64) TaskProgress {
	p := TaskProgress{
		Task: v.id, State: v.state.Load().(State), LagMillis: v.lag.Load(), Records: v.records.Load(),
		Retries: int(v.retries.Load()), LastCommitMillis: v.lastCommit.Load(), BudgetBytes: budgetBytes,
	}
	if w := v.run.Load(); w != nil {
		p.InFlightBytes = w.budget.Used()
		p.Snapshot, p.HasSnapshot = snapshotOf(w.source)
	}
	return p
}

// board holds the vitals of all tasks.
type board struct {
	mu    sync.Mutex // guards tasks
	tasks map[string]map[int]*vitals
}

func (b *board) add(connector string, v *vitals) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tasks[connector] == nil {
		b.tasks[connector] = map[int]*vitals{}
	}
	b.tasks[connector][v.id] = v
}

func (b *board) remove(connector string, v *vitals) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tasks[connector][v.id] == v {
		delete(b.tasks[connector], v.id)
	}
	if len(b.tasks[connector]) == 0 {
		delete(b.tasks, connector)
	}
}

func (b *board) of(connector string) []*vitals {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]*vitals, 0, len(b.tasks[connector]))
	for _, v := range b.tasks[connector] {
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].id < out[j].id })
	return out
}
