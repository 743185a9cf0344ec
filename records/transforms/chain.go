package transforms

import (
	"context"
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

const (
	transformsKey = "transforms"
	predicatesKey = "predicates"
	typeKey       = "type"
	predicateKey  = "predicate"
	negateKey     = "negate"
	versionKey    = "plugin.version"
)

// Chain is a validated list of steps, from which a lane gets its own instances.
type Chain struct {
	steps []step
}

type step struct {
	alias string
	class Class
	vals  *configs.Values

	predicate *predicate // nil = every record
	negate    bool
}

// Len is the number of steps.
func (c *Chain) Len() int { return len(c.steps) }

// ParseChain reads "transforms", "predicates" and what stands below them in a connector's
// configuration (CW-132, CW-133, CW-349). Problems name the key that caused them, in the words
// of Connect's validation. What Java notices only when a task starts is refused here as well.
func ParseChain(cfg map[string]string) (*Chain, configs.Problems) {
	chain := &Chain{}
	predicates, ps := parsePredicates(cfg)
	aliases := configs.SplitList(cfg[transformsKey])
	if len(unique(aliases)) < len(aliases) {
		ps = append(ps, duplicateAlias(transformsKey, aliases))
	}
	for _, alias := range unique(aliases) {
		prefix := transformsKey + "." + alias + "."
		own := below(cfg, prefix)
		class, problems := classOf(cfg, prefix, transformKind, Classes(), transformName)
		found := class.Def != nil
		// Reserved: a transform with own keys of these names loses them (CW-350).
		predicate, negate, more := guardOf(prefix, own, predicates)
		problems = append(problems, more...)
		if found {
			vals, more := parseOwn(prefix, class.Name, class.Def, own)
			problems = append(problems, more...)
			if len(problems) == 0 {
				if _, err := class.New(vals); err != nil {
					problems = append(problems, configs.Problem{Key: prefix + typeKey, Message: err.Error()})
				}
			}
			chain.steps = append(chain.steps, step{alias, class, vals, predicate, negate})
		}
		ps = append(ps, problems...)
	}
	return chain, ps
}

// below are the settings of one alias, without its class and the class's version.
func below(cfg map[string]string, prefix string) map[string]string {
	own := map[string]string{}
	for k, v := range cfg {
		if name, ok := strings.CutPrefix(k, prefix); ok && name != typeKey && name != versionKey {
			own[name] = v
		}
	}
	return own
}

func duplicateAlias(key string, aliases []string) configs.Problem {
	return configs.Problem{Key: key, Message: fmt.Sprintf("Invalid value %s for configuration %s: Duplicate alias provided.", javaList(aliases), key)}
}

// classOf finds the class of an alias.
func classOf[T any](cfg map[string]string, prefix, kind string, classes []T, nameOf func(*T) string) (class T, ps configs.Problems) {
	key := prefix + typeKey
	given, ok := cfg[key]
	if !ok {
		return class, configs.Problems{{Key: key, Message: missing(key)}}
	}
	class, message := lookUp(key, given, kind, classes, nameOf)
	if message != "" {
		ps = configs.Problems{{Key: key, Message: message}}
	}
	return class, ps
}

func missing(key string) string {
	return fmt.Sprintf("Missing required configuration %q which has no default value.", key)
}

// parseOwn parses the settings of one alias. In Connect a validator knows its key by the short
// name, everybody else by the long one.
func parseOwn(prefix, class string, def *configs.Def, own map[string]string) (*configs.Values, configs.Problems) {
	vals, found := def.Parse(own)
	var ps configs.Problems
	for _, p := range found {
		key := prefix + p.Key
		switch {
		case p.Message == missing(p.Key):
			ps = append(ps, configs.Problem{Key: key, Message: missing(key)})
			if text := nullText(class, p.Key); text != "" {
				ps = append(ps, configs.Problem{Key: key, Message: text})
			}
		case strings.HasSuffix(p.Message, ": Expected value to be either true or false"), strings.Contains(p.Message, ": Not a number of type "):
			ps = append(ps, configs.Problem{Key: key, Message: strings.Replace(p.Message, "configuration "+p.Key, "configuration "+key, 1)})
		default:
			ps = append(ps, configs.Problem{Key: key, Message: p.Message})
		}
	}
	return vals, ps
}

// nullText is what the validators of some keys say about a missing value, on top of that it is
// missing.
func nullText(class, key string) string {
	base := strings.TrimPrefix(class, kafkaPrefix)
	base, _, _ = strings.Cut(base, "$")
	switch base + " " + key {
	case "DropHeaders headers", "MaskField fields", "ValueToKey fields":
		return "Configuration '" + key + "' values must not be null."
	case "HeaderFrom fields", "HeaderFrom headers":
		return "Invalid value null for configuration " + key + ": Empty list"
	case "HeaderFrom operation":
		return "Invalid value null for configuration " + key + ": String must be one of: move, copy"
	case "TimestampConverter target.type":
		return "Invalid value null for configuration " + key + ": String must be one of: string, unix, Date, Time, Timestamp"
	case "Cast spec":
		return "Must specify at least one field to cast."
	case "InsertHeader header", "InsertHeader value.literal":
		return "Invalid value null for configuration " + key + ": entry must be non null"
	case "RegexRouter regex", "predicates.TopicNameMatches pattern":
		return "Invalid value null for configuration " + key + ": Invalid regex: Cannot invoke \"String.isEmpty()\" because \"this.pattern\" is null"
	}
	return ""
}

// New makes the steps of one lane. failures is asked about records that a step refuses.
func (c *Chain) New(failures records.Failures) (*Lane, error) {
	l := &Lane{failures: failures}
	for _, s := range c.steps {
		t, err := s.class.New(s.vals)
		if err != nil {
			return nil, fmt.Errorf("transform %s: %w", s.alias, err)
		}
		ls := laneStep{transform: t, class: s.class.Name, negate: s.negate}
		if s.predicate != nil {
			if ls.predicate, err = s.predicate.class.New(s.predicate.vals); err != nil {
				return nil, fmt.Errorf("predicate %s: %w", s.predicate.alias, err)
			}
		}
		l.steps = append(l.steps, ls)
	}
	return l, nil
}

// Warnings returns what the steps have to say about keys that they do not know.
func (c *Chain) Warnings() []configs.Problem {
	var out []configs.Problem
	for _, s := range c.steps {
		for _, w := range s.vals.Warnings {
			out = append(out, configs.Problem{Key: "transforms." + s.alias + "." + w.Key, Message: w.Message})
		}
	}
	return out
}

// Lane is the chain of one lane. It implements actors.Chain.
type Lane struct {
	steps    []laneStep
	failures records.Failures
}

type laneStep struct {
	transform Transform
	class     string
	predicate Predicate // nil = every record
	negate    bool
}

// Apply runs every record of the batch through the steps, in order (CW-349). Records that a step drops,
// or refuses and failures lets go, are taken out.
func (l *Lane) Apply(ctx context.Context, b *records.Batch) error {
	for i := range l.steps {
		if s, ok := l.steps[i].transform.(starter); ok {
			s.start(b)
		}
	}
	kept := b.Records[:0]
	for i := range b.Records {
		r := &b.Records[i]
		keep, err := l.record(ctx, b, r)
		if err != nil {
			return err
		}
		if keep {
			kept = append(kept, *r)
		}
	}
	b.Records = kept
	return nil
}

func (l *Lane) record(ctx context.Context, b *records.Batch, r *records.Record) (keep bool, err error) {
	for i := range l.steps {
		s := &l.steps[i]
		if keep, err = s.apply(b, r); err != nil {
			if keep, err = l.refused(ctx, s, b, r, err); err != nil {
				return false, err
			}
		}
		if !keep {
			return false, nil
		}
	}
	return true, nil
}

// refused tries a record again if that may help, and asks what to do if it does not.
func (l *Lane) refused(ctx context.Context, s *laneStep, b *records.Batch, r *records.Record, err error) (keep bool, _ error) {
	f := &records.Failure{Stage: records.StageTransformation, Class: s.class, Err: err, Consumed: b.ConsumedOf(r)}
	if records.Retriable(err) {
		f.Err = l.failures.Retry(ctx, f.Stage, f.Class, err, func() (err error) {
			keep, err = s.apply(b, r)
			return err
		})
	}
	if f.Err == nil {
		return keep, nil
	}
	return false, l.failures.Handle(ctx, f)
}

func (s *laneStep) apply(b *records.Batch, r *records.Record) (keep bool, err error) {
	if s.predicate != nil {
		yes, err := s.predicate.Test(b, r)
		if err != nil || yes == s.negate {
			return true, err
		}
	}
	return s.transform.Apply(b, r)
}
