package actors

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

func TestTask_CommitsOnlyTheFinishedPrefix(t *testing.T) {
	bubble(t, Options{FlushInterval: time.Second}, func(t *testing.T, h *harness) {
		frames := make(chan *records.Frame, 8)
		sink, offsets := newParkingSink(), &memoryOffsets{}
		var told []int64
		src := &fakeSource{read: readFrames(frames), commit: func(_ context.Context, p records.Position) error {
			n, _ := p.Offset.Int("n")
			if offsets.at("s") < n {
				t.Errorf("source was told %d before it was stored", n) // invariant 1
			}
			told = append(told, n)
			return nil
		}}
		h.start("c", parts(Parts{Source: src, Sink: sink, Offsets: offsets}))
		frames <- frameOf(at("s", 1), batchOf("a", 10), batchOf("b", 11))
		frames <- frameOf(at("s", 2), batchOf("a", 20))
		frames <- frameOf(at("s", 3)) // a heartbeat
		frames <- frameOf(at("s", 4), batchOf("c", 40))
		synctest.Wait()
		if sink.len() != 4 {
			t.Fatalf("%d batches at the sink", sink.len())
		}
		steps := []struct {
			done int64
			want int64
		}{{20, -1}, {10, -1}, {11, 3}, {40, 4}}
		for _, s := range steps {
			sink.take(t, s.done)(nil)
			h.pass(1100 * time.Millisecond)
			if got := offsets.at("s"); got != s.want {
				t.Fatalf("after batch %d: stored %d, want %d", s.done, got, s.want)
			}
		}
		if !slices.Equal(told, []int64{3, 4}) {
			t.Fatalf("source was told %v", told)
		}
		h.pass(10 * time.Second)
		if offsets.count != 2 {
			t.Fatalf("%d commits, though nothing moved", offsets.count)
		}
	})
}

func TestTask_KeepsOrderPerLane(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		frames := make(chan *records.Frame)
		var mu sync.Mutex
		got := map[string][]int64{}
		sink := &fakeSink{write: func(_ context.Context, b *records.Batch, done deliver.Done) error {
			mu.Lock()
			defer mu.Unlock()
			for i := range b.Records {
				got[b.Origin.Table] = append(got[b.Origin.Table], int64(b.Records[i].Value.Num))
			}
			b.Release()
			go done(nil)
			return nil
		}}
		h.start("c", parts(Parts{Source: &fakeSource{read: readFrames(frames)}, Sink: sink, Offsets: &memoryOffsets{}}))
		for n := int64(0); n < 300; n++ {
			frames <- frameOf(at("s", n), batchOf("a", 2*n, 2*n+1), batchOf(fmt.Sprintf("t%d", n%7), n))
		}
		synctest.Wait() // a frame that the task does not have yet is read again another time
		h.must(h.sys.Stop(h.Context(), "c"))
		for table, ns := range got {
			if !slices.IsSorted(ns) {
				t.Fatalf("lane %s: %v", table, ns)
			}
		}
		if len(got["a"]) != 600 {
			t.Fatalf("%d rows of a", len(got["a"]))
		}
	})
}

// The second batch of lane a fails while lane b goes on: the task must not commit beyond it, and
// must begin again at what is committed.
func TestTask_RewindsAfterLaneFailure(t *testing.T) {
	bubble(t, Options{FlushInterval: time.Hour}, func(t *testing.T, h *harness) {
		offsets := &memoryOffsets{}
		var opened [][]records.Position
		var mu sync.Mutex
		var delivered []int64
		broken := true
		build := func() (Parts, error) {
			next := int64(0)
			src := &fakeSource{
				open: func(_ context.Context, ps []records.Position) error {
					opened = append(opened, ps)
					if len(ps) > 0 {
						next, _ = ps[0].Offset.Int("n")
					}
					return nil
				},
				read: func(ctx context.Context) (*records.Frame, error) {
					if next == 5 {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					next++
					return frameOf(at("s", next), batchOf([]string{"a", "b"}[next%2], next)), nil
				},
			}
			sink := &fakeSink{write: func(_ context.Context, b *records.Batch, done deliver.Done) error {
				mu.Lock()
				defer mu.Unlock()
				n := int64(b.Records[0].Value.Num)
				b.Release()
				if n == 3 && broken {
					broken = false
					return markedError{retriable: true}
				}
				delivered = append(delivered, n)
				done(nil)
				return nil
			}}
			return Parts{Source: src, Sink: sink, Offsets: offsets, MaxRetries: -1}, nil
		}
		h.start("c", build)
		h.wantStates("c/0", "RUNNING", "RESTARTING")
		if got := offsets.at("s"); got > 2 {
			t.Fatalf("committed %d, but 3 was not delivered", got)
		}
		if tr := h.status.trace("c/0"); !strings.HasPrefix(tr, defaultClass+": marked error") {
			t.Fatalf("trace %q", tr)
		}
		h.pass(time.Second)
		h.wantStates("c/0", "RUNNING", "RESTARTING", "RUNNING")
		h.must(h.sys.Stop(h.Context(), "c"))
		if len(opened) != 2 || offsets.at("s") != 5 {
			t.Fatalf("opened at %v, stored %d", opened, offsets.at("s"))
		}
		for n := int64(1); n <= 5; n++ {
			if !slices.Contains(delivered, n) {
				t.Fatalf("row %d is lost: %v", n, delivered)
			}
		}
	})
}

func TestTask_IgnoresCompletionsOfAnOldEpoch(t *testing.T) {
	bubble(t, Options{FlushInterval: time.Second}, func(t *testing.T, h *harness) {
		offsets := &memoryOffsets{}
		var sinks []*parkingSink
		build := func() (Parts, error) {
			frames := make(chan *records.Frame, 2)
			frames <- frameOf(at("s", 1), batchOf("a", 1))
			frames <- frameOf(at("s", 2), batchOf("b", 2))
			sinks = append(sinks, newParkingSink())
			return Parts{Source: &fakeSource{read: readFrames(frames)}, Sink: sinks[len(sinks)-1], Offsets: offsets, MaxRetries: -1}, nil
		}
		h.start("c", build)
		late := sinks[0].take(t, 1)
		sinks[0].take(t, 2)(markedError{retriable: true})
		h.pass(2 * time.Second)
		if len(sinks) != 2 || h.lastState("c/0") != "RUNNING" {
			t.Fatalf("%d incarnations, %s", len(sinks), h.lastState("c/0"))
		}
		late(nil) // of the first incarnation
		h.pass(2 * time.Second)
		if got := offsets.at("s"); got != -1 {
			t.Fatalf("stored %d after a completion of the old epoch", got)
		}
		if p := h.sys.Progress("c")[0]; p.Records != 0 {
			t.Fatalf("%d records counted", p.Records)
		}
		sinks[1].take(t, 1)(nil)
		sinks[1].take(t, 2)(nil)
		h.pass(2 * time.Second)
		if got := offsets.at("s"); got != 2 {
			t.Fatalf("stored %d", got)
		}
	})
}

func TestTask_ReadsNoMoreThanItsBudget(t *testing.T) {
	const budget = 10 * (frameOverheadBytes + 104)
	bubble(t, Options{BudgetBytes: budget}, func(t *testing.T, h *harness) {
		var reads int64
		sink := newParkingSink()
		src := &fakeSource{read: func(context.Context) (*records.Frame, error) {
			reads++
			return frameOf(at("s", reads), batchOf("a", reads)), nil
		}}
		h.start("c", parts(Parts{Source: src, Sink: sink, Offsets: &memoryOffsets{}}))
		if sink.len() != 10 || reads != 11 {
			t.Fatalf("%d frames at the sink, %d read", sink.len(), reads)
		}
		p := h.sys.Progress("c")
		if len(p) != 1 || p[0].InFlightBytes != budget || p[0].BudgetBytes != budget {
			t.Fatalf("progress %+v", p)
		}
		sink.take(t, 1)(nil)
		synctest.Wait()
		if sink.len() != 10 || reads != 12 {
			t.Fatalf("after one was done: %d at the sink, %d read", sink.len(), reads)
		}
		sink.flush = func(context.Context) error {
			for sink.len() > 0 {
				sink.mu.Lock()
				p := sink.batches[0]
				sink.batches = sink.batches[1:]
				sink.mu.Unlock()
				p.done(nil)
			}
			return nil
		}
	})
}

func TestTask_FailsForGood(t *testing.T) {
	cases := []struct {
		name  string
		parts func(frames chan *records.Frame) Parts
		lines []string // that the trace has, in order
	}{
		{"sink of a source connector", func(f chan *records.Frame) Parts {
			return Parts{Source: &fakeSource{read: readFrames(f)}, Offsets: &memoryOffsets{},
				Sink: &fakeSink{write: func(context.Context, *records.Batch, deliver.Done) error {
					return &deliver.Error{Op: "write topic", Subject: "orders", Cause: errPlain, Class: "org.apache.kafka.common.errors.RecordTooLargeException"}
				}}}
		}, []string{
			"org.apache.kafka.connect.errors.ConnectException: Unrecoverable exception from producer send callback\n\tat anabranch/write(a)\n",
			"Caused by: org.apache.kafka.common.errors.RecordTooLargeException: write topic orders: plain error\n\tat anabranch/write.topic(orders)\n",
			"Caused by: org.apache.kafka.connect.errors.ConnectException: plain error\n\tat anabranch/",
		}},
		{"completion at a sink connector", func(f chan *records.Frame) Parts {
			return Parts{Source: &fakeSource{read: readFrames(f)},
				Sink: &fakeSink{write: func(_ context.Context, b *records.Batch, done deliver.Done) error {
					b.Release()
					go done(markedError{})
					return nil
				}}}
		}, []string{
			"org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.\n",
			"Caused by: org.apache.kafka.connect.errors.ConnectException: marked error",
		}},
		{"source", func(chan *records.Frame) Parts {
			return Parts{Offsets: &memoryOffsets{}, Sink: &fakeSink{}, Source: &fakeSource{read: func(context.Context) (*records.Frame, error) {
				return nil, errPlain
			}}}
		}, []string{"org.apache.kafka.connect.errors.ConnectException: plain error\n\tat anabranch/read(c-0)"}},
		{"transform", func(f chan *records.Frame) Parts {
			return Parts{Source: &fakeSource{read: readFrames(f)}, Offsets: &memoryOffsets{}, Sink: &fakeSink{},
				NewChain: func() (Chain, error) {
					return applyFunc(func(*records.Batch) error { return errPlain }), nil
				}}
		}, []string{"org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n\tat anabranch/transform(a)\nCaused by: ", "plain error"}},
		{"panic in a transform", func(f chan *records.Frame) Parts {
			return Parts{Source: &fakeSource{read: readFrames(f)}, Offsets: &memoryOffsets{}, Sink: &fakeSink{},
				NewChain: func() (Chain, error) { return applyFunc(explode), nil }}
		}, []string{"org.apache.kafka.connect.errors.ConnectException: panic: boom\n", "\tat github.com/anabranch/anabranch/actors.explode(task_test.go:"}},
		{"panic in the source", func(chan *records.Frame) Parts {
			return Parts{Offsets: &memoryOffsets{}, Sink: &fakeSink{}, Source: &fakeSource{read: func(context.Context) (*records.Frame, error) {
				explode(nil)
				return nil, nil
			}}}
		}, []string{"panic: boom", "actors.explode("}},
		{"panic in the sink", func(f chan *records.Frame) Parts {
			return Parts{Source: &fakeSource{read: readFrames(f)}, Offsets: &memoryOffsets{}, Sink: &fakeSink{write: func(_ context.Context, b *records.Batch, _ deliver.Done) error {
				return explode(b)
			}}}
		}, []string{"panic: boom", "actors.explode("}},
		{"panic in a commit", func(f chan *records.Frame) Parts {
			return Parts{Source: &fakeSource{read: readFrames(f), commit: func(context.Context, records.Position) error { return explode(nil) }},
				Offsets: &memoryOffsets{}, Sink: &fakeSink{}}
		}, []string{"panic: boom", "actors.explode("}},
		{"chain", func(f chan *records.Frame) Parts {
			return Parts{Source: &fakeSource{read: readFrames(f)}, Offsets: &memoryOffsets{}, Sink: &fakeSink{},
				NewChain: func() (Chain, error) { return nil, errPlain }}
		}, []string{"plain error"}},
		{"first open of the sink", func(chan *records.Frame) Parts {
			return Parts{Source: &fakeSource{}, Sink: &fakeSink{open: func(context.Context) error { return errPlain }}}
		}, []string{"org.apache.kafka.connect.errors.ConnectException: plain error\n\tat anabranch/open.sink(c-0)"}},
		{"neither source nor sink", func(chan *records.Frame) Parts { return Parts{} }, []string{"the task has no source or no sink"}},
		{"retriable without retries left", func(chan *records.Frame) Parts {
			return Parts{Sink: &fakeSink{}, Source: &fakeSource{open: func(context.Context, []records.Position) error { return markedError{retriable: true} }}}
		}, []string{"marked error, retriable true"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, Options{FlushInterval: time.Second}, func(t *testing.T, h *harness) {
				frames := make(chan *records.Frame, 4)
				frames <- frameOf(at("s", 1), batchOf("a", 1))
				frames <- frameOf(at("s", 2), batchOf("a", 2))
				h.start("c", parts(tc.parts(frames)))
				h.pass(2 * time.Second)
				if got := h.lastState("c/0"); got != "FAILED" {
					t.Fatalf("state %s", got)
				}
				trace := h.status.trace("c/0")
				rest := trace
				for _, line := range tc.lines {
					_, after, ok := strings.Cut(rest, line)
					if !ok {
						t.Fatalf("trace has no %q:\n%s", line, trace)
					}
					rest = after
				}
				h.pass(time.Hour)
				h.must(h.sys.Pause("c"))
				h.must(h.sys.Resume("c"))
				if got := h.lastState("c/0"); got != "FAILED" {
					t.Fatalf("a FAILED task became %s by itself", got)
				}
				if strings.Contains(trace, "panic") && !strings.Contains(h.log.String(), "actors.explode task_test.go") {
					t.Fatalf("no stack in the log:\n%s", h.log)
				}
			})
		})
	}
}

type applyFunc func(*records.Batch) error

func (f applyFunc) Apply(_ context.Context, b *records.Batch) error { return f(b) }

func explode(*records.Batch) error { panic("boom") }

func TestTask_RestartBringsAFailedTaskBack(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		broken := true
		h.start("c", func() (Parts, error) {
			if broken {
				return Parts{}, errPlain
			}
			return Parts{Source: &fakeSource{}, Sink: &fakeSink{}}, nil
		})
		h.wantStates("c/0", "FAILED")
		broken = false
		h.must(h.sys.RestartTask("c", 0))
		h.wantStates("c/0", "FAILED", "RESTARTING", "RUNNING")
		if h.status.trace("c/0") != "" {
			t.Fatal("the trace stays")
		}
		h.must(h.sys.RestartTask("c", 0)) // of a running one
		h.wantStates("c/0", "FAILED", "RESTARTING", "RUNNING", "RESTARTING", "RUNNING")
		h.must(h.sys.RestartConnector("c"))
		h.wantStates("c", "RUNNING", "RESTARTING", "RUNNING")
		h.wantStates("c/0", "FAILED", "RESTARTING", "RUNNING", "RESTARTING", "RUNNING")
	})
}
