package schemahistory

import (
	"context"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// Record is one entry of the schema history (DM-179).
type Record struct {
	Source   records.Doc // {"server":<topic.prefix>}
	Position records.Doc // the offset at the statement, in Debezium's key order
	TSMillis int64
	Database string
	HasDB    bool
	Schema   string
	HasSch   bool
	DDL      string
	HasDDL   bool
	Changes  []Change // written as tableChanges, [] when empty but not nil
}

// Store keeps the history. Append returns when the record is durable (invariant 5): the
// caller must not hand over an event that was decoded with the new structure before that.
type Store interface {
	// Exists reports whether the storage (topic, file) exists and holds at least one record.
	Exists(ctx context.Context) (bool, error)
	// Initialize creates the storage if it is missing.
	Initialize(ctx context.Context) error
	// Append writes records in order and waits until they are durable.
	Append(ctx context.Context, recs ...Record) error
	// Read calls fn for every readable record from the oldest to the newest. Unreadable records
	// are logged and skipped (DM-183).
	Read(ctx context.Context, fn func(Record) error) error
	Close() error
}

func equalFold(a, b string) bool { return a == b || strings.EqualFold(a, b) }
