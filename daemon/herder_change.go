package daemon

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/cluster"
	"github.com/anabranch/anabranch/daemon/jsontext"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/daemon/store"
)

var _ rest.Herder = (*herder)(nil)

const noLeader = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."

const staleConfig = "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)"

func isUnknown(err error) bool { return errors.Is(err, actors.ErrUnknownConnector) }

func (h *herder) warn(name string, warnings []configs.Problem) {
	for _, w := range warnings {
		h.log.Warn(w.Message, keyConnector, name, "key", w.Key)
	}
}

// Validate implements rest.Herder.
func (h *herder) Validate(ctx context.Context, config rest.Config) (rest.Validation, error) {
	if err := h.await(ctx); err != nil {
		return rest.Validation{}, err
	}
	v, err := h.check(ctx, config.Values, config.Nulls...)
	if err != nil {
		return rest.Validation{}, err
	}
	return v.answer(config.Values[configs.ClassKey]), nil
}

// PutConnector implements rest.Herder. Validation comes first and outside of the loop, since it
// may ask a server; nothing is written before it is good.
func (h *herder) PutConnector(ctx context.Context, name string, asked rest.Config, initial store.Target, replace bool) (rest.Info, bool, error) {
	if err := h.await(ctx); err != nil {
		return rest.Info{}, false, err
	}
	config := asked.Values
	v, err := h.check(ctx, config, asked.Nulls...)
	if err != nil {
		return rest.Info{}, false, err
	}
	if len(v.problems) > 0 {
		return rest.Info{}, false, rest.Invalid(v.messages())
	}
	var info rest.Info
	created := false
	err = h.do(ctx, "creating connector "+name, func(ctx context.Context) error {
		if err := h.leads(); err != nil {
			return err
		}
		_, exists := h.configs.Get(name)
		if exists && !replace {
			return rest.Conflict("Connector %s already exists", name)
		}
		h.warn(name, v.warnings)
		created = !exists
		if exists {
			return h.configs.PutConnector(ctx, name, config, "")
		}
		return h.create(ctx, name, config, initial)
	})
	if err != nil {
		return rest.Info{}, false, err
	}
	info = h.info(name)
	if created && h.worker.Mode != configs.Standalone {
		info.Tasks = 0 // Connect answers before its tasks exist (CW-23)
	}
	return info, created, err
}

func (h *herder) create(ctx context.Context, name string, config map[string]string, initial store.Target) error {
	if err := h.configs.PutConnector(ctx, name, config, initial); err != nil {
		return err
	}
	h.log.Info("connector created", keyConnector, name, "class", config[configs.ClassKey])
	return nil
}

// PatchConnector implements rest.Herder (CW-26).
func (h *herder) PatchConnector(ctx context.Context, name string, patch map[string]*string) (rest.Info, error) {
	if err := h.await(ctx); err != nil {
		return rest.Info{}, err
	}
	c, ok := h.configs.Get(name)
	if !ok {
		return rest.Info{}, rest.NotFound("Connector %s not found", name)
	}
	if err := h.leads(); err != nil { // its configuration may be newer than ours
		return rest.Info{}, err
	}
	config := maps.Clone(c.Config)
	for k, v := range patch {
		if v == nil {
			delete(config, k)
		} else {
			config[k] = *v
		}
	}
	info, _, err := h.PutConnector(ctx, name, rest.Config{Values: config}, "", true)
	info.Order = jsontext.CopyOrder(len(c.Config), sortedKeys(config)) // Java changes a copy of the map
	return info, err
}

// DeleteConnector implements rest.Herder: whoever runs it stops when the tombstones come.
func (h *herder) DeleteConnector(ctx context.Context, name string) error {
	return h.do(ctx, "deleting connector "+name, func(ctx context.Context) error {
		if err := h.leads(); err != nil {
			return err
		}
		if _, ok := h.configs.Get(name); !ok {
			return rest.NotFound("Connector %s not found", name)
		}
		if err := h.configs.DeleteConnector(ctx, name); err != nil {
			return err
		}
		h.log.Info("connector deleted", keyConnector, name)
		return nil
	})
}

// Pause implements rest.Herder (CW-252). Every worker may write a target state (CW-170).
func (h *herder) Pause(ctx context.Context, name string) error {
	return h.retarget(ctx, name, store.Paused)
}

// Resume implements rest.Herder (CW-250, CW-253).
func (h *herder) Resume(ctx context.Context, name string) error {
	return h.retarget(ctx, name, store.Started)
}

// Stop implements rest.Herder (CW-253). It takes the leader, because the tasks go first: a
// connector that is STOPPED with tasks would confuse, one that runs without them gets new ones.
func (h *herder) Stop(ctx context.Context, name string) error {
	return h.retarget(ctx, name, store.Stopped)
}

func (h *herder) retarget(ctx context.Context, name string, t store.Target) error {
	return h.do(ctx, "changing the state of connector "+name, func(ctx context.Context) error {
		c, ok := h.configs.Get(name)
		if !ok {
			return rest.NotFound("Unknown connector %s", name)
		}
		if t != store.Stopped {
			if c.Target == t {
				return nil
			}
			return h.configs.PutTarget(ctx, name, t)
		}
		if err := h.leads(); err != nil {
			return err
		}
		if c.Target == t && len(c.Tasks) == 0 {
			return nil
		}
		if err := h.configs.PutTasks(ctx, name, nil); err != nil {
			return err
		}
		return h.configs.PutTarget(ctx, name, t)
	})
}

// Restart implements rest.Herder: the connector, not its tasks (CW-37, CW-256).
func (h *herder) Restart(ctx context.Context, name string) error {
	return h.do(ctx, "restarting connector "+name, func(ctx context.Context) error {
		if _, ok := h.configs.Get(name); !ok {
			return rest.NotFound("Unknown connector: %s", name)
		}
		if h.runs[name] == nil {
			return h.elsewhere(cluster.Instance(name))
		}
		h.restartInstance(ctx, name)
		return nil
	})
}

// elsewhere sends a request about a piece that does not run here to the leader, and from there
// to its owner.
func (h *herder) elsewhere(w work) error {
	if err := h.leads(); err != nil {
		return err
	}
	if h.group.moving() {
		return rest.Conflict(staleConfig)
	}
	return &rest.Elsewhere{URL: h.group.owner(w)}
}

// RestartPlan implements rest.Herder (CW-38): the leader asks every worker by a record.
func (h *herder) RestartPlan(ctx context.Context, name string, includeTasks, onlyFailed bool) (rest.Status, error) {
	var shown rest.Status
	err := h.do(ctx, "restarting connector "+name, func(ctx context.Context) error {
		if _, ok := h.configs.Get(name); !ok {
			return rest.NotFound("Unknown connector: %s", name)
		}
		if err := h.leads(); err != nil {
			return err
		}
		st, err := h.status(name)
		if err != nil {
			return rest.NotFound("Status for connector %s not found", name)
		}
		shown = st
		if !onlyFailed || st.Connector.State == actors.Failed {
			shown.Connector.State = actors.Restarting
		}
		for i := range st.TaskIDs {
			if includeTasks && (!onlyFailed || st.Tasks[i].State == actors.Failed) {
				shown.Tasks[i].State = actors.Restarting
			}
		}
		return h.configs.PutRestart(ctx, name, store.RestartRequest{IncludeTasks: includeTasks, OnlyFailed: onlyFailed})
	})
	return shown, err
}

// RestartTask implements rest.Herder (CW-39, CW-505).
func (h *herder) RestartTask(ctx context.Context, name string, task int) error {
	return h.do(ctx, "restarting a task of connector "+name, func(ctx context.Context) error {
		c, ok := h.configs.Get(name)
		switch {
		case !ok:
			return rest.NotFound("Unknown connector: %s", name)
		case c.Target == store.Stopped && task >= 0 && task < max(1, parsedInt(c.Config[configs.TasksMaxKey])):
			return rest.Conflict(noLeader) // Connect still knows its tasks, and no worker has them
		case task < 0 || task >= len(c.Tasks):
			return rest.NotFound("Unknown task: %s-%d", name, task)
		case !h.tasks[name][task]:
			return h.elsewhere(work{Connector: name, Task: task})
		}
		if err := h.system.RestartTask(name, task); err != nil {
			return rest.Errorf(http.StatusInternalServerError, "Failed to start task: %s-%d: %v", name, task, err)
		}
		return nil
	})
}

func parsedInt(text string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(text)) // 0 is as good as none
	return n
}

// SetLevel implements rest.Herder: any worker writes it, every worker takes it (CW-64, CW-165).
func (h *herder) SetLevel(ctx context.Context, logger, level string) error {
	return h.do(ctx, "changing the level of logger "+logger, func(ctx context.Context) error {
		return h.configs.PutLogger(ctx, logger, level)
	})
}
