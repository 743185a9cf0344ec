package actors

import (
	"context"
	"slices"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// State is a state as Connect names it (CW-31).
type State string

// Connect's states. Restarting is also shown while a task waits to come back by itself
// after a retriable failure; its trace then says why.
const (
	Unassigned State = "UNASSIGNED"
	Running    State = "RUNNING"
	Paused     State = "PAUSED"
	Failed     State = "FAILED"
	Restarting State = "RESTARTING"
	Stopped    State = "STOPPED"
)

// StatusSink hears of every change of state. Calls for one connector or task come in order;
// an implementation must not block for long and must not call back into the System.
type StatusSink interface {
	ConnectorState(connector string, state State, trace string)
	TaskState(connector string, task int, state State, trace string)
}

// OffsetStore keeps source offsets. Store returns when they are durable (invariant 1).
type OffsetStore interface {
	Load(ctx context.Context, connector string) ([]records.Position, error)
	Store(ctx context.Context, connector string, positions []records.Position) error
}

// Chain is the transforms of one lane. It changes the batch in place and may drop records; an
// error ends the task.
type Chain interface {
	Apply(ctx context.Context, b *records.Batch) error
}

// Connector is what the herder asks the system to run: a connector, or the part of it that
// is assigned to this worker.
type Connector struct {
	Name   string
	Paused bool
	// TasksOnly says that the instance of the connector runs on another worker, which alone
	// tells the connector's own state.
	TasksOnly bool
	Tasks     []Task
}

func (c *Connector) empty() bool { return c.TasksOnly && len(c.Tasks) == 0 }

// add puts the instance and the tasks of o to those of c.
func (c *Connector) add(o Connector) {
	c.Paused, c.TasksOnly = o.Paused, c.TasksOnly && o.TasksOnly
	c.Tasks = slices.Clone(c.Tasks)
	for _, t := range o.Tasks {
		c.Tasks = append(slices.DeleteFunc(c.Tasks, func(old Task) bool { return old.ID == t.ID }), t)
	}
}

// remove takes pieces away.
func (c *Connector) remove(p Pieces) {
	c.TasksOnly = c.TasksOnly || p.Instance
	c.Tasks = slices.DeleteFunc(slices.Clone(c.Tasks), func(t Task) bool { return slices.Contains(p.Tasks, t.ID) })
}

// Pieces names parts of a connector that are to end.
type Pieces struct {
	Instance bool
	Tasks    []int
	// Abort ends tasks without a drain: they belong to another worker already.
	Abort bool
}

// Task says how to build one incarnation of a task. Build must not block for long: a Source
// or Sink connects in Open, which the task calls from its pump.
type Task struct {
	ID    int
	Build func() (Parts, error)
}

// Parts are the pieces of one incarnation.
type Parts struct {
	Source capture.Source
	Sink   deliver.Sink
	// NewChain makes the transforms of one lane; nil means none.
	NewChain func() (Chain, error)
	// Offsets is nil for sink connectors: Source.Commit is their offset store.
	Offsets OffsetStore
	// Tolerance is told of the incarnation's life; nil is nobody.
	Tolerance Tolerance
	// Transactions, if set, store the positions instead of Offsets, which is then only loaded
	// from: after the sink is open, because opening it ends what an earlier one left open.
	Transactions *Transactions
	// MaxRetries bounds the restarts in a row after retriable failures; negative is unlimited
	// (errors.max.retries, DM-58). RetryWaitMillis is the longest wait (retriable.restart.connector.wait.ms).
	MaxRetries      int
	RetryWaitMillis int64
}
