package avro

import "errors"

// Java class names that traces start with (CW-299).
const (
	dataExceptionClass  = "org.apache.kafka.connect.errors.DataException"
	parseExceptionClass = "org.apache.avro.SchemaParseException"
)

// dataError says that a value or schema does not fit. It carries no row data: the field is
// named, the value is not.
type dataError struct {
	msg   string
	path  string // to the place, "" for the whole
	class string // "" = DataException
}

func data(msg string) error { return &dataError{msg: msg} }

func parseError(msg string) error { return &dataError{msg: msg, class: parseExceptionClass} }

func (e *dataError) Error() string {
	if e.path != "" {
		return e.msg + " (field " + e.path + ")"
	}
	return e.msg
}

// JavaClass is the class name for traces.
func (e *dataError) JavaClass() string {
	if e.class != "" {
		return e.class
	}
	return dataExceptionClass
}

// within puts a field name in front of the path of an error on its way up.
func within(name string, err error) error {
	var e *dataError
	if errors.As(err, &e) {
		if e.path != "" {
			name += "." + e.path
		}
		e.path = name
	}
	return err
}
