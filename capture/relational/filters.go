package relational

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

// FilterConfig are the include and exclude lists of a connector, as text (DM-42, DM-53). An
// include list wins over the exclude list of the same kind; giving both is a config error
// that validation reports.
type FilterConfig struct {
	DatabaseInclude, DatabaseExclude string
	TableInclude, TableExclude       string
	ColumnInclude, ColumnExclude     string
	// Builtin lists the databases that belong to the server; IgnoreBuiltin skips them.
	Builtin       []string
	IgnoreBuiltin bool
	// SignalTable is captured even when the lists leave it out (DM-42).
	SignalTable string
	// StoreOnlyCapturedTables and StoreOnlyCapturedDatabases narrow which structures are kept (DM-188).
	StoreOnlyCapturedTables    bool
	StoreOnlyCapturedDatabases bool
}

// Filters answers which databases, tables and columns are captured. Answers about tables are
// remembered, because a backtracking match costs more than a row. It is not safe for
// concurrent use.
type Filters struct {
	cfg                        FilterConfig
	dbIn, dbOut, tabIn, tabOut Patterns
	colIn, colOut              Patterns
	builtin                    map[string]bool
	tables                     map[schemahistory.TableID]bool
	dbs                        map[string]bool
	firstErr                   error
}

// NewFilters compiles the lists.
func NewFilters(cfg FilterConfig) (*Filters, error) {
	f := &Filters{cfg: cfg, builtin: map[string]bool{}, tables: map[schemahistory.TableID]bool{}, dbs: map[string]bool{}}
	for _, l := range []struct {
		key, text string
		into      *Patterns
	}{
		{"database.include.list", cfg.DatabaseInclude, &f.dbIn},
		{"database.exclude.list", cfg.DatabaseExclude, &f.dbOut},
		{"table.include.list", cfg.TableInclude, &f.tabIn},
		{"table.exclude.list", cfg.TableExclude, &f.tabOut},
		{"column.include.list", cfg.ColumnInclude, &f.colIn},
		{"column.exclude.list", cfg.ColumnExclude, &f.colOut},
	} {
		ps, err := ParsePatterns(l.text)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", l.key, err)
		}
		*l.into = ps
	}
	for _, b := range cfg.Builtin {
		f.builtin[strings.ToLower(b)] = true
	}
	return f, nil
}

// maxRemembered bounds the memory for answers; beyond it they are computed anew.
const maxRemembered = 100_000

func decide(in, out Patterns, name string) (bool, error) {
	if len(in) > 0 {
		return in.Match(name)
	}
	if len(out) > 0 {
		hit, err := out.Match(name)
		return !hit, err
	}
	return true, nil
}

// Database reports whether a database passes the database lists. Debezium's database filter
// does not know about built-in databases, nor does this.
func (f *Filters) Database(db string) bool {
	if ok, known := f.dbs[db]; known {
		return ok
	}
	ok, err := decide(f.dbIn, f.dbOut, db)
	f.note(err)
	if len(f.dbs) < maxRemembered {
		f.dbs[db] = ok
	}
	return ok
}

// Table reports whether the rows of a table are captured.
func (f *Filters) Table(id schemahistory.TableID) bool {
	if ok, known := f.tables[id]; known {
		return ok
	}
	ok := f.table(id)
	if len(f.tables) < maxRemembered {
		f.tables[id] = ok
	}
	return ok
}

func (f *Filters) table(id schemahistory.TableID) bool {
	name := id.String()
	if f.cfg.SignalTable != "" && strings.EqualFold(name, f.cfg.SignalTable) {
		return true
	}
	if f.IsBuiltin(id.Database) || !f.Database(id.Database) {
		return false
	}
	ok, err := decide(f.tabIn, f.tabOut, name)
	f.note(err)
	return ok
}

// IsBuiltin reports whether a database is one of the server's own and those are ignored.
func (f *Filters) IsBuiltin(db string) bool {
	return f.cfg.IgnoreBuiltin && f.builtin[strings.ToLower(db)]
}

// Structure reports whether a table's structure is read by a snapshot: all tables but the
// built-in ones, unless store.only.captured.* narrows it (DM-188).
func (f *Filters) Structure(id schemahistory.TableID) bool {
	switch {
	case f.IsBuiltin(id.Database):
		return false
	case f.cfg.StoreOnlyCapturedTables:
		return f.Table(id)
	case f.cfg.StoreOnlyCapturedDatabases:
		return f.Database(id.Database)
	}
	return true
}

// Column reports whether a column is part of the row; keys are not touched by it (DM-16).
func (f *Filters) Column(id schemahistory.TableID, column string) bool {
	if len(f.colIn) == 0 && len(f.colOut) == 0 {
		return true
	}
	ok, err := decide(f.colIn, f.colOut, id.String()+"."+column)
	f.note(err)
	return ok
}

func (f *Filters) note(err error) {
	if err != nil && f.firstErr == nil {
		f.firstErr = err
	}
}

// Err returns the first match that could not be decided (a pattern that backtracks for too
// long). The answer was "no" then, so a caller must check before it skips anything for good.
func (f *Filters) Err() error { return f.firstErr }
