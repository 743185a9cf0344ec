package jdbc

import (
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// errorClass says what the writer does about a database error (SJ-212).
type errorClass uint8

const (
	classFatal errorClass = iota
	classRetry            // may pass by itself: reconnect and repeat
	classRow              // one row is to blame: find it
	classStale            // the table is not what we remember: look again, once
)

// Java class names for the trace in /status.
const (
	connectException   = "org.apache.kafka.connect.errors.ConnectException"
	retriableException = "org.apache.kafka.connect.errors.RetriableException"
)

// recordError is an error that one record is to blame for. It names the record and never
// its data.
type recordError struct {
	topic     string
	partition int32
	offset    int64
	table     string
	column    string
	hint      string
	cause     error

	// The record itself, while the writer has it.
	batch *records.Batch
	rec   int
}

func (e *recordError) Error() string {
	s := fmt.Sprintf("record topic %s partition %d offset %d", e.topic, e.partition, e.offset)
	if e.table != "" {
		s += " for table " + e.table
	}
	if e.column != "" {
		s += " column " + e.column
	}
	return s + ": " + e.cause.Error()
}

func (e *recordError) Unwrap() error { return e.cause }

func (e *recordError) deliver() *deliver.Error {
	op := "write record"
	subject := fmt.Sprintf("topic %s partition %d offset %d", e.topic, e.partition, e.offset)
	if e.table != "" {
		subject += " to table " + e.table
	}
	if e.column != "" {
		subject += " column " + e.column
	}
	return &deliver.Error{Op: op, Subject: subject, Cause: e.cause, Hint: e.hint, Class: connectException}
}

func recordErr(b *records.Batch, rec int, hint, format string, args ...any) *recordError {
	return &recordError{topic: b.Origin.Topic, partition: b.Origin.Partition, offset: b.Records[rec].Offset,
		hint: hint, cause: fmt.Errorf(format, args...), batch: b, rec: rec}
}

// valueErr is what an encoder's error becomes: it names the record while its batch is here.
func valueErr(r *row, l *layout, c *column, cause error) *recordError {
	e := recordErr(r.b, int(r.rec), "", "%w", cause)
	e.table, e.column = l.table.id.String(), c.column
	if errors.Is(cause, errNUL) {
		e.hint = hintNUL
	}
	return e
}

// sanitized wraps a driver's error so that its own text, which may quote data, never
// reaches a log; the chain stays for errors.As.
type sanitized struct {
	text string
	err  error
}

func (e *sanitized) Error() string { return e.text }
func (e *sanitized) Unwrap() error { return e.err }

// shown makes the error that leaves this package.
func (w *writer) shown(op, subject string, err error) error {
	var de *deliver.Error
	if errors.As(err, &de) {
		return de
	}
	var re *recordError
	if errors.As(err, &re) {
		return re.deliver()
	}
	text, column, hint := w.dialect.explain(err)
	if column != "" {
		subject += " column " + column
	}
	out := &deliver.Error{Op: op, Subject: subject, Cause: &sanitized{text, err}, Hint: hint, Class: connectException}
	if w.dialect.classify(err) == classRetry {
		out.CanRetry, out.Class = true, retriableException
	}
	return out
}

func isRecordError(err error) bool {
	var re *recordError
	return errors.As(err, &re)
}
