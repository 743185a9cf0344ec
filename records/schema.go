package records

import "fmt"

// Type is a Kafka Connect schema type (org.apache.kafka.connect.data.Schema.Type, CW-300).
type Type uint8

// The Connect types. The zero value is no type.
const (
	Invalid Type = iota
	Int8
	Int16
	Int32
	Int64
	Float32
	Float64
	Boolean
	String
	Bytes
	Array
	Map
	Struct
)

var typeNames = [...]string{"invalid", "INT8", "INT16", "INT32", "INT64", "FLOAT32", "FLOAT64",
	"BOOLEAN", "STRING", "BYTES", "ARRAY", "MAP", "STRUCT"}

// String is the upper-case name that Connect prints in messages.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// Names of Connect's logical types, all version 1 (CW-301).
const (
	DecimalName   = "org.apache.kafka.connect.data.Decimal"
	DateName      = "org.apache.kafka.connect.data.Date"
	TimeName      = "org.apache.kafka.connect.data.Time"
	TimestampName = "org.apache.kafka.connect.data.Timestamp"
)

// Parameter keys of Decimal schemas.
const (
	// ScaleParam is the Connect parameter that holds a Decimal's scale.
	ScaleParam = "scale"
	// PrecisionParam is the parameter that Debezium adds and Confluent's Avro converter reads.
	PrecisionParam = "connect.decimal.precision"
)

// Schema is a Connect schema. It is immutable once it is reachable from a batch
// (invariant 6); whoever wants a changed one makes a copy. Two equal schemas may be
// different pointers: plans are cached by pointer, so producers reuse the pointer of a
// schema version for as long as it lives.
type Schema struct {
	Type     Type
	Optional bool
	Name     string // "" = none
	Version  int    // 0 = none
	Doc      string // "" = none
	Params   []Param
	Default  any     // nil = none; see DefaultOf for the Go types
	Fields   []Field // Struct
	Elem     *Schema // Array elements and Map values
	Key      *Schema // Map keys
}

// Param is one schema parameter. Order is kept, because it is visible in JSON.
type Param struct{ Key, Value string }

// Field is one member of a Struct schema.
type Field struct {
	Name   string
	Schema *Schema
}

// Param returns the value of a schema parameter.
func (s *Schema) Param(key string) (string, bool) {
	for i := range s.Params {
		if s.Params[i].Key == key {
			return s.Params[i].Value, true
		}
	}
	return "", false
}

// FieldIndex returns the position of a field of a Struct schema, -1 if absent.
func (s *Schema) FieldIndex(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// IsDecimal reports whether s is Connect's Decimal.
func (s *Schema) IsDecimal() bool { return s.Type == Bytes && s.Name == DecimalName }

// Clone returns a shallow copy that may be changed before it is published.
func (s *Schema) Clone() *Schema {
	c := *s
	c.Params = append([]Param(nil), s.Params...)
	c.Fields = append([]Field(nil), s.Fields...)
	return &c
}

// AsOptional returns s itself when it is optional, else an optional copy.
func (s *Schema) AsOptional() *Schema {
	if s.Optional {
		return s
	}
	c := s.Clone()
	c.Optional = true
	return c
}

// Default values are held in plain Go types, one for each Connect type:
// bool, int64 (all integer types, and the logical dates), float64 (Float32 and Float64),
// string, []byte (Bytes; for Decimal the big-endian two's complement of the unscaled value),
// []any for arrays. Struct and map defaults are not used by anything we speak to.

// Equal reports whether two schemas are the same in every attribute, deeply.
func (s *Schema) Equal(o *Schema) bool {
	if s == o {
		return true
	}
	if s == nil || o == nil {
		return false
	}
	if s.Type != o.Type || s.Optional != o.Optional || s.Name != o.Name || s.Version != o.Version || s.Doc != o.Doc ||
		len(s.Params) != len(o.Params) || len(s.Fields) != len(o.Fields) || !defaultsEqual(s.Default, o.Default) {
		return false
	}
	for i := range s.Params {
		if s.Params[i] != o.Params[i] {
			return false
		}
	}
	for i := range s.Fields {
		if s.Fields[i].Name != o.Fields[i].Name || !s.Fields[i].Schema.Equal(o.Fields[i].Schema) {
			return false
		}
	}
	return s.Elem.Equal(o.Elem) && s.Key.Equal(o.Key)
}

func defaultsEqual(a, b any) bool {
	switch x := a.(type) {
	case []byte:
		y, ok := b.([]byte)
		return ok && string(x) == string(y)
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !defaultsEqual(x[i], y[i]) {
				return false
			}
		}
		return true
	default:
		if _, ok := b.([]byte); ok {
			return false
		}
		if _, ok := b.([]any); ok {
			return false
		}
		return a == b
	}
}
