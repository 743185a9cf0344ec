package actors

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	// callTimeout bounds the calls that only hand over a wish; the actors answer at once.
	callTimeout = 30 * time.Second
	// statusPatience is how long Stop waits for a slow StatusSink.
	statusPatience = time.Second
)

// System runs connectors. All its methods may be called from any goroutine, save from the
// StatusSink. They do not wait for the StatusSink, only Stop and Shutdown do for a bounded time.
type System struct {
	opts     Options
	metrics  *metrics
	notifier *notifier
	board    board
	started  startups
	left     leftovers
	lib      *actor.ActorSystem
	registry *actor.PID
	pumps    sync.WaitGroup // every pump of every task
	gone     chan struct{}  // closed when the registry and all below it have ended

	mu   sync.Mutex // guards down, and Send against Shutdown
	down bool
}

// New starts an empty System. Shutdown frees it.
func New(o Options) *System {
	s := &System{opts: o.withDefaults(), gone: make(chan struct{})}
	s.metrics = newMetrics(s.opts.Metrics)
	s.notifier = newNotifier(s.opts.Status, s.opts.Log)
	s.board.tasks = map[string]map[int]*vitals{}
	// The library's metrics stay off: with them a message costs eight times as much.
	s.lib = actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
			return slog.New(libraryHandler{s.opts.Log.Handler()})
		}),
		// The library sleeps this long in a goroutine that nobody owns after a dead letter.
		actor.WithDeadLetterThrottleInterval(time.Millisecond),
	)
	g := &registry{sys: s, entries: map[string]*entry{}}
	props := s.props(func() actor.Actor { return g }).Configure(actor.WithGuardian(resumeAlways{s.opts.Log}))
	pid, err := s.lib.Root.SpawnNamed(props, "registry")
	if err != nil {
		panic(err) // the name exists: impossible in a new system
	}
	s.registry = pid
	return s
}

// props are the properties that all our actors share.
func (s *System) props(producer actor.Producer) *actor.Props {
	return actor.PropsFromProducer(producer, actor.WithReceiverMiddleware(keepStack))
}

// keepStack turns a panic in Receive into one that carries the stack of its origin: the
// library would only keep the value.
func keepStack(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
		defer func() {
			if v := recover(); v != nil {
				panic(newPanicError(v))
			}
		}()
		next(c, env)
	}
}

// resumeAlways supervises the registry. Its state is a map that one lost message does not
// break, and without it no connector could be stopped any more.
type resumeAlways struct{ log *slog.Logger }

// HandleFailure resumes the registry.
func (r resumeAlways) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason any, _ any) {
	p := newPanicError(reason)
	r.log.Error("registry of connectors panicked", keyErr, p, keyStack, p.stack)
	sup.ResumeChildren(child)
}

// Start runs a connector; one with the same name is stopped first. It returns when the
// start is accepted: what becomes of it is told to the StatusSink.
func (s *System) Start(c Connector) error {
	return s.brief(&command{op: opStart, name: c.Name, connector: c})
}

// Add runs the pieces of c besides what runs of the connector already; a task that runs is
// replaced. It returns when that is accepted.
func (s *System) Add(c Connector) error {
	return s.brief(&command{op: opAdd, name: c.Name, connector: c})
}

// Remove ends pieces of a connector in an orderly way, as Stop does with all of them, and the
// connector itself with its last piece. What does not run is ended already.
func (s *System) Remove(ctx context.Context, name string, p Pieces) error {
	err := s.call(ctx, &command{op: opRemove, name: name, pieces: p})
	if err == nil {
		s.notifier.flush(name, statusPatience)
	}
	return err
}

// Abort ends everything at once and without a drain, because it belongs to other workers. It
// returns when that has begun; what is started afterwards runs.
func (s *System) Abort() error { return s.brief(&command{op: opAbort, name: "(all)"}) }

// Stop drains, commits and ends a connector (CW-266). It returns when that is done, the
// StatusSink has heard of it and the metrics are gone; or when ctx ends, and then the end goes
// on by itself. ShutdownTimeout bounds it also without ctx.
func (s *System) Stop(ctx context.Context, name string) error {
	err := s.call(ctx, &command{op: opStop, name: name})
	if err == nil {
		s.notifier.flush(name, statusPatience)
	}
	return err
}

// Pause stops the reading of all tasks (CW-252); FAILED ones stay FAILED. It returns when it is accepted.
func (s *System) Pause(name string) error { return s.brief(&command{op: opPause, name: name}) }

// Resume undoes Pause. It returns when it is accepted.
func (s *System) Resume(name string) error { return s.brief(&command{op: opResume, name: name}) }

// RestartConnector restarts the connector and keeps its tasks as they are (CW-256): use
// RestartTask for those. Only a connector that is itself FAILED gets new tasks by it.
func (s *System) RestartConnector(name string) error {
	return s.brief(&command{op: opRestartConnector, name: name})
}

// RestartTask ends a task's incarnation in an orderly way, if it has one, and starts a new one at the
// stored position. It returns when it is accepted.
func (s *System) RestartTask(name string, id int) error {
	return s.brief(&command{op: opRestartTask, name: name, task: id})
}

// Progress tells how far the tasks of a connector are, ordered by number; nil if it is not running.
func (s *System) Progress(name string) []TaskProgress {
	var out []TaskProgress
	for _, v := range s.board.of(name) {
		out = append(out, v.progress(s.opts.BudgetBytes))
	}
	return out
}

func (s *System) brief(c *command) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return s.call(ctx, c)
}

func (s *System) call(ctx context.Context, c *command) error {
	c.reply = make(chan error, 1)
	s.mu.Lock()
	if s.down && c.op != opShutdown {
		s.mu.Unlock()
		return fmt.Errorf("%s connector %s: %w", c.op, c.name, ErrShutdown)
	}
	s.lib.Root.Send(s.registry, c)
	s.mu.Unlock()
	var err error
	select {
	case err = <-c.reply:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-s.gone:
		select { // both may be ready: the answer was first
		case err = <-c.reply:
		default:
			err = ErrShutdown
		}
	}
	if err != nil && c.op == opRestartTask {
		return fmt.Errorf("restart task %d of connector %s: %w", c.task, c.name, err)
	}
	if err != nil {
		return fmt.Errorf("%s connector %s: %w", c.op, c.name, err)
	}
	return nil
}

// Shutdown stops all connectors at the same time and frees everything. When ctx ends
// first, what still runs is cut off without its last commit, and an error is returned.
func (s *System) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	again := s.down
	s.down = true
	s.mu.Unlock()
	if again {
		return fmt.Errorf("shut down: %w", ErrShutdown)
	}
	err := s.call(ctx, &command{op: opShutdown, name: "(all)"})
	if err != nil {
		// Stop, not Poison: nobody waits for what is queued. Tasks hand what they hold to pumps.
		s.lib.Root.Stop(s.registry)
	}
	var pumpsGone pumps
	pumpsDone := make(chan struct{})
	pumpsGone.start(func() error { <-s.gone; s.pumps.Wait(); return nil }, func(error) { close(pumpsDone) })
	// Our own deadline: the library's futures give up after 10 s.
	grace := time.NewTimer(statusPatience)
	defer grace.Stop()
	select {
	case <-pumpsDone:
	case <-ctx.Done():
		select {
		case <-pumpsDone:
		case <-grace.C:
			if err == nil {
				err = fmt.Errorf("shut down: some tasks have not ended: %w", context.Cause(ctx))
			}
		}
	}
	s.notifier.close()
	select {
	case <-s.notifier.done:
	case <-time.After(statusPatience):
		s.opts.Log.Warn("status sink does not return")
	}
	s.lib.Shutdown()
	return err
}
