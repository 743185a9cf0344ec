package column

import (
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/anabranch/anabranch/records"
)

// TextRow reads one row of the text protocol: the cells in the order of SelectList, nil for
// NULL. The session must be set as doc.go says. Values are those of Debezium's snapshot, which
// reads through JDBC and differs from its stream in places (DM-165, DM-507): JSON is the
// server's text, TIMESTAMP has no trailing zeros, FLOAT has six digits, YEAR 0000 is 2000, a date in the year 0 is read.
func (t *Table) TextRow(b *records.Batch, cells [][]byte) (records.Value, error) {
	if len(cells) != len(t.text) {
		return records.Null, &Error{Table: t.ID.String(), Cause: corrupt("row of " + itoa(len(cells)) + " columns where " + itoa(len(t.text)) + " were selected")}
	}
	off := b.AddVals(t.slots)
	for n, i := range t.text {
		pl := &t.columns[i]
		if pl.slot < 0 {
			continue // selected only because every column is filtered out
		}
		var v records.Value
		if cells[n] == nil {
			v = pl.fill.put(b)
		} else {
			var err error
			if v, err = t.textValue(b, pl, cells[n]); err != nil {
				if v, err = t.failed(b, pl, err); err != nil {
					return records.Null, err
				}
			}
		}
		b.Vals[int(off)+pl.slot] = v
	}
	return records.StructAt(off, len(t.Row.Fields)), nil
}

func (t *Table) textValue(b *records.Batch, pl *plan, p []byte) (records.Value, error) {
	m := &t.mode
	switch pl.kind {
	case kindTiny, kindSmall, kindMedium, kindInt, kindBig:
		return m.textInteger(b, pl, p)
	case kindBool:
		// TINYINT(1) is a Boolean in JDBC: -1 and everything above zero is true.
		v, ok := parseInt(p)
		if !ok {
			return records.Null, errText
		}
		return records.BoolValue(v == -1 || v > 0), nil
	case kindFloat32:
		f, err := parseFloat(p)
		return records.Float32Value(float32(f)), err
	case kindFloat64:
		f, err := parseFloat(p)
		if pl.float { // FLOAT(M,D): four bytes on the server, a Java float on the way
			f = float64(float32(f))
		}
		return records.Float64Value(f), err
	case kindDecimal:
		var d decimal
		if !d.parse(p) || d.scale != pl.scale && m.decimal == decimalPrecise {
			return records.Null, errText
		}
		return m.decimalValue(b, &d), nil
	case kindText, kindEnum, kindSet, kindJSON:
		return utf8Value(b, p), nil
	case kindBinary:
		return m.binaryValue(b, pl, p), nil
	case kindBit:
		if len(p) == 0 {
			return records.Null, errText
		}
		return records.BoolValue(p[len(p)-1]&1 != 0), nil
	case kindBits:
		return bitsValue(b, pl, p), nil
	case kindYear:
		v, ok := parseInt(p)
		if !ok {
			return records.Null, errText
		}
		// The driver makes a date of a YEAR and takes 0 to 99 for two digits.
		return records.Int32Value(int32(adjustYear(int(v)))), nil
	case kindPoint, kindGeometry:
		return geometryValue(b, pl.kind == kindPoint, p)
	case kindVector:
		return vectorValue(b, p), nil
	}
	return t.textTemporal(b, pl, p)
}

func (m *modes) textInteger(b *records.Batch, pl *plan, p []byte) (records.Value, error) {
	if pl.kind == kindBig && pl.unsigned {
		v, ok := parseUint(p)
		if !ok {
			return records.Null, errText
		}
		if m.bigintPrecise {
			return unsignedDecimal(b, v), nil
		}
		return records.Int64Value(int64(v)), nil // wraps from 2^63 on (DM-141)
	}
	v, ok := parseInt(p)
	if !ok {
		return records.Null, errText
	}
	switch pl.schema.Type {
	case records.Int16:
		return records.Int16Value(int16(v)), nil
	case records.Int32:
		return records.Int32Value(int32(v)), nil
	}
	return records.Int64Value(v), nil
}

func (t *Table) textTemporal(b *records.Batch, pl *plan, p []byte) (records.Value, error) {
	m := &t.mode
	if pl.kind == kindTime {
		nanos, ok := parseClock(p)
		if !ok {
			return records.Null, errText
		}
		return m.timeOfDay(b, nanos)
	}
	var c clockTime
	if !c.parse(p) {
		return records.Null, errText
	}
	if c.month == 0 || c.day == 0 {
		return pl.fill.put(b), nil
	}
	if !validDate(c.year, c.month, c.day) {
		return records.Null, errInvalid
	}
	switch pl.kind {
	case kindDate:
		return m.date(b, c.year, c.month, c.day)
	case kindDatetime:
		c.julian()
		if !validDate(c.year, c.month, c.day) {
			return records.Null, errInvalid
		}
		return m.datetime(b, pl, c.year, c.month, c.day, c.hour, c.minute, c.second, c.nanos)
	}
	sec := epochDay(c.year, c.month, c.day)*86400 + int64(c.hour*3600+c.minute*60+c.second)
	if m.zone != nil {
		sec = time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.second, 0, m.zone).Unix()
	}
	off := len(b.Arena)
	b.Arena = appendZoned(b.Arena, sec, c.nanos, -1)
	return b.ArenaValue(records.KindString, off), nil
}

// julian does to a DATETIME what java.util.GregorianCalendar does to it on its way through JDBC:
// the year 0 is 1 BC, whose number is 1 again, and the ten days that the calendar reform left out are added.
func (c *clockTime) julian() {
	switch {
	case c.year == 0:
		c.year = 1
	case c.year == 1582 && c.month == 10 && c.day > 4 && c.day < 15:
		c.day += 10
	}
}

// clockTime is the parts of "YYYY-MM-DD[ HH:MM:SS[.ffffff]]".
type clockTime struct {
	year, month, day, hour, minute, second int
	nanos                                  int64
}

func (c *clockTime) parse(p []byte) bool {
	ok := true
	num := func(p []byte) int {
		n := 0
		for _, x := range p {
			if x < '0' || x > '9' {
				ok = false
			}
			n = n*10 + int(x-'0')
		}
		return n
	}
	if len(p) < 10 || p[4] != '-' || p[7] != '-' {
		return false
	}
	c.year, c.month, c.day = num(p[:4]), num(p[5:7]), num(p[8:10])
	if len(p) == 10 {
		return ok
	}
	if len(p) < 19 || p[10] != ' ' || p[13] != ':' || p[16] != ':' {
		return false
	}
	c.hour, c.minute, c.second = num(p[11:13]), num(p[14:16]), num(p[17:19])
	if len(p) == 19 {
		return ok
	}
	f := p[20:]
	if p[19] != '.' || len(f) == 0 || len(f) > 9 {
		return false
	}
	c.nanos = int64(num(f))
	for i := len(f); i < 9; i++ {
		c.nanos *= 10
	}
	return ok
}

// parseClock reads "[-]HHH:MM:SS[.ffffff]" into signed nanoseconds.
func parseClock(p []byte) (int64, bool) {
	neg := len(p) > 0 && p[0] == '-'
	if neg {
		p = p[1:]
	}
	var part [3]int64
	n, digits := 0, 0
	i := 0
	for ; i < len(p) && p[i] != '.'; i++ {
		switch x := p[i]; {
		case x >= '0' && x <= '9':
			if part[n] = part[n]*10 + int64(x-'0'); part[n] > 1e6 {
				return 0, false
			}
			digits++
		case x == ':' && n < 2 && digits > 0:
			n++
		default:
			return 0, false
		}
	}
	if n != 2 {
		return 0, false
	}
	nanos := ((part[0]*60+part[1])*60 + part[2]) * 1e9
	if i < len(p) {
		unit := int64(1e8)
		for _, x := range p[i+1:] {
			if x < '0' || x > '9' {
				return 0, false
			}
			nanos += int64(x-'0') * unit
			unit /= 10
		}
	}
	if neg {
		nanos = -nanos
	}
	return nanos, true
}

func parseUint(p []byte) (uint64, bool) {
	if len(p) == 0 || len(p) > 20 {
		return 0, false
	}
	var v uint64
	for _, x := range p {
		d := uint64(x - '0')
		if d > 9 || v > (math.MaxUint64-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}

func parseInt(p []byte) (int64, bool) {
	neg := len(p) > 0 && p[0] == '-'
	if neg {
		p = p[1:]
	}
	v, ok := parseUint(p)
	switch {
	case !ok:
		return 0, false
	case neg:
		return -int64(v), v <= 1<<63
	}
	return int64(v), v <= math.MaxInt64
}

func parseFloat(p []byte) (float64, error) {
	if len(p) == 0 {
		return 0, errText
	}
	f, err := strconv.ParseFloat(unsafe.String(&p[0], len(p)), 64)
	if err != nil {
		return 0, errText
	}
	return f, nil
}
