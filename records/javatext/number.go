package javatext

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// maxExponent bounds decimal exponents: 1e999999999 must not become a gigabyte of zeros.
const maxExponent = 10000

// ParseDecimal reads what BigDecimal's constructor reads.
func ParseDecimal(text string) (unscaled *big.Int, scale int, ok bool) {
	mantissa := text
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		mantissa = text[1:]
	}
	digits := make([]byte, 0, len(mantissa))
	point := false
	for i, r := range mantissa {
		switch d := records.DigitValue(r); {
		case d >= 0:
			digits = append(digits, byte('0'+d))
			if point {
				scale++
			}
		case r == '.' && !point:
			point = true
		case r == 'e' || r == 'E':
			exp, err := strconv.ParseInt(mantissa[i+1:], 10, 32)
			if err != nil || exp > maxExponent || exp < -maxExponent || len(digits) == 0 {
				return nil, 0, false
			}
			return decimal(digits, scale-int(exp), negative)
		default:
			return nil, 0, false
		}
	}
	return decimal(digits, scale, negative)
}

func decimal(digits []byte, scale int, negative bool) (*big.Int, int, bool) {
	n, ok := new(big.Int).SetString(string(digits), 10)
	if ok && negative {
		n.Neg(n)
	}
	return n, scale, ok
}

// ParseLong reads what Long.parseLong and its siblings for 8, 16 and 32 bits read: a sign and
// digits of any script.
func ParseLong(text string, bits int) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, bits); err == nil {
		return n, true
	}
	sign, rest := int64(-1), text
	if strings.HasPrefix(text, "-") {
		sign, rest = 1, text[1:]
	} else if strings.HasPrefix(text, "+") {
		rest = text[1:]
	}
	if rest == "" {
		return 0, false
	}
	lowest := -(int64(1) << (bits - 1))
	var n int64 // negative, so that the lowest number fits
	for _, r := range rest {
		d := records.DigitValue(r)
		if d < 0 || n < (lowest+d)/10 {
			return 0, false
		}
		n = n*10 - d
	}
	if sign < 0 && n == lowest || n < lowest {
		return 0, false
	}
	return sign * n, true
}

// ParseDouble reads what Double.parseDouble, or with size 32 Float.parseFloat, reads: blanks
// around, the suffixes d and f, hexadecimal digits, NaN and Infinity.
func ParseDouble(text string, size int) (float64, bool) {
	s := Trim(text)
	unsigned := strings.TrimPrefix(s, "-")
	if unsigned == s {
		unsigned = strings.TrimPrefix(s, "+")
	}
	switch unsigned {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		if s[0] == '-' {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	case "":
		return 0, false
	}
	switch unsigned[len(unsigned)-1] {
	case 'd', 'D', 'f', 'F':
		s = s[:len(s)-1]
	}
	if unsigned[0] != '.' && unsigned[0]-'0' > 9 || strings.ContainsRune(s, '_') {
		return 0, false // Go's names of infinity and its digit separators
	}
	f, err := strconv.ParseFloat(s, size)
	if err != nil && !isRange(err) {
		return 0, false
	}
	return f, true
}

func isRange(err error) bool {
	e, ok := err.(*strconv.NumError)
	return ok && e.Err == strconv.ErrRange
}
