package transforms

import (
	"encoding/base64"
	"math"
	"math/big"
	"strconv"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/javatext"
)

const dayMillis = 86400000

// castValue turns a value that is not null into a plain type as Cast does. s is its schema,
// nil for a value without one.
func castValue(b *records.Batch, s *records.Schema, v records.Value, to records.Type) (records.Value, error) {
	from := records.Type(v.Kind)
	if s != nil {
		from = s.Type
	}
	switch {
	case v.Kind == records.KindDate:
		return v, dataErrorf("Cast transformation was passed a value of type class java.util.Date which is not supported by Connect's data API")
	case from > records.Bytes:
		return v, dataErrorf("Cast transformation does not support casting from %s; supported types are %s, BYTES]", from, castTypes)
	}
	if to == records.String {
		return castText(b, s, v), nil
	}
	if s != nil && s.Name == records.TimeName && (v.Int() < 0 || v.Int() > dayMillis) {
		return v, dataErrorf("Kafka Connect Time type should not have any date fields set to non-zero values.")
	}
	switch v.Kind {
	case records.KindString:
		return castString(b, v, to)
	case records.KindBytes:
		if s != nil && s.IsDecimal() {
			return castDecimal(b.Raw(v), decimalScale(s), to), nil
		}
		return v, dataErrorf("Unexpected type in Cast transformation: class [B")
	case records.KindFloat32, records.KindFloat64:
		return castFloat(v.Float(), to), nil
	}
	// Integers, and booleans as 1 and 0.
	n := v.Int()
	switch to {
	case records.Float32:
		return records.Float32Value(float32(n)), nil
	case records.Float64:
		return records.Float64Value(float64(n)), nil
	case records.Boolean:
		return records.BoolValue(n != 0), nil
	}
	return narrow(kindOf(to), n), nil
}

// castFloat cuts as Java's casts do: to the nearest end of int or long, then to fewer bits.
func castFloat(f float64, to records.Type) records.Value {
	switch to {
	case records.Float32:
		return records.Float32Value(float32(f))
	case records.Float64:
		return records.Float64Value(f)
	case records.Boolean:
		return records.BoolValue(saturate(f, math.MinInt64, math.MaxInt64) != 0)
	case records.Int64:
		return records.Int64Value(saturate(f, math.MinInt64, math.MaxInt64))
	}
	return narrow(kindOf(to), saturate(f, math.MinInt32, math.MaxInt32))
}

func saturate(f float64, low, high int64) int64 {
	switch {
	case f != f:
		return 0
	case f <= float64(low):
		return low
	case f >= float64(high):
		return high
	}
	return int64(f)
}

func castString(b *records.Batch, v records.Value, to records.Type) (records.Value, error) {
	switch to {
	case records.Boolean:
		return records.BoolValue(equalTrue(b.Raw(v))), nil
	case records.Float32, records.Float64:
		size := 64
		if to == records.Float32 {
			size = 32
		}
		f, ok := javatext.ParseDouble(string(b.Raw(v)), size)
		if !ok {
			return v, outOfRange
		}
		if size == 32 {
			return records.Float32Value(float32(f)), nil
		}
		return records.Float64Value(f), nil
	}
	n, ok := javatext.ParseLong(string(b.Raw(v)), 8<<(to-records.Int8))
	if !ok {
		return v, outOfRange
	}
	return narrow(kindOf(to), n), nil
}

var outOfRange = &javaError{dataException, "Value (" + hidden + ") was out of range for requested data type"}

func equalTrue(p []byte) bool {
	const want = "true"
	if len(p) != len(want) {
		return false
	}
	for i, c := range p {
		if c|0x20 != want[i] {
			return false
		}
	}
	return true
}

func castDecimal(unscaled []byte, scale int, to records.Type) records.Value {
	n := new(big.Int).SetBytes(unscaled)
	if len(unscaled) > 0 && unscaled[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(unscaled))*8))
	}
	switch to {
	case records.Float32:
		return records.Float32Value(float32(decimalFloat(n, scale, 32)))
	case records.Float64:
		return records.Float64Value(decimalFloat(n, scale, 64))
	case records.Boolean:
		return records.BoolValue(decimalLong(n, scale) != 0)
	}
	return narrow(kindOf(to), decimalLong(n, scale))
}

// castText is Java's toString, base64 for bytes, and for dates the form of headers (CW-328).
func castText(b *records.Batch, s *records.Schema, v records.Value) records.Value {
	off := len(b.Arena)
	name := ""
	if s != nil {
		name = s.Name
	}
	switch v.Kind {
	case records.KindString:
		return v
	case records.KindBool:
		b.Arena = strconv.AppendBool(b.Arena, v.Bool())
	case records.KindFloat32:
		b.Arena = records.AppendFloat(b.Arena, v.Float(), 32)
	case records.KindFloat64:
		b.Arena = records.AppendFloat(b.Arena, v.Float(), 64)
	case records.KindBytes:
		if name == records.DecimalName {
			b.Arena = records.AppendDecimal(b.Arena, b.Raw(v), decimalScale(s))
		} else {
			b.Arena = base64.StdEncoding.AppendEncode(b.Arena, b.Raw(v))
		}
	default:
		switch name {
		case records.DateName:
			b.Arena = javatext.AppendTime(b.Arena, v.Int()*dayMillis)
		case records.TimeName, records.TimestampName:
			b.Arena = javatext.AppendTime(b.Arena, v.Int())
		default:
			b.Arena = strconv.AppendInt(b.Arena, v.Int(), 10)
		}
	}
	return b.ArenaValue(records.KindString, off)
}
