package converters

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
	"github.com/anabranch/anabranch/testenv/typed"
)

// use is a way to set up a converter.
type use struct {
	class  string
	config map[string]string
	use    string // key, value or header
}

func (u use) converter(t *testing.T) Converter {
	t.Helper()
	make, err := New(u.class, u.config, u.use == "key")
	if err != nil {
		t.Fatal(err)
	}
	return make()
}

func judgedUses() []use {
	var out []use
	for _, class := range Classes() {
		switch class {
		case JSONClass:
			for _, format := range []string{"BASE64", "NUMERIC"} {
				for _, schemas := range []string{"true", "false"} {
					out = append(out, use{class, map[string]string{DecimalFormat: format, SchemasEnable: schemas}, "value"})
				}
			}
			out = append(out, use{class, map[string]string{ReplaceNullWithDefault: "false"}, "key"})
		case SimpleHeaderClass:
			out = append(out, use{class, map[string]string{}, "header"})
		case StringClass, ByteArrayClass, ShortClass, IntegerClass, LongClass, FloatClass, DoubleClass, BooleanClass:
			out = append(out, use{class, map[string]string{}, "key"}, use{class, map[string]string{}, "header"})
		}
	}
	return out
}

// judged is a schema with a value for it.
type judged struct {
	schema *records.Schema
	value  any
}

func judgedValues(g typed.Generator, n int) []judged {
	out := []judged{{nil, nil}, {nil, "text"}, {nil, ""}, {nil, "\"\\\u2028<>&\x01é😀"}, {nil, math.MaxFloat64}, {nil, float32(1.1)},
		{typed.Plain(records.String), "x"}, {typed.Decimal("0", false), big.NewInt(0)}, {typed.Decimal("20", false), big.NewInt(-1)}, {typed.Decimal("-3", true), big.NewInt(12)},
		{typed.Logical(records.Int32, records.DateName, false), int32(-1)}, {typed.Logical(records.Int64, records.TimestampName, false), int64(1577836800000)},
		{typed.Plain(records.Int16), int16(-2)}, {typed.Plain(records.Int32), int32(-2)}, {typed.Plain(records.Int64), int64(-2)}, {typed.Plain(records.Float32), float32(2.5)}, {typed.Plain(records.Float64), 1e22},
		{typed.Plain(records.Boolean), true}, {typed.Plain(records.Bytes), []byte{0, 1, 255}}, {typed.Plain(records.Bytes), []byte{}}}
	for range n {
		switch g.IntN(4) {
		case 0:
			out = append(out, judged{nil, g.LooseMap(2)})
		case 1:
			out = append(out, judged{nil, g.Loose(2)})
		default:
			s := g.Schema(3)
			out = append(out, judged{s, g.Value(s)})
		}
	}
	return out
}

// skipsText says whether a value has a text that Java itself does not define: the identity of
// a byte array, the order of a HashMap.
func skipsText(j judged) bool {
	return hasMap(j.value) || hasBytes(j.value)
}

func hasMap(v any) bool {
	switch x := v.(type) {
	case typed.Pairs:
		return len(x) > 2 || len(x) == 2 && hasMap(x[1])
	case []any:
		for _, e := range x {
			if hasMap(e) {
				return true
			}
		}
	}
	return false
}

func hasBytes(v any) bool {
	switch x := v.(type) {
	case []byte:
		return true
	case typed.Pairs:
		return hasBytes([]any(x))
	case []any:
		for _, e := range x {
			if hasBytes(e) {
				return true
			}
		}
	}
	return false
}

// The bytes that our converters write are those of Java's, and what one side refuses the other
// refuses too. ANABRANCH_SEED and ANABRANCH_ROUNDS make other and more values.
func TestConverters_WriteAsJava(t *testing.T) {
	j := testenv.NewJudge(t)
	seed, rounds := uint64(1), 150
	if s, err := strconv.ParseUint(os.Getenv("ANABRANCH_SEED"), 10, 64); err == nil {
		seed = s
	}
	if n, err := strconv.Atoi(os.Getenv("ANABRANCH_ROUNDS")); err == nil {
		rounds = n
	}
	values := judgedValues(typed.Generator{Rand: rand.New(rand.NewPCG(seed, 9))}, rounds)
	uses := judgedUses()
	b := records.NewBatch(records.Origin{Table: "judge"})
	defer b.Release()
	var in []records.Value
	var typedIn []typed.Value
	for _, v := range values {
		val := typed.Add(b, v.schema, v.value)
		in = append(in, val)
		typedIn = append(typedIn, typed.NewValue(b, v.schema, val))
	}
	var qs []testenv.Question
	for _, u := range uses {
		qs = append(qs, testenv.Question{Op: "encode", Class: u.class, Config: u.config, Use: u.use, Values: typedIn})
	}
	count, refused, shown := 0, 0, 0
	for i, a := range j.Ask(t, qs) {
		u := uses[i]
		if a.Error != nil {
			t.Fatalf("%v: %v", u, a.Error)
		}
		c := u.converter(t)
		for n, r := range a.Results {
			got, null, err := c.Append(nil, "topic", b, values[n].schema, in[n])
			count++
			var mine, java string
			switch {
			case err != nil:
				mine = "refused"
			case null:
				mine = "null"
			default:
				mine = string(got)
			}
			switch {
			case r.Error != nil:
				java = "refused"
				refused++
			case r.Data == nil:
				java = "null"
			default:
				raw, _ := hex.DecodeString(*r.Data)
				java = string(raw)
			}
			if (u.class == StringClass && skipsText(values[n]) || hasMap(values[n].value)) && mine != "refused" && java != "refused" {
				continue
			}
			if mine != java {
				if shown++; shown > 30 {
					t.Fatal("and more")
				}
				t.Errorf("%v of %.500s\n ours %.700q %v\n java %.700q %v", u, fmt.Sprint(typed.Canonical(t, typedIn[n])), mine, err, java, r.Error)
			}
		}
	}
	t.Logf("%d values written by both, %d of them refused by Java", count, refused)
}

// What Java's converters make of bytes, ours make too.
func TestConverters_ReadAsJava(t *testing.T) {
	j := testenv.NewJudge(t)
	texts := []string{"", "null", "true", " false ", "1", "-1", "+5", "1.5", "1e3", "1E400", "99999999999999999999", "128", "0x10", "NaN", "text", "\"q\"", "[1,2]", "[1,\"a\"]", "[1,,2]", "[1,2,]", "[",
		"{}", "{\"a\":1}", "{a:1}", "{\"a\":1,\"b\":[true,null]}", "{\"a\":1 \"b\":2}", "2020-01-05", "2020-13-45", "10:11:12.123Z", "10\\:11\\:12.123Z", "2020-01-05T10:11:12.123Z", "\"2020-01-05\"", "{\"k\":\"2020-01-05\"}",
		"{\"schema\":null,\"payload\":1}", "{\"schema\":{\"type\":\"int32\",\"optional\":false},\"payload\":5}", "{\"schema\":{\"type\":\"int8\"},\"payload\":500}", "{\"payload\":1}", "{\"schema\":{\"type\":\"string\",\"optional\":true},\"payload\":null}",
		"{\"schema\":{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,\"parameters\":{\"scale\":\"2\"}},\"payload\":\"AeA=\"}", "\xff\xfe", "é😀", "[[1],[2]]", "[1.5,2]", "[1,1000000]", "1 2", "  ", "\\", "\"", "\"a\\\"b\"", "-", "+", ".5", "5."}
	raws := [][]byte{nil, {}, {0}, {1}, {2}, {0, 1}, {1, 2, 3}, {0, 0, 0, 5}, {255, 255, 255, 255}, {0, 0, 0, 0, 0, 0, 0, 9}, {64, 9, 33, 251, 84, 68, 45, 24}}
	for _, s := range texts {
		raws = append(raws, []byte(s))
	}
	var data []*string
	for _, r := range raws {
		if r == nil {
			data = append(data, nil)
			continue
		}
		text := hex.EncodeToString(r)
		data = append(data, &text)
	}
	uses := judgedUses()
	var qs []testenv.Question
	for _, u := range uses {
		qs = append(qs, testenv.Question{Op: "decode", Class: u.class, Config: u.config, Use: u.use, Data: data})
	}
	count := 0
	for i, a := range j.Ask(t, qs) {
		c := uses[i].converter(t)
		for n, r := range a.Results {
			count++
			b := records.NewBatch(records.Origin{Table: "judge"})
			s, v, err := c.Decode("topic", raws[n], b)
			mine, java := "refused", "refused"
			if err == nil {
				mine = typed.Canonical(t, typed.NewValue(b, s, v))
			}
			if r.Error == nil {
				java = typed.Canonical(t, r.Value)
			}
			if err != nil && strings.Contains(err.Error(), "does not fit") {
				continue // Java cuts numbers that are too large; ours refuses them
			}
			if mine != java {
				t.Errorf("%v reads %q\n ours %s %v\n java %s %v", uses[i], raws[n], mine, err, java, r.Error)
			}
			b.Release()
		}
	}
	t.Logf("%d texts read by both", count)
}
