package column

import (
	"encoding/base64"
	"encoding/hex"
	"math"

	"github.com/anabranch/anabranch/records"
)

// value reads every cell that is not a plain integer.
func (d *Decoder) value(b *records.Batch, c *cell, p []byte) (records.Value, error) {
	m := &d.t.mode
	switch c.op {
	case opUTF8:
		return utf8Value(b, p), nil
	case opText:
		off := len(b.Arena)
		b.Arena = c.pl.charset.appendUTF8(b.Arena, p)
		return b.ArenaValue(records.KindString, off), nil
	case opBinary:
		return m.binaryValue(b, c.pl, p), nil
	case opBool:
		return records.BoolValue(p[0] != 0), nil
	case opUnsignedDecimal:
		return unsignedDecimal(b, le64(p)), nil
	case opFloat32:
		return records.Float32Value(math.Float32frombits(le32(p))), nil
	case opFloat64:
		return records.Float64Value(math.Float64frombits(le64(p))), nil
	case opFloat32From64:
		return records.Float32Value(float32(math.Float64frombits(le64(p)))), nil
	case opFloat64From32:
		return records.Float64Value(float64(math.Float32frombits(le32(p)))), nil
	case opDecimal:
		var dec decimal
		dec.decodePacked(p, int(c.width), c.pl.scale)
		return m.decimalValue(b, &dec), nil
	case opYear:
		// YEAR 0000 reads as 1900 in the stream; the snapshot makes 2000 of it. The year is
		// adjusted whatever enable.time.adjuster says, which changes none from 1900 on.
		return records.Int32Value(1900 + int32(p[0])), nil
	case opBit:
		return records.BoolValue(p[0]&1 != 0), nil
	case opBits:
		return bitsValue(b, c.pl, p), nil
	case opEnum:
		i := int(p[0])
		if c.width == 2 {
			i |= int(p[1]) << 8
		}
		if i == 0 {
			return records.Value{Kind: records.KindString}, nil
		}
		if i > len(c.pl.options) {
			return records.Null, errEnumIndex
		}
		return b.AddString(c.pl.options[i-1]), nil
	case opSet:
		return setValue(b, c.pl, p), nil
	case opJSON:
		return m.jsonValue(b, c.pl, p)
	case opPoint, opGeometry:
		return geometryValue(b, c.op == opPoint, p)
	case opVector:
		return vectorValue(b, p), nil
	}
	return d.temporal(b, c, p)
}

func (d *Decoder) temporal(b *records.Batch, c *cell, p []byte) (records.Value, error) {
	m := &d.t.mode
	switch c.op {
	case opDate:
		v := uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
		y, mo, day := int(v>>9), int(v>>5&15), int(v&31)
		if y == 0 || mo == 0 || day == 0 {
			return c.pl.fill.put(b), nil
		}
		if !validDate(y, mo, day) {
			return records.Null, errInvalid
		}
		return m.date(b, y, mo, day)
	case opTime:
		return m.timeOfDay(b, timeNanosOf(p, int(c.width)))
	case opTimeOld:
		v := int32(uint32(p[0])<<8|uint32(p[1])<<16|uint32(p[2])<<24) >> 8
		neg := v < 0
		if neg {
			v = -v
		}
		nanos := int64(v/10000*3600+v/100%100*60+v%100) * 1e9
		if neg {
			nanos = -nanos
		}
		return m.timeOfDay(b, nanos)
	case opDatetime:
		v := uint64(p[0])<<32 | uint64(p[1])<<24 | uint64(p[2])<<16 | uint64(p[3])<<8 | uint64(p[4])
		ym := int(v >> 22 & (1<<17 - 1))
		return d.datetime(b, c, ym/13, ym%13, int(v>>17&31), int(v>>12&31), int(v>>6&63), int(v&63), fracNanos(bigEndian(p[5:]), int(c.width)))
	case opDatetimeOld:
		v := le64(p)
		return d.datetime(b, c, int(v/1e10), int(v/1e8%100), int(v/1e6%100), int(v/1e4%100), int(v/100%100), int(v%100), 0)
	case opTimestamp, opTimestampOld:
		var sec, nanos int64
		if c.op == opTimestamp {
			sec, nanos = int64(bigEndian(p[:4])), fracNanos(bigEndian(p[4:]), int(c.width))
		} else {
			sec = int64(le32(p))
		}
		if sec == 0 && nanos == 0 {
			return c.pl.fill.put(b), nil
		}
		digits := c.pl.length
		if digits <= 0 || digits > 9 {
			digits = -1
		}
		off := len(b.Arena)
		b.Arena = appendZoned(b.Arena, sec, nanos, digits)
		return b.ArenaValue(records.KindString, off), nil
	}
	return records.Null, errText
}

func (d *Decoder) datetime(b *records.Batch, c *cell, y, mo, day, h, mi, s int, nanos int64) (records.Value, error) {
	if y == 0 || mo == 0 || day == 0 {
		return c.pl.fill.put(b), nil
	}
	if !validDate(y, mo, day) || h > 23 || mi > 59 || s > 59 || y > 9999 {
		return records.Null, errInvalid
	}
	return d.t.mode.datetime(b, c.pl, y, mo, day, h, mi, s, nanos)
}

// timeNanosOf reads TIME with fraction: big-endian, the sign bit inverted, negative values in
// two's complement over seconds and fraction together.
func timeNanosOf(p []byte, width int) int64 {
	var v uint64
	for _, x := range p {
		v = v<<8 | uint64(x)
	}
	bits := uint(len(p)) * 8
	neg := v>>(bits-1) == 0
	if neg {
		v = -v & (1<<bits - 1)
	}
	frac := uint32(v & (1<<(8*width) - 1))
	v >>= 8 * width
	nanos := int64(v>>12&1023*3600+v>>6&63*60+v&63)*1e9 + fracNanos(frac, width)
	if neg {
		return -nanos
	}
	return nanos
}

func bigEndian(p []byte) uint32 {
	var v uint32
	for _, x := range p {
		v = v<<8 | uint32(x)
	}
	return v
}

func (m *modes) decimalValue(b *records.Batch, d *decimal) records.Value {
	off := len(b.Arena)
	switch m.decimal {
	case decimalDouble:
		return records.Float64Value(d.float())
	case decimalString:
		b.Arena = d.appendPlain(b.Arena)
		return b.ArenaValue(records.KindString, off)
	}
	b.Arena = d.appendUnscaled(b.Arena)
	return b.ArenaValue(records.KindBytes, off)
}

func unsignedDecimal(b *records.Batch, v uint64) records.Value {
	d := decimal{n: 1}
	d.w[0] = v
	off := len(b.Arena)
	b.Arena = d.appendUnscaled(b.Arena)
	return b.ArenaValue(records.KindBytes, off)
}

// binaryValue pads BINARY(n), whose trailing zero bytes the binlog leaves out, and writes what
// binary.handling.mode asks for (DM-146, DM-147).
func (m *modes) binaryValue(b *records.Batch, pl *plan, p []byte) records.Value {
	off := len(b.Arena)
	b.Arena = append(b.Arena, p...)
	for n := pl.pad; len(b.Arena)-off < n; {
		b.Arena = append(b.Arena, 0)
	}
	if m.binary == binaryBytes {
		return b.ArenaValue(records.KindBytes, off)
	}
	end := len(b.Arena)
	switch m.binary {
	case binaryHex:
		b.Arena = hex.AppendEncode(b.Arena, b.Arena[off:end])
	case binaryBase64:
		b.Arena = base64.StdEncoding.AppendEncode(b.Arena, b.Arena[off:end])
	default:
		b.Arena = base64.URLEncoding.AppendEncode(b.Arena, b.Arena[off:end])
	}
	return b.ArenaValue(records.KindString, end)
}

// bitsValue turns a big-endian BIT(n) round and pads it (DM-134).
func bitsValue(b *records.Batch, pl *plan, p []byte) records.Value {
	off := len(b.Arena)
	for i := len(p) - 1; i >= 0; i-- {
		b.Arena = append(b.Arena, p[i])
	}
	for n := (pl.length + 7) / 8; len(b.Arena)-off < n; {
		b.Arena = append(b.Arena, 0)
	}
	return b.ArenaValue(records.KindBytes, off)
}

func setValue(b *records.Batch, pl *plan, p []byte) records.Value {
	var v uint64
	for i, x := range p {
		v |= uint64(x) << (8 * i)
	}
	off := len(b.Arena)
	first := true
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 == 0 {
			continue
		}
		if !first {
			b.Arena = append(b.Arena, ',')
		}
		first = false
		if i < len(pl.options) {
			b.Arena = append(b.Arena, pl.options[i]...)
		}
	}
	return b.ArenaValue(records.KindString, off)
}

const pointWKB = 1 + 4 + 8 + 8

// geometryValue splits MySQL's form, four bytes of little-endian SRID and then WKB; SRID 0 is
// null (DM-157, DM-158).
func geometryValue(b *records.Batch, point bool, p []byte) (records.Value, error) {
	if len(p) < 4 {
		return records.Null, errGeometry
	}
	srid, wkb := le32(p), p[4:]
	var x, y uint64
	n := 2
	if point {
		if len(wkb) != pointWKB {
			return records.Null, errNotPoint
		}
		n = 4
		big := wkb[0] == 0
		if typ := order32(wkb[1:], big); typ != 1 {
			return records.Null, errNotPoint
		}
		x, y = order64(wkb[5:], big), order64(wkb[13:], big)
	}
	raw := b.AddBytes(wkb)
	off := int(b.AddVals(n))
	at := off
	if point {
		b.Vals[at] = records.Float64Value(math.Float64frombits(x))
		b.Vals[at+1] = records.Float64Value(math.Float64frombits(y))
		at += 2
	}
	b.Vals[at] = raw
	if srid != 0 {
		b.Vals[at+1] = records.Int32Value(int32(srid))
	}
	return records.StructAt(uint32(off), n), nil
}

func order32(p []byte, big bool) uint32 {
	if big {
		return bigEndian(p[:4])
	}
	return le32(p)
}

func order64(p []byte, big bool) uint64 {
	if big {
		return uint64(bigEndian(p[:4]))<<32 | uint64(bigEndian(p[4:8]))
	}
	return le64(p)
}

// vectorValue reads little-endian floats (DM-159); a length that is no multiple of four is an
// empty vector, as in Debezium.
func vectorValue(b *records.Batch, p []byte) records.Value {
	n := len(p) / 4
	if len(p)%4 != 0 {
		n = 0
	}
	off := b.AddVals(n)
	for i := 0; i < n; i++ {
		b.Vals[int(off)+i] = records.Float32Value(math.Float32frombits(le32(p[4*i:])))
	}
	return records.Value{Kind: records.KindArray, Off: off, N: uint32(n)}
}
