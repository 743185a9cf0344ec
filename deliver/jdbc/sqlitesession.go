package jdbc

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/anabranch/anabranch/records"
)

// sqliteSession is one connection to a SQLite file, in process. Rows are bound to prepared
// statements of many rows.
type sqliteSession struct {
	db     *sql.DB
	conn   *sql.Conn
	config *config
	args   []driver.NamedValue
	text   []byte
	stmts  map[string]driver.Stmt
}

// sqliteDSN maps jdbc:sqlite: forms to modernc's (SJ-204): a path, :memory:, or a file: URI.
// The pragmas that the Java driver takes as parameters may be given, and win.
func sqliteDSN(u jdbcURL) string {
	path, query, _ := strings.Cut(u.database, "?")
	if path == "" {
		path = ":memory:"
	}
	q, _ := url.ParseQuery(query) // unknown parameters are the file URI's own
	journal := "WAL"
	if path == ":memory:" || q.Get("mode") == "memory" {
		journal = "MEMORY"
	}
	var pragmas []string
	for _, p := range [...][2]string{{"busy_timeout", "10000"}, {"journal_mode", journal}, {"synchronous", "FULL"}, {"foreign_keys", "OFF"}} {
		value := q.Get(p[0])
		q.Del(p[0])
		if !plainWord.MatchString(value) {
			value = p[1]
		}
		pragmas = append(pragmas, p[0]+"("+value+")")
	}
	q["_pragma"] = pragmas
	q.Set("_txlock", "immediate")
	return path + "?" + q.Encode()
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

func (sqlite) open(ctx context.Context, c *config, _ logger) (session, error) {
	db, err := sql.Open("sqlite", sqliteDSN(c.url))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &sqliteSession{db: db, config: c, stmts: map[string]driver.Stmt{}}
	if s.conn, err = db.Conn(ctx); err == nil {
		err = s.exec(ctx, "SELECT count(*) FROM sqlite_master") // opens the file
	}
	if err != nil {
		_ = s.close()
		return nil, err
	}
	return s, nil
}

func (s *sqliteSession) close() error {
	for _, st := range s.stmts {
		_ = st.Close() // the connection goes away with them
	}
	clear(s.stmts)
	if s.conn != nil {
		_ = s.conn.Close()
	}
	return s.db.Close()
}

func (s *sqliteSession) exec(ctx context.Context, q string) error {
	_, err := s.conn.ExecContext(ctx, q)
	return err
}

func (s *sqliteSession) describe(ctx context.Context, id tableID) (*tableInfo, error) {
	schema := id.schema
	if schema == "" {
		schema = "main"
	}
	rows, err := s.conn.QueryContext(ctx, `SELECT name, type, "notnull", dflt_value IS NOT NULL, pk > 0, hidden FROM pragma_table_xinfo(?, ?)`, id.name, schema)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	info := &tableInfo{}
	for rows.Next() {
		var c tableColumn
		var hidden int
		if err := rows.Scan(&c.name, &c.dbType, &c.notNull, &c.hasValue, &c.key, &hidden); err != nil {
			return nil, err
		}
		c.dbType = strings.ToUpper(c.dbType)
		c.baseType, _, _ = strings.Cut(c.dbType, "(")
		c.generated = hidden > 1
		info.columns = append(info.columns, c)
	}
	if err := rows.Err(); err != nil || len(info.columns) == 0 {
		return nil, err
	}
	return info, nil
}

// sqliteBound knows how to render a layout's statements for a number of rows.
type sqliteBound struct {
	many, one string // statement for perStatement rows, and for one
	rows      int    // in many
	values    []sqliteValue
}

// SQLite's limit on parameters, and how many rows a statement is worth making for.
const (
	maxSQLiteParams = 32766
	maxSQLiteRows   = 64
)

func (s *sqliteSession) bind(l *layout) error {
	n := len(l.cols)
	b := &sqliteBound{rows: max(min(maxSQLiteRows, maxSQLiteParams/n), 1)}
	if l.delete || s.config.insert == modeUpdate {
		b.rows = 1
	}
	b.one = sqliteStatement(l, s.config.insert, 1)
	b.many = sqliteStatement(l, s.config.insert, b.rows)
	for i := range l.cols {
		v, err := sqliteValueOf(&l.cols[i].field, l.cols[i].target, s.config.family)
		if err != nil {
			return fmt.Errorf("column %s of table %s: a field of type %s cannot be written to it", l.cols[i].column, l.table.id, describeType(l.cols[i].schema))
		}
		b.values = append(b.values, v)
	}
	l.bound = b
	return nil
}

// sqliteStatement renders a statement for n rows. An upsert leaves columns alone that the
// record does not have (SJ-098 would reset them).
func sqliteStatement(l *layout, mode insertMode, n int) string {
	ident := sqlite{}.appendIdent
	keys := func(q []byte) []byte {
		for i := range l.cols[:l.keys] {
			if i > 0 {
				q = append(q, " AND "...)
			}
			q = append(ident(q, l.cols[i].column), " = ?"...)
		}
		return q
	}
	if l.delete {
		return string(keys([]byte("DELETE FROM " + l.table.sql + " WHERE ")))
	}
	if mode == modeUpdate {
		q := []byte("UPDATE " + l.table.sql + " SET ")
		for i := l.keys; i < len(l.cols); i++ {
			if i > l.keys {
				q = append(q, ", "...)
			}
			q = append(ident(q, l.cols[i].column), " = ?"...)
		}
		return string(keys(append(q, " WHERE "...)))
	}
	q := []byte("INSERT INTO " + l.table.sql + " (")
	for i := range l.cols {
		if i > 0 {
			q = append(q, ", "...)
		}
		q = ident(q, l.cols[i].column)
	}
	q = append(q, ") VALUES "...)
	for r := range n {
		if r > 0 {
			q = append(q, ", "...)
		}
		q = append(q, '(')
		for i := range l.cols {
			if i > 0 {
				q = append(q, ", "...)
			}
			q = append(q, '?')
		}
		q = append(q, ')')
	}
	if mode != modeUpsert {
		return string(q)
	}
	q = append(q, " ON CONFLICT ("...)
	for i := range l.cols[:l.keys] {
		if i > 0 {
			q = append(q, ", "...)
		}
		q = ident(q, l.cols[i].column)
	}
	if l.keys == len(l.cols) {
		return string(append(q, ") DO NOTHING"...))
	}
	q = append(q, ") DO UPDATE SET "...)
	for i := l.keys; i < len(l.cols); i++ {
		if i > l.keys {
			q = append(q, ", "...)
		}
		q = append(ident(q, l.cols[i].column), " = excluded."...)
		q = ident(q, l.cols[i].column)
	}
	return string(q)
}

type sqliteTx struct{ s *sqliteSession }

func (s *sqliteSession) begin(ctx context.Context, _ bool) (transaction, error) {
	return &sqliteTx{s}, s.exec(ctx, "BEGIN IMMEDIATE")
}

func (t *sqliteTx) put(ctx context.Context, l *layout, rows rowSet) error {
	b := l.bound.(*sqliteBound)
	if t.s.config.insert == modeUpdate {
		if l.keys == len(l.cols) {
			return nil // nothing but keys: nothing to change
		}
		return t.each(ctx, l, b, rows, l.keys)
	}
	return t.each(ctx, l, b, rows, 0)
}

func (t *sqliteTx) remove(ctx context.Context, l *layout, rows rowSet) error {
	return t.each(ctx, l, l.bound.(*sqliteBound), rows, 0)
}

// each binds the rows to statements. The columns are bound from first on, those before it last.
func (t *sqliteTx) each(ctx context.Context, l *layout, b *sqliteBound, rows rowSet, first int) error {
	s := t.s
	return s.conn.Raw(func(dc any) error {
		conn := dc.(driver.ConnPrepareContext)
		for at := 0; at < rows.len(); {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, text := b.rows, b.many
			if rows.len()-at < n {
				n, text = 1, b.one
			}
			st, err := s.stmt(conn, text)
			if err != nil {
				return err
			}
			s.args = s.args[:0]
			for i := range n {
				r := rows.at(at + i)
				for j := range l.cols {
					k := first + j
					if k >= len(l.cols) {
						k -= len(l.cols)
					}
					c := &l.cols[k]
					var val driver.Value
					if bt, v := c.value(r); !v.IsNull() {
						if val, err = b.values[k](s, c, bt, v); err != nil {
							return valueErr(r, l, c, err)
						}
					}
					s.args = append(s.args, driver.NamedValue{Ordinal: len(s.args) + 1, Value: val})
				}
			}
			// A context would cost a goroutine a statement; statements are short and the wait
			// for locks is bounded by busy_timeout.
			if _, err := st.(driver.StmtExecContext).ExecContext(context.Background(), s.args); err != nil {
				return err
			}
			at += n
		}
		return nil
	})
}

// maxSQLiteStatements bounds the statements kept prepared.
const maxSQLiteStatements = 64

func (s *sqliteSession) stmt(conn driver.ConnPrepareContext, text string) (driver.Stmt, error) {
	if st, ok := s.stmts[text]; ok {
		return st, nil
	}
	if len(s.stmts) >= maxSQLiteStatements {
		for _, st := range s.stmts {
			_ = st.Close() // only frees memory
		}
		clear(s.stmts)
	}
	st, err := conn.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	s.stmts[text] = st
	return st, nil
}

func (t *sqliteTx) truncate(ctx context.Context, id tableID) error {
	return t.s.exec(ctx, "DELETE FROM "+string(appendTable(nil, sqlite{}, id)))
}

func (t *sqliteTx) savepoint(ctx context.Context) error { return t.s.exec(ctx, "SAVEPOINT anabranch") }
func (t *sqliteTx) rollbackTo(ctx context.Context) error {
	return t.s.exec(ctx, "ROLLBACK TO SAVEPOINT anabranch")
}
func (t *sqliteTx) release(ctx context.Context) error {
	return t.s.exec(ctx, "RELEASE SAVEPOINT anabranch")
}
func (t *sqliteTx) commit(ctx context.Context) error { return t.s.exec(ctx, "COMMIT") }

func (t *sqliteTx) rollback() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = t.s.exec(ctx, "ROLLBACK") // there may be no transaction left
}

// sqliteValue turns a value that is not null into what the driver binds.
type sqliteValue func(s *sqliteSession, c *column, b *records.Batch, v records.Value) (driver.Value, error)

// sqliteValueOf picks the form of a field. The Confluent family writes dates and times as
// milliseconds, as the Java driver does; Debezium's has no SQLite, so its rows get ISO texts,
// which SQLite's own functions read.
func sqliteValueOf(f *field, _ tableColumn, fam family) (sqliteValue, error) {
	switch k := f.kind; {
	case k.isInt(), k == kindMicroDuration:
		return func(_ *sqliteSession, _ *column, _ *records.Batch, v records.Value) (driver.Value, error) {
			return v.Int(), nil
		}, nil
	case k == kindBool:
		return func(_ *sqliteSession, _ *column, _ *records.Batch, v records.Value) (driver.Value, error) {
			return intOf(v), nil
		}, nil
	case k == kindFloat32, k == kindFloat64:
		return func(_ *sqliteSession, _ *column, _ *records.Batch, v records.Value) (driver.Value, error) {
			return v.Float(), nil
		}, nil
	case k == kindBytes:
		return func(_ *sqliteSession, _ *column, b *records.Batch, v records.Value) (driver.Value, error) {
			if v.Kind != records.KindBytes {
				return nil, errValueShape
			}
			return b.Raw(v), nil
		}, nil
	case k == kindPoint, k == kindGeometry, k == kindGeography:
		return func(_ *sqliteSession, c *column, b *records.Batch, v records.Value) (driver.Value, error) {
			wkb, _, err := geometry(&c.field, b, v)
			return wkb, err
		}, nil
	case k == kindArray:
		return nil, errMapping
	case fam == confluent && k == kindDate:
		return func(s *sqliteSession, _ *column, _ *records.Batch, v records.Value) (driver.Value, error) {
			return dayIn(v.Int(), s.config.dateZone) * 86400000, nil
		}, nil
	case fam == confluent && (k.isTime() || k.isInstant()):
		return func(_ *sqliteSession, c *column, _ *records.Batch, v records.Value) (driver.Value, error) {
			switch c.kind {
			case kindInstantMicro:
				return floorDiv(v.Int(), 1000), nil
			case kindInstantNano:
				return floorDiv(v.Int(), 1000000), nil
			}
			return v.Int(), nil
		}, nil
	}
	return func(s *sqliteSession, c *column, b *records.Batch, v records.Value) (driver.Value, error) {
		var err error
		s.text, err = appendText(s.text[:0], &c.field, b, v, s.config.zoneFor(c))
		return string(s.text), err
	}, nil
}
