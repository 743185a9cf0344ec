package transforms

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/configs"
)

// predicate is one validated entry of "predicates" (CW-133).
type predicate struct {
	alias string
	class PredicateClass
	vals  *configs.Values
}

// parsePredicates reads "predicates" and "predicates.<alias>.*".
func parsePredicates(cfg map[string]string) (map[string]*predicate, configs.Problems) {
	var ps configs.Problems
	out := map[string]*predicate{}
	for _, alias := range configs.SplitList(cfg[predicatesKey]) {
		if _, twice := out[alias]; twice {
			ps = append(ps, configs.Problem{Key: predicatesKey, Message: fmt.Sprintf("Invalid value %s for configuration predicates: Duplicate alias provided.", cfg[predicatesKey])})
			continue
		}
		out[alias] = nil
		prefix := predicatesKey + "." + alias + "."
		typ, given := cfg[prefix+typeKey]
		if !given {
			ps = append(ps, configs.Problem{Key: prefix + typeKey, Message: fmt.Sprintf("Missing required configuration %q which has no default value.", prefix+typeKey)})
			continue
		}
		class, known := predicateByName(strings.TrimSpace(typ))
		if !known {
			ps = append(ps, configs.Problem{Key: prefix + typeKey, Message: fmt.Sprintf(
				"Invalid value %s for configuration %stype: Class %s could not be found.", typ, prefix, typ)})
			continue
		}
		own := map[string]string{}
		for k, v := range cfg {
			if name, ok := strings.CutPrefix(k, prefix); ok && name != typeKey {
				own[name] = v
			}
		}
		vals, problems := class.Def.Parse(own)
		for _, p := range problems {
			ps = append(ps, configs.Problem{Key: prefix + p.Key, Message: strings.ReplaceAll(p.Message, "configuration "+p.Key, "configuration "+prefix+p.Key)})
		}
		if len(problems) == 0 {
			out[alias] = &predicate{alias, class, vals}
		}
	}
	return out, ps
}

// guardOf takes predicate and negate out of a transform's own keys.
func guardOf(prefix string, own map[string]string, known map[string]*predicate) (p *predicate, negate bool, problem *configs.Problem) {
	name, given := own[predicateKey]
	text, negated := own[negateKey]
	delete(own, predicateKey)
	delete(own, negateKey)
	switch {
	case given:
		var ok bool
		if p, ok = known[strings.TrimSpace(name)]; !ok {
			return nil, false, &configs.Problem{Key: prefix + predicateKey, Message: fmt.Sprintf(
				"Invalid value %s for configuration %spredicate: No such predicate %q is defined in predicates.", name, prefix, name)}
		}
	case negated:
		return nil, false, &configs.Problem{Key: prefix + negateKey, Message: fmt.Sprintf(
			"Invalid value %s for configuration %snegate: negate needs a predicate beside it.", text, prefix)}
	}
	if negated {
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true":
			negate = true
		case "false":
		default:
			return nil, false, &configs.Problem{Key: prefix + negateKey, Message: fmt.Sprintf(
				"Invalid value %s for configuration %snegate: Expected value to be either true or false", text, prefix)}
		}
	}
	return p, negate, nil
}

func predicateByName(name string) (PredicateClass, bool) {
	for _, c := range PredicateClasses() {
		simple := c.Name[strings.LastIndexByte(c.Name, '.')+1:]
		if name == c.Name || name == simple || name == strings.TrimSuffix(simple, "Predicate") {
			return c, true
		}
	}
	return PredicateClass{}, false
}
