package javatime

import "strings"

const (
	minuteMillis = 60000
	hourMillis   = 60 * minuteMillis
)

// zones are the abbreviations that 'z' reads beside GMT and offsets: those that stand for one
// offset in Java's English names.
var zones = []struct {
	name  string
	hours float64
}{
	{"UTC", 0}, {"WET", 0}, {"WEST", 1}, {"CET", 1}, {"CEST", 2}, {"EET", 2}, {"EEST", 3}, {"MSK", 3},
	{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7},
	{"AKST", -9}, {"AKDT", -8}, {"HST", -10}, {"JST", 9}, {"KST", 9}, {"IST", 2}, {"SGT", 8}, {"HKT", 8},
	{"NZST", 12}, {"NZDT", 13}, {"BST", 1},
	{"Coordinated Universal Time", 0}, {"Greenwich Mean Time", 0}, {"Central European Standard Time", 1},
	{"Central European Summer Time", 2}, {"Eastern Standard Time", -5}, {"Eastern Daylight Time", -4},
	{"Central Standard Time", -6}, {"Central Daylight Time", -5}, {"Mountain Standard Time", -7},
	{"Mountain Daylight Time", -6}, {"Pacific Standard Time", -8}, {"Pacific Daylight Time", -7},
}

// zone reads a general or RFC 822 time zone.
func (c *fields) zone(text string, at int) int {
	switch {
	case text[at] == '+' || text[at] == '-':
		return c.offset(text, at+1, text[at] == '-', 0, false)
	case hasPrefixFold(text[at:], "GMT") && !hasPrefixFold(text[at:], "GMT0"):
		if at += 3; at < len(text) && (text[at] == '+' || text[at] == '-') {
			return c.offset(text, at+1, text[at] == '-', 0, true)
		}
		c.set(fZone, 0)
		return at
	}
	best := -1
	for i := range zones {
		if hasPrefixFold(text[at:], zones[i].name) && (best < 0 || len(zones[i].name) > len(zones[best].name)) {
			best = i
		}
	}
	if best < 0 {
		return -1
	}
	c.set(fZone, int64(zones[best].hours*hourMillis))
	return at + len(zones[best].name)
}

// isoZone reads Z or an offset of as many parts as there are letters.
func (c *fields) isoZone(text string, at, count int) int {
	switch text[at] {
	case 'Z':
		c.set(fZone, 0)
		return at + 1
	case '+', '-':
		return c.offset(text, at+1, text[at] == '-', count, count == 3)
	}
	return -1
}

// offset reads the digits of an offset. count 1 is hours only; with colon there is one before
// the minutes, and one digit of hours is enough.
func (c *fields) offset(text string, at int, negative bool, count int, colon bool) int {
	digit := func() (int64, bool) {
		if at >= len(text) || text[at] < '0' || text[at] > '9' {
			return 0, false
		}
		at++
		return int64(text[at-1] - '0'), true
	}
	hours, ok := digit()
	if !ok {
		return -1
	}
	if d, ok := digit(); ok {
		hours = hours*10 + d
	} else if count > 0 || !colon {
		return -1 // one digit is only for GMT+h:mm
	}
	if hours > 23 {
		return -1
	}
	var minutes int64
	if count != 1 {
		if colon {
			if !strings.HasPrefix(text[min(at, len(text)):], ":") {
				return -1
			}
			at++
		}
		for range 2 {
			d, ok := digit()
			if !ok {
				return -1
			}
			minutes = minutes*10 + d
		}
		if minutes > 59 {
			return -1
		}
	}
	ms := hours*hourMillis + minutes*minuteMillis
	if negative {
		ms = -ms
	}
	c.set(fZone, ms)
	return at
}
