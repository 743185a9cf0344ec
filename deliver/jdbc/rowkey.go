package jdbc

import (
	"encoding/binary"
	"math"

	"github.com/anabranch/anabranch/records"
)

// appendKey writes the key of a row so that equal keys have equal bytes and the order of the
// bytes is that of the values: every task that sorts by it takes row locks in one order
// (SJ-211). It does not allocate.
func appendKey(dst []byte, cols []column, r *row) []byte {
	for i := range cols {
		b, v := cols[i].value(r)
		dst = appendKeyValue(dst, b, v)
	}
	return dst
}

func appendKeyValue(dst []byte, b *records.Batch, v records.Value) []byte {
	switch v.Kind {
	case records.KindNull:
		return append(dst, 0)
	case records.KindInt8, records.KindInt16, records.KindInt32, records.KindInt64:
		dst = append(dst, 1)
		return binary.BigEndian.AppendUint64(dst, v.Num^1<<63)
	case records.KindFloat32, records.KindFloat64:
		n := v.Num
		if math.Signbit(v.Float()) {
			n = ^n
		} else {
			n |= 1 << 63
		}
		return binary.BigEndian.AppendUint64(append(dst, 2), n)
	case records.KindBool:
		return append(dst, 3, byte(v.Num))
	case records.KindString, records.KindBytes:
		dst = append(dst, 4)
		for _, c := range b.Raw(v) {
			dst = append(dst, c)
			if c == 0 {
				dst = append(dst, 0xFF)
			}
		}
		return append(dst, 0, 0)
	default:
		dst = append(dst, 5)
		for _, m := range b.Elems(v) {
			dst = appendKeyValue(dst, b, m)
		}
		return append(dst, 0)
	}
}

func keyPrefix(k []byte) uint64 {
	if len(k) >= 8 {
		return binary.BigEndian.Uint64(k)
	}
	var buf [8]byte
	copy(buf[:], k)
	return binary.BigEndian.Uint64(buf[:])
}
