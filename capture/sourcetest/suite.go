package sourcetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/records"
)

// Fixture is one source system with one connector configuration.
type Fixture struct {
	// New makes an unopened source. It is called again after every Close, as after a restart.
	New func(t testing.TB) capture.Source
	// Write makes the changes first..last visible in the source system, in order. Numbers never repeat.
	Write func(t testing.TB, first, last int)
	// Number tells which change a record carries; false for records that carry none.
	Number func(b *records.Batch, r *records.Record) (int, bool)
	// Repeats allows that changes of a committed frame come again: the source can only go on
	// from the beginning of what they belong to (invariant 3).
	Repeats bool
	// Patience is how long a change may take to arrive; 30 s if zero.
	Patience time.Duration
}

// Run runs the suite. Each part goes on with the system as the part before left it.
func Run(t *testing.T, fx Fixture) {
	if fx.Patience == 0 {
		fx.Patience = 30 * time.Second
	}
	s := &suite{fx: fx, stored: map[string]records.Position{}}
	t.Run("CloseWithoutOpen", func(t *testing.T) { s.closeTwice(t, fx.New(t)) })
	t.Run("FirstStart", s.firstStart)
	t.Run("Resume", s.resume)
	t.Run("DuplicateButNoGap", s.noGap)
	t.Run("CancelWhileBlocked", s.cancel)
	t.Run("OpenWithCancelledContext", s.openCancelled)
}

type suite struct {
	fx     Fixture
	next   int                         // number of the next change
	stored map[string]records.Position // by partition: what an offset store would hold
}

func (s *suite) offsets() []records.Position {
	var out []records.Position
	for _, p := range s.stored {
		out = append(out, p)
	}
	return out
}

// seen is one frame, as much of it as the suite remembers.
type seen struct {
	numbers []int
	pos     records.Position
}

func (s *suite) write(t testing.TB, n int) (last int) {
	s.fx.Write(t, s.next, s.next+n-1)
	s.next += n
	return s.next - 1
}

// open opens a fresh source at the stored offsets; it is closed at the test's end.
func (s *suite) open(t *testing.T) capture.Source {
	t.Helper()
	src := s.fx.New(t)
	t.Cleanup(func() { s.closeTwice(t, src) })
	ctx, cancel := context.WithTimeout(t.Context(), s.fx.Patience)
	defer cancel()
	if err := src.Open(ctx, s.offsets()); err != nil {
		t.Fatalf("Open: %v", err)
	}
	return src
}

// readTo reads until change last has arrived and returns all frames.
func (s *suite) readTo(t *testing.T, src capture.Source, last int) []seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), s.fx.Patience)
	defer cancel()
	var out []seen
	for {
		f, err := src.Read(ctx)
		if err != nil {
			t.Fatalf("Read before change %d: %v", last, err)
		}
		fr := seen{pos: f.Position}
		done := false
		for _, b := range f.Batches {
			for i := range b.Records {
				if n, ok := s.fx.Number(b, &b.Records[i]); ok {
					fr.numbers = append(fr.numbers, n)
					done = done || n == last
				}
			}
			b.Release()
		}
		out = append(out, fr)
		if done {
			return out
		}
	}
}

func (s *suite) commit(t *testing.T, src capture.Source, pos records.Position) {
	t.Helper()
	if pos.Partition == nil {
		return
	}
	s.stored[pos.Partition.Canonical()] = pos
	if err := src.Commit(t.Context(), pos); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// firstStart begins without offsets: everything there is arrives, then what follows.
func (s *suite) firstStart(t *testing.T) {
	first := s.next
	last := s.write(t, 10)
	src := s.open(t)
	frames := s.readTo(t, src, last)
	more := s.write(t, 10)
	frames = append(frames, s.readTo(t, src, more)...)
	s.complete(t, frames, first, more)
	s.commit(t, src, frames[len(frames)-1].pos)
}

// resume goes on behind the last committed frame, also with what happened while nobody read.
func (s *suite) resume(t *testing.T) {
	first := s.next
	last := s.write(t, 50)
	src := s.open(t)
	frames := s.readTo(t, src, last)
	s.complete(t, frames, first, last)
	for _, f := range frames {
		for _, n := range f.numbers {
			if n < first && !s.fx.Repeats {
				t.Errorf("change %d was committed and came again", n)
			}
		}
	}
	s.commit(t, src, frames[len(frames)-1].pos)
}

// noGap stops a source after each frame in turn, commits that frame only, and demands that
// the next incarnation brings everything that was not committed.
func (s *suite) noGap(t *testing.T) {
	for round := range 4 {
		first := s.next
		last := s.write(t, 40)
		src := s.open(t)
		frames := s.readTo(t, src, last)
		keep := min(round, len(frames)-1)
		committed := map[int]bool{}
		for _, f := range frames[:keep+1] {
			for _, n := range f.numbers {
				committed[n] = true
			}
		}
		s.commit(t, src, frames[keep].pos)
		s.closeTwice(t, src)
		missing := false
		for n := first; n <= last; n++ {
			missing = missing || !committed[n]
		}
		if !missing {
			continue
		}
		again := s.open(t)
		rest := s.readTo(t, again, last)
		got := map[int]bool{}
		for _, f := range rest {
			for _, n := range f.numbers {
				got[n] = true
			}
		}
		for n := first; n <= last; n++ {
			if !committed[n] && !got[n] {
				t.Fatalf("round %d: change %d was neither committed nor read again", round, n)
			}
		}
		s.commit(t, again, rest[len(rest)-1].pos)
	}
}

// cancel demands a prompt return with the context's error from a Read that waits.
func (s *suite) cancel(t *testing.T) {
	src := s.open(t)
	last := s.write(t, 1)
	frames := s.readTo(t, src, last)
	s.commit(t, src, frames[len(frames)-1].pos)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { // ends with the Read that the test waits for
		for {
			f, err := src.Read(ctx)
			if err != nil {
				result <- err
				return
			}
			f.Release()
		}
	}()
	time.AfterFunc(200*time.Millisecond, cancel)
	select {
	case err := <-result:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Read returned %v, want the context's error", err)
		}
	case <-time.After(s.fx.Patience):
		t.Fatal("Read does not return when it is cancelled")
	}
}

// openCancelled demands that Open gives up and Close still works.
func (s *suite) openCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	src := s.fx.New(t)
	if err := src.Open(ctx, s.offsets()); err == nil {
		if _, err := src.Read(ctx); err == nil {
			t.Error("neither Open nor Read looks at its context")
		}
	}
	s.closeTwice(t, src)
}

func (s *suite) closeTwice(t testing.TB, src capture.Source) {
	done := make(chan struct{})
	go func() { // ends with Close, which must not hang
		defer close(done)
		if err := src.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := src.Close(); err != nil {
			t.Errorf("a second Close: %v", err)
		}
	}()
	select {
	case <-done:
	case <-time.After(s.fx.Patience):
		t.Fatal("Close hangs")
	}
}

// complete checks that the changes first..last arrived in order, the first time that each is seen.
func (s *suite) complete(t *testing.T, frames []seen, first, last int) {
	t.Helper()
	want := first
	for _, f := range frames {
		for _, n := range f.numbers {
			if n == want {
				want++
			} else if n > want {
				t.Fatalf("change %d came before %d", n, want)
			}
		}
	}
	if want != last+1 {
		t.Fatalf("changes end at %d, want %d", want-1, last)
	}
}
