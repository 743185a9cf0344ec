package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

func TestMain(m *testing.M) {
	records.Poison.Store(true)
	os.Exit(m.Run())
}

// fakeSource is a Source of function fields; those that are nil do nothing, read blocks.
type fakeSource struct {
	open   func(context.Context, []records.Position) error
	read   func(context.Context) (*records.Frame, error)
	commit func(context.Context, records.Position) error
	close  func() error
}

var _ capture.Source = (*fakeSource)(nil)

func (s *fakeSource) Open(ctx context.Context, o []records.Position) error {
	if s.open == nil {
		return nil
	}
	return s.open(ctx, o)
}

func (s *fakeSource) Read(ctx context.Context) (*records.Frame, error) {
	if s.read == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.read(ctx)
}

func (s *fakeSource) Commit(ctx context.Context, p records.Position) error {
	if s.commit == nil {
		return nil
	}
	return s.commit(ctx, p)
}

func (s *fakeSource) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// fakeSink is a Sink of function fields; write accepts and completes at once by default.
type fakeSink struct {
	open  func(context.Context) error
	write func(context.Context, *records.Batch, deliver.Done) error
	flush func(context.Context) error
	close func() error
}

var _ deliver.Sink = (*fakeSink)(nil)

func (s *fakeSink) Open(ctx context.Context) error {
	if s.open == nil {
		return nil
	}
	return s.open(ctx)
}

func (s *fakeSink) Write(ctx context.Context, b *records.Batch, done deliver.Done) error {
	if s.write == nil {
		b.Release()
		done(nil)
		return nil
	}
	return s.write(ctx, b, done)
}

func (s *fakeSink) Flush(ctx context.Context) error {
	if s.flush == nil {
		return nil
	}
	return s.flush(ctx)
}

func (s *fakeSink) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// memoryOffsets is an OffsetStore.
type memoryOffsets struct {
	mu     sync.Mutex // guards the fields below
	stored map[string]records.Position
	count  int
	fail   func() error
}

func (o *memoryOffsets) Load(context.Context, string) ([]records.Position, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []records.Position
	for _, p := range o.stored {
		out = append(out, p)
	}
	return out, nil
}

func (o *memoryOffsets) Store(_ context.Context, _ string, ps []records.Position) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		if err := o.fail(); err != nil {
			return err
		}
	}
	if o.stored == nil {
		o.stored = map[string]records.Position{}
	}
	for _, p := range ps {
		o.stored[p.Partition.Canonical()] = p
	}
	o.count++
	return nil
}

func (o *memoryOffsets) at(partition string) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, ok := o.stored[at(partition, 0).Partition.Canonical()].Offset.Int("n")
	if !ok {
		return -1
	}
	return n
}

// recorder is a StatusSink that keeps all changes as "connector STATE" and "connector/task STATE".
type recorder struct {
	mu     sync.Mutex // guards the fields below
	lines  []string
	traces map[string]string
}

func (r *recorder) add(key string, s State, trace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, key+" "+string(s))
	if r.traces == nil {
		r.traces = map[string]string{}
	}
	r.traces[key] = trace
}

func (r *recorder) ConnectorState(c string, s State, trace string) { r.add(c, s, trace) }
func (r *recorder) TaskState(c string, task int, s State, trace string) {
	r.add(fmt.Sprintf("%s/%d", c, task), s, trace)
}

func (r *recorder) of(key string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, l := range r.lines {
		if rest, ok := strings.CutPrefix(l, key+" "); ok {
			out = append(out, rest)
		}
	}
	return out
}

func (r *recorder) trace(key string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.traces[key]
}

// at makes a position of a partition.
func at(partition string, n int64) records.Position {
	return records.Position{
		Partition: records.Doc{{Key: "server", Value: partition}},
		Offset:    records.Doc{{Key: "n", Value: n}},
	}
}

// batchOf makes a batch of a table with these numbers as its records' values.
func batchOf(table string, numbers ...int64) *records.Batch {
	b := records.NewBatch(records.Origin{Table: table})
	for _, n := range numbers {
		b.Records = append(b.Records, records.Record{Value: records.Int64Value(n), Partition: records.NoPartition})
	}
	return b
}

func frameOf(p records.Position, bs ...*records.Batch) *records.Frame {
	return &records.Frame{Batches: bs, Position: p, SourceMillis: time.Now().UnixMilli()}
}

// readFrames returns a read function that hands out the frames of a channel, and ends with
// io.EOF when it is closed.
func readFrames(ch <-chan *records.Frame) func(context.Context) (*records.Frame, error) {
	return func(ctx context.Context) (*records.Frame, error) {
		select {
		case f, ok := <-ch:
			if !ok {
				return nil, io.EOF
			}
			return f, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// parked is a batch whose completion a test holds back.
type parked struct {
	table string
	first int64
	done  deliver.Done
}

// parkingSink takes batches and completes none.
type parkingSink struct {
	fakeSink
	mu      sync.Mutex // guards batches
	batches []parked
}

func newParkingSink() *parkingSink {
	s := &parkingSink{}
	s.write = func(_ context.Context, b *records.Batch, done deliver.Done) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.batches = append(s.batches, parked{b.Origin.Table, int64(b.Records[0].Value.Num), done})
		b.Release()
		return nil
	}
	return s
}

// take removes the parked batch that begins with n.
func (s *parkingSink) take(t *testing.T, n int64) deliver.Done {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range s.batches {
		if p.first == n {
			s.batches = slices.Delete(s.batches, i, i+1)
			return p.done
		}
	}
	t.Fatalf("batch %d is not at the sink", n)
	return nil
}

func (s *parkingSink) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.batches)
}

// retriableError says that trying again may help.
type markedError struct{ retriable bool }

func (e markedError) Error() string   { return fmt.Sprintf("marked error, retriable %v", e.retriable) }
func (e markedError) Retriable() bool { return e.retriable }

var errPlain = errors.New("plain error")

// harness runs a System in a synctest bubble.
type harness struct {
	*testing.T
	sys    *System
	status *recorder
	log    *lockedBuffer
}

func newHarness(t *testing.T, o Options) *harness {
	h := &harness{T: t, status: &recorder{}, log: &lockedBuffer{}}
	o.Status = h.status
	o.Log = slog.New(slog.NewTextHandler(h.log, nil))
	h.sys = New(o)
	return h
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex // guards sb
	sb strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sb.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sb.String()
}

// bubble runs a test with a System in a synctest bubble and shuts it down. The bubble itself
// fails if a goroutine is left.
func bubble(t *testing.T, o Options, test func(t *testing.T, h *harness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, o)
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := h.sys.Shutdown(ctx); err != nil {
				t.Errorf("shutdown: %v", err)
			}
			<-time.After(2 * time.Millisecond) // the library's throttle of dead letters
			synctest.Wait()
		}()
		test(t, h)
	})
}

// pass lets the bubble's clock run.
func (h *harness) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (h *harness) start(name string, build func() (Parts, error)) {
	h.Helper()
	if err := h.sys.Start(Connector{Name: name, Tasks: []Task{{ID: 0, Build: build}}}); err != nil {
		h.Fatal(err)
	}
	synctest.Wait()
}

func parts(p Parts) func() (Parts, error) { return func() (Parts, error) { return p, nil } }

func (h *harness) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
	synctest.Wait()
}

func (h *harness) wantStates(key string, want ...string) {
	h.Helper()
	synctest.Wait()
	if got := h.status.of(key); !slices.Equal(got, want) {
		h.Fatalf("states of %s: %v, want %v\ntrace: %s", key, got, want, h.status.trace(key))
	}
}

func (h *harness) lastState(key string) string {
	synctest.Wait()
	all := h.status.of(key)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}
