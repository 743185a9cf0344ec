package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// plan is how one kind of server is laid out, started and asked whether it lives.
// All functions get the record, so that a server started by another process can be
// handled too.
type plan struct {
	part    string
	print   string        // what must be equal for a running server to be usable
	ports   []string      // names of the ports it listens on
	within  time.Duration // from launch to the first answer
	stop    syscall.Signal
	home    func(name string) (string, error) // server directory; nil: below Root
	prepare func(ctx context.Context, r *record) error
	launch  func(ctx context.Context, r *record) (command, error)
	answers func(ctx context.Context, r *record) error
	use     func(r *record) (address string, hints []string) // for people
	image   func(r *record) image                            // nil: native in every mode
}

// Server is a running server of any kind. The kinds embed it.
type Server struct {
	plan *plan
	rec  *record
}

// Name is the server's name in the state directory: the part for a shared server.
func (s *Server) Name() string { return s.rec.Name }

// Log is the path of the file that holds the server's output.
func (s *Server) Log() string { return s.rec.Log }

// PID is the process id of a native server, 0 for a container or a stopped server.
func (s *Server) PID() int { return s.rec.PID }

// Private reports whether this server belongs to one test and may be stopped.
func (s *Server) Private() bool { return s.rec.Owner != 0 }

// Stop ends a private server the orderly way and waits until it is gone.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.mine(t)
	ctx, cancel := patience(t, time.Minute)
	defer cancel()
	if err := s.halt(ctx, s.plan.stop); err != nil {
		t.Fatalf("testenv: stop %s: %v; log %s:\n%s", s.rec.Name, err, s.rec.Log, tail(s.rec.Log))
	}
}

// Kill ends a private server with SIGKILL, children included, and waits until it
// is gone. Its data stays for Start.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.mine(t)
	ctx, cancel := patience(t, time.Minute)
	defer cancel()
	if err := s.halt(ctx, syscall.SIGKILL); err != nil {
		t.Fatalf("testenv: kill %s: %v", s.rec.Name, err)
	}
}

// Start starts a stopped or killed private server again, on the same ports and the
// same data, and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.mine(t)
	ctx, cancel := patience(t, prepareWithin)
	defer cancel()
	if s.rec.alive() {
		t.Fatalf("testenv: start %s: it runs", s.rec.Name)
	}
	if err := s.up(ctx); err != nil {
		t.Fatalf("testenv: start %s: %v", s.rec.Name, err)
	}
}

// Restart is Stop and Start.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	s.Start(t)
}

// Pause freezes a private server with SIGSTOP: its connections stay open and
// nothing answers, as with a dead host behind a living switch.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	s.mine(t)
	if err := s.signal(syscall.SIGSTOP); err != nil {
		t.Fatalf("testenv: pause %s: %v", s.rec.Name, err)
	}
}

// Continue lets a paused server go on.
func (s *Server) Continue(t testing.TB) {
	t.Helper()
	s.mine(t)
	if err := s.signal(syscall.SIGCONT); err != nil {
		t.Fatalf("testenv: continue %s: %v", s.rec.Name, err)
	}
}

// Running reports whether the process exists, paused or not.
func (s *Server) Running() bool { return s.rec.alive() }

func (s *Server) mine(t testing.TB) {
	t.Helper()
	if !s.Private() {
		t.Fatalf("testenv: %s is shared with other tests and must not be stopped: take a private one", s.rec.Name)
	}
}

func (s *Server) signal(sig syscall.Signal) error {
	if s.rec.Container != "" {
		return signalContainer(s.rec.Container, sig)
	}
	return signalFamily(s.rec.PID, sig)
}

// halt signals the server and waits for its end. One that ignores an orderly stop
// is killed, and that is an error: the test relied on the orderly end.
func (s *Server) halt(ctx context.Context, sig syscall.Signal) error {
	if !s.rec.alive() {
		return nil
	}
	gone := func() bool { return !s.rec.alive() }
	var err error
	switch {
	case s.rec.Container != "":
		err = signalContainer(s.rec.Container, sig)
	case sig == syscall.SIGKILL:
		gone, err = killFamily(s.rec.PID)
	default:
		err = syscall.Kill(s.rec.PID, sig)
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %v: %w", sig, err)
	}
	short, cancel := context.WithTimeoutCause(ctx, 40*time.Second, errors.New("it does not end"))
	defer cancel()
	err = poll(short, func() (bool, error) { return gone(), nil })
	if err != nil && sig != syscall.SIGKILL {
		return errors.Join(err, s.halt(ctx, syscall.SIGKILL))
	}
	return err
}

// up launches the prepared server, records it and waits for its first answer.
func (s *Server) up(ctx context.Context) error {
	r, p := s.rec, s.plan
	r.Started = time.Now().UTC().Truncate(time.Second)
	if p.image != nil && useDocker() {
		id, err := runContainer(ctx, p.image(r), r)
		if err != nil {
			return err
		}
		r.Container = id
	} else {
		cmd, err := p.launch(ctx, r)
		if err != nil {
			return err
		}
		if r.PID, err = spawn(cmd, r.Log); err != nil {
			return err
		}
		st, _ := readStat(r.PID) // a process that is gone already shows below as not alive
		r.Birth = st.birth
	}
	if err := r.save(); err != nil {
		return err
	}
	return s.await(ctx)
}

// await polls until the server answers in its own protocol.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.plan.within, fmt.Errorf("no answer within %v", s.plan.within))
	defer cancel()
	var last error
	err := poll(ctx, func() (bool, error) {
		if !s.rec.alive() {
			return false, errors.New("the process ended")
		}
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		last = s.plan.answers(try, s.rec)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w (last answer: %v); log %s:\n%s", s.rec.Name, err, last, s.rec.Log, tail(s.rec.Log))
	}
	return nil
}

// create lays out a new server and starts it. The caller holds the lock of name.
func (p *plan) create(ctx context.Context, name string, owner int) (*Server, error) {
	r := &record{Part: p.part, Name: name, Print: p.print}
	if owner != 0 {
		st, _ := readStat(owner)
		r.Owner, r.OwnBirth = owner, st.birth
	}
	home := func(name string) (string, error) { return filepath.Join(Root(), "run", name), nil }
	if p.home != nil && !(p.image != nil && useDocker()) {
		home = p.home
	}
	var err error
	if r.Dir, err = home(name); err != nil {
		return nil, err
	}
	for _, dir := range []string{stateDir(), filepath.Join(Root(), "logs")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	r.Log = filepath.Join(Root(), "logs", name+".log")
	if err := removeStale(r.Log); err != nil {
		return nil, err
	}
	if err := removeTree(r.Dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return nil, err
	}
	release, err := lock(ctx, "ports")
	if err != nil {
		return nil, err
	}
	if r.Ports, err = pickPorts(p.ports); err == nil {
		err = r.save()
	}
	release()
	if err != nil {
		return nil, err
	}
	s := &Server{plan: p, rec: r}
	if p.prepare != nil && !(p.image != nil && useDocker()) {
		if err := p.prepare(ctx, r); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare %s: %w", name, err), s.discard(ctx))
		}
	}
	if err := s.up(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start %w", err), s.discard(ctx))
	}
	return s, nil
}

// discard ends the server at once and removes its data and its record. The log
// stays, failure messages point to it.
func (s *Server) discard(ctx context.Context) error {
	if err := s.halt(ctx, syscall.SIGKILL); err != nil {
		return err
	}
	if s.rec.Container != "" {
		removeContainer(s.rec.Container)
	}
	if err := removeTree(s.rec.Dir); err != nil {
		return err
	}
	return removeStale(recordPath(s.rec.Name))
}

// shared finds the server that all processes use, or starts it.
func (p *plan) shared(ctx context.Context) (*Server, error) {
	release, err := lock(ctx, p.part)
	if err != nil {
		return nil, err
	}
	defer release()
	r, err := loadRecord(p.part)
	if err != nil {
		return nil, err
	}
	if r != nil {
		s := &Server{plan: p, rec: r}
		if r.Print == p.print && r.alive() && s.await(ctx) == nil {
			return s, nil
		}
		if err := s.discard(ctx); err != nil {
			return nil, fmt.Errorf("end the old %s: %w", p.part, err)
		}
	}
	return p.create(ctx, p.part, 0)
}

// private starts a server for one test and discards it at the test's end.
func (p *plan) private(t testing.TB) *Server {
	t.Helper()
	ctx, cancel := patience(t, prepareWithin)
	defer cancel()
	if err := sweep(ctx); err != nil {
		t.Fatalf("testenv: %v", err)
	}
	s, err := p.create(ctx, fmt.Sprintf("%s-%d-%d", p.part, os.Getpid(), serial.Add(1)), os.Getpid())
	settle(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if t.Failed() {
			t.Logf("testenv: log of %s: %s", s.rec.Name, s.rec.Log)
		} else {
			_ = os.Remove(s.rec.Log) // nobody will ask for it
		}
		if err := s.discard(ctx); err != nil {
			t.Errorf("testenv: end %s: %v", s.rec.Name, err)
		}
	})
	return s
}

// common wraps shared for the calls that take a test.
func (p *plan) common(t testing.TB) *Server {
	t.Helper()
	ctx, cancel := patience(t, prepareWithin)
	defer cancel()
	s, err := p.shared(ctx)
	settle(t, err)
	return s
}

var swept sync.Once

// sweep ends, once per process, the private servers whose test process died without its cleanups.
func sweep(ctx context.Context) error {
	var result error
	swept.Do(func() {
		release, err := lock(ctx, "sweep")
		if err != nil {
			result = err
			return
		}
		defer release()
		all, err := records()
		if err != nil {
			result = err
			return
		}
		for _, r := range all {
			if r.orphaned() {
				result = errors.Join(result, (&Server{rec: r}).discard(ctx))
			}
		}
		// Failed tests leave their logs for whoever reads the message; a day is enough.
		logs, err := filepath.Glob(filepath.Join(Root(), "logs", "*-*-*.log"))
		if err != nil {
			result = errors.Join(result, err)
		}
		for _, path := range logs {
			if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
				result = errors.Join(result, removeStale(path))
			}
		}
	})
	return result
}

// patience bounds one call of this package. It outlives the test's own context, so
// that servers can be handled in cleanups.
func patience(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.WithoutCancel(t.Context()), d, fmt.Errorf("testenv gave up after %v", d))
}

// removeStale removes a file that may be there. For the lock file of a killed server
// it is a must: the next one would look whether the pid in it exists, and that it does
// as long as init has not reaped the zombie.
func removeStale(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// removeTree removes a server directory. Only paths that this package made pass.
func removeTree(dir string) error {
	if !filepath.IsAbs(dir) || len(filepath.Clean(dir)) < 8 {
		return fmt.Errorf("refuse to remove %q", dir)
	}
	return os.RemoveAll(dir)
}
