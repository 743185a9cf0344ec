package javatime

const (
	dayMillis = 86400000
	// cutover is 15 October 1582 in days since the epoch: before it Java counts in the
	// Julian calendar.
	cutover     = -141427
	cutoverYear = 1582
)

// Java's en_US calendar: weeks begin on Sunday, and the first week of a year or month is the
// one with its first day.
const minimalDays = 1

// date is a day in Java's mixed calendar.
type date struct {
	day   int64 // since the epoch
	year  int64 // astronomical: 0 is 1 BC
	month int   // 1 to 12
	dom   int
	doy   int
	dow   int // 0 = Sunday
}

// floorDiv is the quotient rounded down.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func dateOf(day int64) date {
	d := date{day: day, dow: weekday(day)}
	// Years are counted from March, so that the leap day is the last one.
	var dayOfYear int64
	if day >= cutover {
		z := day + 719468 // days since 1 March of year 0
		century := floorDiv(z, 146097)
		rest := z - century*146097
		y := (rest - rest/1460 + rest/36524 - rest/146096) / 365
		dayOfYear = rest - (365*y + y/4 - y/100)
		d.year = y + century*400
	} else {
		z := day + 719470
		cycle := floorDiv(z, 1461)
		rest := z - cycle*1461
		y := (rest - rest/1460) / 365
		dayOfYear = rest - 365*y
		d.year = y + cycle*4
	}
	m := (5*dayOfYear + 2) / 153
	d.dom = int(dayOfYear-(153*m+2)/5) + 1
	if d.month = int(m) + 3; d.month > 12 {
		d.month -= 12
		d.year++
	}
	first := firstOfYear(d.year)
	d.doy = int(day-first) + 1
	return d
}

// firstOfYear is 1 January in the calendar that was in force then.
func firstOfYear(year int64) int64 { return firstOf(year, 0, year > cutoverYear) }

// firstOf is the first day of a month, counted from 0, in days since the epoch. Months beyond
// a year go on into the neighbours.
func firstOf(year, month int64, gregorian bool) int64 {
	year += floorDiv(month, 12)
	month -= 12 * floorDiv(month, 12)
	y, m := year, month-2
	if m < 0 {
		y--
		m += 12
	}
	days := 365*y + floorDiv(y, 4) + (153*m+2)/5
	if gregorian {
		return days - floorDiv(y, 100) + floorDiv(y, 400) - 719468
	}
	return days - 719470
}

func weekday(day int64) int { return int(((day+4)%7 + 7) % 7) }

// onOrBefore is the last day at or before day that is the weekday.
func onOrBefore(day int64, dow int) int64 {
	return day - int64((weekday(day)-dow+7)%7)
}

// firstWeek is the first day of the first week of the period that begins at day.
func firstWeek(day int64) int64 {
	first := onOrBefore(day+6, 0)
	if first-day >= minimalDays {
		first -= 7
	}
	return first
}

// week is the number of day's week within the period that begins at first.
func week(day, first int64) int { return int(floorDiv(day-firstWeek(first), 7)) + 1 }

// weekOfYear gives the week and the year that it belongs to.
func (d *date) weekOfYear() (week int, year int64) {
	year = d.year
	if next := firstWeek(firstOfYear(year + 1)); d.day >= next {
		return 1, year + 1
	}
	return int(floorDiv(d.day-firstWeek(firstOfYear(year)), 7)) + 1, year
}

func (d *date) firstOfMonth() int64 {
	first := d.day - int64(d.dom) + 1
	if d.day >= cutover && first < cutover {
		return firstOf(d.year, int64(d.month)-1, false) // October 1582 had 21 days
	}
	return first
}
