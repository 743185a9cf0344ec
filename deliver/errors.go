package deliver

import "github.com/anabranch/anabranch/records"

// Error is an error with what an operator needs; see records.Fault.
type Error = records.Fault

// Errorf makes a fatal Error.
func Errorf(op, subject, hint, format string, args ...any) *Error {
	return records.Faultf(op, subject, hint, format, args...)
}

// Retriable reports whether err, or something that it wraps, says that trying again may help.
func Retriable(err error) bool { return records.Retriable(err) }
