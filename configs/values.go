package configs

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Password is a secret: it prints as stars. Reveal is the only way to its text.
type Password struct{ text string }

// NewPassword makes a secret.
func NewPassword(s string) Password { return Password{s} }

// Reveal returns the secret text.
func (p Password) Reveal() string { return p.text }

// String hides the secret, as Kafka's Password class does.
func (Password) String() string { return "[hidden]" }

// GoString hides the secret from %#v.
func (Password) GoString() string { return "[hidden]" }

// MarshalText hides the secret from JSON and slog.
func (Password) MarshalText() ([]byte, error) { return []byte("[hidden]"), nil }

// Values is a parsed configuration.
type Values struct {
	def    *Def
	raw    map[string]string
	parsed map[string]any
	// Warnings are about keys that are unknown or have no effect, in key order.
	Warnings []Problem
}

var commaSplit = regexp.MustCompile(`\s*,\s*`)

// trim is Java's String.trim: it strips every character up to U+0020 (CW-461).
func trim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

// SplitList parses a LIST value as Kafka does: blanks around commas are eaten, "" is empty (CW-71).
func SplitList(s string) []string {
	s = trim(s)
	if s == "" {
		return nil
	}
	return commaSplit.Split(s, -1)
}

func parseValue(k *Key, text string) (any, error) {
	t := trim(text)
	switch k.Type {
	case BooleanType:
		switch strings.ToLower(t) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, fmt.Errorf("Expected value to be either true or false")
	case IntType, ShortType, LongType:
		bits := map[Type]int{IntType: 32, ShortType: 16, LongType: 64}[k.Type]
		i, err := strconv.ParseInt(t, 10, bits)
		if err != nil {
			return nil, fmt.Errorf("Not a number of type %s", k.Type)
		}
		return i, nil
	case DoubleType:
		f, err := parseJavaDouble(t)
		if err != nil {
			return nil, fmt.Errorf("Not a number of type %s", k.Type)
		}
		return f, nil
	case ListType:
		return SplitList(t), nil
	case PasswordType:
		return Password{t}, nil
	default:
		return t, nil
	}
}

// Parse parses and validates a configuration. The returned values are complete even when
// there are problems, so that validate can show them; do not run with them then.
func (d *Def) Parse(raw map[string]string) (*Values, Problems) {
	v := &Values{def: d, raw: map[string]string{}, parsed: map[string]any{}}
	for name, text := range raw {
		if canon, ok := d.alias[name]; ok {
			if _, both := raw[canon]; both {
				continue
			}
			name = canon
		}
		v.raw[name] = text
	}
	var ps Problems
	var unread []*Key
	for i := range d.keys {
		k := &d.keys[i]
		text, given := v.raw[k.Name]
		if !given {
			if !k.HasDefault {
				if k.Required {
					ps = append(ps, Problem{k.Name, fmt.Sprintf("Missing required configuration %q which has no default value.", k.Name)})
				}
				continue
			}
			text = k.Default
		}
		val, err := parseValue(k, text)
		if err != nil {
			ps = append(ps, invalid(k.Name, show(k, text), err.Error()))
			if d.asValidate {
				ps = append(ps, nullProblem(k)...)
			}
			unread = append(unread, k)
			continue
		}
		v.parsed[k.Name] = val
		if !given {
			continue
		}
		if len(k.OneOf) > 0 && !oneOf(k.OneOf, val) {
			ps = append(ps, invalid(k.Name, show(k, text), "Value must be one of "+strings.Join(k.OneOf, ", ")))
			continue
		}
		if k.Check != nil {
			if err := k.Check(val); err != nil {
				ps = append(ps, checkProblem(k, val, text, err))
				continue
			}
		}
		if k.Refuse != nil && !(k.HasDefault && trim(text) == trim(k.Default)) {
			if why := k.Refuse(trim(text)); why != "" {
				ps = append(ps, invalid(k.Name, show(k, text), why))
			}
		}
		if k.NoEffect != "" {
			v.Warnings = append(v.Warnings, Problem{k.Name, fmt.Sprintf("configuration %s has no effect: %s", k.Name, k.NoEffect)})
		}
	}
	for _, name := range sortedKeys(v.raw) {
		if _, ok := d.byName[name]; ok {
			continue
		}
		p, known := d.pattern(name)
		switch {
		case !known:
			v.Warnings = append(v.Warnings, Problem{name, fmt.Sprintf("unknown configuration %s is not used; check the spelling", name)})
		case p.Refuse != nil:
			if why := p.Refuse(name, trim(v.raw[name])); why != "" {
				ps = append(ps, Problem{name, fmt.Sprintf("Invalid configuration %s: %s", name, why)})
			}
		case p.NoEffect != "":
			v.Warnings = append(v.Warnings, Problem{name, fmt.Sprintf("configuration %s has no effect: %s", name, p.NoEffect)})
		}
	}
	return v, append(ps, d.crossProblems(v, unread, ps)...)
}

// crossProblems runs the checks over several keys. They see defaults for what could not be read,
// and say nothing about keys that have problems of their own.
func (d *Def) crossProblems(v *Values, unread []*Key, known Problems) Problems {
	if len(d.cross) == 0 {
		return nil
	}
	seen := *v
	if len(unread) > 0 {
		seen.parsed = maps.Clone(v.parsed)
		for _, k := range unread {
			if k.HasDefault {
				if val, err := parseValue(k, k.Default); err == nil {
					seen.parsed[k.Name] = val
				}
			}
		}
	}
	has := map[string]bool{}
	for _, p := range known {
		has[p.Key] = true
	}
	var out Problems
	for _, fn := range d.cross {
		for _, p := range fn(&seen) {
			if !has[p.Key] {
				out = append(out, p)
			}
		}
	}
	return out
}

// nullProblem is what the check of a number says after the number could not be read: Kafka runs
// it all the same, on null.
func nullProblem(k *Key) []Problem {
	switch k.Type {
	case IntType, ShortType, LongType, DoubleType:
		if k.Check == nil {
			return nil
		}
		if err := k.Check(nil); err != nil {
			return []Problem{checkProblem(k, nil, "null", err)}
		}
	}
	return nil
}

// checkProblem is the problem of a value that a Check refused.
func checkProblem(k *Key, val any, text string, err error) Problem {
	var whole wholeText
	if errors.As(err, &whole) {
		return Problem{k.Name, string(whole)}
	}
	return invalid(k.Name, shownParsed(k, val, text), err.Error())
}

func (d *Def) pattern(name string) (Pattern, bool) {
	for _, p := range d.patterns {
		if p.Match(name) {
			return p, true
		}
	}
	return Pattern{}, false
}

func oneOf(words []string, val any) bool {
	list, ok := val.([]string)
	if !ok {
		list = []string{fmt.Sprint(val)}
	}
	for _, s := range list {
		found := false
		for _, w := range words {
			found = found || strings.EqualFold(w, s)
		}
		if !found {
			return false
		}
	}
	return true
}

func show(k *Key, text string) string {
	if k.Type == PasswordType {
		return "[hidden]"
	}
	return text
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Get returns the parsed value: bool, int64, float64, string, []string or Password; nil if null.
func (v *Values) Get(name string) any { return v.parsed[v.mustKnow(name)] }

func (v *Values) mustKnow(name string) string {
	if _, ok := v.def.byName[name]; !ok {
		panic("configs: key is not declared: " + name)
	}
	return name
}

// Given reports whether the key was set by the user.
func (v *Values) Given(name string) bool { _, ok := v.raw[name]; return ok }

// Str returns a STRING or CLASS value, "" if null.
func (v *Values) Str(name string) string { s, _ := v.Get(name).(string); return s }

// Word returns a STRING value in lower case, for keys with OneOf.
func (v *Values) Word(name string) string { return strings.ToLower(v.Str(name)) }

// Bool returns a BOOLEAN value.
func (v *Values) Bool(name string) bool { b, _ := v.Get(name).(bool); return b }

// Int returns a number of any integer type, 0 if null.
func (v *Values) Int(name string) int64 { i, _ := v.Get(name).(int64); return i }

// Millis returns an integer key that counts milliseconds as a duration.
func (v *Values) Millis(name string) time.Duration {
	return time.Duration(v.Int(name)) * time.Millisecond
}

// List returns a LIST value.
func (v *Values) List(name string) []string { l, _ := v.Get(name).([]string); return l }

// Secret returns a PASSWORD value.
func (v *Values) Secret(name string) Password { p, _ := v.Get(name).(Password); return p }

// Raw returns the text of any given key, declared or not.
func (v *Values) Raw(name string) (string, bool) { s, ok := v.raw[name]; return s, ok }

// Prefixed returns the given keys below a prefix, with the prefix cut off.
func (v *Values) Prefixed(prefix string) map[string]string {
	m := map[string]string{}
	for k, s := range v.raw {
		if strings.HasPrefix(k, prefix) {
			m[k[len(prefix):]] = s
		}
	}
	return m
}

// Overlay returns a new map with the entries of all maps; later ones win.
func Overlay(maps ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}
