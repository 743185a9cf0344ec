package converters

import (
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// jsonNode is a parsed piece of a schema; schemas are read once per lane, not per record.
type jsonNode struct {
	kind    byte // '{' '[' '"' 't' 'f' 'n' '0'
	text    string
	num     number
	raw     []byte
	members []jsonMember
}

type jsonMember struct {
	key string // "" in arrays
	jsonNode
}

func (n *jsonNode) get(key string) *jsonNode {
	for i := len(n.members) - 1; i >= 0; i-- { // of duplicates the last wins
		if n.kind == '{' && n.members[i].key == key {
			return &n.members[i].jsonNode
		}
	}
	return nil
}

func (s *scanner) text(raw []byte, escaped bool) (string, error) {
	if !escaped {
		return string(raw), nil
	}
	p, err := s.unescape(nil, raw)
	return string(p), err
}

func (s *scanner) node() (n jsonNode, err error) {
	c := s.next()
	start := s.pos
	defer func() {
		if err == nil {
			n.raw = s.data[start:s.pos]
		}
	}()
	n.kind = c
	switch {
	case c == '"':
		raw, escaped, err := s.str()
		if err != nil {
			return n, err
		}
		n.text, err = s.text(raw, escaped)
		return n, err
	case isNumber(c):
		n.kind = '0'
		n.num, err = s.number()
		return n, err
	case c == '{' || c == '[':
		if err := s.enter(); err != nil {
			return n, err
		}
		closing := c + 2 // ']' and '}' in ASCII
		for first := true; ; first = false {
			more, err := s.more(first, closing)
			if err != nil || !more {
				return n, err
			}
			var m jsonMember
			if c == '{' {
				raw, escaped, err := s.key()
				if err != nil {
					return n, err
				}
				if m.key, err = s.text(raw, escaped); err != nil {
					return n, err
				}
			}
			if m.jsonNode, err = s.node(); err != nil {
				return n, err
			}
			n.members = append(n.members, m)
		}
	}
	return n, s.skip()
}

var typesByText = func() map[string]records.Type {
	m := map[string]records.Type{}
	for t, text := range typeTexts {
		if text != "" {
			m[text] = records.Type(t)
		}
	}
	return m
}()

// parseSchema reads the value of an envelope's "schema" member; nil for null.
func (c *jsonConverter) parseSchema(raw []byte) (*records.Schema, error) {
	var s scanner
	s.reset(raw)
	n, err := s.node()
	if err != nil {
		return nil, err
	}
	return c.schemaOf(&n)
}

func (c *jsonConverter) schemaOf(n *jsonNode) (*records.Schema, error) {
	if n.kind == 'n' {
		return nil, nil
	}
	t := n.get("type")
	if t == nil || t.kind != '"' {
		return nil, dataError("Schema must contain 'type' field")
	}
	typ, ok := typesByText[t.text]
	if !ok {
		return nil, dataError("Unknown schema type: " + t.text)
	}
	s := &records.Schema{Type: typ}
	var err error
	switch typ {
	case records.Array:
		items := n.get("items")
		if items == nil || items.kind == 'n' {
			return nil, dataError("Array schema did not specify the element type")
		}
		if s.Elem, err = c.schemaOf(items); err != nil {
			return nil, err
		}
	case records.Map:
		keys, values := n.get("keys"), n.get("values")
		if keys == nil || keys.kind == 'n' {
			return nil, dataError("Map schema did not specify the key type")
		}
		if values == nil || values.kind == 'n' {
			return nil, dataError("Map schema did not specify the value type")
		}
		if s.Key, err = c.schemaOf(keys); err != nil {
			return nil, err
		}
		if s.Elem, err = c.schemaOf(values); err != nil {
			return nil, err
		}
	case records.Struct:
		fields := n.get("fields")
		if fields == nil || fields.kind != '[' {
			return nil, dataError(`Struct schema's "fields" argument is not an array.`)
		}
		for i := range fields.members {
			f := &fields.members[i].jsonNode
			name := f.get("field")
			if name == nil || name.kind != '"' {
				return nil, dataError("Struct schema's field name not specified properly")
			}
			if s.FieldIndex(name.text) >= 0 {
				return nil, &DataError{Message: "Cannot create field because of field name duplication " + name.text,
					class: "org.apache.kafka.connect.errors.SchemaBuilderException"}
			}
			sub, err := c.schemaOf(f)
			if err != nil {
				return nil, within(name.text, err)
			}
			s.Fields = append(s.Fields, records.Field{Name: name.text, Schema: sub})
		}
	}
	if o := n.get("optional"); o != nil {
		s.Optional = o.kind == 't'
	}
	if name := n.get("name"); name != nil && name.kind == '"' {
		s.Name = name.text
	}
	if v := n.get("version"); v != nil && v.kind == '0' && v.num.whole {
		i, _ := v.num.int64()
		s.Version = int(int32(i))
	}
	if doc := n.get("doc"); doc != nil && doc.kind == '"' {
		s.Doc = doc.text
	}
	if params := n.get("parameters"); params != nil && params.kind == '{' {
		for i := range params.members {
			m := &params.members[i]
			if m.kind != '"' {
				return nil, dataError("Schema parameters must have string values.")
			}
			s.Params = append(s.Params, records.Param{Key: m.key, Value: m.text})
		}
	}
	if s.IsDecimal() {
		text, _ := s.Param(records.ScaleParam)
		if _, err := strconv.Atoi(text); err != nil {
			return nil, dataError("Invalid Decimal schema: scale parameter not found.")
		}
	}
	if def := n.get("default"); def != nil {
		if s.Default, err = c.defaultOf(s, def); err != nil {
			return nil, within("default", err)
		}
	}
	return s, nil
}

// defaultOf converts a default through the reading of values.
func (c *jsonConverter) defaultOf(s *records.Schema, n *jsonNode) (any, error) {
	b := records.NewBatch(records.Origin{Table: "default"})
	defer b.Release()
	var sc scanner
	sc.reset(n.raw)
	d := decoder{scanner: &sc, b: b, nullDefault: c.nullDefault}
	p := newPlace(s)
	v, err := d.value(&p)
	if err != nil {
		return nil, err
	}
	return goDefault(b, v)
}

func goDefault(b *records.Batch, v records.Value) (any, error) {
	switch v.Kind {
	case records.KindNull:
		return nil, nil
	case records.KindInt8, records.KindInt16, records.KindInt32, records.KindInt64:
		return v.Int(), nil
	case records.KindFloat32, records.KindFloat64:
		return v.Float(), nil
	case records.KindBool:
		return v.Bool(), nil
	case records.KindString:
		return b.Str(v), nil
	case records.KindBytes:
		return append([]byte{}, b.Raw(v)...), nil
	case records.KindArray:
		list := make([]any, 0, v.N)
		for _, e := range b.Elems(v) {
			x, err := goDefault(b, e)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		return list, nil
	}
	return nil, dataError("a default of type " + kindName(v.Kind) + " is not supported")
}
