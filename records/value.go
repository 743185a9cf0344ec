package records

import "math"

// Kind says how a [Value] is stored. It mirrors [Type] and adds Null.
type Kind uint8

// The kinds. Integers of all widths share KindInt in the slab but keep their width here,
// because schemaless values have no schema to ask.
const (
	KindNull Kind = iota
	KindInt8
	KindInt16
	KindInt32
	KindInt64
	KindFloat32
	KindFloat64
	KindBool
	KindString
	KindBytes
	KindArray  // N values in Batch.Vals from Off
	KindMap    // N pairs: 2*N values in Batch.Vals from Off, key then value
	KindStruct // N values in Batch.Vals from Off, in the order of the schema's fields
	// KindDate is Java's java.util.Date in a value without a schema, in ms since the epoch. Only
	// TimestampConverter makes it; JsonConverter refuses it, as Java's does.
	KindDate
)

// Value is one tagged value: 24 bytes, no pointers. What Off and N mean depends on Kind:
// for strings and bytes a range of Batch.Arena, for arrays, maps and structs a range of
// Batch.Vals. Numbers sit in Num. A Value is only meaningful together with its Batch.
//
// Connect's logical types use the kind of their base type. A Decimal is KindBytes (the
// big-endian two's complement of the unscaled value); its scale is the schema's "scale".
type Value struct {
	Num  uint64
	Off  uint32
	N    uint32
	Kind Kind
}

// Null is the null value.
var Null = Value{}

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.Kind == KindNull }

// Int returns the value of any integer kind.
func (v Value) Int() int64 { return int64(v.Num) }

// Float returns the value of a float kind. A Float32 is returned exactly widened.
func (v Value) Float() float64 { return math.Float64frombits(v.Num) }

// Bool returns the value of a KindBool.
func (v Value) Bool() bool { return v.Num != 0 }

// Int8Value and its siblings make scalar values.
func Int8Value(i int8) Value { return Value{Kind: KindInt8, Num: uint64(int64(i))} }

// Int16Value makes an INT16.
func Int16Value(i int16) Value { return Value{Kind: KindInt16, Num: uint64(int64(i))} }

// Int32Value makes an INT32.
func Int32Value(i int32) Value { return Value{Kind: KindInt32, Num: uint64(int64(i))} }

// Int64Value makes an INT64.
func Int64Value(i int64) Value { return Value{Kind: KindInt64, Num: uint64(i)} }

// Float32Value makes a FLOAT32; it is stored widened.
func Float32Value(f float32) Value {
	return Value{Kind: KindFloat32, Num: math.Float64bits(float64(f))}
}

// Float64Value makes a FLOAT64.
func Float64Value(f float64) Value { return Value{Kind: KindFloat64, Num: math.Float64bits(f)} }

// BoolValue makes a BOOLEAN.
func BoolValue(b bool) Value {
	if b {
		return Value{Kind: KindBool, Num: 1}
	}
	return Value{Kind: KindBool}
}
