package store

import "fmt"

// Error is an error of the storage with what an operator can do about it.
type Error struct {
	Op      string // "open topic"
	Subject string // "connect-offsets"
	Cause   error
	Hint    string
	// Config says that the cause is the configuration, not the state of a server: the
	// process ends with another exit code then (CW-149).
	Config bool
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %v", e.Op, e.Subject, e.Cause)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }
