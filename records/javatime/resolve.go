package javatime

// millis makes a time of the fields that are set, as Calendar's documented field resolution
// does: of the ways to name a day the one set last counts, a field that is missing has its
// value of 1 January 1970, and what lies outside of its range goes on into the neighbours.
func (c *fields) millis() int64 {
	day, ms := int64(0), c.timeOfDay()
	over := floorDiv(ms, dayMillis)
	ms -= over * dayMillis
	if c.stamp[fWeekYear] > c.stamp[fYear] {
		day = c.weekDate() + over
	} else {
		day = c.day(over)
	}
	return day*dayMillis + ms - c.value[fZone]
}

func (c *fields) timeOfDay() int64 {
	var hours int64
	both := both(c.stamp[fHour], c.stamp[fHalf])
	if best := max(both, c.stamp[fHourOfDay]); best != 0 && best == c.stamp[fHourOfDay] {
		hours = c.value[fHourOfDay]
	} else if c.stamp[fHour] != 0 || c.stamp[fHalf] != 0 {
		hours = c.value[fHour] + 12*c.value[fHalf]
	}
	return ((hours*60+c.value[fMinute])*60+c.value[fSecond])*1000 + c.value[fMilli]
}

// both is the later of two stamps, 0 if one is missing.
func both(a, b int) int {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// rule is the way in which the fields name a day.
type rule uint8

const (
	byDayOfMonth rule = iota
	byWeekOfMonth
	byWeekdayInMonth
	byDayOfYear
	byWeekOfYear
)

func (c *fields) rule() rule {
	dow := c.stamp[fDayOfWeek]
	dom, doy := c.stamp[fDayOfMonth], c.stamp[fDayOfYear]
	wom, woy, dowim := both(c.stamp[fWeekOfMonth], dow), both(c.stamp[fWeekOfYear], dow), both(c.stamp[fDayOfWeekInMonth], dow)
	best := max(dom, wom, dowim, doy, woy)
	if best == 0 { // no complete way: a week alone, or a weekday alone in the month's first week
		wom, woy = c.stamp[fWeekOfMonth], c.stamp[fWeekOfYear]
		dowim = max(c.stamp[fDayOfWeekInMonth], dow)
		best = max(wom, dowim, woy)
		if best == 0 {
			return byDayOfMonth
		}
	}
	switch {
	case best == dom:
		return byDayOfMonth
	case best == wom && c.stamp[fWeekOfMonth] >= c.stamp[fWeekOfYear], best == dowim && c.stamp[fDayOfWeekInMonth] >= c.stamp[fWeekOfYear]:
		if wom == dowim && c.stamp[fWeekOfMonth] >= c.stamp[fDayOfWeekInMonth] || wom != dowim && best == wom {
			return byWeekOfMonth
		}
		return byWeekdayInMonth
	case best == doy:
		return byDayOfYear
	}
	return byWeekOfYear
}

// day is the day that the fields name, plus the days that the time of day ran over.
func (c *fields) day(over int64) int64 {
	year := int64(1970)
	if c.stamp[fYear] != 0 {
		year = c.value[fYear]
	}
	if c.stamp[fEra] != 0 && c.value[fEra] == 0 {
		year = 1 - year
	}
	how := c.rule()
	gregorian := over + c.dayIn(year, how, true)
	julian := over + c.dayIn(year, how, false)
	switch {
	case year > cutoverYear && gregorian >= cutover:
		return gregorian
	case year < cutoverYear:
		return julian
	case year == cutoverYear && (how == byDayOfYear || how == byWeekOfYear):
		return julian
	case gregorian >= cutover && julian >= cutover:
		return gregorian
	case gregorian >= cutover:
		return gregorian // in both calendars
	}
	return julian // in both, or in the ten days that never were
}

func (c *fields) dayIn(year int64, how rule, gregorian bool) int64 {
	if how >= byDayOfYear {
		first := firstOf(year, 0, gregorian)
		if how == byDayOfYear {
			return first + c.value[fDayOfYear] - 1
		}
		start := firstWeek(first)
		if c.stamp[fDayOfWeek] != 0 {
			start = onOrBefore(start+6, weekdayIndex(c.value[fDayOfWeek]))
		}
		return start + 7*(c.value[fWeekOfYear]-1)
	}
	month := c.value[fMonth]
	first := firstOf(year, month, gregorian)
	switch how {
	case byDayOfMonth:
		if c.stamp[fDayOfMonth] != 0 {
			first += c.value[fDayOfMonth] - 1
		}
		return first
	case byWeekOfMonth:
		start := firstWeek(first)
		if c.stamp[fDayOfWeek] != 0 {
			start = onOrBefore(start+6, weekdayIndex(c.value[fDayOfWeek]))
		}
		return start + 7*(c.value[fWeekOfMonth]-1)
	}
	dow := 0
	if c.stamp[fDayOfWeek] != 0 {
		dow = weekdayIndex(c.value[fDayOfWeek])
	}
	n := int64(1)
	if c.stamp[fDayOfWeekInMonth] != 0 {
		n = c.value[fDayOfWeekInMonth]
	}
	if n >= 0 {
		return onOrBefore(first+7*n-1, dow)
	}
	length := firstOf(year, month+1, gregorian) - first
	return onOrBefore(first+length+7*(n+1)-1, dow)
}

// weekdayIndex turns Java's 1 = Sunday into 0 = Sunday.
func weekdayIndex(n int64) int { return int(((n-1)%7 + 7) % 7) }

// weekDate is a day by week year, week and weekday.
func (c *fields) weekDate() int64 {
	week, dow := int64(1), int64(1)
	if c.stamp[fWeekOfYear] != 0 {
		week = c.value[fWeekOfYear]
	}
	if c.stamp[fDayOfWeek] != 0 {
		dow = c.value[fDayOfWeek]
	}
	if dow < 1 || dow > 7 {
		// Weekdays out of range go on into the weeks around, as numbers that begin on Monday.
		more := floorDiv(dow-1, 7)
		week, dow = week+more, (dow-7*more)%7+1
	}
	year := c.value[fWeekYear]
	return firstWeek(firstOfYear(year)) + 7*(week-1) + dow - 1
}
