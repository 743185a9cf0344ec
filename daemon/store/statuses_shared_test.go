package store

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anabranch/anabranch/actors"
)

// shared is a status store of one worker over a log that others write to.
func shared(t *testing.T, log Log, worker string, generation int64) *Statuses {
	t.Helper()
	s := NewStatuses(log, worker, generation, slog.New(slog.DiscardHandler))
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func record(worker string, state actors.State, generation int64) []byte {
	return Status{State: state, WorkerID: worker, Generation: generation}.value()
}

func TestStatuses_TakesWhatOthersWrite(t *testing.T) {
	log := &MemoryLog{}
	s := shared(t, log, "me", 5)
	write := func(key string, value []byte) {
		t.Helper()
		if err := log.Append(t.Context(), Record{Key: []byte(key), Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	state := func() string {
		st, _ := s.Task("c", 0)
		return string(st.State) + " " + st.WorkerID
	}
	write("status-task-c-0", record("other", actors.Running, 5))
	if got := state(); got != "RUNNING other" {
		t.Error(got)
	}
	// The old owner is slower than the new one (CW-185).
	write("status-task-c-0", record("third", actors.Unassigned, 5))
	if got := state(); got != "RUNNING other" {
		t.Error(got)
	}
	// Its own end counts.
	write("status-task-c-0", record("other", actors.Unassigned, 5))
	if got := state(); got != "UNASSIGNED other" {
		t.Error(got)
	}
	// Safe writes keep off what others have in a later generation (CW-184), plain ones do not.
	write("status-task-c-0", record("other", actors.Running, 6))
	s.TaskState("c", 0, actors.Unassigned, "")
	s.TaskState("c", 0, actors.Failed, "x")
	if got := state(); got != "RUNNING other" {
		t.Error(got)
	}
	s.TaskState("c", 0, actors.Running, "")
	if got := state(); got != "RUNNING me" {
		t.Error(got)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	write("status-task-c-0", nil)
	if _, ok := s.Task("c", 0); ok {
		t.Error("a tombstone left something")
	}
}

// What was found at the start is of a group that may be over: generations count anew.
func TestStatuses_OldRecordsBlockNothing(t *testing.T) {
	log := &MemoryLog{}
	if err := log.Open(t.Context(), func(Record) {}); err != nil {
		t.Fatal(err)
	}
	if err := log.Append(t.Context(), Record{Key: []byte("status-connector-c"), Value: record("gone", actors.Running, 99)}); err != nil {
		t.Fatal(err)
	}
	s := shared(t, log, "me", 1)
	s.ConnectorState("c", actors.Failed, "trace")
	if st, _ := s.Connector("c"); st.State != actors.Failed || st.WorkerID != "me" {
		t.Errorf("%+v", st)
	}
}

// A worker that was taken for dead writes nothing about its former work, not even what waited.
func TestStatuses_LostWorkIsNotToldAbout(t *testing.T) {
	log := &MemoryLog{}
	var stale atomic.Bool
	stale.Store(true)
	s := NewStatuses(log, "me", 3, slog.New(slog.DiscardHandler))
	s.Fresh = func() error {
		if stale.Load() {
			return errors.New("stale")
		}
		return nil
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	s.TaskState("c", 0, actors.Running, "")
	s.Lose()
	s.TaskState("c", 0, actors.Unassigned, "")
	stale.Store(false)
	s.SetGeneration(5)
	s.TaskState("d", 0, actors.Running, "")
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	recs := log.Records()
	if len(recs) != 1 || string(recs[0].Key) != "status-task-d-0" {
		t.Errorf("%+v", recs)
	}
}

func TestStatuses_FlushWaitsForTheWriter(t *testing.T) {
	log := &slowLog{gate: make(chan struct{})}
	s := shared(t, log, "me", 1)
	s.TaskState("c", 0, actors.Running, "")
	flushed := make(chan error, 1)
	go func() { flushed <- s.Flush(t.Context()) }()
	select {
	case <-flushed:
		t.Fatal("flushed before it was written")
	case <-time.After(20 * time.Millisecond):
	}
	close(log.gate)
	if err := <-flushed; err != nil || len(log.Records()) != 1 {
		t.Errorf("%v, %d records", err, len(log.Records()))
	}
}

// slowLog holds appends back until its gate opens.
type slowLog struct {
	MemoryLog
	gate chan struct{}
}

func (l *slowLog) Append(ctx context.Context, recs ...Record) error {
	<-l.gate
	return l.MemoryLog.Append(ctx, recs...)
}
