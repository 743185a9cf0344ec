package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrFenced says that another worker has claimed the config topic since: it is the leader now.
var ErrFenced = errors.New("another worker of this group has claimed the config topic since")

// claimWithin bounds how long a claim waits for the transaction of the leader before.
const claimWithin = 60 * time.Second

// leaderTransaction is the transaction.timeout.ms of a leader: everybody who reads to the end of
// the log waits for a transaction that a killed one has left open.
const leaderTransaction = 10 * time.Second

// LeaderLog is a Log that one worker at a time can claim, so that what others write as leader is
// refused from then on (CW-170). Append goes on to work for everybody.
type LeaderLog interface {
	Log
	// Claim fences whoever claimed the log before.
	Claim(ctx context.Context) error
	// Claimed tells whether the claim still holds, as far as this worker knows.
	Claimed() bool
	// AppendAsLeader is Append in one transaction; ErrFenced if another worker has claimed the
	// log since, until Claim is called again.
	AppendAsLeader(ctx context.Context, recs ...Record) error
}

// leaderWriter is the transactional producer of a leader.
type leaderWriter struct {
	id   string
	opts []kgo.Opt

	mu      sync.Mutex // held during a transaction; guards the fields below
	claimed bool
	cl      *kgo.Client // nil: to be made anew
}

// LeadAs makes the log one that can be claimed under a transactional id; opts say how to reach the
// cluster and who the leader is. Call it before Open.
func (l *KafkaLog) LeadAs(id string, opts []kgo.Opt) { l.leader = &leaderWriter{id: id, opts: opts} }

var _ LeaderLog = (*KafkaLog)(nil)

// Claim implements LeaderLog. A log that nobody can claim has no need to be.
func (l *KafkaLog) Claim(ctx context.Context) error {
	if l.leader == nil {
		return nil
	}
	l.leader.mu.Lock()
	defer l.leader.mu.Unlock()
	l.leader.reset()
	if err := l.leader.open(ctx); err != nil {
		return &Error{Op: "claim config topic", Subject: l.topic.Name, Cause: err}
	}
	l.leader.claimed = true
	return nil
}

// Claimed implements LeaderLog.
func (l *KafkaLog) Claimed() bool {
	if l.leader == nil {
		return true
	}
	l.leader.mu.Lock()
	defer l.leader.mu.Unlock()
	return l.leader.claimed
}

// AppendAsLeader implements LeaderLog.
func (l *KafkaLog) AppendAsLeader(ctx context.Context, recs ...Record) error {
	w := l.leader
	if w == nil {
		return l.Append(ctx, recs...)
	}
	batch := l.batch(recs)
	if err := w.write(ctx, batch); err != nil {
		return fmt.Errorf("write to internal topic %s: %w", l.topic.Name, err)
	}
	return l.applied(ctx, recs, batch)
}

// write is one transaction. After an error that may pass, the next one begins with a client of its
// own, which ends what this one left open.
func (w *leaderWriter) write(ctx context.Context, batch []*kgo.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.claimed {
		return ErrFenced
	}
	if w.cl == nil {
		if err := w.open(ctx); err != nil {
			return err
		}
	}
	err := w.cl.BeginTransaction()
	if err == nil {
		if err = w.cl.ProduceSync(ctx, batch...).FirstErr(); err == nil {
			err = w.cl.EndTransaction(ctx, kgo.TryCommit)
		}
	}
	if err == nil {
		return nil
	}
	w.reset()
	if errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) {
		w.claimed = false
		return fmt.Errorf("%w: %w", ErrFenced, err)
	}
	return err
}

func (w *leaderWriter) open(ctx context.Context) error {
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(0),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.TransactionalID(w.id), kgo.TransactionTimeout(leaderTransaction),
	}, w.opts...)...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, claimWithin)
	defer cancel()
	if _, _, err := cl.ProducerID(ctx); err != nil {
		cl.Close()
		return err
	}
	w.cl = cl
	return nil
}

// reset forgets the client. Its open transaction is left to the next claim.
func (w *leaderWriter) reset() {
	if w.cl != nil {
		w.cl.Close()
		w.cl = nil
	}
}

func (w *leaderWriter) close() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.claimed = false
	w.reset()
}

// Lead makes this worker the one that may write configurations, and fences the leader before. A
// log without transactions knows no leader (CW-170).
func (c *Configs) Lead(ctx context.Context) error {
	if l, ok := c.log.(LeaderLog); ok {
		return l.Claim(ctx)
	}
	return nil
}

// Led tells whether this worker may write configurations as the leader, as far as it knows.
func (c *Configs) Led() bool {
	l, ok := c.log.(LeaderLog)
	return !ok || l.Claimed()
}

// append writes as the leader, or, where any worker may, as anybody.
func (c *Configs) append(ctx context.Context, anybody bool, recs []Record) error {
	if l, ok := c.log.(LeaderLog); ok && !anybody {
		return l.AppendAsLeader(ctx, recs...)
	}
	return c.log.Append(ctx, recs...)
}
