package registry

import (
	"fmt"
	"strconv"
)

// Java class names that traces start with (CW-299).
const (
	dataExceptionClass      = "org.apache.kafka.connect.errors.DataException"
	retriableExceptionClass = "org.apache.kafka.connect.errors.RetriableException"
)

// Codes of registries that mean something to callers.
const (
	CodeSubjectNotFound = 40401
	CodeVersionNotFound = 40402
	CodeSchemaNotFound  = 40403
)

// Error is a call that a registry refused, or that did not reach one.
type Error struct {
	Op      string // "register schema under subject orders-value"
	URL     string // without credentials
	Status  int    // of HTTP, 0 if there was no answer
	Code    int    // error_code of the answer
	Message string // of the answer
	Cause   error  // why there was none
}

func (e *Error) Error() string {
	s := e.Op + " at " + e.URL + ": "
	if e.Status == 0 {
		return s + e.Cause.Error()
	}
	return s + e.Message + "; error code: " + strconv.Itoa(e.Code) + e.hint()
}

func (e *Error) hint() string {
	switch {
	case e.Status == 401:
		return " (set basic.auth.credentials.source and basic.auth.user.info, or bearer.auth.token)"
	case e.Status == 403:
		return " (the registry's account may not do this)"
	case e.Status == 404 && e.Code == 404:
		return " (is this the address of the Confluent-compatible API? Apicurio's ends with /apis/ccompat/v7)"
	}
	return ""
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Retriable is true for registries that are away or in trouble (CW-347).
func (e *Error) Retriable() bool {
	switch e.Status {
	case 0, 408, 429:
		return true
	}
	return e.Status >= 500
}

// NotFound reports that there is no such subject, version or schema.
func (e *Error) NotFound() bool { return e.Status == 404 }

// JavaClass is the class name for traces.
func (e *Error) JavaClass() string {
	if e.Retriable() {
		return retriableExceptionClass
	}
	return dataExceptionClass
}

// Failure is the error of a converter: Connect's text with the topic, and the cause.
type Failure struct {
	Message string // "Failed to serialize Avro data from topic T :"
	Cause   error
}

func (e *Failure) Error() string { return e.Message + " " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *Failure) Unwrap() error { return e.Cause }

// Retriable is the cause's.
func (e *Failure) Retriable() bool { return retriable(e.Cause) }

// JavaClass is the class name for traces.
func (e *Failure) JavaClass() string {
	if e.Retriable() {
		return retriableExceptionClass
	}
	return dataExceptionClass
}

func retriable(err error) bool {
	for err != nil {
		if r, ok := err.(interface{ Retriable() bool }); ok {
			return r.Retriable()
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = u.Unwrap()
	}
	return false
}

// DataError is bytes or a value that a converter cannot handle. It carries no row data.
type DataError struct{ Message string }

// Dataf makes a DataError.
func Dataf(format string, args ...any) *DataError {
	return &DataError{Message: fmt.Sprintf(format, args...)}
}

func (e *DataError) Error() string { return e.Message }

// JavaClass is the class name for traces.
func (e *DataError) JavaClass() string { return dataExceptionClass }

func itoa(i int) string { return strconv.Itoa(i) }
