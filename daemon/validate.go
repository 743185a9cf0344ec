package daemon

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/daemon/rest"
	deliverkafka "github.com/anabranch/anabranch/deliver/kafka"
	"github.com/anabranch/anabranch/records/converters"
	"github.com/anabranch/anabranch/records/transforms"
)

// warningsGroup holds keys that are unknown or without effect in an answer of validate: their
// definition's text says so. Connect leaves them out.
const warningsGroup = "Warnings"

// Prefixes of client overrides (CW-140).
const (
	producerOverride = "producer.override."
	consumerOverride = "consumer.override."
	adminOverride    = "admin.override."
)

// verdict is the result of a validation.
type verdict struct {
	raw      map[string]string // as it was sent, variables included
	holds    func(value string) bool
	plugin   *plugin
	values   *configs.Values
	def      *configs.Def
	problems configs.Problems
	warnings []configs.Problem
	groups   []string
}

// messages are the texts of all problems, for the error of a create (CW-21).
func (v *verdict) messages() []string {
	out := make([]string, len(v.problems))
	for i, p := range v.problems {
		out[i] = p.Message
	}
	return out
}

// check validates a configuration. Errors are about the request as a whole: no class or an
// unknown one.
func (h *herder) check(ctx context.Context, raw map[string]string) (*verdict, error) {
	config, err := h.worker.Providers.Resolve(raw)
	if err != nil {
		return nil, err
	}
	class, ok := config[configs.ClassKey]
	if !ok {
		return nil, rest.BadRequest("Connector config %s contains no connector type", javaMap(raw))
	}
	pl, ok := h.plugins.find(class)
	if !ok {
		return nil, rest.BadRequest("org.apache.kafka.connect.errors.ConnectException: %s", h.plugins.unknownClass(class))
	}
	common := h.commonDef(pl)
	chain, chainProblems := transforms.ParseChain(config)
	def := common.Merge(pl.definition()).WithPatterns(
		configs.Pattern{Match: configs.Prefix(configs.TransformsKey + ".")}, configs.Pattern{Match: configs.Prefix(configs.PredicatesKey + ".")})
	values, problems := def.Parse(config)
	v := &verdict{raw: raw, holds: h.worker.Providers.HasVariable, plugin: pl, values: values, def: def, problems: problems, warnings: values.Warnings, groups: groupsOf(common)}
	if n := config[configs.NameKey]; n == "." || n == ".." {
		v.add(configs.NameKey, "Invalid value "+n+" for configuration name: such a connector could not be reached by its path")
	}
	for _, p := range chainProblems {
		if p.Key != configs.TransformsKey && p.Key != configs.PredicatesKey { // their own checks speak for them
			v.add(p.Key, p.Message)
		}
	}
	v.warnings = append(v.warnings, chain.Warnings()...)
	v.addTransforms(config)
	v.groups = append(v.groups, groupsOf(pl.definition())...)
	h.checkExactlyOnce(v, config)
	h.checkConverters(v, config)
	h.checkClients(v, config)
	if pl.kind == sourceType {
		_, creation := deliverkafka.ParseTopicCreation(config)
		v.problems = append(v.problems, creation...)
	}
	if len(v.problems) == 0 && pl.validate != nil {
		v.problems = append(v.problems, pl.validate(ctx, values)...)
	}
	for _, list := range [][]configs.Problem{v.problems, v.warnings} {
		for i := range list {
			list[i].Message = h.worker.Providers.Scrub(list[i].Message)
		}
	}
	return v, nil
}

func (v *verdict) add(key, message string) {
	v.problems = append(v.problems, configs.Problem{Key: key, Message: message})
}

// commonDef is the definition of the keys that all connectors of a kind have, with this
// worker's converters and the plugin's version as defaults, as Connect shows them.
func (h *herder) commonDef(pl *plugin) *configs.Def {
	def := configs.SinkConnector()
	if pl.kind == sourceType {
		def = configs.SourceConnector()
	}
	return def.Map(func(k configs.Key) configs.Key {
		switch k.Name {
		case configs.KeyConverterKey, configs.ValueConverterKey:
			k.Default, k.HasDefault = h.worker.Raw[k.Name], true
			k.Recommended = converterClasses(false)
		case configs.HeaderConverterKey:
			k.Recommended = converterClasses(true)
			if k.Default, k.HasDefault = h.worker.Raw[k.Name], true; k.Default == "" {
				k.Default = converters.SimpleHeaderClass
			}
		case "connector.plugin.version":
			k.Default, k.HasDefault, k.Recommended = pl.version, true, []string{pl.version}
		case configs.KeyConverterKey + ".plugin.version", configs.ValueConverterKey + ".plugin.version", configs.HeaderConverterKey + ".plugin.version":
			k.Default, k.HasDefault, k.Recommended = kafkaVersion, true, []string{kafkaVersion}
		}
		return k
	})
}

// addTransforms puts the keys of each transform and predicate into the definition, for the
// answer of validate.
func (v *verdict) addTransforms(config map[string]string) {
	shown := configs.Overlay(config)
	for _, p := range transforms.Parts(config, versionOf) {
		v.groups = append(v.groups, p.Group)
		v.def = v.def.Merge(p.Def)
		typeKey, versionKey := p.Prefix+"type", p.Prefix+"plugin.version"
		if shown[typeKey] = p.Shown; p.Shown == "" {
			delete(shown, typeKey)
		}
		if p.WrongVersion != "" {
			v.add(typeKey, p.WrongVersion)
			v.add(versionKey, p.WrongVersion)
		}
	}
	// The values are parsed anew with the longer definition; its problems are the chain's.
	v.values, _ = v.def.Parse(shown)
}

// checkConverters validates the converters that the connector names itself; those of the
// worker were validated at its start (CW-55, CW-118).
func (h *herder) checkConverters(v *verdict, config map[string]string) {
	for _, key := range []string{configs.HeaderConverterKey, configs.KeyConverterKey, configs.ValueConverterKey} {
		class, own := config[key]
		if !own {
			for _, k := range sortedKeys(only(config, key+".")) {
				if !strings.HasSuffix(k, ".plugin.version") {
					v.warnings = append(v.warnings, configs.Problem{Key: k, Message: fmt.Sprintf(
						"configuration %s has no effect: without %s in the connector, the worker's converter and the worker's settings of it are used", k, key)})
				}
			}
			continue
		}
		def := converters.Definition(class)
		if def == nil {
			v.add(key, fmt.Sprintf("Invalid value %s for configuration %s: Class %s could not be found.", class, key, class))
			continue
		}
		below := def.Prefixed(key+".", "")
		values, problems := below.Parse(only(config, key+"."))
		for _, p := range problems {
			v.add(p.Key, p.Message)
		}
		for _, w := range values.Warnings {
			if !strings.HasSuffix(w.Key, ".plugin.version") {
				v.warnings = append(v.warnings, w)
			}
		}
		v.def = v.def.Merge(below)
		v.values, _ = v.def.Parse(config)
	}
}

// checkClients validates overrides of Kafka clients against the policy and their definitions
// (CW-60, CW-91).
func (h *herder) checkClients(v *verdict, config map[string]string) {
	type family struct {
		prefix    string
		translate func(map[string]string) *kafkaprops.Settings
	}
	families := []family{{producerOverride, kafkaprops.Producer}, {adminOverride, kafkaprops.Client}}
	if v.plugin.kind == sinkType {
		families = append(families, family{consumerOverride, kafkaprops.Consumer})
	}
	for _, f := range families {
		props := kafkaprops.Below(config, f.prefix)
		if f.prefix == producerOverride && v.plugin.kind == sourceType && h.worker.ExactlyOnceSources() {
			v.warnings = append(v.warnings, h.exactlyOnceOverrides(props, config)...)
		}
		if len(props) == 0 {
			continue
		}
		s := f.translate(props).WithPrefix(f.prefix)
		for _, p := range s.Problems {
			if _, given := config[p.Key]; given {
				v.problems = append(v.problems, p)
			}
		}
		v.warnings = append(v.warnings, s.Warnings...)
		for _, k := range sortedKeys(props) {
			if why := h.worker.Overrides.Denied(k); why != "" {
				v.add(f.prefix+k, why)
			}
		}
	}
}

func only(m map[string]string, prefix string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if strings.HasPrefix(k, prefix) {
			out[k] = v
		}
	}
	return out
}

// groupsOf lists the groups of a definition in the order of their first key (CW-52).
func groupsOf(d *configs.Def) []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, k := range d.Keys() {
		if !seen[k.Group] {
			seen[k.Group] = true
			out = append(out, k.Group)
		}
	}
	return out
}

// answer is the body of a validation (CW-52 to CW-57).
func (v *verdict) answer(class string) rest.Validation {
	byKey := map[string][]string{}
	for _, p := range v.problems {
		byKey[p.Key] = append(byKey[p.Key], p.Message)
	}
	out := rest.Validation{Class: class, Groups: unique(v.groups)}
	entry := func(name string, k *configs.Key, value *string) {
		errs := byKey[name]
		delete(byKey, name)
		if errs == nil {
			errs = []string{}
		}
		recommended := []string{}
		if k != nil {
			recommended = append(append(recommended, k.OneOf...), k.Recommended...)
		}
		out.Entries = append(out.Entries, rest.ValidationEntry{Key: k, Name: name, Value: value, Recommended: recommended, Errors: errs})
	}
	for i := range v.def.Keys() {
		k := &v.def.Keys()[i]
		value := shown(v.values, k)
		if text, given := v.raw[k.Name]; given && v.holds(text) && k.Type != configs.PasswordType {
			value = &text // Connect shows what the variable stands for (CW-56)
		}
		entry(k.Name, k, value)
	}
	for _, w := range v.warnings {
		if _, known := v.def.Key(w.Key); known {
			continue
		}
		text := v.raw[w.Key]
		out.Groups = unique(append(out.Groups, warningsGroup))
		entry(w.Key, &configs.Key{Name: w.Key, Type: configs.StringType, Importance: configs.Low, Group: warningsGroup, Doc: w.Message}, &text)
	}
	for _, name := range sortedKeys(byKey) { // problems on keys without a definition come first in Connect
		text, given := v.raw[name]
		var value *string
		if given {
			value = &text
		}
		entry(name, nil, value)
		last := out.Entries[len(out.Entries)-1]
		copy(out.Entries[1:], out.Entries[:len(out.Entries)-1])
		out.Entries[0] = last
	}
	return out
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
		s = strconv.FormatFloat(x, 'g', -1, 64)
	case []string:
		s = strings.Join(x, ",")
	default:
		s = fmt.Sprint(x) // a Password prints as stars
	}
	return &s
}

func unique(list []string) []string {
	seen := map[string]bool{}
	out := []string{}
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// javaMap prints a map as Java does, for one error text; it can hold secrets, so only the keys
// are shown with values left out of all but harmless ones.
func javaMap(m map[string]string) string {
	var parts []string
	for _, k := range sortedKeys(m) {
		v := m[k]
		if strings.Contains(k, "password") || strings.Contains(k, "secret") || strings.Contains(k, "jaas") {
			v = "[hidden]"
		}
		parts = append(parts, k+"="+v)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
