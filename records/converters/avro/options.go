package avro

// Names that Confluent's AvroData gives things (CW-342 to CW-344).
const (
	namespace       = "io.confluent.connect.avro"
	defaultName     = "ConnectDefault"
	mapEntry        = "MapEntry"
	unionName       = namespace + ".Union"
	enumParam       = namespace + ".Enum"
	generalEnum     = "org.apache.kafka.connect.data.Enum"
	generalUnion    = "org.apache.kafka.connect.data.Union"
	generalPrefix   = "connect_union_"
	generalField    = generalPrefix + "field_"
	propName        = "connect.name"
	propDoc         = "connect.doc"
	propVersion     = "connect.version"
	propDefault     = "connect.default"
	propParams      = "connect.parameters"
	propType        = "connect.type"
	propInternal    = "connect.internal.type"
	propLogical     = "logicalType"
	propScale       = "scale"
	propPrecision   = "precision"
	typeInt8        = "int8"
	typeInt16       = "int16"
	fixedParam      = "connect.fixed.size"
	recordDocParam  = "connect.record.doc"
	enumDocParam    = "connect.enum.doc"
	avroRecordDoc   = namespace + ".record.doc"
	avroEnumDoc     = namespace + ".enum.doc."
	avroFieldDoc    = namespace + ".field.doc."
	avroFieldDef    = namespace + ".field.default"
	avroEnumDef     = namespace + ".enum.default."
	avroParamPrefix = "avro"
	keyField        = "key"
	valueField      = "value"
	// anyPrecision is written for a Decimal that does not know its precision.
	anyPrecision = 64
)

// options are the keys that steer the mapping (CW-341).
type options struct {
	enhanced         bool // enhanced.avro.schema.support
	metaData         bool // connect.meta.data
	scrub            bool // scrub.invalid.names
	optionalMapKeys  bool // allow.optional.map.keys
	flattenSingle    bool // flatten.singleton.unions
	discardDoc       bool // discard.type.doc.default
	generalized      bool // generalized.sum.type.support
	ignoreNullDef    bool // ignore.default.for.nullables
	schemasCacheSize int
}

// enumParamName is the parameter that marks a string as an enum.
func (o *options) enumParamName() string {
	if o.generalized {
		return generalEnum
	}
	return enumParam
}

// scrubName makes a name that Avro accepts, as scrub.invalid.names does: what a form would
// encode, with underscores for all that is not a letter, digit or underscore.
func (o *options) scrubName(name string) string {
	if !o.scrub || name == "" {
		return name
	}
	const hex = "0123456789ABCDEF"
	ok := name[0] < '0' || name[0] > '9'
	for i := 0; i < len(name) && ok; i++ {
		ok = isPlain(name[i])
	}
	if ok {
		return name
	}
	var out []byte
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case isPlain(c):
			out = append(out, c)
		case c == '.' || c == '-' || c == '*' || c == ' ':
			out = append(out, '_')
		default:
			out = append(out, '_', hex[c>>4], hex[c&15])
		}
	}
	if out[0] >= '0' && out[0] <= '9' {
		out = append([]byte{'x'}, out...)
	}
	return string(out)
}

func isPlain(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// split takes a Connect schema's name apart, scrubbed part by part.
func (o *options) split(full string) (space, name string) {
	start := 0
	var parts []string
	for i := 0; i <= len(full); i++ {
		if i == len(full) || full[i] == '.' {
			parts = append(parts, o.scrubName(full[start:i]))
			start = i + 1
		}
	}
	for len(parts) > 1 && parts[len(parts)-1] == "" { // as Java's split
		parts = parts[:len(parts)-1]
	}
	name = parts[len(parts)-1]
	for _, p := range parts[:len(parts)-1] {
		if space != "" {
			space += "."
		}
		space += p
	}
	return space, name
}
