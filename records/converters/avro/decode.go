package avro

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/anabranch/anabranch/records"
)

const (
	// maxEmpty bounds how many elements that take no bytes a message may have.
	maxEmpty = 1 << 16
	// A message may become this many values per byte, and these many more.
	valuesPerByte, freeValues = 16, 1 << 16
)

// decOp is what a decoder reads.
type decOp uint8

const (
	decNull decOp = iota
	decBool
	decInt
	decLong
	decFloat
	decDouble
	decString
	decBytes
	decFixed
	decEnum
	decArray
	decMap
	decEntries
	decStruct
	decOptional // a union of null and one other type
	decUnion    // a union that becomes a struct
	decAny
)

// decoder reads one place of an Avro schema.
type decoder struct {
	op      decOp
	kind    records.Kind // of integers: INT8, INT16 or INT32
	null    int          // the branch that is null, -1 = none
	size    int          // of a fixed; of a union's struct
	least   int          // the fewest bytes that a value takes
	parts   []decoder    // members, branches, elem, key and elem
	to      int          // the member of a union's struct, -1 for null
	name    string
	symbols []string
}

// decoderOf plans the reading of values of an Avro schema as the Connect schema made from it.
func (o *options) decoderOf(s *schema, to *records.Schema) (*decoder, error) {
	if to == nil {
		return &decoder{op: decAny}, nil
	}
	d := o.reading(s, to)
	return &d, nil
}

// reading follows the two schemas, which toConnect has made to match.
func (o *options) reading(s *schema, to *records.Schema) decoder {
	d := decoder{null: -1}
	switch s.kind {
	case kindBoolean:
		d.op, d.least = decBool, 1
	case kindInt:
		d.op, d.least, d.kind = decInt, 1, kindOf[to.Type]
	case kindLong:
		d.op, d.least = decLong, 1
	case kindFloat:
		d.op, d.least = decFloat, 4
	case kindDouble:
		d.op, d.least = decDouble, 8
	case kindString:
		d.op, d.least = decString, 1
	case kindBytes:
		d.op, d.least = decBytes, 1
	case kindFixed:
		d.op, d.least, d.size = decFixed, s.size, s.size
	case kindEnum:
		d.op, d.least, d.symbols, d.name = decEnum, 1, s.symbols, s.fullName()
	case kindArray:
		d.least = 1
		if to.Type == records.Map {
			k, v := s.elem.fieldIndex(keyField), s.elem.fieldIndex(valueField)
			d.op = decEntries
			d.parts = []decoder{o.reading(s.elem.fields[k].schema, to.Key), o.reading(s.elem.fields[v].schema, to.Elem)}
			if k > v { // they are read in the order in which they stand
				d.parts[0], d.parts[1] = d.parts[1], d.parts[0]
				d.size = 1
			}
			break
		}
		d.op, d.parts = decArray, []decoder{o.reading(s.elem, to.Elem)}
	case kindMap:
		d.op, d.least, d.parts = decMap, 1, []decoder{{op: decString, least: 1}, o.reading(s.elem, to.Elem)}
	case kindRecord:
		d.op = decStruct
		d.parts = make([]decoder, len(s.fields))
		for i := range s.fields {
			d.parts[i] = o.reading(s.fields[i].schema, to.Fields[i].Schema)
			d.parts[i].name = to.Fields[i].Name
			d.least += d.parts[i].least
		}
	case kindUnion:
		if len(s.types) == 1 && o.flattenSingle {
			d.op, d.least, d.parts = decOptional, 1, []decoder{o.reading(s.types[0], to)}
			break
		}
		if at, other, ok := s.nullBranch(); ok {
			d.op, d.least, d.null, d.parts = decOptional, 1, at, []decoder{o.reading(other, to)}
			break
		}
		d.op, d.least, d.size = decUnion, 1, len(to.Fields)
		next := 0
		for _, t := range s.types {
			if t.kind == kindNull {
				d.parts = append(d.parts, decoder{op: decNull, to: -1})
				continue
			}
			p := o.reading(t, to.Fields[next].Schema)
			p.to, p.name = next, to.Fields[next].Name
			d.parts = append(d.parts, p)
			next++
		}
	}
	return d
}

// input is a message that is being read into a batch.
type input struct {
	data  []byte
	pos   int
	b     *records.Batch
	stack []records.Value
	depth int
	empty int // elements without bytes so far
	pairs []pair
	// maxVals bounds the slab: a schema of nearly empty types could fill it from few bytes.
	maxVals int
}

func short() error { return data("the message ends within a value") }

// long reads a zigzag varint of at most ten bytes.
func (in *input) long() (int64, error) {
	if in.pos < len(in.data) && in.data[in.pos] < 0x80 {
		u := in.data[in.pos]
		in.pos++
		return int64(u>>1) ^ -int64(u&1), nil
	}
	u, n := binary.Uvarint(in.data[in.pos:])
	switch {
	case n == 0:
		return 0, short()
	case n < 0:
		return 0, data("a number is longer than 64 bits")
	}
	in.pos += n
	return int64(u>>1) ^ -int64(u&1), nil
}

// take returns the next n bytes.
func (in *input) take(n int) ([]byte, error) {
	if n > len(in.data)-in.pos {
		return nil, short()
	}
	p := in.data[in.pos : in.pos+n]
	in.pos += n
	return p, nil
}

// sized returns the bytes that follow their length.
func (in *input) sized() ([]byte, error) {
	n, err := in.long()
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, data("Malformed data. Length is negative")
	}
	if n > int64(len(in.data)-in.pos) {
		return nil, short()
	}
	return in.take(int(n))
}

func (in *input) text() (records.Value, error) {
	p, err := in.sized()
	if err != nil {
		return records.Null, err
	}
	if utf8.Valid(p) {
		return in.b.AddStringBytes(p), nil
	}
	return in.b.AddString(string([]rune(string(p)))), nil // U+FFFD, as Java reads it
}

func (in *input) value(d *decoder) (records.Value, error) {
	switch d.op {
	case decNull:
		return records.Null, nil
	case decBool:
		p, err := in.take(1)
		if err != nil {
			return records.Null, err
		}
		return records.BoolValue(p[0] == 1), nil
	case decInt:
		n, err := in.long()
		if err != nil {
			return records.Null, err
		}
		if n != int64(int32(n)) {
			return records.Null, data("Invalid int encoding")
		}
		switch d.kind {
		case records.KindInt8:
			return records.Int8Value(int8(n)), nil
		case records.KindInt16:
			return records.Int16Value(int16(n)), nil
		}
		return records.Int32Value(int32(n)), nil
	case decLong:
		n, err := in.long()
		return records.Int64Value(n), err
	case decFloat:
		p, err := in.take(4)
		if err != nil {
			return records.Null, err
		}
		return records.Float32Value(math.Float32frombits(binary.LittleEndian.Uint32(p))), nil
	case decDouble:
		p, err := in.take(8)
		if err != nil {
			return records.Null, err
		}
		return records.Value{Kind: records.KindFloat64, Num: binary.LittleEndian.Uint64(p)}, nil
	case decString:
		return in.text()
	case decBytes:
		p, err := in.sized()
		if err != nil {
			return records.Null, err
		}
		return in.b.AddBytes(p), nil
	case decFixed:
		p, err := in.take(d.size)
		if err != nil {
			return records.Null, err
		}
		return in.b.AddBytes(p), nil
	case decEnum:
		n, err := in.long()
		if err != nil {
			return records.Null, err
		}
		if n < 0 || n >= int64(len(d.symbols)) {
			return records.Null, data("enum " + d.name + " has no symbol " + strconv.FormatInt(n, 10))
		}
		return in.b.AddString(d.symbols[n]), nil
	case decStruct:
		return in.members(d)
	case decArray:
		return in.list(d, records.KindArray, 1)
	case decMap, decEntries:
		return in.list(d, records.KindMap, 2)
	case decOptional, decUnion:
		return in.branch(d)
	}
	return in.any()
}

// room refuses messages that grow beyond all proportion.
func (in *input) room(n int) error {
	if len(in.b.Vals)+n > in.maxVals {
		return data("the message has too many values for its length")
	}
	return nil
}

func (in *input) members(d *decoder) (records.Value, error) {
	if err := in.room(len(d.parts)); err != nil {
		return records.Null, err
	}
	off := in.b.AddVals(len(d.parts))
	for i := range d.parts {
		p := &d.parts[i]
		if p.op == decOptional && p.null >= 0 && in.pos < len(in.data) && in.data[in.pos] < 4 {
			n := int(in.data[in.pos] >> 1)
			if in.data[in.pos]&1 == 0 { // 0 or 1, as the commonest unions have
				in.pos++
				if n == p.null {
					continue // it is null already
				}
				p = &p.parts[0]
			}
		}
		v, err := in.value(p)
		if err != nil {
			return records.Null, within(d.parts[i].name, err)
		}
		in.b.Vals[int(off)+i] = v
	}
	return records.StructAt(off, len(d.parts)), nil
}

func (in *input) branch(d *decoder) (records.Value, error) {
	n, err := in.long()
	if err != nil {
		return records.Null, err
	}
	if d.op == decOptional {
		switch {
		case int(n) == d.null && d.null >= 0:
			return records.Null, nil
		case n != 0 && (n != 1 || d.null < 0):
			return records.Null, data("the union has no type " + strconv.FormatInt(n, 10))
		}
		return in.value(&d.parts[0])
	}
	if n < 0 || n >= int64(len(d.parts)) {
		return records.Null, data("the union has no type " + strconv.FormatInt(n, 10))
	}
	p := &d.parts[n]
	if p.to < 0 {
		return records.Null, nil
	}
	if err := in.room(d.size); err != nil {
		return records.Null, err
	}
	off := in.b.AddVals(d.size)
	v, err := in.value(p)
	if err != nil {
		return records.Null, within(p.name, err)
	}
	in.b.Vals[int(off)+p.to] = v
	return records.StructAt(off, d.size), nil
}

// block reads the head of a block of a list: how many elements follow, 0 at the end.
func (in *input) block(least int) (int, error) {
	n, err := in.long()
	if err != nil {
		return 0, err
	}
	if n < 0 { // its size in bytes follows, for readers that skip
		if n == math.MinInt64 {
			return 0, data("Malformed data. Length is negative")
		}
		n = -n
		if _, err := in.long(); err != nil {
			return 0, err
		}
	}
	if least > 0 {
		if n > int64((len(in.data)-in.pos)/least) {
			return 0, short()
		}
	} else if n > maxEmpty || in.empty+int(n) > maxEmpty {
		return 0, data("a list of more than " + strconv.Itoa(maxEmpty) + " elements without content")
	} else {
		in.empty += int(n)
	}
	return int(n), nil
}

// list collects elements on the stack. Elements that are containers put their own members into
// the slab first; the list follows them when it is complete.
func (in *input) list(d *decoder, kind records.Kind, per int) (records.Value, error) {
	least := d.parts[0].least
	if per == 2 {
		least += d.parts[1].least
	}
	base := len(in.stack)
	for {
		n, err := in.block(least)
		if err != nil {
			return records.Null, err
		}
		if n == 0 {
			if d.op == decMap && len(in.stack)-base > 2 {
				in.pairs = javaOrder(in.pairs[:0], in.b, in.stack[base:])
				in.stack = in.stack[:base]
				for _, p := range in.pairs {
					in.stack = append(in.stack, p.key, p.value)
				}
			}
			return in.collect(kind, base, per), nil
		}
		for range n {
			for i := range per {
				v, err := in.value(&d.parts[i])
				if err != nil {
					return records.Null, within("["+strconv.Itoa((len(in.stack)-base)/per)+"]", err)
				}
				in.stack = append(in.stack, v)
			}
			if d.size == 1 && per == 2 {
				top := len(in.stack)
				in.stack[top-1], in.stack[top-2] = in.stack[top-2], in.stack[top-1]
			}
		}
	}
}

// collect moves the stack above base into the slab.
func (in *input) collect(kind records.Kind, base, per int) records.Value {
	n := len(in.stack) - base
	off := in.b.AddVals(n)
	copy(in.b.Vals[off:], in.stack[base:])
	in.stack = in.stack[:base]
	return records.Value{Kind: kind, Off: off, N: uint32(n / per)}
}

// any reads the record Anything: the first of its fields that is not null.
func (in *input) any() (records.Value, error) {
	if in.depth++; in.depth > maxDepth {
		return records.Null, data("the value is nested too deeply")
	}
	defer func() { in.depth-- }()
	out := records.Null
	for i := range anyFields {
		branch, err := in.long()
		if err != nil {
			return out, err
		}
		switch branch {
		case 0:
			continue
		case 1:
		default:
			return out, data("the union has no type " + strconv.FormatInt(branch, 10))
		}
		v, err := in.value(&anyDecoders[i])
		if err != nil {
			return out, err
		}
		if out.Kind == records.KindNull {
			out = v
		}
	}
	return out, nil
}

// anyDecoders read the fields of Anything. An Anything takes at least a byte for each field.
var anyDecoders = [anyFields]decoder{
	{op: decBool}, {op: decBytes}, {op: decDouble}, {op: decFloat}, {op: decInt, kind: records.KindInt32}, {op: decLong}, {op: decString},
	{op: decArray, parts: []decoder{{op: decAny, least: anyFields}}},
	{op: decMap, parts: []decoder{{op: decAny, least: anyFields}, {op: decAny, least: anyFields}}},
}
