package mysql

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/schemahistory/ddl"
)

// query decides about a QUERY event in Debezium's order (DM-126).
func (st *stream) query(ctx context.Context, e *event) error {
	var q queryEvent
	if err := parseQuery(e.body, &q); err != nil {
		return err
	}
	text := bytes.TrimSpace(q.sql)
	switch {
	case bytes.EqualFold(text, begin):
		st.begin(q.thread)
		return nil
	case bytes.EqualFold(text, commit):
		st.commit()
		return nil
	}
	sql := string(text)
	upper := strings.ToUpper(sql[:min(len(sql), 32)])
	switch {
	case strings.HasPrefix(upper, "XA "):
		if strings.HasPrefix(upper, "XA START") || strings.HasPrefix(upper, "XA BEGIN") {
			// Rows of a branch come without BEGIN; a restart between a table map and its rows
			// would lose them (DM-124).
			st.c.keepHere()
			st.inXA = true
		} else {
			st.settle()
		}
		return nil
	case hasAnyPrefix(upper, "INSERT ", "UPDATE ", "DELETE ", "REPLACE "):
		st.once("dml", "the log has statements instead of rows; they cannot be captured: set binlog_format=ROW in every session", "position", st.c.at())
		st.settle()
		return nil
	case upper == "ROLLBACK":
		st.once("rollback", "the log has a transaction that was rolled back in part; its rows were sent already", "position", st.c.at())
		st.commit()
		return nil
	}
	if !st.c.inTx && strings.HasSuffix(strings.ToUpper(sql), "START TRANSACTION") {
		st.c.keepHere() // CREATE TABLE ... SELECT: its rows and an XID follow; servers before 9 log no BEGIN
	}
	if err := st.define(ctx, &q, sql); err != nil {
		return err
	}
	st.settle()
	return nil
}

// settle completes a statement that stands alone.
func (st *stream) settle() {
	st.c.settle()
	st.moved = st.moved || !st.c.inTx
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// define applies a DDL statement: history first, then structures, then events (invariant 5).
func (st *stream) define(ctx context.Context, q *queryEvent, sql string) error {
	q.statusVars()
	res, err := st.parser.Parse(ddl.Statement{SQL: sql, Database: string(q.database), SQLMode: q.sqlMode,
		DatabaseCharset: st.sv.charsetOf(q.dbCharset), ServerSQLMode: st.sv.sqlModeBits()}, st.tables)
	if err != nil {
		return st.unreadable(err, string(q.database))
	}
	if res.Filtered || len(res.Events) == 0 && len(res.Changed) == 0 {
		st.tables = res.Tables
		return nil
	}
	now := time.Now()
	st.c.micros, st.c.hasTime = st.micros, true
	var recs []schemahistory.Record
	for i := range res.Events {
		if ev := &res.Events[i]; ev.History {
			recs = append(recs, st.s.record(st.c, historyOf(ev), now))
		}
	}
	if err := appendHistory(ctx, st.store, st.s, recs); err != nil {
		return err
	}
	st.m.v.changed()
	st.apply(res)
	for i := range res.Events {
		ev := &res.Events[i]
		if ev.Kind == ddl.TruncateTable {
			if err := st.truncate(ev); err != nil {
				return err
			}
			continue
		}
		if ev.Emit && st.s.schemaChanges {
			st.schemaChange(ev, now)
		}
	}
	return nil
}

func historyOf(ev *ddl.Event) historyEvent {
	return historyEvent{database: ev.Database, hasDB: ev.HasDatabase, ddl: ev.DDL, changes: ev.Changes}
}

// apply takes over new structures; plans of changed tables are made anew when they are needed.
func (st *stream) apply(res *ddl.Result) {
	st.tables = res.Tables
	if len(res.Changed) == 0 {
		return
	}
	for _, id := range res.Changed {
		delete(st.plans, id)
	}
	clear(st.mapped)
	st.last = nil
}

// truncate emits op t when skipped.operations lets it through (DM-127).
func (st *stream) truncate(ev *ddl.Event) error {
	if st.s.skip['t'] || ev.Subject == nil || !st.filters.Table(*ev.Subject) {
		return nil
	}
	p, err := st.plan(*ev.Subject)
	if err != nil || p == nil {
		return err
	}
	st.em.batch(p)
	st.em.serial++
	st.em.point(p, st.c)
	p.src.time(floorDiv(st.c.micros, 1000) * 1000) // as for every statement
	st.em.serial++                                 // rows have a time of their own again
	st.em.truncate(p, st.c.row, clockAt(time.Now()))
	return nil
}

// schemaChange adds an event to the schema-change topic.
func (st *stream) schemaChange(ev *ddl.Event, now time.Time) {
	topic := st.s.topics.SchemaChange()
	b := st.em.beside(topic)
	src := schemaSource(b, st.em.id, st.c, ev)
	st.em.schemas.AppendSchemaChange(b, topic, st.em.ctx, changeOf(ev, now), src)
}

func changeOf(ev *ddl.Event, now time.Time) relational.SchemaChange {
	return relational.SchemaChange{Database: ev.Database, HasDatabase: ev.HasDatabase, DDL: ev.DDL, Changes: ev.Changes, NowMillis: now.UnixMilli()}
}

// schemaSource is the source block of a schema-change event. A statement of which nothing was
// understood has an empty table name there, one about a database as a whole has none.
func schemaSource(b *records.Batch, id identity, c *cursor, ev *ddl.Event) records.Value {
	var table *string
	if names := ev.SourceTable(); len(ev.Tables) > 0 || ev.Kind == ddl.Other {
		table = &names
	}
	var t sourceBlock
	t.constants(b, id, ev.Database, table)
	t.transaction(b, c)
	// Debezium keeps a statement's time in milliseconds only, unlike a row's.
	t.time(floorDiv(c.micros, 1000) * 1000)
	if c.snapshot != "" {
		t[srcSnapshot] = b.AddString("true")
	}
	t[srcPos], t[srcRow] = records.Int64Value(c.curPos), records.Int32Value(c.row)
	return t.put(b)
}

// unreadable decides about a statement that the reader does not understand (DM-242, DM-520):
// it only stops the task when it may concern a captured table.
func (st *stream) unreadable(err error, database string) error {
	concerns := st.filters.Database(database) && !st.filters.IsBuiltin(database)
	var de *ddl.Error
	if errors.As(err, &de) && de.Table != nil {
		concerns = st.filters.Table(*de.Table)
	}
	if !concerns {
		st.once("ddl "+st.c.at(), "a statement that cannot be read is passed over: it concerns no captured table", "position", st.c.at(), "err", err)
		return nil
	}
	if st.s.skipBadDDL {
		st.log.Warn("a statement that cannot be read is passed over, as schema.history.internal.skip.unparseable.ddl says", "position", st.c.at(), "err", err)
		return nil
	}
	return &capture.Error{Op: "read binlog", Subject: st.c.at(), Cause: err,
		Hint: "look at the statement with mysqlbinlog --start-position; schema.history.internal.skip.unparseable.ddl=true passes over it, then rows of the table may not fit"}
}
