package actors

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// stopGrace is what a connector gives its tasks beyond their own time before it goes on without them.
const stopGrace = 2 * time.Second

// connector keeps the tasks of one connector and their target state.
type connector struct {
	sys  *System
	spec Connector
	log  *slog.Logger

	ctx      actor.Context
	tasks    map[int]*child
	spawned  int
	stopping bool
	over     bool // the registry knows, or will hear of it as our supervisor
	timer    *time.Timer
}

// child is a task as its connector sees it.
type child struct {
	spec    Task
	pid     *actor.PID // nil after a panic of the actor
	vitals  *vitals
	metrics *taskMetrics
	ended   bool
	leaving bool    // will not be run again
	next    *Task   // runs when the present one has ended
	waiters []*wait // removePieces that wait for the end
}

// wait is a removePieces with the number of its tasks that have not ended.
type wait struct {
	left  int
	reply chan error
}

// Receive turns messages into calls.
func (k *connector) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		k.ctx = c
		k.start()
	case *actor.Stopping:
		k.over = true
		k.cleanUp() // does nothing after an orderly end
	case *pauseConnector:
		k.target(true)
	case *resumeConnector:
		k.target(false)
	case *restartConnector:
		if !k.stopping {
			// There is no instance besides the tasks, which are kept as they are (CW-256).
			k.setState(Restarting, "")
			k.setState(k.state(), "")
		}
	case *restartTask:
		m.reply <- k.restartTask(m.id)
	case *addPieces:
		k.add(m.connector)
	case *removePieces:
		k.remove(m.pieces, m.reply)
	case *stopConnector:
		k.stop()
	case *stopOver:
		if k.stopping && !k.over {
			k.log.Error("tasks did not end in time, the connector goes on without them")
			k.ended()
		}
	case *taskEnded:
		if ch := k.tasks[m.id]; ch != nil {
			ch.ended = true
			k.taskGone(ch)
			k.checkEnded()
		}
	case *actor.Terminated:
		k.checkEnded()
	}
}

func (k *connector) start() {
	if !k.spec.TasksOnly {
		k.sys.started.connectors.Add(1)
	}
	k.setState(k.state(), "")
	for _, spec := range k.spec.Tasks {
		if k.tasks[spec.ID] != nil {
			k.log.Error("two tasks have the same number, the second is ignored", keyTask, spec.ID)
			continue
		}
		k.startTask(spec)
	}
	k.log.Info("connector started", "tasks", len(k.tasks), "instance", !k.spec.TasksOnly, "state", string(k.state()))
}

func (k *connector) startTask(spec Task) {
	ch := &child{spec: spec, vitals: newVitals(spec.ID, k.sys.opts.Samples), metrics: k.sys.metrics.task(k.spec.Name, spec.ID, k.sys.opts.BudgetBytes)}
	k.tasks[spec.ID] = ch
	k.sys.board.add(k.spec.Name, ch.vitals)
	k.spawn(ch)
}

// add runs more of the connector.
func (k *connector) add(c Connector) {
	if k.stopping {
		return // the registry keeps what is to follow
	}
	k.target(c.Paused)
	if k.spec.TasksOnly && !c.TasksOnly {
		k.spec.TasksOnly = false
		k.setState(k.state(), "")
	}
	for _, spec := range c.Tasks {
		ch := k.tasks[spec.ID]
		switch {
		case ch == nil:
			k.startTask(spec)
		case ch.pid == nil: // its actor panicked
			k.discard(ch)
			k.startTask(spec)
		default:
			ch.next = &spec
			k.leave(ch, false)
		}
	}
}

// remove ends a part of the connector. Tasks end side by side.
func (k *connector) remove(p Pieces, reply chan error) {
	if p.Instance && !k.spec.TasksOnly {
		k.setState(Unassigned, "")
		k.spec.TasksOnly = true
	}
	w := &wait{reply: reply}
	for _, id := range p.Tasks {
		ch := k.tasks[id]
		switch {
		case ch == nil:
		case ch.pid == nil:
			k.sys.notifier.post(status{connector: k.spec.Name, task: id, state: Unassigned})
			k.discard(ch)
		default:
			w.left++
			ch.next = nil
			ch.waiters = append(ch.waiters, w)
			k.leave(ch, p.Abort)
		}
	}
	if w.left == 0 {
		reply <- nil
	}
}

func (k *connector) leave(ch *child, abort bool) {
	ch.leaving = true
	k.ctx.Send(ch.pid, &stopTask{abort: abort})
}

// taskGone lets go of a task that was to end, and starts the one that follows it.
func (k *connector) taskGone(ch *child) {
	if !ch.leaving {
		return
	}
	next := ch.next
	k.discard(ch)
	if next != nil && !k.stopping {
		k.startTask(*next)
	}
}

func (k *connector) discard(ch *child) {
	k.sys.board.remove(k.spec.Name, ch.vitals)
	ch.metrics.remove()
	delete(k.tasks, ch.spec.ID)
	for _, w := range ch.waiters {
		if w.left--; w.left == 0 {
			w.reply <- nil
		}
	}
}

func (k *connector) spawn(ch *child) {
	k.spawned++
	t := &task{
		sys: k.sys, connector: k.spec.Name, spec: ch.spec, vitals: ch.vitals, metrics: ch.metrics,
		log: k.log.With(keyTask, ch.spec.ID),
	}
	if k.spec.Paused {
		t.want = wantPaused
	}
	pid, err := k.ctx.SpawnNamed(k.sys.props(func() actor.Actor { return t }),
		"task/"+strconv.Itoa(ch.spec.ID)+"/"+strconv.Itoa(k.spawned))
	if err != nil {
		k.taskDied(ch, err)
		return
	}
	ch.pid = pid
}

func (k *connector) state() State {
	if k.spec.Paused {
		return Paused
	}
	return Running
}

func (k *connector) setState(s State, trace string) {
	if k.spec.TasksOnly {
		return
	}
	k.sys.notifier.post(status{connector: k.spec.Name, task: connectorItself, state: s, trace: trace})
}

func (k *connector) target(paused bool) {
	if k.stopping || k.spec.Paused == paused {
		return
	}
	k.spec.Paused = paused
	k.log.Info("connector changes its state", "state", string(k.state()))
	k.setState(k.state(), "")
	for _, ch := range k.tasks {
		switch {
		case ch.pid == nil:
		case paused:
			k.ctx.Send(ch.pid, &pauseTask{})
		default:
			k.ctx.Send(ch.pid, &resumeTask{})
		}
	}
}

func (k *connector) restartTask(id int) error {
	ch := k.tasks[id]
	switch {
	case ch == nil:
		return ErrUnknownTask
	case k.stopping:
		return ErrUnknownConnector
	case ch.pid == nil:
		k.spawn(ch)
	default:
		k.ctx.Send(ch.pid, &rerunTask{})
	}
	return nil
}

func (k *connector) stop() {
	if k.stopping {
		return
	}
	k.stopping = true
	self, root := k.ctx.Self(), k.ctx.ActorSystem().Root
	k.timer = time.AfterFunc(k.sys.opts.ShutdownTimeout+stopGrace, func() { root.Send(self, &stopOver{}) })
	for _, ch := range k.tasks {
		if ch.pid != nil {
			k.ctx.Send(ch.pid, &stopTask{})
		}
	}
	k.checkEnded()
}

func (k *connector) checkEnded() {
	// A task's actor ends a little later than the task; without waiting for it we would send
	// it a Stop that nobody receives.
	if !k.stopping || k.over || len(k.ctx.Children()) > 0 {
		return
	}
	for _, ch := range k.tasks {
		if ch.pid != nil && !ch.ended {
			return
		}
	}
	k.ended()
}

// ended tells the registry and ends the actor; Stop, because nothing that is queued matters any more.
func (k *connector) ended() {
	k.over = true
	k.timer.Stop()
	k.cleanUp()
	k.setState(Unassigned, "")
	k.log.Info("connector stopped")
	k.ctx.Send(k.ctx.Parent(), &connectorEnded{name: k.spec.Name, pid: k.ctx.Self()})
	k.ctx.Stop(k.ctx.Self())
}

// cleanUp takes the tasks out of what others see.
func (k *connector) cleanUp() {
	for _, ch := range k.tasks {
		k.discard(ch)
	}
}

// HandleFailure makes the connector the supervisor of its tasks: one that panicked is ended and
// shown as FAILED until it is restarted.
func (k *connector) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, pid *actor.PID, _ *actor.RestartStatistics, reason any, _ any) {
	sup.StopChildren(pid)
	for _, ch := range k.tasks {
		if ch.pid != nil && ch.pid.Id == pid.Id {
			k.taskDied(ch, &taskError{stage: stageActor, where: k.spec.Name + "-" + strconv.Itoa(ch.spec.ID), cause: newPanicError(reason)})
			k.taskGone(ch)
		}
	}
	k.checkEnded()
}

func (k *connector) taskDied(ch *child, err error) {
	ch.pid = nil
	args := []any{keyTask, ch.spec.ID, keyErr, err}
	if p := asPanic(err); p != nil {
		args = append(args, keyStack, p.stack)
	}
	k.log.Error("task failed", args...)
	ch.vitals.state.Store(Failed)
	ch.vitals.lag.Store(-1)
	ch.metrics.setState(Failed)
	k.sys.notifier.post(status{connector: k.spec.Name, task: ch.spec.ID, state: Failed, trace: Trace(err)})
}
