package deliver

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/anabranch/anabranch/records"
)

// BlockingSink is a target whose write returns when the rows are durable: a database, a
// file. [NewBlocking] makes a Sink of it.
type BlockingSink interface {
	// Open connects; see Sink.Open.
	Open(ctx context.Context) error
	// WriteBatch returns when every record is durable at the target. Calls for one lane come
	// one at a time and in order; with more than one worker, calls for different lanes are
	// concurrent. The batch is borrowed: the adapter releases it afterwards. ctx ends when
	// the sink is closed.
	WriteBatch(ctx context.Context, b *records.Batch) error
	// Close frees everything. It is called once, after the last WriteBatch returned.
	Close() error
}

// ManyWriter is implemented by a BlockingSink that wants to write several batches of one
// lane in one go, for larger transactions. All of them or an error: a partial success is an error.
type ManyWriter interface {
	WriteBatches(ctx context.Context, bs []*records.Batch) error
}

// BlockingOptions are the limits of the adapter. Zero values take the defaults.
type BlockingOptions struct {
	// Workers is how many lanes are written at the same time; 1 by default.
	Workers int
	// QueueBatches is how many batches may wait or be written; Write blocks beyond it. 64 by default.
	QueueBatches int
	// CoalesceRows bounds the rows that a ManyWriter is given at once, except that one batch
	// is always given whole. 10000 by default.
	CoalesceRows int
}

// Blocking runs a BlockingSink on goroutines of its own. After the first error it writes
// nothing more: going on behind a hole would lose rows (invariant 3).
type Blocking struct {
	sink BlockingSink
	many ManyWriter // nil if the sink is none
	opts BlockingOptions

	slots chan struct{} // one per batch between Write and Done
	life  context.Context
	end   context.CancelFunc
	wg    sync.WaitGroup // the workers

	trouble   func(error) // set before Open; nil gives up at once
	troubleMu sync.Mutex  // guards the field below
	inTrouble int         // workers

	mu      sync.Mutex // guards the fields below
	work    *sync.Cond // a lane became ready, or the end
	lanes   map[string]*blockingLane
	ready   []*blockingLane
	pending int
	idle    chan struct{}
	failure error
	opened  bool
	closed  bool
}

// blockingLane is the queue of one lane. A lane is in ready or with a worker, never both.
type blockingLane struct {
	name  string
	items []blockingItem
	busy  bool // in ready, or with a worker
}

type blockingItem struct {
	b    *records.Batch
	done Done
}

var _ Sink = (*Blocking)(nil)

// NewBlocking makes a Sink of a BlockingSink.
func NewBlocking(s BlockingSink, opts BlockingOptions) *Blocking {
	if opts.Workers <= 0 {
		opts.Workers = 1
	}
	if opts.QueueBatches <= 0 {
		opts.QueueBatches = 64
	}
	if opts.CoalesceRows <= 0 {
		opts.CoalesceRows = 10000
	}
	q := &Blocking{sink: s, opts: opts, slots: make(chan struct{}, opts.QueueBatches), lanes: map[string]*blockingLane{}}
	q.many, _ = s.(ManyWriter)
	q.work = sync.NewCond(&q.mu)
	q.life, q.end = context.WithCancel(context.Background())
	return q
}

// Open implements Sink.
func (q *Blocking) Open(ctx context.Context) error {
	if err := q.sink.Open(ctx); err != nil {
		return err
	}
	q.mu.Lock()
	q.opened = true
	q.mu.Unlock()
	for range q.opts.Workers {
		q.wg.Add(1)
		go q.run()
	}
	return nil
}

// Write implements Sink: it queues the batch, and waits while the queue is full.
func (q *Blocking) Write(ctx context.Context, b *records.Batch, done Done) error {
	select {
	case q.slots <- struct{}{}:
	case <-ctx.Done():
		b.Release()
		return context.Cause(ctx)
	case <-q.life.Done():
		b.Release()
		return errBlockingClosed
	}
	q.mu.Lock()
	err := q.failure
	if q.closed {
		err = errBlockingClosed
	}
	if err != nil {
		q.mu.Unlock()
		<-q.slots
		b.Release()
		return err
	}
	l := q.lanes[b.Origin.Table]
	if l == nil {
		l = &blockingLane{name: b.Origin.Table}
		q.lanes[l.name] = l
	}
	l.items = append(l.items, blockingItem{b, done})
	q.pending++
	if !l.busy {
		l.busy = true
		q.ready = append(q.ready, l)
		q.work.Signal()
	}
	q.mu.Unlock()
	return nil
}

// Flush implements Sink.
func (q *Blocking) Flush(ctx context.Context) error {
	q.mu.Lock()
	var idle chan struct{}
	if q.pending > 0 {
		if q.idle == nil {
			q.idle = make(chan struct{})
		}
		idle = q.idle
	}
	q.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failure
}

// Close implements Sink. A write that is under way is cancelled; what waits is given up.
func (q *Blocking) Close() error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	q.end()
	q.work.Broadcast()
	q.mu.Unlock()
	q.wg.Wait()
	q.mu.Lock()
	var left []blockingItem
	for _, l := range q.lanes {
		left = append(left, l.items...)
	}
	clear(q.lanes)
	q.mu.Unlock()
	q.finish(left, errBlockingClosed)
	return q.sink.Close()
}

var errBlockingClosed = &Error{Op: "write batch", Cause: errors.New("the sink is closed"), CanRetry: true}

// run is one worker.
func (q *Blocking) run() {
	defer q.wg.Done()
	for {
		l, items, err := q.next()
		if l == nil {
			return
		}
		if err == nil {
			err = q.deliver(items)
		}
		q.mu.Lock()
		if err != nil && q.failure == nil && !q.closed {
			q.failure = err
		}
		switch {
		case len(l.items) > 0:
			q.ready = append(q.ready, l)
			q.work.Signal()
		default:
			l.busy = false
			delete(q.lanes, l.name) // lanes come and go; the map must not grow
		}
		q.mu.Unlock()
		q.finish(items, err)
	}
}

// next waits for a lane with work and takes what may be written at once. l is nil at the
// end. err is the failure of an earlier write: the items are only to be finished with it.
func (q *Blocking) next() (l *blockingLane, items []blockingItem, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 && !q.closed {
		q.work.Wait()
	}
	if q.closed {
		return nil, nil, nil
	}
	l = q.ready[0]
	q.ready = append(q.ready[:0], q.ready[1:]...)
	n, rows := 1, len(l.items[0].b.Records)
	if q.many != nil {
		for n < len(l.items) && rows+len(l.items[n].b.Records) <= q.opts.CoalesceRows {
			rows += len(l.items[n].b.Records)
			n++
		}
	}
	items = append([]blockingItem(nil), l.items[:n]...)
	l.items = append(l.items[:0], l.items[n:]...)
	return l, items, q.failure
}

func (q *Blocking) write(items []blockingItem) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Error{Op: "write batch", Subject: items[0].b.Origin.Table, Cause: fmt.Errorf("panic: %v", v)}
		}
	}()
	if q.many == nil {
		return q.sink.WriteBatch(q.life, items[0].b)
	}
	bs := make([]*records.Batch, len(items))
	for i := range items {
		bs[i] = items[i].b
	}
	return q.many.WriteBatches(q.life, bs)
}

// finish releases batches and reports their end.
func (q *Blocking) finish(items []blockingItem, err error) {
	for _, it := range items {
		it.b.Release()
		it.done(err)
		<-q.slots
	}
	q.mu.Lock()
	if q.pending -= len(items); q.pending == 0 && q.idle != nil {
		close(q.idle)
		q.idle = nil
	}
	q.mu.Unlock()
}
