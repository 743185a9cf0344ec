package avro

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// encOp is what an encoder writes.
type encOp uint8

const (
	encBool encOp = iota
	encInt        // also long: both are zigzag varints
	encFloat
	encDouble
	encBytes // strings too
	encRaw   // bytes without a length, for messages that are nothing else
	encFixed
	encEnum
	encArray
	encMap
	encEntries // maps whose keys are not strings
	encStruct
	encUnion
	encAny
)

// encoder writes values of one place of a Connect schema in the form of one Avro schema.
type encoder struct {
	op      encOp
	kind    records.Kind // the kind that a value must have
	hasHead bool         // the value is a branch of a union
	head    byte         // its number
	signed  bool         // a fixed decimal is filled up with its sign
	size    int          // of a fixed; of a struct's members
	onNull  []byte       // what a null is written as; nil refuses it
	parts   []encoder    // of a struct in Avro's order; of a union; elem or key and elem
	from    int          // the struct member that is written, -1 = always onNull
	name    string
	symbols map[string]int
	pairs   []pair // scratch of a map
	steps   []step // parts of a struct in short
}

// step is what most members of a struct need to know of their encoder, close together.
type step struct {
	from      int32
	op        encOp
	kind      records.Kind
	hasHead   bool
	head      byte
	shortNull bool // a null is one byte
	null      byte
}

// appendLong appends a zigzag varint.
func appendLong(dst []byte, n int64) []byte {
	u := uint64(n<<1) ^ uint64(n>>63)
	if u < 0x80 {
		return append(dst, byte(u))
	}
	if u < 0x4000 {
		return append(dst, byte(u)|0x80, byte(u>>7))
	}
	return binary.AppendUvarint(dst, u)
}

// append writes v. After an error dst has grown by some bytes.
func (e *encoder) append(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if v.Kind == records.KindNull && e.op != encAny {
		if e.onNull == nil {
			return dst, data("Found null value for non-optional schema")
		}
		return append(dst, e.onNull...), nil
	}
	if v.Kind != e.kind && e.op != encAny {
		return dst, e.mismatch(v)
	}
	if e.hasHead {
		dst = append(dst, e.head)
	}
	switch e.op {
	case encBool:
		return append(dst, byte(v.Num&1)), nil
	case encInt:
		return appendLong(dst, v.Int()), nil
	case encFloat:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.Float()))), nil
	case encDouble:
		return binary.LittleEndian.AppendUint64(dst, v.Num), nil
	case encBytes:
		dst = appendLong(dst, int64(v.N))
		return append(dst, b.Arena[v.Off:v.Off+v.N]...), nil
	case encRaw:
		return append(dst, b.Raw(v)...), nil
	case encFixed:
		return e.fixed(dst, b.Raw(v))
	case encEnum:
		i, ok := e.symbols[string(b.Raw(v))]
		if !ok {
			return dst, data("the value is not one of the symbols of enum " + e.name)
		}
		return appendLong(dst, int64(i)), nil
	case encStruct:
		return e.members(dst, b, v)
	case encArray:
		return e.list(dst, b, v, int(v.N), 1)
	case encMap:
		return e.mapOf(dst, b, v)
	case encEntries:
		return e.list(dst, b, v, int(v.N)*2, 2)
	case encUnion:
		return e.union(dst, b, v)
	}
	return appendAny(dst, b, v, 0)
}

func (e *encoder) members(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if int(v.N) != e.size {
		return dst, data("Mismatching struct schema")
	}
	vals := b.Vals[v.Off : v.Off+v.N]
	var err error
	for i := range e.steps {
		st := &e.steps[i]
		if st.from < 0 {
			dst = append(dst, e.parts[i].onNull...)
			continue
		}
		m := &vals[st.from]
		switch {
		case m.Kind == st.kind && st.op <= encBytes: // the commonest kinds, without a call
			if st.hasHead {
				dst = append(dst, st.head)
			}
		case m.Kind == records.KindNull && st.shortNull:
			dst = append(dst, st.null)
			continue
		default:
			if dst, err = e.parts[i].append(dst, b, *m); err != nil {
				return dst, within(e.parts[i].name, err)
			}
			continue
		}
		switch st.op {
		case encInt:
			if u := m.Num<<1 ^ uint64(int64(m.Num)>>63); u < 0x80 {
				dst = append(dst, byte(u))
			} else {
				dst = binary.AppendUvarint(dst, u)
			}
		case encBytes:
			if m.N < 0x40 {
				dst = append(dst, byte(m.N<<1))
			} else {
				dst = binary.AppendUvarint(dst, uint64(m.N)<<1)
			}
			dst = append(dst, b.Arena[m.Off:m.Off+m.N]...)
		case encDouble:
			dst = binary.LittleEndian.AppendUint64(dst, m.Num)
		case encFloat:
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(m.Float())))
		default:
			dst = append(dst, byte(m.Num&1))
		}
	}
	return dst, nil
}

// list writes one block of n/per elements and the end.
func (e *encoder) list(dst []byte, b *records.Batch, v records.Value, n, per int) ([]byte, error) {
	if n == 0 {
		return append(dst, 0), nil
	}
	dst = appendLong(dst, int64(n/per))
	var err error
	for i := 0; i < n; i++ {
		p := &e.parts[0]
		if per == 2 {
			p = &e.parts[i&1]
		}
		if dst, err = p.append(dst, b, b.Vals[int(v.Off)+i]); err != nil {
			return dst, within("["+strconv.Itoa(i/per)+"]", err)
		}
	}
	return append(dst, 0), nil
}

func (e *encoder) mapOf(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if v.N < 2 {
		return e.list(dst, b, v, int(v.N)*2, 2)
	}
	kv := b.Elems(v)
	for i := 0; i < len(kv); i += 2 {
		if kv[i].Kind != records.KindString {
			return dst, e.parts[0].mismatch(kv[i])
		}
	}
	e.pairs = javaOrder(e.pairs[:0], b, kv)
	dst = appendLong(dst, int64(len(e.pairs)))
	var err error
	for i := range e.pairs {
		if dst, err = e.parts[0].append(dst, b, e.pairs[i].key); err == nil {
			dst, err = e.parts[1].append(dst, b, e.pairs[i].value)
		}
		if err != nil {
			return dst, within("["+strconv.Itoa(i)+"]", err)
		}
	}
	return append(dst, 0), nil
}

// union writes the first member of a union's struct that is not null.
func (e *encoder) union(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if int(v.N) != e.size {
		return dst, data("Mismatching struct schema")
	}
	for i := range e.parts {
		p := &e.parts[i]
		if m := b.Vals[int(v.Off)+p.from]; m.Kind != records.KindNull {
			dst, err := p.append(dst, b, m)
			return dst, within(p.name, err)
		}
	}
	if e.onNull == nil {
		return dst, data("Found null value for non-optional schema")
	}
	return append(dst, e.onNull...), nil
}

func (e *encoder) fixed(dst, raw []byte) ([]byte, error) {
	if len(raw) > e.size || len(raw) < e.size && !e.signed {
		return dst, data("Unscaled value byte array length " + strconv.Itoa(len(raw)) + " does not fit fixed size " + strconv.Itoa(e.size))
	}
	fill := byte(0)
	if len(raw) > 0 && raw[0]&0x80 != 0 {
		fill = 0xFF
	}
	for range e.size - len(raw) {
		dst = append(dst, fill)
	}
	return append(dst, raw...), nil
}

func (e *encoder) mismatch(v records.Value) error {
	return data("Invalid type for " + kindName(e.kind) + ": " + kindName(v.Kind))
}

func kindName(k records.Kind) string {
	if int(k) < len(kindTypes) {
		return kindTypes[k]
	}
	return "another type"
}

var kindTypes = [...]string{"null", "INT8", "INT16", "INT32", "INT64", "FLOAT32", "FLOAT64", "BOOLEAN", "STRING", "BYTES", "ARRAY", "MAP", "STRUCT"}

var kindOf = [...]records.Kind{records.Int8: records.KindInt8, records.Int16: records.KindInt16, records.Int32: records.KindInt32,
	records.Int64: records.KindInt64, records.Float32: records.KindFloat32, records.Float64: records.KindFloat64, records.Boolean: records.KindBool,
	records.String: records.KindString, records.Bytes: records.KindBytes, records.Array: records.KindArray, records.Map: records.KindMap, records.Struct: records.KindStruct}

// appendAny writes a value without a schema as the record Anything.
func appendAny(dst []byte, b *records.Batch, v records.Value, depth int) ([]byte, error) {
	if depth > maxDepth {
		return dst, data("the value is nested too deeply")
	}
	at := anyFields
	switch v.Kind {
	case records.KindBool:
		at = anyBoolean
	case records.KindFloat64:
		at = anyDouble
	case records.KindFloat32:
		at = anyFloat
	case records.KindInt8, records.KindInt16, records.KindInt32:
		at = anyInt
	case records.KindInt64:
		at = anyLong
	case records.KindString:
		at = anyString
	case records.KindArray:
		at = anyArray
	case records.KindMap:
		at = anyMap
	case records.KindNull:
	default:
		return dst, data("Unknown Java type for schemaless data: " + kindName(v.Kind))
	}
	for i := range anyFields {
		if i != at {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, 2)
		var err error
		switch at {
		case anyBoolean:
			dst = append(dst, byte(v.Num&1))
		case anyDouble:
			dst = binary.LittleEndian.AppendUint64(dst, v.Num)
		case anyFloat:
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.Float())))
		case anyInt, anyLong:
			dst = appendLong(dst, v.Int())
		case anyString:
			dst = append(appendLong(dst, int64(v.N)), b.Raw(v)...)
		default:
			if v.N > 0 {
				dst = appendLong(dst, int64(v.N))
			}
			for _, m := range b.Elems(v) {
				if dst, err = appendAny(dst, b, m, depth+1); err != nil {
					return dst, err
				}
			}
			dst = append(dst, 0)
		}
	}
	return dst, nil
}
