package transforms

import (
	"fmt"

	"github.com/anabranch/anabranch/records"
)

// javaError is an exception by its Java class and text, which traces and error headers show.
// Where Java's text holds a value of the record, hidden stands instead.
type javaError struct{ class, msg string }

func (e *javaError) Error() string     { return e.msg }
func (e *javaError) JavaClass() string { return e.class }

// hidden stands for a value of a record in an error.
const hidden = "[hidden]"

const (
	dataException          = "org.apache.kafka.connect.errors.DataException"
	connectException       = "org.apache.kafka.connect.errors.ConnectException"
	schemaBuilderException = "org.apache.kafka.connect.errors.SchemaBuilderException"
	configException        = "org.apache.kafka.common.config.ConfigException"
	illegalArgument        = "java.lang.IllegalArgumentException"
	nullPointer            = "java.lang.NullPointerException"
)

func dataErrorf(format string, args ...any) error {
	return &javaError{dataException, fmt.Sprintf(format, args...)}
}

func configErrorf(format string, args ...any) error {
	return &javaError{configException, fmt.Sprintf(format, args...)}
}

// notStruct and notMap are the errors of values of another shape (CW-351).
func notStruct(purpose string, s *records.Schema, v records.Value) error {
	return dataErrorf("Only Struct objects supported for [%s], found: %s", purpose, records.JavaClass(s, v))
}

func notMap(purpose string, s *records.Schema, v records.Value) error {
	return dataErrorf("Only Map objects supported in absence of schema for [%s], found: %s", purpose, records.JavaClass(s, v))
}

// schemaText is ConnectSchema.toString.
func schemaText(s *records.Schema) string {
	if s.Name != "" {
		return "Schema{" + s.Name + ":" + s.Type.String() + "}"
	}
	return "Schema{" + s.Type.String() + "}"
}

var (
	errListFields = &javaError{dataException, "Cannot list fields on non-struct type"}
	errLookUp     = &javaError{dataException, "Cannot look up fields on non-struct type"}
)
