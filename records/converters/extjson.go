package converters

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/registry"
)

// ExtJSONClass is Apicurio's converter for JSON whose schema, in Connect's own form, is in a registry.
const ExtJSONClass = "io.apicurio.registry.utils.converter.ExtJsonConverter"

// Members of a message (PrettyFormatStrategy, which configurations cannot change).
const (
	extJSONHead    = `{"schemaId":`
	extJSONPayload = `,"payload":`
)

// extJSONDef is the definition of the converter's keys: Apicurio's, and those that reach the JsonConverter within.
func extJSONDef() *configs.Def {
	json := Definition(JSONClass)
	d := registry.ExtJSONDef()
	for _, name := range []string{SchemasCacheSize, DecimalFormat, ReplaceNullWithDefault} {
		k, _ := json.Key(name)
		d = d.With(k)
	}
	return d.With(configs.Key{Name: SchemasEnable, Type: configs.BooleanType, Default: "false", HasDefault: true, Importance: configs.Low,
		NoEffect: "the schema is always in the registry", Doc: "A key of JsonConverter."})
}

// extJSONShared is what all converters of one factory share.
type extJSONShared struct {
	serde *registry.Serde
	json  *jsonShared

	mu    sync.Mutex // guards the field below
	known map[uint32]*reader
}

func newExtJSONShared(v *configs.Values, isKey bool) (*extJSONShared, configs.Problems) {
	serde, problems := registry.NewExtJSONSerde(v, isKey)
	if len(problems) > 0 {
		return nil, problems
	}
	json := newJSONShared(v)
	json.schemas = false
	return &extJSONShared{serde: serde, json: json, known: map[uint32]*reader{}}, nil
}

// extJSON is Apicurio's ExtJsonConverter: {"schemaId":ID,"payload":P}.
type extJSON struct {
	*extJSONShared
	registry.Caller
	plans map[jsonSchemaPlanKey]*extJSONPlan
	last  jsonSchemaPlanKey
	plan  *extJSONPlan
	read  map[uint32]*reader
	scan  scanner
	stack []records.Value
}

type extJSONPlan struct {
	head   []byte
	writer *writer
	until  time.Time // zero = for ever
}

func newExtJSON(s *extJSONShared) *extJSON {
	return &extJSON{extJSONShared: s, plans: map[jsonSchemaPlanKey]*extJSONPlan{}, read: map[uint32]*reader{}}
}

// Class implements Converter.
func (c *extJSON) Class() string { return ExtJSONClass }

// Append implements Converter.
func (c *extJSON) Append(dst []byte, topic string, b *records.Batch, schema *records.Schema, v records.Value) ([]byte, bool, error) {
	if schema == nil && v.IsNull() {
		return dst, true, nil
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
	dst, err := p.writer.root.append(append(dst, p.head...), b, v)
	if err != nil {
		return dst[:start], false, err
	}
	return append(dst, '}'), false, nil
}

func (c *extJSON) planOf(key jsonSchemaPlanKey) (*extJSONPlan, error) {
	if key.schema == nil {
		return nil, dataError("the record has no schema; use JsonConverter with schemas.enable=false for data without one")
	}
	p, ok := c.plans[key]
	if !ok || !p.until.IsZero() && time.Now().After(p.until) {
		text, err := c.json.appendSchema(nil, key.schema, "")
		if err != nil {
			return nil, err
		}
		subject, err := c.serde.Subject(key.topic, "")
		if err != nil {
			return nil, err
		}
		choice, err := c.serde.Choose(c.Context(), subject, registry.Schema{Text: string(rawPairs(text)), Format: registry.KConnect}, func(registry.Schema) error { return nil })
		if err != nil {
			return nil, err
		}
		w, err := c.json.compile(key.schema)
		if err != nil {
			return nil, err
		}
		head := append(strconv.AppendUint([]byte(extJSONHead), uint64(choice.ID), 10), extJSONPayload...)
		p = &extJSONPlan{head: head, writer: w, until: choice.Until}
		if len(c.plans) >= c.json.cacheSize {
			clear(c.plans)
		}
		c.plans[key] = p
	}
	c.last, c.plan = key, p
	return p, nil
}

// rawPairs writes characters beyond U+FFFF as they are: the registry gets the text of Jackson's
// JsonNode.toString, which does not escape them as Jackson's bytes do.
func rawPairs(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u`)) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		if text[i] != '\\' {
			out = append(out, text[i])
			i++
			continue
		}
		if len(text)-i >= 12 && text[i+1] == 'u' && text[i+6] == '\\' && text[i+7] == 'u' {
			high, ok1 := hex4(text[i+2:])
			low, ok2 := hex4(text[i+8:])
			if r := utf16.DecodeRune(high, low); ok1 && ok2 && r != utf8.RuneError {
				out = utf8.AppendRune(out, r)
				i += 12
				continue
			}
		}
		out = append(out, text[i:i+2]...) // an escape is never the last byte
		i += 2
	}
	return out
}

const extJSONText = `a message of ExtJsonConverter is an object with the members "schemaId" and "payload"`

// Decode implements Converter. Members may come in any order, others are passed over.
func (c *extJSON) Decode(topic string, data []byte, b *records.Batch) (*records.Schema, records.Value, error) {
	if data == nil {
		return nil, records.Null, nil
	}
	fail := func(err error) (*records.Schema, records.Value, error) {
		return nil, records.Null, &registry.Failure{Message: "Converting byte[] to Kafka Connect data failed due to serialization error of topic " + topic + ":", Cause: err}
	}
	s := &c.scan
	s.reset(data)
	d := decoder{scanner: s, b: b, nullDefault: c.json.nullDefault, stack: c.stack[:0]}
	defer func() { s.data, c.stack = nil, d.stack[:0] }()
	if s.next() != '{' {
		return fail(dataError(extJSONText))
	}
	if err := s.enter(); err != nil {
		return fail(err)
	}
	var r *reader
	var v records.Value
	payloadAt, read := -1, false
	for first := true; ; first = false {
		more, err := s.more(first, '}')
		if err != nil {
			return fail(err)
		}
		if !more {
			break
		}
		key, _, err := s.key()
		if err != nil {
			return fail(err)
		}
		switch string(key) {
		case "schemaId":
			if r, err = c.readerAt(topic, s); err != nil {
				return fail(err)
			}
			read = false // a payload that came before is read below
		case "payload":
			s.next()
			payloadAt = s.pos
			if read = r != nil; read {
				v, err = d.value(&r.root)
			} else {
				err = s.skip()
			}
			if err != nil {
				return nil, records.Null, within("payload", err)
			}
		default:
			if err := s.skip(); err != nil {
				return fail(err)
			}
		}
	}
	switch {
	case s.next() != 0:
		return fail(dataError("there is more behind the JSON value"))
	case r == nil || payloadAt < 0:
		return fail(dataError(extJSONText))
	case !read:
		s.pos, s.depth = payloadAt, 1
		var err error
		if v, err = d.value(&r.root); err != nil {
			return nil, records.Null, within("payload", err)
		}
	}
	return r.schema, v, nil
}

// readerAt reads an id and finds the plan for its schema.
func (c *extJSON) readerAt(topic string, s *scanner) (*reader, error) {
	if !isNumber(s.next()) {
		return nil, dataError(extJSONText)
	}
	n, err := s.number()
	if err != nil {
		return nil, err
	}
	long, ok := n.int64()
	if !ok || long < 0 || long > 1<<32-1 {
		return nil, dataError("the schema id is out of range")
	}
	id := uint32(long)
	r := c.read[id]
	if r == nil {
		if r, err = c.readerOf(c.Context(), id); err != nil {
			return nil, err
		}
		if len(c.read) >= c.json.cacheSize {
			clear(c.read)
		}
		c.read[id] = r
	}
	return r, nil
}

// readerOf makes the plan for reading a schema of the registry; one pointer for all lanes.
func (s *extJSONShared) readerOf(ctx context.Context, id uint32) (*reader, error) {
	s.mu.Lock()
	r := s.known[id]
	s.mu.Unlock()
	if r != nil {
		return r, nil
	}
	reg, err := s.serde.ByID(ctx, id, "")
	if err != nil {
		return nil, err
	}
	schema, err := newJSON(s.json).parseSchema([]byte(reg.Text))
	if err != nil {
		return nil, err
	}
	r = &reader{schema: schema, root: *anyPlace}
	if schema != nil {
		r.root = newPlace(schema)
	}
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
