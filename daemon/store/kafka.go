package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs"
)

const (
	openTopicWithin = 60 * time.Second // the admin client's default.api.timeout.ms
	createAgain     = 500 * time.Millisecond
	fetchBytes      = 1 << 20
	// A log whose last records were compacted away ends before its end offset; nothing more
	// comes then. After this long without a record the end counts as reached.
	silenceIsEnd  = 5 * time.Second
	logErrorEvery = 30 * time.Second
)

// KafkaLog is a Log in a compacted topic. It reads all partitions by itself, without a group, from
// the beginning and then on (CW-154), and writes with all acknowledgements and Java's
// partitioner (CW-155).
type KafkaLog struct {
	topic      configs.Topic
	opts       []kgo.Opt
	slog       *slog.Logger
	one        bool // must have exactly one partition (CW-152)
	committed  bool // see ReadCommitted
	leader     *leaderWriter
	cl         *kgo.Client
	stop       context.CancelFunc
	done       chan struct{}
	lastLogged time.Time

	mu      sync.Mutex // guards the fields below and the calls of apply
	apply   func(Record)
	next    []int64 // by partition: the offset of the next record to apply
	changed chan struct{}
	heard   time.Time // when the last record came
	failing error     // why fetching fails at the moment
}

var _ Log = (*KafkaLog)(nil)

// NewKafkaLog makes a log over a topic. opts say how to reach the cluster and who we are.
// onePartition is true for the config topic, whose order counts.
func NewKafkaLog(topic configs.Topic, onePartition bool, opts []kgo.Opt, logger *slog.Logger) *KafkaLog {
	return &KafkaLog{topic: topic, one: onePartition, opts: opts, slog: logger.With("topic", topic.Name), changed: make(chan struct{})}
}

// Open implements Log.
func (l *KafkaLog) Open(ctx context.Context, apply func(Record)) error {
	opts := append([]kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // murmur2 of the key, as in Java
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(0),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(fetchBytes),
		kgo.KeepControlRecords(), // so that a commit marker at the end of the topic counts as read
		kgo.MetadataMinAge(100 * time.Millisecond),
		l.isolation(),
	}, l.opts...)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return l.fail(err, "", true)
	}
	within, cancel := context.WithTimeout(ctx, openTopicWithin)
	defer cancel()
	starts, ends, err := l.prepare(within, kadm.NewClient(cl))
	if err != nil {
		cl.Close()
		return err
	}
	l.cl, l.apply, l.next = cl, apply, starts
	parts := map[int32]kgo.Offset{}
	for p := range ends {
		parts[int32(p)] = kgo.NewOffset().AtStart()
	}
	cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{l.topic.Name: parts})
	run, stop := context.WithCancel(context.Background())
	l.stop, l.done, l.heard = stop, make(chan struct{}), time.Now()
	go l.poll(run) // ends in Close
	if err := l.await(within, ends); err != nil {
		_ = l.Close() // the first error counts
		return l.fail(err, "", false)
	}
	return nil
}

func (l *KafkaLog) fail(cause error, hint string, config bool) error {
	return &Error{Op: "open internal topic", Subject: l.topic.Name, Cause: cause, Hint: hint, Config: config}
}

// prepare creates or checks the topic and returns the first and the end offsets of its partitions.
func (l *KafkaLog) prepare(ctx context.Context, adm *kadm.Client) (starts, ends []int64, err error) {
	name := l.topic.Name
	partitions := 0
	for {
		topics, err := adm.ListTopics(ctx, name)
		if err == nil {
			err = topics[name].Err
		}
		if err == nil {
			partitions = len(topics[name].Partitions)
			break
		}
		if !isUnknownTopic(err) {
			if l.retry(ctx, err) {
				continue
			}
			return nil, nil, l.fail(err, "check bootstrap.servers and the security settings of the worker", false)
		}
		if err := l.create(ctx, adm); err != nil {
			return nil, nil, err
		}
	}
	if l.one && partitions != 1 {
		return nil, nil, l.fail(fmt.Errorf("the topic of %s has %d partitions, but its order must be total", l.key(), partitions),
			"config.storage.topic must have exactly one partition: create it anew, or name another topic", true)
	}
	if err := l.checkPolicy(ctx, adm); err != nil {
		return nil, nil, err
	}
	if starts, err = l.offsets(ctx, adm.ListStartOffsets, partitions); err == nil {
		ends, err = l.offsets(ctx, l.readable(adm), partitions)
	}
	if err != nil {
		return nil, nil, l.fail(err, "", false)
	}
	return starts, ends, nil
}

// retry waits a moment after an error that may pass; false when it will not.
func (l *KafkaLog) retry(ctx context.Context, err error) bool {
	if ctx.Err() != nil || !isTransient(err) {
		return false
	}
	l.logNow("internal topic is not reachable yet, trying on", err)
	t := time.NewTimer(createAgain)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// create makes the topic; a replication factor that the brokers cannot give yet is tried
// again until the time is up (CW-153).
func (l *KafkaLog) create(ctx context.Context, adm *kadm.Client) error {
	settings := map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}
	for k, v := range l.topic.Settings {
		settings[k] = kadm.StringPtr(v)
	}
	for {
		resp, err := adm.CreateTopic(ctx, l.topic.Partitions, l.topic.Replication, settings, l.topic.Name)
		if err == nil {
			err = resp.Err
		}
		switch {
		case err == nil, isTopicExists(err):
			return nil
		case isReplicationFactor(err):
			if ctx.Err() == nil && l.retryCreate(ctx, err) {
				continue
			}
			return l.fail(fmt.Errorf("create topic with replication factor %d: %w", l.topic.Replication, err),
				"lower the .storage.replication.factor of the worker file to the number of brokers", true)
		case isTransient(err) && l.retry(ctx, err):
		default:
			return l.fail(fmt.Errorf("create topic: %w", err), "create it by hand with cleanup.policy=compact", false)
		}
	}
}

func (l *KafkaLog) retryCreate(ctx context.Context, err error) bool {
	l.logNow("too few brokers for the replication factor of the internal topic yet, trying on", err)
	t := time.NewTimer(createAgain)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// key is the key of the worker file that names the topic.
func (l *KafkaLog) key() string { return cmp.Or(l.topic.Key, "a connector") }

// checkPolicy refuses a topic from which records could expire (CW-152).
func (l *KafkaLog) checkPolicy(ctx context.Context, adm *kadm.Client) error {
	all, err := adm.DescribeTopicConfigs(ctx, l.topic.Name)
	if err == nil && len(all) == 1 {
		err = all[0].Err
	}
	if err != nil {
		if ctx.Err() != nil {
			return l.fail(ctx.Err(), "", false) // another topic ended the start
		}
		l.slog.Warn("cleanup.policy of the internal topic cannot be checked; make sure that it is compact", "err", err)
		return nil
	}
	for _, c := range all[0].Configs {
		if c.Key == "cleanup.policy" && c.MaybeValue() != "compact" {
			return l.fail(fmt.Errorf("the topic of %s has cleanup.policy=%s, so its records may be deleted", l.key(), c.MaybeValue()),
				"set cleanup.policy=compact on the topic, or name another one", true)
		}
	}
	return nil
}

// offsets lists the first or the end offset of every partition.
func (l *KafkaLog) offsets(ctx context.Context, list func(context.Context, ...string) (kadm.ListedOffsets, error), partitions int) ([]int64, error) {
	listed, err := list(ctx, l.topic.Name)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	out := make([]int64, partitions)
	for p := range out {
		o, ok := listed.Lookup(l.topic.Name, int32(p))
		if !ok {
			return nil, fmt.Errorf("list offsets: partition %d is missing", p)
		}
		out[p] = o.Offset
	}
	return out, nil
}

// poll applies what others and we write, until Close.
func (l *KafkaLog) poll(ctx context.Context) {
	defer close(l.done)
	for {
		fs := l.cl.PollFetches(ctx)
		if ctx.Err() != nil || fs.IsClientClosed() {
			return
		}
		var failing error
		fs.EachError(func(_ string, p int32, err error) { failing = fmt.Errorf("partition %d: %w", p, err) })
		if failing != nil {
			l.logNow("read internal topic", failing)
		}
		l.mu.Lock()
		l.failing = failing
		fs.EachRecord(func(r *kgo.Record) {
			l.heard = time.Now()
			if int(r.Partition) >= len(l.next) || r.Offset < l.next[r.Partition] {
				return // a later partition is not ours; an older offset was applied by Append
			}
			if !r.Attrs.IsControl() {
				l.apply(Record{Key: r.Key, Value: r.Value, Offset: r.Offset})
			}
			l.next[r.Partition] = r.Offset + 1
		})
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
	}
}

func (l *KafkaLog) logNow(msg string, err error) {
	if time.Since(l.lastLogged) < logErrorEvery {
		return
	}
	l.lastLogged = time.Now()
	l.slog.Warn(msg, "err", err)
}

// await returns when everything before ends is applied.
func (l *KafkaLog) await(ctx context.Context, ends []int64) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	since := time.Now()
	for {
		l.mu.Lock()
		behind := -1
		for p, end := range ends {
			if l.next[p] < end {
				behind = p
				break
			}
		}
		changed, failing := l.changed, l.failing
		quiet := time.Since(l.heard) > silenceIsEnd && time.Since(since) > silenceIsEnd
		if behind >= 0 && quiet && failing == nil {
			l.mu.Unlock()
			held, err := l.heldBack(ctx, ends)
			if err != nil {
				return err
			}
			quiet = !held
			l.mu.Lock()
		}
		if behind >= 0 && quiet && failing == nil {
			l.slog.Warn("internal topic ends before its end offset; going on", "partition", behind, "offset", l.next[behind], "end", ends[behind])
			for p, end := range ends {
				l.next[p] = max(l.next[p], end)
			}
			behind = -1
		}
		l.mu.Unlock()
		if behind < 0 {
			return nil
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			if failing != nil {
				return fmt.Errorf("read partition %d to the end: %w", behind, failing)
			}
			return fmt.Errorf("read partition %d to the end: %w", behind, context.Cause(ctx))
		}
	}
}

// Append implements Log. A record whose turn it is gets applied at once; if others wrote in
// between, the reader applies it in its place and we wait for that.
func (l *KafkaLog) Append(ctx context.Context, recs ...Record) error {
	batch := l.batch(recs)
	written := make(chan error, len(recs))
	for _, r := range batch {
		l.cl.Produce(ctx, r, func(_ *kgo.Record, err error) { written <- err })
	}
	// A record that was sent once cannot be taken back while its broker is silent, so the
	// promise alone could outlast ctx. It may then still be written later: whoever reads it
	// finds the newest record of its key all the same.
	for range recs {
		select {
		case err := <-written:
			if err != nil {
				return fmt.Errorf("write to internal topic %s: %w", l.topic.Name, err)
			}
		case <-ctx.Done():
			return fmt.Errorf("write to internal topic %s: no answer from the broker: %w", l.topic.Name, context.Cause(ctx))
		}
	}
	return l.applied(ctx, recs, batch)
}

func (l *KafkaLog) batch(recs []Record) []*kgo.Record {
	batch := make([]*kgo.Record, len(recs))
	for i, r := range recs {
		batch[i] = &kgo.Record{Topic: l.topic.Name, Key: r.Key, Value: r.Value}
	}
	return batch
}

// applied returns when the records that were written are applied.
func (l *KafkaLog) applied(ctx context.Context, recs []Record, batch []*kgo.Record) error {
	l.mu.Lock()
	wait := make([]int64, len(l.next))
	behind := false
	for i, r := range batch {
		switch p := r.Partition; {
		case int(p) >= len(l.next):
			// A partition that was added after the start: nobody here reads it before the next one.
		case r.Offset == l.next[p]:
			recs[i].Offset = r.Offset
			l.apply(recs[i])
			l.next[p]++
		case r.Offset > l.next[p]:
			wait[p], behind = r.Offset+1, true
		}
	}
	l.mu.Unlock()
	if !behind {
		return nil
	}
	return l.await(ctx, wait)
}

// Refresh implements Log.
func (l *KafkaLog) Refresh(ctx context.Context) error {
	ends, err := l.offsets(ctx, kadm.NewClient(l.cl).ListEndOffsets, len(l.next))
	if err != nil {
		return fmt.Errorf("internal topic %s: %w", l.topic.Name, err)
	}
	return l.await(ctx, ends)
}

// Close implements Log.
func (l *KafkaLog) Close() error {
	if l.cl == nil {
		return errors.New("log was not opened")
	}
	l.stop()
	<-l.done
	l.cl.Close()
	l.leader.close()
	return nil
}
