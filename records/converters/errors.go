package converters

import "strings"

// Java class names that traces start with (CW-299).
const (
	dataExceptionClass          = "org.apache.kafka.connect.errors.DataException"
	serializationExceptionClass = "org.apache.kafka.common.errors.SerializationException"
)

// DataError says that a value does not fit its schema or that bytes are not in the
// converter's format. It carries no row data: the field is named, the value is not.
type DataError struct {
	// Message is Connect's text where it has one.
	Message string
	// Field is the path to the place, "" for the whole.
	Field string
	Cause error
	class string
}

func dataError(msg string) *DataError { return &DataError{Message: msg} }

func (e *DataError) Error() string {
	s := e.Message
	if e.Field != "" {
		s += " (field " + e.Field + ")"
	}
	if e.Cause != nil {
		if !strings.HasSuffix(s, ": ") {
			s += ": "
		}
		s += e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *DataError) Unwrap() error { return e.Cause }

// JavaClass is the class name for traces.
func (e *DataError) JavaClass() string {
	if e.class != "" {
		return e.class
	}
	return dataExceptionClass
}

// JavaMessage is the exception's own text, without place and cause.
func (e *DataError) JavaMessage() string { return e.Message }

// within puts a field name in front of the path of an error on its way up.
func within(name string, err error) error {
	if e, ok := err.(*DataError); ok {
		switch {
		case e.Field == "":
			e.Field = name
		case e.Field[0] == '[':
			e.Field = name + e.Field
		default:
			e.Field = name + "." + e.Field
		}
	}
	return err
}
