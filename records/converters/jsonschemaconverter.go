package converters

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/registry"
)

// JSONSchemaClass is Confluent's converter for JSON with a schema in a registry.
const JSONSchemaClass = "io.confluent.connect.json.JsonSchemaConverter"

// Keys of the JSON Schema converter beside those of all registry converters (CW-346).
const (
	additionalPropertiesKey = "object.additional.properties"
	optionalNonRequiredKey  = "use.optional.for.nonrequired"
	ignoreNullableDefault   = "ignore.default.for.nullables"
	sumTypeKey              = "generalized.sum.type.support"
	flattenSingletonKey     = "flatten.singleton.unions"
	failInvalidSchemaKey    = "json.fail.invalid.schema"
	failUnknownKey          = "json.fail.unknown.properties"
)

// jsonSchemaDef is the definition of the converter's configuration.
func jsonSchemaDef() *configs.Def {
	flag := func(name, def, doc string) configs.Key {
		return configs.Key{Name: name, Type: configs.BooleanType, Default: def, HasDefault: true, Importance: configs.Low, Order: -1, Doc: doc}
	}
	refusedFlag := func(name, def, doc, why string) configs.Key {
		k := flag(name, def, doc)
		k.Refuse = configs.RefuseExcept(why, def)
		return k
	}
	return registry.Def().With(
		flag(additionalPropertiesKey, "true", "Whether objects may have members that their schema does not name; false is written into the schema."),
		flag(optionalNonRequiredKey, "false", "Whether a member that is not required is an optional field."),
		flag(ignoreNullableDefault, "false", "Whether defaults of optional fields are left out."),
		refusedFlag(sumTypeKey, "false", "Unions in the form that all formats share.", "Connect has no unions, and schemas with several types are refused"),
		refusedFlag(flattenSingletonKey, "false", "Read a union of one type as that type.", "a union of one type is always read as that type"),
		refusedFlag(failInvalidSchemaKey, "false", "Validate each message against its schema.", "messages are read by their schema, which refuses what does not fit, but not validated word by word"),
		refusedFlag(failUnknownKey, "true", "Refuse members that the schema does not name.", "members that the schema does not name are passed over, as Connect does"),
		configs.Key{Name: DecimalFormat, Type: configs.StringType, Default: "BASE64", HasDefault: true, Importance: configs.Low, Order: -1, OneOf: []string{"BASE64", "NUMERIC"},
			Doc: "How Decimal values are written: BASE64 of the unscaled bytes, or NUMERIC for a JSON number. Both are read."},
		configs.Key{Name: "schemas.cache.size", Type: configs.IntType, Default: "1000", HasDefault: true, Importance: configs.Low, Order: -1, Check: configs.AtLeast(0),
			Doc: "How many schemas one converter keeps in memory."},
	)
}

// jsonSchemaShared is what all converters of one factory share.
type jsonSchemaShared struct {
	serde                                          *registry.Serde
	json                                           *jsonShared // how payloads are written and read
	additional, optionalNonRequired, ignoreDefault bool

	mu    sync.Mutex // guards the field below
	known map[uint32]*reader
}

func newJSONSchemaShared(v *configs.Values, isKey bool) (*jsonSchemaShared, error) {
	set, problems := registry.Read(v, isKey)
	if len(problems) > 0 {
		return nil, problems
	}
	serde, err := registry.NewSerde(set)
	if err != nil {
		return nil, err
	}
	return &jsonSchemaShared{serde: serde, known: map[uint32]*reader{},
		json:       &jsonShared{numeric: strings.EqualFold(v.Str(DecimalFormat), "NUMERIC"), nullDefault: true, entries: true, cacheSize: max(int(v.Int("schemas.cache.size")), 16)},
		additional: v.Bool(additionalPropertiesKey), optionalNonRequired: v.Bool(optionalNonRequiredKey), ignoreDefault: v.Bool(ignoreNullableDefault)}, nil
}

// jsonSchemaConverter is JsonSchemaConverter: a zero byte, the schema's id, JSON.
type jsonSchemaConverter struct {
	*jsonSchemaShared
	registry.Caller
	plans map[jsonSchemaPlanKey]*jsonSchemaPlan
	last  jsonSchemaPlanKey
	plan  *jsonSchemaPlan
	read  map[uint32]*reader
	scan  scanner
	stack []records.Value
}

type jsonSchemaPlanKey struct {
	topic  string
	schema *records.Schema
}

type jsonSchemaPlan struct {
	id     uint32
	writer *writer
	until  time.Time // zero = for ever
}

func newJSONSchemaConverter(s *jsonSchemaShared) *jsonSchemaConverter {
	return &jsonSchemaConverter{jsonSchemaShared: s, plans: map[jsonSchemaPlanKey]*jsonSchemaPlan{}, read: map[uint32]*reader{}}
}

// Class implements Converter.
func (c *jsonSchemaConverter) Class() string { return JSONSchemaClass }

// Append implements Converter.
func (c *jsonSchemaConverter) Append(dst []byte, topic string, b *records.Batch, schema *records.Schema, v records.Value) ([]byte, bool, error) {
	if schema == nil && v.IsNull() {
		return dst, true, nil
	}
	if v.IsNull() && schema.Optional && schema.Default == nil {
		return dst, true, nil // as Confluent's serializer: a null value is a null message
	}
	key := jsonSchemaPlanKey{topic, schema}
	p := c.plan
	if p == nil || key != c.last || !p.until.IsZero() && time.Now().After(p.until) {
		var err error
		if p, err = c.planOf(key); err != nil {
			return dst, false, &registry.Failure{Message: "Converting Kafka Connect data to byte[] failed due to serialization error of topic " + topic + ":", Cause: err}
		}
	}
	start := len(dst)
	dst = registry.AppendHeader(dst, p.id)
	out, err := p.writer.root.append(dst, b, v)
	if err != nil {
		return dst[:start], false, err
	}
	return out, false, nil
}

func (c *jsonSchemaConverter) planOf(key jsonSchemaPlanKey) (*jsonSchemaPlan, error) {
	if key.schema == nil {
		return nil, dataError("JSON Schema needs a schema, but the record has none; use JsonConverter with schemas.enable=false for data without one")
	}
	p, ok := c.plans[key]
	if !ok || !p.until.IsZero() && time.Now().After(p.until) {
		text, err := c.schemaText(key.schema)
		if err != nil {
			return nil, err
		}
		subject, err := c.serde.Subject(key.topic, key.schema.Name)
		if err != nil {
			return nil, err
		}
		// Reading what is written with another schema is left to the registry's compatibility
		// rules: JSON names its members, so nothing is written differently.
		choice, err := c.serde.Choose(c.Context(), subject, registry.Schema{Text: text, Format: registry.JSON}, func(registry.Schema) error { return nil })
		if err != nil {
			return nil, err
		}
		w, err := c.json.compile(key.schema)
		if err != nil {
			return nil, err
		}
		p = &jsonSchemaPlan{id: choice.ID, writer: w, until: choice.Until}
		if len(c.plans) >= c.json.cacheSize {
			clear(c.plans)
		}
		c.plans[key] = p
	}
	c.last, c.plan = key, p
	return p, nil
}

// Decode implements Converter.
func (c *jsonSchemaConverter) Decode(topic string, data []byte, b *records.Batch) (*records.Schema, records.Value, error) {
	if data == nil {
		return nil, records.Null, nil
	}
	fail := func(err error) (*records.Schema, records.Value, error) {
		return nil, records.Null, &registry.Failure{Message: "Converting byte[] to Kafka Connect data failed due to serialization error of topic " + topic + ":", Cause: err}
	}
	id, payload, err := registry.SplitHeader(data)
	if err != nil {
		return fail(err)
	}
	r := c.read[id]
	if r == nil {
		if r, err = c.readerOf(c.Context(), topic, id); err != nil {
			return fail(err)
		}
		if len(c.read) >= c.json.cacheSize {
			clear(c.read)
		}
		c.read[id] = r
	}
	s := &c.scan
	s.reset(payload)
	d := decoder{scanner: s, b: b, nullDefault: true, entries: true, stack: c.stack[:0]}
	defer func() { s.data, c.stack = nil, d.stack[:0] }()
	v, err := d.value(&r.root)
	if err == nil && s.next() != 0 {
		err = dataError("there is more behind the JSON value")
	}
	if err != nil {
		return nil, records.Null, err
	}
	return r.schema, v, nil
}

// readerOf makes the plan for reading a schema of the registry; one pointer for all lanes.
func (s *jsonSchemaShared) readerOf(ctx context.Context, topic string, id uint32) (*reader, error) {
	s.mu.Lock()
	r := s.known[id]
	s.mu.Unlock()
	if r != nil {
		return r, nil
	}
	subject := ""
	if !s.serde.Settings().Strategy.NeedsRecord() {
		var err error
		if subject, err = s.serde.Subject(topic, ""); err != nil {
			return nil, err
		}
	}
	reg, err := s.serde.ByID(ctx, id, subject)
	if err != nil {
		return nil, err
	}
	if reg.Format != registry.JSON {
		return nil, registry.Dataf("schema %d of the registry is of type %s, not JSON; choose the converter of that type", id, reg.Format)
	}
	named, err := s.serde.References(ctx, reg)
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for _, n := range named {
		refs[n.Name] = n.Text
	}
	schema, err := s.parseJSONSchema(reg.Text, refs)
	if err != nil {
		return nil, err
	}
	r = &reader{schema: schema, root: newPlace(schema)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.known[id]; other != nil {
		return other, nil
	}
	if len(s.known) >= s.json.cacheSize {
		clear(s.known)
	}
	s.known[id] = r
	return r, nil
}
