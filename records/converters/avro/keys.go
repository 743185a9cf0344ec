package avro

import (
	"sync/atomic"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records/converters/registry"
)

// Class is Confluent's converter (CW-334).
const Class = "io.confluent.connect.avro.AvroConverter"

// Keys of the mapping (CW-341).
const (
	enhancedKey        = "enhanced.avro.schema.support"
	metaDataKey        = "connect.meta.data"
	scrubKey           = "scrub.invalid.names"
	optionalMapKeysKey = "allow.optional.map.keys"
	flattenKey         = "flatten.singleton.unions"
	discardDocKey      = "discard.type.doc.default"
	generalizedKey     = "generalized.sum.type.support"
	ignoreDefaultKey   = "ignore.default.for.nullables"
	cacheSizeKey       = "schemas.cache.config"
)

// Def is the definition of the converter's keys.
func Def() *configs.Def {
	toggle := func(name, def string, imp configs.Importance, doc string) configs.Key {
		return configs.Key{Name: name, Type: configs.BooleanType, Default: def, HasDefault: true, Importance: imp, Order: -1, Doc: doc}
	}
	return registry.Def().With(
		toggle(generalizedKey, "false", configs.Medium, "Map enums and unions in a way that the other formats share."),
		toggle(ignoreDefaultKey, "false", configs.Medium, "Write a null field that has a default as null, not as the default."),
		configs.Key{Name: cacheSizeKey, Type: configs.IntType, Default: "1000", HasDefault: true, Importance: configs.Low, Order: -1,
			Doc: "How many converted schemas are kept."},
		toggle(enhancedKey, "false", configs.Medium, "Keep enums as enums, and the namespaces of union types."),
		toggle(scrubKey, "false", configs.Medium, "Replace characters that Avro does not allow in names."),
		toggle(metaDataKey, "true", configs.Low, "Write what only Connect knows into the schema, as connect.* properties."),
		toggle(discardDocKey, "false", configs.Low, "Keep only the documentation and defaults of fields."),
		toggle(optionalMapKeysKey, "false", configs.Low, "Map a map with optional string keys to an Avro map."),
		toggle(flattenKey, "true", configs.Low, "Read a union of one type as that type."),
	).WithPatterns(configs.Pattern{Match: func(name string) bool { return name == "schemas.enable" },
		NoEffect: "Avro always has a schema", Doc: "A key of JsonConverter."})
}

// ApicurioClass is Apicurio's converter, which maps with an older copy of the same mapping.
const ApicurioClass = "io.apicurio.registry.utils.converter.AvroConverter"

// ApicurioDef is the definition of its keys.
func ApicurioDef() *configs.Def {
	all := Def()
	d := registry.ApicurioDef()
	for _, name := range []string{enhancedKey, metaDataKey, cacheSizeKey} {
		k, _ := all.Key(name)
		d = d.With(k)
	}
	return d
}

// NewApicurio makes a factory of Apicurio's converters.
func NewApicurio(v *configs.Values, isKey bool) (func() *Converter, configs.Problems) {
	serde, long, problems := registry.NewApicurioSerde(v, isKey)
	if len(problems) > 0 {
		return nil, problems
	}
	s := &shared{class: ApicurioClass, serde: serde, known: map[readKey]*reading{}, apicurio: true, longIDs: long, options: options{
		enhanced: v.Bool(enhancedKey), metaData: v.Bool(metaDataKey), schemasCacheSize: max(int(v.Int(cacheSizeKey)), 16)}, unions: &atomic.Int64{}}
	return func() *Converter { return &Converter{shared: s, plans: map[planKey]*writing{}} }, nil
}

// New makes a factory of converters that share a client and what they have read.
func New(v *configs.Values, isKey bool) (func() *Converter, configs.Problems) {
	set, problems := registry.Read(v, isKey)
	if len(problems) > 0 {
		return nil, problems
	}
	serde, err := registry.NewSerde(set)
	if err != nil {
		return nil, configs.Problems{{Key: registry.URLKey, Message: "Invalid configuration " + registry.URLKey + ": " + err.Error()}}
	}
	s := &shared{class: Class, serde: serde, known: map[readKey]*reading{}, options: options{
		enhanced: v.Bool(enhancedKey), metaData: v.Bool(metaDataKey), scrub: v.Bool(scrubKey), optionalMapKeys: v.Bool(optionalMapKeysKey),
		flattenSingle: v.Bool(flattenKey), discardDoc: v.Bool(discardDocKey), generalized: v.Bool(generalizedKey),
		ignoreNullDef: v.Bool(ignoreDefaultKey), schemasCacheSize: max(int(v.Int(cacheSizeKey)), 16)}, unions: &atomic.Int64{}}
	return func() *Converter { return &Converter{shared: s, plans: map[planKey]*writing{}} }, nil
}
