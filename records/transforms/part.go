package transforms

import (
	"fmt"
	"sort"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records/javatext"
)

// Part is what one alias of "transforms" or "predicates" adds to a connector's configuration.
type Part struct {
	Prefix string // "transforms.<alias>."
	Group  string // "Transforms: <alias>"
	Class  string // the class's full name, "" if there is none
	Shown  string // what validate shows as the class; "" is null
	Def    *configs.Def
	// WrongVersion is why the class's version is not the one asked for, or "".
	WrongVersion string
}

// Parts lists the parts of a configuration in Connect's order: keys are embedded as
// ConfigDef.embed does, sorted, behind the class and its version. version tells a class's version.
func Parts(cfg map[string]string, version func(class string) string) []Part {
	var out []Part
	for _, alias := range unique(configs.SplitList(cfg[transformsKey])) {
		prefix := transformsKey + "." + alias + "."
		var own *configs.Def
		c, message := lookUp(prefix+typeKey, cfg[prefix+typeKey], transformKind, Classes(), transformName)
		if message == "" {
			own = configs.NewDef(guardKeys()...).Merge(without(c.Def, predicateKey, negateKey))
		}
		p := Part{Prefix: prefix, Group: "Transforms: " + alias, Class: c.Name, Shown: shownClass(c.Name, cfg[prefix+typeKey], message)}
		p.define(cfg, transformKind, alias, own, namesOf(Classes(), transformName), version)
		out = append(out, p)
	}
	for _, alias := range unique(configs.SplitList(cfg[predicatesKey])) {
		prefix := predicatesKey + "." + alias + "."
		c, message := lookUp(prefix+typeKey, cfg[prefix+typeKey], predicateKind, PredicateClasses(), predicateName)
		p := Part{Prefix: prefix, Group: "Predicates: " + alias, Class: c.Name, Shown: shownClass(c.Name, cfg[prefix+typeKey], message)}
		p.define(cfg, predicateKind, alias, c.Def, namesOf(PredicateClasses(), predicateName), version)
		out = append(out, p)
	}
	return out
}

func guardKeys() []configs.Key {
	return []configs.Key{
		{Name: predicateKey, Type: configs.StringType, Importance: configs.Medium, Doc: "Alias of the predicate that decides whether a record goes through the transformation."},
		{Name: negateKey, Type: configs.BooleanType, Default: "false", HasDefault: true, Importance: configs.Medium, Doc: "Whether the records go through for which the predicate does not hold."},
	}
}

// shownClass is the class as validate shows it: what cannot be loaded is null, what is no
// transform or has no instances is shown.
func shownClass(class, given, message string) string {
	if class != "" || strings.HasPrefix(message, "Invalid value ") {
		return class
	}
	return javatext.Trim(given)
}

func namesOf[T any](classes []T, nameOf func(*T) string) []string {
	var out []string
	for i := range classes {
		out = append(out, nameOf(&classes[i]))
	}
	sort.Strings(out)
	return out
}

func (p *Part) define(cfg map[string]string, kind, alias string, own *configs.Def, all []string, version func(string) string) {
	kindWord := strings.ToLower(kind)
	keys := []configs.Key{
		{Name: typeKey, Type: configs.ClassType, Required: true, Importance: configs.High, Width: "LONG", Recommended: all,
			Display: kind + " type for " + alias, Doc: fmt.Sprintf("Class for the '%s' %s.", alias, kindWord)},
		{Name: versionKey, Type: configs.StringType, Importance: configs.High, Width: "LONG",
			Display: kind + " version for " + alias, Doc: fmt.Sprintf("Version of the '%s' %s.", alias, kindWord)},
	}
	if p.Class != "" {
		has := version(p.Class)
		keys[1].Default, keys[1].HasDefault = has, true
		keys[1].Recommended = []string{has}
		if want, given := cfg[p.Prefix+versionKey]; given && want != has && !strings.ContainsAny(want, "[(") {
			p.WrongVersion = fmt.Sprintf("Plugin %s not found that matches the version range [%s,%s], available versions: [%s]", p.Class, want, want, has)
		} else {
			keys = append(keys, embedded(own)...)
		}
	}
	for i := range keys {
		keys[i].Order = i
	}
	p.Def = configs.NewDef(keys...).Prefixed(p.Prefix, p.Group)
}

// embedded sorts keys as ConfigDef.sortedConfigs does: first what has no default, then by
// importance and name.
func embedded(d *configs.Def) []configs.Key {
	keys := append([]configs.Key(nil), d.Keys()...)
	rank := map[configs.Importance]int{configs.High: 0, configs.Medium: 1, configs.Low: 2}
	sort.SliceStable(keys, func(i, j int) bool {
		a, b := &keys[i], &keys[j]
		switch {
		case a.Required != b.Required:
			return a.Required
		case a.Importance != b.Importance:
			return rank[a.Importance] < rank[b.Importance]
		}
		return a.Name < b.Name
	})
	return keys
}

func without(d *configs.Def, names ...string) *configs.Def {
	var keys []configs.Key
	for _, k := range d.Keys() {
		drop := false
		for _, n := range names {
			drop = drop || k.Name == n
		}
		if !drop {
			keys = append(keys, k)
		}
	}
	return configs.NewDef(keys...)
}

func unique(list []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
