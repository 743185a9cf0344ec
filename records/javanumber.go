package records

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// AppendFloat appends what Java's Double.toString (or, with size 32, Float.toString) prints
// on JDK 17 (CW-304): plain for 1e-3 <= |x| < 1e7, else with an exponent, always with a
// digit after the point.
//
// JDK 17 is not always shortest. Up to 2^63 whole numbers are cut at the digits that the
// mantissa can hold, which gives other digits than the shortest text (123456792 as a float
// is 1.23456792E8). Above, its digit loop never takes a number that lies exactly on the edge
// of the rounding interval (1.0E23 is 9.999999999999999E22). Elsewhere it agrees with
// Go's shortest text on all of a million random numbers.
func AppendFloat(dst []byte, f float64, size int) []byte {
	a := math.Abs(f)
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case math.Signbit(f):
		dst = append(dst, '-')
	}
	if a == 0 {
		return append(dst, "0.0"...)
	}
	if math.IsInf(a, 0) {
		return append(dst, "Infinity"...)
	}
	var buf [32]byte
	switch {
	case a >= 1<<63 && a < 1e26:
		digits, exp := edgeDigits(buf[:0], a, size)
		return appendDigits(dst, digits, exp)
	case a >= 1e7 && a < 1<<63 && a == math.Trunc(a):
		digits, exp := wholeDigits(buf[:0], a, size)
		return appendDigits(dst, digits, exp)
	case a >= 1e-3 && a < 1e7:
		n := len(dst)
		dst = strconv.AppendFloat(dst, a, 'f', -1, size)
		for _, c := range dst[n:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, '.', '0')
	}
	s := strconv.AppendFloat(buf[:0], a, 'e', -1, size)
	if s[1] != '.' {
		// One digit only: Java chooses the closest number of two digits (4.9E-324).
		s = strconv.AppendFloat(buf[:0], a, 'e', 1, size)
	}
	i := len(s) - 1
	for s[i] != 'e' {
		i--
	}
	dst = append(dst, s[:i]...)
	dst = append(dst, 'E')
	exp := s[i+1:]
	if exp[0] == '-' {
		dst = append(dst, '-')
	}
	exp = exp[1:]
	for len(exp) > 1 && exp[0] == '0' {
		exp = exp[1:]
	}
	return append(dst, exp...)
}

// appendDigits writes d.dddEn for digits whose first one counts 10^exp.
func appendDigits(dst, digits []byte, exp int) []byte {
	for len(digits) > 1 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	dst = append(dst, digits[0], '.')
	if len(digits) > 1 {
		dst = append(dst, digits[1:]...)
	} else {
		dst = append(dst, '0')
	}
	dst = append(dst, 'E')
	return strconv.AppendInt(dst, int64(exp), 10)
}

// wholeDigits gives the digits of a whole number below 2^63 after rounding off, half up,
// the decimal digits that lie below the mantissa's last bit.
func wholeDigits(buf []byte, a float64, size int) (digits []byte, exp int) {
	mantissaBits := 53
	if size == 32 {
		mantissaBits = 24
	}
	n, drop := uint64(a), 0
	if spare := bits.Len64(n) - 1 - mantissaBits - 1; spare > 1 {
		drop = spare * 30103 / 100000 // floor(log10(2^spare))
		pow := uint64(1)
		for range drop {
			pow *= 10
		}
		rest := n % pow
		n /= pow
		if drop > 0 && rest >= pow/2 {
			n++
		}
	}
	digits = strconv.AppendUint(buf, n, 10)
	return digits, drop + len(digits) - 1
}

// edgeDigits develops digits until what is left is closer than half a unit in the last
// place, edges excluded. It allocates; such numbers are rare.
func edgeDigits(buf []byte, a float64, size int) (digits []byte, exp int) {
	mantissaBits := 53
	if size == 32 {
		mantissaBits = 24
	}
	_, e := math.Frexp(a)
	rest, _ := big.NewFloat(a).Int(nil)
	// Half a unit in the last place; for a power of two the lower neighbour is closer and
	// Java takes that distance on both sides.
	halfExp := e - 1 - mantissaBits
	if rest.TrailingZeroBits() == uint(e-1) {
		halfExp--
	}
	half := new(big.Int).Lsh(big.NewInt(1), uint(halfExp))
	unit := big.NewInt(1)
	ten := big.NewInt(10)
	for {
		next := new(big.Int).Mul(unit, ten)
		if next.Cmp(rest) > 0 {
			break
		}
		unit = next
		exp++
	}
	low, high := false, false
	q, sum := new(big.Int), new(big.Int)
	for first := true; !low && !high; first = false {
		q.QuoRem(rest, unit, rest)
		buf = append(buf, '0'+byte(q.Int64()))
		if !first { // at least one digit follows the point
			low = rest.Cmp(half) < 0
			high = sum.Add(rest, half).Cmp(unit) > 0
		}
		if !low && !high {
			rest.Mul(rest, ten)
			half.Mul(half, ten)
		}
	}
	if high {
		twice := new(big.Int).Lsh(rest, 1)
		c := twice.Cmp(unit)
		if !low || c > 0 || c == 0 && (buf[len(buf)-1]-'0')&1 == 1 {
			i := len(buf) - 1
			for ; i > 0 && buf[i] == '9'; i-- {
				buf[i] = '0'
			}
			if buf[i] == '9' {
				buf[0] = '1'
				exp++
			} else {
				buf[i]++
			}
		}
	}
	return buf, exp
}

// AppendDecimal appends what Java's BigDecimal.toString prints for an unscaled value in
// big-endian two's complement (CW-316).
func AppendDecimal(dst, unscaled []byte, scale int) []byte {
	var buf [48]byte
	digits, neg := appendUnscaled(buf[:0], unscaled)
	if neg {
		dst = append(dst, '-')
	}
	if scale == 0 {
		return append(dst, digits...)
	}
	adjusted := len(digits) - 1 - scale
	if scale > 0 && adjusted >= -6 {
		if point := len(digits) - scale; point > 0 {
			dst = append(dst, digits[:point]...)
			dst = append(dst, '.')
			return append(dst, digits[point:]...)
		}
		dst = append(dst, '0', '.')
		for i := len(digits); i < scale; i++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	if adjusted != 0 {
		dst = append(dst, 'E')
		if adjusted > 0 {
			dst = append(dst, '+')
		}
		dst = strconv.AppendInt(dst, int64(adjusted), 10)
	}
	return dst
}

// appendUnscaled appends the absolute value's decimal digits.
func appendUnscaled(dst, be []byte) (digits []byte, neg bool) {
	if len(be) == 0 {
		return append(dst, '0'), false
	}
	neg = be[0]&0x80 != 0
	if len(be) > 16 {
		n := new(big.Int).SetBytes(be)
		if neg {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(be))*8))
			n.Neg(n)
		}
		return n.Append(dst, 10), neg
	}
	var hi, lo uint64
	if neg {
		hi, lo = math.MaxUint64, math.MaxUint64
	}
	for _, c := range be {
		hi = hi<<8 | lo>>56
		lo = lo<<8 | uint64(c)
	}
	if neg {
		lo = -lo
		hi = ^hi
		if lo == 0 {
			hi++
		}
	}
	if hi == 0 {
		return strconv.AppendUint(dst, lo, 10), neg
	}
	const chunk = 1e19 // the largest power of ten in 64 bits
	var parts [3]uint64
	n := 0
	for hi != 0 {
		qHi, r := hi/chunk, hi%chunk
		qLo, r := bits.Div64(r, lo, chunk)
		parts[n] = r
		n++
		hi, lo = qHi, qLo
	}
	dst = strconv.AppendUint(dst, lo, 10)
	for n--; n >= 0; n-- {
		var b [19]byte
		p := parts[n]
		for i := 18; i >= 0; i-- {
			b[i] = '0' + byte(p%10)
			p /= 10
		}
		dst = append(dst, b[:]...)
	}
	return dst, neg
}

// AppendTwosComplement appends n as BigInteger.toByteArray does: the fewest bytes that keep the sign.
func AppendTwosComplement(dst []byte, n *big.Int) []byte {
	if n.Sign() >= 0 {
		size := n.BitLen()/8 + 1
		off := len(dst)
		dst = append(dst, make([]byte, size)...)
		n.FillBytes(dst[off:])
		return dst
	}
	size := new(big.Int).Not(n).BitLen()/8 + 1
	m := new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(size)*8))
	off := len(dst)
	dst = append(dst, make([]byte, size)...)
	m.FillBytes(dst[off:])
	return dst
}

// AppendInt64TwosComplement is AppendTwosComplement for small numbers.
func AppendInt64TwosComplement(dst []byte, n int64) []byte {
	u := uint64(n)
	if n < 0 {
		u = ^u
	}
	for size := bits.Len64(u)/8 + 1; size > 0; size-- {
		dst = append(dst, byte(n>>(uint(size-1)*8)))
	}
	return dst
}
