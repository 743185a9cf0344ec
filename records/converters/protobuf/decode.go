package protobuf

import (
	"math"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/anabranch/anabranch/records"
)

// messagePlan is how a message is read.
type messagePlan struct {
	byNumber map[uint64]*readPlan
	fields   []zero // of the Connect struct, in order
	enums    []enumZero
}

// enumZero is an enum that is not there: proto3 reads the name of zero.
type enumZero struct {
	at   int
	name string
}

// zero is what a field of the struct is when the message does not have it.
type zero struct {
	value   records.Value
	list    bool
	isMap   bool
	members int // of a union: null until one of them comes
}

// readPlan is how one field is read.
type readPlan struct {
	at, member int // place in the struct; member of a union from 1 on
	kind       kind
	wire       protoreflect.Kind
	repeated   bool
	presence   bool          // it can be told from its zero
	as         records.Kind  // of numbers
	zero       records.Value // when it is not there
	enum       map[int32]string
	scale      int
	message    *messagePlan
	entry      *messagePlan // kindMap
}

var errShort = data("Protobuf message is damaged")

// read reads one message into a struct of b.
func (p *messagePlan) read(b *records.Batch, in []byte, depth int) (records.Value, error) {
	if depth > maxDepth {
		return records.Null, data("Protobuf message is nested too deeply")
	}
	off := b.AddVals(len(p.fields))
	for i := range p.fields {
		z := &p.fields[i]
		switch {
		case z.list:
			b.Vals[int(off)+i] = records.Value{Kind: records.KindArray, Off: off}
		case z.isMap:
			b.Vals[int(off)+i] = records.Value{Kind: records.KindMap, Off: off}
		default:
			b.Vals[int(off)+i] = z.value
		}
	}
	var lists map[int][]records.Value
	for len(in) > 0 {
		tag, n := protowire.ConsumeVarint(in)
		if n < 0 {
			return records.Null, errShort
		}
		in = in[n:]
		typ := protowire.Type(tag & 7)
		f := p.byNumber[tag>>3]
		if f == nil {
			n := protowire.ConsumeFieldValue(protowire.Number(tag>>3), typ, in)
			if tag>>3 == 0 || n < 0 {
				return records.Null, errShort
			}
			in = in[n:]
			continue
		}
		if f.repeated || f.entry != nil {
			if lists == nil {
				lists = map[int][]records.Value{}
			}
			list, rest, err := f.more(b, lists[f.at], in, typ, depth)
			if err != nil {
				return records.Null, err
			}
			lists[f.at], in = list, rest
			continue
		}
		v, rest, err := f.one(b, in, typ, depth)
		if err != nil {
			return records.Null, err
		}
		in = rest
		if f.member == 0 {
			b.Vals[int(off)+f.at] = v
			continue
		}
		members := p.fields[f.at].members
		u := b.AddVals(members)
		b.Vals[int(u)+f.member-1] = v // of several members the last one counts
		b.Vals[int(off)+f.at] = records.StructAt(u, members)
	}
	for at, list := range lists {
		first := b.AddVals(len(list))
		copy(b.Vals[first:], list)
		v := records.Value{Kind: records.KindArray, Off: first, N: uint32(len(list))}
		if p.fields[at].isMap {
			v.Kind, v.N = records.KindMap, v.N/2
		}
		b.Vals[int(off)+at] = v
	}
	for _, e := range p.enums {
		if b.Vals[int(off)+e.at].IsNull() {
			b.Vals[int(off)+e.at] = b.AddString(e.name)
		}
	}
	return records.StructAt(off, len(p.fields)), nil
}

// more reads one occurrence of a repeated field.
func (f *readPlan) more(b *records.Batch, list []records.Value, in []byte, typ protowire.Type, depth int) ([]records.Value, []byte, error) {
	if f.entry != nil {
		raw, n := protowire.ConsumeBytes(in)
		if typ != protowire.BytesType || n < 0 {
			return nil, nil, errShort
		}
		v, err := f.entry.read(b, raw, depth+1)
		if err != nil {
			return nil, nil, err
		}
		kv := b.Elems(v)
		return append(list, kv[0], kv[1]), in[n:], nil
	}
	packable := f.kind == kindVarint || f.kind == kindFloat || f.kind == kindDouble
	if packable && typ == protowire.BytesType {
		raw, n := protowire.ConsumeBytes(in)
		if n < 0 {
			return nil, nil, errShort
		}
		for len(raw) > 0 {
			v, rest, err := f.one(b, raw, f.packedType(), depth)
			if err != nil {
				return nil, nil, err
			}
			list, raw = append(list, v), rest
		}
		return list, in[n:], nil
	}
	v, rest, err := f.one(b, in, typ, depth)
	return append(list, v), rest, err
}

func (f *readPlan) packedType() protowire.Type {
	switch f.wire {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	}
	return protowire.VarintType
}

// one reads one value.
func (f *readPlan) one(b *records.Batch, in []byte, typ protowire.Type, depth int) (records.Value, []byte, error) {
	bad := func() (records.Value, []byte, error) { return records.Null, nil, errShort }
	switch f.kind {
	case kindVarint:
		if typ != f.packedType() {
			return bad()
		}
		var raw uint64
		var n int
		switch typ {
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(in)
			raw = uint64(x)
		case protowire.Fixed64Type:
			raw, n = protowire.ConsumeFixed64(in)
		default:
			raw, n = protowire.ConsumeVarint(in)
		}
		if n < 0 {
			return bad()
		}
		return f.number(b, raw), in[n:], nil
	case kindFloat:
		x, n := protowire.ConsumeFixed32(in)
		if typ != protowire.Fixed32Type || n < 0 {
			return bad()
		}
		return records.Float32Value(math.Float32frombits(x)), in[n:], nil
	case kindDouble:
		x, n := protowire.ConsumeFixed64(in)
		if typ != protowire.Fixed64Type || n < 0 {
			return bad()
		}
		return records.Float64Value(math.Float64frombits(x)), in[n:], nil
	}
	raw, n := protowire.ConsumeBytes(in)
	if typ != protowire.BytesType || n < 0 {
		return bad()
	}
	in = in[n:]
	switch f.kind {
	case kindBytes:
		if f.wire == protoreflect.StringKind {
			if !utf8.Valid(raw) {
				return records.Null, nil, data("text in a Protobuf message is not UTF-8")
			}
			return b.AddStringBytes(raw), in, nil
		}
		return b.AddBytes(raw), in, nil
	case kindMessage:
		v, err := f.message.read(b, raw, depth+1)
		return v, in, err
	}
	v, err := f.logical(b, raw)
	return v, in, err
}

// number makes the value of an integer, boolean or enum.
func (f *readPlan) number(b *records.Batch, raw uint64) records.Value {
	switch f.wire {
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		raw = uint64(protowire.DecodeZigZag(raw))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		raw = uint64(uint32(raw))
	}
	if f.enum != nil {
		name, ok := f.enum[int32(raw)]
		if !ok {
			return records.Null // a value of a newer schema; proto3 keeps only its number
		}
		return b.AddString(name)
	}
	switch f.as {
	case records.KindBool:
		return records.BoolValue(raw != 0)
	case records.KindInt8:
		return records.Int8Value(int8(raw))
	case records.KindInt16:
		return records.Int16Value(int16(raw))
	case records.KindInt32:
		return records.Int32Value(int32(raw))
	}
	return records.Int64Value(int64(raw))
}

// logical reads one of the messages behind Connect's logical types.
func (f *readPlan) logical(b *records.Batch, in []byte) (records.Value, error) {
	var num [5]int64
	var value []byte
	for len(in) > 0 {
		number, typ, n := protowire.ConsumeTag(in)
		if n < 0 {
			return records.Null, errShort
		}
		in = in[n:]
		switch {
		case typ == protowire.VarintType && number >= 1 && number <= 4:
			x, n := protowire.ConsumeVarint(in)
			if n < 0 {
				return records.Null, errShort
			}
			num[number], in = int64(x), in[n:]
		case typ == protowire.BytesType && number == 1:
			raw, n := protowire.ConsumeBytes(in)
			if n < 0 {
				return records.Null, errShort
			}
			value, in = raw, in[n:]
		default:
			n := protowire.ConsumeFieldValue(number, typ, in)
			if n < 0 {
				return records.Null, errShort
			}
			in = in[n:]
		}
	}
	switch f.kind {
	case kindDecimal:
		if num[3] != int64(f.scale) {
			return records.Null, data("a Decimal has scale %d, its schema says %d", num[3], f.scale)
		}
		if len(value) == 0 {
			value = []byte{0}
		}
		return b.AddBytes(value), nil
	case kindDate:
		t := time.Date(int(num[1]), time.Month(num[2]), int(num[3]), 0, 0, 0, 0, time.UTC)
		return records.Int32Value(int32(math.Floor(float64(t.Unix()) / 86400))), nil
	case kindTime:
		return records.Int32Value(int32(num[1]*3_600_000 + num[2]*60_000 + num[3]*1000 + num[4]/1_000_000)), nil
	}
	return records.Int64Value(num[1]*1000 + num[2]/1_000_000), nil
}
