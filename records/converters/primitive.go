package converters

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/anabranch/anabranch/records"
)

var optionalBytes = &records.Schema{Type: records.Bytes, Optional: true}

// byteArrayConverter passes bytes through (CW-324).
type byteArrayConverter struct{}

func (byteArrayConverter) Class() string { return ByteArrayClass }

func (byteArrayConverter) Append(dst []byte, _ string, b *records.Batch, s *records.Schema, v records.Value) ([]byte, bool, error) {
	if s != nil && s.Type != records.Bytes {
		return dst, false, dataError("Invalid schema type for ByteArrayConverter: " + s.Type.String())
	}
	if v.IsNull() {
		return dst, true, nil
	}
	if class := records.JavaClass(s, v); class != "[B" {
		return dst, false, dataError("ByteArrayConverter is not compatible with objects of type class " + class)
	}
	return append(dst, b.Raw(v)...), false, nil
}

func (byteArrayConverter) Decode(_ string, data []byte, b *records.Batch) (*records.Schema, records.Value, error) {
	if data == nil {
		return optionalBytes, records.Null, nil
	}
	return optionalBytes, b.AddBytes(data), nil
}

// primitive is one of the number converters or the boolean one: big-endian bytes of a fixed
// length (CW-325, CW-326).
type primitive struct {
	class  string
	name   string // as in Connect's messages
	schema *records.Schema
	kind   records.Kind
	size   int
}

var primitives = map[string]*primitive{
	ShortClass:   {ShortClass, "short", &records.Schema{Type: records.Int16, Optional: true}, records.KindInt16, 2},
	IntegerClass: {IntegerClass, "integer", &records.Schema{Type: records.Int32, Optional: true}, records.KindInt32, 4},
	LongClass:    {LongClass, "long", &records.Schema{Type: records.Int64, Optional: true}, records.KindInt64, 8},
	FloatClass:   {FloatClass, "float", &records.Schema{Type: records.Float32, Optional: true}, records.KindFloat32, 4},
	DoubleClass:  {DoubleClass, "double", &records.Schema{Type: records.Float64, Optional: true}, records.KindFloat64, 8},
	BooleanClass: {BooleanClass, "boolean", &records.Schema{Type: records.Boolean, Optional: true}, records.KindBool, 1},
}

func (p *primitive) Class() string { return p.class }

func (p *primitive) Append(dst []byte, _ string, b *records.Batch, s *records.Schema, v records.Value) ([]byte, bool, error) {
	if p.kind == records.KindBool && s != nil && s.Type != records.Boolean {
		return dst, false, dataError("Invalid schema type for BooleanConverter: " + s.Type.String())
	}
	if v.IsNull() {
		return dst, true, nil
	}
	if _, date := logicalTime(s, v); v.Kind != p.kind || date {
		return dst, false, dataError("Failed to serialize to " + p.name + " (was class " + records.JavaClass(s, v) + "): ")
	}
	switch p.kind {
	case records.KindInt16:
		dst = binary.BigEndian.AppendUint16(dst, uint16(v.Int()))
	case records.KindInt32:
		dst = binary.BigEndian.AppendUint32(dst, uint32(v.Int()))
	case records.KindInt64:
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.Int()))
	case records.KindFloat32:
		dst = binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(v.Float())))
	case records.KindFloat64:
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(v.Float()))
	default:
		dst = append(dst, byte(v.Num))
	}
	return dst, false, nil
}

func (p *primitive) Decode(_ string, data []byte, b *records.Batch) (*records.Schema, records.Value, error) {
	if data == nil {
		return p.schema, records.Null, nil
	}
	if len(data) != p.size {
		return nil, records.Null, &DataError{Message: "Failed to deserialize " + p.name + ": ",
			Cause: &DataError{Message: fmt.Sprintf("Size of data received by deserializer is not %d but %d", p.size, len(data)), class: serializationExceptionClass}}
	}
	var v records.Value
	switch p.kind {
	case records.KindInt16:
		v = records.Int16Value(int16(binary.BigEndian.Uint16(data)))
	case records.KindInt32:
		v = records.Int32Value(int32(binary.BigEndian.Uint32(data)))
	case records.KindInt64:
		v = records.Int64Value(int64(binary.BigEndian.Uint64(data)))
	case records.KindFloat32:
		v = records.Float32Value(math.Float32frombits(binary.BigEndian.Uint32(data)))
	case records.KindFloat64:
		v = records.Float64Value(math.Float64frombits(binary.BigEndian.Uint64(data)))
	default:
		if data[0] > 1 {
			return nil, records.Null, &DataError{Message: "Failed to deserialize boolean: ",
				Cause: &DataError{Message: "unexpected byte in boolean", class: serializationExceptionClass}}
		}
		v = records.BoolValue(data[0] == 1)
	}
	return p.schema, v, nil
}
