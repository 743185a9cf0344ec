package kafka

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// Limits of this room.
const (
	// openTimeout bounds how long Open waits for a broker.
	openTimeout = 15 * time.Second
	// closeTimeout bounds how long Close waits for completions after the client is closed.
	closeTimeout = 5 * time.Second
	// maxBufferedRecords is far beyond what fits into the byte budget: the client's own limit
	// must never block a lane.
	maxBufferedRecords = 1 << 30
)

// Sink produces to Kafka.
type Sink struct {
	cfg    Config
	env    deliver.Env
	m      *metrics
	cl     *kgo.Client
	topics *topicMaker
	budget *semaphore.Weighted
	size   int64 // of the budget
	blocks sync.Pool
	lanes  sync.Map     // lane name -> *encoder
	txn    *transaction // nil without transactions

	// life ends at Close, or with the first error of the broker. Records are produced under it and not under a Write's context: a
	// lane that gives up must not take away records of others.
	life context.Context
	end  context.CancelFunc

	failure atomic.Pointer[deliver.Error]

	mu      sync.Mutex // guards the fields below
	pending int        // batches between Write and Done
	idle    chan struct{}
	closed  bool
}

var _ deliver.Sink = (*Sink)(nil)

// New makes a sink. Nothing is connected before Open.
func New(cfg Config, env deliver.Env) *Sink {
	if cfg.BufferBytes <= 0 {
		cfg.BufferBytes = DefaultBufferBytes
	}
	if cfg.Partitioner == nil {
		cfg.Partitioner = kgo.UniformBytesPartitioner(64<<10, true, true, nil)
	}
	if cfg.NewHeader == nil {
		newHeader, err := converters.New(converters.SimpleHeaderClass, nil, false)
		if err != nil {
			panic("kafka: " + err.Error()) // it has no configuration that could be wrong
		}
		cfg.NewHeader = newHeader
	}
	if cfg.Failures == nil {
		cfg.Failures = records.Strict
	}
	s := &Sink{cfg: cfg, env: env, budget: semaphore.NewWeighted(cfg.BufferBytes), size: cfg.BufferBytes}
	s.blocks.New = func() any { return newBlock(s) }
	if cfg.Transactions != nil {
		s.txn = &transaction{Transactions: *cfg.Transactions}
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// Open implements deliver.Sink. It waits for a broker to answer.
func (s *Sink) Open(ctx context.Context) error {
	if err := s.txn.before(ctx); err != nil {
		return err
	}
	s.m = newMetrics(s.env.Metrics)
	opts := append([]kgo.Opt{}, s.cfg.Client...)
	part := &partitioner{inner: s.cfg.Partitioner}
	if s.txn != nil {
		opts = append(opts, s.txn.options()...)
		part.offsets = s.txn.OffsetsTopic
	}
	linger := s.cfg.Linger
	if linger < 0 {
		linger = 0
	}
	opts = append(opts,
		kgo.ProducerLinger(linger),
		kgo.RecordPartitioner(part),
		kgo.MaxBufferedRecords(maxBufferedRecords),
		kgo.UnknownTopicRetries(20), // with a metadata request every 250 ms: leaders move, brokers create topics lazily
	)
	if s.cfg.Topics == nil {
		// Asking the broker about a topic with this option would create it, with other settings than the rules'.
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	opts = append(opts, kgo.WithLogger(&gate{kafkaprops.NewClientLog(s.env.Log), s.end}))
	if s.txn == nil {
		// Only after a failure or a close, when the task will come again with everything. What a
		// transaction holds need not be taken back, it is aborted.
		opts = append(opts, kgo.AllowIdempotentProduceCancellation())
	}
	if s.cfg.Stats != nil {
		opts = append(opts, kgo.WithHooks(s.cfg.Stats))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return deliver.Errorf("configure kafka producer", "", "", "%w", err)
	}
	s.cl = cl
	s.topics = newTopicMaker(cl, s.cfg.Topics)
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := cl.Ping(ctx); err != nil {
		return classify("connect to kafka", "", err)
	}
	if s.txn != nil {
		return s.claim(ctx)
	}
	return nil
}

// Write implements deliver.Sink.
func (s *Sink) Write(ctx context.Context, b *records.Batch, done deliver.Done) error {
	if err := s.failure.Load(); err != nil {
		b.Release()
		return err
	}
	defer b.Release()
	if err := s.begin(); err != nil {
		return err
	}
	if !s.enter() {
		return errClosed()
	}
	d := &delivery{done: done}
	d.left.Store(1)
	for next := 0; ; {
		bl := s.blocks.Get().(*block)
		var err error
		if next, err = s.encode(ctx, bl, b, next); err == nil {
			bl.cost = min(int64(len(bl.arena))+int64(len(bl.recs))*recordCost, s.size)
			if s.budget.Acquire(ctx, bl.cost) != nil {
				err = context.Cause(ctx)
			}
		}
		if err != nil {
			s.discard(bl)
			d.gone = true
			s.returned(d)
			return err
		}
		s.m.buffered.Add(float64(bl.cost))
		d.left.Add(1)
		bl.of = d
		bl.produce(s.cl, s.life)
		if next == len(b.Records) {
			// Done is never called from within Write.
			if d.left.Add(-1) == 0 {
				go s.completed(d)
			}
			return nil
		}
	}
}

// enter counts a batch in; false after Close.
func (s *Sink) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.pending++
	return true
}

// broken keeps the first error of a record: what fails after it fails because of it. Nothing
// more is sent from here on.
func (s *Sink) broken(r *kgo.Record, err error) *deliver.Error {
	if first := s.failure.Load(); first != nil {
		return first
	}
	s.failure.CompareAndSwap(nil, s.produceError(r, err))
	s.end()
	return s.failure.Load()
}

// finished is called once per block when its last record is done.
func (s *Sink) finished(bl *block) {
	err, d, cost := bl.err.Load(), bl.of, bl.cost
	if err != nil {
		d.err.CompareAndSwap(nil, err)
		s.m.failed.Inc()
	} else {
		s.m.records.Add(float64(len(bl.recs)))
		s.m.bytes.Add(float64(len(bl.arena)))
	}
	s.m.buffered.Sub(float64(cost))
	if err == nil {
		s.discard(bl)
	}
	// A block with an error is left to the collector: a request that holds a piece of it may
	// still be on its way to the socket.
	s.budget.Release(cost)
	s.returned(d)
}

// returned gives back a share of a delivery; the last one completes it.
func (s *Sink) returned(d *delivery) {
	if d.left.Add(-1) == 0 {
		s.completed(d)
	}
}

func (s *Sink) completed(d *delivery) {
	if err := d.err.Load(); d.gone {
		// Write has told.
	} else if err != nil {
		d.done(err)
	} else {
		s.m.batches.Inc()
		d.done(nil)
	}
	s.mu.Lock()
	if s.pending--; s.pending == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	s.mu.Unlock()
}

func (s *Sink) discard(bl *block) {
	if bl.reset() {
		s.blocks.Put(bl)
	}
}

// Flush implements deliver.Sink.
func (s *Sink) Flush(ctx context.Context) error {
	if s.cl == nil {
		return nil
	}
	if err := s.cl.Flush(ctx); err != nil { // ends lingering
		return err
	}
	if err := s.wait(ctx); err != nil {
		return err
	}
	if err := s.failure.Load(); err != nil {
		return err
	}
	return nil
}

// wait returns when no batch is pending.
func (s *Sink) wait(ctx context.Context) error {
	s.mu.Lock()
	if s.pending == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close implements deliver.Sink. Records that are still buffered are given up.
func (s *Sink) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.end()
	if s.m != nil {
		defer s.m.close()
	}
	if s.cl == nil {
		return nil
	}
	s.abort()
	s.cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.wait(ctx); err != nil {
		return deliver.Errorf("close kafka producer", "", "", "records are still unfinished after %s", closeTimeout)
	}
	return nil
}

func errClosed() error {
	return &deliver.Error{Op: "write to kafka", Cause: errors.New("the sink is closed"), CanRetry: true}
}
