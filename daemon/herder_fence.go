package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/deliver"
)

const (
	fenceWithin  = 60 * time.Second
	fenceAgain   = 50 * time.Millisecond // while the coordinator ends the transaction that was open
	fenceAtOnce  = 16                    // ids that are fenced side by side
	fenceTimeout = 60_000                // transaction.timeout.ms of the id, which the next producer sets anew
)

// fenceAsLeader makes sure that no task of an earlier set of a connector's tasks can write any more,
// and notes how many tasks there are now (CW-271, CW-162). It is called before a task claims its
// transactional id, by the leader's own tasks and, through PUT /connectors/NAME/fence, by those of
// other workers; and before offsets are changed (CW-47). It blocks, so it is not for the loop.
func (h *herder) fenceAsLeader(ctx context.Context, name string) error {
	if err := h.configs.Refresh(ctx); err != nil {
		return err
	}
	c, ok := h.configs.Get(name)
	if !ok {
		return rest.NotFound("Connector %s not found", name)
	}
	if !c.FencingPending {
		return nil
	}
	// One task before and one now: the new one fences the old one by itself.
	if c.FencedTasks > 0 && (c.FencedTasks != 1 || len(c.Tasks) != 1) {
		if err := h.fenceProducers(ctx, c); err != nil {
			return err
		}
	}
	return h.do(ctx, "writing a task count record for connector "+name, func(ctx context.Context) error {
		return h.noteFenced(ctx, c)
	})
}

// noteFenced writes the record, in the loop: only there it cannot come behind a newer set of tasks.
func (h *herder) noteFenced(ctx context.Context, c store.Connector) error {
	if err := h.configs.Refresh(ctx); err != nil {
		return err
	}
	now, ok := h.configs.Get(c.Name)
	switch {
	case !ok || now.Generation != c.Generation:
		return rest.Errorf(http.StatusConflict, "Fencing failed because new task configurations were generated for the connector")
	case !now.FencingPending:
		return nil // a task beside this one was faster
	}
	return h.configs.PutTaskCount(ctx, c.Name, len(c.Tasks))
}

// fenceTask does that for a task of this worker; what can pass is tried again.
func (h *herder) fenceTask(ctx context.Context, name string) error {
	var err error
	if h.leads() == nil {
		err = h.fenceAsLeader(ctx, name)
	} else {
		err = h.askLeader(ctx, http.MethodPut, name, "fence", nil)
	}
	if err == nil {
		return nil
	}
	return &deliver.Error{Op: "fence earlier tasks of", Subject: name, Cause: err, CanRetry: true,
		Hint: "the leader of the group must be reachable, and its principal needs Write on the transactional ids of the connector"}
}

// verifyTask tells whether a task may still start: its configuration is the newest, and it is
// assigned to this worker (CW-271).
func (h *herder) verifyTask(ctx context.Context, w work, generation int) error {
	refuse := func(why string) error {
		return &javaError{"org.apache.kafka.connect.errors.ConnectException",
			fmt.Sprintf("Cannot start source task %s-%d %s", w.Connector, w.Task, why)}
	}
	err := h.do(ctx, "verifying the task generation for "+w.Connector, func(ctx context.Context) error {
		if err := h.configs.Refresh(ctx); err != nil {
			return err
		}
		c, ok := h.configs.Get(w.Connector)
		switch {
		case !ok || c.Generation != generation:
			return refuse("with exactly-once support as the connector has already generated a new set of task configs")
		case !h.assigned[w]:
			return refuse("as it has already been revoked from this worker")
		}
		return nil
	})
	var refused *javaError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	return &deliver.Error{Op: "verify the configuration of task", Subject: fmt.Sprintf("%s-%d", w.Connector, w.Task), Cause: err, CanRetry: true}
}

// fenceProducers ends what the producers of the earlier tasks have open and takes their ids away.
func (h *herder) fenceProducers(ctx context.Context, c store.Connector) error {
	ctx, cancel := context.WithTimeout(ctx, fenceWithin)
	defer cancel()
	cl, err := h.connectorAdmin(c)
	if err != nil {
		return err
	}
	defer cl.Close()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(fenceAtOnce)
	for id := range c.FencedTasks {
		g.Go(func() error { return fenceProducer(gctx, cl, transactionalID(h.worker.GroupID, c.Name, id)) })
	}
	return g.Wait()
}

// connectorAdmin is a client with the settings of a connector's admin client (CW-116).
func (h *herder) connectorAdmin(c store.Connector) (*kgo.Client, error) {
	config, err := h.worker.Providers.Resolve(c.Config)
	if err != nil {
		return nil, err
	}
	props := map[string]string{}
	producer, consumer := kafkaprops.ProducerDef(), kafkaprops.ConsumerDef()
	for k, v := range h.worker.Raw {
		if producer.Knows(k) && consumer.Knows(k) {
			props[k] = v
		}
	}
	props[kafkaprops.BootstrapServers] = strings.Join(h.worker.Bootstrap, ",")
	props[kafkaprops.ClientID] = "connector-worker-adminclient-" + c.Name
	s := kafkaprops.Client(kafkaprops.Merge(props, kafkaprops.Below(h.worker.Raw, "admin."), kafkaprops.Below(config, adminOverride)))
	if len(s.Problems) > 0 {
		return nil, s.Problems
	}
	return kgo.NewClient(s.Opts...)
}

// fenceProducer makes the coordinator give out a new epoch of a transactional id, as Java's
// Admin.fenceProducers does.
func fenceProducer(ctx context.Context, cl *kgo.Client, id string) error {
	for {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID, req.TransactionTimeoutMillis = &id, fenceTimeout
		req.ProducerID, req.ProducerEpoch = -1, -1
		resp, err := req.RequestWith(ctx, cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if err == nil {
			return nil
		}
		if !kerr.IsRetriable(err) && !errors.Is(err, kerr.ConcurrentTransactions) {
			return fmt.Errorf("fence producer %s: %w", id, err)
		}
		t := time.NewTimer(fenceAgain)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("fence producer %s: %w", id, err)
		}
	}
}

// fenceBefore fences the tasks of a stopped source connector before its offsets are changed
// (CW-47). A request that will be refused anyway needs none.
func (h *herder) fenceBefore(ctx context.Context, name string) error {
	if !h.worker.ExactlyOnceSources() {
		return nil
	}
	if err := h.await(ctx); err != nil {
		return err
	}
	c, ok := h.configs.Get(name)
	pl, known := h.plugins.find(c.Config[configs.ClassKey])
	if !ok || !known || pl.kind != sourceType || c.Target != store.Stopped || len(c.Tasks) > 0 || h.leads() != nil {
		return nil
	}
	if err := h.fenceAsLeader(ctx, name); err != nil {
		return rest.Errorf(http.StatusInternalServerError, "Failed to perform zombie fencing for source connector prior to modifying offsets: %v", err)
	}
	return nil
}
