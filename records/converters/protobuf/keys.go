package protobuf

import (
	"sync"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records/converters/registry"
)

// Class is Confluent's converter (CW-334).
const Class = "io.confluent.connect.protobuf.ProtobufConverter"

// Keys of the mapping (CW-345).
const (
	enhancedKey       = "enhanced.protobuf.schema.support"
	scrubKey          = "scrub.invalid.names"
	optionalKey       = "optional.for.nullables"
	optionalProto2Key = "optional.for.proto2"
	wrapperKey        = "wrapper.for.nullables"
	wrapperRawKey     = "wrapper.for.raw.primitives"
	indexForUnionsKey = "generate.index.for.unions"
	intForEnumsKey    = "int.for.enums"
	structForNullsKey = "generate.struct.for.nulls"
	flattenUnionsKey  = "flatten.unions"
	generalizedKey    = "generalized.sum.type.support"
	cacheSizeKey      = "schemas.cache.config"
)

// options are the keys that are honoured.
type options struct {
	scrub, optional, optionalProto2, indexForUnions, intForEnums bool
	cacheSize                                                    int
}

// Def is the definition of the converter's keys.
func Def() *configs.Def {
	toggle := func(name, def, doc string) configs.Key {
		return configs.Key{Name: name, Type: configs.BooleanType, Default: def, HasDefault: true, Importance: configs.Low, Order: -1, Doc: doc}
	}
	fixed := func(name, def, doc, why string) configs.Key {
		k := toggle(name, def, doc)
		k.Refuse = configs.RefuseExcept(why, def)
		return k
	}
	return registry.Def().With(
		fixed(enhancedKey, "false", "Keep packages and versions of nested messages.", "nested messages are named by the last part of their name only"),
		toggle(scrubKey, "false", "Replace characters that Protobuf does not allow in names by underscores."),
		toggle(optionalKey, "false", "Write fields that may be null as optional, and read only those as optional."),
		toggle(optionalProto2Key, "true", "Read optional fields of proto2 as optional."),
		fixed(wrapperKey, "false", "Write fields that may be null as wrapper messages.", "use "+optionalKey+"=true for fields that may be null"),
		toggle(wrapperRawKey, "true", "Write values that are no structs as wrapper messages; here they are always refused."),
		toggle(indexForUnionsKey, "true", "Number the fields that oneofs are read as."),
		toggle(intForEnumsKey, "false", "Read enums as numbers."),
		fixed(structForNullsKey, "false", "Write structs for nulls.", "a null struct is left out"),
		fixed(flattenUnionsKey, "false", "Read the members of a oneof as fields beside the others.", "a oneof is read as a struct with its members"),
		fixed(generalizedKey, "false", "Unions in the form that all formats share.", "a oneof is read as a struct with its members"),
		configs.Key{Name: cacheSizeKey, Type: configs.IntType, Default: "1000", HasDefault: true, Importance: configs.Low, Order: -1, Check: configs.AtLeast(0),
			Doc: "How many schemas are kept."},
	).WithPatterns(configs.Pattern{Match: func(name string) bool { return name == "schemas.enable" },
		NoEffect: "Protobuf always has a schema", Doc: "A key of JsonConverter."})
}

// shared is what all converters of one factory share.
type shared struct {
	options
	serde *registry.Serde

	mu    sync.Mutex // guards the field below
	known map[uint32]*file
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
	s := &shared{serde: serde, known: map[uint32]*file{}, options: options{scrub: v.Bool(scrubKey), optional: v.Bool(optionalKey),
		optionalProto2: v.Bool(optionalProto2Key), indexForUnions: v.Bool(indexForUnionsKey), intForEnums: v.Bool(intForEnumsKey),
		cacheSize: max(int(v.Int(cacheSizeKey)), 16)}}
	return func() *Converter {
		return &Converter{shared: s, plans: map[planKey]*writing{}, read: map[uint32]*file{}}
	}, nil
}

// data is a DataException.
func data(format string, args ...any) error { return registry.Dataf(format, args...) }
