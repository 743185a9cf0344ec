package converters

import (
	"math"
	"math/big"
	"strconv"

	"github.com/anabranch/anabranch/records"
)

func isNumber(c byte) bool { return c == '-' || c-'0' <= 9 }

func (d *decoder) int(c byte, lo, hi int64, t records.Type, logicalText string) (records.Value, error) {
	if !isNumber(c) {
		if logicalText != "" {
			return records.Null, dataError(logicalText + " but was " + jsonTypeName(c))
		}
		return records.Null, d.mismatch(t.String())
	}
	n, err := d.number()
	if err != nil {
		return records.Null, err
	}
	i, ok := n.int64()
	if !ok && !n.whole && logicalText == "" {
		// 1.0 and 1e3 are whole numbers too.
		f, _ := strconv.ParseFloat(string(n.text), 64)
		if ok = f == math.Trunc(f) && math.Abs(f) < 1<<53; ok {
			i = int64(f)
		}
	}
	if !ok || i < lo || i > hi {
		if logicalText != "" {
			return records.Null, dataError(logicalText)
		}
		return records.Null, dataError("number does not fit " + t.String())
	}
	switch t {
	case records.Int8:
		return records.Int8Value(int8(i)), nil
	case records.Int16:
		return records.Int16Value(int16(i)), nil
	case records.Int32:
		return records.Int32Value(int32(i)), nil
	}
	return records.Int64Value(i), nil
}

func (d *decoder) float(c byte, t records.Type) (records.Value, error) {
	var f float64
	size := 64
	if t == records.Float32 {
		size = 32
	}
	switch {
	case isNumber(c):
		n, err := d.number()
		if err != nil {
			return records.Null, err
		}
		// Out of range gives the infinity, as in Java.
		f, _ = strconv.ParseFloat(string(n.text), size)
		f += 0 // Java goes through BigDecimal, which has no negative zero
	case c == '"':
		raw, _, err := d.str()
		if err != nil {
			return records.Null, err
		}
		switch string(raw) {
		case "NaN":
			f = math.NaN()
		case "Infinity":
			f = math.Inf(1)
		case "-Infinity":
			f = math.Inf(-1)
		default:
			return records.Null, dataError("Invalid type for " + t.String() + ", found JSON STRING")
		}
	default:
		return records.Null, d.mismatch(t.String())
	}
	if size == 32 {
		return records.Float32Value(float32(f)), nil
	}
	return records.Float64Value(f), nil
}

// maxScaleShift bounds how far a number is moved to its schema's scale: 1e999999999 must
// not become a gigabyte of zeros.
const maxScaleShift = 10000

// decimal reads the base64 of the unscaled value, or a number. A number is brought to the
// schema's scale; if that would cut digits off it is an error. (Java keeps a scale of the
// number's own, which its own writers then refuse.)
func (d *decoder) decimal(p *place, c byte) (records.Value, error) {
	if c == '"' {
		return d.bytes(c, "Invalid bytes for Decimal field")
	}
	if !isNumber(c) {
		return records.Null, dataError("Invalid type for Decimal, underlying representation should be numeric or bytes but was " + jsonTypeName(c))
	}
	n, err := d.number()
	if err != nil {
		return records.Null, err
	}
	off := len(d.b.Arena)
	if i, ok := n.int64(); ok && p.scale == 0 {
		d.b.Arena = records.AppendInt64TwosComplement(d.b.Arena, i)
		return d.b.ArenaValue(records.KindBytes, off), nil
	}
	if i, ok := scaledSmall(n.text, p.scale); ok {
		d.b.Arena = records.AppendInt64TwosComplement(d.b.Arena, i)
		return d.b.ArenaValue(records.KindBytes, off), nil
	}
	unscaled, ok := scaled(n.text, p.scale)
	if !ok {
		return records.Null, dataError("number has more digits after the point than the Decimal schema's scale of " + strconv.Itoa(p.scale))
	}
	d.b.Arena = records.AppendTwosComplement(d.b.Arena, unscaled)
	return d.b.ArenaValue(records.KindBytes, off), nil
}

// scaledSmall is scaled for numbers of up to 18 digits without an exponent.
func scaledSmall(text []byte, scale int) (int64, bool) {
	n, digits, frac, neg, point := int64(0), 0, 0, false, false
	for _, c := range text {
		switch {
		case c == '-':
			neg = true
		case c == '.':
			point = true
		case c-'0' <= 9:
			n = n*10 + int64(c-'0')
			digits++
			if point {
				frac++
			}
		default:
			return 0, false
		}
	}
	if frac > scale || digits+scale-frac > 18 {
		return 0, false
	}
	for ; frac < scale; frac++ {
		n *= 10
	}
	if neg {
		n = -n
	}
	return n, true
}

// scaled returns the number times 10^scale if that is a whole number.
func scaled(text []byte, scale int) (*big.Int, bool) {
	mantissa, exp := make([]byte, 0, len(text)), 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '.':
			exp -= countDigits(text[i+1:])
		case 'e', 'E':
			e, err := strconv.Atoi(string(text[i+1:]))
			if err != nil {
				return nil, false
			}
			exp += e
			i = len(text)
		default:
			mantissa = append(mantissa, text[i])
		}
	}
	n, ok := new(big.Int).SetString(string(mantissa), 10)
	if !ok {
		return nil, false
	}
	if n.Sign() == 0 {
		return n, true
	}
	shift := exp + scale
	if shift > maxScaleShift || shift < -maxScaleShift {
		return nil, false
	}
	pow := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(shift, -shift))), nil)
	if shift >= 0 {
		return n.Mul(n, pow), true
	}
	rest := new(big.Int)
	n.QuoRem(n, pow, rest)
	return n, rest.Sign() == 0
}

func countDigits(p []byte) int {
	for i, c := range p {
		if c-'0' > 9 {
			return i
		}
	}
	return len(p)
}
