package actors

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// troubledSink is a sink that redelivers when the test says so.
type troubledSink struct {
	*parkingSink
	hear func(error)
}

func (s *troubledSink) OnTrouble(hear func(error)) { s.hear = hear }

// memberSource can be paused and loses partitions.
type memberSource struct {
	pausingSource
	revoke func(context.Context, []string)
}

func (s *memberSource) OnRevoke(hook func(ctx context.Context, lanes []string)) { s.revoke = hook }

func TestTask_GoesOnWhileTheSinkRedelivers(t *testing.T) {
	bubble(t, Options{BudgetBytes: frameOverheadBytes}, func(t *testing.T, h *harness) {
		frames, e := make(chan *records.Frame, 4), &events{}
		sink := &troubledSink{parkingSink: newParkingSink()}
		source := &memberSource{pausingSource: pausingSource{fakeSource{read: readFrames(frames)}, e}}
		builds := 0
		h.start("c", func() (Parts, error) {
			builds++
			return Parts{Source: source, Sink: sink, MaxRetries: -1}, nil
		})
		for i := range int64(3) {
			frames <- frameOf(at("s", i), batchOf("a", i))
		}
		synctest.Wait()
		if sink.len() != 1 || len(frames) != 1 {
			t.Fatalf("%d batches at the sink, %d frames left: the budget holds one, the pump one", sink.len(), len(frames))
		}
		sink.hear(markedError{retriable: true})
		synctest.Wait()
		h.wantStates("c/0", "RUNNING", "RESTARTING")
		if tr := h.status.trace("c/0"); !strings.Contains(tr, "marked error") {
			t.Error(tr)
		}
		sink.hear(markedError{retriable: true})
		h.must(h.sys.Pause("c"))
		h.pass(pausedAfter)
		h.must(h.sys.Resume("c"))
		h.wantStates("c/0", "RUNNING", "RESTARTING", "PAUSED", "RESTARTING")
		sink.hear(nil)
		synctest.Wait()
		h.wantStates("c/0", "RUNNING", "RESTARTING", "PAUSED", "RESTARTING", "RUNNING")
		if got := e.String(); got != "pause resume" || builds != 1 {
			t.Errorf("%s, built %d times", got, builds)
		}

		// A rebalance does not wait for a sink that cannot write, and what it holds is given up.
		sink.hear(markedError{retriable: true})
		synctest.Wait()
		passed := make(chan struct{})
		go func() { source.revoke(t.Context(), []string{"a"}); close(passed) }()
		synctest.Wait()
		select {
		case <-passed:
		default:
			t.Fatal("the rebalance waits")
		}
		h.pass(time.Minute)
		if builds != 2 {
			t.Errorf("built %d times", builds)
		}
	})
}

var _ deliver.Redeliverer = (*troubledSink)(nil)
