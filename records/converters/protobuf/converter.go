package protobuf

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/registry"
)

// Converter is Confluent's ProtobufConverter. It is not safe for concurrent use.
type Converter struct {
	*shared
	registry.Caller
	plans map[planKey]*writing
	last  planKey
	plan  *writing
	read  map[uint32]*file
}

type planKey struct {
	schema *records.Schema
	topic  string
}

// writing is how values of one Connect schema are written to one topic.
type writing struct {
	head  []byte // id and place of the message
	plan  *structPlan
	until time.Time // zero = for ever
}

// Class is the Java class name.
func (c *Converter) Class() string { return Class }

// Append appends the message of v; see converters.Converter.
func (c *Converter) Append(dst []byte, topic string, b *records.Batch, schema *records.Schema, v records.Value) ([]byte, bool, error) {
	if v.IsNull() {
		return dst, true, nil
	}
	p := c.plan
	if key := (planKey{schema, topic}); p == nil || key != c.last || !p.until.IsZero() && time.Now().After(p.until) {
		var err error
		if p, err = c.planOf(key); err != nil {
			return dst, false, &registry.Failure{Message: "Failed to serialize Protobuf data from topic " + topic + " :", Cause: err}
		}
	}
	start := len(dst)
	out, err := p.plan.append(append(dst, p.head...), b, v)
	if err != nil {
		return dst[:start], false, err
	}
	return out, false, nil
}

func (c *Converter) planOf(key planKey) (*writing, error) {
	p, ok := c.plans[key]
	if !ok || !p.until.IsZero() && time.Now().After(p.until) {
		text, name, plan, err := c.fromConnect(key.schema)
		if err != nil {
			return nil, err
		}
		subject, err := c.serde.Subject(key.topic, name)
		if err != nil {
			return nil, err
		}
		own := registry.Schema{Text: text, Format: registry.Protobuf}
		choice, err := c.serde.Choose(c.Context(), subject, own, func(registry.Schema) error { return nil })
		if err != nil {
			return nil, err
		}
		if choice.Other != nil && choice.Other.Text != text {
			// Fields are found by their numbers, which the other schema may give to others.
			return nil, data("the registry's schema %d differs from what is written; Protobuf is written with its own schema only: set auto.register.schemas=true, or make the schemas equal", choice.ID)
		}
		// One message at the root: its indexes [0] are written as a single 0 (CW-337).
		p = &writing{head: append(registry.AppendHeader(nil, choice.ID), 0), plan: plan, until: choice.Until}
		if len(c.plans) >= c.cacheSize {
			clear(c.plans)
		}
		c.plans[key] = p
	}
	c.last, c.plan = key, p
	return p, nil
}

// Decode reads a message; see converters.Converter.
func (c *Converter) Decode(topic string, in []byte, b *records.Batch) (*records.Schema, records.Value, error) {
	if in == nil {
		return nil, records.Null, nil
	}
	fail := func(err error) (*records.Schema, records.Value, error) {
		return nil, records.Null, &registry.Failure{Message: "Failed to deserialize data for topic " + topic + " to Protobuf:", Cause: err}
	}
	id, payload, err := registry.SplitHeader(in)
	if err != nil {
		return fail(err)
	}
	f := c.read[id]
	if f == nil {
		if f, err = c.fileOf(c.Context(), topic, id); err != nil {
			return fail(err)
		}
		if len(c.read) >= c.cacheSize {
			clear(c.read)
		}
		c.read[id] = f
	}
	size, indexes, err := splitIndexes(payload)
	if err != nil {
		return fail(err)
	}
	r := f.known(payload[:size])
	if r == nil {
		if r, err = c.readingOf(f, payload[:size], indexes); err != nil {
			return fail(err)
		}
	}
	v, err := r.plan.read(b, payload[size:], 0)
	if err != nil {
		return fail(err)
	}
	return r.schema, v, nil
}

// maxIndexes bounds how deep a message may stand in its schema.
const maxIndexes = 64

// splitIndexes reads the place of the message in its schema and how many bytes that took.
func splitIndexes(in []byte) (size int, indexes []int, err error) {
	count, n := binary.Varint(in)
	if n <= 0 || count < 0 || count > maxIndexes {
		return 0, nil, data("the place of the message in its schema is damaged")
	}
	size = n
	if count == 0 {
		return size, []int{0}, nil
	}
	for range count {
		i, n := binary.Varint(in[size:])
		if n <= 0 || i < 0 || i > 1<<20 {
			return 0, nil, data("the place of the message in its schema is damaged")
		}
		indexes = append(indexes, int(i))
		size += n
	}
	return size, indexes, nil
}

// fileOf compiles a schema of the registry; one for all lanes.
func (s *shared) fileOf(ctx context.Context, topic string, id uint32) (*file, error) {
	s.mu.Lock()
	f := s.known[id]
	s.mu.Unlock()
	if f != nil {
		return f, nil
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
	if reg.Format != registry.Protobuf {
		return nil, data("schema %d of the registry is of type %s, not PROTOBUF; choose the converter of that type", id, reg.Format)
	}
	refs, err := s.serde.References(ctx, reg)
	if err != nil {
		return nil, err
	}
	if f, err = compile(&s.options, reg, refs); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.known[id]; other != nil {
		return other, nil
	}
	if len(s.known) >= s.cacheSize {
		clear(s.known)
	}
	s.known[id] = f
	return f, nil
}

// readingOf plans one message of a file.
func (s *shared) readingOf(f *file, place []byte, indexes []int) (*reading, error) {
	r, err := f.at(indexes)
	if err != nil {
		return nil, err
	}
	return f.keep(place, r), nil
}
