package column

import (
	"math"
	"time"

	"github.com/anabranch/anabranch/records"
)

// epochDay is the day number of a proleptic Gregorian date, java.time.LocalDate.toEpochDay.
func epochDay(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := y
	if y < 0 {
		era = y - 399
	}
	era /= 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	return int64(era)*146097 + int64(yoe*365+yoe/4-yoe/100+doy) - 719468
}

// civil is the inverse of epochDay.
func civil(day int64) (y, m, d int) {
	z := day + 719468
	era := z
	if z < 0 {
		era = z - 146096
	}
	era /= 146097
	doe := int(z - era*146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	y = yoe + int(era)*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

func leap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

var monthDays = [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// validDate reports whether the calendar has the date; month and day zero are its caller's affair.
func validDate(y, m, d int) bool {
	if m < 1 || m > 12 || d < 1 {
		return false
	}
	n := monthDays[m-1]
	if m == 2 && leap(y) {
		n = 29
	}
	return d <= n
}

// adjustYear moves two-digit years into 1970 to 2069 (DM-156).
func adjustYear(y int) int {
	switch {
	case y >= 0 && y <= 69:
		return y + 2000
	case y >= 70 && y <= 99:
		return y + 1900
	}
	return y
}

// fracDivisor holds what Debezium's stream divides a fraction by to get nanoseconds, indexed by
// the bytes that the fraction takes. It computes them, and the quotients, in doubles, so a few
// values come out one nanosecond short; the products must therefore be rounded here as well.
var fracDivisor = func() (d [4]float64) {
	base := 0.0000001
	for i := 1; i < len(d); i++ {
		d[i] = base * math.Pow(100, float64(i-1))
	}
	return d
}()

func fracNanos(fraction uint32, bytes int) int64 {
	if fraction == 0 {
		return 0
	}
	return int64(float64(fraction) / fracDivisor[bytes])
}

// date makes the value of a DATE. The parts may be any of a zero date's.
func (m *modes) date(b *records.Batch, y, mo, d int) (records.Value, error) {
	if m.adjust {
		y = adjustYear(y)
	}
	switch m.time {
	case timeISO:
		off := len(b.Arena)
		b.Arena = append(appendDate(b.Arena, y, mo, d), 'Z')
		return b.ArenaValue(records.KindString, off), nil
	}
	return records.Int32Value(int32(epochDay(y, mo, d))), nil
}

const dayNanos = int64(24 * time.Hour)

// timeOfDay makes the value of a TIME from signed nanoseconds.
func (m *modes) timeOfDay(b *records.Batch, nanos int64) (records.Value, error) {
	switch m.time {
	case timeConnect:
		if nanos < 0 || nanos > dayNanos {
			return records.Null, errTimeRange
		}
		return records.Int32Value(int32(nanos / 1e6)), nil
	case timeISO:
		if nanos < 0 || nanos > dayNanos {
			return records.Null, errTimeRange
		}
		off := len(b.Arena)
		b.Arena = append(appendClock(b.Arena, nanos%dayNanos, -1), 'Z')
		return b.ArenaValue(records.KindString, off), nil
	case timeNanos:
		return records.Int64Value(nanos), nil
	}
	return records.Int64Value(nanos / 1000), nil
}

// datetime makes the value of a DATETIME: the wall clock taken as UTC. nanos is within the second.
func (m *modes) datetime(b *records.Batch, pl *plan, y, mo, d, h, mi, s int, nanos int64) (records.Value, error) {
	if m.adjust {
		y = adjustYear(y)
	}
	if m.time == timeISO {
		off := len(b.Arena)
		b.Arena = append(appendDate(b.Arena, y, mo, d), 'T')
		b.Arena = append(appendClock(b.Arena, int64(h*3600+mi*60+s)*1e9+nanos, -1), 'Z')
		return b.ArenaValue(records.KindString, off), nil
	}
	v, err := m.epoch(pl, epochDay(y, mo, d)*86400+int64(h*3600+mi*60+s), nanos)
	return records.Int64Value(v), err
}

// epoch scales seconds and nanoseconds to the unit of a DATETIME column.
func (m *modes) epoch(pl *plan, sec, nanos int64) (int64, error) {
	switch m.time {
	case timeMicros:
		return sec*1e6 + nanos/1e3, nil
	case timeNanos:
		day, clock := sec/86400, sec%86400
		if clock < 0 {
			day, clock = day-1, clock+86400
		}
		// Debezium multiplies the days first, so the part of the first representable day is out.
		of := clock*1e9 + nanos
		if day > math.MaxInt64/dayNanos || day < math.MinInt64/dayNanos || day*dayNanos > math.MaxInt64-of {
			return 0, errNanoRange
		}
		return day*dayNanos + of, nil
	case timeConnect:
		return sec*1e3 + nanos/1e6, nil
	}
	if pl.length <= 3 {
		return sec*1e3 + nanos/1e6, nil
	}
	return sec*1e6 + nanos/1e3, nil
}

// appendZoned appends Debezium's ZonedTimestamp text of an instant in UTC. digits is the number
// of fraction digits, -1 for as many as are needed (as ISO_OFFSET_DATE_TIME does).
func appendZoned(dst []byte, sec, nanos int64, digits int) []byte {
	day := sec / 86400
	clock := sec % 86400
	if clock < 0 {
		clock += 86400
		day--
	}
	y, mo, d := civil(day)
	dst = append(appendDate(dst, y, mo, d), 'T')
	return append(appendClock(dst, clock*1e9+nanos, digits), 'Z')
}

// appendDate appends ISO_LOCAL_DATE for years 0 to 9999.
func appendDate(dst []byte, y, m, d int) []byte {
	return append(dst, byte('0'+y/1000%10), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+m/10), byte('0'+m%10), '-', byte('0'+d/10), byte('0'+d%10))
}

// appendClock appends HH:MM:SS and a fraction of the nanoseconds since midnight.
func appendClock(dst []byte, nanos int64, digits int) []byte {
	s := int(nanos / 1e9)
	f := int(nanos % 1e9)
	h, mi := s/3600, s/60%60
	s %= 60
	dst = append(dst, byte('0'+h/10), byte('0'+h%10), ':', byte('0'+mi/10), byte('0'+mi%10), ':', byte('0'+s/10), byte('0'+s%10))
	if digits < 0 {
		if f == 0 {
			return dst
		}
		digits = 9
		for t := f; t%10 == 0; t /= 10 {
			digits--
		}
	}
	if digits == 0 {
		return dst
	}
	dst = append(dst, '.')
	for div, i := int(1e8), 0; i < digits; i++ {
		dst = append(dst, byte('0'+f/div%10))
		div /= 10
	}
	return dst
}
