package jdbc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/records"
)

func TestCalendar_AgreesWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.Int64Range(-2000000, 4000000).Draw(t, "days")
		y, m, d := civil(days)
		want := time.Unix(days*86400, 0).UTC()
		if int(y) != want.Year() || m != int(want.Month()) || d != want.Day() {
			t.Fatalf("day %d is %d-%d-%d, want %s", days, y, m, d, want)
		}
		if back := daysOf(y, m, d); back != days {
			t.Fatalf("day %d comes back as %d", days, back)
		}
	})
}

func TestParseZoned_ReadsWhatTheLibraryWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("", rapid.IntRange(-18*3600/60, 18*3600/60).Draw(t, "offset minutes")*60)
		at := time.Unix(rapid.Int64Range(-62135500000, 253402200000).Draw(t, "sec"), rapid.Int64Range(0, 999999999).Draw(t, "nanos")).In(zone)
		s, err := parseZoned([]byte(at.Format(time.RFC3339Nano)))
		if err != nil || s.sec != at.Unix() || s.nanos != int64(at.Nanosecond()) {
			t.Fatalf("%s: %+v, %v", at.Format(time.RFC3339Nano), s, err)
		}
	})
	for _, bad := range []string{"", "2024", "2024-01-01", "2024-01-01T00:00:00", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00Zx", "2024-01-01T00:00:00.Z"} {
		if _, err := parseZoned([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func FuzzParseZoned(f *testing.F) {
	f.Add([]byte("2024-02-29T12:34:56.123456789+02:00"))
	f.Add([]byte("-0044-03-15T10:00Z"))
	f.Fuzz(func(t *testing.T, p []byte) { _, _ = parseZoned(p) })
}

func TestDecimal_AgreesWithBigInt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 1, 24).Draw(t, "raw")
		scale := rapid.IntRange(-5, 30).Draw(t, "scale")
		n := new(big.Int).SetBytes(raw)
		if raw[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(raw))*8))
		}
		r := new(big.Rat).SetInt(n)
		p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale, -scale))), nil)
		if scale >= 0 {
			r.Quo(r, new(big.Rat).SetInt(p))
		} else {
			r.Mul(r, new(big.Rat).SetInt(p))
		}
		want := r.FloatString(max(scale, 0))
		if got := string(appendDecimal(nil, raw, scale)); got != want {
			t.Fatalf("text %s, want %s", got, want)
		}
		var buf [96]byte
		digits, neg := appendUnscaled(buf[:0], raw)
		bin, err := appendNumeric(nil, digits, neg, scale)
		if err != nil {
			t.Fatal(err)
		}
		if got := readNumeric(bin); got.Cmp(r) != 0 {
			t.Fatalf("binary %x is %s, want %s", bin, got, r)
		}
	})
}

// readNumeric reads NUMERIC's binary form.
func readNumeric(p []byte) *big.Rat {
	n, weight := int(binary.BigEndian.Uint16(p)), int(int16(binary.BigEndian.Uint16(p[2:])))
	sum := new(big.Rat)
	for i := range n {
		d := new(big.Rat).SetInt64(int64(binary.BigEndian.Uint16(p[8+2*i:])))
		e := weight - i
		f := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10000), big.NewInt(int64(max(e, -e))), nil))
		if e < 0 {
			d.Quo(d, f)
		} else {
			d.Mul(d, f)
		}
		sum.Add(sum, d)
	}
	if binary.BigEndian.Uint16(p[4:]) == 0x4000 {
		sum.Neg(sum)
	}
	return sum
}

// TestGroup_EqualsReplayingOneByOne checks the reduction against a map to which every record
// is applied in turn.
func TestGroup_EqualsReplayingOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]insertMode{modeInsert, modeUpsert, modeUpdate}).Draw(t, "mode")
		put := &layout{keys: 1, cols: []column{{field: newField(debezium, "k", typ(records.Int64), true)}, {field: newField(debezium, "v", typ(records.Int64), false), idx: 1}}}
		del := &layout{keys: 1, cols: put.cols[:1], delete: true}
		b := records.NewBatch(records.Origin{Table: "x"})
		naive, ours := map[int64]int64{5: -1, 6: -1}, map[int64]int64{5: -1, 6: -1}
		naiveBad, oursBad := false, false
		apply := func(m map[int64]int64, bad *bool, remove bool, k, v int64) {
			_, have := m[k]
			switch {
			case remove:
				delete(m, k)
			case mode == modeInsert && have:
				*bad = true
			case mode == modeUpdate && !have:
			default:
				m[k] = v
			}
		}
		flush := func(g *group) {
			dels, puts := g.split(mode != modeInsert)
			for _, s := range []rowSet{dels, puts} {
				for i := range s.len() {
					r := s.at(i)
					apply(ours, &oursBad, r.remove, b.Vals[r.val].Int(), b.Vals[r.val+1].Int())
				}
			}
		}
		g := &group{}
		for i := range rapid.IntRange(0, 60).Draw(t, "n") {
			k := rapid.Int64Range(-3, 8).Draw(t, "k")
			remove := rapid.Bool().Draw(t, "remove")
			off := b.AddVals(2)
			b.Vals[off], b.Vals[off+1] = records.Int64Value(k), records.Int64Value(int64(i))
			apply(naive, &naiveBad, remove, k, int64(i))
			l := put
			if remove {
				l = del
			}
			r := row{b: b, remove: remove, val: off}
			if !g.add(mode, l, r) {
				flush(g)
				g = &group{}
				g.add(mode, l, r)
			}
		}
		flush(g)
		if naiveBad != oursBad {
			t.Fatalf("duplicate seen: %v, want %v", oursBad, naiveBad)
		}
		if !naiveBad && fmt.Sprint(naive) != fmt.Sprint(ours) {
			t.Fatalf("table %v, want %v", ours, naive)
		}
	})
}

func TestKey_BytesOrderLikeValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := records.NewBatch(records.Origin{Table: "x"})
		cols := []column{{field: newField(debezium, "i", typ(records.Int64), true)}, {field: newField(debezium, "s", typ(records.String), true), idx: 1}}
		draw := func(n string) (row, int64, string) {
			i, s := rapid.Int64().Draw(t, n+"i"), rapid.StringMatching("[a-c\x00]{0,3}").Draw(t, n+"s")
			off := b.AddVals(2)
			v := b.AddString(s)
			b.Vals[off], b.Vals[off+1] = records.Int64Value(i), v
			return row{b: b, val: off}, i, s
		}
		r1, i1, s1 := draw("a")
		r2, i2, s2 := draw("b")
		want := strings.Compare(s1, s2)
		if i1 != i2 {
			want = slices.Compare([]int64{i1}, []int64{i2})
		}
		if got := bytes.Compare(appendKey(nil, cols, &r1), appendKey(nil, cols, &r2)); got != want {
			t.Fatalf("(%d,%q) against (%d,%q): %d, want %d", i1, s1, i2, s2, got, want)
		}
	})
}

func TestHotPath_DoesNotAllocate(t *testing.T) {
	m := newMaker("bench")
	b := benchBatch(m, 0, 64)
	l := &layout{table: &table{}, keys: 1}
	for i := range benchRow.Fields {
		c := column{field: newField(debezium, benchRow.Fields[i].Name, benchRow.Fields[i].Schema, i == 0), idx: i}
		c.target.baseType = []string{"bigint", "integer", "text", "text", "text", "numeric", "smallint", "double precision", "boolean", "date",
			"timestamp without time zone", "timestamp with time zone", "bytea"}[i]
		l.cols = append(l.cols, c)
	}
	g := &group{}
	var rows []row
	for i := range b.Records {
		rows = append(rows, row{b: b, rec: int32(i), val: b.Records[i].Value.Off, key: b.Records[i].Key.Off})
	}
	fill := func() {
		g.reset()
		for _, r := range rows {
			g.add(modeUpsert, l, r)
		}
		g.split(true)
	}
	fill()
	if n := testing.AllocsPerRun(50, fill); n != 0 {
		t.Errorf("grouping allocates %v times for 64 rows", n)
	}
	_, set := g.split(true)
	var wires []wire
	for i := range l.cols {
		w, err := pgWire(&l.cols[i].field, l.cols[i].target.baseType)
		if err != nil {
			t.Fatal(err)
		}
		wires = append(wires, w)
	}
	buf := make([]byte, 0, 1<<20)
	if n := testing.AllocsPerRun(50, func() {
		for i := range l.cols {
			if _, err := encodeArray(buf[:0], l, i, wires[i], set, time.UTC); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("PostgreSQL's encoding allocates %v times for 64 rows", n)
	}
	s := &mysqlSession{config: &config{zone: time.UTC, dateZone: time.UTC}, escapes: true}
	lits := make([]literal, len(l.cols))
	for i := range l.cols {
		var err error
		if lits[i], err = mysqlLiteral(&l.cols[i].field, l.cols[i].target, debezium); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(50, func() {
		q := buf[:0]
		for i := range set.order {
			for j := range l.cols {
				var err error
				if q, err = s.literal(q, &l.cols[j], lits[j], set.at(i)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}); n != 0 {
		t.Errorf("MySQL's literals allocate %v times for 64 rows", n)
	}
}

func TestMySQL_QuoteText(t *testing.T) {
	for _, c := range []struct {
		escapes  bool
		in, want string
	}{
		{true, `a'b\c`, `'a''b\\c'`}, {false, `a'b\c`, `'a''b\c'`}, {true, "", "''"}, {true, "x\x00\n", "'x\x00\n'"}, {true, `\'`, `'\\'''`},
	} {
		s := &mysqlSession{escapes: c.escapes}
		if got := string(s.quoteText(nil, []byte(c.in))); got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
}

func TestMySQL_ColumnOfMessage(t *testing.T) {
	for msg, want := range map[string]string{
		"Column 'name' cannot be null":                                                    "name",
		"Data too long for column 'na me' at row 1":                                       "na",
		"Incorrect integer value: 'column x' for column 'qty' at row 3":                   "qty",
		"Incorrect integer value: 'abc' for column `db`.`t`.`qty` at row 1":               "qty",
		"Field 'must' doesn't have a default value":                                       "must",
		"Invalid JSON text: \"Invalid value.\" at position 0 in value for column 't.js'.": "js",
		"nothing": "",
	} {
		if got := mysqlColumnOf(msg); got != want {
			t.Errorf("%s: %q, want %q", msg, got, want)
		}
	}
}

func TestVersionAtLeast(t *testing.T) {
	for v, want := range map[string]bool{"8.0.18": false, "8.0.19": true, "8.0.36-log": true, "9.7.4": true, "8.1.0": true, "5.7.44": false, "10.11.6": true, "8": false, "": false} {
		if got := versionAtLeast(v, 8, 0, 19); got != want {
			t.Errorf("%q: %v", v, got)
		}
	}
}

func TestZones(t *testing.T) {
	for name, off := range map[string]int{"UTC": 0, "Z": 0, "GMT": 0, "Europe/Berlin": 3600, "+02:00": 7200, "UTC-05:30": -19800, "GMT+1": -1} {
		z, err := loadZone(name)
		if off == -1 {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, got := time.Date(2024, 1, 1, 0, 0, 0, 0, z).Zone(); got != off {
			t.Errorf("%s: %d, want %d", name, got, off)
		}
	}
	if _, err := loadZone("Mars/Olympus"); err == nil {
		t.Error("Mars/Olympus is a zone")
	}
}
