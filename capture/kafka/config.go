package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/configs/javaregex"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// Bounds of a frame when max.poll.records is not given.
const (
	defaultFrameRows  = 2048
	defaultFrameBytes = 1 << 20
)

// Config is what a Source needs.
type Config struct {
	// Client are the options of the Kafka client and GroupOpts those of the group member, from
	// kafkaprops.Consumer.
	Client, GroupOpts []kgo.Opt
	// Group is the consumer group: connect-NAME unless consumer.override.group.id says otherwise (CW-115).
	Group string
	// Topics, or a pattern that whole topic names must match (CW-138).
	Topics       []string
	TopicPattern *javaregex.Regex
	// PatternRefresh is how often topics are listed for the pattern; 0 is five minutes, as metadata.max.age.ms.
	PatternRefresh time.Duration
	// MaxPollRecords is max.poll.records; 0 chooses.
	MaxPollRecords int
	// NewKey, NewValue and NewHeader make converters; NewHeader nil is SimpleHeaderConverter.
	NewKey, NewValue, NewHeader func() converters.Converter
	// Stats are the consumer's statistics; nil counts nothing.
	Stats *javametrics.Client
	// Failures decides about records that a converter cannot read; nil is records.Strict.
	Failures records.Failures
	// Active hears of each frame the topic of which a record was read, before transforms (CW-270);
	// nil is nobody.
	Active func(topic string)
	// KeepConsumed keeps each record's bytes in its batch, for a dead letter queue.
	KeepConsumed bool
	// BeforeCommit returns when everything is durable that must be so before offsets are
	// committed, such as the dead letter queue (invariant 2); nil is nothing.
	BeforeCommit func(ctx context.Context) error
	// BeforeJoin is called before each join of the group; nil is nothing.
	BeforeJoin func(ctx context.Context)
}

// FromSettings starts a Config from a translated consumer configuration. connector gives the
// group its name unless group.id is set.
func FromSettings(s *kafkaprops.Settings, connector string) Config {
	c := Config{Client: s.Opts, GroupOpts: s.GroupOpts(), Group: s.GroupID, MaxPollRecords: s.MaxPollRecords}
	if c.Group == "" {
		c.Group = "connect-" + connector
	}
	return c
}
