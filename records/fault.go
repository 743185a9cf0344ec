package records

import (
	"errors"
	"fmt"
)

// Fault is an error with what an operator needs: what was done, to what, at which place, why
// it failed and the way out. Rooms call it their Error. It never holds row data.
type Fault struct {
	Op       string // "read binlog", "write table"
	Subject  string // "mysql-bin.000042:1337", "shop.orders", "orders-3 offset 17"
	Cause    error
	Hint     string // "binlog retention is shorter than the outage; ..."
	CanRetry bool
	// Class is the Java class name that the trace in /status starts with (CW-32, CW-299);
	// "" means org.apache.kafka.connect.errors.ConnectException.
	Class string
	// Message is the text of Java's exception where clients compare it; "" means all of Error.
	Message string
}

func (e *Fault) Error() string {
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
func (e *Fault) Unwrap() error { return e.Cause }

// Retriable reports whether trying again may help.
func (e *Fault) Retriable() bool { return e.CanRetry }

// JavaClass is the class name for traces.
func (e *Fault) JavaClass() string { return e.Class }

// JavaMessage is the text of the exception for traces and headers.
func (e *Fault) JavaMessage() string { return e.Message }

// JavaText is the text of an error's Java exception: without its causes, which traces show
// on their own, where Java has a text for it.
func JavaText(err error) string {
	if j, ok := err.(interface{ JavaMessage() string }); ok && j.JavaMessage() != "" { //nolint:errorlint // this level only
		return j.JavaMessage()
	}
	return err.Error()
}

// Faultf makes a fatal Fault.
func Faultf(op, subject, hint, format string, args ...any) *Fault {
	return &Fault{Op: op, Subject: subject, Hint: hint, Cause: fmt.Errorf(format, args...)}
}

// Retriable reports whether err, or something that it wraps, says that trying again may help.
func Retriable(err error) bool {
	var r interface{ Retriable() bool }
	return errors.As(err, &r) && r.Retriable()
}
