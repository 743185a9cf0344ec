package jdbc

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/records"
)

var (
	errNoText     = errors.New("value has no text form for this column")
	errValueShape = errors.New("value does not have the type that its schema names")
)

// appendText writes a value's canonical text: numbers and decimals plain, dates and times
// in ISO form with a blank, zoned text as an instant in zone. It is the form for columns
// that have no better one. It does not allocate.
func appendText(dst []byte, f *field, b *records.Batch, v records.Value, zone *time.Location) ([]byte, error) {
	switch k := f.kind; {
	case k.isText() || k == kindZonedStamp:
		if v.Kind != records.KindString {
			return dst, errValueShape
		}
		return append(dst, b.Raw(v)...), nil
	case k.isInt():
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case k == kindBool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case k == kindFloat32:
		return appendFloat(dst, v.Float(), 32), nil
	case k == kindFloat64:
		return appendFloat(dst, v.Float(), 64), nil
	case k == kindDecimal:
		if v.Kind != records.KindBytes {
			return dst, errValueShape
		}
		return appendDecimal(dst, b.Raw(v), f.scale), nil
	case k == kindVarDecimal:
		raw, scale, err := varDecimal(f, b, v)
		if err != nil {
			return dst, err
		}
		return appendDecimal(dst, raw, scale), nil
	case k == kindDate:
		return appendDate(dst, dayIn(v.Int(), zone)), nil
	case k.isTime():
		return appendTime(dst, v.Int()*nanosPer(k)), nil
	case k.isStamp():
		return appendStamp(dst, stampOf(v.Int(), perSecond(k)), ' '), nil
	case k.isInstant():
		return appendStamp(dst, stampOf(v.Int(), perSecond(k)).inZone(zone), ' '), nil
	case k == kindMicroDuration:
		return appendTime(dst, v.Int()*1000), nil
	case k == kindBits:
		return appendBits(dst, f, b.Raw(v)), nil
	}
	return dst, errNoText
}

func appendFloat(dst []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, "NaN"...)
	case math.IsInf(x, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(x, -1):
		return append(dst, "-Infinity"...)
	}
	return strconv.AppendFloat(dst, x, 'g', -1, bits)
}

// appendBits writes the bits of Debezium's little-endian bytes, the highest first.
func appendBits(dst []byte, f *field, raw []byte) []byte {
	n := f.length
	if n == 0 {
		n = len(raw) * 8
	}
	for i := n - 1; i >= 0; i-- {
		c := byte('0')
		if i/8 < len(raw) && raw[i/8]>>(i%8)&1 == 1 {
			c = '1'
		}
		dst = append(dst, c)
	}
	return dst
}

func varDecimal(f *field, b *records.Batch, v records.Value) (raw []byte, scale int, err error) {
	if v.Kind != records.KindStruct {
		return nil, 0, errValueShape
	}
	m := b.Elems(v)
	u := m[f.unscaled]
	if u.Kind != records.KindBytes {
		return nil, 0, errValueShape
	}
	return b.Raw(u), int(m[f.scaleAt].Int()), nil
}

// nanosPer is the length of a unit of a time of day.
func nanosPer(k kind) int64 {
	switch k {
	case kindTimeMilli:
		return 1e6
	case kindTimeMicro:
		return 1e3
	}
	return 1
}

// perSecond is how many units of a timestamp make a second.
func perSecond(k kind) int64 {
	switch k {
	case kindStampMilli, kindInstantMilli:
		return 1e3
	case kindStampMicro, kindInstantMicro:
		return 1e6
	}
	return 1e9
}

func appendInt(dst []byte, n int64) []byte   { return strconv.AppendInt(dst, n, 10) }
func appendUint(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }
