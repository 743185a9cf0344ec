package typed

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// Pairs is a map: keys and values in turn.
type Pairs []any

// JavaDate is a java.util.Date without a schema.
type JavaDate int64

// Add adds a Go value to a batch; s says what lists and numbers are.
func Add(b *records.Batch, s *records.Schema, v any) records.Value {
	elem, key := (*records.Schema)(nil), (*records.Schema)(nil)
	if s != nil {
		elem, key = s.Elem, s.Key
	}
	list := func(kind records.Kind, x []any, schema func(i int) *records.Schema, per int) records.Value {
		off := b.AddVals(len(x))
		for i := range x {
			e := Add(b, schema(i), x[i])
			b.Vals[int(off)+i] = e
		}
		return records.Value{Kind: kind, Off: off, N: uint32(len(x) / per)}
	}
	switch x := v.(type) {
	case nil:
		return records.Null
	case bool:
		return records.BoolValue(x)
	case int8:
		return records.Int8Value(x)
	case int16:
		return records.Int16Value(x)
	case int32:
		return records.Int32Value(x)
	case int64:
		return records.Int64Value(x)
	case float32:
		return records.Float32Value(x)
	case float64:
		return records.Float64Value(x)
	case string:
		return b.AddString(x)
	case []byte:
		return b.AddBytes(x)
	case *big.Int:
		off := len(b.Arena)
		b.Arena = records.AppendTwosComplement(b.Arena, x)
		return b.ArenaValue(records.KindBytes, off)
	case JavaDate:
		return records.Value{Kind: records.KindDate, Num: uint64(x)}
	case Pairs:
		return list(records.KindMap, x, func(i int) *records.Schema { return [...]*records.Schema{key, elem}[i%2] }, 2)
	case []any:
		if s != nil && s.Type == records.Struct {
			return list(records.KindStruct, x, func(i int) *records.Schema { return s.Fields[i].Schema }, 1)
		}
		return list(records.KindArray, x, func(int) *records.Schema { return elem }, 1)
	}
	panic(fmt.Sprintf("a %T in a typed record", v))
}

// Plain is a required schema of a type.
func Plain(t records.Type) *records.Schema { return &records.Schema{Type: t} }

// Logical is the schema of one of Connect's date types.
func Logical(t records.Type, name string, optional bool) *records.Schema {
	return &records.Schema{Type: t, Name: name, Version: 1, Optional: optional}
}

// Decimal is the schema of a Decimal.
func Decimal(scale string, optional bool) *records.Schema {
	return &records.Schema{Type: records.Bytes, Name: records.DecimalName, Version: 1, Optional: optional, Params: []records.Param{{Key: "scale", Value: scale}}}
}

// Generator makes schemas and values of any shape out of a few field names. It is for property
// tests: the seed decides all of it.
type Generator struct{ *rand.Rand }

var fieldNames = []string{"i8", "i16", "i32", "i64", "f32", "f64", "b", "s", "x", "dec", "date", "time", "ts", "list", "in", "maybe", "id", "none", "m", "y.z", "in.x"}

// Chance is true in so many of a hundred cases.
func (g Generator) Chance(percent int) bool { return g.IntN(100) < percent }

// Schema is a schema nested at most depth times.
func (g Generator) Schema(depth int) *records.Schema {
	s := g.bare(depth)
	s.Optional = g.Chance(50)
	if s.Name == "" && g.Chance(15) {
		s.Name, s.Version = "named", g.IntN(3)
	}
	if g.Chance(10) {
		s.Doc = "a doc"
	}
	if g.Chance(10) {
		s.Params = append(s.Params, records.Param{Key: "k", Value: "v"})
	}
	if g.Chance(25) && s.Type <= records.Bytes {
		s.Default = g.defaultOf(s)
	}
	return s
}

func (g Generator) bare(depth int) *records.Schema {
	switch n := g.IntN(20); {
	case n < 9:
		return Plain(records.Type(1 + n))
	case n == 9:
		return Logical(records.Int32, records.DateName, false)
	case n == 10:
		return Logical(records.Int32, records.TimeName, false)
	case n == 11:
		return Logical(records.Int64, records.TimestampName, false)
	case n == 12:
		return Decimal(strconv.Itoa(g.IntN(7)-1), false)
	case n < 15 || depth == 0:
		return Plain(records.String)
	case n == 15:
		return &records.Schema{Type: records.Array, Elem: g.Schema(depth - 1)}
	case n == 16:
		return &records.Schema{Type: records.Map, Key: Plain(records.String), Elem: g.Schema(depth - 1)}
	}
	return g.Struct(depth)
}

// Struct is a struct schema with up to seven fields.
func (g Generator) Struct(depth int) *records.Schema {
	s := Plain(records.Struct)
	names := g.Perm(len(fieldNames))[:g.IntN(8)]
	for _, n := range names {
		s.Fields = append(s.Fields, records.Field{Name: fieldNames[n], Schema: g.Schema(depth - 1)})
	}
	return s
}

func (g Generator) defaultOf(s *records.Schema) any {
	b := records.NewBatch(records.Origin{Table: "default"})
	defer b.Release()
	v := Add(b, s, g.Plain(s))
	switch v.Kind {
	case records.KindBool:
		return v.Bool()
	case records.KindFloat32, records.KindFloat64:
		return v.Float()
	case records.KindString:
		return b.Str(v)
	case records.KindBytes:
		return append([]byte{}, b.Raw(v)...)
	}
	return v.Int()
}

var texts = []string{"", "text", "12", "-7", "+5", " 3 ", "1.5", "1e3", "true", "TRUE", "false", "NaN", "Infinity", "2020-01-05", "2020-01-05 10:11:12", "0x10", "1d", "٣", "é😀", "999999999999", "128", "32768", "a.b"}

// Plain is a value of a type that is not built of others.
func (g Generator) Plain(s *records.Schema) any {
	n := g.Int64() >> g.IntN(64)
	switch s.Type {
	case records.Int8:
		return int8(n)
	case records.Int16:
		return int16(n)
	case records.Int32:
		if s.Name == records.TimeName {
			return int32(g.IntN(86400001))
		}
		return int32(n)
	case records.Int64:
		if s.Name == records.TimestampName || g.Chance(60) {
			return g.Int64N(8e12) - 3e12
		}
		return n
	case records.Float32:
		return float32(g.float())
	case records.Float64:
		return g.float()
	case records.Boolean:
		return g.Chance(50)
	case records.Bytes:
		if s.IsDecimal() {
			return big.NewInt(n)
		}
		p := make([]byte, g.IntN(5))
		for i := range p {
			p[i] = byte(g.Int())
		}
		return p
	}
	return texts[g.IntN(len(texts))]
}

func (g Generator) float() float64 {
	switch g.IntN(8) {
	case 0:
		return []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 1e300, 5e-324}[g.IntN(7)]
	case 1:
		return math.Float64frombits(g.Uint64())
	case 2:
		return float64(g.IntN(2000) - 1000)
	}
	return (g.Float64() - 0.5) * math.Pow(10, float64(g.IntN(40)-10))
}

// Value is a value of a schema in the form that Add takes; now and then it is null where it
// may not be.
func (g Generator) Value(s *records.Schema) any {
	if s.Optional && g.Chance(20) || g.Chance(2) {
		return nil // also where it is not allowed
	}
	switch s.Type {
	case records.Struct:
		out := []any{}
		for _, f := range s.Fields {
			out = append(out, g.Value(f.Schema))
		}
		return out
	case records.Array:
		out := []any{}
		for range g.IntN(4) {
			out = append(out, g.Value(s.Elem))
		}
		return out
	case records.Map:
		out := Pairs{}
		for i := range g.IntN(4) {
			out = append(out, strconv.Itoa(i), g.Value(s.Elem))
		}
		return out
	}
	return g.Plain(s)
}

// Loose is a value without a schema.
func (g Generator) Loose(depth int) any {
	switch n := g.IntN(14); {
	case n < 9:
		return g.Plain(Plain(records.Type(1 + n)))
	case n == 9:
		return nil
	case n == 10:
		return JavaDate(g.Int64N(4e12))
	case depth == 0:
		return "deep"
	case n == 11:
		out := []any{}
		for range g.IntN(3) {
			out = append(out, g.Loose(depth-1))
		}
		return out
	}
	return g.LooseMap(depth)
}

// LooseMap is a map without a schema, as records without schemas are.
func (g Generator) LooseMap(depth int) any {
	out := Pairs{}
	for _, n := range g.Perm(len(fieldNames))[:g.IntN(8)] {
		out = append(out, fieldNames[n], g.Loose(depth-1))
	}
	return out
}
