package converters

import (
	"context"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/avro"
	"github.com/anabranch/anabranch/records/converters/protobuf"
)

// Converter is one of Kafka Connect's converters. It is not safe for concurrent use: one
// per lane and side.
type Converter interface {
	// Class is the Java class name.
	Class() string
	// Append appends the bytes of v, a value of batch b, to dst and returns the longer slice.
	// topic is where the record goes; schema nil means schemaless. isNull tells that the record's key, value or header is a
	// Kafka null; nothing was appended then. After an error dst is as long as before, its
	// spare capacity may have been written.
	Append(dst []byte, topic string, b *records.Batch, schema *records.Schema, v records.Value) (out []byte, isNull bool, err error)
	// Decode adds the value of data, read from topic, to b's slab. data nil is a Kafka null. The returned
	// schema is nil for schemaless data; equal schema bytes give the same pointer. data is
	// not kept.
	Decode(topic string, data []byte, b *records.Batch) (*records.Schema, records.Value, error)
}

// Asker is a Converter that asks a schema registry.
type Asker interface {
	Converter
	// Until makes Append and Decode give up waiting for the registry when ctx ends; the error is
	// Retriable then. Callers set it before each batch. It holds until it is set anew.
	Until(ctx context.Context)
}

var _ = []Asker{(*avro.Converter)(nil), (*protobuf.Converter)(nil), (*jsonSchemaConverter)(nil), (*extJSON)(nil)}

// Askers returns those of the converters that ask a registry.
func Askers(all ...Converter) []Asker {
	var out []Asker
	for _, c := range all {
		if a, ok := c.(Asker); ok {
			out = append(out, a)
		}
	}
	return out
}

// The converters' class names (CW-327).
const (
	JSONClass         = "org.apache.kafka.connect.json.JsonConverter"
	StringClass       = "org.apache.kafka.connect.storage.StringConverter"
	SimpleHeaderClass = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
	ByteArrayClass    = "org.apache.kafka.connect.converters.ByteArrayConverter"
	ShortClass        = "org.apache.kafka.connect.converters.ShortConverter"
	IntegerClass      = "org.apache.kafka.connect.converters.IntegerConverter"
	LongClass         = "org.apache.kafka.connect.converters.LongConverter"
	FloatClass        = "org.apache.kafka.connect.converters.FloatConverter"
	DoubleClass       = "org.apache.kafka.connect.converters.DoubleConverter"
	BooleanClass      = "org.apache.kafka.connect.converters.BooleanConverter"
	AvroClass         = avro.Class
	ApicurioAvroClass = avro.ApicurioClass
	ProtobufClass     = protobuf.Class
)

// Classes returns the class names of all converters, for the plugin list.
func Classes() []string {
	return []string{JSONClass, StringClass, SimpleHeaderClass, ByteArrayClass, ShortClass,
		IntegerClass, LongClass, FloatClass, DoubleClass, BooleanClass, AvroClass, ApicurioAvroClass, ExtJSONClass, JSONSchemaClass, ProtobufClass}
}

// Resolve returns the full class name of a converter given by class name or alias
// ("JsonConverter", "Json"), "" if there is none.
func Resolve(class string) string {
	class = strings.TrimSpace(class)
	for _, c := range Classes() {
		simple := c[strings.LastIndexByte(c, '.')+1:]
		kind := "Converter"
		if c == SimpleHeaderClass {
			kind = "HeaderConverter"
		}
		if class == c || class == simple || class == strings.TrimSuffix(simple, kind) {
			return c
		}
	}
	return ""
}

// Keys of the converters' configurations, below "key.converter." and its siblings.
const (
	SchemasEnable          = "schemas.enable"
	SchemasCacheSize       = "schemas.cache.size"
	DecimalFormat          = "decimal.format"
	ReplaceNullWithDefault = "replace.null.with.default"
	SchemaContent          = "schema.content"
	Encoding               = "converter.encoding"
	converterType          = "converter.type"
	serializerEncoding     = "serializer.encoding"
	deserializerEncoding   = "deserializer.encoding"
)

// Definition returns the configuration keys of a converter class, nil for an unknown class.
func Definition(class string) *configs.Def {
	typeKey := configs.Key{Name: converterType, Type: configs.StringType, Importance: configs.Low,
		OneOf: []string{"key", "value", "header"}, Doc: "How this converter will be used; set by the worker."}
	switch Resolve(class) {
	case JSONClass:
		return configs.NewDef(typeKey,
			configs.Key{Name: SchemasEnable, Type: configs.BooleanType, Default: "true", HasDefault: true, Importance: configs.High,
				Group: "Schemas", Order: 0, Width: "MEDIUM", Display: "Enable Schemas", Doc: "Include the schema in each serialized value and key."},
			configs.Key{Name: SchemasCacheSize, Type: configs.IntType, Default: "1000", HasDefault: true, Importance: configs.High,
				Group: "Schemas", Order: 1, Width: "MEDIUM", Display: "Schema Cache Size", Check: configs.Optional(configs.AtLeast(0)),
				Doc: "How many schemas one converter keeps in memory."},
			configs.Key{Name: SchemaContent, Type: configs.StringType, Importance: configs.High,
				Group: "Schemas", Order: 2, Width: "MEDIUM", Display: "Schema Content", Doc: "A schema to read every message with.",
				Refuse: configs.RefuseAny("a fixed schema is not supported yet; send the schema with each message, or set schemas.enable=false")},
			configs.Key{Name: DecimalFormat, Type: configs.StringType, Default: "BASE64", HasDefault: true, Importance: configs.Low,
				Group: "Serialization", Order: 0, Width: "MEDIUM", Display: "Decimal Format", Check: configs.AnyCaseWords("NUMERIC", "BASE64"),
				Doc: "How Decimal values are written: BASE64 of the unscaled bytes, or NUMERIC for a JSON number. Both are read."},
			configs.Key{Name: ReplaceNullWithDefault, Type: configs.BooleanType, Default: "true", HasDefault: true, Importance: configs.Low,
				Group: "Serialization", Order: 1, Width: "MEDIUM", Display: "Replace null with default",
				Doc: "Write and read a null field that has a default as its default; false keeps the null."})
	case StringClass:
		utf8 := configs.RefuseExcept("only UTF-8 is supported", "UTF-8", "UTF8")
		return configs.NewDef(typeKey,
			configs.Key{Name: Encoding, Type: configs.StringType, Default: "UTF-8", HasDefault: true, Importance: configs.High, Width: "MEDIUM", Display: "Encoding",
				Doc: "The name of the Java character set to use for encoding strings as byte arrays.", Refuse: utf8}).WithPatterns(configs.Pattern{Doc: "encoding of the serializer or deserializer, UTF-8", // Java does not define them either
			Match:  func(name string) bool { return name == serializerEncoding || name == deserializerEncoding },
			Refuse: func(_, value string) string { return utf8(value) }})
	case SimpleHeaderClass:
		return configs.NewDef()
	case JSONSchemaClass:
		return jsonSchemaDef().With(typeKey)
	case AvroClass:
		return configs.NewDef(typeKey).Merge(avro.Def())
	case ApicurioAvroClass:
		return configs.NewDef(typeKey).Merge(avro.ApicurioDef())
	case ExtJSONClass:
		return configs.NewDef(typeKey).Merge(extJSONDef())
	case ProtobufClass:
		return configs.NewDef(typeKey).Merge(protobuf.Def())
	case "":
		return nil
	default:
		return configs.NewDef(typeKey)
	}
}

// New validates a converter's configuration (without its prefix) and returns a factory for
// converters of that class. The factory may be called from any goroutine. The error is a
// configs.Problems for bad values.
func New(class string, cfg map[string]string, isKey bool) (func() Converter, error) {
	def := Definition(class)
	if def == nil {
		return nil, configs.Problems{{Key: "converter", Message: "converter class " + class + " is not known here" + Hint(class) + "; known are " + strings.Join(Classes(), ", ")}}
	}
	v, problems := def.Parse(cfg)
	if len(problems) > 0 {
		return nil, problems
	}
	switch Resolve(class) {
	case JSONClass:
		shared := newJSONShared(v)
		return func() Converter { return newJSON(shared) }, nil
	case StringClass:
		return func() Converter { return &stringConverter{} }, nil
	case SimpleHeaderClass:
		return func() Converter { return &simpleHeader{} }, nil
	case JSONSchemaClass:
		shared, err := newJSONSchemaShared(v, isKey)
		if err != nil {
			return nil, err
		}
		return func() Converter { return newJSONSchemaConverter(shared) }, nil
	case ExtJSONClass:
		shared, problems := newExtJSONShared(v, isKey)
		if len(problems) > 0 {
			return nil, problems
		}
		return func() Converter { return newExtJSON(shared) }, nil
	case ByteArrayClass:
		return func() Converter { return byteArrayConverter{} }, nil
	case ProtobufClass:
		make, problems := protobuf.New(v, isKey)
		if len(problems) > 0 {
			return nil, problems
		}
		return func() Converter { return make() }, nil
	case AvroClass:
		make, problems := avro.New(v, isKey)
		if len(problems) > 0 {
			return nil, problems
		}
		return func() Converter { return make() }, nil
	case ApicurioAvroClass:
		make, problems := avro.NewApicurio(v, isKey)
		if len(problems) > 0 {
			return nil, problems
		}
		return func() Converter { return make() }, nil
	default:
		p := primitives[Resolve(class)]
		return func() Converter { return p }, nil
	}
}
