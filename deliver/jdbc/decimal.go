package jdbc

import (
	"math/big"
	"strconv"
)

// appendUnscaled writes the digits of a big-endian two's complement number, without sign,
// and reports whether it is negative. Up to 64 bits it does not allocate.
func appendUnscaled(dst, raw []byte) (digits []byte, negative bool) {
	for len(raw) > 1 && (raw[0] == 0 && raw[1] < 0x80 || raw[0] == 0xFF && raw[1] >= 0x80) {
		raw = raw[1:]
	}
	if len(raw) == 0 {
		return append(dst, '0'), false
	}
	if len(raw) <= 8 {
		n := int64(int8(raw[0]))
		for _, c := range raw[1:] {
			n = n<<8 | int64(c)
		}
		if n < 0 {
			return strconv.AppendUint(dst, uint64(-n), 10), true
		}
		return strconv.AppendUint(dst, uint64(n), 10), false
	}
	n := new(big.Int).SetBytes(raw)
	if raw[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(raw))*8))
		n.Neg(n)
		return append(dst, n.Text(10)...), true
	}
	return append(dst, n.Text(10)...), false // not Append: it would make every caller's buffer escape
}

// maxScale bounds the zeros that a scale from a schema can make us write.
const maxScale = 20000

// appendDecimal writes a decimal as plain text: no exponent, every digit kept.
func appendDecimal(dst, raw []byte, scale int) []byte {
	var buf [96]byte
	digits, neg := appendUnscaled(buf[:0], raw)
	scale = min(max(scale, -maxScale), maxScale)
	if neg {
		dst = append(dst, '-')
	}
	if scale <= 0 {
		dst = append(dst, digits...)
		if len(digits) == 1 && digits[0] == '0' {
			return dst
		}
		for ; scale < 0; scale++ {
			dst = append(dst, '0')
		}
		return dst
	}
	whole := len(digits) - scale
	if whole <= 0 {
		dst = append(dst, '0', '.')
		for i := whole; i < 0; i++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[:whole]...)
	dst = append(dst, '.')
	return append(dst, digits[whole:]...)
}
