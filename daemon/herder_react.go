package daemon

import (
	"context"
	"maps"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/daemon/store"
)

// settle reacts to what the config log says until there is nothing new, and starts what is
// assigned and does not run.
func (h *herder) settle(ctx context.Context) {
	for ctx.Err() == nil {
		changes := h.configs.Take()
		h.react(ctx, changes)
		h.group.reacted(changes.Offset)
		if h.rejoin != "" {
			why := h.rejoin
			h.rejoin = ""
			h.group.rejoin(ctx, why)
		}
		if !h.joined {
			return
		}
		h.startInstances(ctx) // may write task configurations
		h.startTasks()
		if !h.configs.Pending() && h.rejoin == "" {
			h.group.reacted(h.configs.Offset())
			return
		}
	}
}

func (h *herder) react(ctx context.Context, n store.Changes) {
	if n.SessionKey {
		h.group.tick(ctx)
	}
	for namespace, level := range n.Levels {
		if h.levels == nil {
			break
		}
		if _, ok := h.levels.Set(namespace, level); !ok {
			h.log.Warn("level of a logger is unknown", "logger", namespace, "level", level)
		}
	}
	for name := range n.Connectors {
		h.onConfig(ctx, name)
	}
	var over []work
	for name := range n.Tasks {
		// They run again after the round: until then another worker may run an old task with the same work.
		over = append(over, h.ownTasks(name)...)
		h.held[name] = n.Offset
		h.rejoin = "tasks of " + name + " were configured"
	}
	h.end(ctx, over, false)
	for name := range n.Targets {
		h.onTarget(ctx, name)
	}
	for name, r := range n.Restarts {
		h.onRestart(ctx, name, r)
	}
}

// onConfig takes up a configuration. The same one again restarts nothing that runs (CW-25).
func (h *herder) onConfig(ctx context.Context, name string) {
	c, exists := h.configs.Get(name)
	switch {
	case !exists:
		h.end(ctx, h.mine(name), false)
		delete(h.known, name)
		h.rejoin = "connector " + name + " was deleted"
		return
	case !h.known[name]:
		h.known[name] = true
		h.rejoin = "connector " + name + " was created"
		return
	}
	in := h.runs[name]
	if in == nil || !in.broken && maps.Equal(in.config, c.Config) {
		return
	}
	h.log.Info("connector reconfigured", keyConnector, name)
	if c.Target == store.Started {
		h.startInstance(ctx, name)
	}
}

// onTarget takes up a target state (CW-244, CW-252 to CW-254).
func (h *herder) onTarget(ctx context.Context, name string) {
	c, ok := h.configs.Get(name)
	if !ok {
		return
	}
	in := h.runs[name]
	if c.Target == store.Stopped {
		h.end(ctx, h.ownTasks(name), false)
	}
	if in != nil && in.target != c.Target {
		was := in.target
		in.target = c.Target
		switch {
		case in.broken && c.Target != store.Stopped && was != store.Stopped:
			// A FAILED connector keeps its state until it is restarted.
		case c.Target == store.Stopped, was == store.Stopped:
			h.startInstance(ctx, name)
		case c.Target == store.Started && (c.Inconsistent || len(c.Tasks) == 0 || !maps.Equal(c.Applied, c.Config)):
			h.startInstance(ctx, name) // what changed while it was paused takes effect now (CW-250)
		}
	}
	if c.Target == store.Stopped || len(h.tasks[name]) == 0 && in == nil {
		return
	}
	call := h.system.Resume
	if c.Target == store.Paused {
		call = h.system.Pause
	}
	if err := call(name); err != nil && !isUnknown(err) {
		h.log.Error("change the state of connector", keyConnector, name, "state", string(c.Target), keyErr, err)
	}
}

// onRestart restarts what this worker runs of a connector (CW-38, CW-164).
func (h *herder) onRestart(ctx context.Context, name string, r store.RestartRequest) {
	if h.runs[name] != nil {
		st, known := h.statuses.Connector(name)
		if !r.OnlyFailed || known && st.State == actors.Failed {
			h.restartInstance(ctx, name)
		}
	}
	if !r.IncludeTasks {
		return
	}
	for id := range h.tasks[name] {
		st, known := h.statuses.Task(name, id)
		if r.OnlyFailed && (!known || st.State != actors.Failed) {
			continue
		}
		if err := h.system.RestartTask(name, id); err != nil && !isUnknown(err) {
			h.log.Error("restart task", keyConnector, name, keyTask, id, keyErr, err)
		}
	}
}

// restartInstance restarts the connector and leaves its tasks as they are (CW-256).
func (h *herder) restartInstance(ctx context.Context, name string) {
	if in := h.runs[name]; in != nil && in.target != store.Stopped {
		h.startInstance(ctx, name)
	}
}
