package kafka

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// DeadLetterConfig is what a DeadLetters needs.
type DeadLetterConfig struct {
	// Topic is made with one partition if it is missing (CW-294).
	Topic             string
	ReplicationFactor int16
	// Producer are the settings of the producer, Admin those of the client that makes the topic (CW-116).
	Producer *kafkaprops.Settings
	Admin    []kgo.Opt
	Log      *slog.Logger
	// Stats are the producer's statistics; nil counts nothing.
	Stats *javametrics.Client
}

// DeadLetters writes records that a sink connector could not process to a topic, as they came.
// After the first letter that the broker does not take nothing more is sent.
type DeadLetters struct {
	cfg DeadLetterConfig
	cl  *kgo.Client

	budget *semaphore.Weighted // bytes on their way
	size   int64

	mu      sync.Mutex // guards the fields below
	open    []*posting // with letters on their way, oldest first; the last takes new ones
	failure error
}

// posting are the letters between two calls of Wait, so that Wait need not wait for newer ones.
type posting struct {
	pending int
	done    chan struct{} // closed when the last of them is durable or lost
	waited  bool          // takes no more
}

// NewDeadLetters makes a queue. Nothing is connected before Open.
func NewDeadLetters(cfg DeadLetterConfig) *DeadLetters {
	d := &DeadLetters{cfg: cfg, size: cfg.Producer.BufferBytes}
	if d.size <= 0 {
		d.size = DefaultBufferBytes
	}
	d.budget = semaphore.NewWeighted(d.size)
	return d
}

// Open makes the topic if it is missing, and the producer.
func (d *DeadLetters) Open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := d.makeTopic(ctx); err != nil {
		text := "Could not initialize dead letter queue with topic=" + d.cfg.Topic
		e := classify(text, "", err)
		return &deliver.Error{Op: text, Cause: e, CanRetry: e.CanRetry, Message: text, Class: "org.apache.kafka.connect.errors.ConnectException",
			Hint: "make the topic yourself, or look at errors.deadletterqueue.topic.replication.factor"}
	}
	p := d.cfg.Producer
	opts := append([]kgo.Opt{}, p.Opts...)
	opts = append(opts, kgo.ProducerLinger(max(p.Linger, 0)), kgo.MaxBufferedRecords(maxBufferedRecords),
		kgo.UnknownTopicRetries(20), kgo.AllowIdempotentProduceCancellation())
	if part := p.Partitioner(); part != nil {
		opts = append(opts, kgo.RecordPartitioner(part))
	}
	if d.cfg.Stats != nil {
		opts = append(opts, kgo.WithHooks(d.cfg.Stats))
	}
	if log := kafkaprops.NewClientLog(d.cfg.Log); log != nil {
		opts = append(opts, kgo.WithLogger(log))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return deliver.Errorf("configure the producer of the dead letter queue", "", "", "%w", err)
	}
	d.cl = cl
	return nil
}

func (d *DeadLetters) makeTopic(ctx context.Context) error {
	cl, err := kgo.NewClient(d.cfg.Admin...)
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	topics, err := adm.ListTopicsWithInternal(ctx) // of all, as Connect does: asking for one may create it
	if err != nil || topics.Has(d.cfg.Topic) {
		return err
	}
	if d.cfg.Log != nil {
		d.cfg.Log.Info("the topic of the dead letter queue is made", "topic", d.cfg.Topic)
	}
	if _, err = adm.CreateTopic(ctx, 1, d.cfg.ReplicationFactor, nil, d.cfg.Topic); errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// Send writes a record as it was consumed: key, value, headers and timestamp (CW-294), and more headers
// behind its own. It blocks while too much is on its way; done is called once if it returns nil.
func (d *DeadLetters) Send(ctx context.Context, c *records.Consumed, more []records.RawHeader, done func(error)) error {
	r := &kgo.Record{Topic: d.cfg.Topic, Key: c.Key, Value: c.Value, Partition: -1}
	if c.Timestamp != records.NoTimestamp {
		r.Timestamp = time.UnixMilli(c.Timestamp)
	}
	for _, list := range [][]records.RawHeader{c.Headers, more} {
		for _, h := range list {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
	}
	cost := int64(recordCost)
	for _, h := range r.Headers {
		cost += int64(len(h.Key) + len(h.Value))
	}
	cost = min(cost+int64(len(r.Key)+len(r.Value)), d.size)
	if d.budget.Acquire(ctx, cost) != nil {
		return context.Cause(ctx)
	}
	p, err := d.post()
	if err != nil {
		d.budget.Release(cost)
		return err
	}
	// ctx is only for the wait for room: a letter that was taken is not given up with its lane.
	d.cl.Produce(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) {
		if err != nil {
			d.cfg.Stats.Failed(r.Topic, 1)
			e := classify("write to the dead letter queue", "topic "+r.Topic, err)
			if errors.Is(err, kerr.MessageTooLarge) {
				e.Hint = "the record and the headers about its error are larger than max.request.size or the topic's max.message.bytes: raise producer.override.max.request.size and the topic's limit"
			}
			err = e
		}
		d.budget.Release(cost)
		done(err)
		d.over(p, err)
	})
	return nil
}

// post counts a letter in.
func (d *DeadLetters) post() (*posting, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failure != nil {
		return nil, d.failure
	}
	n := len(d.open)
	if n == 0 || d.open[n-1].waited {
		d.open = append(d.open, &posting{done: make(chan struct{})})
		n++
	}
	p := d.open[n-1]
	p.pending++
	return p, nil
}

// over counts a letter out.
func (d *DeadLetters) over(p *posting, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && d.failure == nil {
		d.failure = err
	}
	if p.pending--; p.pending == 0 {
		close(p.done)
		d.open = slices.DeleteFunc(d.open, func(o *posting) bool { return o == p })
	}
}

// Wait returns when all letters sent before are durable, with the first error there was.
func (d *DeadLetters) Wait(ctx context.Context) error {
	d.mu.Lock()
	before := slices.Clone(d.open)
	for _, p := range before {
		p.waited = true
	}
	d.mu.Unlock()
	for _, p := range before {
		select {
		case <-p.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failure
}

// Close waits a little for what is on its way: a record that fails its task is reported too
// (CW-292). The rest is given up; nothing was committed beyond it.
func (d *DeadLetters) Close() error {
	if d.cl == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := d.Wait(ctx)
	d.cl.Close()
	return err
}
