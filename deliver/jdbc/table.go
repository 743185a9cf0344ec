package jdbc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/deliver"
)

// table is a target table and what is known of it. Its columns are read once and again
// after each change of ours (SJ-068).
type table struct {
	id    tableID
	sql   string // qualified and quoted
	info  *tableInfo
	group *group // the present write's last group of this table
}

// table returns the state of a table, from the cache or the database.
func (w *writer) table(ctx context.Context, id tableID) (*table, error) {
	if t, ok := w.tables[id]; ok {
		return t, nil
	}
	t := &table{id: id, sql: string(appendTable(nil, w.dialect, id))}
	if err := w.reload(ctx, t); err != nil {
		return nil, err
	}
	w.tables[id] = t
	return t, nil
}

func (w *writer) reload(ctx context.Context, t *table) error {
	info, err := w.session.describe(ctx, t.id)
	if err != nil {
		return fmt.Errorf("read columns of table %s: %w", t.id, err)
	}
	t.info = info
	return nil
}

// errNothingToDelete says that a delete meets a table that does not exist yet.
var errNothingToDelete = errors.New("nothing to delete")

// ddlAttempts bounds how often we read a table again because another task changed it (SJ-069).
const ddlAttempts = 5

// settle makes the table have a layout's columns, creating or altering it where that is
// allowed, and resolves the columns to those of the database.
func (w *writer) settle(ctx context.Context, l *layout, mayChange bool) error {
	t := l.table
	var last error
	for attempt := 0; ; attempt++ {
		if t.info == nil {
			switch {
			case !w.config.create:
				return deliver.Errorf("find table", t.id.String(), w.createHint(), "the table does not exist")
			case !mayChange:
				return errNothingToDelete
			case attempt >= ddlAttempts:
				return w.ddlError("create table", t, last)
			}
			stmt, err := w.createTable(l)
			if err != nil {
				return err
			}
			last = w.runDDL(ctx, t, stmt)
			if last != nil && w.dialect.classify(last) == classRetry {
				return last
			}
			// After an error another task may have been quicker: look.
			if err := w.reload(ctx, t); err != nil {
				return err
			}
			if t.info == nil && last != nil {
				return w.ddlError("create table", t, last)
			}
			continue
		}
		missing := w.resolve(l)
		if len(missing) == 0 {
			return nil
		}
		names := make([]string, len(missing))
		for i, m := range missing {
			names[i] = l.cols[m].name
		}
		if attempt >= ddlAttempts || !mayChange || !w.config.evolve {
			if last != nil {
				return w.ddlError("alter table", t, last)
			}
			return deliver.Errorf("write table", t.id.String(), w.evolveHint(), "the table lacks the column %s", strings.Join(names, ", "))
		}
		stmts, err := w.addColumns(l, missing)
		if err != nil {
			return err
		}
		for _, s := range stmts {
			if last = w.runDDL(ctx, t, s); last != nil {
				if w.dialect.classify(last) == classRetry {
					return last
				}
				break
			}
		}
		before := len(t.info.columns)
		if err := w.reload(ctx, t); err != nil {
			return err
		}
		if last != nil && t.info != nil && len(t.info.columns) == before {
			return w.ddlError("alter table", t, last) // nobody changed it: the error is ours
		}
	}
}

// resolve finds a layout's columns in the table and returns the positions of the missing ones.
func (w *writer) resolve(l *layout) (missing []int) {
	order := l.ddl
	if order == nil {
		for i := range l.cols {
			order = append(order, i)
		}
	}
	for _, i := range order {
		c := &l.cols[i]
		name := c.name
		if !w.config.quoted {
			name = w.dialect.foldColumn(w.config.family, name)
		}
		tc := l.table.info.find(name)
		if tc == nil {
			c.column = name
			missing = append(missing, i)
			continue
		}
		c.column, c.target = tc.name, *tc
	}
	return missing
}

func (w *writer) createHint() string {
	if w.config.family == debezium {
		return "create the table or set schema.evolution=basic"
	}
	return "create the table or set auto.create=true"
}

func (w *writer) evolveHint() string {
	if w.config.family == debezium {
		return "add the column or set schema.evolution=basic"
	}
	return "add the column or set auto.evolve=true"
}

func (w *writer) ddlError(op string, t *table, err error) error {
	return w.shown(op, t.id.String(), err)
}

func (w *writer) runDDL(ctx context.Context, t *table, stmt string) error {
	err := w.session.exec(ctx, stmt)
	if err != nil {
		return err
	}
	w.metrics.ddl.Inc()
	w.log.Info("table changed", "table", t.id.String(), "ddl", stmt) // SJ-215
	return nil
}

// createTable renders CREATE TABLE (SJ-091, SJ-092, SJ-149).
func (w *writer) createTable(l *layout) (string, error) {
	var specs []string
	for _, i := range l.ddl {
		c := &l.cols[i]
		c.column = c.name
		if !w.config.quoted {
			c.column = w.dialect.foldColumn(w.config.family, c.name)
		}
		s, err := w.columnSpec(l, c, false)
		if err != nil {
			return "", err
		}
		specs = append(specs, s)
	}
	if l.keys > 0 {
		var pk []byte
		for i := range l.cols[:l.keys] {
			if i > 0 {
				pk = append(pk, ", "...)
			}
			pk = w.dialect.appendIdent(pk, l.cols[i].column)
		}
		specs = append(specs, "PRIMARY KEY ("+string(pk)+")")
	}
	return "CREATE TABLE " + l.table.sql + " (" + strings.Join(specs, ", ") + ")", nil
}

// addColumns renders ALTER TABLE (SJ-093, SJ-149).
func (w *writer) addColumns(l *layout, missing []int) ([]string, error) {
	var specs []string
	for _, i := range missing {
		s, err := w.columnSpec(l, &l.cols[i], true)
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	return w.dialect.alter(w.config.family, l.table.sql, specs), nil
}

func (w *writer) columnSpec(l *layout, c *column, adding bool) (string, error) {
	typ, err := w.dialect.columnType(w.config, &c.field)
	if err != nil {
		return "", deliver.Errorf("choose column type", l.table.id.String()+" column "+c.column, "", "%w", err)
	}
	s := string(w.dialect.appendIdent(nil, c.column)) + " " + typ
	lit, hasDefault := "", false
	if c.schema.Default != nil {
		lit, hasDefault = w.dialect.defaultLiteral(w.config, c, typ)
	}
	if adding && !hasDefault && (c.key || !c.optional) {
		return "", deliver.Errorf("alter table", l.table.id.String(), "make the field optional or give it a default, or add the column by hand",
			"column %s is required and has no default, so it cannot be added to existing rows", c.column)
	}
	if hasDefault {
		s += " DEFAULT " + lit
		if w.config.family == confluent {
			return s, nil
		}
	}
	if c.optional && !c.key {
		return s + " NULL", nil
	}
	return s + " NOT NULL", nil
}
