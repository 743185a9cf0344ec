package actors

import "context"

// System runs connectors. All its methods may be called from any goroutine.
type System struct{ opts Options }

// New starts an empty System.
func New(o Options) *System { return &System{opts: o.withDefaults()} }

// Start runs a connector; one with the same name is stopped first. It returns when the
// start is accepted: what becomes of it is told to the StatusSink.
func (s *System) Start(c Connector) error { return ErrShutdown }

// Stop drains, commits and ends a connector and returns when that is done, or ctx ends.
func (s *System) Stop(ctx context.Context, name string) error { return ErrShutdown }

// Pause stops the reading of all tasks (CW-252). It returns when it is accepted.
func (s *System) Pause(name string) error { return ErrShutdown }

// Resume undoes Pause. It returns when it is accepted.
func (s *System) Resume(name string) error { return ErrShutdown }

// RestartConnector restarts the connector, not its tasks (CW-256).
func (s *System) RestartConnector(name string) error { return ErrShutdown }

// RestartTask ends a task's incarnation, if it has one, and starts a new one.
func (s *System) RestartTask(name string, id int) error { return ErrShutdown }

// Progress tells how far the tasks of a connector are, ordered by number.
func (s *System) Progress(name string) []TaskProgress { return nil }

// Shutdown stops all connectors at the same time and frees everything.
func (s *System) Shutdown(ctx context.Context) error { return nil }
