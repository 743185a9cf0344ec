package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// events notes what happens to source, sink and offsets, in order.
type events struct {
	mu   sync.Mutex // guards list
	list []string
}

func (e *events) add(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, s)
}

func (e *events) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.list, " ")
}

// notedParts has a sink that completes only when it is flushed.
func notedParts(e *events, frames <-chan *records.Frame) Parts {
	var mu sync.Mutex
	var waiting []deliver.Done
	return Parts{
		Source: &fakeSource{
			open: func(_ context.Context, ps []records.Position) error {
				n := int64(0)
				if len(ps) > 0 {
					n, _ = ps[0].Offset.Int("n")
				}
				e.add(fmt.Sprintf("open@%d", n))
				return nil
			},
			read: readFrames(frames),
			commit: func(_ context.Context, p records.Position) error {
				n, _ := p.Offset.Int("n")
				e.add(fmt.Sprintf("commit@%d", n))
				return nil
			},
			close: func() error { e.add("close-source"); return nil },
		},
		Sink: &fakeSink{
			write: func(_ context.Context, b *records.Batch, done deliver.Done) error {
				mu.Lock()
				defer mu.Unlock()
				b.Release()
				waiting = append(waiting, done)
				return nil
			},
			flush: func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				e.add("flush")
				for _, d := range waiting {
					d(nil)
				}
				waiting = nil
				return nil
			},
			close: func() error { e.add("close-sink"); return nil },
		},
		MaxRetries: -1,
	}
}

func TestTask_StopDrainsCommitsAndCloses(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		frames, e := make(chan *records.Frame, 4), &events{}
		p := notedParts(e, frames)
		p.Offsets = &memoryOffsets{}
		h.start("c", parts(p))
		frames <- frameOf(at("s", 1), batchOf("a", 1))
		frames <- frameOf(at("s", 2), batchOf("b", 2))
		synctest.Wait()
		began := time.Now()
		h.must(h.sys.Stop(h.Context(), "c"))
		if got := e.String(); got != "open@0 flush commit@2 close-sink close-source" {
			t.Fatal(got)
		}
		if took := time.Since(began); took != 0 {
			t.Fatalf("took %v", took)
		}
		h.wantStates("c/0", "RUNNING", "UNASSIGNED")
		h.wantStates("c", "RUNNING", "UNASSIGNED")
		if err := h.sys.Stop(h.Context(), "c"); !errors.Is(err, ErrUnknownConnector) {
			t.Fatalf("stopped twice: %v", err)
		}
	})
}

func TestTask_PauseAndResume(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		frames, e, offsets := make(chan *records.Frame, 4), &events{}, &memoryOffsets{}
		h.start("c", func() (Parts, error) {
			p := notedParts(e, frames)
			p.Offsets = offsets
			return p, nil
		})
		frames <- frameOf(at("s", 1), batchOf("a", 1))
		synctest.Wait()
		h.must(h.sys.Pause("c"))
		h.must(h.sys.Pause("c"))
		h.wantStates("c/0", "RUNNING", "PAUSED")
		h.wantStates("c", "RUNNING", "PAUSED")
		frames <- frameOf(at("s", 2), batchOf("a", 2))
		h.pass(time.Hour)
		// Source and sink stay open (CW-252). The read that was under way returned, its frame waits.
		if got := e.String(); got != "open@0 flush commit@1" || len(frames) != 0 {
			t.Fatalf("%s, %d frames left", got, len(frames))
		}
		frames <- frameOf(at("s", 3), batchOf("a", 3))
		h.pass(time.Hour)
		if len(frames) != 1 {
			t.Fatal("read while paused")
		}
		h.must(h.sys.Resume("c"))
		h.wantStates("c/0", "RUNNING", "PAUSED", "RUNNING")
		synctest.Wait()
		h.must(h.sys.Pause("c"))
		synctest.Wait()
		h.must(h.sys.RestartTask("c", 0)) // stays paused
		h.wantStates("c/0", "RUNNING", "PAUSED", "RUNNING", "PAUSED", "RESTARTING", "PAUSED")
		if got := e.String(); got != "open@0 flush commit@1 flush commit@3 flush close-sink close-source" {
			t.Fatal(got)
		}
		h.must(h.sys.Stop(h.Context(), "c"))
	})
}

// A sink that hangs does not keep a task from being PAUSED, and what it holds is delivered later.
func TestTask_PauseWhileTheSinkHangs(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		frames, sink, offsets := make(chan *records.Frame, 4), newParkingSink(), &memoryOffsets{}
		h.start("c", func() (Parts, error) {
			return Parts{Source: &fakeSource{read: readFrames(frames)}, Sink: sink, Offsets: offsets}, nil
		})
		frames <- frameOf(at("s", 1), batchOf("a", 1))
		synctest.Wait()
		h.must(h.sys.Pause("c"))
		h.wantStates("c/0", "RUNNING")
		h.pass(pausedAfter)
		h.wantStates("c/0", "RUNNING", "PAUSED")
		sink.take(t, 1)(nil)
		h.pass(2 * time.Minute)
		if offsets.at("s") != 1 {
			t.Error("what was delivered during the pause is not committed")
		}
		h.must(h.sys.Resume("c"))
		h.pass(time.Hour)
		h.wantStates("c/0", "RUNNING", "PAUSED", "RUNNING")
	})
}

// pausingSource is read while it is paused.
type pausingSource struct {
	fakeSource
	calls *events
}

func (s *pausingSource) Pause()  { s.calls.add("pause") }
func (s *pausingSource) Resume() { s.calls.add("resume") }

func TestTask_PauseGoesOnReadingMembers(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		frames, e := make(chan *records.Frame, 4), &events{}
		h.start("c", func() (Parts, error) {
			return Parts{Source: &pausingSource{fakeSource{read: readFrames(frames)}, e}, Sink: &fakeSink{}}, nil
		})
		h.must(h.sys.Pause("c"))
		h.wantStates("c/0", "RUNNING", "PAUSED")
		for i := range int64(3) { // heartbeats
			frames <- frameOf(at("s", i))
			synctest.Wait()
		}
		h.must(h.sys.Resume("c"))
		h.wantStates("c/0", "RUNNING", "PAUSED", "RUNNING")
		if got := e.String(); got != "pause resume" || len(frames) > 0 {
			t.Fatalf("%s, %d frames left", got, len(frames))
		}
	})
}

func TestConnector_StartsPaused(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		h.must(h.sys.Start(Connector{Name: "c", Paused: true, Tasks: []Task{{ID: 0, Build: func() (Parts, error) {
			t.Error("built")
			return Parts{}, nil
		}}}}))
		h.wantStates("c/0", "PAUSED")
		h.wantStates("c", "PAUSED")
	})
}

func TestTask_PauseDuringBackoffAndOpen(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		block := false
		h.start("c", func() (Parts, error) {
			return Parts{MaxRetries: -1, Sink: &fakeSink{}, Source: &fakeSource{open: func(ctx context.Context, _ []records.Position) error {
				if block {
					<-ctx.Done()
					return ctx.Err()
				}
				return markedError{retriable: true}
			}}}, nil
		})
		h.wantStates("c/0", "RESTARTING")
		h.must(h.sys.Pause("c"))
		h.wantStates("c/0", "RESTARTING", "PAUSED")
		h.pass(time.Hour)
		block = true
		h.must(h.sys.Resume("c"))
		h.pass(time.Hour)
		h.must(h.sys.Pause("c")) // while Open blocks
		h.must(h.sys.Resume("c"))
		h.must(h.sys.Stop(h.Context(), "c")) // while Open blocks
		h.wantStates("c/0", "RESTARTING", "PAUSED", "UNASSIGNED")
	})
}

func TestTask_StopWhileWriteBlocks(t *testing.T) {
	bubble(t, Options{ShutdownTimeout: 5 * time.Second}, func(t *testing.T, h *harness) {
		frames, offsets := make(chan *records.Frame, 4), &memoryOffsets{}
		closed := false
		sink := &fakeSink{write: func(ctx context.Context, b *records.Batch, done deliver.Done) error {
			first := b.Records[0].Value.Num == 1
			b.Release()
			if first {
				done(nil)
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}, close: func() error { closed = true; return nil }}
		h.start("c", parts(Parts{Source: &fakeSource{read: readFrames(frames)}, Sink: sink, Offsets: offsets}))
		frames <- frameOf(at("s", 1), batchOf("a", 1))
		frames <- frameOf(at("s", 2), batchOf("a", 2))
		frames <- frameOf(at("s", 3), batchOf("a", 3))
		synctest.Wait()
		began := time.Now()
		h.must(h.sys.Stop(h.Context(), "c"))
		if took := time.Since(began); took > 5*time.Second || took < time.Second {
			t.Fatalf("took %v", took)
		}
		if offsets.at("s") != 1 || !closed {
			t.Fatalf("stored %d, closed %v", offsets.at("s"), closed)
		}
		h.wantStates("c/0", "RUNNING", "UNASSIGNED")
	})
}

// A source or sink that ignores its context must not hold up the others for ever.
func TestTask_StopWhileSourceIgnoresItsContext(t *testing.T) {
	for _, where := range []string{"read", "open", "write", "close", "commit"} {
		t.Run(where, func(t *testing.T) {
			bubble(t, Options{ShutdownTimeout: 5 * time.Second, FlushInterval: time.Second}, func(t *testing.T, h *harness) {
				release := make(chan struct{})
				block := func(at string) {
					if at == where {
						<-release
					}
				}
				frames := make(chan *records.Frame, 1)
				frames <- frameOf(at("s", 1), batchOf("a", 1))
				closed, commits := false, 0
				h.start("c", parts(Parts{
					Source: &fakeSource{
						open: func(context.Context, []records.Position) error { block("open"); return nil },
						read: func(ctx context.Context) (*records.Frame, error) { block("read"); return readFrames(frames)(ctx) },
						commit: func(context.Context, records.Position) error {
							block("commit")
							commits++
							return nil
						},
						close: func() error { block("close"); closed = true; return nil },
					},
					Sink: &fakeSink{write: func(_ context.Context, b *records.Batch, done deliver.Done) error {
						b.Release()
						block("write")
						done(nil)
						return nil
					}},
				}))
				h.pass(2 * time.Second)
				began := time.Now()
				if err := h.sys.Stop(h.Context(), "c"); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > 5*time.Second+stopGrace {
					t.Fatalf("took %v", took)
				}
				if got := h.lastState("c/0"); got != "UNASSIGNED" {
					t.Fatal(got)
				}
				before := commits
				close(release)
				synctest.Wait()
				// Who was left behind commits nothing more and tells nothing (CW-258).
				if commits != before && where != "commit" {
					t.Errorf("%d commits afterwards", commits-before)
				}
				if got := h.lastState("c/0"); got != "UNASSIGNED" {
					t.Error(got)
				}
				if !closed {
					t.Fatal("not closed when it let go")
				}
			})
		})
	}
}

func TestTask_AFailureThatDoesNotEndIsForAPerson(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		release := make(chan struct{})
		frames := make(chan *records.Frame, 1)
		frames <- frameOf(at("s", 1), batchOf("a", 1))
		h.start("c", parts(Parts{MaxRetries: -1,
			Source: &fakeSource{read: readFrames(frames), close: func() error { <-release; return nil }},
			Sink:   &fakeSink{write: func(context.Context, *records.Batch, deliver.Done) error { return markedError{retriable: true} }},
		}))
		h.pass(time.Minute)
		h.wantStates("c/0", "RUNNING", "RESTARTING", "FAILED")
		if tr := h.status.trace("c/0"); !strings.Contains(tr, "did not end in time") {
			t.Fatal(tr)
		}
		close(release)
	})
}
