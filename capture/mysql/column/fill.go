package column

import (
	"github.com/anabranch/anabranch/records"
)

// filler is a value that can be put into any batch without allocating: what a column has when
// the row says nothing, or nothing usable.
type filler struct {
	val   records.Value // scalars as they are; for strings and bytes only the kind
	bytes []byte
	point bool // a struct is the empty geometry in the shape of a Point
}

// emptyCollection is the WKB of GEOMETRYCOLLECTION EMPTY, Debezium's stand-in (DM-168).
var emptyCollection = []byte{1, 7, 0, 0, 0, 0, 0, 0, 0}

func (f *filler) put(b *records.Batch) records.Value {
	switch f.val.Kind {
	case records.KindString:
		return b.AddStringBytes(f.bytes)
	case records.KindBytes:
		return b.AddBytes(f.bytes)
	case records.KindStruct:
		wkb := b.AddBytes(emptyCollection)
		if f.point {
			off := b.AddVals(4)
			b.Vals[off], b.Vals[off+1], b.Vals[off+2] = records.Float64Value(0), records.Float64Value(0), wkb
			return records.StructAt(off, 4)
		}
		off := b.AddVals(2)
		b.Vals[off] = wkb
		return records.StructAt(off, 2)
	}
	return f.val
}

// planFillers settles what stands for null in a NOT NULL column (the schema's default, else
// the type's fallback, DM-21) and what stands for a value that the image left out (DM-523).
func (t *Table) planFillers(pl *plan) {
	pl.zero = t.mode.zeroOf(pl)
	pl.deflt = pl.zero
	if d, ok := fillerOf(pl.schema, pl.schema.Default); ok {
		pl.deflt = d
	} else if pl.optional {
		pl.deflt = filler{}
	}
	if !pl.optional {
		pl.fill = pl.deflt
	}
	pl.absent = pl.deflt
	switch pl.schema.Type {
	case records.String:
		if pl.kind == kindText || pl.kind == kindBinary || pl.kind == kindJSON {
			pl.absent = filler{val: records.Value{Kind: records.KindString}, bytes: t.mode.placeholder}
		}
	case records.Bytes:
		if pl.kind == kindBinary {
			pl.absent = filler{val: records.Value{Kind: records.KindBytes}, bytes: t.mode.placeholder}
		}
	}
}

// zeroOf is the fallback by type.
func (m *modes) zeroOf(pl *plan) filler {
	str := func(s string) filler {
		return filler{val: records.Value{Kind: records.KindString}, bytes: []byte(s)}
	}
	switch pl.kind {
	case kindJSON:
		return str("{}")
	case kindTimestamp:
		return str("1970-01-01T00:00:00Z")
	case kindPoint:
		return filler{val: records.Value{Kind: records.KindStruct}, point: true}
	case kindGeometry:
		return filler{val: records.Value{Kind: records.KindStruct}}
	case kindVector:
		return filler{val: records.Value{Kind: records.KindArray}}
	}
	switch pl.schema.Type {
	case records.String:
		switch {
		case pl.kind == kindDate:
			return str("1970-01-01Z")
		case pl.kind == kindTime:
			return str("00:00:00Z")
		case pl.kind == kindDatetime:
			return str("1970-01-01T00:00:00Z")
		case pl.kind == kindDecimal:
			var d decimal
			d.scale = pl.scale
			return filler{val: records.Value{Kind: records.KindString}, bytes: d.appendPlain(nil)}
		}
		return str("")
	case records.Bytes:
		if pl.schema.Name == records.DecimalName {
			return filler{val: records.Value{Kind: records.KindBytes}, bytes: []byte{0}}
		}
		return filler{val: records.Value{Kind: records.KindBytes}}
	case records.Boolean:
		return filler{val: records.BoolValue(false)}
	case records.Float32:
		return filler{val: records.Float32Value(0)}
	case records.Float64:
		return filler{val: records.Float64Value(0)}
	case records.Int16:
		return filler{val: records.Int16Value(0)}
	case records.Int32:
		return filler{val: records.Int32Value(0)}
	}
	return filler{val: records.Int64Value(0)}
}

// fillerOf turns a schema default into a filler.
func fillerOf(s *records.Schema, d any) (filler, bool) {
	switch x := d.(type) {
	case bool:
		return filler{val: records.BoolValue(x)}, true
	case int64:
		switch s.Type {
		case records.Int16:
			return filler{val: records.Int16Value(int16(x))}, true
		case records.Int32:
			return filler{val: records.Int32Value(int32(x))}, true
		}
		return filler{val: records.Int64Value(x)}, true
	case float64:
		if s.Type == records.Float32 {
			return filler{val: records.Float32Value(float32(x))}, true
		}
		return filler{val: records.Float64Value(x)}, true
	case string:
		return filler{val: records.Value{Kind: records.KindString}, bytes: []byte(x)}, true
	case []byte:
		return filler{val: records.Value{Kind: records.KindBytes}, bytes: x}, true
	}
	return filler{}, false
}
