package transforms

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
)

// generator makes records of any shape out of names that the settings know.
type generator struct{ *rand.Rand }

var fieldNames = []string{"i8", "i16", "i32", "i64", "f32", "f64", "b", "s", "x", "dec", "date", "time", "ts", "list", "in", "maybe", "id", "none", "m", "y.z", "in.x"}

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

func (g generator) schema(depth int) *records.Schema {
	s := g.bare(depth)
	s.Optional = g.chance(50)
	if s.Name == "" && g.chance(15) {
		s.Name, s.Version = "named", g.IntN(3)
	}
	if g.chance(10) {
		s.Doc = "a doc"
	}
	if g.chance(10) {
		s.Params = append(s.Params, records.Param{Key: "k", Value: "v"})
	}
	if g.chance(25) && s.Type <= records.Bytes {
		s.Default = g.defaultOf(s)
	}
	return s
}

func (g generator) bare(depth int) *records.Schema {
	switch n := g.IntN(20); {
	case n < 9:
		return typ(records.Type(1 + n))
	case n == 9:
		return logical(records.Int32, records.DateName, false)
	case n == 10:
		return logical(records.Int32, records.TimeName, false)
	case n == 11:
		return logical(records.Int64, records.TimestampName, false)
	case n == 12:
		return decimalOf(strconv.Itoa(g.IntN(7)-1), false)
	case n < 15 || depth == 0:
		return typ(records.String)
	case n == 15:
		return &records.Schema{Type: records.Array, Elem: g.schema(depth - 1)}
	case n == 16:
		return &records.Schema{Type: records.Map, Key: typ(records.String), Elem: g.schema(depth - 1)}
	}
	return g.structSchema(depth)
}

func (g generator) structSchema(depth int) *records.Schema {
	s := typ(records.Struct)
	names := g.Perm(len(fieldNames))[:g.IntN(8)]
	for _, n := range names {
		s.Fields = append(s.Fields, records.Field{Name: fieldNames[n], Schema: g.schema(depth - 1)})
	}
	return s
}

func (g generator) defaultOf(s *records.Schema) any {
	b := records.NewBatch(records.Origin{Table: "default"})
	defer b.Release()
	v := value(b, s, g.plain(s))
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

// plain is a value of a type that is not built of others.
func (g generator) plain(s *records.Schema) any {
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
		if s.Name == records.TimestampName || g.chance(60) {
			return g.Int64N(8e12) - 3e12
		}
		return n
	case records.Float32:
		return float32(g.float())
	case records.Float64:
		return g.float()
	case records.Boolean:
		return g.chance(50)
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

func (g generator) float() float64 {
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

func (g generator) value(s *records.Schema) any {
	if s.Optional && g.chance(20) || g.chance(2) {
		return nil // also where it is not allowed
	}
	switch s.Type {
	case records.Struct:
		out := []any{}
		for _, f := range s.Fields {
			out = append(out, g.value(f.Schema))
		}
		return out
	case records.Array:
		out := []any{}
		for range g.IntN(4) {
			out = append(out, g.value(s.Elem))
		}
		return out
	case records.Map:
		out := pairs{}
		for i := range g.IntN(4) {
			out = append(out, strconv.Itoa(i), g.value(s.Elem))
		}
		return out
	}
	return g.plain(s)
}

// loose is a value without a schema.
func (g generator) loose(depth int) any {
	switch n := g.IntN(14); {
	case n < 9:
		return g.plain(typ(records.Type(1 + n)))
	case n == 9:
		return nil
	case n == 10:
		return javaDate(g.Int64N(4e12))
	case depth == 0:
		return "deep"
	case n == 11:
		out := []any{}
		for range g.IntN(3) {
			out = append(out, g.loose(depth-1))
		}
		return out
	}
	return g.looseMap(depth)
}

func (g generator) looseMap(depth int) any {
	out := pairs{}
	for _, n := range g.Perm(len(fieldNames))[:g.IntN(8)] {
		out = append(out, fieldNames[n], g.loose(depth-1))
	}
	return out
}

func (g generator) sideOf(s **records.Schema, v *any) {
	switch g.IntN(10) {
	case 0:
		*s = g.schema(2)
		*v = g.value(*s)
	case 1, 2, 3:
		*v = g.looseMap(3)
	case 4:
		*v = g.loose(2)
	default:
		*s = g.structSchema(3)
		(*s).Optional = g.chance(50)
		(*s).Name, (*s).Version = "row", g.IntN(4)
		*v = g.value(*s)
	}
}

func (g generator) sample() sample {
	r := sample{topic: []string{"db.shop.orders", "t", "${topic}"}[g.IntN(3)], partition: int32(g.IntN(4)), timestamp: g.Int64N(4e12) - 1e12, sink: g.chance(70)}
	if g.chance(10) {
		r.timestamp = records.NoTimestamp
	}
	if !r.sink && g.chance(50) {
		r.partition = records.NoPartition
	}
	g.sideOf(&r.keySchema, &r.key)
	g.sideOf(&r.valueSchema, &r.value)
	for range g.IntN(4) {
		h := sampleHeader{key: []string{"h1", "h2", "keep"}[g.IntN(3)]}
		if g.chance(50) {
			h.schema = g.schema(1)
			h.schema.Optional = true
			h.value = g.value(h.schema)
		} else {
			h.value = g.plain(typ(records.String))
		}
		r.headers = append(r.headers, h)
	}
	return r
}

// Random records go through random settings of every class as they go through Java's.
// ANABRANCH_SEED repeats a run, ANABRANCH_ROUNDS makes a longer one.
func TestTransforms_EqualJavaOnRandomRecords(t *testing.T) {
	j := testenv.NewJudge(t)
	seed, rounds := uint64(1), 12
	if s, err := strconv.ParseUint(os.Getenv("ANABRANCH_SEED"), 10, 64); err == nil {
		seed = s
	}
	if n, err := strconv.Atoi(os.Getenv("ANABRANCH_ROUNDS")); err == nil {
		rounds = n
	}
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 7))}
	all := settings()
	names := []string{}
	for _, c := range Classes() {
		names = append(names, c.Name)
	}
	for _, c := range PredicateClasses() {
		names = append(names, c.Name)
	}
	var qs []testenv.Question
	var in [][]sample
	for _, full := range names {
		var list []map[string]string
		for name, of := range all {
			for _, class := range classesOf(name) {
				if class == full {
					list = of
				}
			}
		}
		for range rounds {
			if len(list) == 0 {
				continue // not Kafka's
			}
			var rs []sample
			for range 10 {
				rs = append(rs, g.sample())
			}
			qs, in = append(qs, testenv.Question{Class: full, Config: list[g.IntN(len(list))]}), append(in, rs)
		}
	}
	t.Log(fmt.Sprint(compare(t, j, qs, in), " records compared"))
}
