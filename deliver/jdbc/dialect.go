package jdbc

import (
	"context"
	"fmt"
	"strings"
)

// tableID names a table: catalog and schema may be "" for the connection's own.
type tableID struct{ catalog, schema, name string }

func (t tableID) String() string {
	s := t.name
	if t.schema != "" {
		s = t.schema + "." + s
	}
	if t.catalog != "" {
		s = t.catalog + "." + s
	}
	return s
}

// tableColumn is a column that exists in the database.
type tableColumn struct {
	name      string
	dbType    string // full type: "numeric(10,2)", "varchar(20)"
	baseType  string // without modifiers: "numeric", "varchar"
	notNull   bool
	hasValue  bool // default, identity or generated: may be left out of an INSERT
	generated bool // must be left out
	identity  bool // PostgreSQL: GENERATED ALWAYS AS IDENTITY
	key       bool
}

// tableInfo is what the database says about a table.
type tableInfo struct {
	columns []tableColumn
}

// find looks a column up by its exact name, then without regard to case (SJ-068).
func (t *tableInfo) find(name string) *tableColumn {
	for i := range t.columns {
		if t.columns[i].name == name {
			return &t.columns[i]
		}
	}
	for i := range t.columns {
		if strings.EqualFold(t.columns[i].name, name) {
			return &t.columns[i]
		}
	}
	return nil
}

// dialect is what differs between databases as far as text goes. It has no state.
type dialect interface {
	name() string
	// appendIdent quotes a name. Every name is quoted: what quoting off means is that
	// the name is folded first, so that reserved words work in either setting.
	appendIdent(dst []byte, name string) []byte
	// foldTable and foldColumn say what the database makes of an unquoted name.
	foldTable(name string) string
	foldColumn(fam family, name string) string
	// columnType is the type of a new column (SJ-080 to SJ-089, SJ-170 to SJ-190).
	columnType(c *config, f *field) (string, error)
	// defaultLiteral renders a default; ok is false where the type cannot have one.
	defaultLiteral(c *config, col *column, sqlType string) (lit string, ok bool)
	// alter returns the statements that add columns (SJ-093, SJ-149).
	alter(fam family, table string, specs []string) []string
	// open connects.
	open(ctx context.Context, c *config, log logger) (session, error)
	// classify says what an error means for the writer.
	classify(err error) errorClass
	// explain makes an error fit for operators: no row data; column "" if unknown.
	explain(err error) (text, column, hint string)
	// tableFrom applies the database's rules for names with dots (SJ-076).
	tableFrom(parts []string) (tableID, error)
}

// session is one connection. It is used by one goroutine.
type session interface {
	// describe returns nil if there is no such table.
	describe(ctx context.Context, id tableID) (*tableInfo, error)
	// exec runs one statement outside any transaction.
	exec(ctx context.Context, sql string) error
	// bind prepares a layout for writing: it picks encoders by column type.
	bind(l *layout) error
	// begin starts a transaction. A careful one reports an error from the call that caused
	// it; otherwise errors may come as late as commit.
	begin(ctx context.Context, careful bool) (transaction, error)
	close() error
}

// transaction writes rows. After an error only rollbackTo, rollback may be called.
type transaction interface {
	// put inserts, upserts or updates, as the configuration says.
	put(ctx context.Context, l *layout, rows rowSet) error
	remove(ctx context.Context, l *layout, rows rowSet) error
	truncate(ctx context.Context, id tableID) error
	savepoint(ctx context.Context) error
	rollbackTo(ctx context.Context) error
	release(ctx context.Context) error
	commit(ctx context.Context) error
	rollback()
}

// logger is the part of slog that dialects use.
type logger interface {
	Warn(msg string, args ...any)
	Info(msg string, args ...any)
}

func dialectOf(u jdbcURL) (dialect, error) {
	switch u.scheme {
	case "postgresql":
		return postgres{}, nil
	case "mysql", "mariadb":
		return mysqlDialect{}, nil
	case "sqlite":
		return sqlite{}, nil
	}
	return nil, fmt.Errorf("database %s is not supported here", u.scheme)
}

// appendTable writes a qualified, quoted table name.
func appendTable(dst []byte, d dialect, id tableID) []byte {
	if id.catalog != "" {
		dst = append(d.appendIdent(dst, id.catalog), '.')
	}
	if id.schema != "" {
		dst = append(d.appendIdent(dst, id.schema), '.')
	}
	return d.appendIdent(dst, id.name)
}
