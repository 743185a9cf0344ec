package avro

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/registry"
)

// shared is what all converters of one factory share.
type shared struct {
	options
	class  string
	serde  *registry.Serde
	unions *atomic.Int64
	// Apicurio's converter registers the schema of the data, not the union with null around it,
	// writes bytes with their length, and looks up no versions.
	apicurio bool
	longIDs  bool

	mu    sync.Mutex // guards the field below
	known map[readKey]*reading
}

// readKey is a schema id, and the subject that gives the schema its version.
type readKey struct {
	subject string
	id      uint32
}

// reading is how messages of one schema id are read.
type reading struct {
	schema *records.Schema
	dec    *decoder
	raw    bool // the message is the bytes, without a length
}

// planKey is a Connect schema and where its Avro schema is registered: the id of one and the
// same schema may differ between subjects in registries with contexts.
type planKey struct {
	schema *records.Schema
	topic  string
}

// writing is how values of one Connect schema are written to one topic.
type writing struct {
	enc    *encoder
	header []byte
	until  time.Time // zero = for ever
}

// Converter is Confluent's AvroConverter (CW-334 to CW-348). It is not safe for concurrent use.
type Converter struct {
	*shared
	registry.Caller
	// Writing: plans by schema pointer and topic, the last one at hand.
	lastSchema *records.Schema
	lastTopic  string
	lastPlan   *writing
	plans      map[planKey]*writing
	// Reading.
	lastKey                readKey
	lastRead               *reading
	readTopic, readSubject string
	in                     input
}

// Class is the Java class name.
func (c *Converter) Class() string { return c.class }

// Append appends the message of v; see converters.Converter.
func (c *Converter) Append(dst []byte, topic string, b *records.Batch, schema *records.Schema, v records.Value) ([]byte, bool, error) {
	if v.Kind == records.KindNull {
		if schema != nil && !schema.Optional {
			return dst, false, data("Found null value for non-optional schema")
		}
		return dst, true, nil
	}
	p := c.lastPlan
	if p == nil || schema != c.lastSchema || topic != c.lastTopic || !p.until.IsZero() {
		var err error
		if p, err = c.plan(topic, schema); err != nil {
			return dst, false, err
		}
	}
	start := len(dst)
	dst = append(dst, p.header...)
	dst, err := p.enc.append(dst, b, v)
	if err != nil {
		return dst[:start], false, err
	}
	return dst, false, nil
}

func (c *Converter) plan(topic string, s *records.Schema) (*writing, error) {
	key := planKey{s, topic}
	p, ok := c.plans[key]
	if !ok || !p.until.IsZero() && time.Now().After(p.until) {
		var err error
		if p, err = c.write(topic, s); err != nil {
			return nil, err
		}
		if len(c.plans) >= c.schemasCacheSize {
			clear(c.plans)
		}
		c.plans[key] = p
	}
	c.lastSchema, c.lastTopic, c.lastPlan = s, topic, p
	return p, nil
}

// write makes the Avro schema, finds its id and plans the encoding.
func (c *Converter) write(topic string, s *records.Schema) (*writing, error) {
	own, err := c.fromConnect(s)
	if err != nil {
		return nil, err
	}
	if _, inner, ok := own.nullBranch(); ok && c.apicurio && inner.kind == kindRecord {
		own = inner
	}
	text, err := own.text()
	if err != nil {
		return nil, err
	}
	record := ""
	if own.kind == kindRecord {
		record = own.fullName()
	}
	fail := func(err error) error {
		return &registry.Failure{Message: "Failed to serialize Avro data from topic " + topic + " :", Cause: err}
	}
	subject, err := c.serde.Subject(topic, record)
	if err != nil {
		return nil, fail(err)
	}
	ctx := c.Context()
	var target *schema
	choice, err := c.serde.Choose(ctx, subject, registry.Schema{Text: text, Format: registry.Avro}, func(other registry.Schema) error {
		if target, err = c.parse(ctx, other); err != nil {
			return err
		}
		return readable(own, target)
	})
	if err != nil {
		return nil, fail(err)
	}
	if target = own; choice.Other != nil {
		if target, err = c.parse(ctx, *choice.Other); err != nil {
			return nil, fail(err)
		}
	}
	enc, err := c.encoderOf(s, target)
	if err != nil {
		return nil, err
	}
	w := &writing{enc: enc, until: choice.Until}
	if c.longIDs {
		w.header = registry.AppendLongHeader(nil, choice.ID)
	} else {
		w.header = registry.AppendHeader(nil, choice.ID)
	}
	if c.apicurio && enc.op == encRaw {
		enc.op = encBytes
	}
	return w, nil
}

func (c *Converter) parse(ctx context.Context, s registry.Schema) (*schema, error) {
	refs, err := c.serde.References(ctx, s)
	if err != nil {
		return nil, err
	}
	if s.Format != registry.Avro {
		return nil, data("the schema is of type " + string(s.Format) + ", not AVRO")
	}
	return parse(s.Text, refs...)
}

// Decode adds the value of a message to b; see converters.Converter.
func (c *Converter) Decode(topic string, msg []byte, b *records.Batch) (*records.Schema, records.Value, error) {
	if msg == nil {
		return nil, records.Null, nil
	}
	split := registry.SplitHeader
	if c.longIDs {
		split = registry.SplitLongHeader
	}
	id, payload, err := split(msg)
	if err != nil {
		return nil, records.Null, c.unreadable(topic, err)
	}
	key := readKey{c.subjectOf(topic), id}
	r := c.lastRead
	if r == nil || key != c.lastKey {
		if r, err = c.reading(key, topic); err != nil {
			return nil, records.Null, err
		}
		c.lastKey, c.lastRead = key, r
	}
	if r.raw {
		return r.schema, b.AddBytes(payload), nil
	}
	in := &c.in
	*in = input{data: payload, b: b, stack: in.stack[:0], pairs: in.pairs, maxVals: len(b.Vals) + len(payload)*valuesPerByte + freeValues}
	v, err := in.value(r.dec)
	in.data, in.b = nil, nil
	if err != nil {
		return nil, records.Null, c.unreadable(topic, err)
	}
	return r.schema, v, nil
}

// subjectOf is the subject of a topic's messages; "" if it depends on the message.
func (c *Converter) subjectOf(topic string) string {
	if c.serde.Settings().Strategy.NeedsRecord() {
		return ""
	}
	if c.readTopic != topic || c.readSubject == "" {
		c.readTopic = topic
		c.readSubject, _ = c.serde.Subject(topic, "")
	}
	return c.readSubject
}

func (c *Converter) unreadable(topic string, err error) error {
	return &registry.Failure{Message: "Failed to deserialize data for topic " + topic + " to Avro:", Cause: err}
}

// reading finds the schema of an id. All converters of the factory get the same pointer.
func (c *Converter) reading(key readKey, topic string) (*reading, error) {
	c.mu.Lock()
	r, ok := c.known[key]
	c.mu.Unlock()
	if ok {
		return r, nil
	}
	r, err := c.read(key, topic)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.known[key]; ok {
		return first, nil
	}
	if len(c.known) >= c.schemasCacheSize {
		clear(c.known)
	}
	c.known[key] = r
	return r, nil
}

func (c *Converter) read(key readKey, topic string) (*reading, error) {
	ctx := c.Context()
	registered, err := c.serde.ByID(ctx, key.id, key.subject)
	if err != nil {
		return nil, c.unreadable(topic, err)
	}
	s, err := c.parse(ctx, registered)
	if err != nil {
		return nil, c.unreadable(topic, err)
	}
	subject := key.subject
	if subject == "" {
		record := ""
		if s.kind == kindRecord {
			record = s.fullName()
		}
		if subject, err = c.serde.Subject(topic, record); err != nil {
			return nil, c.unreadable(topic, err)
		}
	}
	// A schema without connect.version gets the version that it has in the registry.
	version := 0
	if !c.apicurio && s.prop(propVersion) == nil && !isAnything(s) {
		if version, err = c.serde.VersionOf(ctx, subject, key.id, registered); err != nil {
			return nil, c.unreadable(topic, err)
		}
	}
	to, err := c.toConnect(s, version, c.unions)
	if err != nil {
		return nil, err
	}
	dec, err := c.decoderOf(s, to)
	return &reading{schema: to, dec: dec, raw: s.kind == kindBytes && !c.apicurio}, err
}
