package daemon

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/records/converters"
)

// answer is the body of a validation (CW-52 to CW-57): problems on keys without a definition,
// the connector's keys, then those of its clients and converters.
func (v *verdict) answer(class string) rest.Validation {
	byKey := map[string][]string{}
	for _, p := range v.problems {
		byKey[p.Key] = append(byKey[p.Key], p.Message)
	}
	group := byKey[groupEntry]
	delete(byKey, groupEntry)
	out := rest.Validation{Class: class, Groups: unique(v.groups)}
	add := func(name string, k configs.Key, value *string) {
		if text, given := v.raw[name]; given && v.holds(text) && k.Type != configs.PasswordType {
			value = &text // Connect shows what the variable stands for (CW-56)
		}
		errs := byKey[name]
		delete(byKey, name)
		if errs == nil {
			errs = []string{}
		}
		out.Entries = append(out.Entries, rest.ValidationEntry{Key: &k, Name: name, Value: value,
			Recommended: append([]string{}, k.Recommended...), Errors: errs, Hidden: v.hidden(name)})
	}
	for _, k := range v.def.Keys() {
		add(k.Name, k, v.className(&k, shown(v.values, &k)))
	}
	for _, p := range v.parts {
		for _, name := range p.keys {
			k, ok := p.def.Key(name)
			full := p.prefix + name
			if !ok { // an override that Kafka's client does not define
				text := v.raw[full]
				out.Entries = append(out.Entries, rest.ValidationEntry{Name: full, Value: &text, Recommended: []string{}, Errors: append([]string{}, byKey[full]...)})
				delete(byKey, full)
				continue
			}
			value := shown(p.values, &k)
			if k.Display == "" {
				k.Display = name
			}
			k.Name = full
			add(full, k, value)
		}
	}
	var first []rest.ValidationEntry
	for _, name := range sortedKeys(byKey) {
		var value *string
		if text, given := v.raw[name]; given {
			value = &text
		}
		first = append(first, rest.ValidationEntry{Name: name, Value: value, Recommended: []string{}, Errors: byKey[name]})
	}
	out.Entries = append(append(v.groupEntry(group), first...), out.Entries...)
	return out
}

// groupEntry is the key of problems with a sink's consumer group. No configuration has it.
const groupEntry = "\x00group"

// groupEntry is what Connect adds about the consumer group of a sink, beside the key itself, when
// the configuration names one or when the group cannot be.
func (v *verdict) groupEntry(problems []string) []rest.ValidationEntry {
	name := consumerOverride + "group.id"
	value, given := v.raw[name]
	if v.plugin.kind != sinkType || !given && len(problems) == 0 {
		return nil
	}
	if !given {
		name, value = configs.NameKey, v.raw[configs.NameKey]
	}
	return []rest.ValidationEntry{{Name: name, Value: &value, Recommended: []string{}, Errors: append([]string{}, problems...)}}
}

// hidden reports whether a key is not to be shown: the version of a converter that is not there.
func (v *verdict) hidden(name string) bool {
	key, ok := strings.CutSuffix(name, ".plugin.version")
	if !ok || !slices.Contains([]string{configs.KeyConverterKey, configs.ValueConverterKey, configs.HeaderConverterKey}, key) {
		return false
	}
	class, own := v.config[key]
	return own && converters.Resolve(class) == ""
}

// className shows a class with its whole name; one that is not there is null.
func (v *verdict) className(k *configs.Key, value *string) *string {
	if k.Type != configs.ClassType || value == nil {
		return value
	}
	if k.Name != configs.KeyConverterKey && k.Name != configs.ValueConverterKey && k.Name != configs.HeaderConverterKey {
		return value
	}
	full := converters.Resolve(*value)
	if full == "" {
		return nil
	}
	return &full
}

// shown is the text of a parsed value; secrets are hidden (CW-54).
func shown(v *configs.Values, k *configs.Key) *string {
	var s string
	switch x := v.Get(k.Name).(type) {
	case nil:
		if k.HasDefault && k.Type == configs.ListType {
			return &s
		}
		return nil
	case string:
		s = x
	case bool:
		s = strconv.FormatBool(x)
	case int64:
		s = strconv.FormatInt(x, 10)
	case float64:
		s = configs.JavaDouble(x)
	case []string:
		s = strings.Join(x, ",")
	default:
		s = fmt.Sprint(x) // a Password prints as stars
	}
	return &s
}
