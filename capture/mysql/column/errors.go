package column

import (
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/schemahistory"
)

// ErrPartialJSON is the cause of the error for PARTIAL_UPDATE_ROWS events (type 39), which a
// server with binlog_row_value_options=PARTIAL_JSON writes (DM-121).
var ErrPartialJSON = errors.New("partial JSON update events are not supported")

// ErrCorrupt is the cause of every error about bytes that no server writes: a truncated image,
// a length beyond the event, an impossible type.
var ErrCorrupt = errors.New("malformed row data")

// PartialJSONError is what a stream returns when it meets an event of type 39 for a table that
// it captures.
func PartialJSONError(id schemahistory.TableID) error {
	return &Error{Table: id.String(), Cause: ErrPartialJSON,
		Hint: "set binlog_row_value_options='' on the server and in every session that writes"}
}

// Error is an error about one table or one of its columns. It carries no row data.
type Error struct {
	Table  string // db.table
	Column string // "" = the table as a whole
	Cause  error
	Hint   string
}

func (e *Error) Error() string {
	s := "decode row of " + e.Table
	if e.Column != "" {
		s += "." + e.Column
	}
	s += ": " + e.Cause.Error()
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

func corrupt(what string) error { return fmt.Errorf("%w: %s", ErrCorrupt, what) }

// The causes that the row path returns. They are made once, because the path must not allocate
// as long as all is well and because a conversion failure may come with every row.
var (
	errShort     = corrupt("image ends inside a value")
	errLength    = corrupt("length beyond the event")
	errEnumIndex = errors.New("ENUM index has no value in the known column definition")
	errTimeRange = errors.New("time of day outside 00:00:00 to 24:00:00 does not fit time.precision.mode")
	errNanoRange = errors.New("date outside 1677 to 2262 does not fit nanoseconds")
	errInvalid   = errors.New("no such date in the calendar")
	errNotPoint  = errors.New("geometry is not a point")
	errText      = errors.New("text cannot be read as a value of the column's type")
	errJSON      = errors.New("malformed binary JSON")
	errGeometry  = errors.New("geometry is shorter than its SRID")
)
