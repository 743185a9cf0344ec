package daemon

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/daemon/store"
)

var _ rest.Herder = (*herder)(nil)

const noLeader = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."

func isUnknown(err error) bool { return errors.Is(err, actors.ErrUnknownConnector) }

func (h *herder) warn(name string, warnings []configs.Problem) {
	for _, w := range warnings {
		h.log.Warn(w.Message, keyConnector, name, "key", w.Key)
	}
}

// Validate implements rest.Herder.
func (h *herder) Validate(ctx context.Context, config map[string]string) (rest.Validation, error) {
	if err := h.await(ctx); err != nil {
		return rest.Validation{}, err
	}
	v, err := h.check(ctx, config)
	if err != nil {
		return rest.Validation{}, err
	}
	return v.answer(config[configs.ClassKey]), nil
}

// PutConnector implements rest.Herder. Validation comes first and outside of the loop, since it
// may ask a server; nothing is written before it is good.
func (h *herder) PutConnector(ctx context.Context, name string, config map[string]string, initial store.Target, replace bool) (rest.Info, bool, error) {
	if err := h.await(ctx); err != nil {
		return rest.Info{}, false, err
	}
	v, err := h.check(ctx, config)
	if err != nil {
		return rest.Info{}, false, err
	}
	if len(v.problems) > 0 {
		return rest.Info{}, false, rest.Invalid(v.messages())
	}
	var info rest.Info
	created := false
	err = h.do(ctx, "creating connector "+name, func(ctx context.Context) error {
		old, exists := h.configs.Get(name)
		if exists && !replace {
			return rest.Conflict("Connector %s already exists", name)
		}
		h.warn(name, v.warnings)
		created = !exists
		if exists {
			if err := h.replace(ctx, name, old, config); err != nil {
				return err
			}
		} else if err := h.create(ctx, name, config, initial); err != nil {
			return err
		}
		info = h.info(name)
		if created && h.worker.Mode != configs.Standalone {
			info.Tasks = 0 // Connect answers before its tasks exist (CW-23)
		}
		return nil
	})
	return info, created, err
}

func (h *herder) create(ctx context.Context, name string, config map[string]string, initial store.Target) error {
	if err := h.configs.PutConnector(ctx, name, config, initial); err != nil {
		return err
	}
	h.log.Info("connector created", keyConnector, name, "class", config[configs.ClassKey])
	h.launch(ctx, name)
	return nil
}

// replace writes a new configuration. The same one again restarts nothing that runs (CW-25).
func (h *herder) replace(ctx context.Context, name string, old store.Connector, config map[string]string) error {
	if err := h.configs.PutConnector(ctx, name, config, ""); err != nil {
		return err
	}
	if _, failed := h.broken[name]; !failed && maps.Equal(old.Config, config) {
		return nil
	}
	h.log.Info("connector reconfigured", keyConnector, name)
	if old.Target == store.Started {
		h.launch(ctx, name)
	}
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
	config := maps.Clone(c.Config)
	for k, v := range patch {
		if v == nil {
			delete(config, k)
		} else {
			config[k] = *v
		}
	}
	info, _, err := h.PutConnector(ctx, name, config, "", true)
	return info, err
}

// DeleteConnector implements rest.Herder. The tombstones come first: if they cannot be
// written, the connector goes on as if nothing was asked.
func (h *herder) DeleteConnector(ctx context.Context, name string) error {
	return h.do(ctx, "deleting connector "+name, func(ctx context.Context) error {
		if _, ok := h.configs.Get(name); !ok {
			return rest.NotFound("Connector %s not found", name)
		}
		if err := h.configs.DeleteConnector(ctx, name); err != nil {
			return err
		}
		if err := h.system.Stop(ctx, name); err != nil && !isUnknown(err) {
			h.log.Error("stop connector", keyConnector, name, keyErr, err)
		}
		delete(h.broken, name)
		delete(h.attempts, name)
		h.statuses.Remove(name)
		h.log.Info("connector deleted", keyConnector, name)
		return nil
	})
}

// Pause implements rest.Herder (CW-252).
func (h *herder) Pause(ctx context.Context, name string) error {
	return h.retarget(ctx, name, store.Paused, func(ctx context.Context, old store.Connector) error {
		if old.Target == store.Stopped {
			h.launch(ctx, name)
			return nil
		}
		return h.system.Pause(name)
	})
}

// Resume implements rest.Herder. What changed while the connector was paused or stopped takes
// effect now (CW-250, CW-253).
func (h *herder) Resume(ctx context.Context, name string) error {
	return h.retarget(ctx, name, store.Started, func(ctx context.Context, old store.Connector) error {
		if old.Target == store.Paused && !old.Inconsistent && len(old.Tasks) > 0 && maps.Equal(old.Applied, old.Config) {
			return h.system.Resume(name)
		}
		h.launch(ctx, name)
		return nil
	})
}

// Stop implements rest.Herder (CW-253).
func (h *herder) Stop(ctx context.Context, name string) error {
	return h.retarget(ctx, name, store.Stopped, func(ctx context.Context, old store.Connector) error {
		h.halt(ctx, name)
		return h.configs.PutTasks(ctx, name, nil)
	})
}

func (h *herder) retarget(ctx context.Context, name string, t store.Target, act func(context.Context, store.Connector) error) error {
	return h.do(ctx, "changing the state of connector "+name, func(ctx context.Context) error {
		c, ok := h.configs.Get(name)
		if !ok {
			return rest.NotFound("Unknown connector %s", name)
		}
		if c.Target == t {
			return nil
		}
		if err := h.configs.PutTarget(ctx, name, t); err != nil {
			return err
		}
		if _, failed := h.broken[name]; failed && t != store.Stopped && c.Target != store.Stopped {
			return nil // a FAILED connector keeps its state until it is restarted (CW-254)
		}
		return act(ctx, c)
	})
}

// Restart implements rest.Herder: the connector, not its tasks (CW-37, CW-256).
func (h *herder) Restart(ctx context.Context, name string) error {
	return h.do(ctx, "restarting connector "+name, func(ctx context.Context) error {
		if _, ok := h.configs.Get(name); !ok {
			return rest.NotFound("Unknown connector: %s", name)
		}
		return h.restartConnector(ctx, name)
	})
}

func (h *herder) restartConnector(ctx context.Context, name string) error {
	c, _ := h.configs.Get(name)
	if c.Target == store.Stopped {
		return nil
	}
	if _, failed := h.broken[name]; failed {
		h.launch(ctx, name)
		return nil
	}
	err := h.system.RestartConnector(name)
	if isUnknown(err) {
		h.launch(ctx, name)
		return nil
	}
	return err
}

// RestartPlan implements rest.Herder (CW-38).
func (h *herder) RestartPlan(ctx context.Context, name string, includeTasks, onlyFailed bool) (rest.Status, error) {
	var shown rest.Status
	err := h.do(ctx, "restarting connector "+name, func(ctx context.Context) error {
		if _, ok := h.configs.Get(name); !ok {
			return rest.NotFound("Unknown connector: %s", name)
		}
		st, err := h.status(name)
		if err != nil {
			return rest.NotFound("Status for connector %s not found", name)
		}
		shown = st
		if !onlyFailed || st.Connector.State == actors.Failed {
			shown.Connector.State = actors.Restarting
			if err := h.restartConnector(ctx, name); err != nil {
				return err
			}
		}
		if !includeTasks {
			return nil
		}
		for i, id := range st.TaskIDs {
			if onlyFailed && st.Tasks[i].State != actors.Failed {
				continue
			}
			shown.Tasks[i].State = actors.Restarting
			if err := h.system.RestartTask(name, id); err != nil && !isUnknown(err) && !errors.Is(err, actors.ErrUnknownTask) {
				return err
			}
		}
		return nil
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
		case c.Target == store.Stopped:
			return rest.Conflict(noLeader)
		case task < 0 || task >= len(c.Tasks):
			return rest.NotFound("Unknown task: %s-%d", name, task)
		}
		err := h.system.RestartTask(name, task)
		if isUnknown(err) || errors.Is(err, actors.ErrUnknownTask) {
			h.launch(ctx, name)
			return nil
		}
		if err != nil {
			return rest.Errorf(http.StatusInternalServerError, "Failed to start task: %s-%d: %v", name, task, err)
		}
		return nil
	})
}
