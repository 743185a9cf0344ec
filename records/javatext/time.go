package javatext

import "time"

// AppendTime writes the form that Connect chooses by the value, not by the type (CW-328):
// everything before the second day, also all before 1970, is printed as a time of day.
func AppendTime(dst []byte, millis int64) []byte {
	const dayMillis = 86400000
	t := time.UnixMilli(millis).UTC()
	switch {
	case millis < dayMillis:
		return t.AppendFormat(dst, "15:04:05.000Z")
	case millis%dayMillis == 0:
		return t.AppendFormat(dst, "2006-01-02")
	default:
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
}
