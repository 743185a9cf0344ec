package transforms

import (
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javaregex"
	"github.com/anabranch/anabranch/records"
)

const predicatePrefix = kafkaPrefix + "predicates."

// topicNameMatches is TopicNameMatches (CW-371).
type topicNameMatches struct {
	pattern *javaregex.Regex
	memo    map[string]bool
	last    string
	lastYes bool
	asked   bool
}

func topicNameMatchesClass() PredicateClass {
	return PredicateClass{Name: predicatePrefix + "TopicNameMatches",
		Def: configs.NewDef(configs.Key{Name: "pattern", Type: configs.StringType, Required: true, Importance: configs.Medium,
			Doc: "Java regular expression that the whole topic must match.",
			Check: func(v any) error {
				if err := configs.NonEmptyString(v); err != nil {
					return err
				}
				return checkRegex(v)
			}}),
		New: func(v *configs.Values) (Predicate, error) {
			p, err := javaregex.Compile(v.Str("pattern"), false)
			return &topicNameMatches{pattern: p, memo: map[string]bool{}}, err
		}}
}

// checkRegex is Kafka's RegexValidator.
func checkRegex(v any) error {
	pattern := v.(string)
	if _, err := javaregex.Compile(pattern, false); err != nil {
		if text := javaregex.JavaMessage(pattern); text != "" {
			return errors.New("Invalid regex: " + text)
		}
		return fmt.Errorf("Invalid regex: %w", err)
	}
	return nil
}

func (p *topicNameMatches) Test(b *records.Batch, r *records.Record) (bool, error) {
	topic := b.Topics[r.Topic]
	if p.asked && topic == p.last {
		return p.lastYes, nil
	}
	yes, known := p.memo[topic]
	if !known {
		var err error
		if yes, err = p.pattern.Matches(topic); err != nil {
			return false, err
		}
		if len(p.memo) >= maxMemo {
			clear(p.memo)
		}
		p.memo[topic] = yes
	}
	p.last, p.lastYes, p.asked = topic, yes, true
	return yes, nil
}

// hasHeaderKey is HasHeaderKey (CW-372).
type hasHeaderKey struct{ name string }

func hasHeaderKeyClass() PredicateClass {
	return PredicateClass{Name: predicatePrefix + "HasHeaderKey",
		Def: configs.NewDef(configs.Key{Name: "name", Type: configs.StringType, Required: true, Importance: configs.Medium,
			Check: configs.NonEmptyString, Doc: "Name of the header."}),
		New: func(v *configs.Values) (Predicate, error) { return hasHeaderKey{v.Str("name")}, nil }}
}

func (p hasHeaderKey) Test(b *records.Batch, r *records.Record) (bool, error) {
	for _, h := range b.RecordHeaders(r) {
		if h.Key == p.name {
			return true, nil
		}
	}
	return false, nil
}

// recordIsTombstone is RecordIsTombstone (CW-373): a null value, with or without a schema.
type recordIsTombstone struct{}

func recordIsTombstoneClass() PredicateClass {
	return PredicateClass{Name: predicatePrefix + "RecordIsTombstone", Def: configs.NewDef(),
		New: func(*configs.Values) (Predicate, error) { return recordIsTombstone{}, nil }}
}

func (recordIsTombstone) Test(_ *records.Batch, r *records.Record) (bool, error) {
	return r.Value.IsNull(), nil
}
