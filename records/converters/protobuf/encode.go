package protobuf

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/anabranch/anabranch/records"
)

// kind says how a value is written.
type kind uint8

const (
	kindVarint    kind = iota // integers and booleans
	kindFloat                 // fixed 32
	kindDouble                // fixed 64
	kindBytes                 // text and bytes
	kindMessage               // a struct
	kindList                  // repeated
	kindMap                   // repeated entries
	kindUnion                 // a struct that stands for a oneof
	kindDecimal               // confluent.type.Decimal
	kindDate                  // google.type.Date
	kindTime                  // google.type.TimeOfDay
	kindTimestamp             // google.protobuf.Timestamp
)

// fieldPlan is how one field is written.
type fieldPlan struct {
	name     string
	number   uint64
	kind     kind
	want     records.Kind // of plain values
	presence bool         // zeros are written: optional fields, messages, members of a oneof
	required bool
	scale    int
	message  *structPlan
	key      *fieldPlan // kindMap
	elem     *fieldPlan // kindList, kindMap
	members  []fieldPlan
}

// structPlan is how a struct is written.
type structPlan struct{ fields []fieldPlan }

func (p *structPlan) append(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if v.Kind != records.KindStruct || int(v.N) != len(p.fields) {
		return dst, data("Mismatching schema.")
	}
	var err error
	for i := range p.fields {
		f := &p.fields[i]
		// A nested write does not add values, but keep the slab's offset, not a slice.
		if dst, err = f.append(dst, b, b.Vals[int(v.Off)+i]); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// append writes a field, tag included; nothing for a null and for the zero of a plain field.
func (f *fieldPlan) append(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if v.IsNull() {
		if f.required && f.kind != kindUnion {
			return dst, data("null value for field %s that is required and has no default value", f.name)
		}
		return dst, nil
	}
	switch f.kind {
	case kindUnion:
		return f.union(dst, b, v)
	case kindList:
		return f.list(dst, b, v)
	case kindMap:
		return f.entries(dst, b, v)
	}
	if !f.presence && isZero(v) {
		return dst, f.check(v)
	}
	return f.one(dst, b, v)
}

// isZero reports the value that proto3 does not write.
func isZero(v records.Value) bool {
	switch v.Kind {
	case records.KindString, records.KindBytes:
		return v.N == 0
	case records.KindFloat32, records.KindFloat64:
		return v.Num == 0 // minus zero is written
	case records.KindStruct, records.KindArray, records.KindMap:
		return false
	}
	return v.Num == 0
}

func (f *fieldPlan) check(v records.Value) error {
	if f.kind <= kindBytes && v.Kind != f.want {
		return data("Invalid type for field %s", f.name)
	}
	return nil
}

// one writes a value with its tag.
func (f *fieldPlan) one(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if err := f.check(v); err != nil {
		return dst, err
	}
	switch f.kind {
	case kindVarint:
		return protowire.AppendVarint(protowire.AppendVarint(dst, f.number<<3), v.Num), nil
	case kindFloat:
		return protowire.AppendFixed32(protowire.AppendVarint(dst, f.number<<3|5), math.Float32bits(float32(v.Float()))), nil
	case kindDouble:
		return protowire.AppendFixed64(protowire.AppendVarint(dst, f.number<<3|1), math.Float64bits(v.Float())), nil
	case kindBytes:
		return protowire.AppendBytes(protowire.AppendVarint(dst, f.number<<3|2), b.Raw(v)), nil
	}
	dst = protowire.AppendVarint(dst, f.number<<3|2)
	at := len(dst)
	dst = append(dst, 0) // the length, for the usual short message
	var err error
	switch f.kind {
	case kindMessage:
		dst, err = f.message.append(dst, b, v)
	case kindDecimal:
		if v.Kind != records.KindBytes {
			return dst, data("Invalid type for field %s", f.name)
		}
		if v.N > 0 {
			dst = protowire.AppendBytes(append(dst, 1<<3|2), b.Raw(v))
		}
		if f.scale != 0 {
			dst = protowire.AppendVarint(append(dst, 3<<3), uint64(int64(f.scale)))
		}
	case kindDate, kindTime, kindTimestamp:
		dst, err = f.moment(dst, v)
	}
	if err != nil {
		return dst, err
	}
	return withLength(dst, at), nil
}

// withLength puts the length of what follows into the byte left for it, making room if needed.
func withLength(dst []byte, at int) []byte {
	n := len(dst) - at - 1
	size := protowire.SizeVarint(uint64(n))
	for range size - 1 {
		dst = append(dst, 0)
	}
	if size > 1 {
		copy(dst[at+size:], dst[at+1:at+1+n])
	}
	protowire.AppendVarint(dst[at:at], uint64(n))
	return dst
}

func (f *fieldPlan) moment(dst []byte, v records.Value) ([]byte, error) {
	put := func(number byte, n int64) {
		if n != 0 {
			dst = protowire.AppendVarint(append(dst, number<<3), uint64(n))
		}
	}
	switch f.kind {
	case kindDate:
		if v.Kind != records.KindInt32 {
			return dst, data("Invalid type for field %s", f.name)
		}
		t := time.Unix(v.Int()*86400, 0).UTC()
		put(1, int64(t.Year()))
		put(2, int64(t.Month()))
		put(3, int64(t.Day()))
	case kindTime:
		if v.Kind != records.KindInt32 {
			return dst, data("Invalid type for field %s", f.name)
		}
		ms := v.Int()
		put(1, ms/3_600_000)
		put(2, ms/60_000%60)
		put(3, ms/1000%60)
		put(4, ms%1000*1_000_000)
	default:
		if v.Kind != records.KindInt64 {
			return dst, data("Invalid type for field %s", f.name)
		}
		t := time.UnixMilli(v.Int())
		put(1, t.Unix())
		put(2, int64(t.Nanosecond()))
	}
	return dst, nil
}

func (f *fieldPlan) union(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if v.Kind != records.KindStruct || int(v.N) != len(f.members) {
		return dst, data("Mismatching schema.")
	}
	set := -1
	for i := range f.members {
		if b.Vals[int(v.Off)+i].IsNull() {
			continue
		}
		if set >= 0 {
			return dst, data("more than one member of the union %s is set", f.members[i].name)
		}
		set = i
	}
	if set < 0 {
		return dst, nil
	}
	return f.members[set].one(dst, b, b.Vals[int(v.Off)+set])
}

func (f *fieldPlan) list(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if v.Kind != records.KindArray {
		return dst, data("Invalid type for field %s", f.name)
	}
	if v.N == 0 {
		return dst, nil
	}
	e := f.elem
	packed := e.kind == kindVarint || e.kind == kindFloat || e.kind == kindDouble
	at := 0
	if packed {
		dst = protowire.AppendVarint(dst, f.number<<3|2)
		at = len(dst)
		dst = append(dst, 0)
	}
	e.number = f.number // plans belong to one converter
	var err error
	for i := range int(v.N) {
		x := b.Vals[int(v.Off)+i]
		if x.IsNull() {
			return dst, data("field %s: lists cannot hold nulls in Protobuf", f.name)
		}
		if !packed {
			if dst, err = e.one(dst, b, x); err != nil {
				return dst, err
			}
			continue
		}
		if err := e.check(x); err != nil {
			return dst, err
		}
		switch e.kind {
		case kindVarint:
			dst = protowire.AppendVarint(dst, x.Num)
		case kindFloat:
			dst = protowire.AppendFixed32(dst, math.Float32bits(float32(x.Float())))
		default:
			dst = protowire.AppendFixed64(dst, math.Float64bits(x.Float()))
		}
	}
	if packed {
		dst = withLength(dst, at)
	}
	return dst, nil
}

func (f *fieldPlan) entries(dst []byte, b *records.Batch, v records.Value) ([]byte, error) {
	if v.Kind != records.KindMap {
		return dst, data("Invalid type for field %s", f.name)
	}
	var err error
	for i := range int(v.N) {
		dst = protowire.AppendVarint(dst, f.number<<3|2)
		at := len(dst)
		dst = append(dst, 0)
		if dst, err = f.key.append(dst, b, b.Vals[int(v.Off)+2*i]); err != nil {
			return dst, err
		}
		if dst, err = f.elem.append(dst, b, b.Vals[int(v.Off)+2*i+1]); err != nil {
			return dst, err
		}
		dst = withLength(dst, at)
	}
	return dst, nil
}
