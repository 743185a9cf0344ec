package column

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

var errDefault = errors.New("literal cannot be read as a value of the column's type")

// parseDefault turns the default expression of a column into the schema's default, nil for none
// (DM-170, DM-501). It follows BinlogDefaultValueConverter with its oddities: integers pass
// through a double, BIT literals are read as binary digits, text for binary columns is UTF-8.
func (m *modes) parseDefault(pl *plan, expr string) (any, error) {
	switch pl.kind {
	case kindText, kindBinary, kindEnum, kindSet, kindJSON, kindPoint, kindGeometry, kindVector:
	default:
		expr = strings.TrimFunc(expr, func(r rune) bool { return r <= ' ' })
	}
	expr = withoutIntroducer(expr)
	if v, ok := boolWord(expr); ok {
		switch pl.kind {
		case kindTiny, kindSmall, kindMedium, kindInt, kindBig, kindFloat32, kindFloat64, kindDecimal, kindBit, kindYear:
			expr = v
		}
	}
	switch pl.kind {
	case kindBool, kindBit:
		width := 32
		if pl.kind == kindBit {
			width = 16
		}
		if n, err := strconv.ParseInt(expr, 10, width); err == nil {
			return n != 0, nil
		}
		return strings.EqualFold(expr, "true"), nil
	case kindBits:
		return defaultBits(pl, expr)
	case kindTiny, kindSmall, kindMedium, kindInt, kindBig:
		return m.defaultInteger(pl, expr)
	case kindFloat32, kindFloat64:
		f, err := javaDouble(expr)
		if err != nil {
			return nil, err
		}
		if pl.kind == kindFloat32 {
			f = float64(float32(f))
		}
		return f, nil
	case kindDecimal:
		return m.defaultDecimal(pl, expr)
	case kindYear:
		n, err := strconv.ParseInt(expr, 10, 32)
		if err != nil {
			return nil, errDefault
		}
		return int64(adjustYear(int(n))), nil
	case kindText, kindEnum, kindSet, kindJSON:
		return expr, nil
	case kindBinary:
		switch m.binary {
		case binaryBase64:
			return base64.StdEncoding.EncodeToString([]byte(expr)), nil
		case binaryBase64URL:
			return base64.URLEncoding.EncodeToString([]byte(expr)), nil
		case binaryHex:
			return hex.EncodeToString([]byte(expr)), nil
		}
		return []byte(expr), nil
	case kindDate:
		return m.defaultDate(pl, expr)
	case kindTime:
		return m.defaultTime(expr)
	case kindDatetime:
		return m.defaultDatetime(pl, expr)
	case kindTimestamp:
		return m.defaultTimestamp(pl, expr)
	}
	return nil, errDefault
}

// withoutIntroducer turns _utf8mb4'x' into x.
func withoutIntroducer(s string) string {
	i := strings.IndexByte(s, '\'')
	if i < 2 || s[0] != '_' || len(s) < i+2 || s[len(s)-1] != '\'' || strings.ContainsAny(s, "\n\r") {
		return s
	}
	for _, c := range s[1:i] {
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			return s
		}
	}
	return s[i+1 : len(s)-1]
}

func boolWord(s string) (string, bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return "1", true
	case strings.EqualFold(s, "false"):
		return "0", true
	}
	return "", false
}

// javaDouble is Double.parseDouble without its hexadecimal and NaN forms.
func javaDouble(s string) (float64, error) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	if s != "" && strings.IndexByte("fFdD", s[len(s)-1]) >= 0 {
		s = s[:len(s)-1]
	}
	for _, c := range s {
		if !(c >= '0' && c <= '9') && !strings.ContainsRune("+-.eE", c) {
			return 0, errDefault
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errDefault
	}
	return f, nil
}

// javaRound is Math.round: half up, saturating.
func javaRound(f float64) int64 {
	r := math.Floor(f)
	if f-r >= 0.5 {
		r++
	}
	switch {
	case r >= math.MaxInt64:
		return math.MaxInt64
	case r <= math.MinInt64:
		return math.MinInt64
	}
	return int64(r)
}

func (m *modes) defaultInteger(pl *plan, expr string) (any, error) {
	if pl.kind == kindBig && pl.unsigned && m.bigintPrecise {
		d, ok := parseBig(expr)
		if !ok || d.scale > 0 {
			return nil, errDefault
		}
		n := d.rescaled(0)
		if n.Sign() < 0 {
			n.Add(n, new(big.Int).Lsh(big.NewInt(1), 64))
		}
		return twosComplement(n), nil
	}
	f, err := javaDouble(expr)
	if err != nil {
		return nil, err
	}
	n := javaRound(f)
	switch pl.kind {
	case kindTiny:
		return int64(int16(n)), nil
	case kindSmall:
		if pl.unsigned {
			return int64(int32(n)), nil
		}
		return int64(int16(n)), nil
	case kindMedium:
		return int64(int32(n)), nil
	case kindInt:
		if pl.unsigned {
			return n, nil
		}
		return int64(int32(n)), nil
	}
	return n, nil
}

// bigDecimal is java.math.BigDecimal as far as defaults need it.
type bigDecimal struct {
	unscaled *big.Int
	scale    int
}

func parseBig(s string) (bigDecimal, bool) {
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(s[i+1:])
		if err != nil || n > 400 || n < -400 {
			return bigDecimal{}, false
		}
		mantissa, exponent = s[:i], n
	}
	whole, frac, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimPrefix(whole, "+") + frac
	if digits == "" || digits == "-" || strings.ContainsAny(frac, "+-") || strings.HasPrefix(digits, "+") || len(digits) > 400 {
		return bigDecimal{}, false
	}
	for i, c := range digits {
		if (c < '0' || c > '9') && !(c == '-' && i == 0) {
			return bigDecimal{}, false
		}
	}
	n, ok := new(big.Int).SetString(digits, 10)
	return bigDecimal{n, len(frac) - exponent}, ok
}

// rescaled is setScale(scale, HALF_UP).unscaledValue().
func (d bigDecimal) rescaled(scale int) *big.Int {
	n := new(big.Int).Set(d.unscaled)
	for s := d.scale; s < scale; s++ {
		n.Mul(n, big.NewInt(10))
	}
	if d.scale > scale {
		div := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.scale-scale)), nil)
		half := new(big.Int).Rsh(div, 1)
		if n.Sign() < 0 {
			half.Neg(half)
		}
		n.Quo(n.Add(n, half), div)
	}
	return n
}

func twosComplement(n *big.Int) []byte {
	if n.Sign() >= 0 {
		b := n.Bytes()
		if len(b) == 0 || b[0]&0x80 != 0 {
			b = append([]byte{0}, b...)
		}
		return b
	}
	size := new(big.Int).Not(n).BitLen()/8 + 1
	return new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(size*8))).FillBytes(make([]byte, size))
}

func (m *modes) defaultDecimal(pl *plan, expr string) (any, error) {
	d, ok := parseBig(expr)
	if !ok {
		return nil, errDefault
	}
	n := d.rescaled(pl.scale)
	if m.decimal == decimalPrecise {
		return twosComplement(n), nil
	}
	digits := new(big.Int).Abs(n).String()
	if pad := pl.scale + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	if pl.scale > 0 {
		digits = digits[:len(digits)-pl.scale] + "." + digits[len(digits)-pl.scale:]
	}
	if n.Sign() < 0 {
		digits = "-" + digits
	}
	if m.decimal == decimalString {
		return digits, nil
	}
	return strconv.ParseFloat(digits, 64)
}

// defaultBits reads eight binary digits a byte, from the right.
func defaultBits(pl *plan, expr string) (any, error) {
	var out []byte
	for len(expr) > 0 {
		from := max(len(expr)-8, 0)
		n, err := strconv.ParseUint(expr[from:], 2, 8)
		if err != nil {
			return nil, errDefault
		}
		out = append(out, byte(n))
		expr = expr[:from]
	}
	for len(out) < (pl.length+7)/8 {
		out = append(out, 0)
	}
	return out, nil
}
