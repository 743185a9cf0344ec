package kafkaprops

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs"
)

// Names of consumer keys.
const (
	GroupID         = "group.id"
	MaxPollRecords  = "max.poll.records"
	AutoOffsetReset = "auto.offset.reset"
	IsolationLevel  = "isolation.level"
	assignors       = "partition.assignment.strategy"
)

func consumerDef() *configs.Def {
	at := configs.AtLeast
	keys := append(clientKeys(),
		optional(GroupID, configs.StringType), optional("group.instance.id", configs.StringType),
		configs.Key{Name: MaxPollRecords, Type: configs.IntType, Check: at(1)},
		key(AutoOffsetReset, configs.StringType, "earliest"),
		configs.Key{Name: IsolationLevel, Type: configs.StringType, Default: "read_uncommitted", HasDefault: true, OneOf: []string{"read_uncommitted", "read_committed"}},
		configs.Key{Name: "fetch.min.bytes", Type: configs.IntType, Default: "1", HasDefault: true, Check: at(0)},
		configs.Key{Name: "fetch.max.bytes", Type: configs.IntType, Default: "52428800", HasDefault: true, Check: at(0)},
		configs.Key{Name: "fetch.max.wait.ms", Type: configs.IntType, Default: "500", HasDefault: true, Check: at(0)},
		configs.Key{Name: "max.partition.fetch.bytes", Type: configs.IntType, Default: "1048576", HasDefault: true, Check: at(0)},
		configs.Key{Name: "session.timeout.ms", Type: configs.IntType, Default: "45000", HasDefault: true, Check: at(1)},
		configs.Key{Name: "heartbeat.interval.ms", Type: configs.IntType, Default: "3000", HasDefault: true, Check: at(1)},
		configs.Key{Name: "max.poll.interval.ms", Type: configs.IntType, Default: "300000", HasDefault: true, Check: at(1)},
		key("check.crcs", configs.BooleanType, "true"),
		key("allow.auto.create.topics", configs.BooleanType, "false"),
		key(assignors, configs.ListType, "org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.CooperativeStickyAssignor"),
		configs.Key{Name: "group.protocol", Type: configs.StringType, Default: "classic", HasDefault: true,
			Refuse: configs.RefuseExcept("only the classic protocol is supported yet", "classic")},
		configs.Key{Name: "exclude.internal.topics", Type: configs.BooleanType, Default: "true", HasDefault: true,
			Refuse: configs.RefuseExcept("internal topics are never subscribed by a pattern", "true")},
	)
	keys = append(keys, noEffect("offsets are committed by the task, after the records are delivered", "enable.auto.commit", "auto.commit.interval.ms")...)
	keys = append(keys, noEffect("the converters of the connector read the bytes", "key.deserializer", "value.deserializer")...)
	keys = append(keys, noEffect("the classic protocol does not use it", "group.remote.assignor")...)
	keys = append(keys, noEffect("requests are retried while the caller waits", "default.api.timeout.ms", "retries")...)
	return configs.NewDef(keys...).WithPatterns(clientPatterns()...)
}

// ConsumerDef declares the keys of task consumers, for validation.
func ConsumerDef() *configs.Def { return consumerDef() }

// Consumer translates the configuration of a sink task's consumer (CW-115). Group, topics
// and the commit mode are not among the options: they belong to capture/kafka.
func Consumer(props map[string]string) *Settings {
	v, s := parse(consumerDef(), props)
	s.client(v)
	s.GroupID = v.Str(GroupID)
	s.MaxPollRecords = int(v.Int(MaxPollRecords))
	if id := v.Str("group.instance.id"); id != "" {
		s.instanceID = id
	}
	var start, reset kgo.Offset
	switch v.Word(AutoOffsetReset) {
	case "earliest":
		start = kgo.NewOffset().AtStart()
		reset = start
	case "latest":
		start = kgo.NewOffset().AtEnd()
		reset = start
	case "none":
		start, reset = kgo.NoResetOffset().AtCommitted(), kgo.NoResetOffset()
	default:
		s.problem(AutoOffsetReset, "must be earliest, latest or none")
	}
	s.add(kgo.ConsumeStartOffset(start), kgo.ConsumeResetOffset(reset))
	level := kgo.ReadUncommitted()
	if v.Word(IsolationLevel) == "read_committed" {
		level = kgo.ReadCommitted()
	}
	fetchMax := int32(max(v.Int("fetch.max.bytes"), 1))
	s.add(kgo.FetchIsolationLevel(level),
		kgo.FetchMinBytes(int32(v.Int("fetch.min.bytes"))), kgo.FetchMaxBytes(fetchMax),
		kgo.FetchMaxPartitionBytes(min(int32(max(v.Int("max.partition.fetch.bytes"), 1)), fetchMax)),
		kgo.BrokerMaxReadBytes(max(100<<20, fetchMax)),
		kgo.FetchMaxWait(clampMillis(v.Int("fetch.max.wait.ms"))))
	s.groupOpts = append(s.groupOpts,
		kgo.SessionTimeout(clampMillis(v.Int("session.timeout.ms"))),
		kgo.HeartbeatInterval(clampMillis(v.Int("heartbeat.interval.ms"))),
		// Java's group members give each other max.poll.interval.ms to come back.
		kgo.RebalanceTimeout(clampMillis(v.Int("max.poll.interval.ms"))))
	if v.Int("heartbeat.interval.ms") >= v.Int("session.timeout.ms") {
		s.problem("heartbeat.interval.ms", "must be less than session.timeout.ms")
	}
	if s.instanceID != "" {
		s.groupOpts = append(s.groupOpts, kgo.InstanceID(s.instanceID))
	}
	if !v.Bool("check.crcs") {
		s.add(kgo.DisableFetchCRCValidation())
	}
	if v.Bool("allow.auto.create.topics") {
		s.add(kgo.AllowAutoTopicCreation())
	}
	s.balancers(v.List(assignors))
	return s
}

// GroupOpts are the options that need a consumer group (Consumer).
func (s *Settings) GroupOpts() []kgo.Opt { return s.groupOpts }

func (s *Settings) balancers(names []string) {
	var bs []kgo.GroupBalancer
	for _, n := range names {
		switch n[strings.LastIndexByte(n, '.')+1:] {
		case "RangeAssignor":
			bs = append(bs, kgo.RangeBalancer())
		case "RoundRobinAssignor":
			bs = append(bs, kgo.RoundRobinBalancer())
		case "StickyAssignor":
			bs = append(bs, kgo.StickyBalancer())
		case "CooperativeStickyAssignor":
			bs = append(bs, kgo.CooperativeStickyBalancer())
		default:
			s.problem(assignors, "Java classes cannot be loaded; use Kafka's own assignors")
			return
		}
	}
	if len(bs) > 0 {
		s.groupOpts = append(s.groupOpts, kgo.Balancers(bs...))
	}
}
