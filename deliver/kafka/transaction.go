package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/deliver"
)

// abortWithin bounds how long Close waits for the end of an open transaction. Whoever opens the
// same id next ends it too, and the broker does when its time is over.
const abortWithin = 5 * time.Second

// Transactions make a Sink deliver in transactions (CW-271 to CW-276).
type Transactions struct {
	// ID is the transactional id: GROUPID-NAME-TASK (CW-194).
	ID string
	// Timeout is transaction.timeout.ms; 0 leaves it to the client.
	Timeout time.Duration
	// OffsetsTopic is the topic to which Commit writes; records of the source must not go there.
	OffsetsTopic string
	// Before is called before the id is claimed, since that ends the transaction of whoever has
	// it, and After right after: they tell whether the task is still this worker's to run
	// (CW-271). nil asks nobody.
	Before, After func(ctx context.Context) error
}

// transaction is the state of a transactional Sink.
type transaction struct {
	Transactions

	mu   sync.Mutex // guards open
	open bool
}

var _ deliver.Transactor = (*Sink)(nil)

func (t *transaction) options() []kgo.Opt {
	opts := []kgo.Opt{kgo.TransactionalID(t.ID)}
	if t.Timeout > 0 {
		opts = append(opts, kgo.TransactionTimeout(t.Timeout))
	}
	return opts
}

func (t *transaction) before(ctx context.Context) error {
	if t == nil || t.Before == nil {
		return nil
	}
	return t.Before(ctx)
}

// claim makes the id ours: earlier owners are fenced, their transaction is at its end.
func (s *Sink) claim(ctx context.Context) error {
	if _, _, err := s.cl.ProducerID(ctx); err != nil {
		return classify("claim transactional id", s.txn.ID, err)
	}
	if s.txn.After == nil {
		return nil
	}
	return s.txn.After(ctx)
}

// begin opens a transaction unless one is open. A sink without transactions has nothing to open.
func (s *Sink) begin() error {
	t := s.txn
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open {
		return nil
	}
	if err := s.cl.BeginTransaction(); err != nil {
		return classify("begin transaction", t.ID, err)
	}
	t.open = true
	return nil
}

// forbidden is the error of a record for the topic of its own offsets: reading the offsets would
// wait for the transaction that the record keeps open (CW-276).
func (s *Sink) forbidden(topic string) error {
	if s.txn == nil || topic != s.txn.OffsetsTopic {
		return nil
	}
	return &deliver.Error{Op: "write record", Subject: "topic " + topic, Class: "org.apache.kafka.connect.errors.ConnectException",
		Cause: fmt.Errorf("Source tasks may not produce to their own offsets topics when exactly-once support is enabled"), //nolint:staticcheck // Connect's text
	}
}

// Commit implements deliver.Transactor.
func (s *Sink) Commit(ctx context.Context, offsets []deliver.OffsetRecord) error {
	if s.txn == nil {
		return deliver.Errorf("commit transaction", "", "", "the sink has no transactions")
	}
	if err := s.failure.Load(); err != nil {
		return err
	}
	if len(offsets) == 0 && !s.txn.isOpen() {
		return nil
	}
	err := s.begin()
	if err == nil {
		err = s.writeOffsets(ctx, offsets)
	}
	if err == nil {
		err = s.cl.EndTransaction(ctx, kgo.TryCommit)
	}
	if err != nil {
		return s.lost(err)
	}
	s.txn.mu.Lock()
	s.txn.open = false
	s.txn.mu.Unlock()
	s.m.transactions.Inc()
	return nil
}

func (t *transaction) isOpen() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

func (s *Sink) writeOffsets(ctx context.Context, offsets []deliver.OffsetRecord) error {
	written := make(chan error, len(offsets))
	for _, o := range offsets {
		// s.life: a record that was sent cannot be taken back when ctx ends.
		s.cl.Produce(s.life, &kgo.Record{Topic: o.Topic, Partition: -1, Key: o.Key, Value: o.Value}, func(_ *kgo.Record, err error) { written <- err })
	}
	for range offsets {
		select {
		case err := <-written:
			if err != nil {
				return fmt.Errorf("write offsets to topic %s: %w", s.txn.OffsetsTopic, err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// lost keeps the error of a commit: nothing may follow a transaction whose end is not known.
func (s *Sink) lost(err error) error {
	s.failure.CompareAndSwap(nil, classify("commit transaction", s.txn.ID, err))
	s.end()
	return s.failure.Load()
}

// abort ends an open transaction, so that readers need not wait until its time is over.
func (s *Sink) abort() {
	if s.txn == nil || !s.txn.isOpen() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), abortWithin)
	defer cancel()
	err := s.cl.AbortBufferedRecords(ctx)
	if err == nil {
		err = s.cl.EndTransaction(ctx, kgo.TryAbort)
	}
	if err != nil && s.env.Log != nil {
		s.env.Log.Debug("transaction is left to its timeout, or to who comes next", "id", s.txn.ID, "err", err)
	}
}
