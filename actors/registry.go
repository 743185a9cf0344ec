package actors

import (
	"errors"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
)

// registry knows the connectors by name and puts the calls for one of them in order.
type registry struct {
	sys     *System
	ctx     actor.Context
	entries map[string]*entry
	spawned int
	down    []chan error // Shutdown callers
}

// entry is one name.
type entry struct {
	spec     Connector
	pid      *actor.PID // nil after a panic of the connector's actor
	stopping bool
	stops    []chan error // Stop callers
	next     *Connector   // to be started when the present one has ended
}

var errConnectorPanic = errors.New("the connector's actor panicked")

// Receive turns messages into calls.
func (g *registry) Receive(c actor.Context) {
	g.ctx = c
	switch m := c.Message().(type) {
	case *command:
		g.handle(m)
	case *connectorEnded:
		if e := g.entries[m.name]; e != nil && e.pid != nil && e.pid.Id == m.pid.Id {
			g.ended(m.name)
		}
	case *actor.Terminated:
		g.checkDown()
	case *actor.Stopped:
		close(g.sys.gone)
	}
}

func (g *registry) handle(m *command) {
	answered := false
	answer := func(err error) { answered = true; m.reply <- err }
	defer func() {
		if !answered {
			m.reply <- errors.New("the registry panicked") // the panic goes on to the guardian
		}
	}()
	if m.op == opShutdown {
		answered = true
		g.shutdown(m.reply)
		return
	}
	e := g.entries[m.name]
	switch m.op {
	case opStart:
		g.start(e, m.connector)
		answer(nil)
		return
	case opAdd:
		g.add(e, m.connector)
		answer(nil)
		return
	case opRemove:
		answered = true
		g.remove(e, m.pieces, m.reply)
		return
	case opAbort:
		for _, e := range g.entries {
			g.abort(e)
		}
		answer(nil)
		return
	}
	if e == nil || (e.stopping && e.next == nil && m.op != opStop) {
		answer(ErrUnknownConnector)
		return
	}
	if e.stopping && m.op != opStop { // meant for the one that is to follow
		switch m.op {
		case opPause, opResume:
			e.next.Paused = m.op == opPause
		}
		answer(nil)
		return
	}
	switch m.op {
	case opStop:
		answered = true
		e.next = nil
		e.stops = append(e.stops, m.reply)
		g.stop(e)
		return
	case opPause, opResume:
		e.spec.Paused = m.op == opPause
		if e.pid != nil && e.spec.Paused {
			g.ctx.Send(e.pid, &pauseConnector{})
		} else if e.pid != nil {
			g.ctx.Send(e.pid, &resumeConnector{})
		}
	case opRestartConnector:
		if e.pid == nil {
			g.spawn(e)
		} else {
			g.ctx.Send(e.pid, &restartConnector{})
		}
	case opRestartTask:
		if e.pid == nil {
			answer(errConnectorPanic)
			return
		}
		answered = true
		g.ctx.Send(e.pid, &restartTask{id: m.task, reply: m.reply})
		return
	}
	answer(nil)
}

func (g *registry) start(e *entry, c Connector) {
	if e != nil {
		e.next = &c
		g.stop(e)
		return
	}
	e = &entry{spec: c}
	g.entries[c.Name] = e
	g.spawn(e)
}

func (g *registry) add(e *entry, c Connector) {
	switch {
	case e == nil:
		g.start(nil, c)
	case e.stopping && e.next == nil:
		e.next = &c
	case e.stopping:
		e.next.add(c)
	default:
		e.spec.add(c)
		if e.pid != nil {
			g.ctx.Send(e.pid, &addPieces{connector: c})
		} else {
			g.spawn(e)
		}
	}
}

func (g *registry) remove(e *entry, p Pieces, reply chan error) {
	if e == nil {
		reply <- nil
		return
	}
	if e.stopping {
		if e.next != nil {
			if e.next.remove(p); e.next.empty() {
				e.next = nil
			}
		}
		if p.Abort && e.pid != nil {
			g.ctx.Send(e.pid, &removePieces{pieces: p, reply: make(chan error, 1)})
		}
		e.stops = append(e.stops, reply)
		return
	}
	e.spec.remove(p)
	if !e.spec.empty() && e.pid != nil {
		g.ctx.Send(e.pid, &removePieces{pieces: p, reply: reply})
		return
	}
	if !e.spec.empty() {
		reply <- nil
		return
	}
	e.stops = append(e.stops, reply)
	if p.Abort && e.pid != nil {
		g.ctx.Send(e.pid, &removePieces{pieces: p, reply: make(chan error, 1)})
	}
	g.stop(e)
}

func (g *registry) abort(e *entry) {
	e.next = nil
	if e.pid != nil {
		p := Pieces{Instance: true, Abort: true}
		for _, t := range e.spec.Tasks {
			p.Tasks = append(p.Tasks, t.ID)
		}
		g.ctx.Send(e.pid, &removePieces{pieces: p, reply: make(chan error, 1)})
	}
	g.stop(e)
}

func (g *registry) spawn(e *entry) {
	g.spawned++
	k := &connector{sys: g.sys, spec: e.spec, tasks: map[int]*child{}, log: g.sys.opts.Log.With(keyConnector, e.spec.Name)}
	// The number keeps the names of a connector and of the one that replaces it apart.
	pid, err := g.ctx.SpawnNamed(g.sys.props(func() actor.Actor { return k }), "connector/"+e.spec.Name+"/"+strconv.Itoa(g.spawned))
	if err != nil {
		k.setState(Failed, Trace(err))
		return
	}
	e.pid = pid
}

func (g *registry) stop(e *entry) {
	if e.stopping {
		return
	}
	e.stopping = true
	if e.pid == nil {
		g.ended(e.spec.Name)
		return
	}
	g.ctx.Send(e.pid, &stopConnector{})
}

func (g *registry) ended(name string) {
	e := g.entries[name]
	if e == nil {
		return
	}
	delete(g.entries, name)
	for _, reply := range e.stops {
		reply <- nil
	}
	if e.next != nil && g.down == nil {
		g.start(nil, *e.next)
	}
	g.checkDown()
}

func (g *registry) shutdown(reply chan error) {
	g.down = append(g.down, reply)
	for _, e := range g.entries {
		e.next = nil
		g.stop(e)
	}
	g.checkDown()
}

func (g *registry) checkDown() {
	if g.down == nil || len(g.entries) > 0 || len(g.ctx.Children()) > 0 {
		return
	}
	for _, reply := range g.down {
		reply <- nil
	}
	g.down = nil
	g.ctx.Stop(g.ctx.Self())
}

// HandleFailure makes the registry the supervisor of the connectors: one whose actor panicked
// is ended, tasks included, and shown as FAILED until it is restarted.
func (g *registry) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, pid *actor.PID, _ *actor.RestartStatistics, reason any, _ any) {
	sup.StopChildren(pid)
	for name, e := range g.entries {
		if e.pid == nil || e.pid.Id != pid.Id {
			continue
		}
		e.pid = nil
		p := newPanicError(reason)
		g.sys.opts.Log.Error("connector failed", keyConnector, name, keyErr, p, keyStack, p.stack)
		trace := Trace(&taskError{stage: stageActor, where: name, cause: p})
		if e.spec.TasksOnly { // the connector's own state is told elsewhere
			for _, t := range e.spec.Tasks {
				g.sys.notifier.post(status{connector: name, task: t.ID, state: Failed, trace: trace})
			}
		} else {
			g.sys.notifier.post(status{connector: name, task: connectorItself, state: Failed, trace: trace})
		}
		if e.stopping {
			g.ended(name)
		}
	}
}
