package gtid

import (
	"testing"

	"pgregory.net/rapid"
)

const (
	ua = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	ub = "4e11fa47-71ca-11e1-9e33-c80aa9429562"
)

func TestSet_Text(t *testing.T) {
	for _, c := range []struct{ in, mysql, debezium string }{
		{"", "", ""},
		{ua + ":1", ua + ":1", ua + ":1-1"},
		{ua + ":1-5:6-7:9", ua + ":1-7:9", ua + ":1-7:9-9"},
		{ub + ":1,\n" + ua + ":2-3", ua + ":2-3," + ub + ":1", ub + ":1-1," + ua + ":2-3"},
		{ua + ":Tag_1:1-3:7:b:2:1-9", ua + ":b:1-9:tag_1:1-3:7", ua + ":tag_1:1-3:7-7:b:1-9"},
		{ua + ":1-5:tag:1-3", ua + ":1-5:tag:1-3", ua + ":1-5:tag:1-3"},
		{"3E11FA47-71CA-11E1-9E33-C80AA9429562:3-1:4", ua + ":4", ua + ":4-4"},
	} {
		s, err := Parse(c.in)
		if err != nil {
			t.Fatalf("%q: %v", c.in, err)
		}
		if got := s.String(); got != c.mysql {
			t.Errorf("%q: String %q, want %q", c.in, got, c.mysql)
		}
		if got := s.Debezium(); got != c.debezium {
			t.Errorf("%q: Debezium %q, want %q", c.in, got, c.debezium)
		}
	}
}

func TestParse_RejectsGarbage(t *testing.T) {
	for _, in := range []string{"x", ua + ":-1", ua + ":0", ua + ":1-x", ua + ":?", ua + "0:1", ua + ":99999999999999999999", ua + ":9223372036854775807"} {
		if _, err := Parse(in); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
}

// The interval algebra must agree with a plain set of numbers.
func TestSet_AgreesWithNaiveSet(t *testing.T) {
	type key struct {
		src Source
		n   int64
	}
	srcs := []Source{{ua, ""}, {ua, "t"}, {ub, ""}}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (*Set, map[key]bool) {
			s, naive := &Set{}, map[key]bool{}
			for range rapid.IntRange(0, 12).Draw(t, name) {
				src := rapid.SampledFrom(srcs).Draw(t, "src")
				first := rapid.Int64Range(1, 30).Draw(t, "first")
				last := first + rapid.Int64Range(0, 6).Draw(t, "len")
				if rapid.Bool().Draw(t, "single") {
					s.Add(src.UUID, src.Tag, first)
					last = first
				} else {
					s.AddInterval(src, Interval{first, last})
				}
				for n := first; n <= last; n++ {
					naive[key{src, n}] = true
				}
			}
			return s, naive
		}
		a, na := draw("a")
		b, nb := draw("b")
		d := a.Subtract(b)
		u := a.Clone()
		u.AddSet(b)
		subset := true
		for k := range nb {
			subset = subset && na[k]
		}
		if a.Contains(b) != subset {
			t.Fatalf("%s contains %s: %v", a, b, !subset)
		}
		for _, src := range srcs {
			for n := int64(1); n < 40; n++ {
				k := key{src, n}
				if a.Has(src.UUID, src.Tag, n) != na[k] || d.Has(src.UUID, src.Tag, n) != (na[k] && !nb[k]) || u.Has(src.UUID, src.Tag, n) != (na[k] || nb[k]) {
					t.Fatalf("%v:%d differs: a=%s b=%s", src, n, a, b)
				}
			}
		}
		for _, s := range []*Set{a, d, u} {
			for _, txt := range []string{s.String(), s.Debezium()} {
				back, err := Parse(txt)
				if err != nil || !back.Equal(s) {
					t.Fatalf("%q does not read back: %v", txt, err)
				}
			}
		}
	})
}

func TestSet_AddNextDoesNotAllocate(t *testing.T) {
	s, _ := Parse(ua + ":1-5")
	n := int64(5)
	if got := testing.AllocsPerRun(100, func() { n++; s.Add(ua, "", n) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestMariaDB_Contains(t *testing.T) {
	a, err := ParseMariaDB("0-1-10,1-2-5")
	if err != nil {
		t.Fatal(err)
	}
	for txt, want := range map[string]bool{"": true, "0-3-10": true, "0-1-11": false, "2-1-1": false, "0-1-1,1-1-5": true} {
		b, err := ParseMariaDB(txt)
		if err != nil {
			t.Fatal(err)
		}
		if a.Contains(b) != want {
			t.Errorf("contains %q: want %v", txt, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(ua + ":1-5:7," + ub + ":tag:1-3")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := Parse(in)
		if err != nil {
			return
		}
		back, err := Parse(s.String())
		if err != nil || !back.Equal(s) {
			t.Fatalf("%q: %q does not read back: %v", in, s.String(), err)
		}
	})
}
