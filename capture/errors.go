package capture

import (
	"errors"
	"fmt"
)

// Error is an error with what an operator needs: what was done, to what, where in the log,
// why it failed and the way out.
type Error struct {
	Op       string // "read binlog"
	Subject  string // "mysql-bin.000042:1337", "shop.orders"
	Cause    error
	Hint     string // "binlog retention is shorter than the outage; ..."
	CanRetry bool
	// Class is the Java class name that the trace in /status starts with (CW-32, CW-299);
	// "" means org.apache.kafka.connect.errors.ConnectException.
	Class string
}

func (e *Error) Error() string {
	s := e.Op
	if e.Subject != "" {
		s += " " + e.Subject
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Retriable lets records of the deliver room and this one be asked in the same way.
func (e *Error) Retriable() bool { return e.CanRetry }

// JavaClass is the class name for traces.
func (e *Error) JavaClass() string { return e.Class }

// Errorf makes a fatal Error.
func Errorf(op, subject, hint, format string, args ...any) *Error {
	return &Error{Op: op, Subject: subject, Hint: hint, Cause: fmt.Errorf(format, args...)}
}

// Retriable reports whether err, or something that it wraps, says that trying again may help.
func Retriable(err error) bool {
	var r interface{ Retriable() bool }
	return errors.As(err, &r) && r.Retriable()
}
