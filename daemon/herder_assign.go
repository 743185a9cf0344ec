package daemon

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/daemon/cluster"
	"github.com/anabranch/anabranch/daemon/store"
)

// take makes an assignment ours that was made from the configurations up to an offset. What was
// revoked has ended already.
func (h *herder) take(all map[work]bool, offset int64) {
	h.assigned, h.joined = all, true
	for name, since := range h.held {
		if since <= offset {
			delete(h.held, name)
		}
	}
	if _, own := h.group.leader(); own {
		h.cleanStatuses()
	}
}

// cleanStatuses removes the statuses of what is not configured any more (CW-249). It comes
// after a round, when nobody tells about the old work any more.
func (h *herder) cleanStatuses() {
	for _, name := range h.statuses.Connectors() {
		c, ok := h.configs.Get(name)
		if !ok {
			h.statuses.Remove(name)
		} else { // of an inconsistent one nothing runs, and no task is shown
			h.statuses.RemoveTasks(name, len(c.Tasks))
		}
	}
}

// startInstances starts the instances that are ours and do not run.
func (h *herder) startInstances(ctx context.Context) {
	for w := range h.assigned {
		if w.Task == itself && h.runs[w.Connector] == nil && h.group.fresh() == nil {
			h.startInstance(ctx, w.Connector)
		}
	}
}

// startTasks starts the tasks that are ours and do not run. One that has FAILED counts as running.
func (h *herder) startTasks() {
	missing := map[string][]int{}
	for w := range h.assigned {
		if w.Task != itself && !h.tasks[w.Connector][w.Task] && h.held[w.Connector] == 0 {
			missing[w.Connector] = append(missing[w.Connector], w.Task)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		c, ok := h.configs.Get(name)
		if !ok || c.Inconsistent || c.Target == store.Stopped {
			continue
		}
		spec := actors.Connector{Name: name, Paused: c.Target == store.Paused, TasksOnly: true}
		slices.Sort(missing[name])
		for _, id := range missing[name] {
			if id < len(c.Tasks) {
				spec.Tasks = append(spec.Tasks, actors.Task{ID: id, Build: h.builder(c, id, c.Tasks[id])})
			}
		}
		if len(spec.Tasks) == 0 {
			continue
		}
		if err := h.group.fresh(); err != nil {
			return // Lost is on its way
		}
		if err := h.system.Add(spec); err != nil {
			h.log.Error("start tasks", keyConnector, name, keyErr, err)
			continue
		}
		if h.tasks[name] == nil {
			h.tasks[name] = map[int]bool{}
		}
		for _, t := range spec.Tasks {
			h.tasks[name][t.ID] = true
		}
	}
}

// end stops pieces side by side, in an orderly way or at once. What does not run is not asked.
func (h *herder) end(ctx context.Context, list []work, abort bool) {
	pieces := map[string]*actors.Pieces{}
	for _, w := range list {
		p := pieces[w.Connector]
		if p == nil {
			p = &actors.Pieces{Abort: abort}
			pieces[w.Connector] = p
		}
		if w.Task != itself {
			if h.tasks[w.Connector][w.Task] {
				p.Tasks = append(p.Tasks, w.Task)
				delete(h.tasks[w.Connector], w.Task)
			}
			continue
		}
		in := h.runs[w.Connector]
		if in == nil {
			continue
		}
		p.Instance = in.added
		if in.broken && !abort {
			h.statuses.ConnectorState(w.Connector, actors.Unassigned, "")
		}
		delete(h.runs, w.Connector)
		delete(h.attempts, w.Connector)
	}
	var g errgroup.Group
	for name, p := range pieces {
		if !p.Instance && len(p.Tasks) == 0 {
			continue
		}
		g.Go(func() error {
			if err := h.system.Remove(ctx, name, *p); err != nil {
				h.log.Error("stop connector", keyConnector, name, keyErr, err)
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return none
	for name := range pieces {
		if len(h.tasks[name]) == 0 {
			delete(h.tasks, name)
		}
	}
}

// mine lists the running pieces of a connector.
func (h *herder) mine(name string) []work {
	out := h.ownTasks(name)
	if h.runs[name] != nil {
		out = append(out, cluster.Instance(name))
	}
	return out
}

func (h *herder) ownTasks(name string) []work {
	var out []work
	for id := range h.tasks[name] {
		out = append(out, work{Connector: name, Task: id})
	}
	return out
}
