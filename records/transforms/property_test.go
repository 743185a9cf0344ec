package transforms

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
	"github.com/anabranch/anabranch/testenv/typed"
)

// generator makes records of any shape out of names that the settings know.
type generator struct{ typed.Generator }

func (g generator) sideOf(s **records.Schema, v *any) {
	switch g.IntN(10) {
	case 0:
		*s = g.Schema(2)
		*v = g.Value(*s)
	case 1, 2, 3:
		*v = g.LooseMap(3)
	case 4:
		*v = g.Loose(2)
	default:
		*s = g.Struct(3)
		(*s).Optional = g.Chance(50)
		(*s).Name, (*s).Version = "row", g.IntN(4)
		*v = g.Value(*s)
	}
}

func (g generator) sample() sample {
	r := sample{topic: []string{"db.shop.orders", "t", "${topic}"}[g.IntN(3)], partition: int32(g.IntN(4)), timestamp: g.Int64N(4e12) - 1e12, sink: g.Chance(70)}
	if g.Chance(10) {
		r.timestamp = records.NoTimestamp
	}
	if !r.sink && g.Chance(50) {
		r.partition = records.NoPartition
	}
	g.sideOf(&r.keySchema, &r.key)
	g.sideOf(&r.valueSchema, &r.value)
	for range g.IntN(4) {
		h := sampleHeader{key: []string{"h1", "h2", "keep"}[g.IntN(3)]}
		if g.Chance(50) {
			h.schema = g.Schema(1)
			h.schema.Optional = true
			h.value = g.Value(h.schema)
		} else {
			h.value = g.Plain(typ(records.String))
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
	g := generator{typed.Generator{Rand: rand.New(rand.NewPCG(seed, 7))}}
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
