package transforms

import (
	"math/big"
	"slices"
	"strconv"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/javatext"
)

// maskField is MaskField (CW-364): fields lose their value to nothing's equal or a replacement.
type maskField struct {
	side        side
	fields      []string
	replacement *string
	fill        bool
	plans       plans[maskPlan]
}

type maskPlan struct {
	masked []bool
}

func maskFieldClasses() []Class {
	return sided("MaskField", configs.NewDef(
		configs.Key{Name: "fields", Type: configs.ListType, Required: true, Importance: configs.High, Check: distinct("fields", false), Doc: "Fields to mask."},
		configs.Key{Name: "replacement", Type: configs.StringType, Importance: configs.Low, Check: configs.NonEmptyString,
			Doc: "What numbers and strings are replaced by; without it 0 or an empty text."},
		replaceNullKey()),
		func(v *configs.Values, s side) (Transform, error) {
			t := &maskField{side: s, fields: v.List("fields"), fill: v.Bool(replaceNull)}
			if text, ok := v.Get("replacement").(string); ok {
				t.replacement = &text
			}
			return t, nil
		})
}

func (t *maskField) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := t.side.get(b, r)
	if s == nil {
		return true, t.inMap(b, r, v)
	}
	if v.Kind != records.KindStruct {
		return true, notStruct("mask fields", s, v)
	}
	p := t.plans.of(s)
	if p == nil {
		p = &maskPlan{masked: make([]bool, len(s.Fields))}
		for i, f := range s.Fields {
			p.masked[i] = slices.Contains(t.fields, f.Name)
		}
		t.plans.keep(s, p)
	}
	off := int(b.AddVals(len(s.Fields)))
	for i := range s.Fields {
		f := &s.Fields[i]
		e := get(b, f.Schema, b.Vals[int(v.Off)+i], t.fill)
		if p.masked[i] && !e.IsNull() {
			var err error
			if e, err = t.mask(b, f.Schema, e); err != nil {
				return true, err
			}
		}
		if err := put(b, f, e); err != nil {
			return true, err
		}
		b.Vals[off+i] = e
	}
	t.side.set(b, r, s, records.StructAt(uint32(off), len(s.Fields)))
	return true, nil
}

func (t *maskField) inMap(b *records.Batch, r *records.Record, v records.Value) error {
	if v.Kind != records.KindMap {
		return notMap("mask fields", nil, v)
	}
	m := mapCopy(b, v, len(t.fields))
	for _, name := range t.fields {
		e, _ := mapGet(b, m, name)
		if !e.IsNull() {
			var err error
			if e, err = t.mask(b, nil, e); err != nil {
				return err
			}
		}
		mapPut(b, &m, name, e) // also where there was none: Java puts a null
	}
	t.side.set(b, r, nil, m)
	return nil
}

// mask is asked about values that are not null.
func (t *maskField) mask(b *records.Batch, s *records.Schema, v records.Value) (records.Value, error) {
	class := records.JavaClass(s, v)
	if t.replacement != nil {
		return t.replace(b, s, v, class)
	}
	switch {
	case v.Kind == records.KindBytes && s != nil && s.IsDecimal():
		return b.AddBytes([]byte{0}), nil // with the field's scale, where Java's has scale 0
	case v.Kind == records.KindBytes, v.Kind == records.KindStruct:
		return v, dataErrorf("Cannot mask value of type: class %s", class)
	}
	return records.Value{Kind: v.Kind}, nil
}

func (t *maskField) replace(b *records.Batch, s *records.Schema, v records.Value, class string) (records.Value, error) {
	text := *t.replacement
	if class != "java.util.Date" {
		switch v.Kind {
		case records.KindString:
			return b.AddString(text), nil
		case records.KindInt8, records.KindInt16, records.KindInt32, records.KindInt64, records.KindFloat32, records.KindFloat64:
			n, scale, ok := javatext.ParseDecimal(text)
			if !ok {
				return v, dataErrorf("Unable to convert %s (class java.lang.String) to a number", text)
			}
			return decimalTo(v.Kind, n, scale), nil
		case records.KindBytes:
			if s != nil && s.IsDecimal() {
				return replaceDecimal(b, s, text)
			}
		}
	}
	return v, dataErrorf("Cannot mask value of type class %s with custom replacement.", class)
}

// decimalTo makes a number of a kind as BigDecimal's longValue and doubleValue do.
func decimalTo(k records.Kind, n *big.Int, scale int) records.Value {
	if k == records.KindFloat32 || k == records.KindFloat64 {
		f := decimalFloat(n, scale, 64)
		if k == records.KindFloat32 {
			return records.Float32Value(float32(f))
		}
		return records.Float64Value(f)
	}
	return narrow(k, decimalLong(n, scale))
}

// decimalLong is BigDecimal.longValue: the low 64 bits of the whole part.
func decimalLong(n *big.Int, scale int) int64 {
	whole := new(big.Int)
	if scale > 0 {
		whole.Quo(n, pow10(scale))
	} else {
		if scale <= -64 {
			return 0
		}
		whole.Mul(n, pow10(-scale))
	}
	low := new(big.Int).And(whole, new(big.Int).SetUint64(1<<64-1))
	return int64(low.Uint64())
}

func decimalFloat(n *big.Int, scale, size int) float64 {
	f, _ := strconv.ParseFloat(n.String()+"e"+strconv.Itoa(-scale), size) // out of range is infinity
	return f
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// narrow cuts a long to an integer kind as Java's casts do.
func narrow(k records.Kind, n int64) records.Value {
	switch k {
	case records.KindInt8:
		return records.Int8Value(int8(n))
	case records.KindInt16:
		return records.Int16Value(int16(n))
	case records.KindInt32:
		return records.Int32Value(int32(n))
	}
	return records.Int64Value(n)
}

// replaceDecimal brings the replacement to the scale of the field. Java keeps a scale of its
// own, which its converters then refuse; where digits would be lost the error is theirs.
func replaceDecimal(b *records.Batch, s *records.Schema, text string) (records.Value, error) {
	n, scale, ok := javatext.ParseDecimal(text)
	if !ok {
		return records.Null, dataErrorf("Unable to convert %s (class java.lang.String) to number", text)
	}
	want := decimalScale(s)
	if scale < want {
		n.Mul(n, pow10(want-scale))
	} else if scale > want {
		rest := new(big.Int)
		if n.QuoRem(n, pow10(scale-want), rest); rest.Sign() != 0 {
			return records.Null, dataErrorf("Decimal value has mismatching scale for given Decimal schema. Schema has scale %d, value has scale %d.", want, scale)
		}
	}
	off := len(b.Arena)
	b.Arena = records.AppendTwosComplement(b.Arena, n)
	return b.ArenaValue(records.KindBytes, off), nil
}

func decimalScale(s *records.Schema) int {
	text, _ := s.Param(records.ScaleParam)
	n, _ := strconv.Atoi(text) // a schema without a scale does not get here from any converter
	return n
}
