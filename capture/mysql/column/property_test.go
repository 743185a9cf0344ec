package column

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/records"
)

// packDecimal is MySQL's decimal2bin, the slow way.
func packDecimal(precision, scale int, digits string, neg bool) []byte {
	whole, frac := digits[:precision-scale], digits[precision-scale:]
	var out []byte
	group := func(s string) {
		v, _ := strconv.ParseUint(s, 10, 64)
		var p [8]byte
		binary.BigEndian.PutUint64(p[:], v)
		out = append(out, p[8-digitBytes[len(s)]:]...)
	}
	if r := len(whole) % 9; r > 0 {
		group(whole[:r])
		whole = whole[r:]
	}
	for ; len(whole) > 0; whole = whole[9:] {
		group(whole[:9])
	}
	for ; len(frac) >= 9; frac = frac[9:] {
		group(frac[:9])
	}
	if len(frac) > 0 {
		group(frac)
	}
	out[0] ^= 0x80
	if neg {
		for i := range out {
			out[i] ^= 0xff
		}
	}
	return out
}

// Text and binlog must agree on every DECIMAL, and with big.Int.
func TestProperty_Decimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		precision := rapid.IntRange(1, 65).Draw(t, "precision")
		scale := rapid.IntRange(0, min(30, precision)).Draw(t, "scale")
		digits := rapid.StringMatching(fmt.Sprintf(`[0-9]{%d}`, precision)).Draw(t, "digits")
		if rapid.Bool().Draw(t, "small") {
			digits = strings.Repeat("0", precision-1) + digits[precision-1:]
		}
		neg := rapid.Bool().Draw(t, "neg") && strings.Trim(digits, "0") != ""
		var fromWire, fromText decimal
		fromWire.decodePacked(packDecimal(precision, scale, digits, neg), precision, scale)
		text := strings.TrimLeft(digits[:precision-scale], "0")
		if text == "" {
			text = "0"
		}
		if scale > 0 {
			text += "." + digits[precision-scale:]
		}
		if neg {
			text = "-" + text
		}
		if !fromText.parse([]byte(text)) {
			t.Fatalf("cannot parse %s", text)
		}
		n, _ := new(big.Int).SetString(digits, 10)
		if neg {
			n.Neg(n)
		}
		for _, d := range []*decimal{&fromWire, &fromText} {
			if got, want := d.appendUnscaled(nil), twosComplement(n); string(got) != string(want) {
				t.Fatalf("%s: %x, want %x", text, got, want)
			}
			if got := string(d.appendPlain(nil)); got != text {
				t.Fatalf("%s: plain %s", text, got)
			}
			if f, _ := strconv.ParseFloat(text, 64); d.float() != f {
				t.Fatalf("%s: %v, want %v", text, d.float(), f)
			}
		}
	})
}

// The calendar agrees with package time, both ways.
func TestProperty_Calendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := rapid.Int64Range(-800000, 3000000).Draw(t, "day")
		want := time.Unix(day*86400, 0).UTC()
		y, m, d := civil(day)
		if y != want.Year() || m != int(want.Month()) || d != want.Day() || epochDay(y, m, d) != day || !validDate(y, m, d) {
			t.Fatalf("day %d is %d-%d-%d, want %v", day, y, m, d, want)
		}
	})
}

// Snapshot and stream agree on temporal values whose fraction Debezium's stream gets right: six
// digits (see fracDivisor).
func TestProperty_TextAndBinlogAgree(t *testing.T) {
	sp := func(typ string, jdbc, length int, wire byte, meta ...byte) spec {
		return spec{typ: typ, jdbc: jdbc, length: length, scale: -1, wire: wire, meta: meta}
	}
	specs := []spec{sp("DATETIME", jdbcTimestamp, 6, typeDatetime2, 6), sp("TIME", jdbcTime, 6, typeTime2, 6), sp("DATE", jdbcDate, 0, typeDate),
		sp("BIGINT", jdbcBigint, 0, typeLongLong), sp("BIGINT UNSIGNED", jdbcBigint, 0, typeLongLong), sp("DOUBLE", jdbcDouble, 0, typeDouble, 8), varcharSpec}
	for _, mode := range []string{"", "connect", "isostring", "microseconds", "nanoseconds"} {
		p, d := mustPlan(t, Options{TimePrecision: mode, TimeAdjuster: true}, specs...)
		rapid.Check(t, func(t *rapid.T) {
			at := time.Unix(rapid.Int64Range(-30610224000, 253402300799).Draw(t, "sec"), rapid.Int64Range(0, 999999).Draw(t, "micros")*1000).UTC()
			span := rapid.Int64Range(-3020399000000, 3020399000000).Draw(t, "time")
			i, u := rapid.Int64().Draw(t, "i"), rapid.Uint64().Draw(t, "u")
			f := rapid.Float64().Draw(t, "f")
			s := rapid.StringN(-1, -1, 200).Draw(t, "s")
			s = strings.ToValidUTF8(s, "?")

			row := []byte{0}
			row = append(row, packDatetime(at.Year(), int(at.Month()), at.Day(), at.Hour(), at.Minute(), at.Second())...)
			micros := at.Nanosecond() / 1000
			row = append(row, byte(micros>>16), byte(micros>>8), byte(micros))
			abs := span
			sign := ""
			if span < 0 {
				abs, sign = -span, "-"
			}
			sec := abs / 1e6
			packed := (sec/3600<<12|sec/60%60<<6|sec%60)<<24 | abs%1e6
			if span < 0 {
				packed = -packed
			}
			packed += 0x800000 << 24
			row = append(row, byte(packed>>40), byte(packed>>32), byte(packed>>24), byte(packed>>16), byte(packed>>8), byte(packed))
			row = append(row, le(3, uint64(at.Year()<<9|int(at.Month())<<5|at.Day()))...)
			row = append(append(append(row, le(8, uint64(i))...), le(8, u)...), le(8, math.Float64bits(f))...)
			row = append(append(row, byte(len(s))), s...)
			text := []string{at.Format("2006-01-02 15:04:05.000000"), fmt.Sprintf("%s%02d:%02d:%02d.%06d", sign, sec/3600, sec/60%60, sec%60, abs%1e6),
				at.Format("2006-01-02"), strconv.FormatInt(i, 10), strconv.FormatUint(u, 10), strconv.FormatFloat(f, 'g', -1, 64), s}
			var cells [][]byte
			for _, c := range text {
				cells = append(cells, []byte(c))
			}
			b := records.NewBatch(records.Origin{})
			defer b.Release()
			streamed, n, err := d.Row(b, []byte{0xff}, row)
			if err != nil || n != len(row) {
				t.Fatal(n, err)
			}
			read, err := p.TextRow(b, cells)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Equal(b, streamed, read) {
				t.Fatalf("%s: stream %s, snapshot %s", mode, show(b, streamed), show(b, read))
			}
		})
	}
}
