package kafkaprops

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs"
)

// Settings is a translated client configuration.
type Settings struct {
	// Opts are the options for kgo.NewClient; incomplete if there are Problems.
	Opts []kgo.Opt
	// Warnings are about unknown keys and keys without effect, in key order.
	Warnings []configs.Problem
	// Problems name the keys that cannot be honoured. Keys are without the prefix
	// ("producer.override.") that the caller cut off; see WithPrefix.
	Problems configs.Problems

	// BufferBytes is buffer.memory, 0 if not given (Producer).
	BufferBytes int64
	// MaxRequestBytes is max.request.size (Producer).
	MaxRequestBytes int64
	// Linger is linger.ms, negative if not given (Producer).
	Linger time.Duration
	// TransactionTimeout is transaction.timeout.ms (Producer); it is for clients with transactions.
	TransactionTimeout time.Duration

	partitioner kgo.Partitioner
	instanceID  string
	groupOpts   []kgo.Opt

	// GroupID is group.id (Consumer).
	GroupID string
	// MaxPollRecords is max.poll.records, 0 if not given (Consumer).
	MaxPollRecords int
}

// WithPrefix puts the prefix that the user wrote back in front of the keys of warnings and problems.
func (s *Settings) WithPrefix(prefix string) *Settings {
	for _, list := range [][]configs.Problem{s.Warnings, s.Problems} {
		for i := range list {
			list[i].Message = strings.Replace(list[i].Message, list[i].Key, prefix+list[i].Key, 1)
			list[i].Key = prefix + list[i].Key
		}
	}
	return s
}

func (s *Settings) add(opts ...kgo.Opt) { s.Opts = append(s.Opts, opts...) }

func (s *Settings) problem(key, message string) {
	s.Problems = append(s.Problems, configs.Problem{Key: key, Message: "Invalid configuration " + key + ": " + message})
}

func (s *Settings) warn(key, message string) {
	s.Warnings = append(s.Warnings, configs.Problem{Key: key, Message: "configuration " + key + ": " + message})
}

// parse runs the definition and starts the Settings.
func parse(def *configs.Def, props map[string]string) (*configs.Values, *Settings) {
	v, problems := def.Parse(props)
	s := &Settings{Warnings: v.Warnings, Problems: problems, Linger: -1}
	return v, s
}

// Merge overlays configurations; later ones win (CW-112).
func Merge(layers ...map[string]string) map[string]string {
	m := map[string]string{}
	for _, l := range layers {
		for k, v := range l {
			m[k] = v
		}
	}
	return m
}

// Below returns the keys of m that start with prefix, without it.
func Below(m map[string]string, prefix string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			out[rest] = v
		}
	}
	return out
}

// The constructors below keep the tables of keys short.

func key(name string, t configs.Type, def string) configs.Key {
	return configs.Key{Name: name, Type: t, Default: def, HasDefault: true}
}

func optional(name string, t configs.Type) configs.Key { return configs.Key{Name: name, Type: t} }

// without marks declared keys as having no effect here, and says why that is right.
func without(why string, keys ...configs.Key) []configs.Key {
	for i := range keys {
		keys[i].NoEffect = why
	}
	return keys
}

func refused(why string, t configs.Type, names ...string) []configs.Key {
	keys := make([]configs.Key, len(names))
	for i, n := range names {
		keys[i] = configs.Key{Name: n, Type: t, Refuse: func(v string) string {
			if v == "" {
				return ""
			}
			return why
		}}
	}
	return keys
}

// num declares a number with Kafka's default and check.
func num(name string, t configs.Type, def string, check func(any) error) configs.Key {
	return configs.Key{Name: name, Type: t, Default: def, HasDefault: true, Check: check}
}

// list declares a list that may be empty.
func list(name, def string) configs.Key {
	return configs.Key{Name: name, Type: configs.ListType, Default: def, HasDefault: true, Check: configs.ListItems(name, true)}
}
