package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/anabranch/anabranch/daemon/cluster"
	"github.com/anabranch/anabranch/daemon/jsontext"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/daemon/store"
)

// handOverWithin bounds a request to the leader; its herder may be busy.
const handOverWithin = 90 * time.Second

// leads is nil on the leader; elsewhere it is the error that sends a request there.
func (h *herder) leads() error {
	url, own := h.group.leader()
	if own {
		return nil
	}
	return &rest.Elsewhere{URL: url}
}

// publish replaces the task configurations of a connector whose instance runs here. again says
// that a later try may go better. A follower hands them to the leader (CW-245), which may take
// its time; failures there are tried again (CW-242).
func (h *herder) publish(ctx context.Context, name string, tasks []map[string]string) (again bool, err error) {
	if h.leads() == nil {
		return true, h.putTasks(ctx, name, tasks)
	}
	h.retries.Add(1)
	go func() { // ends with the answer, its time, or the loop; stop waits for it
		defer h.retries.Done()
		ask, cancel := context.WithTimeout(h.life, handOverWithin)
		defer cancel()
		err := h.handOver(ask, name, tasks)
		h.post(0, func(ctx context.Context) { h.handedOver(ctx, name, err) })
	}()
	return false, nil
}

// handedOver tries again what the leader did not take.
func (h *herder) handedOver(_ context.Context, name string, err error) {
	if err == nil {
		delete(h.attempts, name)
		return
	}
	h.log.Warn("the leader did not take task configurations, trying on", keyConnector, name, keyErr, err)
	h.post(h.backoff(name), func(ctx context.Context) {
		c, ok := h.configs.Get(name)
		in := h.runs[name]
		if !ok || in == nil || in.broken || c.Target == store.Paused {
			return
		}
		var tasks []map[string]string
		if c.Target == store.Started {
			var changed bool
			if tasks, changed, _, err = h.reconfigure(c); err != nil || !changed {
				return
			}
		}
		if _, err := h.publish(ctx, name, tasks); err != nil {
			h.fail(name, err)
		}
	})
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

// handOver sends task configurations to the leader, signed (CW-66, CW-246).
func (h *herder) handOver(ctx context.Context, name string, tasks []map[string]string) error {
	list := []any{}
	for _, t := range tasks {
		list = append(list, t)
	}
	return h.askLeader(ctx, http.MethodPost, name, "tasks", jsontext.Marshal(list))
}

// askLeader makes a signed request to the leader.
func (h *herder) askLeader(ctx context.Context, method, name, what string, body []byte) error {
	at, _ := h.group.leader()
	if at == "" {
		return rest.Conflict(noLeader)
	}
	target := strings.TrimSuffix(at, "/") + "/connectors/" + url.PathEscape(name) + "/" + what
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the leader at %s: %w", at, err)
	}
	r.Header.Set("Content-Type", "application/json")
	if h.signer != nil {
		h.signer.Sign(r.Header, body)
	}
	resp, err := h.client.Do(r)
	if err != nil {
		return fmt.Errorf("ask the leader at %s: %w", at, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return fmt.Errorf("ask the leader at %s: %w", at, err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("ask the leader at %s: status %d: %s", at, resp.StatusCode, answer)
	}
	return nil
}

// PutTasks implements rest.Herder: what the owner of a connector's instance sends to the leader
// (CW-66).
func (h *herder) PutTasks(ctx context.Context, name string, tasks []map[string]string, signed rest.Signed) error {
	if h.signer == nil {
		return errors.New("Kafka Connect in standalone mode does not support externally setting task configurations")
	}
	if err := h.verify(signed); err != nil {
		return err
	}
	return h.do(ctx, "writing task configurations of connector "+name, func(ctx context.Context) error {
		if err := h.leads(); err != nil {
			return err
		}
		return h.putTasks(ctx, name, tasks)
	})
}

// Fence implements rest.Herder: a worker that is to run tasks of an exactly-once source asks
// that those of earlier generations can write nothing any more (CW-66, CW-271).
func (h *herder) Fence(ctx context.Context, name string, signed rest.Signed) error {
	if h.signer == nil {
		return errors.New("Kafka Connect in standalone mode does not support exactly-once source connectors")
	}
	if err := h.verify(signed); err != nil {
		return err
	}
	if err := h.leads(); err != nil {
		return err
	}
	if h.fenceZombies == nil {
		return rest.Errorf(http.StatusInternalServerError, "exactly.once.source.support is not enabled on this worker")
	}
	return h.fenceZombies(ctx, name)
}

// verify checks a request between workers (CW-248).
func (h *herder) verify(s rest.Signed) error {
	if !h.group.signed() {
		return nil
	}
	err := h.signer.Verify(s.Header, s.Body)
	if refused := (*cluster.Refusal)(nil); errors.As(err, &refused) {
		return rest.Errorf(refused.Status, "%s", refused.Message)
	}
	return err
}
