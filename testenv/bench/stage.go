package bench

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"
)

// Stage is the [testing.TB] that this program gives to testenv: servers are ended by its
// cleanups, and a fatal error unwinds to [Stage.Run]. Only the methods below exist.
type Stage struct {
	testing.TB // nil; a method that is missing here shows at once

	ctx  context.Context
	name string
	out  io.Writer

	mu       sync.Mutex // guards the fields below
	failed   bool
	cleanups []func()
}

// abort is what a fatal error panics with.
type abort struct{}

// NewStage returns the outermost stage.
func NewStage(ctx context.Context, name string, out io.Writer) *Stage {
	return &Stage{ctx: ctx, name: name, out: out}
}

// Run calls f, then the cleanups in reverse order. It reports whether nothing failed.
func (s *Stage) Run(f func(*Stage)) bool {
	s.guarded(func() { f(s) })
	for {
		s.mu.Lock()
		n := len(s.cleanups)
		if n == 0 {
			failed := s.failed
			s.mu.Unlock()
			return !failed
		}
		last := s.cleanups[n-1]
		s.cleanups = s.cleanups[:n-1]
		s.mu.Unlock()
		s.guarded(last)
	}
}

// Sub runs f on a stage of its own; a failure inside is a failure outside too, but only
// inside things end.
func (s *Stage) Sub(name string, f func(*Stage)) bool {
	ok := NewStage(s.ctx, s.name+"/"+name, s.out).Run(f)
	if !ok {
		s.Fail()
	}
	return ok
}

func (s *Stage) guarded(f func()) {
	defer func() {
		if r := recover(); r != nil {
			if _, fatal := r.(abort); !fatal {
				panic(r)
			}
		}
	}()
	f()
}

// Context ends when the user interrupts.
func (s *Stage) Context() context.Context { return s.ctx }

// Name is the path of the stage.
func (s *Stage) Name() string { return s.name }

// Helper does nothing: there are no lines of a test to point to.
func (s *Stage) Helper() {}

// Cleanup registers f for the end of the stage.
func (s *Stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

// Fail marks the stage as failed.
func (s *Stage) Fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = true
}

// Failed reports whether it is.
func (s *Stage) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Logf prints a line with the time of day.
func (s *Stage) Logf(format string, args ...any) {
	fmt.Fprintf(s.out, "%s %s: %s\n", time.Now().Format(time.TimeOnly), s.name, fmt.Sprintf(format, args...))
}

// Log prints a line.
func (s *Stage) Log(args ...any) { s.Logf("%s", fmt.Sprint(args...)) }

// Errorf prints a line and fails.
func (s *Stage) Errorf(format string, args ...any) {
	s.Fail()
	s.Logf("error: "+format, args...)
}

// Error prints a line and fails.
func (s *Stage) Error(args ...any) { s.Errorf("%s", fmt.Sprint(args...)) }

// Fatalf prints a line and ends the stage. Only the goroutine that runs the stage may call it.
func (s *Stage) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	panic(abort{})
}

// Fatal prints a line and ends the stage.
func (s *Stage) Fatal(args ...any) { s.Fatalf("%s", fmt.Sprint(args...)) }

// Skipf is a failure here: a benchmark that cannot have its servers measures nothing.
func (s *Stage) Skipf(format string, args ...any) { s.Fatalf(format, args...) }

// Skip is a failure here.
func (s *Stage) Skip(args ...any) { s.Fatal(args...) }

// until polls ok every tick and ends the stage after d, saying what was waited for.
func (s *Stage) until(what string, tick, d time.Duration, ok func() bool) {
	deadline := time.Now().Add(d)
	t := time.NewTicker(tick)
	defer t.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			s.Fatalf("waited %v in vain for %s", d, what)
		}
		select {
		case <-s.ctx.Done():
			s.Fatalf("interrupted while waiting for %s", what)
		case <-t.C:
		}
	}
}

// rest waits without doing anything.
func (s *Stage) rest(d time.Duration) {
	select {
	case <-s.ctx.Done():
		s.Fatalf("interrupted")
	case <-time.After(d):
	}
}
