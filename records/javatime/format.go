package javatime

import "strconv"

// AppendMillis appends a time in milliseconds since the epoch, in UTC. It does not allocate
// when dst has room.
func (f *Format) AppendMillis(dst []byte, millis int64) []byte {
	day := floorDiv(millis, dayMillis)
	ms := millis - day*dayMillis
	d := dateOf(day)
	hour := int(ms / 3600000)
	for i := range f.items {
		it := &f.items[i]
		switch it.letter {
		case 0:
			dst = append(dst, it.text...)
		case 'y':
			dst = appendYear(dst, yearOfEra(d.year), it.count)
		case 'Y':
			_, y := d.weekOfYear()
			dst = appendYear(dst, y, it.count)
		case 'M', 'L':
			switch {
			case it.count >= 4:
				dst = append(dst, months[d.month-1]...)
			case it.count == 3:
				dst = append(dst, months[d.month-1][:3]...)
			default:
				dst = appendPadded(dst, int64(d.month), it.count, 0)
			}
		case 'E':
			name := weekdays[d.dow]
			if it.count < 4 {
				name = name[:3]
			}
			dst = append(dst, name...)
		case 'G':
			era := eras[0]
			if d.year > 0 {
				era = eras[1]
			}
			dst = append(dst, era...)
		case 'a':
			dst = append(dst, halves[hour/12]...)
		case 'z':
			if it.count >= 4 {
				dst = append(dst, "Coordinated Universal Time"...)
			} else {
				dst = append(dst, "UTC"...)
			}
		case 'Z':
			dst = append(dst, "+0000"...)
		case 'X':
			dst = append(dst, 'Z')
		default:
			dst = appendPadded(dst, f.number(it.letter, &d, hour, ms), it.count, 0)
		}
	}
	return dst
}

func (f *Format) number(letter byte, d *date, hour int, ms int64) int64 {
	switch letter {
	case 'd':
		return int64(d.dom)
	case 'k':
		if hour == 0 {
			return 24
		}
		return int64(hour)
	case 'H':
		return int64(hour)
	case 'm':
		return ms / 60000 % 60
	case 's':
		return ms / 1000 % 60
	case 'S':
		return ms % 1000
	case 'D':
		return int64(d.doy)
	case 'F':
		return (d.day-d.firstOfMonth())/7 + 1
	case 'w':
		w, _ := d.weekOfYear()
		return int64(w)
	case 'W':
		return int64(week(d.day, d.firstOfMonth()))
	case 'h':
		if hour%12 == 0 {
			return 12
		}
		return int64(hour % 12)
	case 'K':
		return int64(hour % 12)
	default: // 'u'
		return int64((d.dow+6)%7 + 1)
	}
}

func yearOfEra(year int64) int64 {
	if year <= 0 {
		return 1 - year
	}
	return year
}

func appendYear(dst []byte, year int64, count int) []byte {
	if count == 2 {
		return appendPadded(dst, year, 2, 100)
	}
	return appendPadded(dst, year, count, 0)
}

// appendPadded fills up with zeros; mod cuts off leading digits.
func appendPadded(dst []byte, n int64, width int, mod int64) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	if mod > 0 {
		n %= mod
	}
	digits := 1
	for r := n; r >= 10; r /= 10 {
		digits++
	}
	for ; digits < width; digits++ {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, n, 10)
}
