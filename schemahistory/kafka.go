package schemahistory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Options of the Kafka history (DM-186).
const (
	KeyKafkaTopic         = "schema.history.internal.kafka.topic"
	KeyKafkaServers       = "schema.history.internal.kafka.bootstrap.servers"
	KeyKafkaPollInterval  = "schema.history.internal.kafka.recovery.poll.interval.ms"
	KeyKafkaAttempts      = "schema.history.internal.kafka.recovery.attempts"
	KeyKafkaQueryTimeout  = "schema.history.internal.kafka.query.timeout.ms"
	KeyKafkaCreateTimeout = "schema.history.internal.kafka.create.timeout.ms"
)

// KafkaOptions say where the history topic is and how to talk to it.
type KafkaOptions struct {
	Topic   string
	Servers string // for messages only; the addresses are in Producer and Consumer
	// Producer and Consumer configure the two clients: seed brokers, security, identity. What
	// the history depends on (acks, partition, offsets) is added to them and wins.
	Producer []kgo.Opt
	Consumer []kgo.Opt
	// PollInterval times Attempts is how long recovery waits for more records before it gives
	// up; 100 ms and 100 when zero.
	PollInterval  time.Duration
	Attempts      int
	QueryTimeout  time.Duration // for questions about the topic; 3 s when zero
	CreateTimeout time.Duration // for creating the topic; 30 s when zero
	WriteTimeout  time.Duration // for a record to become durable; 2 min when zero
	Log           *slog.Logger
}

// Kafka keeps the history in a topic with one partition, in Debezium's format: either product
// recovers from what the other wrote (DM-182).
//
// Append may be called from one goroutine at a time; everything else from any.
type Kafka struct {
	o  KafkaOptions
	mu sync.Mutex
	cl *kgo.Client // guarded by mu; made at first use
}

var _ Store = (*Kafka)(nil)

// NewKafka makes a Kafka history; it connects to nothing.
func NewKafka(o KafkaOptions) *Kafka {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.PollInterval, 100*time.Millisecond)
	def(&o.QueryTimeout, 3*time.Second)
	def(&o.CreateTimeout, 30*time.Second)
	def(&o.WriteTimeout, 2*time.Minute)
	if o.Attempts <= 0 {
		o.Attempts = 100
	}
	o.Log = orDefault(o.Log)
	return &Kafka{o: o}
}

func (k *Kafka) subject() string {
	if k.o.Servers == "" {
		return "topic " + k.o.Topic
	}
	return "topic " + k.o.Topic + " at " + k.o.Servers
}

// client makes the client for writing and administration.
func (k *Kafka) client() (*kgo.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cl != nil {
		return k.cl, nil
	}
	opts := append(append([]kgo.Opt(nil), k.o.Producer...),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.RecordDeliveryTimeout(k.o.WriteTimeout),
		kgo.UnknownTopicRetries(-1), // a topic just created is unknown for a moment; the timeout bounds it
	)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, &Error{Op: "configure schema history", Subject: k.subject(), Cause: err,
			Hint: "check the schema.history.internal.producer.* options"}
	}
	k.cl = cl
	return cl, nil
}

// fail explains an error. After a timeout it asks the brokers once more what is wrong, since a
// timeout alone does not tell.
func (k *Kafka) fail(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e := &Error{Op: op, Subject: k.subject(), Cause: err, CanRetry: true}
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, kerr.SaslAuthenticationFailed):
		e.CanRetry = false
		e.Hint = "the user of schema.history.internal.producer.* and consumer.* needs create, describe, read and write on the topic"
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		e.Hint = "the topic does not exist; if it was deleted, set snapshot.mode=recovery once"
	case errors.Is(err, kerr.PolicyViolation), errors.Is(err, kerr.InvalidReplicationFactor):
		e.CanRetry = false
		e.Hint = "create the topic by hand: one partition, cleanup.policy=delete, retention.ms=-1, retention.bytes=-1"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrRecordTimeout):
		e.Hint = "check " + KeyKafkaServers + " and that the brokers are up"
		if cl, cerr := k.client(); cerr == nil {
			pctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			if perr := cl.Ping(pctx); perr != nil && !errors.Is(perr, context.DeadlineExceeded) {
				e.Cause = fmt.Errorf("brokers cannot be reached: %w", perr)
			} else if perr != nil {
				e.Cause = fmt.Errorf("no answer from the brokers: %w", err)
			}
		}
	default:
		e.Hint = "check " + KeyKafkaServers + " and that the brokers are up"
	}
	return e
}

// bounds returns the first and the next offset of the topic; exists is false without it.
func (k *Kafka) bounds(ctx context.Context) (start, end int64, exists bool, err error) {
	cl, err := k.client()
	if err != nil {
		return 0, 0, false, err
	}
	// Questions may come before the brokers are known, so dialing time is added to the limit.
	qctx, cancel := context.WithTimeout(ctx, k.o.QueryTimeout+10*time.Second)
	defer cancel()
	adm := kadm.NewClient(cl)
	offset := func(l kadm.ListedOffsets, err error) (int64, error) {
		if err != nil {
			return 0, err
		}
		o, ok := l.Lookup(k.o.Topic, 0)
		if !ok {
			return 0, kerr.UnknownTopicOrPartition
		}
		return o.Offset, o.Err
	}
	start, err = offset(adm.ListStartOffsets(qctx, k.o.Topic))
	if err == nil {
		end, err = offset(adm.ListEndOffsets(qctx, k.o.Topic))
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return 0, 0, false, nil
	}
	if err != nil {
		return 0, 0, false, k.fail(ctx, "look at schema history", err)
	}
	return start, end, true, nil
}

// Exists reports whether the topic is there and holds a record. It warns about settings that
// lose records.
func (k *Kafka) Exists(ctx context.Context) (bool, error) {
	start, end, exists, err := k.bounds(ctx)
	if err != nil || !exists {
		return false, err
	}
	k.checkSettings(ctx)
	return end > start, nil
}

// checkSettings warns about a topic that forgets (KafkaSchemaHistory.checkStorageSettings). It
// is advice: not being allowed to ask is no error.
func (k *Kafka) checkSettings(ctx context.Context) {
	cl, err := k.client()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, k.o.QueryTimeout)
	defer cancel()
	rs, err := kadm.NewClient(cl).DescribeTopicConfigs(ctx, k.o.Topic)
	if err != nil || len(rs) != 1 || rs[0].Err != nil {
		return
	}
	const fiveYears = int64(5*365*24) * int64(time.Hour/time.Millisecond)
	for _, c := range rs[0].Configs {
		v := c.MaybeValue()
		n, err := strconv.ParseInt(v, 10, 64)
		bad := false
		switch c.Key {
		case "cleanup.policy":
			bad = v != "delete"
		case "retention.bytes":
			bad = err == nil && n != -1
		case "retention.ms":
			bad = err == nil && n != -1 && n < fiveYears
		}
		if bad {
			k.o.Log.Warn("the schema history topic may lose records: set cleanup.policy=delete, retention.ms=-1, retention.bytes=-1",
				slog.String(logTopic, k.o.Topic), slog.String("setting", c.Key), slog.String("value", v))
		}
	}
}

// Initialize creates the topic if it is missing, with the settings of DM-182.
func (k *Kafka) Initialize(ctx context.Context) error {
	cl, err := k.client()
	if err != nil {
		return err
	}
	cctx, cancel := context.WithTimeout(ctx, k.o.CreateTimeout)
	defer cancel()
	configs := map[string]*string{
		"cleanup.policy":  kadm.StringPtr("delete"),
		"retention.ms":    kadm.StringPtr("9223372036854775807"),
		"retention.bytes": kadm.StringPtr("-1"),
	}
	r, err := kadm.NewClient(cl).CreateTopic(cctx, 1, -1, configs, k.o.Topic)
	if err == nil {
		err = r.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return k.fail(ctx, "create schema history", err)
	}
	return nil
}

// Append writes the records, in order, and waits for all of them.
func (k *Kafka) Append(ctx context.Context, recs ...Record) error {
	if len(recs) == 0 {
		return nil
	}
	cl, err := k.client()
	if err != nil {
		return err
	}
	out := make([]*kgo.Record, len(recs))
	for i := range recs {
		out[i] = &kgo.Record{Topic: k.o.Topic, Partition: 0, Value: AppendRecord(nil, &recs[i])}
	}
	if err := cl.ProduceSync(ctx, out...).FirstErr(); err != nil {
		return k.fail(ctx, "write schema history", err)
	}
	return nil
}

// Read reads from the start of the topic to what was its end at the call. Records without a
// value, or that are none, are skipped with a warning (DM-183).
func (k *Kafka) Read(ctx context.Context, fn func(Record) error) error {
	start, end, exists, err := k.bounds(ctx)
	if err != nil || !exists || start >= end {
		return err
	}
	opts := append(append([]kgo.Opt(nil), k.o.Consumer...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{k.o.Topic: {0: kgo.NewOffset().At(start)}}),
		kgo.KeepControlRecords(), // they take offsets, too
		kgo.FetchMaxWait(k.o.PollInterval),
	)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return &Error{Op: "configure schema history", Subject: k.subject(), Cause: err,
			Hint: "check the schema.history.internal.consumer.* options"}
	}
	defer cl.Close()
	skips := skipLog{log: k.o.Log}
	patience := k.o.PollInterval * time.Duration(k.o.Attempts)
	for next := start; next < end; {
		pctx, cancel := context.WithTimeout(ctx, patience)
		fetches := cl.PollFetches(pctx)
		cancel()
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		before := next
		for it := fetches.RecordIter(); !it.Done(); {
			r := it.Next()
			if r.Offset >= end {
				next = end
				break
			}
			next = r.Offset + 1
			if r.Attrs.IsControl() {
				continue
			}
			rec, ok := k.parse(r, &skips)
			if !ok {
				continue
			}
			if err := fn(rec); err != nil {
				return err
			}
		}
		if next == before {
			err := context.DeadlineExceeded
			for _, fe := range fetches.Errors() {
				if !errors.Is(fe.Err, context.DeadlineExceeded) {
					err = fe.Err
					break
				}
			}
			if errors.Is(err, context.DeadlineExceeded) {
				return &Error{Op: "read schema history", Subject: k.subject(), CanRetry: true,
					Cause: fmt.Errorf("nothing arrived for %s though offset %d is not the end %d: %w", patience, next, end, err),
					Hint:  "check that the brokers are up, or raise " + KeyKafkaPollInterval}
			}
			return k.fail(ctx, "read schema history", err)
		}
	}
	return nil
}

func (k *Kafka) parse(r *kgo.Record, skips *skipLog) (Record, bool) {
	at := slog.Int64(logOffset, r.Offset)
	if r.Value == nil {
		skips.skip("it has no value", slog.String(logTopic, k.o.Topic), at)
		return Record{}, false
	}
	rec, err := ParseRecord(r.Value)
	if err != nil {
		skips.skip("it cannot be read", slog.String(logTopic, k.o.Topic), at, slog.Any(logErr, err))
		return Record{}, false
	}
	return rec, true
}

// Close ends the clients.
func (k *Kafka) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cl != nil {
		k.cl.Close()
		k.cl = nil
	}
	return nil
}
