package transforms

import (
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javaregex"
	"github.com/anabranch/anabranch/records"
)

// regexRouter is org.apache.kafka.connect.transforms.RegexRouter (CW-365): a topic that
// matches as a whole is replaced as Java's replaceFirst does. The work is done once per
// topic of a batch's dictionary, not per record.
type regexRouter struct {
	regex       *javaregex.Regex
	replacement string
	memo        map[string]string
}

func regexRouterClass() Class {
	return Class{
		Name: "org.apache.kafka.connect.transforms.RegexRouter",
		Def: configs.NewDef(
			configs.Key{Name: "regex", Type: configs.StringType, Required: true, Importance: configs.High,
				Doc: "Java regular expression that the whole topic name must match.",
				Check: func(v any) error {
					_, err := javaregex.Compile(v.(string), false)
					return err
				}},
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

func (r *regexRouter) Apply(b *records.Batch) error {
	for i, topic := range b.Topics {
		to, known := r.memo[topic]
		if !known {
			ok, err := r.regex.Matches(topic)
			if err != nil {
				return err
			}
			to = topic
			if ok {
				if to, err = r.regex.ReplaceFirst(topic, r.replacement); err != nil {
					return err
				}
			}
			if len(r.memo) >= maxMemo {
				clear(r.memo)
			}
			r.memo[topic] = to
		}
		b.Topics[i] = to
	}
	return nil
}
