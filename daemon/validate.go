package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/jsontext"
	"github.com/anabranch/anabranch/daemon/rest"
	deliverkafka "github.com/anabranch/anabranch/deliver/kafka"
	"github.com/anabranch/anabranch/records/converters"
	"github.com/anabranch/anabranch/records/transforms"
)

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
	config   map[string]string // resolved
	values   *configs.Values
	def      *configs.Def
	problems configs.Problems
	warnings []configs.Problem
	groups   []string
	// parts are what comes after the connector's keys: client overrides, then converters.
	parts []part
}

// part is a definition of something else whose keys are shown below a prefix, in the order of a
// HashMap of Java: it is how Connect merges the answers of several definitions.
type part struct {
	prefix string
	def    *configs.Def
	values *configs.Values
	keys   []string
}

// messages are the texts of all problems, for the error of a create (CW-21).
func (v *verdict) messages() []string {
	out := make([]string, len(v.problems))
	for i, p := range v.problems {
		out[i] = p.Message
	}
	return out
}

// check validates a configuration. Nulls are keys whose value is null. Errors are about the
// request as a whole: no class or an unknown one.
func (h *herder) check(ctx context.Context, raw map[string]string, nulls ...string) (*verdict, error) {
	config, err := h.worker.Providers.Resolve(raw)
	if err != nil {
		return nil, err
	}
	class, ok := config[configs.ClassKey]
	if !ok {
		return nil, rest.BadRequest("Connector config %s contains no connector type", javaMap(raw, nulls))
	}
	pl, ok := h.plugins.find(class)
	if !ok {
		return nil, rest.BadRequest("org.apache.kafka.connect.errors.ConnectException: %s", h.plugins.unknownClass(class))
	}
	common := h.commonDef(pl, config)
	v := &verdict{raw: raw, holds: h.worker.Providers.HasVariable, plugin: pl, config: config, groups: groupsOf(common)}
	given := configs.Overlay(config)
	v.def = common.Merge(v.embedded(config, given)).Merge(pl.definition()).WithPatterns(
		configs.Pattern{Match: configs.Prefix(configs.TransformsKey + ".")}, configs.Pattern{Match: configs.Prefix(configs.PredicatesKey + ".")}).AsValidate()
	v.groups = append(v.groups, groupsOf(pl.definition())...)
	values, problems := v.def.Parse(given)
	v.values, v.warnings = values, values.Warnings
	for _, p := range problems {
		if !embeddedKey(p.Key) { // the chain speaks for these
			v.problems = append(v.problems, p)
		}
	}
	v.addChain(config)
	v.addNulls(nulls)
	h.checkExactlyOnce(v, config)
	h.checkVersions(v, config)
	h.checkClients(v, config)
	h.checkConverters(v, config)
	h.checkGroup(v, config)
	if pl.kind == sourceType {
		_, creation := deliverkafka.ParseTopicCreation(config)
		known := slices.Clone(v.problems)
		for _, p := range creation {
			if !slices.ContainsFunc(known, func(k configs.Problem) bool { return k.Key == p.Key }) {
				v.problems = append(v.problems, p)
			}
		}
	}
	if len(v.problems) == 0 && pl.validate != nil {
		v.problems = append(v.problems, pl.validate(ctx, v.values)...)
	}
	for _, list := range [][]configs.Problem{v.problems, v.warnings} {
		for i := range list {
			list[i].Message = h.worker.Providers.Scrub(list[i].Message)
		}
	}
	return v, nil
}

// addChain adds the problems of transforms and predicates.
func (v *verdict) addChain(config map[string]string) {
	chain, problems := transforms.ParseChain(config)
	v.warnings = append(v.warnings, chain.Warnings()...)
	for _, p := range problems {
		if p.Key != configs.TransformsKey && p.Key != configs.PredicatesKey { // their own checks speak for them
			v.add(p.Key, p.Message)
		}
	}
}

func embeddedKey(key string) bool {
	return strings.HasPrefix(key, configs.TransformsKey+".") || strings.HasPrefix(key, configs.PredicatesKey+".")
}

// addNulls adds the problem of null values (CW-04). Java lets a null of a connector's own key
// pass and its connector fail.
func (v *verdict) addNulls(nulls []string) {
	for _, name := range nulls {
		v.problems = slices.DeleteFunc(v.problems, func(p configs.Problem) bool {
			return p.Key == name && strings.HasPrefix(p.Message, "Missing required")
		})
		if k, ok := v.def.Key(name); ok && k.Type != configs.ListType && k.Check != nil {
			if err := k.Check(nil); err != nil {
				v.add(name, fmt.Sprintf("Invalid value null for configuration %s: %v", name, err))
			}
		}
		v.add(name, "Null value can not be supplied as the configuration value.")
	}
}

// checkVersions refuses versions that a plugin does not have; Java fails with a null pointer for
// connectors (CW-147).
func (h *herder) checkVersions(v *verdict, config map[string]string) {
	const ending = ".plugin.version"
	refuse := func(key, class, version string, twice bool) bool {
		wanted, given := config[key]
		if given && class != "" && !versionMatches(wanted, version) {
			v.add(key, wrongVersion(class, wanted, version, twice))
			return true
		}
		return false
	}
	refuse("connector"+ending, v.plugin.class, v.plugin.version, false)
	for _, key := range []string{configs.KeyConverterKey, configs.ValueConverterKey, configs.HeaderConverterKey} {
		class := converters.Resolve(cmp.Or(config[key], h.worker.Raw[key]))
		if refuse(key+ending, class, versionOf(class), class != converters.SimpleHeaderClass) {
			v.add(key, wrongVersion(class, config[key+ending], versionOf(class), class != converters.SimpleHeaderClass))
		}
	}
}

// checkGroup refuses a sink whose consumers would join the worker's own group (CW-60, CW-100).
func (h *herder) checkGroup(v *verdict, config map[string]string) {
	if v.plugin.kind != sinkType || h.worker.GroupID == "" || sinkGroup(config[configs.NameKey], config) != h.worker.GroupID {
		return
	}
	conflict := fmt.Sprintf("Consumer group %s conflicts with Connect worker group %s", h.worker.GroupID, h.worker.GroupID)
	v.problems = append(v.problems, configs.Problem{Key: groupEntry, Message: conflict})
}

func (v *verdict) add(key, message string) {
	v.problems = append(v.problems, configs.Problem{Key: key, Message: message})
}

// commonDef is the definition of the keys that all connectors of a kind have, with this
// worker's converters and the plugin's version as defaults, as Connect shows them.
func (h *herder) commonDef(pl *plugin, config map[string]string) *configs.Def {
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
			key := strings.TrimSuffix(k.Name, ".plugin.version")
			if class, own := config[key]; own && !isConverter(key, class) {
				break
			}
			k.Default, k.HasDefault, k.Recommended = kafkaVersion, true, []string{kafkaVersion}
		}
		return k
	})
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
func javaMap(m map[string]string, nulls []string) string {
	keys := append(sortedKeys(m), nulls...)
	var parts []string
	for _, k := range jsontext.CopyOrder(len(keys), keys) {
		v, ok := m[k]
		switch {
		case !ok:
			v = "null"
		case strings.Contains(k, "password") || strings.Contains(k, "secret") || strings.Contains(k, "jaas"):
			v = "[hidden]"
		}
		parts = append(parts, k+"="+v)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
