package transforms

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records/javatext"
)

// lookUp finds a class by its Java name or, as Connect allows, by its simple name with or
// without ending (CW-58); the $Key and $Value classes have no short names. message says why
// there is none, in Connect's words.
func lookUp[T any](key, given, kind string, classes []T, nameOf func(*T) string) (found T, message string) {
	name := javatext.Trim(given)
	found, ok := byName(name, kind, classes, nameOf)
	if ok {
		return found, ""
	}
	if otherKind(name, kind) {
		return found, fmt.Sprintf("Class class %s does not implement the %s interface", name, kind)
	}
	var inner []string
	for i := range classes {
		if full := nameOf(&classes[i]); strings.HasPrefix(full, name+"$") {
			inner = append(inner, full)
		}
	}
	if len(inner) > 0 {
		return found, "This class is abstract and cannot be created. Did you mean " + strings.Join(inner, ", ") + "?"
	}
	message = fmt.Sprintf("Invalid value %s for configuration %s: Class %s could not be found.", name, key, name)
	if instead := insteadOf(name); instead != "" {
		message += " (" + instead + ")"
	}
	return found, message
}

// otherKind says whether a name is a predicate where a transform belongs, or the reverse.
func otherKind(name, kind string) bool {
	_, ok := predicateByName(name)
	if kind == predicateKind {
		_, ok = classByName(name)
	}
	return ok && strings.Contains(name, ".")
}

// What Connect calls the two interfaces.
const (
	transformKind = "Transformation"
	predicateKind = "Predicate"
)

// classByName finds a transform.
func classByName(name string) (Class, bool) {
	return byName(name, transformKind, Classes(), transformName)
}

// predicateByName finds a predicate.
func predicateByName(name string) (PredicateClass, bool) {
	return byName(name, predicateKind, PredicateClasses(), predicateName)
}

func byName[T any](name, kind string, classes []T, nameOf func(*T) string) (T, bool) {
	for i := range classes {
		full := nameOf(&classes[i])
		simple := full[strings.LastIndexByte(full, '.')+1:]
		if name == full || !strings.Contains(simple, "$") && (name == simple || name == strings.TrimSuffix(simple, kind)) {
			return classes[i], true
		}
	}
	var none T
	return none, false
}

func transformName(c *Class) string          { return c.Name }
func predicateName(c *PredicateClass) string { return c.Name }

// Definition is the definition of a transform or predicate by its name, nil if there is none.
func Definition(name string) *configs.Def {
	def := (*configs.Def)(nil)
	if c, ok := classByName(name); ok {
		def = c.Def
	} else if p, ok := predicateByName(name); ok {
		def = p.Def
	}
	if def == nil {
		return nil
	}
	return def.Map(func(k configs.Key) configs.Key {
		k.Order = -1 // Kafka's own give no order
		return k
	})
}
