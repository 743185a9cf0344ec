package records

import "unicode"

// DigitValue is Java's Character.digit(r, 10): the value of a digit of any script, -1 for
// what is none. Unicode's blocks of ten begin with their zero.
func DigitValue(r rune) int64 {
	if r < 0x80 {
		if r >= '0' && r <= '9' {
			return int64(r - '0')
		}
		return -1
	}
	for _, b := range unicode.Nd.R16 {
		if uint32(r) >= uint32(b.Lo) && uint32(r) <= uint32(b.Hi) {
			return int64(uint32(r)-uint32(b.Lo)) % 10
		}
	}
	for _, b := range unicode.Nd.R32 {
		if uint32(r) >= b.Lo && uint32(r) <= b.Hi {
			return int64(uint32(r)-b.Lo) % 10
		}
	}
	return -1
}
