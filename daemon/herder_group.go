package daemon

import (
	"context"

	"github.com/anabranch/anabranch/daemon/cluster"
)

// work is a piece that is assigned to workers: a task, or with task itself the instance of a
// connector.
type work = cluster.Work

const itself = cluster.ConnectorItself

// group is what the herder asks of the group of workers. Its methods are called from the loop,
// save fresh.
type group interface {
	// start joins; assignments come to the loop by themselves. It returns when the first one
	// is on its way.
	start(ctx context.Context) error
	// rejoin asks for a new assignment because the configurations have changed.
	rejoin(ctx context.Context, why string)
	// leader is the URL of the leader, "" while nobody knows, and whether it is this worker.
	leader() (url string, own bool)
	// owner is the URL of the worker that has a piece, as the leader knows it; "" if nobody has it.
	owner(w work) string
	// fresh says why this worker may have lost its work without knowing it.
	fresh() error
	// signed reports whether the protocol of the group signs requests between workers.
	signed() bool
	// moving reports whether work is about to change hands.
	moving() bool
	// reacted is called after the loop has reacted to all changes up to an offset.
	reacted(offset int64)
	// tick is called now and then, and after every assignment.
	tick(ctx context.Context)
	// failed gets why the group cannot be joined, ever.
	failed() <-chan error
	// leave ends it. No work runs any more.
	leave()
}

// alone is the group of a worker without others: it leads, and has everything at once.
type alone struct{ h *herder }

func (a *alone) start(ctx context.Context) error {
	if err := a.h.configs.Lead(ctx); err != nil {
		return err
	}
	a.h.setStage("starting connectors")
	a.rejoin(ctx, "the worker starts")
	a.h.settle(ctx)
	return a.h.begin(ctx)
}

func (a *alone) rejoin(context.Context, string) {
	all := map[work]bool{}
	for _, name := range a.h.configs.Names() {
		all[cluster.Instance(name)] = true
		c, _ := a.h.configs.Get(name)
		for id := range c.Tasks {
			all[work{Connector: name, Task: id}] = true
		}
	}
	a.h.take(all, a.h.configs.Offset())
}

func (a *alone) leader() (string, bool) { return "", true }
func (a *alone) owner(work) string      { return "" }
func (a *alone) fresh() error           { return nil }
func (a *alone) signed() bool           { return false }
func (a *alone) moving() bool           { return false }
func (a *alone) reacted(int64)          {}
func (a *alone) tick(context.Context)   {}
func (a *alone) failed() <-chan error   { return nil }
func (a *alone) leave()                 {}
