package column

import (
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/records"
)

const (
	epochDate      = "1970-01-01"
	epochTimestamp = "1970-01-01 00:00:00" // what the parser makes of CURRENT_TIMESTAMP, too
)

// zeroDate reports a date with a part that is zero.
func zeroDate(s string) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' || !digitsOnly(s[:4]+s[5:7]+s[8:]) {
		return false
	}
	return s[:4] == "0000" || s[5:7] == "00" || s[8:] == "00"
}

// zeroTimestamp reports the same at midnight.
func zeroTimestamp(s string) bool {
	if len(s) < 19 || !zeroDate(s[:10]) || s[10:19] != " 00:00:00" {
		return false
	}
	f := s[19:]
	return f == "" || f[0] == '.' && len(f) >= 2 && len(f) <= 7 && digitsOnly(f[1:])
}

func digitsOnly(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// parseISO reads "yyyy-MM-dd" and, optionally, " HH:mm[:ss[.f]]".
func parseISO(s string) (c clockTime, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' || !digitsOnly(s[:4]+s[5:7]+s[8:10]) {
		return c, false
	}
	c.year, _ = strconv.Atoi(s[:4])
	c.month, _ = strconv.Atoi(s[5:7])
	c.day, _ = strconv.Atoi(s[8:10])
	s = s[10:]
	if s == "" {
		return c, true
	}
	if len(s) < 6 || s[0] != ' ' || s[3] != ':' || !digitsOnly(s[1:3]+s[4:6]) {
		return c, false
	}
	c.hour, _ = strconv.Atoi(s[1:3])
	c.minute, _ = strconv.Atoi(s[4:6])
	s = s[6:]
	if s != "" {
		if len(s) < 3 || s[0] != ':' || !digitsOnly(s[1:3]) {
			return c, false
		}
		c.second, _ = strconv.Atoi(s[1:3])
		s = s[3:]
	}
	if s != "" {
		if s[0] != '.' || len(s) > 10 || !digitsOnly(s[1:]) {
			return c, false
		}
		f, _ := strconv.Atoi((s[1:] + "000000000")[:9])
		c.nanos = int64(f)
	}
	return c, c.hour < 24 && c.minute < 60 && c.second < 60
}

// clamp moves a day that its month does not have to the month's last, as Java's parser does.
func (c *clockTime) clamp() {
	if c.month >= 1 && c.month <= 12 && c.day >= 29 && c.day <= 31 {
		for !validDate(c.year, c.month, c.day) {
			c.day--
		}
	}
}

// plainDefault copies a value out of a scratch batch into the form of a schema default.
func plainDefault(f func(b *records.Batch) (records.Value, error)) (any, error) {
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	v, err := f(b)
	switch {
	case err != nil:
		return nil, err
	case v.Kind == records.KindString:
		return b.Str(v), nil
	}
	return v.Int(), nil
}

func (m *modes) defaultDate(pl *plan, expr string) (any, error) {
	if zeroDate(expr) || zeroTimestamp(expr) || expr == "0" {
		if pl.optional {
			return nil, nil
		}
		expr = epochDate
	}
	c, ok := parseISO(expr)
	c.clamp()
	if !ok || !validDate(c.year, c.month, c.day) {
		if pl.optional {
			return nil, nil
		}
		c = clockTime{year: 1970, month: 1, day: 1}
	}
	return plainDefault(func(b *records.Batch) (records.Value, error) { return m.date(b, c.year, c.month, c.day) })
}

func (m *modes) defaultDatetime(pl *plan, expr string) (any, error) {
	if zeroTimestamp(expr) || expr == "0" {
		if pl.optional {
			return nil, nil
		}
		expr = epochTimestamp
	}
	c, ok := parseISO(expr)
	c.clamp()
	if !ok || c.year == 0 || !validDate(c.year, c.month, c.day) {
		if pl.optional {
			return nil, nil
		}
		c = clockTime{year: 1970, month: 1, day: 1}
	}
	return plainDefault(func(b *records.Batch) (records.Value, error) {
		return m.datetime(b, pl, c.year, c.month, c.day, c.hour, c.minute, c.second, c.nanos)
	})
}

// defaultTime reads "[-]H:M[:S[.f]]", also as the second half of a timestamp.
func (m *modes) defaultTime(expr string) (any, error) {
	if date, clock, ok := strings.Cut(expr, " "); ok && strings.Count(date, "-") == 2 && digitsOnly(strings.ReplaceAll(date, "-", "")) &&
		strings.Count(clock, ":") == 2 {
		expr = clock
	}
	neg := strings.HasPrefix(expr, "-")
	clock, frac, hasFrac := strings.Cut(strings.TrimPrefix(expr, "-"), ".")
	part := strings.Split(clock, ":")
	if len(part) < 2 || len(part) > 3 || hasFrac && !digitsOnly(frac) {
		return nil, errDefault
	}
	var sec int64
	for _, p := range part {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return nil, errDefault
		}
		sec = sec*60 + int64(n)
	}
	if len(part) == 2 {
		sec *= 60
		frac = ""
		hasFrac = false
	}
	var nanos int64
	if hasFrac {
		if frac == "" {
			frac = "0"
		}
		nanos, _ = strconv.ParseInt((frac + "000000000")[:9], 10, 64)
	}
	nanos += sec * 1e9
	if neg {
		nanos = -nanos
	}
	return plainDefault(func(b *records.Batch) (records.Value, error) { return m.timeOfDay(b, nanos) })
}

func (m *modes) defaultTimestamp(pl *plan, expr string) (any, error) {
	if zeroTimestamp(expr) || expr == "0" || expr == epochTimestamp {
		if pl.optional {
			return nil, nil
		}
		return "1970-01-01T00:00:00Z", nil
	}
	c, ok := looseTimestamp(expr)
	if !ok {
		return nil, errDefault
	}
	t := time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.second, int(c.nanos), time.UTC)
	if y := t.Year(); m.adjust && y < 100 {
		t = t.AddDate(adjustYear(y)-y, 0, 0)
	}
	digits := pl.length
	if digits <= 0 || digits > 9 {
		digits = -1
	}
	return string(appendZoned(nil, t.Unix(), int64(t.Nanosecond()), digits)), nil
}

// looseTimestamp reads a timestamp whose separators may be any run of other characters and whose
// time may stop after any part.
func looseTimestamp(s string) (c clockTime, ok bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	s, frac, hasFrac := cutFraction(s)
	part := strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if len(part) < 3 || len(part) > 6 || s == "" || s[0] < '0' || s[0] > '9' {
		return c, false
	}
	num := [6]int{}
	for i, p := range part {
		n, err := strconv.Atoi(p)
		if err != nil || len(p) > 4 {
			return c, false
		}
		num[i] = n
	}
	c = clockTime{year: num[0], month: num[1], day: num[2], hour: num[3], minute: num[4], second: num[5]}
	if c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31 {
		return c, false
	}
	if hasFrac {
		if len(frac) > 9 || !digitsOnly(frac) {
			return c, false
		}
		f, _ := strconv.Atoi((frac + "000000000")[:9])
		c.nanos = int64(f)
	}
	return c, true
}

// cutFraction splits off what follows a point behind the seconds.
func cutFraction(s string) (clock, frac string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	if len(strings.FieldsFunc(s[:i], func(r rune) bool { return r < '0' || r > '9' })) != 6 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
