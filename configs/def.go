package configs

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Type is a ConfigDef type; its String is what the REST answers show (CW-53).
type Type string

// The types of Kafka's ConfigDef that connectors use.
const (
	BooleanType  Type = "BOOLEAN"
	StringType   Type = "STRING"
	IntType      Type = "INT"
	ShortType    Type = "SHORT"
	LongType     Type = "LONG"
	DoubleType   Type = "DOUBLE"
	ListType     Type = "LIST"
	ClassType    Type = "CLASS"
	PasswordType Type = "PASSWORD"
)

// Importance of a key (CW-53).
type Importance string

// The importances.
const (
	High   Importance = "HIGH"
	Medium Importance = "MEDIUM"
	Low    Importance = "LOW"
)

// Key declares one configuration key. Name has the exact Java spelling: it is our public API.
type Key struct {
	Name       string
	Type       Type
	Default    string // in text form; see HasDefault
	HasDefault bool   // false: no default. With Required it must be given, otherwise it is null
	Required   bool
	Importance Importance
	Doc        string
	Group      string // "" = null
	Width      string // NONE SHORT MEDIUM LONG; "" = NONE
	Display    string // "" = the name
	Order      int
	Dependents []string
	Aliases    []string // older names that are still accepted (DM-08)
	// OneOf lists the accepted words (case-insensitive). Empty accepts any.
	OneOf []string
	// Recommended are values that validate proposes without refusing others (CW-54).
	Recommended []string
	// Check validates the parsed value (the Go types of Values.Get); its error text is the
	// part after "Invalid value V for configuration K: ".
	Check func(value any) error
	// Refuse returns why a value, given as text, is known to Kafka Connect or Debezium but not honoured
	// here yet, and what to do instead; "" accepts it. It is asked only for values that
	// were given and differ from the default. It is how "never ignored in silence" holds.
	Refuse func(value string) string
	// NoEffect marks a key that is accepted without effect, and says why that is right
	// ("the JDBC pool of the Java connector does not exist here"). It is reported once as a warning.
	NoEffect string
}

// Pattern declares a family of keys by prefix (or a predicate), for names that carry parameters
// (DM-63). Such keys are known; the connector reads them with Values.Prefixed or Values.Raw.
type Pattern struct {
	// Match says whether the key belongs to the family.
	Match func(name string) bool
	// Refuse is as in Key; it gets name and value.
	Refuse   func(name, value string) string
	NoEffect string
	Doc      string
}

// Prefix makes a Match for a prefix.
func Prefix(p string) func(string) bool {
	return func(name string) bool { return strings.HasPrefix(name, p) }
}

// Def is the set of keys of one thing that can be configured. Immutable after NewDef.
type Def struct {
	keys     []Key
	byName   map[string]int
	alias    map[string]string
	patterns []Pattern
	// Cross checks run after all keys were looked at on their own. They see the default of a key
	// whose value could not be read, and what they say about a key that has a problem already is
	// not shown.
	cross []func(v *Values) []Problem
	// asValidate: see AsValidate.
	asValidate bool
}

// NewDef makes a definition. A name declared twice panics: it is a programming error.
func NewDef(keys ...Key) *Def {
	d := &Def{byName: map[string]int{}, alias: map[string]string{}}
	for _, k := range keys {
		if _, dup := d.byName[k.Name]; dup {
			panic("configs: key declared twice: " + k.Name)
		}
		if k.Importance == "" {
			k.Importance = Medium
		}
		d.byName[k.Name] = len(d.keys)
		d.keys = append(d.keys, k)
		for _, a := range k.Aliases {
			d.alias[a] = k.Name
		}
	}
	return d
}

// With returns a new Def with further keys.
func (d *Def) With(keys ...Key) *Def {
	n := NewDef(append(append([]Key(nil), d.keys...), keys...)...)
	n.patterns = append([]Pattern(nil), d.patterns...)
	n.cross = append(n.cross, d.cross...)
	return n
}

// WithPatterns returns a new Def that also knows these families of keys.
func (d *Def) WithPatterns(ps ...Pattern) *Def {
	n := d.With()
	n.patterns = append(n.patterns, ps...)
	return n
}

// WithCheck returns a new Def with a check over several keys.
func (d *Def) WithCheck(fn func(v *Values) []Problem) *Def {
	n := d.With()
	n.cross = append(n.cross, fn)
	return n
}

// Merge returns a new Def with the keys, families and checks of both. A key that both
// declare keeps the place of the first and the declaration of the second, as Connect lets
// a connector's own definition win over the common one.
func (d *Def) Merge(other *Def) *Def {
	keys := append([]Key(nil), d.keys...)
	for _, k := range other.keys {
		if i, dup := d.byName[k.Name]; dup {
			keys[i] = k
			continue
		}
		keys = append(keys, k)
	}
	n := NewDef(keys...)
	n.patterns = append(append(n.patterns, d.patterns...), other.patterns...)
	n.cross = append(append(n.cross, d.cross...), other.cross...)
	return n
}

// AsValidate returns a new Def that parses as ConfigDef.validate does, for answers that show
// every problem: after a number that could not be read its check runs all the same, on null.
func (d *Def) AsValidate() *Def {
	n := d.With()
	n.asValidate = true
	return n
}

// Map returns a new Def whose keys went through fn, which must keep their names.
func (d *Def) Map(fn func(Key) Key) *Def {
	n := d.With()
	for i := range n.keys {
		n.keys[i] = fn(n.keys[i])
	}
	return n
}

// Prefixed returns the definition as part of a larger one: every name gets the prefix, as
// Kafka's ConfigDef.embed does. A group that is not empty replaces the groups of the keys.
func (d *Def) Prefixed(prefix, group string) *Def {
	keys := make([]Key, len(d.keys))
	for i, k := range d.keys {
		if k.Display == "" {
			k.Display = k.Name
		}
		if group != "" {
			k.Group = group
		}
		if check, short := k.Check, k.Name; check != nil {
			// A check that is embedded names the key without its prefix, as ConfigDef.embed does.
			k.Check = func(val any) error {
				err := check(val)
				var whole wholeText
				if err == nil || errors.As(err, &whole) {
					return err
				}
				return wholeText(invalid(short, shownValue(val), err.Error()).Message)
			}
		}
		k.Name = prefix + k.Name
		k.Dependents = prefixAll(prefix, k.Dependents)
		k.Aliases = prefixAll(prefix, k.Aliases)
		keys[i] = k
	}
	n := NewDef(keys...)
	for _, p := range d.patterns {
		match, refuse := p.Match, p.Refuse
		p.Match = func(name string) bool {
			rest, ok := strings.CutPrefix(name, prefix)
			return ok && match(rest)
		}
		if refuse != nil {
			p.Refuse = func(name, value string) string { return refuse(strings.TrimPrefix(name, prefix), value) }
		}
		n.patterns = append(n.patterns, p)
	}
	for _, fn := range d.cross {
		n.cross = append(n.cross, func(v *Values) []Problem {
			own, _ := d.Parse(v.Prefixed(prefix))
			found := fn(own)
			for i := range found {
				found[i].Message = strings.Replace(found[i].Message, found[i].Key, prefix+found[i].Key, 1)
				found[i].Key = prefix + found[i].Key
			}
			return found
		})
	}
	return n
}

// Sorted returns the definition with its keys in the order in which ConfigDef.embed and the
// documentation of Kafka list them: by group and place, keys without a default first, then by
// importance and name.
func (d *Def) Sorted() *Def {
	groups := map[string]int{"": -1}
	for _, k := range d.keys {
		if _, ok := groups[k.Group]; !ok {
			groups[k.Group] = len(groups)
		}
	}
	rank := map[Importance]int{High: 0, Medium: 1, Low: 2}
	place := func(k Key) int {
		if k.Group == "" && k.Order == 0 {
			return -1
		}
		return k.Order
	}
	keys := slices.Clone(d.keys)
	slices.SortStableFunc(keys, func(a, b Key) int {
		noDefault := 0
		if a.Required != b.Required {
			noDefault = 1
			if a.Required {
				noDefault = -1
			}
		}
		return cmp.Or(cmp.Compare(groups[a.Group], groups[b.Group]), cmp.Compare(place(a), place(b)), noDefault,
			cmp.Compare(rank[a.Importance], rank[b.Importance]), strings.Compare(a.Name, b.Name))
	})
	n := NewDef(keys...)
	n.patterns, n.cross = d.patterns, d.cross
	return n
}

func prefixAll(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, s := range names {
		out[i] = prefix + s
	}
	return out
}

// Keys returns the declared keys in order.
func (d *Def) Keys() []Key { return d.keys }

// Key returns a declared key by its name or an alias of it.
func (d *Def) Key(name string) (Key, bool) {
	if a, ok := d.alias[name]; ok {
		name = a
	}
	i, ok := d.byName[name]
	if !ok {
		return Key{}, false
	}
	return d.keys[i], true
}

// Knows reports whether a key is declared, an alias, or in a family.
func (d *Def) Knows(name string) bool {
	if _, ok := d.Key(name); ok {
		return true
	}
	for _, p := range d.patterns {
		if p.Match(name) {
			return true
		}
	}
	return false
}

// Problem is one finding on one key.
type Problem struct {
	Key     string
	Message string
}

func (p Problem) Error() string { return p.Message }

// Problems is a list of findings that is also an error.
type Problems []Problem

func (ps Problems) Error() string {
	msgs := make([]string, len(ps))
	for i, p := range ps {
		msgs[i] = p.Message
	}
	return strings.Join(msgs, "; ")
}

var (
	secretParameter = regexp.MustCompile(`(?i)([a-z0-9_.\-]*(?:password|passwd|passphrase|pwd|secret|token)[a-z0-9_.\-]*=)[^&;,\s]+`)
	userInfo        = regexp.MustCompile(`(://[^/@:\s]*:)[^@\s]*@`)
)

// withoutSecrets hides what URLs and parameter lists say about passwords.
func withoutSecrets(value string) string {
	value = secretParameter.ReplaceAllString(value, "${1}[hidden]")
	return userInfo.ReplaceAllString(value, "${1}[hidden]@")
}

// invalid is the text of Kafka's ConfigException for a bad value (CW-59).
func invalid(name, value, why string) Problem {
	msg := fmt.Sprintf("Invalid value %s for configuration %s", withoutSecrets(value), name)
	if why != "" {
		msg += ": " + why
	}
	return Problem{name, msg}
}
