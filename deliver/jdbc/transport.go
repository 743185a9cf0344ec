package jdbc

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// classifyTransport classifies errors that did not come from a server: a broken connection
// may heal, anything else is unknown and final.
func classifyTransport(err error) errorClass {
	var ne net.Error
	var ce *pgconn.ConnectError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, context.DeadlineExceeded):
		return classRetry
	case errors.As(err, &ne), errors.As(err, &ce), pgconn.SafeToRetry(err):
		return classRetry
	case strings.Contains(err.Error(), "conn closed"), strings.Contains(err.Error(), "pipeline: no more results"):
		return classRetry
	}
	return classFatal
}

// explainTransport renders errors that did not come from a server.
func explainTransport(err error) (text, column, hint string) {
	text = err.Error()
	var ce *pgconn.ConnectError
	if errors.As(err, &ce) {
		// Its text names host, user and database, and the cause last.
		text = "cannot connect"
		if cause := errors.Unwrap(ce); cause != nil {
			text += ": " + strings.TrimSpace(strings.ReplaceAll(cause.Error(), "\n", "; "))
		}
	}
	switch {
	case strings.Contains(text, "connection refused"), strings.Contains(text, "no such host"), strings.Contains(text, "i/o timeout"):
		hint = "check host and port in connection.url, and that the server runs"
	}
	return text, "", hint
}
