package daemon

import (
	"context"
	"net/http"

	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/daemon/store"
)

// leads is nil on the leader; elsewhere it is the error that sends a request there.
func (h *herder) leads() error {
	url, own := h.group.leader()
	if own {
		return nil
	}
	return &rest.Elsewhere{URL: url}
}

// publish replaces the task configurations of a connector whose instance runs here. again says
// that a later try may go better.
func (h *herder) publish(ctx context.Context, name string, tasks []map[string]string) (again bool, err error) {
	if h.leads() == nil {
		return true, h.configs.PutTasks(ctx, name, tasks)
	}
	return true, rest.Errorf(http.StatusServiceUnavailable, "no leader takes the task configurations of connector %s", name)
}

// putTasks writes task configurations as the leader (CW-250).
func (h *herder) putTasks(ctx context.Context, name string, tasks []map[string]string) error {
	c, ok := h.configs.Get(name)
	if !ok {
		return rest.NotFound("Connector %s not found", name)
	}
	if c.Target == store.Stopped && len(tasks) > 0 {
		return rest.BadRequest("Cannot submit non-empty set of task configs for stopped connector %s", name)
	}
	return h.configs.PutTasks(ctx, name, tasks)
}
