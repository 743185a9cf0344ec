package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/daemon/cluster"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/daemon/store"
)

const (
	workQueue    = 64 // requests that wait for the loop; more wait in their handlers
	launchFirst  = 250 * time.Millisecond
	launchMost   = 60 * time.Second // CW-242
	closeWithin  = 10 * time.Second
	tickEvery    = 10 * time.Second
	stepWithin   = 60 * time.Second // one turn of the loop: writes and an orderly stop
	keyConnector = "connector"
	keyTask      = "task"
	keyErr       = "err"
)

// system is what the herder needs of actors.System.
type system interface {
	Add(actors.Connector) error
	Remove(ctx context.Context, name string, p actors.Pieces) error
	Abort() error
	Pause(name string) error
	Resume(name string) error
	RestartConnector(name string) error
	RestartTask(name string, id int) error
	Progress(name string) []actors.TaskProgress
	Stats(name string) map[int]actors.TaskStats
	Startups() actors.Startups
	Beans(name string) []javametrics.MBean
	Shutdown(ctx context.Context) error
}

var _ system = (*actors.System)(nil)

// kafka is what the herder asks of Kafka besides its stores.
type kafka interface {
	// ID connects and returns the id of the cluster.
	ID(ctx context.Context) (string, error)
	GroupOffsets(ctx context.Context, group string) ([]groupOffset, error)
	AlterGroup(ctx context.Context, group string, offsets []groupOffset) error
	DeleteGroup(ctx context.Context, group string) error
	Close()
}

// herder runs what the group assigns to this worker. One goroutine owns every change: requests
// hand it functions and wait. Reading goes straight to the stores, which have locks of their own.
//
// A change is written to the config log first, by the leader of the group; every worker then
// reacts to what it reads there: herder_react.go. What belongs to this worker comes from the
// group: herder_assign.go. A worker without others is a group of one that has everything.
type herder struct {
	worker   *configs.Worker
	log      *slog.Logger
	plugins  *plugins
	configs  *store.Configs
	offsets  *store.Offsets
	statuses *store.Statuses
	system   system
	cluster  kafka
	group    group
	signer   *cluster.Signer // of requests between workers; nil without others
	client   *http.Client    // to other workers
	// fenceZombies makes earlier tasks of an exactly-once source unable to write; nil if the
	// worker is not enabled for it.
	fenceZombies func(ctx context.Context, connector string) error
	levels       rest.Loggers // of this worker; nil has none
	env          buildEnv

	work    chan func(context.Context)
	ready   chan struct{} // closed when everything is read and started
	done    chan struct{} // closed when the loop has ended
	stage   atomic.Pointer[string]
	failure error // why the start failed; set before failed is closed
	failed  chan struct{}

	begun        time.Time
	brokenStarts atomic.Int64 // starts of connectors that failed

	clusterID   string // set before clusterSeen is closed
	clusterSeen chan struct{}

	// The loop's own.
	assigned map[work]bool
	joined   bool                 // the assignment is that of the newest round, and its configurations are read
	rejoin   string               // why another round is needed, "" if it is not
	known    map[string]bool      // connectors that the group has seen
	runs     map[string]*instance // connector instances of this worker
	tasks    map[string]map[int]bool
	held     map[string]int64 // connectors whose tasks wait for a round with this config offset
	attempts map[string]int   // failed starts in a row
	files    []connectorFile  // from the command line, started once

	retries sync.WaitGroup  // goroutines that will post to the loop
	quit    chan struct{}   // closed when the loop stops taking work
	life    context.Context // ends with quit
	endLife context.CancelFunc
	idle    chan struct{} // closed when nothing runs any more
}

func (h *herder) stopping() <-chan struct{} { return h.quit }

// connectorFile is a connector from the command line (CW-148).
type connectorFile struct {
	path    string
	name    string
	config  map[string]string
	initial store.Target
}

// newHerder completes a herder whose rooms are set.
func newHerder(h *herder) *herder {
	h.work = make(chan func(context.Context), workQueue)
	h.ready, h.done, h.failed, h.clusterSeen = make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
	h.life, h.endLife = context.WithCancel(context.Background())
	h.quit, h.idle = make(chan struct{}), make(chan struct{})
	h.begun = time.Now()
	h.assigned, h.known, h.held = map[work]bool{}, map[string]bool{}, map[string]int64{}
	h.runs, h.tasks, h.attempts = map[string]*instance{}, map[string]map[int]bool{}, map[string]int{}
	if h.group == nil {
		h.group = &alone{h}
	}
	h.setStage("starting")
	return h
}

func (h *herder) setStage(s string) { h.stage.Store(&s) }

// run is the loop. It starts everything, works until ctx ends, stops everything and returns
// why the start failed, or nil.
func (h *herder) run(ctx context.Context) error {
	defer close(h.done)
	err := h.start(ctx)
	if err == nil {
		err = h.loop(ctx)
	}
	if err != nil {
		h.failure = err
		close(h.failed)
	}
	h.stop()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (h *herder) loop(ctx context.Context) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case fn := <-h.work:
			fn(ctx)
		case <-h.configs.Changed():
			h.settle(ctx)
		case <-tick.C:
			h.group.tick(ctx)
		case err := <-h.group.failed():
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// start opens the stores side by side and joins the group.
func (h *herder) start(ctx context.Context) error {
	h.setStage("connecting to Kafka")
	id, err := h.cluster.ID(ctx)
	if err != nil {
		return err
	}
	h.clusterID = id
	close(h.clusterSeen)
	h.setStage("reading configurations, offsets and statuses")
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.configs.Open(gctx) })
	g.Go(func() error { return h.offsets.Open(gctx) })
	g.Go(func() error { return h.statuses.Open(gctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	for _, name := range h.configs.Names() {
		h.known[name] = true
	}
	h.setStage("joining the group")
	return h.group.start(ctx)
}

// begin tells that the first assignment is taken up.
func (h *herder) begin(ctx context.Context) error {
	select {
	case <-h.ready:
		return nil
	default:
	}
	for _, f := range h.files {
		if err := h.startFile(ctx, f); err != nil {
			return err
		}
	}
	h.setStage("waiting for requests")
	close(h.ready)
	h.log.Info("worker is ready", "mode", string(h.worker.Mode), "connectors", len(h.configs.Names()))
	return nil
}

func (h *herder) startFile(ctx context.Context, f connectorFile) error {
	if _, exists := h.configs.Get(f.name); exists && h.worker.Mode != configs.Standalone {
		// The configuration in the cluster may be newer than the file.
		h.log.Info("connector of the command line exists already, its file is not used", keyConnector, f.name, "file", f.path)
		return nil
	}
	v, err := h.check(ctx, f.config)
	if err == nil && len(v.problems) > 0 {
		err = rest.Invalid(v.messages())
	}
	if err != nil {
		return fmt.Errorf("create connector %s from %s: %w", f.name, f.path, err)
	}
	h.warn(f.name, v.warnings)
	if err := h.leads(); err != nil {
		return fmt.Errorf("create connector %s from %s: another worker leads the group: create it by REST", f.name, f.path)
	}
	err = h.create(ctx, f.name, f.config, f.initial)
	h.settle(ctx)
	return err
}

// stop ends the connectors, which write UNASSIGNED (CW-251), and then the stores.
func (h *herder) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), h.worker.StopWithin+closeWithin)
	defer cancel()
	h.setStage("stopping")
	close(h.quit)
	h.endLife()
	if err := h.system.Shutdown(ctx); err != nil {
		h.log.Error("stop connectors", keyErr, err)
	}
	h.retries.Wait()
	if err := h.statuses.Flush(ctx); err != nil {
		h.log.Debug("flush statuses", keyErr, err)
	}
	close(h.idle)
	h.group.leave()
	for _, c := range []interface{ Close() error }{h.statuses, h.offsets, h.configs} {
		if err := c.Close(); err != nil {
			h.log.Debug("close store", keyErr, err)
		}
	}
	h.cluster.Close()
}

// await returns when the worker is ready.
func (h *herder) await(ctx context.Context) error {
	select {
	case <-h.ready:
		return nil
	default:
	}
	select {
	case <-h.ready:
		return nil
	case <-h.failed:
		return h.failure
	case <-h.done:
		return rest.Errorf(503, "Worker is shutting down.")
	case <-ctx.Done():
		return h.timedOut()
	}
}

func (h *herder) timedOut() error {
	return rest.Errorf(500, "Request timed out. The worker is currently %s.", *h.stage.Load())
}

// do runs fn in the loop and returns its error. After ctx ends fn may still run, as in
// Connect: a request that timed out says nothing about what became of it.
func (h *herder) do(ctx context.Context, stage string, fn func(ctx context.Context) error) error {
	if err := h.await(ctx); err != nil {
		return err
	}
	result := make(chan error, 1)
	turn := func(loop context.Context) {
		if ctx.Err() != nil {
			result <- ctx.Err()
			return
		}
		h.setStage(stage)
		defer h.setStage("waiting for requests")
		step, cancel := context.WithTimeout(loop, stepWithin)
		defer cancel()
		err := fn(step)
		h.settle(step)
		result <- err
	}
	select {
	case h.work <- turn:
	case <-h.done:
		return rest.Errorf(503, "Worker is shutting down.")
	case <-ctx.Done():
		return h.timedOut()
	}
	select {
	case err := <-result:
		return err
	case <-h.done:
		return rest.Errorf(503, "Worker is shutting down.")
	case <-ctx.Done():
		return h.timedOut()
	}
}

// alive reports whether the loop answers, for the watchdog.
func (h *herder) alive(ctx context.Context) bool {
	select {
	case <-h.ready:
	default:
		return true // still starting, with limits of its own
	}
	return h.do(ctx, "answering the watchdog", func(context.Context) error { return nil }) == nil
}

// Health implements rest.Herder (CW-17).
func (h *herder) Health(ctx context.Context) (rest.Health, error) {
	select {
	case <-h.ready:
	default:
		return rest.Health{Status: "starting", Message: "Worker is still starting up. The worker is currently " + *h.stage.Load() + "."}, nil
	}
	if err := h.do(ctx, "answering a health check", func(context.Context) error { return nil }); err != nil {
		return rest.Health{Status: "unhealthy",
			Message: "Worker was unable to handle this request and may be unable to handle other requests. The worker is currently " + *h.stage.Load() + "."}, err
	}
	return rest.Health{Status: "healthy", Message: "Worker has completed startup and is ready to handle requests."}, nil
}

// ClusterID implements rest.Herder.
func (h *herder) ClusterID(ctx context.Context) (string, error) {
	select {
	case <-h.clusterSeen:
		return h.clusterID, nil
	case <-h.failed:
		return "", h.failure
	case <-ctx.Done():
		return "", h.timedOut()
	}
}
