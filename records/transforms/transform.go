package transforms

import (
	"fmt"
	"sort"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// Transform is one step of a chain. Apply changes the batch in place and may drop records.
// One instance serves one lane, so it needs no locks.
type Transform interface {
	Apply(b *records.Batch) error
}

// Class is what can be configured under transforms.<alias>.type.
type Class struct {
	Name string // Java class name
	Def  *configs.Def
	// New makes an instance from values that Def parsed without a problem.
	New func(v *configs.Values) (Transform, error)
}

// Classes lists the transforms of this package.
func Classes() []Class {
	return []Class{extractNewRecordStateClass(), regexRouterClass()}
}

// classByName finds a class by its Java name or, as Connect allows, by its simple name with
// or without "Transformation" (CW-58).
func classByName(name string) (Class, bool) {
	for _, c := range Classes() {
		simple := c.Name[strings.LastIndexByte(c.Name, '.')+1:]
		if name == c.Name || name == simple || name == strings.TrimSuffix(simple, "Transformation") {
			return c, true
		}
	}
	return Class{}, false
}

// Chain is a validated list of steps, from which a lane gets its own instances.
type Chain struct {
	steps []step
}

type step struct {
	alias string
	class Class
	vals  *configs.Values
}

// Len is the number of steps.
func (c *Chain) Len() int { return len(c.steps) }

// ParseChain reads "transforms" and "transforms.<alias>.*" of a connector configuration
// (CW-132, CW-349). Problems name the key that caused them.
func ParseChain(cfg map[string]string) (*Chain, configs.Problems) {
	var ps configs.Problems
	chain := &Chain{}
	seen := map[string]bool{}
	for _, alias := range configs.SplitList(cfg["transforms"]) {
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
		for _, reserved := range []string{"predicate", "negate"} {
			if _, ok := own[reserved]; ok {
				ps = append(ps, configs.Problem{Key: prefix + reserved, Message: fmt.Sprintf(
					"Invalid configuration %s%s: predicates are not supported yet; remove it, or route the records that the transform should see to a connector of their own", prefix, reserved)})
				delete(own, reserved)
			}
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
		chain.steps = append(chain.steps, step{alias, class, vals})
	}
	return chain, ps
}

// New makes the transforms of one lane.
func (c *Chain) New() ([]Transform, error) {
	out := make([]Transform, 0, len(c.steps))
	for _, s := range c.steps {
		t, err := s.class.New(s.vals)
		if err != nil {
			return nil, fmt.Errorf("transform %s: %w", s.alias, err)
		}
		out = append(out, t)
	}
	return out, nil
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

func names() []string {
	var out []string
	for _, c := range Classes() {
		out = append(out, c.Name)
	}
	sort.Strings(out)
	return out
}

// dataError is a DataException: a record has another shape than the transform needs.
type dataError struct{ msg string }

func (e *dataError) Error() string     { return e.msg }
func (e *dataError) JavaClass() string { return "org.apache.kafka.connect.errors.DataException" }

func dataErrorf(format string, args ...any) error { return &dataError{fmt.Sprintf(format, args...)} }

// basics copies what Kafka's SchemaUtil keeps when a schema is rebuilt: type, name, version,
// doc and parameters, but neither the optional flag nor the default (DM-202, CW-353).
func basics(s *records.Schema) *records.Schema {
	return &records.Schema{Type: s.Type, Name: s.Name, Version: s.Version, Doc: s.Doc, Params: s.Params,
		Elem: s.Elem, Key: s.Key}
}
