package jdbc

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"time"

	"github.com/anabranch/anabranch/records"
)

// encoder appends a value in PostgreSQL's binary format, without its length.
type encoder func(dst []byte, c *column, b *records.Batch, v records.Value, zone *time.Location) ([]byte, error)

// wire is how a column travels to PostgreSQL: as an array of an element type, cast to the
// column's type where that differs.
type wire struct {
	elem  uint32 // OID of the element type
	array string // name of the array type
	cast  string // "" = no cast
	enc   encoder
}

// OIDs of pg_type that never change.
const (
	oidBool        = 16
	oidBytea       = 17
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidFloat4      = 700
	oidFloat8      = 701
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidInterval    = 1186
	oidVarbit      = 1562
	oidNumeric     = 1700
)

var (
	errNUL       = errors.New("text contains the character NUL (U+0000), which PostgreSQL cannot store")
	errRange     = errors.New("number is out of the column's range")
	errMapping   = errors.New("value cannot be stored in a column of this type")
	hintNUL      = "remove the character at the source or in a transform, or make the column bytea"
	postgresDate = daysOf(2000, 1, 1)
)

const postgresEpochMicros = 946684800 * microsPerSecond

// pgWire picks the way for a column, by kind and the type of the database's column.
func pgWire(f *field, base string) (wire, error) {
	text := wire{oidText, "text", base, encText}
	switch base {
	case "text", "character varying", "character", "bpchar", "name", "citext":
		text.cast = "" // assignment from text checks lengths; a cast would cut
	}
	k := f.kind
	switch base {
	case "smallint":
		if k.isInt() || k == kindBool {
			return wire{oidInt2, "int2", "", encInt2}, nil
		}
	case "integer":
		if k.isInt() || k == kindBool {
			return wire{oidInt4, "int4", "", encInt4}, nil
		}
	case "bigint":
		if k.isInt() || k == kindBool {
			return wire{oidInt8, "int8", "", encInt8}, nil
		}
	case "real":
		if k == kindFloat32 {
			return wire{oidFloat4, "float4", "", encFloat4}, nil
		}
	case "double precision":
		if k == kindFloat64 || k == kindFloat32 {
			return wire{oidFloat8, "float8", "", encFloat8}, nil
		}
	case "boolean":
		if k == kindBool || k.isInt() {
			return wire{oidBool, "bool", "", encBool}, nil
		}
		if k == kindBits {
			return wire{oidBool, "bool", "", encBitBool}, nil
		}
	case "numeric":
		if k == kindDecimal || k == kindVarDecimal || k.isInt() {
			return wire{oidNumeric, "numeric", "", encNumeric}, nil
		}
	case "bytea":
		if k == kindBytes || k == kindBits {
			return wire{oidBytea, "bytea", "", encBytes}, nil
		}
		if k == kindPoint || k == kindGeometry || k == kindGeography {
			return wire{oidBytea, "bytea", "", encWKB}, nil
		}
	case "date":
		if k == kindDate {
			return wire{oidDate, "date", "", encDate}, nil
		}
	case "time without time zone":
		if k.isTime() {
			return wire{oidTime, "time", "", encTime}, nil
		}
	case "timestamp without time zone":
		if k.isStamp() || k.isInstant() || k == kindZonedStamp {
			return wire{oidTimestamp, "timestamp", "", encTimestamp}, nil
		}
	case "timestamp with time zone":
		if k.isStamp() || k.isInstant() || k == kindZonedStamp {
			return wire{oidTimestamptz, "timestamptz", "", encTimestamptz}, nil
		}
	case "interval":
		if k == kindMicroDuration {
			return wire{oidInterval, "interval", "", encInterval}, nil
		}
	case "bit", "bit varying", `"bit"`:
		if k == kindBits {
			return wire{oidVarbit, "varbit", "", encVarbit}, nil
		}
		if k == kindBool {
			return wire{oidVarbit, "varbit", "", encBoolBit}, nil
		}
	case "point":
		if k == kindPoint {
			return wire{oidText, "text", base, encPointText}, nil
		}
	}
	switch k {
	case kindBytes:
		return wire{}, errMapping // its text form would be a guess
	case kindPoint, kindGeometry, kindGeography:
		return wire{oidText, "text", base, encEWKBHex}, nil
	case kindArray:
		return wire{oidText, "text", base, encArrayText}, nil
	}
	return text, nil
}

func encText(dst []byte, c *column, b *records.Batch, v records.Value, zone *time.Location) ([]byte, error) {
	if v.Kind == records.KindString {
		raw := b.Raw(v)
		if bytes.IndexByte(raw, 0) >= 0 {
			return dst, errNUL
		}
		return append(dst, raw...), nil
	}
	return appendText(dst, &c.field, b, v, zone)
}

func intOf(v records.Value) int64 {
	if v.Kind == records.KindBool {
		return int64(v.Num)
	}
	return v.Int()
}

func encInt2(dst []byte, _ *column, _ *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	n := intOf(v)
	if n != int64(int16(n)) {
		return dst, errRange
	}
	return binary.BigEndian.AppendUint16(dst, uint16(n)), nil
}

func encInt4(dst []byte, _ *column, _ *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	n := intOf(v)
	if n != int64(int32(n)) {
		return dst, errRange
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
}

func encInt8(dst []byte, _ *column, _ *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	return binary.BigEndian.AppendUint64(dst, uint64(intOf(v))), nil
}

func encFloat4(dst []byte, _ *column, _ *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(v.Float()))), nil
}

func encFloat8(dst []byte, _ *column, _ *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	return binary.BigEndian.AppendUint64(dst, v.Num), nil
}

func encBool(dst []byte, _ *column, _ *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	if v.Num != 0 {
		return append(dst, 1), nil
	}
	return append(dst, 0), nil
}

func encBitBool(dst []byte, _ *column, b *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	for _, x := range b.Raw(v) {
		if x != 0 {
			return append(dst, 1), nil
		}
	}
	return append(dst, 0), nil
}

func encBytes(dst []byte, _ *column, b *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	if v.Kind != records.KindBytes {
		return dst, errValueShape
	}
	return append(dst, b.Raw(v)...), nil
}

func encDate(dst []byte, _ *column, _ *records.Batch, v records.Value, zone *time.Location) ([]byte, error) {
	n := dayIn(v.Int(), zone) - postgresDate
	if n != int64(int32(n)) {
		return dst, errRange
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
}

func encTime(dst []byte, c *column, _ *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	n := v.Int() * nanosPer(c.kind) / 1000
	if n < 0 || n > microsPerDay {
		return dst, errRange
	}
	return binary.BigEndian.AppendUint64(dst, uint64(n)), nil
}

// encTimestamp writes a wall clock.
func encTimestamp(dst []byte, c *column, b *records.Batch, v records.Value, zone *time.Location) ([]byte, error) {
	s, special, err := stampFrom(c, b, v)
	if err != nil {
		return dst, err
	}
	if special != 0 {
		return binary.BigEndian.AppendUint64(dst, uint64(special)), nil
	}
	if !c.kind.isStamp() {
		s = s.inZone(zone)
	}
	return binary.BigEndian.AppendUint64(dst, uint64(s.micros()-postgresEpochMicros)), nil
}

// encTimestamptz writes an instant; a wall clock is one of the configured zone.
func encTimestamptz(dst []byte, c *column, b *records.Batch, v records.Value, zone *time.Location) ([]byte, error) {
	s, special, err := stampFrom(c, b, v)
	if err != nil {
		return dst, err
	}
	if special != 0 {
		return binary.BigEndian.AppendUint64(dst, uint64(special)), nil
	}
	if c.kind.isStamp() {
		s = s.fromZone(zone)
	}
	return binary.BigEndian.AppendUint64(dst, uint64(s.micros()-postgresEpochMicros)), nil
}

// stampFrom reads any kind of timestamp. special is PostgreSQL's infinity where it is not 0.
func stampFrom(c *column, b *records.Batch, v records.Value) (s stamp, special int64, err error) {
	if c.kind != kindZonedStamp {
		return stampOf(v.Int(), perSecond(c.kind)), 0, nil
	}
	if v.Kind != records.KindString {
		return s, 0, errValueShape
	}
	raw := b.Raw(v)
	switch string(raw) {
	case "infinity":
		return s, math.MaxInt64, nil
	case "-infinity":
		return s, math.MinInt64, nil
	}
	s, err = parseZoned(raw)
	return s, 0, err
}

func encInterval(dst []byte, _ *column, _ *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	dst = binary.BigEndian.AppendUint64(dst, uint64(v.Int()))
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0), nil // no days, no months
}

func encVarbit(dst []byte, c *column, b *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	raw := b.Raw(v)
	n := c.length
	if n == 0 {
		n = len(raw) * 8
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	var acc byte
	for i := 0; i < n; i++ { // the highest bit first
		j := n - 1 - i
		acc <<= 1
		if j/8 < len(raw) {
			acc |= raw[j/8] >> (j % 8) & 1
		}
		if i%8 == 7 {
			dst = append(dst, acc)
			acc = 0
		}
	}
	if n%8 != 0 {
		dst = append(dst, acc<<(8-n%8))
	}
	return dst, nil
}

func encBoolBit(dst []byte, _ *column, _ *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	return append(dst, 0, 0, 0, 1, byte(v.Num)<<7), nil
}

func encNumeric(dst []byte, c *column, b *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	var buf [96]byte
	switch {
	case v.Kind == records.KindBytes:
		digits, neg := appendUnscaled(buf[:0], b.Raw(v))
		return appendNumeric(dst, digits, neg, c.scale)
	case v.Kind == records.KindStruct:
		raw, scale, err := varDecimal(&c.field, b, v)
		if err != nil {
			return dst, err
		}
		digits, neg := appendUnscaled(buf[:0], raw)
		return appendNumeric(dst, digits, neg, scale)
	}
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], v.Num)
	digits, neg := appendUnscaled(buf[:0], raw[:])
	return appendNumeric(dst, digits, neg, 0)
}

// appendNumeric writes NUMERIC's binary form: groups of four decimal digits around the point.
func appendNumeric(dst, digits []byte, neg bool, scale int) ([]byte, error) {
	if scale > maxScale || scale < -maxScale {
		return dst, errRange
	}
	whole := len(digits) - scale // digits left of the point; may be negative
	pad := ((-whole)%4 + 4) % 4
	weight := floorDiv(int64(whole+pad), 4) - 1
	head := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	groups, last := 0, head
	value, have := 0, pad
	emit := func(d int) {
		value = value*10 + d
		if have++; have == 4 {
			dst = binary.BigEndian.AppendUint16(dst, uint16(value))
			groups++
			if value != 0 {
				last = groups
			}
			value, have = 0, 0
		}
	}
	last = 0
	for _, d := range digits {
		emit(int(d - '0'))
	}
	for have != 0 {
		emit(0)
	}
	dst = dst[:head+8+last*2] // trailing zero groups are left out
	groups = last
	if groups == 0 {
		weight, neg = 0, false
	}
	if weight > math.MaxInt16 {
		return dst, errRange
	}
	sign := uint16(0)
	if neg {
		sign = 0x4000
	}
	binary.BigEndian.PutUint16(dst[head:], uint16(groups))
	binary.BigEndian.PutUint16(dst[head+2:], uint16(int16(weight)))
	binary.BigEndian.PutUint16(dst[head+4:], sign)
	binary.BigEndian.PutUint16(dst[head+6:], uint16(max(scale, 0)))
	return dst, nil
}

func encWKB(dst []byte, c *column, b *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	wkb, _, err := geometry(&c.field, b, v)
	return append(dst, wkb...), err
}

// geometry takes WKB and SRID out of Debezium's geometry struct; srid is 0 if unknown.
func geometry(f *field, b *records.Batch, v records.Value) (wkb []byte, srid uint32, err error) {
	if v.Kind != records.KindStruct {
		return nil, 0, errValueShape
	}
	m := b.Elems(v)
	if m[f.wkb].Kind != records.KindBytes {
		return nil, 0, errValueShape
	}
	if f.srid >= 0 {
		srid = uint32(m[f.srid].Int())
	}
	return b.Raw(m[f.wkb]), srid, nil
}

func encPointText(dst []byte, c *column, b *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	if v.Kind != records.KindStruct || c.x < 0 || c.y < 0 {
		return dst, errValueShape
	}
	m := b.Elems(v)
	dst = appendFloat(append(dst, '('), m[c.x].Float(), 64)
	dst = appendFloat(append(dst, ','), m[c.y].Float(), 64)
	return append(dst, ')'), nil
}

// encEWKBHex writes the text that PostGIS's input function takes: hexadecimal WKB with the
// SRID inside.
func encEWKBHex(dst []byte, c *column, b *records.Batch, v records.Value, _ *time.Location) ([]byte, error) {
	wkb, srid, err := geometry(&c.field, b, v)
	if err != nil {
		return dst, err
	}
	if srid == 0 || len(wkb) < 5 {
		return hex.AppendEncode(dst, wkb), nil
	}
	const hasSRID = 0x20000000
	var head [9]byte
	head[0] = wkb[0]
	if wkb[0] == 1 {
		binary.LittleEndian.PutUint32(head[1:], binary.LittleEndian.Uint32(wkb[1:])|hasSRID)
		binary.LittleEndian.PutUint32(head[5:], srid)
	} else {
		binary.BigEndian.PutUint32(head[1:], binary.BigEndian.Uint32(wkb[1:])|hasSRID)
		binary.BigEndian.PutUint32(head[5:], srid)
	}
	dst = hex.AppendEncode(dst, head[:])
	if binary.LittleEndian.Uint32(wkb[1:])&hasSRID != 0 && wkb[0] == 1 {
		return hex.AppendEncode(dst, wkb[9:]), nil
	}
	return hex.AppendEncode(dst, wkb[5:]), nil
}

// encArrayText writes PostgreSQL's array text, for arrays of scalars.
func encArrayText(dst []byte, c *column, b *records.Batch, v records.Value, zone *time.Location) ([]byte, error) {
	if v.Kind != records.KindArray {
		return dst, errValueShape
	}
	e := c.elem
	dst = append(dst, '{')
	for i, m := range b.Elems(v) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if m.IsNull() {
			dst = append(dst, "NULL"...)
			continue
		}
		dst = append(dst, '"')
		start := len(dst)
		var err error
		if dst, err = appendText(dst, e, b, m, zone); err != nil {
			return dst, err
		}
		if bytes.IndexByte(dst[start:], 0) >= 0 {
			return dst, errNUL
		}
		if bytes.ContainsAny(dst[start:], `"\`) {
			raw := append([]byte(nil), dst[start:]...)
			dst = dst[:start]
			for _, x := range raw {
				if x == '"' || x == '\\' {
					dst = append(dst, '\\')
				}
				dst = append(dst, x)
			}
		}
		dst = append(dst, '"')
	}
	return append(dst, '}'), nil
}
