package jdbc

import (
	"errors"
	"strconv"
	"time"
)

// The calendar is the proleptic Gregorian one throughout, so that dates before 1582 keep
// their year, month and day (SJ-050: Java's legacy calendar shifts them).

const (
	microsPerDay    = 86400 * 1000000
	microsPerSecond = 1000000
)

// civil turns days since 1970-01-01 into a date. Year 0 is 1 BC.
func civil(days int64) (year int64, month, day int) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy - (153*mp+2)/5 + 1)
	month = int(mp + 3)
	if month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

// daysOf is the inverse of civil.
func daysOf(year int64, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yoe := year - era*400
	mp := int64(month+9) % 12
	doy := (153*mp+2)/5 + int64(day) - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// dayIn is the day that a UTC midnight falls on in a zone (SJ-048).
func dayIn(days int64, zone *time.Location) int64 {
	if zone == time.UTC {
		return days
	}
	return floorDiv(stamp{sec: days * 86400}.inZone(zone).sec, 86400)
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func appendPadded(dst []byte, n int64, width int) []byte {
	var buf [20]byte
	s := strconv.AppendInt(buf[:0], n, 10)
	for i := len(s); i < width; i++ {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

// appendDate writes yyyy-MM-dd; years outside 0..9999 get a sign or more digits.
func appendDate(dst []byte, days int64) []byte {
	y, m, d := civil(days)
	if y < 0 {
		dst = append(dst, '-')
		y = -y
	}
	dst = appendPadded(dst, y, 4)
	dst = append(dst, '-')
	dst = append2(dst, m)
	dst = append(dst, '-')
	return append2(dst, d)
}

// appendFraction writes .fff, .ffffff or .fffffffff, as short as exact; nothing for 0.
func appendFraction(dst []byte, nanos int64) []byte {
	switch {
	case nanos == 0:
		return dst
	case nanos%1e6 == 0:
		return appendPadded(append(dst, '.'), nanos/1e6, 3)
	case nanos%1e3 == 0:
		return appendPadded(append(dst, '.'), nanos/1e3, 6)
	}
	return appendPadded(append(dst, '.'), nanos, 9)
}

var pow10 = [...]int64{1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000}

// appendTime writes HH:mm:ss[.fff]; hours may be negative or beyond 23 (MySQL's TIME).
func appendTime(dst []byte, nanos int64) []byte {
	if nanos < 0 {
		dst = append(dst, '-')
		nanos = -nanos
	}
	s := nanos / 1e9
	dst = appendPadded(dst, s/3600, 2)
	dst = append(dst, ':')
	dst = append2(dst, int(s/60%60))
	dst = append(dst, ':')
	dst = append2(dst, int(s%60))
	return appendFraction(dst, nanos%1e9)
}

// stamp is a wall clock: seconds since 1970-01-01T00:00:00 and nanoseconds.
type stamp struct {
	sec   int64
	nanos int64
}

func (s stamp) micros() int64 { return s.sec*microsPerSecond + s.nanos/1000 }

// appendStamp writes date, separator and time.
func appendStamp(dst []byte, s stamp, sep byte) []byte {
	days := floorDiv(s.sec, 86400)
	dst = appendDate(dst, days)
	dst = append(dst, sep)
	return appendTime(dst, (s.sec-days*86400)*1e9+s.nanos)
}

// stampOf splits a count of units since the epoch.
func stampOf(n, unitsPerSecond int64) stamp {
	sec := floorDiv(n, unitsPerSecond)
	return stamp{sec, (n - sec*unitsPerSecond) * (1e9 / unitsPerSecond)}
}

// inZone moves an instant to the wall clock of a zone.
func (s stamp) inZone(z *time.Location) stamp {
	if z == time.UTC {
		return s
	}
	_, off := time.Unix(s.sec, 0).In(z).Zone()
	return stamp{s.sec + int64(off), s.nanos}
}

// fromZone reads a wall clock of a zone as an instant.
func (s stamp) fromZone(z *time.Location) stamp {
	if z == time.UTC {
		return s
	}
	days := floorDiv(s.sec, 86400)
	y, m, d := civil(days)
	rest := s.sec - days*86400
	t := time.Date(int(y), time.Month(m), d, int(rest/3600), int(rest/60%60), int(rest%60), 0, z)
	return stamp{t.Unix(), s.nanos}
}

var errNotZoned = errors.New("text is not an ISO 8601 timestamp with an offset")

// parseZoned reads Debezium's ZonedTimestamp, ISO 8601 with an offset, as an instant.
func parseZoned(p []byte) (stamp, error) {
	bad := errNotZoned
	i, neg := 0, false
	if len(p) > 0 && (p[0] == '-' || p[0] == '+') {
		neg = p[0] == '-'
		i++
	}
	num := func(minDigits, maxDigits int) (int64, bool) {
		n, start := int64(0), i
		for i < len(p) && i-start < maxDigits && p[i] >= '0' && p[i] <= '9' {
			n = n*10 + int64(p[i]-'0')
			i++
		}
		return n, i-start >= minDigits
	}
	lit := func(c byte) bool {
		if i < len(p) && p[i] == c {
			i++
			return true
		}
		return false
	}
	y, ok1 := num(4, 9)
	ok1 = ok1 && lit('-')
	mo, ok2 := num(2, 2)
	ok2 = ok2 && lit('-')
	d, ok3 := num(2, 2)
	if !ok1 || !ok2 || !ok3 || !(lit('T') || lit(' ')) || mo < 1 || mo > 12 || d < 1 || d > 31 {
		return stamp{}, bad
	}
	h, ok1 := num(2, 2)
	ok1 = ok1 && lit(':')
	mi, ok2 := num(2, 2)
	if !ok1 || !ok2 || h > 24 || mi > 59 {
		return stamp{}, bad
	}
	var sec, nanos int64
	if lit(':') {
		if sec, ok1 = num(2, 2); !ok1 || sec > 60 {
			return stamp{}, bad
		}
		if lit('.') {
			start := i
			n, ok := num(1, 9)
			if !ok {
				return stamp{}, bad
			}
			nanos = n * pow10[9-(i-start)]
		}
	}
	var off int64
	switch {
	case lit('Z'):
	case i < len(p) && (p[i] == '+' || p[i] == '-'):
		west := p[i] == '-'
		i++
		oh, ok := num(2, 2)
		if !ok {
			return stamp{}, bad
		}
		var om, os int64
		if lit(':') || i < len(p) {
			om, _ = num(2, 2)
		}
		if lit(':') {
			os, _ = num(2, 2)
		}
		off = oh*3600 + om*60 + os
		if west {
			off = -off
		}
	default:
		return stamp{}, bad
	}
	if i != len(p) {
		return stamp{}, bad
	}
	if neg {
		y = -y
	}
	return stamp{daysOf(y, int(mo), int(d))*86400 + h*3600 + mi*60 + sec - off, nanos}, nil
}
