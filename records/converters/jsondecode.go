package converters

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// decoder reads one payload into a batch.
type decoder struct {
	*scanner
	b           *records.Batch
	nullDefault bool
	entries     bool // see jsonShared
	// stack collects the members of lists and maps until their number is known.
	stack []records.Value
}

// value reads the value at the scanner's position as the plan says.
func (d *decoder) value(p *place) (records.Value, error) {
	c := d.next()
	if c == 'n' {
		if err := d.literal("null"); err != nil {
			return records.Null, err
		}
		return d.null(p)
	}
	if p.schema == nil {
		return d.any(c)
	}
	switch p.logical {
	case decimalLogical:
		return d.decimal(p, c)
	case int32Logical:
		return d.int(c, math.MinInt32, math.MaxInt32, records.Int32, "Invalid type for "+simpleName(p.schema.Name)+", underlying representation should be integer")
	case int64Logical:
		return d.int(c, math.MinInt64, math.MaxInt64, records.Int64, "Invalid type for Timestamp, underlying representation should be integral")
	}
	switch p.schema.Type {
	case records.Int8:
		return d.int(c, math.MinInt8, math.MaxInt8, records.Int8, "")
	case records.Int16:
		return d.int(c, math.MinInt16, math.MaxInt16, records.Int16, "")
	case records.Int32:
		return d.int(c, math.MinInt32, math.MaxInt32, records.Int32, "")
	case records.Int64:
		return d.int(c, math.MinInt64, math.MaxInt64, records.Int64, "")
	case records.Float32, records.Float64:
		return d.float(c, p.schema.Type)
	case records.Boolean:
		switch c {
		case 't':
			return records.BoolValue(true), d.literal("true")
		case 'f':
			return records.BoolValue(false), d.literal("false")
		}
		return records.Null, d.mismatch("BOOLEAN")
	case records.String:
		if c != '"' {
			return records.Null, d.mismatch("STRING")
		}
		return d.stringValue()
	case records.Bytes:
		return d.bytes(c, "Invalid bytes field")
	case records.Struct:
		return d.structValue(p, c)
	case records.Array:
		if c != '[' {
			return records.Null, d.mismatch("ARRAY")
		}
		return d.array(p.elem)
	case records.Map:
		return d.mapValue(p, c)
	}
	return records.Null, dataError("Unknown schema type: " + p.schema.Type.String())
}

func simpleName(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			return name[i+1:]
		}
	}
	return name
}

// null is what a null or a missing member becomes.
func (d *decoder) null(p *place) (records.Value, error) {
	s := p.schema
	switch {
	case s == nil:
		return records.Null, nil
	case s.Default != nil && d.nullDefault:
		return d.b.DefaultValue(s), nil
	case s.Optional:
		return records.Null, nil
	}
	return records.Null, dataError("Invalid null value for required " + s.Type.String() + " field")
}

// mismatch reports a value of another JSON type. Jackson's tree would give 0, false or null
// here; we do not guess (invariant 7).
func (d *decoder) mismatch(want string) error {
	// A syntax error, if there is one, tells more.
	at := d.pos
	c := d.next()
	if err := d.skip(); err != nil {
		return err
	}
	d.pos = at
	return dataError("Invalid type for " + want + ", found JSON " + jsonTypeName(c))
}

func jsonTypeName(c byte) string {
	switch {
	case c == '{':
		return "OBJECT"
	case c == '[':
		return "ARRAY"
	case c == '"':
		return "STRING"
	case c == 't' || c == 'f':
		return "BOOLEAN"
	case c == 'n':
		return "NULL"
	default:
		return "NUMBER"
	}
}

func (d *decoder) stringValue() (records.Value, error) {
	raw, escaped, err := d.str()
	if err != nil {
		return records.Null, err
	}
	if !escaped {
		return d.b.AddStringBytes(raw), nil
	}
	off := len(d.b.Arena)
	arena, err := d.unescape(d.b.Arena, raw)
	if err != nil {
		return records.Null, err
	}
	d.b.Arena = arena
	return d.b.ArenaValue(records.KindString, off), nil
}

func (d *decoder) bytes(c byte, failText string) (records.Value, error) {
	if c != '"' {
		return records.Null, d.mismatch("BYTES")
	}
	raw, escaped, err := d.str()
	if err != nil {
		return records.Null, err
	}
	if escaped {
		if raw, err = d.unescape(nil, raw); err != nil {
			return records.Null, err
		}
	}
	off := len(d.b.Arena)
	arena, err := base64.StdEncoding.AppendDecode(d.b.Arena, raw)
	if err != nil {
		return records.Null, dataError(failText)
	}
	d.b.Arena = arena
	return d.b.ArenaValue(records.KindBytes, off), nil
}

func (d *decoder) structValue(p *place, c byte) (records.Value, error) {
	if c != '{' {
		return records.Null, dataError("Structs should be encoded as JSON objects, but found " + jsonTypeName(c))
	}
	if err := d.enter(); err != nil {
		return records.Null, err
	}
	n := len(p.fields)
	off := d.b.AddVals(n)
	expect := 0
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil {
			return records.Null, err
		}
		if !more {
			break
		}
		key, escaped, err := d.key()
		if err != nil {
			return records.Null, err
		}
		if escaped {
			if key, err = d.unescape(nil, key); err != nil {
				return records.Null, err
			}
		}
		i := expect
		if i >= n || p.schema.Fields[i].Name != string(key) {
			var ok bool
			if i, ok = p.index[string(key)]; !ok {
				if err := d.skip(); err != nil {
					return records.Null, err
				}
				continue
			}
		}
		expect = i + 1
		v, err := d.value(&p.fields[i])
		if err != nil {
			return records.Null, within(p.schema.Fields[i].Name, err)
		}
		d.b.Vals[int(off)+i] = v
	}
	for i := range n {
		if d.b.Vals[int(off)+i].Kind != records.KindNull {
			continue
		}
		v, err := d.null(&p.fields[i]) // the member was missing
		if err != nil {
			return records.Null, within(p.schema.Fields[i].Name, err)
		}
		d.b.Vals[int(off)+i] = v
	}
	return records.StructAt(off, n), nil
}

// array collects the elements on the stack. Elements that are containers put their own
// members into the slab first; the list follows them when it is complete.
func (d *decoder) array(elem *place) (records.Value, error) {
	if err := d.enter(); err != nil {
		return records.Null, err
	}
	base := len(d.stack)
	for first := true; ; first = false {
		more, err := d.more(first, ']')
		if err != nil {
			return records.Null, err
		}
		if !more {
			return d.collect(records.KindArray, base, 1), nil
		}
		v, err := d.value(elem)
		if err != nil {
			return records.Null, within("["+strconv.Itoa(len(d.stack)-base)+"]", err)
		}
		d.stack = append(d.stack, v)
	}
}

// collect moves the stack above base into the slab.
func (d *decoder) collect(k records.Kind, base, per int) records.Value {
	n := len(d.stack) - base
	off := d.b.AddVals(n)
	copy(d.b.Vals[off:], d.stack[base:])
	d.stack = d.stack[:base]
	return records.Value{Kind: k, Off: off, N: uint32(n / per)}
}

func (d *decoder) mapValue(p *place, c byte) (records.Value, error) {
	if p.schema.Key.Type == records.String {
		if c != '{' {
			return records.Null, dataError("Maps with string fields should be encoded as JSON objects, but found " + jsonTypeName(c))
		}
		return d.object(p.elem)
	}
	if c != '[' {
		return records.Null, dataError("Maps with non-string fields should be encoded as JSON array of tuples, but found " + jsonTypeName(c))
	}
	if err := d.enter(); err != nil {
		return records.Null, err
	}
	base := len(d.stack)
	for first := true; ; first = false {
		more, err := d.more(first, ']')
		if err != nil {
			return records.Null, err
		}
		if !more {
			return d.collect(records.KindMap, base, 2), nil
		}
		if d.entries {
			if err := d.mapEntry(p); err != nil {
				return records.Null, err
			}
			continue
		}
		if c := d.next(); c != '[' {
			return records.Null, dataError("Found invalid map entry instead of array tuple: " + jsonTypeName(c))
		}
		if err := d.enter(); err != nil {
			return records.Null, err
		}
		size := 0
		for ; ; size++ {
			more, err := d.more(size == 0, ']')
			if err != nil {
				return records.Null, err
			}
			if !more {
				break
			}
			at := p.elem
			if size == 0 {
				at = p.key
			}
			if size > 1 {
				return records.Null, dataError("Found invalid map entry, expected length 2 but found more")
			}
			v, err := d.value(at)
			if err != nil {
				return records.Null, err
			}
			d.stack = append(d.stack, v)
		}
		if size != 2 {
			return records.Null, dataError("Found invalid map entry, expected length 2 but found :" + strconv.Itoa(size))
		}
	}
}

// mapEntry reads {"key":K,"value":V} in any order.
func (d *decoder) mapEntry(p *place) error {
	if c := d.next(); c != '{' {
		return dataError("Found invalid map entry instead of an object with key and value: " + jsonTypeName(c))
	}
	if err := d.enter(); err != nil {
		return err
	}
	base := len(d.stack)
	d.stack = append(d.stack, records.Null, records.Null)
	seen := [2]bool{}
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		name, _, err := d.key()
		if err != nil {
			return err
		}
		at, part := -1, p.key
		switch string(name) {
		case jsKeyField:
			at = 0
		case jsValueField:
			at, part = 1, p.elem
		}
		if at < 0 {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		v, err := d.value(part)
		if err != nil {
			return err
		}
		d.stack[base+at], seen[at] = v, true
	}
	for i, part := range [2]*place{p.key, p.elem} {
		if !seen[i] {
			v, err := d.null(part)
			if err != nil {
				return err
			}
			d.stack[base+i] = v
		}
	}
	return nil
}

// object reads a JSON object as a map with string keys. Of duplicates the last one wins, at
// the place of the first (CW-305).
func (d *decoder) object(elem *place) (records.Value, error) {
	if err := d.enter(); err != nil {
		return records.Null, err
	}
	base := len(d.stack)
	var index map[string]int // for objects that are too large to search
	for first := true; ; first = false {
		more, err := d.more(first, '}')
		if err != nil {
			return records.Null, err
		}
		if !more {
			return d.collect(records.KindMap, base, 2), nil
		}
		key, err := d.stringValue()
		if err != nil {
			return records.Null, err
		}
		if d.next() != ':' {
			return records.Null, d.syntax("expected a colon")
		}
		d.pos++
		v, err := d.value(elem)
		if err != nil {
			return records.Null, err
		}
		at := -1
		list := d.stack[base:]
		if len(list) <= 32 {
			for i := 0; i < len(list); i += 2 {
				if string(d.b.Raw(list[i])) == string(d.b.Raw(key)) {
					at = i
				}
			}
		} else {
			if index == nil {
				index = make(map[string]int, len(list))
				for i := 0; i < len(list); i += 2 {
					index[d.b.Str(list[i])] = i
				}
			}
			if i, ok := index[string(d.b.Raw(key))]; ok {
				at = i
			} else {
				index[d.b.Str(key)] = len(list)
			}
		}
		if at >= 0 {
			list[at+1] = v
			continue
		}
		d.stack = append(d.stack, key, v)
	}
}

// any reads a schemaless value (CW-318).
func (d *decoder) any(c byte) (records.Value, error) {
	switch {
	case c == '"':
		return d.stringValue()
	case isNumber(c):
		n, err := d.number()
		if err != nil {
			return records.Null, err
		}
		if !n.whole {
			f, _ := strconv.ParseFloat(string(n.text), 64)
			return records.Float64Value(f + 0), nil
		}
		i, ok := n.int64()
		if !ok {
			// Java lets it wrap; that would be another number.
			return records.Null, dataError("integer does not fit INT64")
		}
		return records.Int64Value(i), nil
	case c == 't':
		return records.BoolValue(true), d.literal("true")
	case c == 'f':
		return records.BoolValue(false), d.literal("false")
	case c == '[':
		return d.array(anyPlace)
	case c == '{':
		return d.object(anyPlace)
	case c == 0 && d.pos >= len(d.data):
		return records.Null, d.syntax("unexpected end")
	}
	return records.Null, d.syntax("unexpected character")
}
