package kafkaprops

import (
	"fmt"
	"strings"
	"time"

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
	num32, str := configs.IntType, configs.StringType
	zero, one := configs.AtLeast(0), configs.AtLeast(1)
	keys := append(clientKeys(), key("client.rack", str, ""),
		optional(GroupID, str), configs.Key{Name: "group.instance.id", Type: str, Check: configs.NonEmptyString},
		configs.Key{Name: MaxPollRecords, Type: num32, Check: one},
		num(AutoOffsetReset, str, "earliest", resetCheck),
		num(IsolationLevel, str, "read_uncommitted", configs.Words("read_committed", "read_uncommitted")),
		num("fetch.min.bytes", num32, "1", zero), num("fetch.max.bytes", num32, "52428800", zero),
		num("fetch.max.wait.ms", num32, "500", zero), num("max.partition.fetch.bytes", num32, "1048576", zero),
		num("session.timeout.ms", num32, "45000", nil), num("heartbeat.interval.ms", num32, "3000", nil),
		num("max.poll.interval.ms", num32, "300000", one),
		key("check.crcs", configs.BooleanType, "true"),
		key("allow.auto.create.topics", configs.BooleanType, "true"),
		list(assignors, "org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.CooperativeStickyAssignor"),
		configs.Key{Name: "group.protocol", Type: str, Default: "classic", HasDefault: true, Check: configs.AnyCaseWords("CONSUMER", "CLASSIC"),
			Refuse: configs.RefuseExcept("only the classic protocol is supported yet", "classic")},
		configs.Key{Name: "exclude.internal.topics", Type: configs.BooleanType, Default: "true", HasDefault: true,
			Refuse: configs.RefuseExcept("internal topics are never subscribed by a pattern", "true")},
	)
	keys = append(keys, without("offsets are committed by the task, after the records are delivered",
		key("enable.auto.commit", configs.BooleanType, "true"), num("auto.commit.interval.ms", num32, "5000", zero))...)
	keys = append(keys, without("the converters of the connector read the bytes",
		optional("key.deserializer", configs.ClassType), optional("value.deserializer", configs.ClassType))...)
	keys = append(keys, without("the classic protocol does not use it", optional("group.remote.assignor", str))...)
	keys = append(keys, without("share groups are not used",
		num("share.acknowledgement.mode", str, "implicit", shareMode("share.acknowledgement.mode", "implicit", "explicit")),
		num("share.acquire.mode", str, "BATCH_OPTIMIZED", shareMode("share.acquire.mode", "batch_optimized", "record_limit")))...)
	keys = append(keys, without("requests are retried while the caller waits", num("default.api.timeout.ms", num32, "60000", zero),
		num("retries", num32, "2147483647", zero))...)
	keys = append(keys, without("brokers that cannot serve stable offsets are older than any supported one",
		key("internal.throw.on.fetch.stable.offset.unsupported", configs.BooleanType, "false"))...)
	keys = append(keys, without("Java classes cannot be loaded", list("interceptor.classes", ""))...)
	return configs.NewDef(keys...).WithPatterns(clientPatterns()...)
}

// shareMode is the check of a key of share groups, whose words may be in any case.
func shareMode(name, one, other string) func(any) error {
	return func(val any) error {
		s, _ := val.(string)
		if strings.EqualFold(s, one) || strings.EqualFold(s, other) {
			return nil
		}
		return fmt.Errorf("Invalid value `%s` for configuration %s. The value must either be '%s' or '%s'.", s, name, one, other)
	}
}

// resetCheck is AutoOffsetResetStrategy's; durations are ISO 8601 (KIP-1106).
func resetCheck(val any) error {
	s, _ := val.(string)
	switch s {
	case "earliest", "latest", "none":
		return nil
	}
	if text, ok := strings.CutPrefix(s, "by_duration:"); ok {
		d, err := parseISODuration(text)
		switch {
		case err != nil:
			return fmt.Errorf("Invalid value `%s` for configuration auto.offset.reset. The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'.", s)
		case d < 0:
			return fmt.Errorf("Negative duration is not supported")
		}
		return nil
	}
	return fmt.Errorf("Invalid value `%s` for configuration auto.offset.reset. The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'.", s)
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
	switch at := v.Str(AutoOffsetReset); at {
	case "earliest":
		start = kgo.NewOffset().AtStart()
		reset = start
	case "latest":
		start = kgo.NewOffset().AtEnd()
		reset = start
	case "none":
		start, reset = kgo.NoResetOffset().AtCommitted(), kgo.NoResetOffset()
	default:
		d, err := parseISODuration(strings.TrimPrefix(at, "by_duration:"))
		if err != nil {
			break // the definition has refused it
		}
		start = kgo.NewOffset().AfterMilli(time.Now().Add(-d).UnixMilli())
		reset = start
	}
	s.add(kgo.ConsumeStartOffset(start), kgo.ConsumeResetOffset(reset))
	level := kgo.ReadUncommitted()
	if v.Word(IsolationLevel) == "read_committed" {
		level = kgo.ReadCommitted()
	}
	if rack := v.Str("client.rack"); rack != "" {
		s.add(kgo.Rack(rack))
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
