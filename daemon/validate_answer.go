package daemon

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/jsontext"
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
	own := v.plugin.definition()
	for _, k := range v.def.Keys() {
		value := v.className(&k, shown(v.values, &k))
		if _, theirs := own.Key(k.Name); theirs && strings.HasPrefix(v.plugin.class, debeziumClasses) {
			if !v.values.Given(k.Name) {
				value = nil
			}
			k.Recommended = append(jsontext.HashOrder(slices.Sorted(slices.Values(k.OneOf))), k.Recommended...)
			for i, text := range byKey[k.Name] {
				byKey[k.Name][i] = debeziumText(k.Name, text)
			}
		}
		add(k.Name, k, value)
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

// debeziumClasses is the beginning of the names of Debezium's connectors. They validate by
// themselves: what was not given has no value, words are recommended, and texts are their own.
const debeziumClasses = "io.debezium."

// debeziumText is a problem in the words of Debezium's Field.
func debeziumText(key, text string) string {
	_, why, ok := strings.Cut(text, " for configuration "+key+": ")
	if !ok || !strings.HasPrefix(text, "Invalid value ") {
		return text
	}
	switch why {
	case "Not a number of type INT", "Not a number of type SHORT":
		why = "An integer is expected"
	case "Not a number of type LONG":
		why = "A long value is expected"
	}
	return "The '" + key + "' value is invalid: " + why
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
