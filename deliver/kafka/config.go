package kafka

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/configs/javaregex"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// DefaultBufferBytes bounds the encoded bytes that wait for the broker, as Java's buffer.memory does.
const DefaultBufferBytes = 16 << 20

// Config is what a Sink needs. NewKey, NewValue and NewHeader are called once per lane.
type Config struct {
	// Client are the options of the Kafka client, from kafkaprops.Producer.
	Client []kgo.Opt
	// Partitioner chooses for records without a partition of their own; nil is Java's default:
	// murmur2 of the key, keyless records stay on one partition for a while.
	Partitioner kgo.Partitioner
	// Linger is linger.ms; negative chooses for low latency.
	Linger time.Duration
	// BufferBytes is buffer.memory; 0 is DefaultBufferBytes.
	BufferBytes int64
	// MaxRequestBytes is max.request.size, for messages only.
	MaxRequestBytes int64
	// NewKey, NewValue and NewHeader make converters; NewHeader nil is SimpleHeaderConverter.
	NewKey, NewValue, NewHeader func() converters.Converter
	// Topics says how missing topics are made; nil leaves it to the broker (CW-269).
	Topics *TopicCreation
	// Stats are the producer's statistics; nil counts nothing.
	Stats *javametrics.Client
	// Failures decides about records that a converter refuses; nil is records.Strict.
	Failures records.Failures
	// SkipRefused asks Failures about records that are too large for the client too (errors.tolerance=all).
	SkipRefused bool
	// Transactions, if set, make the sink a deliver.Transactor that works.
	Transactions *Transactions
}

// FromSettings starts a Config from a translated producer configuration.
func FromSettings(s *kafkaprops.Settings) Config {
	return Config{Client: s.Opts, Partitioner: s.Partitioner(), Linger: s.Linger,
		BufferBytes: s.BufferBytes, MaxRequestBytes: s.MaxRequestBytes}
}

// TopicCreation are the rules for topics that do not exist yet (KIP-158).
type TopicCreation struct {
	Groups  []TopicGroup // in the order of topic.creation.groups
	Default TopicGroup
}

// TopicGroup is one rule.
type TopicGroup struct {
	Name              string
	Include, Exclude  []*javaregex.Regex
	Partitions        int32 // -1 = broker default
	ReplicationFactor int16 // -1 = broker default
	Configs           map[string]*string
}

const (
	creationPrefix  = "topic.creation."
	creationGroups  = "topic.creation.groups"
	defaultGroup    = "default"
	replicationKey  = "replication.factor"
	partitionsKey   = "partitions"
	includeKey      = "include"
	excludeKey      = "exclude"
	groupTextPrefix = "topic creation group "
)

// ParseTopicCreation reads a connector's topic.creation.* keys (CW-141, CW-142). nil without
// a problem means that none are given. Whether the worker allows it (topic.creation.enable,
// CW-92) is for the caller to ask.
func ParseTopicCreation(cfg map[string]string) (*TopicCreation, configs.Problems) {
	var ps configs.Problems
	bad := func(key, msg string) {
		ps = append(ps, configs.Problem{Key: key, Message: "Invalid configuration " + key + ": " + msg})
	}
	used := false
	for k := range cfg {
		used = used || strings.HasPrefix(k, creationPrefix)
	}
	if !used {
		return nil, nil
	}
	tc := &TopicCreation{}
	names := configs.SplitList(cfg[creationGroups])
	seen := map[string]bool{defaultGroup: true}
	parse := func(name string, inherit *TopicGroup) TopicGroup {
		g := TopicGroup{Name: name, Configs: map[string]*string{}}
		if inherit != nil {
			g.Partitions, g.ReplicationFactor = inherit.Partitions, inherit.ReplicationFactor
		}
		number := func(key string, bits int) (int64, bool) {
			full := creationPrefix + name + "." + key
			text, ok := cfg[full]
			if !ok {
				if inherit == nil {
					ps = append(ps, configs.Problem{Key: full, Message: "Missing required configuration \"" + full + "\" which has no default value."})
				}
				return 0, false
			}
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, bits)
			if err != nil || n == 0 || n < -1 {
				bad(full, "must be -1 for the broker's default, or 1 or more")
				return 0, false
			}
			return n, true
		}
		if n, ok := number(replicationKey, 16); ok {
			g.ReplicationFactor = int16(n)
		}
		if n, ok := number(partitionsKey, 32); ok {
			g.Partitions = int32(n)
		}
		prefix := creationPrefix + name + "."
		for k, v := range cfg {
			key, ok := strings.CutPrefix(k, prefix)
			switch {
			case !ok, key == replicationKey, key == partitionsKey:
			case key == includeKey || key == excludeKey:
				if inherit == nil {
					bad(k, "the default group has no include and exclude")
					continue
				}
				for _, p := range configs.SplitList(v) {
					re, err := javaregex.Compile(p, false)
					if err != nil {
						bad(k, err.Error())
						continue
					}
					if key == includeKey {
						g.Include = append(g.Include, re)
					} else {
						g.Exclude = append(g.Exclude, re)
					}
				}
			default:
				val := strings.TrimSpace(v)
				g.Configs[key] = &val
			}
		}
		if inherit != nil && len(g.Include) == 0 {
			bad(prefix+includeKey, groupTextPrefix+name+" needs it")
		}
		return g
	}
	tc.Default = parse(defaultGroup, nil)
	for _, n := range names {
		if n == defaultGroup && seen[n] || seen[n] {
			if n != defaultGroup {
				bad(creationGroups, groupTextPrefix+n+" is listed twice")
			}
			continue
		}
		seen[n] = true
		tc.Groups = append(tc.Groups, parse(n, &tc.Default))
	}
	for _, k := range sortedKeys(cfg) {
		rest, ok := strings.CutPrefix(k, creationPrefix)
		if !ok || k == creationGroups || k == "topic.creation.enable" {
			continue
		}
		if group, _, _ := strings.Cut(rest, "."); !seen[group] {
			bad(k, groupTextPrefix+group+" is not listed in "+creationGroups)
		}
	}
	if len(ps) > 0 {
		return nil, ps
	}
	return tc, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// group returns the first group that matches a topic; exclude wins over include.
func (tc *TopicCreation) group(topic string) (*TopicGroup, error) {
	for i := range tc.Groups {
		g := &tc.Groups[i]
		in, err := anyMatches(g.Include, topic)
		if err != nil {
			return nil, err
		}
		out, err := anyMatches(g.Exclude, topic)
		if err != nil {
			return nil, err
		}
		if in && !out {
			return g, nil
		}
	}
	return &tc.Default, nil
}

func anyMatches(list []*javaregex.Regex, s string) (bool, error) {
	for _, re := range list {
		if ok, err := re.Matches(s); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
