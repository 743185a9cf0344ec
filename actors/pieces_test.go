package actors

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/records"
)

func TestSystem_RunsPartsOfAConnector(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		build := parts(Parts{Source: &fakeSource{}, Sink: &fakeSink{}})
		task := func(ids ...int) (out []Task) {
			for _, id := range ids {
				out = append(out, Task{ID: id, Build: build})
			}
			return out
		}
		running := func() (ids []int) {
			for _, p := range h.sys.Progress("c") {
				ids = append(ids, p.Task)
			}
			return ids
		}
		h.must(h.sys.Remove(h.Context(), "c", Pieces{Instance: true, Tasks: []int{1}}))
		h.must(h.sys.Add(Connector{Name: "c", TasksOnly: true, Tasks: task(0, 2)}))
		h.wantStates("c") // the instance is elsewhere
		h.wantStates("c/2", "RUNNING")
		h.must(h.sys.Add(Connector{Name: "c"}))
		h.wantStates("c", "RUNNING")
		h.wantStates("c/0", "RUNNING")
		h.must(h.sys.Add(Connector{Name: "c", TasksOnly: true, Tasks: task(1, 2)})) // 2 anew
		h.wantStates("c/2", "RUNNING", "UNASSIGNED", "RUNNING")
		h.must(h.sys.Remove(h.Context(), "c", Pieces{Tasks: []int{0, 7}}))
		h.wantStates("c/0", "RUNNING", "UNASSIGNED")
		if got := running(); !slices.Equal(got, []int{1, 2}) {
			t.Fatal(got)
		}
		h.must(h.sys.Pause("c"))
		h.must(h.sys.Add(Connector{Name: "c", Paused: true, TasksOnly: true, Tasks: task(3)}))
		h.wantStates("c/3", "PAUSED")
		h.must(h.sys.Remove(h.Context(), "c", Pieces{Instance: true, Tasks: []int{1, 2}}))
		h.wantStates("c", "RUNNING", "PAUSED", "UNASSIGNED")
		h.must(h.sys.Remove(h.Context(), "c", Pieces{Tasks: []int{3}}))
		if h.sys.Progress("c") != nil || h.sys.Pause("c") == nil {
			t.Fatal("the connector outlives its last part")
		}
		h.wantStates("c", "RUNNING", "PAUSED", "UNASSIGNED")
	})
}

// A part that belongs to another worker ends at once: nothing more is delivered.
func TestSystem_AbortsParts(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, h *harness) {
		frames, sink, offsets := make(chan *records.Frame, 1), newParkingSink(), &memoryOffsets{}
		flushed := false
		sink.flush = func(context.Context) error { flushed = true; return nil }
		p := Parts{Source: &fakeSource{read: readFrames(frames)}, Sink: sink, Offsets: offsets}
		h.must(h.sys.Add(Connector{Name: "c", TasksOnly: true, Tasks: []Task{{ID: 0, Build: parts(p)}, {ID: 1, Build: parts(Parts{Source: &fakeSource{}, Sink: &fakeSink{}})}}}))
		frames <- frameOf(at("s", 1), batchOf("a", 1))
		synctest.Wait()
		began := time.Now()
		h.must(h.sys.Remove(h.Context(), "c", Pieces{Tasks: []int{0}, Abort: true}))
		if took := time.Since(began); took != 0 || flushed || offsets.at("s") != -1 {
			t.Fatalf("took %v, flushed %v, offset %d", took, flushed, offsets.at("s"))
		}
		sink.take(t, 1)(nil) // too late to count
		h.wantStates("c/0", "RUNNING", "UNASSIGNED")
		h.wantStates("c/1", "RUNNING")
		h.must(h.sys.Abort())
		h.wantStates("c/1", "RUNNING", "UNASSIGNED")
		h.must(h.sys.Remove(h.Context(), "c", Pieces{Tasks: []int{1}, Abort: true}))
		h.wantStates("c/1", "RUNNING", "UNASSIGNED")
	})
}
