package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/anabranch/anabranch/daemon/jsontext"
)

// Error is an error with the HTTP status of its answer (CW-02).
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an Error.
func Errorf(status int, format string, args ...any) *Error {
	return &Error{Status: status, Message: fmt.Sprintf(format, args...)}
}

// NotFound makes an Error with status 404.
func NotFound(format string, args ...any) *Error {
	return Errorf(http.StatusNotFound, format, args...)
}

// BadRequest makes an Error with status 400.
func BadRequest(format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, format, args...)
}

// Conflict makes an Error with status 409.
func Conflict(format string, args ...any) *Error {
	return Errorf(http.StatusConflict, format, args...)
}

// Invalid is the error of a configuration that does not validate (CW-21).
func Invalid(messages []string) *Error {
	return BadRequest("Connector configuration is invalid and contains the following %d error(s):\n%s\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`",
		len(messages), strings.Join(messages, "\n"))
}

// statusOf maps an error to status and message.
func statusOf(err error) (int, string) {
	var e *Error
	if errors.As(err, &e) {
		return e.Status, e.Message
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusInternalServerError, "Request timed out. " + err.Error()
	}
	return http.StatusInternalServerError, err.Error()
}

func errorBody(status int, message string) []byte {
	return jsontext.Marshal(jsontext.Object{{Key: "error_code", Value: status}, {Key: "message", Value: message}})
}

// Elsewhere is the error of a request that another worker has to answer. URL is that worker's, ""
// while nobody knows which one it is (CW-08, CW-10).
type Elsewhere struct{ URL string }

func (e *Elsewhere) Error() string { return "another worker has to answer this request" }
