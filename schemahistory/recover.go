package schemahistory

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/anabranch/anabranch/records"
)

// Parser reads the statements of records that have no structures with them: SET, CREATE
// DATABASE, USE and the like, which matter for default character sets (DM-183). ddl.Parser is one.
type Parser interface {
	// Replay applies a statement. An error that names a table, in the sense of TableError, stops the
	// recovery; others are noted.
	Replay(ddl, database string, tables *Tables) (*Tables, error)
}

// TableError is implemented by errors of a Parser that know the table they are about.
type TableError interface {
	error
	Subject() (TableID, bool)
}

// RenameReader is a Parser that knows the old name in an ALTER TABLE ... RENAME. Debezium's record
// of that statement does not tell it, so that its own recovery keeps the old table beside
// the new one, where a later CREATE TABLE IF NOT EXISTS would be taken for nothing.
type RenameReader interface {
	RenamedFrom(ddl, database string) (TableID, bool)
}

// RecoverOptions are the finer points of a recovery.
type RecoverOptions struct {
	Order AtOrBefore
	// Parser may be nil: then records without structures are passed over.
	Parser Parser
	// FoldCase is for NewTables.
	FoldCase bool
	// SkipUnparseable is schema.history.internal.skip.unparseable.ddl (DM-187).
	SkipUnparseable bool
	// PreferDDL is the internal schema.history.internal.prefer.ddl: read the statements even
	// where structures are stored.
	PreferDDL bool
	// Later is called for every record of the source that is positioned after stop: what was
	// written before a crash and will be read from the log again. May be nil.
	Later func(Record)
	Log   *slog.Logger
}

// RecoverStats tell what a recovery did.
type RecoverStats struct {
	Records  int // readable records
	Foreign  int // of another source
	Later    int // positioned after stop
	Applied  int // with structures
	Replayed int // read as statements
	Failed   int // statements that could not be read and were passed over
}

// Recover rebuilds the structures as they were at stop from the records of one source (DM-183).
func Recover(ctx context.Context, store Store, source, stop records.Doc, o RecoverOptions) (*Tables, RecoverStats, error) {
	r := recovery{o: o, tables: NewTables(o.FoldCase), source: source.Canonical(), stop: stop, log: orDefault(o.Log)}
	if err := store.Read(ctx, r.record); err != nil {
		return nil, r.stats, err
	}
	return r.tables, r.stats, nil
}

type recovery struct {
	o      RecoverOptions
	tables *Tables
	source string
	stop   records.Doc
	stats  RecoverStats
	log    *slog.Logger
}

func (r *recovery) record(rec Record) error {
	r.stats.Records++
	if rec.Source.Canonical() != r.source {
		r.stats.Foreign++
		return nil
	}
	if r.o.Order != nil {
		before, err := r.o.Order(rec.Position, r.stop)
		if err != nil {
			return &Error{Op: "recover schema history", Cause: err, Hint: "a record's position cannot be compared with the stored offset"}
		}
		if !before {
			r.stats.Later++
			if r.o.Later != nil {
				r.o.Later(rec)
			}
			return nil
		}
	}
	if len(rec.Changes) > 0 && !r.o.PreferDDL {
		r.stats.Applied++
		for _, c := range rec.Changes {
			if c.Table != nil {
				c.Table = settle(c.Table)
			}
			if c.Type == Alter && c.PreviousID == nil && r.tables.Get(c.ID) == nil {
				if rr, ok := r.o.Parser.(RenameReader); ok {
					if old, ok := rr.RenamedFrom(rec.DDL, rec.Database); ok {
						r.tables = r.tables.Remove(old)
					}
				}
			}
			r.tables = r.tables.Apply(c)
		}
		return nil
	}
	return r.replay(rec)
}

func (r *recovery) replay(rec Record) error {
	if !rec.HasDDL || r.o.Parser == nil {
		return nil
	}
	tables, err := r.o.Parser.Replay(rec.DDL, rec.Database, r.tables)
	if err == nil {
		r.stats.Replayed++
		r.tables = tables
		return nil
	}
	var te TableError
	if errors.As(err, &te) && !r.o.SkipUnparseable {
		if id, ok := te.Subject(); ok {
			return &Error{Op: "recover schema history", Subject: "table " + id.String(), Cause: err,
				Hint: "set schema.history.internal.skip.unparseable.ddl=true to go on without this statement"}
		}
	}
	r.stats.Failed++
	r.log.Warn("passing over a statement of the schema history that cannot be read", slog.Any(logErr, err))
	return nil
}

// settle makes of a recorded table what Debezium's reader makes of it, so that the records
// after a restart are the same, too: columns that can be null and have no default get the
// default NULL, and the table's comment is not read. The table of the record is not changed.
func settle(t *Table) *Table {
	bad := func(c Column) bool { return c.Optional && !c.HasDefault }
	if !t.HasComment && !slices.ContainsFunc(t.Columns, bad) {
		return t
	}
	c := *t
	c.Comment, c.HasComment = "", false
	c.Columns = slices.Clone(t.Columns)
	for i := range c.Columns {
		if bad(c.Columns[i]) {
			c.Columns[i].HasDefault = true
		}
	}
	return &c
}
