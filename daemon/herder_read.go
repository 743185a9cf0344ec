package daemon

import (
	"context"
	"math"
	"time"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/metrics"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/daemon/store"
)

// Plugins implements rest.Herder.
func (h *herder) Plugins() []rest.Plugin { return h.plugins.rows() }

// Connectors implements rest.Herder.
func (h *herder) Connectors(ctx context.Context) ([]string, error) {
	if err := h.await(ctx); err != nil {
		return nil, err
	}
	return h.configs.Names(), nil
}

// Info implements rest.Herder.
func (h *herder) Info(ctx context.Context, name string) (rest.Info, error) {
	if err := h.await(ctx); err != nil {
		return rest.Info{}, err
	}
	if _, ok := h.configs.Get(name); !ok {
		return rest.Info{}, rest.NotFound("Connector %s not found", name)
	}
	return h.info(name), nil
}

func (h *herder) info(name string) rest.Info {
	c, _ := h.configs.Get(name)
	return rest.Info{Name: name, Config: c.Config, Tasks: len(c.Tasks), Type: h.kind(c)}
}

func (h *herder) kind(c store.Connector) string {
	if pl, ok := h.plugins.find(c.Config[configs.ClassKey]); ok {
		return pl.kind
	}
	return "unknown"
}

// version is what statuses report for a connector (CW-446).
func (h *herder) version(name string) string {
	c, _ := h.configs.Get(name)
	if pl, ok := h.plugins.find(c.Config[configs.ClassKey]); ok {
		return pl.version
	}
	return ""
}

// Status implements rest.Herder.
func (h *herder) Status(ctx context.Context, name string) (rest.Status, error) {
	if err := h.await(ctx); err != nil {
		return rest.Status{}, err
	}
	return h.status(name)
}

func (h *herder) status(name string) (rest.Status, error) {
	st, ok := h.statuses.Connector(name)
	if !ok {
		return rest.Status{}, rest.NotFound("No status found for connector %s", name)
	}
	ids, tasks := h.statuses.Tasks(name)
	c, _ := h.configs.Get(name)
	return rest.Status{Name: name, Type: h.kind(c), Connector: st, TaskIDs: ids, Tasks: tasks}, nil
}

// TaskStatus implements rest.Herder.
func (h *herder) TaskStatus(ctx context.Context, name string, task int) (store.Status, error) {
	if err := h.await(ctx); err != nil {
		return store.Status{}, err
	}
	st, ok := h.statuses.Task(name, task)
	if !ok {
		return store.Status{}, rest.NotFound("No status found for task %s-%d", name, task)
	}
	return st, nil
}

// TaskConfigs implements rest.Herder.
func (h *herder) TaskConfigs(ctx context.Context, name string) ([]map[string]string, error) {
	if err := h.await(ctx); err != nil {
		return nil, err
	}
	c, ok := h.configs.Get(name)
	if !ok {
		return nil, rest.NotFound("Connector %s not found", name)
	}
	return c.Tasks, nil
}

// Topics implements rest.Herder.
func (h *herder) Topics(ctx context.Context, name string) ([]string, error) {
	if err := h.await(ctx); err != nil {
		return nil, err
	}
	return h.statuses.Topics(name), nil
}

// ResetTopics implements rest.Herder.
func (h *herder) ResetTopics(ctx context.Context, name string) error {
	if err := h.await(ctx); err != nil {
		return err
	}
	h.statuses.ResetTopics(name)
	return nil
}

// Progress implements rest.Herder.
func (h *herder) Progress(ctx context.Context, name string) ([]rest.TaskProgress, error) {
	if err := h.await(ctx); err != nil {
		return nil, err
	}
	if _, ok := h.configs.Get(name); !ok {
		return nil, rest.NotFound("Connector %s not found", name)
	}
	var out []rest.TaskProgress
	for _, t := range h.system.Progress(name) {
		out = append(out, progressOf(t))
	}
	return out, nil
}

func progressOf(t actors.TaskProgress) rest.TaskProgress {
	p := rest.TaskProgress{Task: t.Task, State: string(t.State), LagMillis: t.LagMillis, Records: t.Records, Retries: t.Retries, Snapshot: t.HasSnapshot, Percent: -1}
	if !t.HasSnapshot {
		return p
	}
	s := t.Snapshot
	p.SnapshotState = "none"
	switch {
	case s.Running:
		p.SnapshotState = "running"
	case s.Completed:
		p.SnapshotState = "completed"
	}
	p.Table, p.TablesDone, p.TablesTotal = s.CurrentTable, s.TablesDone, s.TablesTotal
	p.Rows, p.RowsEstimated, p.SecondsLeft, p.SecondsUsed = s.RowsDone, s.RowsEstimated, s.SecondsLeft, s.DurationSeconds
	switch {
	case s.Completed:
		p.Percent = 100
	case s.RowsEstimated > 0:
		// Statistics of the server are rough: never say 100 before the end.
		p.Percent = math.Min(99.9, math.Round(1000*float64(s.RowsDone)/float64(s.RowsEstimated))/10)
	}
	if s.Running && s.StartedMillis > 0 {
		p.SecondsUsed = int64(time.Since(time.UnixMilli(s.StartedMillis)).Seconds())
	}
	return p
}

// instances lists what this worker runs, for the metrics.
func (h *herder) instances() []metrics.Instance {
	select {
	case <-h.ready:
	default:
		return nil
	}
	var out []metrics.Instance
	for _, name := range h.configs.Names() {
		c, ok := h.configs.Get(name)
		st, known := h.statuses.Connector(name)
		if !ok || !known {
			continue
		}
		i := metrics.Instance{Connector: name, Type: h.kind(c), Class: c.Config[configs.ClassKey], Version: st.Version, State: st.State,
			Here: st.WorkerID == h.statuses.WorkerID(), Tasks: map[int]actors.State{}}
		ids, tasks := h.statuses.Tasks(name)
		for j, id := range ids {
			if tasks[j].WorkerID == h.statuses.WorkerID() {
				i.Tasks[id] = tasks[j].State
			}
		}
		if i.Here || len(i.Tasks) > 0 {
			out = append(out, i)
		}
	}
	return out
}
