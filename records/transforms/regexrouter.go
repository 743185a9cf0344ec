package transforms

import (
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javaregex"
	"github.com/anabranch/anabranch/records"
)

// regexRouter is org.apache.kafka.connect.transforms.RegexRouter (CW-365): a topic that
// matches as a whole is replaced as Java's replaceFirst does. The work is done once per
// topic, not per record.
type regexRouter struct {
	regex       *javaregex.Regex
	replacement string
	memo        map[string]string
	last        string // the topic seen last, and where it goes
	lastTo      string
}

func regexRouterClass() Class {
	return Class{
		Name: "org.apache.kafka.connect.transforms.RegexRouter",
		Def: configs.NewDef(
			configs.Key{Name: "regex", Type: configs.StringType, Required: true, Importance: configs.High,
				Doc:   "Java regular expression that the whole topic name must match.",
				Check: checkRegex},
			configs.Key{Name: "replacement", Type: configs.StringType, Required: true, Importance: configs.High,
				Doc: "Replacement text; $1 and ${name} stand for groups."},
		),
		New: func(v *configs.Values) (Transform, error) {
			re, err := javaregex.Compile(v.Str("regex"), false)
			if err != nil {
				return nil, err
			}
			if err := re.CheckReplacement(v.Str("replacement")); err != nil {
				return nil, err
			}
			return &regexRouter{regex: re, replacement: v.Str("replacement"), memo: map[string]string{}}, nil
		},
	}
}

// maxMemo bounds the memory of topics already routed.
const maxMemo = 10000

func (t *regexRouter) Apply(b *records.Batch, r *records.Record) (keep bool, err error) {
	topic := b.Topics[r.Topic]
	if topic != t.last {
		to, known := t.memo[topic]
		if !known {
			ok, err := t.regex.Matches(topic)
			if err != nil {
				return true, err
			}
			to = topic
			if ok {
				if to, err = t.regex.ReplaceFirst(topic, t.replacement); err != nil {
					return true, err
				}
			}
			if len(t.memo) >= maxMemo {
				clear(t.memo)
			}
			t.memo[topic] = to
		}
		t.last, t.lastTo = topic, to
	}
	if t.lastTo != topic {
		r.Topic = b.TopicIndex(t.lastTo)
	}
	return true, nil
}
