package daemon

import (
	"slices"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/rest"
	"github.com/anabranch/anabranch/records/converters"
	"github.com/anabranch/anabranch/records/transforms"
)

// otherPlugins are plugins of Connect that have no configuration to show (CW-50).
var otherPlugins = []string{
	"org.apache.kafka.common.config.provider.DirectoryConfigProvider", "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
	"org.apache.kafka.common.config.provider.FileConfigProvider", "org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy",
	"org.apache.kafka.connect.connector.policy.AllowlistConnectorClientConfigOverridePolicy",
	"org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy", "org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy",
}

// PluginKeys implements rest.Herder: the plugin's own keys first, then the common ones (CW-50).
func (h *herder) PluginKeys(name, version string) ([]configs.Key, error) {
	if pl, ok := h.plugins.find(name); ok {
		if !versionMatches(version, pl.version) {
			return nil, rest.BadRequest("%s", wrongVersion(pl.class, version, pl.version, false))
		}
		own := pl.definition()
		keys := slices.Clone(own.Keys())
		for _, k := range h.commonDef(pl, nil).Keys() {
			if _, dup := own.Key(k.Name); !dup {
				keys = append(keys, plainKey(k))
			}
		}
		return keys, nil
	}
	class, def, twice := otherDefinition(name)
	switch {
	case def != nil && !versionMatches(version, versionOf(class)):
		return nil, rest.BadRequest("%s", wrongVersion(class, version, versionOf(class), twice))
	case def != nil:
		return def.Keys(), nil
	case resolveOther(name):
		return nil, rest.BadRequest("Invalid plugin class %s. Valid types are sink, source, converter, header_converter, transformation, predicate.", name)
	}
	return nil, rest.NotFound("Unknown plugin %s.", name)
}

// plainKey is a common key without what depends on the worker: validate shows that.
func plainKey(k configs.Key) configs.Key {
	for _, family := range []string{configs.KeyConverterKey, configs.ValueConverterKey, configs.HeaderConverterKey} {
		if k.Name == family || k.Name == family+".plugin.version" {
			k.Default, k.HasDefault = "", false
		}
	}
	return k
}

// otherDefinition is the class and definition of a converter, transform or predicate, nil if
// there is none; twice says that it is a converter of both kinds.
func otherDefinition(name string) (class string, def *configs.Def, twice bool) {
	if def := transforms.Definition(name); def != nil {
		return name, def, false
	}
	if class := converters.Resolve(name); class != "" {
		return class, typedConverter(converters.Definition(class)), class != converters.SimpleHeaderClass
	}
	return "", nil, false
}

func resolveOther(name string) bool {
	return slices.ContainsFunc(otherPlugins, func(class string) bool {
		simple := class[strings.LastIndexByte(class, '.')+1:]
		for _, kind := range []string{"", "ConfigProvider", "ConnectorClientConfigOverridePolicy", "RestExtension"} {
			if name == class || name == strings.TrimSuffix(simple, kind) {
				return true
			}
		}
		return false
	})
}
