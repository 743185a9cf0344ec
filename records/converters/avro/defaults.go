package avro

import (
	"encoding/binary"
	"math"
	"strconv"
)

// defaultBytes writes a field's default as Avro's binary form, for fields of the registry's
// schema that the data does not have.
func defaultBytes(s *schema, n *node) ([]byte, error) {
	if n == nil {
		return nil, data("the field is in the registry's schema without a default, and not in the data")
	}
	return appendDefault(nil, s, n)
}

func appendDefault(dst []byte, s *schema, n *node) ([]byte, error) {
	bad := data("the default in the registry's schema does not fit its type")
	switch s.kind {
	case kindNull:
		if n.kind != nullNode {
			return dst, bad
		}
		return dst, nil
	case kindBoolean:
		if n.kind != boolNode {
			return dst, bad
		}
		if n.bool {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case kindInt, kindLong:
		i, ok := n.int64()
		if !ok || s.kind == kindInt && i != int64(int32(i)) {
			return dst, bad
		}
		return appendLong(dst, i), nil
	case kindFloat, kindDouble:
		f, err := strconv.ParseFloat(n.text, 64)
		if n.kind != numberNode || err != nil {
			return dst, bad
		}
		if s.kind == kindFloat {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f))), nil
		}
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), nil
	case kindString:
		if n.kind != textNode {
			return dst, bad
		}
		return append(appendLong(dst, int64(len(n.text))), n.text...), nil
	case kindBytes, kindFixed:
		if n.kind != textNode {
			return dst, bad
		}
		var raw []byte
		for _, r := range n.text {
			if r > 0xFF {
				return dst, bad
			}
			raw = append(raw, byte(r))
		}
		if s.kind == kindFixed {
			if len(raw) != s.size {
				return dst, bad
			}
			return append(dst, raw...), nil
		}
		return append(appendLong(dst, int64(len(raw))), raw...), nil
	case kindEnum:
		for i, sym := range s.symbols {
			if n.kind == textNode && sym == n.text {
				return appendLong(dst, int64(i)), nil
			}
		}
		return dst, bad
	case kindUnion:
		for i, t := range s.types {
			if out, err := appendDefault(appendLong(dst, int64(i)), t, n); err == nil {
				return out, nil
			}
		}
		return dst, bad
	case kindArray, kindMap:
		return appendDefaultList(dst, s, n, bad)
	}
	if n.kind != objectNode {
		return dst, bad
	}
	for i := range s.fields {
		f := &s.fields[i]
		v := n.get(f.name)
		if v == nil {
			v = f.def
		}
		if v == nil {
			return dst, bad
		}
		var err error
		if dst, err = appendDefault(dst, f.schema, v); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func appendDefaultList(dst []byte, s *schema, n *node, bad error) ([]byte, error) {
	count := len(n.items)
	if s.kind == kindMap {
		count = len(n.members)
	}
	if s.kind == kindArray && n.kind != arrayNode || s.kind == kindMap && n.kind != objectNode {
		return dst, bad
	}
	if count == 0 {
		return append(dst, 0), nil
	}
	dst = appendLong(dst, int64(count))
	var err error
	for i := range count {
		v := n.items
		item := (*node)(nil)
		if s.kind == kindMap {
			name := n.members[i].name
			dst = append(appendLong(dst, int64(len(name))), name...)
			item = &n.members[i].value
		} else {
			item = &v[i]
		}
		if dst, err = appendDefault(dst, s.elem, item); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}
