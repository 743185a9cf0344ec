package daemon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/daemon/jsontext"
	"github.com/anabranch/anabranch/records/converters"
	"github.com/anabranch/anabranch/records/transforms"
)

// embedded is the definition of the transforms and predicates that a configuration names, as
// ConnectorConfig.enrich makes it (CW-132, CW-133). Each is a group of its own. In given their
// classes become what is shown of them.
func (v *verdict) embedded(config, given map[string]string) *configs.Def {
	def := configs.NewDef()
	for _, p := range transforms.Parts(config, versionOf) {
		v.groups = append(v.groups, p.Group)
		def = def.Merge(p.Def)
		typeKey, versionKey := p.Prefix+"type", p.Prefix+"plugin.version"
		if given[typeKey] = p.Shown; p.Shown == "" {
			delete(given, typeKey)
		}
		if p.WrongVersion != "" {
			v.add(typeKey, p.WrongVersion)
			v.add(versionKey, p.WrongVersion)
		}
	}
	return def
}

// isConverter reports whether a class can be at a key for converters.
func isConverter(key, class string) bool {
	full := converters.Resolve(class)
	return full != "" && (full != converters.SimpleHeaderClass || key == configs.HeaderConverterKey)
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
		switch full := converters.Resolve(class); {
		case def == nil:
			v.add(key, fmt.Sprintf("Invalid value %s for configuration %s: Class %s could not be found.%s", class, key, class, converters.Hint(class)))
			continue
		case full == converters.SimpleHeaderClass && key != configs.HeaderConverterKey:
			v.add(key, "Class class "+full+" does not implement the Converter interface")
			continue
		}
		if slices.ContainsFunc(v.problems, func(p configs.Problem) bool { return p.Key == key }) {
			continue
		}
		given := kafkaprops.Below(config, key+".")
		delete(given, "plugin.version")
		if def = typedConverter(def); slices.Contains(keysOfDef(def), converterType) {
			given[converterType] = strings.TrimSuffix(key, ".converter")
		}
		values, problems := def.AsValidate().Parse(given)
		for _, p := range problems {
			v.add(key+"."+p.Key, p.Message)
		}
		for _, w := range values.Warnings {
			v.warnings = append(v.warnings, configs.Problem{Key: key + "." + w.Key, Message: strings.Replace(w.Message, w.Key, key+"."+w.Key, 1)})
		}
		v.groups = append(v.groups, hashGroups(def)...)
		v.parts = append(v.parts, part{prefix: key + ".", def: def, values: values, keys: jsontext.HashOrder(keysOfDef(def))})
	}
}

// converterType is a key that the worker sets for each converter.
const converterType = "converter.type"

// typedConverter is the definition of a converter as Connect shows it: its kind is required.
func typedConverter(def *configs.Def) *configs.Def {
	return def.Map(func(k configs.Key) configs.Key {
		if k.Name == converterType {
			k.Required, k.OneOf = true, nil
		}
		return k
	})
}

// checkClients validates overrides of Kafka clients against the policy and their definitions
// (CW-60, CW-91). Those of clients that the connector does not have are not shown.
func (h *herder) checkClients(v *verdict, config map[string]string) {
	dlq := strings.TrimSpace(config[configs.DLQTopicKey]) != ""
	source := v.plugin.kind == sourceType
	for _, f := range []struct {
		prefix    string
		translate func(map[string]string) *kafkaprops.Settings
		def       *configs.Def
		used      bool
	}{
		{producerOverride, kafkaprops.Producer, kafkaprops.ShownProducer(), source || dlq},
		{consumerOverride, kafkaprops.Consumer, kafkaprops.ShownConsumer(), !source},
		{adminOverride, kafkaprops.Client, kafkaprops.ShownClient(), dlq && !source || source && config[configs.TopicGroupsKey] != ""},
	} {
		props := kafkaprops.Below(config, f.prefix)
		if f.prefix == producerOverride && source && h.worker.ExactlyOnceSources() {
			v.warnings = append(v.warnings, h.exactlyOnceOverrides(props, config)...)
		}
		if len(props) == 0 || f.prefix == consumerOverride && source {
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
		if !f.used {
			continue
		}
		values, _ := f.def.Parse(props) // translate reports its problems
		v.parts = append(v.parts, part{prefix: f.prefix, def: f.def, values: values, keys: jsontext.HashOrder(sortedKeys(props))})
	}
}

func keysOfDef(def *configs.Def) []string {
	var out []string
	for _, k := range def.Keys() {
		out = append(out, k.Name)
	}
	return out
}

// hashGroups lists the groups of a definition in the order of their first key in a HashMap.
func hashGroups(def *configs.Def) []string {
	var out []string
	for _, name := range jsontext.HashOrder(keysOfDef(def)) {
		if k, _ := def.Key(name); k.Group != "" && !slices.Contains(out, k.Group) {
			out = append(out, k.Group)
		}
	}
	return out
}
