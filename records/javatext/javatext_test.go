package javatext

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
	"github.com/anabranch/anabranch/testenv/typed"
)

func TestParseLong_AsJava(t *testing.T) {
	for _, c := range []struct {
		text string
		bits int
		want int64
		ok   bool
	}{
		{"5", 8, 5, true}, {"+5", 8, 5, true}, {"-128", 8, -128, true}, {"128", 8, 0, false}, {"-129", 8, 0, false}, {"", 64, 0, false},
		{"-", 64, 0, false}, {"+", 64, 0, false}, {" 5", 64, 0, false}, {"٣٤", 32, 34, true}, {"-٣", 8, -3, true}, {"1_0", 64, 0, false},
		{"9223372036854775807", 64, math.MaxInt64, true}, {"-9223372036854775808", 64, math.MinInt64, true}, {"9223372036854775808", 64, 0, false},
		{"٩٢٢٣٣٧٢٠٣٦٨٥٤٧٧٥٨٠٨", 64, 0, false}, {"-٩٢٢٣٣٧٢٠٣٦٨٥٤٧٧٥٨٠٨", 64, math.MinInt64, true}, {"0x1", 64, 0, false}, {"1.0", 64, 0, false},
	} {
		if got, ok := ParseLong(c.text, c.bits); got != c.want && c.ok || ok != c.ok {
			t.Errorf("%q in %d bits: %d %v", c.text, c.bits, got, ok)
		}
	}
}

func TestParseDouble_AsJava(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
		ok   bool
	}{
		{"1", 1, true}, {" 1.5 ", 1.5, true}, {"1d", 1, true}, {"1F", 1, true}, {"0x1p3", 8, true}, {"0x1p3d", 8, true}, {"0x1", 0, false}, {"-Infinity", math.Inf(-1), true},
		{"inf", 0, false}, {"nan", 0, false}, {"NaNd", 0, false}, {"1_0", 0, false}, {".5", 0.5, true}, {"5.", 5, true}, {".", 0, false}, {"", 0, false}, {"d", 0, false}, {"1e400", math.Inf(1), true}, {"1e-400", 0, true}, {"--1", 0, false}, {"1dd", 0, false},
	} {
		if got, ok := ParseDouble(c.text, 64); ok != c.ok || ok && got != c.want {
			t.Errorf("%q: %v %v", c.text, got, ok)
		}
	}
}

// FuzzParseValue: any text is a value, and one that is read as a number is that number.
func FuzzParseValue(f *testing.F) {
	for _, s := range []string{"", "null", "true", "12", "1.5", "[1,2,{\"a\":null}]", "{\"k\":[true]}", "2020-01-05T10:11:12.123Z", "10:11:12.123Z", "[\"a\\\"\"", "\xff", "99999999999999999999", "[[[[[[", "{a:{b:{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 5000 {
			return
		}
		b := records.NewBatch(records.Origin{Table: "fuzz"})
		defer b.Release()
		s, v := ParseValue(b, text)
		if (s == nil) != v.IsNull() {
			t.Errorf("%q: schema %v and kind %v", text, s, v.Kind)
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && (v.Int() != n || v.Kind > records.KindInt64) {
			t.Errorf("%q is %v", text, v)
		}
		ParseLong(text, 16)
		ParseDouble(text, 32)
		if n, _, ok := ParseDecimal(text); ok && n == nil {
			t.Errorf("%q has no digits", text)
		}
	})
}

// Random texts are read as Connect's Values reads them.
func TestParseValue_EqualsJava(t *testing.T) {
	j := testenv.NewJudge(t)
	g := rand.New(rand.NewPCG(5, 6))
	pieces := []string{"[", "]", "{", "}", ",", ":", "\"", "\\", " ", "null", "true", "false", "1", "-2", "3.5", "1e3", "300", "70000", "99999999999999999999", "a", "text", "2020-01-05", "10:11:12.123Z", "2020-01-05T10:11:12.123Z", "\"k\"", "\"v\"", "+", "-", ".", "\t", "é", "\\:", "\\\"", "NaN", "1d", "0"}
	var texts []string
	for range 4000 {
		s := ""
		for range 1 + g.IntN(8) {
			s += pieces[g.IntN(len(pieces))]
		}
		texts = append(texts, s)
	}
	q := testenv.Question{Op: "decode", Class: "org.apache.kafka.connect.storage.SimpleHeaderConverter", Use: "header"}
	for _, s := range texts {
		h := hex.EncodeToString([]byte(s))
		q.Data = append(q.Data, &h)
	}
	shown := 0
	for i, r := range j.Ask(t, []testenv.Question{q})[0].Results {
		b := records.NewBatch(records.Origin{Table: "judge"})
		s, v := ParseValue(b, texts[i])
		mine, java := typed.Canonical(t, typed.NewValue(b, s, v)), r.Error.String()
		if r.Error == nil {
			java = typed.Canonical(t, r.Value)
		}
		if mine != java && !strings.Contains(java, `"scale","-`) { // a bound on exponents keeps memory small
			if shown++; shown > 25 {
				t.Fatal("and more")
			}
			t.Errorf("%q\n ours %.300s\n java %.300s", texts[i], mine, java)
		}
		b.Release()
	}
}
