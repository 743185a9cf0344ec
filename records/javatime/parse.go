package javatime

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/anabranch/anabranch/records"
)

// Fields of Java's calendar that a text can set.
const (
	fEra = iota
	fYear
	fMonth // from 0
	fWeekOfYear
	fWeekOfMonth
	fDayOfMonth
	fDayOfYear
	fDayOfWeek // 1 = Sunday
	fDayOfWeekInMonth
	fHalf
	fHour
	fHourOfDay
	fMinute
	fSecond
	fMilli
	fZone // milliseconds east
	fWeekYear
	fieldCount
)

// fields are the values that a text gave; stamp tells in which order, 0 is not at all.
type fields struct {
	value     [fieldCount]int64
	stamp     [fieldCount]int
	last      int
	ambiguous bool // a two-digit year that can be of either century
	now       time.Time
}

func (c *fields) set(field int, v int64) {
	c.last++
	c.value[field], c.stamp[field] = v, c.last
}

// Parse reads a text from its beginning, as lenient as DateFormat.parse: what follows the
// pattern's end does not count, numbers may lie outside of their range. Two-digit years lie
// within 80 years before and 20 years after now.
func (f *Format) Parse(text string, now time.Time) (millis int64, ok bool) {
	c := fields{now: now}
	at := 0
	for i := range f.items {
		it := &f.items[i]
		if it.letter == 0 {
			if !strings.HasPrefix(text[at:], it.text) {
				return 0, false
			}
			at += len(it.text)
			continue
		}
		obey := i+1 < len(f.items) && countsDigits(&f.items[i+1])
		if at = c.field(it, text, at, obey); at < 0 {
			return 0, false
		}
	}
	if at == 0 {
		return 0, false
	}
	millis = c.millis()
	if c.ambiguous && millis < c.centuryStart() {
		c.value[fYear] += 100
		c.value[fWeekYear] += 100
		millis = c.millis()
	}
	return millis, true
}

// countsDigits says that a field right before this one must stop after its letters.
func countsDigits(next *item) bool {
	switch next.letter {
	case 0, 'G', 'E', 'a', 'z', 'Z', 'X':
		return false
	case 'M', 'L':
		return next.count <= 2
	}
	return true
}

// field reads one field and returns where it ends, -1 if it is not there.
func (c *fields) field(it *item, text string, start int, obey bool) int {
	at := start
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	if at >= len(text) {
		return -1
	}
	switch it.letter { // names may not have blanks before them
	case 'G':
		if end := c.name(fEra, text, start, 0, longEras[:]); end > 0 {
			return end
		}
		return c.name(fEra, text, start, 0, eras[:])
	case 'M', 'L':
		if it.count >= 3 {
			return c.name(fMonth, text, start, 3, months[:])
		}
	case 'E':
		return c.weekday(text, start)
	case 'a':
		return c.name(fHalf, text, start, 0, halves[:])
	case 'z', 'Z':
		return c.zone(text, at)
	case 'X':
		return c.isoZone(text, at, it.count)
	}
	limit := len(text)
	if obey {
		// Characters, of which a digit may have several bytes.
		limit = start
		for n := 0; n < it.count; n++ {
			if limit >= len(text) {
				return -1
			}
			_, size := utf8.DecodeRuneInString(text[limit:])
			limit += size
		}
	}
	n, end := integer(text[:limit], at)
	if end < 0 {
		return -1
	}
	switch it.letter {
	case 'y', 'Y':
		field := fYear
		if it.letter == 'Y' {
			field = fWeekYear
		}
		c.year(field, n, it.count <= 2 && twoDigits(text[at:end]))
	case 'M', 'L':
		c.set(fMonth, n-1)
	case 'k':
		if n == 24 {
			n = 0
		}
		c.set(fHourOfDay, n)
	case 'h':
		if n == 12 {
			n = 0
		}
		c.set(fHour, n)
	case 'u':
		if n >= 1 && n <= 7 {
			n = n%7 + 1
		}
		c.set(fDayOfWeek, n)
	default:
		c.set(numberFields[it.letter], n)
	}
	return end
}

var numberFields = [128]int{'d': fDayOfMonth, 'H': fHourOfDay, 'm': fMinute, 's': fSecond, 'S': fMilli, 'D': fDayOfYear,
	'F': fDayOfWeekInMonth, 'w': fWeekOfYear, 'W': fWeekOfMonth, 'K': fHour}

func twoDigits(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	q, m := utf8.DecodeRuneInString(s[n:])
	return n+m == len(s) && unicode.IsDigit(r) && unicode.IsDigit(q)
}

func (c *fields) year(field int, n int64, short bool) {
	if short {
		from := int64(c.now.UTC().Year() - 80)
		c.ambiguous = n == from%100
		if n < from%100 {
			n += 100
		}
		n += from / 100 * 100
	}
	c.set(field, n)
}

func (c *fields) centuryStart() int64 { return c.now.UTC().AddDate(-80, 0, 0).UnixMilli() }

// name finds the longest of the names, or of their first short letters, without regard to case.
func (c *fields) name(field int, text string, at, short int, names []string) int {
	best, value := 0, 0
	for i, name := range names {
		if hasPrefixFold(text[at:], name) && len(name) > best {
			best, value = len(name), i
		}
		if short > best && hasPrefixFold(text[at:], name[:short]) {
			best, value = short, i
		}
	}
	if best == 0 {
		return -1
	}
	c.set(field, int64(value))
	return at + best
}

func (c *fields) weekday(text string, at int) int {
	end := c.name(fDayOfWeek, text, at, 3, weekdays[:])
	if end >= 0 {
		c.value[fDayOfWeek]++
	}
	return end
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// integer reads what Java's integer format reads: a minus, digits, perhaps an exponent; the
// value is cut to 32 bits as Number.intValue does.
func integer(s string, at int) (n int64, end int) {
	negative := at < len(s) && s[at] == '-'
	if negative {
		at++
	}
	var v float64
	var exact int64
	digits, small := 0, true
	for at < len(s) {
		r, size := utf8.DecodeRuneInString(s[at:])
		d := records.DigitValue(r)
		if d < 0 {
			break
		}
		digits++
		at += size
		if small {
			if exact > (math.MaxInt64-9)/10 {
				small = false
				v = float64(exact)
			} else {
				exact = exact*10 + d
				continue
			}
		}
		v = v*10 + float64(d)
	}
	if digits == 0 {
		return 0, -1
	}
	if negative {
		exact, v = -exact, -v
	}
	if small {
		return int64(int32(exact)), at // a Long is cut to its low bits
	}
	switch { // a Double goes to the nearest end
	case v >= math.MaxInt32:
		return math.MaxInt32, at
	default:
		return math.MinInt32, at
	}
}
