package mysql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"github.com/anabranch/anabranch/capture"
)

// Server error numbers that are decided about by name.
const (
	errAccessDenied   = 1045
	errBinlogRequest  = 1236 // purged, duplicate server id, packet too large: never retried (DM-71)
	errUnknownTable   = 1146
	errDenied         = 1227 // the privilege is missing for a global lock
	errDeniedTable    = 1142
	errDeniedDatabase = 1044
)

// fail wraps an error of a connection: what was done, on what; lost connections and SQL
// errors may be tried again, except what only a person can mend (DM-70, DM-71).
func fail(op, subject string, err error) error {
	var ce *capture.Error
	if err == nil || errors.As(err, &ce) {
		return err
	}
	e := &capture.Error{Op: op, Subject: subject, Cause: clean(err), CanRetry: true}
	var oe *net.OpError
	if errors.As(err, &oe) && oe.Op == "dial" {
		e.Hint = "check database.hostname and database.port, and that the server runs and can be reached from here"
	}
	var me *gomysql.MyError
	if errors.As(err, &me) {
		switch me.Code {
		case errBinlogRequest:
			e.CanRetry = false
			e.Hint = "the server has purged what is still needed, or another replica uses the same database.server.id; for a purged binlog set snapshot.mode=when_needed"
			if strings.Contains(me.Message, "server_uuid/server_id") || strings.Contains(me.Message, "same server") {
				e.Hint = "another replica or connector uses the same database.server.id; choose another one"
			}
		case errAccessDenied:
			e.CanRetry = false
			e.Hint = "check database.user and database.password"
		case errDenied, errDeniedTable, errDeniedDatabase:
			e.CanRetry = false
			e.Hint = "grant SELECT, RELOAD, SHOW DATABASES, LOCK TABLES, REPLICATION SLAVE, REPLICATION CLIENT to the user"
		case errUnknownTable:
			e.CanRetry = false
		}
	}
	return e
}

// clean strips go-mysql's decorations: its errors repeat the cause and carry a stack.
func clean(err error) error {
	var me *gomysql.MyError
	if errors.As(err, &me) {
		return fmt.Errorf("server error %d (%s): %s", me.Code, me.State, me.Message)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("connection closed by the server: %w", io.ErrUnexpectedEOF)
	}
	var ne net.Error
	if errors.As(err, &ne) {
		return ne
	}
	text := err.Error()
	if i := strings.Index(text, "\n"); i >= 0 {
		text = text[:i]
	}
	return errors.New(text)
}

// cancelled asks our own context, not the error, whether somebody told us to stop.
func cancelled(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// serverCode returns the number of a server error, 0 if it is none.
func serverCode(err error) uint16 {
	var me *gomysql.MyError
	if errors.As(err, &me) {
		return me.Code
	}
	return 0
}
