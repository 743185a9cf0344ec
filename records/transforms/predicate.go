package transforms

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records/javatext"
)

// predicate is one entry of "predicates" (CW-133).
type predicate struct {
	alias string
	class PredicateClass
	vals  *configs.Values
}

// parsePredicates reads "predicates" and "predicates.<alias>.*".
func parsePredicates(cfg map[string]string) (map[string]*predicate, configs.Problems) {
	var ps configs.Problems
	out := map[string]*predicate{}
	aliases := configs.SplitList(cfg[predicatesKey])
	if len(unique(aliases)) < len(aliases) {
		ps = append(ps, duplicateAlias(predicatesKey, aliases))
	}
	for _, alias := range unique(aliases) {
		prefix := predicatesKey + "." + alias + "."
		class, problems := classOf(cfg, prefix, predicateKind, PredicateClasses(), predicateName)
		out[alias] = nil
		if class.Def != nil {
			vals, more := parseOwn(prefix, class.Name, class.Def, below(cfg, prefix))
			problems = append(problems, more...)
			out[alias] = &predicate{alias, class, vals}
		}
		ps = append(ps, problems...)
	}
	return out, ps
}

// guardOf takes predicate and negate out of a transform's own keys.
func guardOf(prefix string, own map[string]string, known map[string]*predicate) (p *predicate, negate bool, ps configs.Problems) {
	name, given := own[predicateKey]
	text, negated := own[negateKey]
	delete(own, predicateKey)
	delete(own, negateKey)
	switch {
	case given:
		var ok bool
		if p, ok = known[javatext.Trim(name)]; !ok {
			ps = append(ps, configs.Problem{Key: prefix + predicateKey, Message: fmt.Sprintf(
				"Invalid value %s for configuration %spredicate: No such predicate %q is defined in predicates.", name, prefix, name)})
		}
	case negated:
		ps = append(ps, configs.Problem{Key: prefix + typeKey, Message: fmt.Sprintf(
			"Config '%[1]snegate' was provided but there is no config '%[1]spredicate' defining a predicate to be negated.", prefix)})
	}
	if negated {
		switch strings.ToLower(javatext.Trim(text)) {
		case "true":
			negate = true
		case "false":
		default:
			ps = append(ps, configs.Problem{Key: prefix + negateKey, Message: fmt.Sprintf(
				"Invalid value %s for configuration %snegate: Expected value to be either true or false", text, prefix)})
		}
	}
	return p, negate, ps
}
