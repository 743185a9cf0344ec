package column

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unsafe"
)

// decimal is an unscaled integer of up to 256 bits with a sign and a scale. MySQL's widest
// DECIMAL has 65 digits (216 bits), so no value needs the heap.
type decimal struct {
	w     [4]uint64 // little-endian words of the magnitude
	n     int       // words in use; up to 18 digits never leave the first
	neg   bool
	scale int
}

var pow10 = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// digitBytes is the space of a group of fewer than nine digits in MySQL's packed decimals.
var digitBytes = [...]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

// mulAdd makes d = d*m + a.
func (d *decimal) mulAdd(m, a uint64) {
	carry := a
	for i := 0; i < d.n; i++ {
		hi, lo := bits.Mul64(d.w[i], m)
		var c uint64
		d.w[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
	if carry != 0 && d.n < len(d.w) {
		d.w[d.n] = carry
		d.n++
	}
}

func (d *decimal) zero() bool { return d.n == 0 || d.n == 1 && d.w[0] == 0 }

// decimalBytes is the length of DECIMAL(precision,scale) in a row image.
func decimalBytes(precision, scale int) int {
	x := precision - scale
	return x/9*4 + digitBytes[x%9] + scale/9*4 + digitBytes[scale%9]
}

// decodePacked reads MySQL's packed decimal: big-endian groups of nine digits in four bytes,
// the first bit inverted, everything inverted for negative numbers.
func (d *decimal) decodePacked(p []byte, precision, scale int) {
	*d = decimal{scale: scale}
	x := precision - scale
	d.neg = p[0]&0x80 == 0
	mask := byte(0)
	if d.neg {
		mask = 0xFF
	}
	first := byte(0x80)
	group := func(n, digits int) {
		var v uint64
		for i := 0; i < n; i++ {
			v = v<<8 | uint64(p[i]^mask^first)
			first = 0
		}
		p = p[n:]
		if d.n == 0 {
			d.w[0] = v
			d.n = 1
			return
		}
		d.mulAdd(pow10[digits], v)
	}
	if r := x % 9; r > 0 {
		group(digitBytes[r], r)
	}
	for i := 0; i < x/9; i++ {
		group(4, 9)
	}
	for i := 0; i < scale/9; i++ {
		group(4, 9)
	}
	if r := scale % 9; r > 0 {
		group(digitBytes[r], r)
	}
	if d.zero() {
		d.neg = false
	}
}

// parse reads plain decimal text ("-12.50"); the scale is the number of fraction digits. It
// reports false for anything else.
func (d *decimal) parse(s []byte) bool {
	*d = decimal{n: 1}
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		d.neg = s[0] == '-'
		s = s[1:]
	}
	digits, point := 0, false
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			d.mulAdd(10, uint64(c-'0'))
			digits++
			if point {
				d.scale++
			}
		case c == '.' && !point:
			point = true
		default:
			return false
		}
		if digits > 76 {
			return false
		}
	}
	if d.zero() {
		d.neg = false
	}
	return digits > 0
}

// appendUnscaled appends the shortest big-endian two's complement form, as Java's
// BigInteger.toByteArray and Connect's Decimal have it.
func (d *decimal) appendUnscaled(dst []byte) []byte {
	if d.n <= 1 && d.w[0] < 1<<63 {
		v := int64(d.w[0])
		if d.neg {
			v = -v
		}
		n := bits.Len64(uint64(v^v>>63))/8 + 1
		var buf [8]byte
		binary.BigEndian.PutUint64(buf[:], uint64(v))
		return append(dst, buf[8-n:]...)
	}
	w := d.w
	if d.neg {
		carry := uint64(1)
		for i := range w {
			w[i], carry = bits.Add64(^w[i], 0, carry)
		}
	}
	var buf [32]byte
	for i := range w {
		for j := 0; j < 8; j++ {
			buf[31-8*i-j] = byte(w[i] >> (8 * j))
		}
	}
	sign := byte(0)
	if d.neg {
		sign = 0xFF
	}
	i := 0
	for i < 31 && buf[i] == sign && (buf[i+1]^sign)&0x80 == 0 {
		i++
	}
	return append(dst, buf[i:]...)
}

// appendPlain appends plain notation, Java's BigDecimal.toPlainString.
func (d *decimal) appendPlain(dst []byte) []byte {
	var buf [96]byte
	i := len(buf)
	w, n := d.w, d.n
	left := d.scale
	for {
		var r uint64
		nonzero := false
		for j := n - 1; j >= 0; j-- {
			w[j], r = bits.Div64(r, w[j], 1e18)
			nonzero = nonzero || w[j] != 0
		}
		for k := 0; k < 18; k++ {
			if !nonzero && r == 0 && left < 0 {
				break
			}
			if left == 0 && d.scale > 0 {
				i--
				buf[i] = '.'
			}
			i--
			buf[i] = byte('0' + r%10)
			r /= 10
			left--
		}
		if !nonzero && left < 0 {
			break
		}
	}
	if d.neg {
		i--
		buf[i] = '-'
	}
	return append(dst, buf[i:]...)
}

// float is the nearest double, Java's BigDecimal.doubleValue.
func (d *decimal) float() float64 {
	if d.n <= 1 && d.w[0] < 1<<53 && d.scale <= 22 {
		f := float64(d.w[0]) / tens[d.scale] // both exact, so the quotient is correctly rounded
		if d.neg {
			return -f
		}
		return f
	}
	var buf [100]byte
	s := d.appendPlain(buf[:0])
	f, _ := strconv.ParseFloat(unsafe.String(&s[0], len(s)), 64)
	return f
}

var tens = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
	1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
