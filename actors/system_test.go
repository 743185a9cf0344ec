package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

func TestSystem_ReplacesAConnector(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		e, slow := &events{}, make(chan struct{})
		build := func(name string) func() (Parts, error) {
			return parts(Parts{Sink: &fakeSink{}, Source: &fakeSource{
				open: func(context.Context, []records.Position) error { e.add("open-" + name); return nil },
				close: func() error {
					if name == "2" {
						<-slow
					}
					e.add("close-" + name)
					return nil
				},
			}})
		}
		h.start("c", build("1"))
		for _, n := range []string{"2", "3", "4"} { // 3 is overtaken
			if err := h.sys.Start(Connector{Name: "c", Tasks: []Task{{ID: 0, Build: build(n)}}}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		close(slow)
		synctest.Wait()
		if got := e.String(); got != "open-1 close-1 open-2 close-2 open-4" {
			t.Fatal(got)
		}
		h.must(h.sys.Stop(h.Context(), "c"))
	})
}

func TestSystem_UnknownNames(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		h.start("c", parts(Parts{Source: &fakeSource{}, Sink: &fakeSink{}}))
		for _, err := range []error{h.sys.Pause("x"), h.sys.Resume("x"), h.sys.RestartConnector("x"), h.sys.RestartTask("x", 0), h.sys.Stop(h.Context(), "x")} {
			if !errors.Is(err, ErrUnknownConnector) {
				t.Fatal(err)
			}
		}
		if err := h.sys.RestartTask("c", 7); !errors.Is(err, ErrUnknownTask) || err.Error() != "restart task 7 of connector c: the connector has no such task" {
			t.Fatal(err)
		}
		if h.sys.Progress("x") != nil {
			t.Fatal("progress")
		}
	})
}

// A herder may hold a lock while it calls us and take the same lock when it hears from us.
func TestSystem_DoesNotDeadlockWithTheStatusSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		herder := &lockingSink{take: func() { mu.Lock(); defer mu.Unlock() }}
		sys := New(Options{Status: herder})
		build := parts(Parts{Source: &fakeSource{}, Sink: &fakeSink{}})
		mu.Lock()
		for _, err := range []error{
			sys.Start(Connector{Name: "c", Tasks: []Task{{Build: build}}}), sys.Pause("c"), sys.Resume("c"),
			sys.RestartTask("c", 0), sys.Start(Connector{Name: "c", Tasks: []Task{{Build: build}}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		mu.Unlock()
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := sys.Pause("c"); !errors.Is(err, ErrShutdown) {
			t.Fatal(err)
		}
		if herder.calls.Load() == 0 {
			t.Fatal("no call")
		}
	})
}

type lockingSink struct {
	take  func()
	calls atomic.Int64
}

func (s *lockingSink) ConnectorState(string, State, string) { s.take(); s.calls.Add(1) }
func (s *lockingSink) TaskState(string, int, State, string) {
	s.take()
	s.calls.Add(1)
	panic("bad sink")
}

func TestNotifier_KeepsTheNewestWhenTheSinkIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec, gate := &recorder{}, make(chan struct{})
		n := newNotifier(&slowSink{recorder: rec, gate: gate}, slog.New(slog.DiscardHandler))
		for i := range 5000 {
			n.post(status{connector: "c", task: i % 3, state: Running})
		}
		n.post(status{connector: "c", task: 0, state: Failed})
		n.post(status{connector: "other", task: 0, state: Paused})
		if len(n.queue) > maxQueuedStatus {
			t.Fatalf("%d queued", len(n.queue))
		}
		n.flush("c", time.Second) // gives up, and throws away what is left of c
		close(gate)
		n.close()
		<-n.done
		if got := rec.of("other/0"); !slices.Equal(got, []string{"PAUSED"}) {
			t.Fatal(got)
		}
		if got := rec.of("c/0"); len(got) > 1 {
			t.Fatalf("told after it was thrown away: %v", got)
		}
	})
}

type slowSink struct {
	*recorder
	gate chan struct{}
}

func (s *slowSink) TaskState(c string, task int, st State, trace string) {
	<-s.gate
	s.recorder.TaskState(c, task, st, trace)
}

func TestSystem_ShutdownLeavesNothing(t *testing.T) {
	reg := prometheus.NewRegistry()
	sys := New(Options{Metrics: reg, FlushInterval: time.Millisecond})
	var n atomic.Int64
	for i := range 5 {
		src := &fakeSource{read: func(ctx context.Context) (*records.Frame, error) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			v := n.Add(1)
			return frameOf(at("s", v), batchOf("a", v), batchOf("b", v)), nil
		}}
		build := parts(Parts{Source: src, Sink: &fakeSink{write: func(_ context.Context, b *records.Batch, done deliver.Done) error {
			b.Release()
			go done(nil)
			return nil
		}}, Offsets: &memoryOffsets{}})
		if err := sys.Start(Connector{Name: fmt.Sprintf("c%d", i), Tasks: []Task{{ID: 0, Build: build}, {ID: 1, Build: build}}}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool { return n.Load() > 1000 })
	if err := sys.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t)
	mfs, err := reg.Gather()
	if err != nil || len(mfs) != 0 {
		t.Fatalf("%d families left, %v", len(mfs), err)
	}
}

func TestSystem_ShutdownCutsOffWhatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := New(Options{ShutdownTimeout: time.Minute})
		release := make(chan struct{})
		closed := atomic.Bool{}
		src := &fakeSource{read: func(context.Context) (*records.Frame, error) { <-release; return nil, errPlain }, close: func() error { closed.Store(true); return nil }}
		if err := sys.Start(Connector{Name: "c", Tasks: []Task{{Build: parts(Parts{Source: src, Sink: &fakeSink{}})}}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := sys.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
		close(release)
		synctest.Wait()
		if !closed.Load() {
			t.Fatal("not closed")
		}
	})
}

// eventually polls for a condition outside of a bubble.
func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("condition not met in 10 s")
		}
	}
}

// revocableSource is a consumer: its lanes can be taken away.
type revocableSource struct {
	fakeSource
	hook func(context.Context, []string)
}

func (s *revocableSource) OnRevoke(hook func(context.Context, []string)) { s.hook = hook }

func TestTask_DrainsRevokedLanesBeforeTheRebalance(t *testing.T) {
	bubble(t, Options{FlushInterval: time.Hour}, func(t *testing.T, h *harness) {
		frames, e := make(chan *records.Frame, 4), &events{}
		sink := newParkingSink()
		sink.flush = func(context.Context) error { e.add("flush"); return nil }
		src := &revocableSource{}
		src.read = readFrames(frames)
		src.commit = func(_ context.Context, p records.Position) error {
			n, _ := p.Offset.Int("n")
			e.add(fmt.Sprintf("commit-%s@%d", p.Partition.Str("server"), n))
			return nil
		}
		h.start("c", parts(Parts{Source: src, Sink: sink}))
		frames <- frameOf(at("t-0", 1), batchOf("t-0", 1))
		frames <- frameOf(at("t-1", 2), batchOf("t-1", 2))
		synctest.Wait()
		go func() { src.hook(h.Context(), []string{"t-0", "t-9"}); e.add("rebalanced") }()
		synctest.Wait()
		if e.String() != "flush" {
			t.Fatal(e)
		}
		sink.take(t, 1)(nil)
		synctest.Wait()
		if e.String() != "flush commit-t-0@1 rebalanced" {
			t.Fatal(e)
		}
		// The lane comes again, and the time of a rebalance is limited.
		frames <- frameOf(at("t-0", 3), batchOf("t-0", 3))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(h.Context(), time.Second)
		defer cancel()
		go func() { src.hook(ctx, []string{"t-0"}); e.add("late") }()
		h.pass(2 * time.Second)
		if !strings.HasSuffix(e.String(), "late") {
			t.Fatal(e)
		}
		sink.take(t, 3)(nil)
		sink.take(t, 2)(nil)
		// A consumer that leaves its group is asked to give up its partitions from within Close.
		src.close = func() error { src.hook(context.Background(), []string{"t-0", "t-1"}); return nil }
		h.must(h.sys.Stop(h.Context(), "c"))
		if !strings.Contains(e.String(), "commit-t-1@2") || !strings.Contains(e.String(), "commit-t-0@3") {
			t.Fatal(e)
		}
	})
}

func TestTask_RevokeFromWithinReadAndWhileStopping(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		sink := newParkingSink()
		src := &revocableSource{}
		n := int64(0)
		src.read = func(ctx context.Context) (*records.Frame, error) {
			if n++; n > 2 {
				src.hook(ctx, []string{"t-0"})
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return frameOf(at("t-0", n), batchOf("t-0", n)), nil
		}
		h.start("c", parts(Parts{Source: src, Sink: sink}))
		sink.flush = func(context.Context) error {
			for i := int64(1); i <= 2; i++ {
				sink.take(t, i)(nil)
			}
			sink.flush = nil
			return nil
		}
		h.must(h.sys.Stop(h.Context(), "c"))
		h.wantStates("c/0", "RUNNING", "UNASSIGNED")
	})
}

// progressSource reports a snapshot.
type progressSource struct {
	fakeSource
	snapshot capture.Snapshot
}

func (s *progressSource) SnapshotProgress() capture.Snapshot { return s.snapshot }

func TestTask_ShowsLagProgressAndMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	bubble(t, Options{Metrics: reg, FlushInterval: 5 * time.Second}, func(t *testing.T, h *harness) {
		frames, sink := make(chan *records.Frame, 4), newParkingSink()
		src := &progressSource{snapshot: capture.Snapshot{Running: true, TablesTotal: 4, TablesDone: 1, RowsDone: 100}}
		src.read = readFrames(frames)
		h.start("c", parts(Parts{Source: src, Sink: sink, Offsets: &memoryOffsets{}}))
		lag := func() int64 { synctest.Wait(); return h.sys.Progress("c")[0].LagMillis }
		if lag() != -1 {
			t.Fatal("lag is known before the first frame")
		}
		old := frameOf(at("s", 1), batchOf("a", 1, 2))
		h.pass(500 * time.Millisecond)
		frames <- old
		h.pass(3 * time.Second)
		if l := lag(); l < 3000 || l > 3600 {
			t.Fatalf("lag %d while a frame is in flight", l)
		}
		if v := value(t, reg, "anabranch_task_offset_commit_age_seconds"); v < 2 || v > 3.1 {
			t.Fatalf("commit age %v", v)
		}
		sink.take(t, 1)(nil)
		if l := lag(); l != 3500 {
			t.Fatalf("lag %d", l)
		}
		frames <- &records.Frame{Position: at("s", 2)} // an idle heartbeat
		if l := lag(); l != 0 {
			t.Fatalf("lag %d after a heartbeat", l)
		}
		fresh := frameOf(at("s", 3)) // everything was filtered, but something was read
		h.pass(70 * time.Millisecond)
		frames <- fresh
		if l := lag(); l != 70 {
			t.Fatalf("lag %d after a filtered frame", l)
		}
		h.pass(6 * time.Second)
		if l := lag(); l != 0 {
			t.Fatalf("lag %d with nothing to read", l)
		}
		p := h.sys.Progress("c")[0]
		if !p.HasSnapshot || p.Snapshot.RowsDone != 100 || p.Records != 2 || p.State != Running || p.LastCommitMillis == 0 || p.InFlightBytes != 0 {
			t.Fatalf("progress %+v", p)
		}
		for name, want := range map[string]float64{
			"anabranch_task_records_total": 2, "anabranch_task_batches_total": 1, "anabranch_task_snapshot_tables": 4,
			"anabranch_task_snapshot_rows_done": 100, "anabranch_task_lanes": 1, "anabranch_task_offset_commit_age_seconds": 0,
			"anabranch_task_lag_milliseconds": 0, "anabranch_task_queue_bytes": 0, "anabranch_task_table_records_total": 2,
			"anabranch_task_queue_limit_bytes": DefaultBudgetBytes,
		} {
			if got := value(t, reg, name); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	})
}

// value returns the only series of a family.
func value(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	mfs, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, mf := range mfs {
		if mf.GetName() != name {
			continue
		}
		m := mf.GetMetric()[0]
		if m.GetCounter() != nil {
			return m.GetCounter().GetValue()
		}
		return m.GetGauge().GetValue()
	}
	t.Fatalf("no series %s", name)
	return 0
}

func TestTask_ReclaimsIdleLanesAndCapsSeries(t *testing.T) {
	reg := prometheus.NewRegistry()
	bubble(t, Options{Metrics: reg}, func(t *testing.T, h *harness) {
		frames := make(chan *records.Frame)
		h.start("c", parts(Parts{Source: &fakeSource{read: readFrames(frames)}, Sink: &fakeSink{}, Offsets: &memoryOffsets{}}))
		for i := range int64(1000) {
			frames <- frameOf(at("s", i), batchOf(fmt.Sprintf("t%d", i), i))
		}
		h.pass(2 * time.Second)
		if n := value(t, reg, "anabranch_task_lanes"); n != 1000 {
			t.Fatalf("%v lanes", n)
		}
		h.pass(2 * time.Minute)
		if n := value(t, reg, "anabranch_task_lanes"); n > maxIdleLanes {
			t.Fatalf("%v lanes after two minutes", n)
		}
		frames <- frameOf(at("s", 1001), batchOf("t1", 1001)) // one that was reclaimed
		synctest.Wait()
		if p := h.sys.Progress("c")[0]; p.Records != 1001 || p.State != Running {
			t.Fatalf("%+v", p)
		}
		mfs, _ := reg.Gather()
		for _, mf := range mfs {
			if mf.GetName() == "anabranch_task_table_records_total" && len(mf.GetMetric()) > maxTableSeries+1 {
				t.Fatalf("%d series by table", len(mf.GetMetric()))
			}
		}
	})
}

// A panic of our own actors is a bug; it must end in FAILED and not take others along.
func TestSystem_SurvivesPanicsOfItsActors(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		closed := 0
		build := parts(Parts{Source: &fakeSource{close: func() error { closed++; return nil }}, Sink: &fakeSink{}})
		h.start("c", build)
		h.start("d", build)
		root := h.sys.lib.Root
		send := func(path string, msg any) {
			t.Helper()
			root.Send(actor.NewPID(h.sys.registry.Address, path), msg)
			synctest.Wait()
		}
		send("registry/connector/c/1/task/0/1", &frameRead{epoch: 1}) // without a frame
		h.wantStates("c/0", "RUNNING", "FAILED")
		if tr := h.status.trace("c/0"); !strings.Contains(tr, "nil pointer") || !strings.Contains(tr, "\tat github.com/anabranch/anabranch/actors.(*task).onFrame(taskflow.go:") {
			t.Fatal(tr)
		}
		if closed != 1 {
			t.Fatalf("closed %d times", closed)
		}
		h.must(h.sys.RestartTask("c", 0))
		if got := h.lastState("c/0"); got != "RUNNING" {
			t.Fatal(got)
		}
		send("registry/connector/c/1", (*restartTask)(nil))
		if got := h.lastState("c"); got != "FAILED" {
			t.Fatal(got)
		}
		if closed != 2 || h.sys.Progress("c") != nil {
			t.Fatalf("closed %d times", closed)
		}
		h.must(h.sys.RestartConnector("c"))
		if got := h.lastState("c") + " " + h.lastState("c/0"); got != "RUNNING RUNNING" {
			t.Fatal(got)
		}
		send("registry", (*command)(nil))
		h.must(h.sys.Stop(h.Context(), "c"))
		h.wantStates("d/0", "RUNNING")
	})
}
