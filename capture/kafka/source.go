package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// Limits of this room.
const (
	// openTimeout bounds how long Open waits for a broker.
	openTimeout = 15 * time.Second
	// leaveTimeout bounds how long Close waits for the group to be left.
	leaveTimeout = 5 * time.Second
	// revokeTimeout bounds how long a rebalance waits for lanes to drain. It stays below the
	// default rebalance timeout, after which the group would throw this member out.
	revokeTimeout = 4 * time.Minute
)

// Source consumes topics for one task of a sink connector.
type Source struct {
	cfg    Config
	env    capture.Env
	m      *metrics
	cl     *kgo.Client
	decode *decoder

	clientLog *kafkaprops.ClientLog
	hook      func(ctx context.Context, lanes []string)

	// Of the goroutine that calls Read.
	queue []chunk // polled, not handed over
	loose bool    // rebalances passed while the queue had records
	fatal error

	life context.Context // ends at Close
	end  context.CancelFunc
	wg   sync.WaitGroup // the topic lister

	mu       sync.Mutex // guards the fields below
	assigned map[topicPartition]struct{}
	gone     []topicPartition // given away since dropGone
	held     context.Context  // while paused; ends with the pause
	lift     context.CancelFunc
}

type topicPartition struct {
	topic     string
	partition int32
}

func (tp topicPartition) lane() string { return tp.topic + "-" + strconv.Itoa(int(tp.partition)) }

// chunk is what is left of one partition's records of a poll.
type chunk struct {
	topicPartition
	recs []*kgo.Record
}

var _ capture.Source = (*Source)(nil)

// New makes a source. Nothing is connected before Open.
func New(cfg Config, env capture.Env) *Source {
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
	if cfg.PatternRefresh <= 0 {
		cfg.PatternRefresh = 5 * time.Minute
	}
	s := &Source{cfg: cfg, env: env, assigned: map[topicPartition]struct{}{}}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// OnRevoke sets the hook that drains lanes before their partitions are given away. It must be
// set before Open. The hook is called with lanes ("topic-partition") on the group's own
// goroutine, while Read may be waiting; no frame of these lanes comes afterwards.
func (s *Source) OnRevoke(hook func(ctx context.Context, lanes []string)) { s.hook = hook }

// Open implements capture.Source. offsets is not used: the group's committed offsets count.
func (s *Source) Open(ctx context.Context, _ []records.Position) error {
	s.m = newMetrics(s.env.Metrics)
	s.decode = newDecoder(&s.cfg, s.m)
	opts := append(append([]kgo.Opt{}, s.cfg.Client...), s.cfg.GroupOpts...)
	opts = append(opts, kgo.ConsumerGroup(s.cfg.Group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(s.onAssigned), kgo.OnPartitionsRevoked(s.onRevoked), kgo.OnPartitionsLost(s.onLost))
	if len(s.cfg.Topics) > 0 {
		opts = append(opts, kgo.ConsumeTopics(s.cfg.Topics...))
	}
	if s.cfg.Stats != nil {
		opts = append(opts, kgo.WithHooks(s.cfg.Stats))
	}
	if s.clientLog = kafkaprops.NewClientLog(s.env.Log); s.clientLog != nil {
		opts = append(opts, kgo.WithLogger(s.clientLog))
	}
	if s.cfg.BeforeJoin != nil {
		s.cfg.BeforeJoin(ctx)
	}
	cl, err := kgo.NewClient(opts...) // begins to join
	if err != nil {
		return capture.Errorf("configure kafka consumer", "", "", "%w", err)
	}
	s.cl = cl
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := cl.Ping(ctx); err != nil {
		return classify("connect to kafka", "", err)
	}
	if s.cfg.TopicPattern != nil {
		if err := s.listTopics(ctx); err != nil {
			return err
		}
		s.wg.Add(1)
		go s.refreshTopics()
	}
	return nil
}

// listTopics subscribes to the topics that match the pattern now. franz-go's own patterns are
// RE2; users write Java's.
func (s *Source) listTopics(ctx context.Context) error {
	all, err := kadm.NewClient(s.cl).ListTopics(ctx) // without internal topics
	if err != nil {
		return classify("list topics", "", err)
	}
	var match []string
	for name := range all {
		ok, err := s.cfg.TopicPattern.Matches(name)
		if err != nil {
			return capture.Errorf("match topics.regex", "", "simplify the pattern", "%w", err)
		}
		if ok {
			match = append(match, name)
		}
	}
	s.cl.AddConsumeTopics(match...)
	return nil
}

func (s *Source) refreshTopics() {
	defer s.wg.Done()
	t := time.NewTicker(s.cfg.PatternRefresh)
	defer t.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-t.C:
			// The broker may be away for a while; the next round finds the topics.
			if err := s.listTopics(s.life); err != nil && s.life.Err() == nil && s.env.Log != nil {
				s.env.Log.Warn("cannot list topics for topics.regex", "err", err)
			}
		}
	}
}

// Read implements capture.Source.
func (s *Source) Read(ctx context.Context) (*records.Frame, error) {
	for {
		if s.fatal != nil {
			return nil, s.fatal
		}
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if len(s.queue) > 0 && s.pausedUntil() == nil {
			if s.loose {
				s.keepOut()
				continue
			}
			c := &s.queue[0]
			f, n, err := s.decode.frame(ctx, c.topicPartition, c.recs)
			if err != nil {
				s.fatal = err // the same record would be skipped by reading on
				return nil, err
			}
			if c.recs = c.recs[n:]; len(c.recs) == 0 {
				s.queue[0] = chunk{}
				s.queue = s.queue[1:]
			}
			return f, nil
		}
		if err := s.poll(ctx); err != nil {
			return nil, err
		}
	}
}

// poll waits for records, or for the end of a pause. All that was polled before has been handed
// over, so a rebalance that waits may go on: its hook finds the frames with the task.
func (s *Source) poll(outer context.Context) error {
	ctx := outer
	if held := s.pausedUntil(); held != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(outer)
		defer cancel()
		defer context.AfterFunc(held, cancel)()
		s.loose = s.loose || len(s.queue) > 0
	}
	s.cl.AllowRebalance()
	n := s.cfg.MaxPollRecords
	if n <= 0 {
		n = defaultFrameRows
	}
	fetches := s.cl.PollRecords(ctx, n)
	s.dropGone()
	switch {
	case outer.Err() != nil:
		s.requeue(fetches)
		return context.Cause(outer)
	case ctx.Err() != nil: // the pause is over
		s.requeue(fetches)
		return nil
	}
	if fetches.IsClientClosed() {
		return io.ErrUnexpectedEOF
	}
	var first error
	fetches.EachError(func(topic string, partition int32, err error) {
		if first == nil {
			first = s.fetchError(topic, partition, err)
		}
	})
	s.requeue(fetches)
	return first
}

func (s *Source) requeue(fetches kgo.Fetches) {
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if n := len(p.Records); n > 0 {
			s.cfg.Stats.Consumed(p.Topic, p.Partition, p.Records[n-1].Offset+1, p.LogStartOffset, p.HighWatermark)
			s.queue = append(s.queue, chunk{topicPartition{p.Topic, p.Partition}, p.Records})
		}
	})
}

// fetchError makes an error of what the client reports, nil for what it repairs by itself: a
// group whose coordinator moves, a topic that does not exist yet, an offset that it reset.
func (s *Source) fetchError(topic string, partition int32, err error) error {
	subject := topicPartition{topic, partition}.lane()
	var group *kgo.ErrGroupSession
	inGroup := errors.As(err, &group)
	if inGroup {
		subject = "group " + s.cfg.Group
	}
	e := classify("read", subject, err)
	var lost *kgo.ErrDataLoss
	lossy := errors.As(err, &lost)
	if e.CanRetry && (inGroup || lossy || kerr.IsRetriable(err)) {
		s.clientLog.Log(kgo.LogLevelWarn, "reading goes on after an error", "what", subject, "err", err)
		return nil
	}
	return e
}

// Commit implements capture.Source: it commits the offset to the consumer group. Offsets of
// partitions that were given away in the meantime are left alone (CW-280).
func (s *Source) Commit(ctx context.Context, pos records.Position) error {
	return s.CommitAll(ctx, []records.Position{pos})
}

// CommitAll commits the offsets of many partitions in one request.
func (s *Source) CommitAll(ctx context.Context, positions []records.Position) error {
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for _, pos := range positions {
		topic := pos.Partition.Str("kafka_topic")
		partition, ok1 := pos.Partition.Int("kafka_partition")
		offset, ok2 := pos.Offset.Int("kafka_offset")
		if pos.Partition == nil {
			continue
		}
		if topic == "" || !ok1 || !ok2 {
			return capture.Errorf("commit offsets", "group "+s.cfg.Group, "", "a position is not one of a topic-partition")
		}
		tp := topicPartition{topic, int32(partition)}
		s.mu.Lock()
		_, mine := s.assigned[tp]
		s.mu.Unlock()
		if !mine {
			if s.env.Log != nil {
				s.env.Log.Debug("offset of a partition that is not assigned any more is not committed", "lane", tp.lane())
			}
			continue
		}
		if offsets[topic] == nil {
			offsets[topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[topic][int32(partition)] = kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	if len(offsets) == 0 {
		return nil
	}
	if s.cfg.BeforeCommit != nil {
		if err := s.cfg.BeforeCommit(ctx); err != nil {
			return err
		}
	}
	err := s.commit(ctx, offsets)
	if err != nil {
		s.m.commitErrors.Inc()
	}
	return err
}

func (s *Source) commit(ctx context.Context, offsets map[string]map[int32]kgo.EpochOffset) error {
	var failed error
	s.cl.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsgCommitRequest, resp *kmsgCommitResponse, err error) {
		if err != nil {
			failed = classify("commit offsets", "group "+s.cfg.Group, err)
			return
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil && failed == nil {
					failed = classify("commit offset", fmt.Sprintf("%s-%d of group %s", t.Topic, p.Partition, s.cfg.Group), err)
				}
			}
		}
	})
	return failed
}

func (s *Source) onAssigned(_ context.Context, cl *kgo.Client, m map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, ps := range m {
		for _, p := range ps {
			s.assigned[topicPartition{topic, p}] = struct{}{}
		}
		if s.held != nil {
			cl.PauseFetchTopics(topic)
		}
	}
	s.m.partitions.Set(float64(len(s.assigned)))
	s.cfg.Stats.Assigned(len(s.assigned))
}

// onRevoked runs on the group's goroutine; kgo returns no records of these partitions after it.
func (s *Source) onRevoked(ctx context.Context, _ *kgo.Client, m map[string][]int32) {
	lanes := s.lanes(m)
	if len(lanes) > 0 && s.hook != nil && s.life.Err() == nil {
		ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
		stop := context.AfterFunc(s.life, cancel)
		s.hook(ctx, lanes)
		stop()
		cancel()
	}
	s.forget(m)
}

// onLost: the group has given the partitions to others already; there is nothing to commit.
// What is in flight for them will be delivered again by the new owner.
func (s *Source) onLost(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	s.forget(m)
}

// Partitions is how many partitions are assigned to the task now.
func (s *Source) Partitions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.assigned)
}

func (s *Source) lanes(m map[string][]int32) []string {
	var lanes []string
	for topic, ps := range m {
		for _, p := range ps {
			lanes = append(lanes, topicPartition{topic, p}.lane())
		}
	}
	return lanes
}

func (s *Source) forget(m map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, ps := range m {
		for _, p := range ps {
			delete(s.assigned, topicPartition{topic, p})
			if tp := (topicPartition{topic, p}); !slices.Contains(s.gone, tp) {
				s.gone = append(s.gone, tp)
			}
			s.cfg.Stats.Gone(topic, p)
		}
	}
	s.m.partitions.Set(float64(len(s.assigned)))
	s.cfg.Stats.Assigned(len(s.assigned))
}

// Close implements capture.Source. It leaves the group if a broker answers in time.
func (s *Source) Close() error {
	s.end()
	s.wg.Wait()
	if s.m != nil {
		defer s.m.close()
	}
	if s.cl == nil {
		return nil
	}
	s.cl.AllowRebalance()
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	// With a context that ends, leaving does not hang on a dead broker; Close returns quickly then.
	err := s.cl.LeaveGroupContext(ctx)
	s.cl.CloseAllowingRebalance()
	if err != nil && ctx.Err() == nil && s.env.Log != nil {
		s.env.Log.Debug("leaving the consumer group", "err", err)
	}
	return nil
}
