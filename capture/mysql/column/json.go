package column

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// Value types of MySQL's binary JSON.
const (
	jsonSmallObject = 0x00
	jsonLargeObject = 0x01
	jsonSmallArray  = 0x02
	jsonLargeArray  = 0x03
	jsonLiteral     = 0x04
	jsonInt16       = 0x05
	jsonUint16      = 0x06
	jsonInt32       = 0x07
	jsonUint32      = 0x08
	jsonInt64       = 0x09
	jsonUint64      = 0x0a
	jsonDouble      = 0x0b
	jsonString      = 0x0c
	jsonOpaque      = 0x0f
)

// jsonMaxDepth bounds nesting; the server itself allows 100.
const jsonMaxDepth = 256

// jsonValue renders a JSON cell of a row image.
func (m *modes) jsonValue(b *records.Batch, pl *plan, p []byte) (records.Value, error) {
	if len(p) == 0 { // rows older than an ALTER that added the column (DM-168)
		if pl.optional {
			return records.Null, nil
		}
		return b.AddString("{}"), nil
	}
	if p[0] > jsonOpaque && p[0] < 0x80 {
		return utf8Value(b, p), nil // text: MariaDB's JSON is LONGTEXT
	}
	off := len(b.Arena)
	w := jsonWriter{dst: b.Arena, budget: len(p)}
	ok := w.value(p[0], p[1:], 0)
	b.Arena = w.dst
	if !ok {
		b.Arena = b.Arena[:off]
		return records.Null, errJSON
	}
	return b.ArenaValue(records.KindString, off), nil
}

// jsonWriter renders binary JSON as Debezium's binlog client does (JsonStringFormatter, DM-165):
// no spaces, keys in stored order, temporal fractions without trailing zeros, opaque values in
// base64, doubles without an exponent. The server's own text differs in all of these.
type jsonWriter struct {
	dst []byte
	// budget bounds the values and the bytes of text written. In an honest document each has bytes
	// of its own; one whose offsets point in circles would otherwise grow for ever.
	budget int
}

func (w *jsonWriter) value(typ byte, p []byte, depth int) bool {
	if w.budget--; w.budget < 0 || depth > jsonMaxDepth {
		return false
	}
	switch typ {
	case jsonSmallObject, jsonLargeObject:
		return w.container(p, typ == jsonSmallObject, true, depth)
	case jsonSmallArray, jsonLargeArray:
		return w.container(p, typ == jsonSmallArray, false, depth)
	case jsonLiteral:
		return len(p) >= 1 && w.literal(p[0])
	case jsonInt16, jsonUint16:
		if len(p) < 2 {
			return false
		}
		w.short(typ, p)
	case jsonInt32, jsonUint32:
		if len(p) < 4 {
			return false
		}
		w.long(typ, p, false)
	case jsonInt64:
		if len(p) < 8 {
			return false
		}
		w.dst = strconv.AppendInt(w.dst, int64(le64(p)), 10)
	case jsonUint64:
		if len(p) < 8 {
			return false
		}
		w.dst = strconv.AppendUint(w.dst, le64(p), 10)
	case jsonDouble:
		if len(p) < 8 {
			return false
		}
		w.dst = appendJavaDouble(w.dst, math.Float64frombits(le64(p)))
	case jsonString:
		s, ok := jsonBytes(p)
		return ok && w.str(s)
	case jsonOpaque:
		return w.opaque(p)
	default:
		return false
	}
	return true
}

func (w *jsonWriter) literal(v byte) bool {
	switch v {
	case 0:
		w.dst = append(w.dst, "null"...)
	case 1:
		w.dst = append(w.dst, "true"...)
	case 2:
		w.dst = append(w.dst, "false"...)
	default:
		return false
	}
	return true
}

func (w *jsonWriter) short(typ byte, p []byte) {
	v := uint16(p[0]) | uint16(p[1])<<8
	if typ == jsonInt16 {
		w.dst = strconv.AppendInt(w.dst, int64(int16(v)), 10)
		return
	}
	w.dst = strconv.AppendUint(w.dst, uint64(v), 10)
}

// long renders 32-bit integers. An unsigned one from 2^31 on, which only SQL functions make
// (JSON text has no unsigned type), comes out negative behind an offset: so does Debezium's. Inside
// the entry of a large container Debezium writes nothing at all; there the number is written.
func (w *jsonWriter) long(typ byte, p []byte, inline bool) {
	if typ == jsonInt32 || !inline {
		w.dst = strconv.AppendInt(w.dst, int64(int32(le32(p))), 10)
		return
	}
	w.dst = strconv.AppendUint(w.dst, uint64(le32(p)), 10)
}

// container renders an object or array. p starts behind the type byte; offsets count from there.
func (w *jsonWriter) container(p []byte, small, object bool, depth int) bool {
	width := 4
	if small {
		width = 2
	}
	if len(p) < 2*width {
		return false
	}
	count, size := jsonOffset(p, width), jsonOffset(p[width:], width)
	if size > len(p) {
		return false
	}
	keys := 2 * width
	values := keys
	if object {
		values += count * (width + 2)
	}
	// count is at most 2^32, so this cannot overflow an int.
	if end := values + count*(width+1); end > size {
		return false
	}
	p = p[:size]
	open, shut := byte('['), byte(']')
	if object {
		open, shut = '{', '}'
	}
	w.dst = append(w.dst, open)
	for i := 0; i < count; i++ {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		if object {
			k := keys + i*(width+2)
			off, n := jsonOffset(p[k:], width), int(p[k+width])|int(p[k+width+1])<<8
			if off > size || n > size-off {
				return false
			}
			if !w.str(p[off : off+n]) {
				return false
			}
			w.dst = append(w.dst, ':')
		}
		if !w.entry(p, values+i*(width+1), width, depth) {
			return false
		}
	}
	w.dst = append(w.dst, shut)
	return true
}

// entry renders a member: small values sit in the entry itself, the others at an offset.
func (w *jsonWriter) entry(p []byte, at, width, depth int) bool {
	typ, v := p[at], p[at+1:]
	switch {
	case typ == jsonLiteral:
		w.budget--
		return w.literal(v[0])
	case typ == jsonInt16 || typ == jsonUint16:
		w.budget--
		w.short(typ, v)
		return true
	case (typ == jsonInt32 || typ == jsonUint32) && width == 4:
		w.budget--
		w.long(typ, v, true)
		return true
	}
	off := jsonOffset(v, width)
	if off >= len(p) {
		return false
	}
	return w.value(typ, p[off:], depth+1)
}

func jsonOffset(p []byte, width int) int {
	if width == 2 {
		return int(p[0]) | int(p[1])<<8
	}
	return int(le32(p))
}

// jsonBytes reads a length of up to five times seven bits and the bytes behind it.
func jsonBytes(p []byte) ([]byte, bool) {
	n := 0
	for i := 0; i < 5 && i < len(p); i++ {
		n |= int(p[i]&0x7f) << (7 * i)
		if p[i]&0x80 == 0 {
			if n > len(p)-i-1 {
				return nil, false
			}
			return p[i+1 : i+1+n], true
		}
	}
	return nil, false
}

const upperHex = "0123456789ABCDEF"

// str writes a quoted string. Only quote, backslash and control characters are escaped.
func (w *jsonWriter) str(s []byte) bool {
	if w.budget -= len(s); w.budget < 0 {
		return false
	}
	w.dst = append(w.dst, '"')
	from := 0
	for i, c := range s {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		w.dst = appendUTF8(w.dst, s[from:i])
		from = i + 1
		switch c {
		case '"', '\\':
			w.dst = append(w.dst, '\\', c)
		case '\b':
			w.dst = append(w.dst, '\\', 'b')
		case '\t':
			w.dst = append(w.dst, '\\', 't')
		case '\n':
			w.dst = append(w.dst, '\\', 'n')
		case '\f':
			w.dst = append(w.dst, '\\', 'f')
		case '\r':
			w.dst = append(w.dst, '\\', 'r')
		default:
			w.dst = append(w.dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
		}
	}
	w.dst = append(appendUTF8(w.dst, s[from:]), '"')
	return true
}

// opaque renders a value of an SQL type that JSON has not.
func (w *jsonWriter) opaque(p []byte) bool {
	if len(p) < 1 {
		return false
	}
	typ := p[0]
	data, ok := jsonBytes(p[1:])
	if !ok {
		return false
	}
	switch typ {
	case typeNewDecimal, 0:
		if len(data) < 3 || data[0] == 0 || data[0] > 81 || data[1] > data[0] || len(data)-2 != decimalBytes(int(data[0]), int(data[1])) {
			return false
		}
		var d decimal
		d.decodePacked(data[2:], int(data[0]), int(data[1]))
		w.dst = d.appendPlain(w.dst)
		return true
	case typeDate, typeTime, typeTime2, typeDatetime, typeDatetime2, typeTimestamp, typeTimestamp2:
		if len(data) < 8 {
			return false
		}
		w.temporal(typ, int64(le64(data)))
		return true
	}
	if _, known := typeNames[typ]; !known {
		return false
	}
	if w.budget -= len(data); w.budget < 0 {
		return false
	}
	w.dst = append(w.dst, '"')
	w.dst = append(base64.StdEncoding.AppendEncode(w.dst, data), '"')
	return true
}

// temporal renders a packed date and time. The arithmetic, on values that C and Java truncate
// toward zero, is the client's own: it shows in negative times.
func (w *jsonWriter) temporal(typ byte, raw int64) {
	v := raw >> 24
	micros := int32(raw % (1 << 24))
	w.dst = append(w.dst, '"')
	switch typ {
	case typeTime, typeTime2:
		hour := int32(v>>12) % (1 << 10)
		if v < 0 {
			hour = -hour
		}
		if hour < 0 {
			w.dst = append(w.dst, '-')
			hour = -hour
		}
		w.clock(hour, int32(v>>6)%(1<<6), int32(v)%(1<<6), micros)
	default:
		ym := int32(v>>22) % (1 << 17)
		y := ym / 13
		if y < 0 {
			w.dst = append(w.dst, '-')
			y = -y
		}
		for pad := int32(1000); pad > 1 && y < pad; pad /= 10 {
			w.dst = append(w.dst, '0')
		}
		w.dst = append(strconv.AppendInt(w.dst, int64(y), 10), '-')
		w.two(ym % 13)
		w.dst = append(w.dst, '-')
		w.two(int32(v>>17) % (1 << 5))
		if typ != typeDate {
			w.dst = append(w.dst, ' ')
			w.clock(int32(v>>12)%(1<<5), int32(v>>6)%(1<<6), int32(v%(1<<6)), micros)
		}
	}
	w.dst = append(w.dst, '"')
}

func (w *jsonWriter) two(v int32) {
	if v < 10 {
		w.dst = append(w.dst, '0')
	}
	w.dst = strconv.AppendInt(w.dst, int64(v), 10)
}

func (w *jsonWriter) clock(h, m, s, micros int32) {
	w.two(h)
	w.dst = append(w.dst, ':')
	w.two(m)
	w.dst = append(w.dst, ':')
	w.two(s)
	if micros == 0 {
		return
	}
	w.dst = append(w.dst, '.')
	for pad := int32(100000); pad > 1 && micros < pad; pad /= 10 {
		w.dst = append(w.dst, '0')
	}
	for micros%10 == 0 {
		micros /= 10
	}
	w.dst = strconv.AppendInt(w.dst, int64(micros), 10)
}

// appendJavaDouble appends Double.toString where that has no exponent, and the exact decimal
// expansion of the double where it has one.
func appendJavaDouble(dst []byte, f float64) []byte {
	a := math.Abs(f)
	if a == 0 || a >= 1e-3 && a < 1e7 {
		n := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
		for _, c := range dst[n:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, '.', '0')
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...) // no server stores them
	}
	// f is m*2^e; with e < 0 and m odd the expansion has exactly -e digits behind the point.
	digits := 0
	m := math.Float64bits(f)&(1<<52-1) | 1<<52
	e := int(math.Float64bits(f)>>52&2047) - 1075
	if e == -1075 {
		m, e = m&^(1<<52), -1074
	}
	for ; m&1 == 0; m >>= 1 {
		e++
	}
	if e < 0 {
		digits = -e
	}
	return strconv.AppendFloat(dst, f, 'f', digits, 64)
}
