package converters

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// writer is the plan for values of one schema.
type writer struct {
	head []byte // `{"schema":…,"payload":`, empty without schemas
	root node
}

type op uint8

const (
	opAny op = iota // schemaless: the kind decides
	opInt
	opBool
	opString
	opBytes
	opFloat32
	opFloat64
	opDecimalText
	opStruct
	opArray
	opMapObject
	opMapPairs
	opMapEntries // as opMapPairs, with members key and value
)

// node is the plan for one place in the schema.
type node struct {
	op     op
	kind   records.Kind // of values that fit
	scale  int          // opDecimalText
	null   []byte       // what a null becomes: the default's text, "null", or nil for an error
	fields []fieldNode  // opStruct
	elem   *node        // opArray, opMap*
	key    *node        // opMapPairs, opMapEntries
}

type fieldNode struct {
	prefix []byte // `{"name":` for the first field, `,"name":` for the others
	node
	name string
}

var (
	nullText   = []byte("null")
	kindOfType = [...]records.Kind{records.Int8: records.KindInt8, records.Int16: records.KindInt16,
		records.Int32: records.KindInt32, records.Int64: records.KindInt64, records.Float32: records.KindFloat32,
		records.Float64: records.KindFloat64, records.Boolean: records.KindBool, records.String: records.KindString,
		records.Bytes: records.KindBytes, records.Array: records.KindArray, records.Map: records.KindMap,
		records.Struct: records.KindStruct}
	opOfType = [...]op{records.Int8: opInt, records.Int16: opInt, records.Int32: opInt, records.Int64: opInt,
		records.Float32: opFloat32, records.Float64: opFloat64, records.Boolean: opBool, records.String: opString,
		records.Bytes: opBytes, records.Array: opArray, records.Map: opMapObject, records.Struct: opStruct}
	anyNode = &node{op: opAny, null: nullText}
)

func (s *jsonShared) compile(schema *records.Schema) (*writer, error) {
	w := &writer{root: *anyNode}
	if schema != nil {
		n, err := s.node(schema)
		if err != nil {
			return nil, err
		}
		w.root = n
	}
	if s.schemas {
		w.head = append(w.head, `{"schema":`...)
		var err error
		if w.head, err = s.appendSchema(w.head, schema, ""); err != nil {
			return nil, err
		}
		w.head = append(w.head, `,"payload":`...)
	}
	return w, nil
}

func (s *jsonShared) node(schema *records.Schema) (node, error) {
	if int(schema.Type) >= len(kindOfType) || schema.Type == records.Invalid {
		return node{}, dataError("Couldn't translate unsupported schema type " + schema.Type.String() + ".")
	}
	n := node{op: opOfType[schema.Type], kind: kindOfType[schema.Type]}
	switch schema.Type {
	case records.Bytes:
		if s.numeric && schema.IsDecimal() {
			text, _ := schema.Param(records.ScaleParam)
			scale, err := strconv.Atoi(text)
			if err != nil {
				return n, dataError("Invalid Decimal schema: scale parameter not found.")
			}
			n.op, n.scale = opDecimalText, scale
		}
	case records.Struct:
		n.fields = make([]fieldNode, len(schema.Fields))
		for i := range schema.Fields {
			f := &schema.Fields[i]
			sub, err := s.node(f.Schema)
			if err != nil {
				return n, within(f.Name, err)
			}
			prefix := []byte{','}
			if i == 0 {
				prefix[0] = '{'
			}
			prefix = append(records.AppendJSONString(prefix, f.Name), ':')
			n.fields[i] = fieldNode{prefix: prefix, node: sub, name: f.Name}
		}
	case records.Array, records.Map:
		elem, err := s.optionalNode(schema.Elem)
		if err != nil {
			return n, err
		}
		n.elem = elem
		if schema.Type == records.Map && (schema.Key == nil || schema.Key.Type != records.String) {
			n.op = opMapPairs
			if s.entries {
				n.op = opMapEntries
			}
			if n.key, err = s.optionalNode(schema.Key); err != nil {
				return n, err
			}
		}
	}
	switch {
	case schema.Default != nil && s.nullDefault:
		text, err := n.defaultText(schema)
		if err != nil {
			return n, err
		}
		n.null = text
	case schema.Optional:
		n.null = nullText
	}
	return n, nil
}

// optionalNode plans elements; lists that were read from headers may have no element schema.
func (s *jsonShared) optionalNode(schema *records.Schema) (*node, error) {
	if schema == nil {
		return anyNode, nil
	}
	n, err := s.node(schema)
	return &n, err
}

func (n *node) defaultText(schema *records.Schema) ([]byte, error) {
	b := records.NewBatch(records.Origin{Table: "default"})
	defer b.Release()
	v := b.DefaultValue(schema)
	if v.IsNull() {
		return nil, dataError("default value of a " + schema.Type.String() + " schema cannot be written")
	}
	return n.append(nil, b, v)
}

// append writes one value. It does not allocate except for dst's growth and for errors.
func (n *node) append(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if v.Kind == records.KindNull {
		if n.null == nil {
			return dst, dataError("Conversion error: null value for field that is required and has no default value")
		}
		return append(dst, n.null...), nil
	}
	if v.Kind != n.kind && n.op != opAny {
		return dst, n.mismatch(v)
	}
	switch n.op {
	case opInt:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case opString:
		return records.AppendJSONString(dst, b.Raw(v)), nil
	case opBool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case opBytes:
		return appendBase64(dst, b.Raw(v)), nil
	case opFloat64:
		return appendJSONFloat(dst, v.Float(), 64), nil
	case opFloat32:
		return appendJSONFloat(dst, v.Float(), 32), nil
	case opDecimalText:
		return records.AppendDecimal(dst, b.Raw(v), n.scale), nil
	case opStruct:
		return n.appendStruct(dst, b, v)
	case opArray:
		return n.appendArray(dst, b, v)
	case opMapObject, opMapPairs, opMapEntries:
		return n.appendMap(dst, b, v)
	default:
		return appendAny(dst, b, v)
	}
}

func (n *node) appendStruct(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if int(v.N) != len(n.fields) {
		return dst, dataError("Mismatching schema.")
	}
	if v.N == 0 {
		return append(dst, '{', '}'), nil
	}
	vals := b.Vals[v.Off : v.Off+v.N]
	var err error
	for i := range n.fields {
		f := &n.fields[i]
		dst = append(dst, f.prefix...)
		val := vals[i]
		// The two most frequent cases without a call.
		switch {
		case val.Kind == records.KindNull && f.null != nil:
			dst = append(dst, f.null...)
		case f.op == opInt && val.Kind == f.kind:
			dst = strconv.AppendInt(dst, val.Int(), 10)
		default:
			if dst, err = f.node.append(dst, b, val); err != nil {
				return dst, within(f.name, err)
			}
		}
	}
	return append(dst, '}'), nil
}

func (n *node) appendArray(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	dst = append(dst, '[')
	var err error
	for i, e := range b.Elems(v) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = n.elem.append(dst, b, e); err != nil {
			return dst, within("["+strconv.Itoa(i)+"]", err)
		}
	}
	return append(dst, ']'), nil
}

func (n *node) appendMap(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	kv := b.Elems(v)
	var err error
	if n.op != opMapObject {
		open, between, end := "[", ",", "]"
		if n.op == opMapEntries {
			open, between, end = `{"key":`, `,"value":`, "}"
		}
		dst = append(dst, '[')
		for i := 0; i < len(kv); i += 2 {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, open...)
			if dst, err = n.key.append(dst, b, kv[i]); err != nil {
				return dst, within("key", err)
			}
			dst = append(dst, between...)
			if dst, err = n.elem.append(dst, b, kv[i+1]); err != nil {
				return dst, within("value", err)
			}
			dst = append(dst, end...)
		}
		return append(dst, ']'), nil
	}
	dst = append(dst, '{')
	for i := 0; i < len(kv); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch kv[i].Kind {
		case records.KindString:
			dst = records.AppendJSONString(dst, b.Raw(kv[i]))
		case records.KindNull:
			dst = append(dst, `"null"`...)
		default:
			return dst, within("key", dataError("Invalid type for STRING: "+kindName(kv[i].Kind)))
		}
		dst = append(dst, ':')
		if dst, err = n.elem.append(dst, b, kv[i+1]); err != nil {
			return dst, within("value", err)
		}
	}
	return append(dst, '}'), nil
}

// appendAny writes a schemaless value.
func appendAny(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	switch v.Kind {
	case records.KindNull:
		return append(dst, "null"...), nil
	case records.KindInt8, records.KindInt16, records.KindInt32, records.KindInt64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case records.KindFloat32:
		return appendJSONFloat(dst, v.Float(), 32), nil
	case records.KindFloat64:
		return appendJSONFloat(dst, v.Float(), 64), nil
	case records.KindBool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case records.KindString:
		return records.AppendJSONString(dst, b.Raw(v)), nil
	case records.KindBytes:
		return appendBase64(dst, b.Raw(v)), nil
	case records.KindArray:
		n := node{op: opArray, elem: anyNode}
		return n.appendArray(dst, b, v)
	case records.KindMap:
		n := node{op: opMapObject, elem: anyNode, key: anyNode}
		kv := b.Elems(v)
		for i := 0; i < len(kv); i += 2 {
			if kv[i].Kind != records.KindString {
				n.op = opMapPairs
			}
		}
		return n.appendMap(dst, b, v)
	}
	if v.Kind == records.KindDate {
		return dst, dataError("Java class class java.util.Date does not have corresponding schema type.")
	}
	return dst, dataError("a " + kindName(v.Kind) + " without a schema cannot be written")
}

func (n *node) mismatch(v records.Value) error {
	want := "unknown schema"
	for t, k := range kindOfType {
		if k == n.kind && t != 0 {
			want = records.Type(t).String()
		}
	}
	return dataError("Invalid type for " + want + ": " + kindName(v.Kind))
}

var kindNames = [...]string{"NULL", "INT8", "INT16", "INT32", "INT64", "FLOAT32", "FLOAT64", "BOOLEAN",
	"STRING", "BYTES", "ARRAY", "MAP", "STRUCT", "java.util.Date"}

func kindName(k records.Kind) string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", k)
}

// appendJSONFloat quotes what JSON numbers cannot say, as Jackson does.
func appendJSONFloat(dst []byte, f float64, size int) []byte {
	if f-f != 0 {
		dst = append(dst, '"')
		return append(records.AppendFloat(dst, f, size), '"')
	}
	return records.AppendFloat(dst, f, size)
}

func appendBase64(dst, p []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, p)
	return append(dst, '"')
}
