package converters

import (
	"bytes"

	"github.com/anabranch/anabranch/records"
)

// reader is the plan for reading one schema: its raw bytes, the schema made of them and the
// members of its structs by name.
type reader struct {
	raw    []byte
	schema *records.Schema
	root   place
}

// place is the plan for one place in the schema.
type place struct {
	schema  *records.Schema // nil: schemaless
	fields  []place         // Struct
	index   map[string]int  // Struct
	elem    *place          // Array, Map
	key     *place          // Map
	scale   int             // Decimal
	logical logical
}

type logical uint8

const (
	notLogical logical = iota
	decimalLogical
	int32Logical // Date and Time
	int64Logical // Timestamp
)

var anyPlace = &place{}

const envelopeText = `JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields.` +
	` If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.`

// Decode implements Converter.
func (c *jsonConverter) Decode(_ string, data []byte, b *records.Batch) (*records.Schema, records.Value, error) {
	if data == nil {
		return nil, records.Null, nil
	}
	s := &c.scan
	s.reset(data)
	d := decoder{scanner: s, b: b, nullDefault: c.nullDefault, stack: c.stack[:0]}
	defer func() { s.data, c.stack = nil, d.stack[:0] }()
	empty := s.next() == 0 && s.pos >= len(data)
	if !c.schemas {
		if empty {
			return nil, records.Null, nil // CW-321
		}
		first := data[s.pos]
		v, err := d.value(anyPlace)
		if err == nil && isNumber(first) && s.pos < len(data) && data[s.pos] > ' ' {
			// Jackson looks at one character behind a number, and at nothing behind what ends by itself.
			return nil, records.Null, s.syntax("Unexpected character (%q): Expected space separating root-level values", data[s.pos])
		}
		return nil, v, err
	}
	if empty {
		return nil, records.Null, dataError(envelopeText)
	}
	return c.envelope(&d)
}

// envelope reads {"schema":S,"payload":P}. The schema's bytes are nearly always those of
// the record before; comparing them is all that is done with them then (libraries.md, decision 6).
func (c *jsonConverter) envelope(d *decoder) (*records.Schema, records.Value, error) {
	s := d.scanner
	if s.next() != '{' {
		if err := s.skip(); err != nil {
			return nil, records.Null, err
		}
		return nil, records.Null, dataError(envelopeText)
	}
	if err := s.enter(); err != nil {
		return nil, records.Null, err
	}
	var r *reader
	var v records.Value
	payloadAt, hasSchema, hasValue, extra := -1, false, false, false
	var bad error // of schema or payload: the whole must be JSON, and an envelope, first
	for first := true; ; first = false {
		more, err := s.more(first, '}')
		if err != nil {
			return nil, records.Null, err
		}
		if !more {
			break
		}
		key, _, err := s.key()
		if err != nil {
			return nil, records.Null, err
		}
		switch string(key) {
		case "schema":
			hasSchema = true
			start := s.pos
			if r, err = c.schemaAt(s); err != nil {
				bad, r = err, nil
				s.pos, s.depth = start, 1
				if err := s.skip(); err != nil {
					return nil, records.Null, err
				}
			}
			hasValue = false // the payload, if it came first, is read below
		case "payload":
			s.next()
			payloadAt = s.pos
			if r != nil && !hasValue && bad == nil {
				if v, err = d.value(&r.root); err == nil {
					hasValue = true
					continue
				}
				bad = within("payload", err)
				s.pos, s.depth = payloadAt, 1
			}
			hasValue = false
			if err := s.skip(); err != nil {
				return nil, records.Null, err
			}
		default:
			extra = true
			if err := s.skip(); err != nil {
				return nil, records.Null, err
			}
		}
	}
	switch {
	case !hasSchema || payloadAt < 0 || extra:
		return nil, records.Null, dataError(envelopeText)
	case bad != nil:
		return nil, records.Null, bad
	}
	if !hasValue {
		s.pos, s.depth = payloadAt, 1
		var err error
		if v, err = d.value(&r.root); err != nil {
			return nil, records.Null, within("payload", err)
		}
	}
	return r.schema, v, nil
}

// schemaAt returns the plan for the schema at the scanner's position and moves behind it.
func (c *jsonConverter) schemaAt(s *scanner) (*reader, error) {
	first := s.next()
	// A complete object that is a prefix of the bytes here is the value here.
	if r := c.lastReader; r != nil && first == '{' && bytes.HasPrefix(s.data[s.pos:], r.raw) {
		s.pos += len(r.raw)
		return r, nil
	}
	start := s.pos
	if err := s.skip(); err != nil {
		return nil, err
	}
	raw := s.data[start:s.pos]
	c.mu.Lock()
	r := c.known[string(raw)]
	c.mu.Unlock()
	if r == nil {
		schema, err := c.parseSchema(raw)
		if err != nil {
			return nil, err
		}
		r = &reader{raw: append([]byte(nil), raw...), schema: schema, root: *anyPlace}
		if schema != nil {
			r.root = newPlace(schema)
		}
		c.mu.Lock()
		if other := c.known[string(raw)]; other != nil {
			r = other // another lane was quicker: one pointer for all
		} else {
			if len(c.known) >= c.cacheSize {
				clear(c.known)
			}
			c.known[string(raw)] = r
		}
		c.mu.Unlock()
	}
	if first == '{' {
		c.lastReader = r
	}
	return r, nil
}

func newPlace(s *records.Schema) place {
	p := place{schema: s}
	switch s.Type {
	case records.Struct:
		p.fields = make([]place, len(s.Fields))
		p.index = make(map[string]int, len(s.Fields))
		for i := range s.Fields {
			p.fields[i] = newPlace(s.Fields[i].Schema)
			p.index[s.Fields[i].Name] = i
		}
	case records.Array, records.Map:
		elem := newPlace(s.Elem)
		p.elem = &elem
		if s.Type == records.Map {
			key := newPlace(s.Key)
			p.key = &key
		}
	case records.Bytes:
		if s.IsDecimal() {
			p.logical, p.scale = decimalLogical, decimalScale(s)
		}
	case records.Int32:
		if s.Name == records.DateName || s.Name == records.TimeName {
			p.logical = int32Logical
		}
	case records.Int64:
		if s.Name == records.TimestampName {
			p.logical = int64Logical
		}
	}
	return p
}
