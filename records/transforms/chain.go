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

// ParseChain reads "transforms" and "transforms.<alias>.*" of a connector configuration
// (CW-132, CW-349). Problems name the key that caused them.
func ParseChain(cfg map[string]string) (*Chain, configs.Problems) {
	var ps configs.Problems
	chain := &Chain{}
	predicates, bad := parsePredicates(cfg)
	ps = append(ps, bad...)
	seen := map[string]bool{}
	for _, alias := range configs.SplitList(cfg[transformsKey]) {
		if seen[alias] {
			ps = append(ps, configs.Problem{Key: "transforms", Message: fmt.Sprintf("Invalid value %s for configuration transforms: Duplicate alias provided.", cfg["transforms"])})
			continue
		}
		seen[alias] = true
		prefix := "transforms." + alias + "."
		typ, given := cfg[prefix+"type"]
		if !given {
			ps = append(ps, configs.Problem{Key: prefix + "type", Message: fmt.Sprintf("Missing required configuration %q which has no default value.", prefix+"type")})
			continue
		}
		class, known := classByName(strings.TrimSpace(typ))
		if !known {
			ps = append(ps, configs.Problem{Key: prefix + "type", Message: fmt.Sprintf(
				"Invalid value %s for configuration %stype: Class %s could not be found. Transforms built in: %s", typ, prefix, typ, strings.Join(names(), ", "))})
			continue
		}
		own := map[string]string{}
		for k, v := range cfg {
			if name, ok := strings.CutPrefix(k, prefix); ok && name != "type" {
				own[name] = v
			}
		}
		// Reserved: a transform with own keys of these names loses them (CW-350).
		predicate, negate, problem := guardOf(prefix, own, predicates)
		if problem != nil {
			ps = append(ps, *problem)
			continue
		}
		vals, problems := class.Def.Parse(own)
		for _, p := range problems {
			ps = append(ps, configs.Problem{Key: prefix + p.Key, Message: strings.ReplaceAll(p.Message, "configuration "+p.Key, "configuration "+prefix+p.Key)})
		}
		if len(problems) > 0 {
			continue
		}
		if _, err := class.New(vals); err != nil {
			ps = append(ps, configs.Problem{Key: prefix + "type", Message: fmt.Sprintf("Invalid configuration of transform %s: %v", alias, err)})
			continue
		}
		chain.steps = append(chain.steps, step{alias, class, vals, predicate, negate})
	}
	return chain, ps
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
