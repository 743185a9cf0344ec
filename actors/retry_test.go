package actors

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

func TestTask_BacksOffAndGivesUp(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		var tries []time.Time
		build := func() (Parts, error) {
			return Parts{MaxRetries: 6, RetryWaitMillis: 2000, Sink: &fakeSink{}, Source: &fakeSource{open: func(context.Context, []records.Position) error {
				tries = append(tries, time.Now())
				return markedError{retriable: true}
			}}}, nil
		}
		h.start("c", build)
		h.wantStates("c/0", "RESTARTING")
		h.pass(time.Minute)
		h.wantStates("c/0", "RESTARTING", "FAILED")
		if len(tries) != 7 {
			t.Fatalf("%d tries", len(tries))
		}
		ceilings := []time.Duration{300, 600, 1200, 2000, 2000, 2000}
		for i := range ceilings {
			if wait := tries[i+1].Sub(tries[i]); wait <= 0 || wait > ceilings[i]*time.Millisecond {
				t.Fatalf("wait %d was %v", i, wait)
			}
		}
		if tr := h.status.trace("c/0"); !strings.Contains(tr, "gave up after 6 restarts in a row") {
			t.Fatal(tr)
		}
	})
}

func TestTask_ProgressResetsTheRetries(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		n := int64(0)
		build := func() (Parts, error) {
			return Parts{MaxRetries: 1, Sink: &fakeSink{}, Offsets: &memoryOffsets{}, Source: &fakeSource{read: func(context.Context) (*records.Frame, error) {
				if n++; n%2 == 0 && n < 20 {
					return nil, markedError{retriable: true}
				} else if n < 20 {
					return frameOf(at("s", n), batchOf("a", n)), nil
				}
				return nil, markedError{retriable: true}
			}}}, nil
		}
		h.start("c", build)
		h.pass(time.Minute)
		if n != 21 || h.lastState("c/0") != "FAILED" {
			t.Fatalf("n %d, %s", n, h.lastState("c/0"))
		}
	})
}

func TestTask_UnmarkedErrors(t *testing.T) {
	cases := []struct {
		name  string
		parts func(incarnation int) Parts
		tries int
	}{
		{"sink that cannot write is tried for a while", func(int) Parts {
			frames := make(chan *records.Frame, 1)
			frames <- frameOf(at("s", 1), batchOf("a", 1))
			return Parts{MaxRetries: -1, Source: &fakeSource{read: readFrames(frames)}, Sink: &fakeSink{write: func(context.Context, *records.Batch, deliver.Done) error { return errPlain }}}
		}, maxUnmarkedRetries + 1},
		{"open again is tried for a while", func(n int) Parts {
			src := &fakeSource{open: func(context.Context, []records.Position) error { return errPlain }}
			if n == 1 {
				src = &fakeSource{read: func(context.Context) (*records.Frame, error) { return nil, markedError{retriable: true} }}
			}
			return Parts{MaxRetries: -1, Source: src, Sink: &fakeSink{}}
		}, maxUnmarkedRetries + 1},
		{"source that cannot read is not", func(int) Parts {
			return Parts{MaxRetries: -1, Sink: &fakeSink{}, Source: &fakeSource{read: func(context.Context) (*records.Frame, error) { return nil, errPlain }}}
		}, 1},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, h *harness) {
				n := 0
				h.start("c", func() (Parts, error) { n++; return tc.parts(n), nil })
				h.pass(time.Hour)
				if n != tc.tries || h.lastState("c/0") != "FAILED" {
					t.Fatalf("%d incarnations, want %d; %s", n, tc.tries, h.lastState("c/0"))
				}
			})
		})
	}
}

func TestTask_FailedCommitKeepsTheTaskAndTheData(t *testing.T) {
	bubble(t, Options{FlushInterval: time.Second, FlushTimeout: 100 * time.Millisecond}, func(t *testing.T, h *harness) {
		frames := make(chan *records.Frame, 2)
		var broken atomic.Bool
		broken.Store(true)
		offsets := &memoryOffsets{fail: func() error {
			if broken.Load() {
				return errPlain
			}
			return nil
		}}
		h.start("c", parts(Parts{Source: &fakeSource{read: readFrames(frames)}, Sink: &fakeSink{}, Offsets: offsets}))
		frames <- frameOf(at("s", 1), batchOf("a", 1))
		h.pass(20 * time.Second)
		if n := strings.Count(h.log.String(), "offset commit failed"); n != 1 {
			t.Fatalf("%d log lines in 20 s:\n%s", n, h.log)
		}
		h.pass(20 * time.Second)
		if !strings.Contains(h.log.String(), "repeated=29") {
			t.Fatalf("no line with a count:\n%s", h.log)
		}
		frames <- frameOf(at("s", 2), batchOf("a", 2))
		broken.Store(false)
		h.pass(2 * time.Second)
		if offsets.at("s") != 2 {
			t.Fatalf("stored %d", offsets.at("s"))
		}
		h.wantStates("c/0", "RUNNING")
	})
}

func TestTask_SinkConnectorCommitsAtItsSource(t *testing.T) {
	bubble(t, Options{FlushInterval: time.Second}, func(t *testing.T, h *harness) {
		frames := make(chan *records.Frame, 4)
		tries, committed := 0, map[string]int64{}
		src := &fakeSource{read: readFrames(frames), commit: func(_ context.Context, p records.Position) error {
			if tries++; tries == 1 {
				return errPlain // "not stored": it comes again
			}
			n, _ := p.Offset.Int("n")
			committed[p.Partition.Str("server")] = n
			return nil
		}}
		h.start("c", parts(Parts{Source: src, Sink: &fakeSink{}}))
		frames <- frameOf(at("t-0", 5), batchOf("t-0", 4))
		frames <- frameOf(at("t-1", 9), batchOf("t-1", 8))
		h.pass(1500 * time.Millisecond)
		h.pass(time.Second)
		if committed["t-0"] != 5 || committed["t-1"] != 9 {
			t.Fatalf("committed %v in %d tries", committed, tries)
		}
	})
}

func TestTask_BatchEmptiedByTransformsCountsAsDelivered(t *testing.T) {
	bubble(t, Options{FlushInterval: time.Second}, func(t *testing.T, h *harness) {
		frames := make(chan *records.Frame, 1)
		offsets := &memoryOffsets{}
		var chains atomic.Int64
		h.start("c", parts(Parts{
			Source: &fakeSource{read: readFrames(frames)}, Offsets: offsets,
			Sink: &fakeSink{write: func(context.Context, *records.Batch, deliver.Done) error {
				t.Error("an empty batch was written")
				return nil
			}},
			NewChain: func() (Chain, error) {
				chains.Add(1)
				return applyFunc(func(b *records.Batch) error { b.Records = b.Records[:0]; return nil }), nil
			},
		}))
		frames <- frameOf(at("s", 7), batchOf("a", 1, 2), batchOf("b", 3), batchOf("a"))
		h.pass(2 * time.Second)
		if offsets.at("s") != 7 || chains.Load() != 2 {
			t.Fatalf("stored %d, %d chains", offsets.at("s"), chains.Load())
		}
	})
}

func TestTask_StaysRunningAtTheEndOfItsSource(t *testing.T) {
	bubble(t, Options{FlushInterval: time.Hour}, func(t *testing.T, h *harness) {
		frames := make(chan *records.Frame, 1)
		frames <- frameOf(at("s", 1), batchOf("a", 1))
		close(frames)
		offsets, closed := &memoryOffsets{}, false
		h.start("c", parts(Parts{Source: &fakeSource{read: readFrames(frames), close: func() error { closed = true; return nil }}, Sink: &fakeSink{}, Offsets: offsets}))
		h.wantStates("c/0", "RUNNING")
		if offsets.at("s") != 1 || closed {
			t.Fatalf("stored %d, closed %v", offsets.at("s"), closed)
		}
		h.must(h.sys.Stop(h.Context(), "c"))
		h.wantStates("c/0", "RUNNING", "UNASSIGNED")
		if !closed {
			t.Fatal("not closed")
		}
	})
}

// Between the failure of a lane and the end of its epoch further batches may be in its queue.
func TestLane_DeliversNothingAfterAFailure(t *testing.T) {
	cases := []struct {
		name  string
		chain func() (Chain, error)
		write func() error
	}{
		{"write fails", nil, func() error { return errPlain }},
		{"write panics", nil, func() error { return explode(nil) }},
		{"transform panics", func() (Chain, error) { return applyFunc(explode), nil }, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			writes, told := 0, []any{}
			r := &incarnation{who: "c-0", stats: newTaskStats(javametrics.Spec{}), work: t.Context(), tell: func(m any) { told = append(told, m) }}
			r.parts = Parts{NewChain: tc.chain, Sink: &fakeSink{write: func(_ context.Context, _ *records.Batch, _ deliver.Done) error {
				writes++
				return tc.write()
			}}}
			l := &lane{run: r, table: "a"}
			for n := range int64(3) {
				f := &flight{run: r}
				f.left.Store(1)
				l.take(&batchWork{flight: f, batch: batchOf("a", n)})
			}
			if want := 1; tc.write != nil && writes != want || len(told) != 1 {
				t.Fatalf("%d writes, told %v", writes, told)
			}
		})
	}
}
