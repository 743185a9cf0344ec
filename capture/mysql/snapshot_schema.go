package mysql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/schemahistory/ddl"
)

// prepare does everything up to the first row.
func (sn *snapshot) prepare(ctx context.Context) error {
	sn.started, sn.logged = time.Now(), time.Now()
	all, err := sn.allTables(ctx)
	if err != nil {
		return err
	}
	captured, structures := sn.choose(all)
	if err := sn.src.filters.Err(); err != nil {
		return &capture.Error{Op: "match tables", Subject: sn.s.address(), Cause: err, Hint: "simplify the pattern"}
	}
	if err := sn.guardrail(len(captured)); err != nil {
		return err
	}
	if sn.list, err = sn.order(ctx, captured); err != nil {
		return err
	}
	sn.log.Info("snapshot started", "mode", sn.s.snapshotMode, "locking", sn.s.lockingMode, "tables", len(sn.list), "structures", len(structures), "rows_estimated", sn.prog.RowsEstimated)
	if err := sn.freeze(ctx); err != nil {
		return err
	}
	if sn.lock == tableLocks { // others cannot be looked at now
		structures, sn.later = split(structures, func(id tid) bool { return slices.Contains(captured, id) })
	}
	if sn.s.filters.StoreOnlyCapturedTables {
		structures = captured
	}
	texts, err := sn.readStructures(ctx, structures, true)
	if err != nil {
		return err
	}
	if err := sn.structuresRead(ctx); err != nil {
		return err
	}
	if err := sn.record(ctx, texts); err != nil {
		return err
	}
	if !sn.data {
		sn.prog.TablesDone = sn.prog.TablesTotal
		sn.at = len(sn.list)
	}
	if sn.em.pending() {
		sn.held = sn.em.collect()
		sn.held.Position = sn.position()
	}
	return nil
}

// allTables lists the base tables of all databases; a database that cannot be read is passed over.
func (sn *snapshot) allTables(ctx context.Context) ([]tid, error) {
	dbs, err := sn.x.table(ctx, "SHOW DATABASES")
	if err != nil {
		return nil, fail("list databases of", sn.s.address(), err)
	}
	var out []tid
	for _, db := range dbs {
		rows, err := sn.x.table(ctx, "SHOW FULL TABLES IN "+quoteName(db[0])+" WHERE Table_Type = 'BASE TABLE'")
		if err != nil {
			if serverCode(err) == 0 || cancelled(ctx) != nil {
				return nil, fail("list tables of", db[0], err)
			}
			sn.log.Warn("a database is passed over: its tables cannot be listed", "database", db[0], "err", clean(err))
			continue
		}
		for _, r := range rows {
			out = append(out, tableID(db[0], r[0]))
		}
	}
	slices.SortFunc(out, func(a, b tid) int { return cmp.Compare(a.String(), b.String()) })
	return out, nil
}

// choose picks the tables whose rows, and those whose structures are read. The former come in
// the order of table.include.list's patterns, as in Debezium.
func (sn *snapshot) choose(all []tid) (captured, structures []tid) {
	f := sn.src.filters
	var want []tid
	for _, id := range all {
		if f.Structure(id) {
			structures = append(structures, id)
		}
		in := len(sn.s.snapshotTables) == 0
		if !in {
			in, _ = sn.s.snapshotTables.Match(id.String()) // a pattern that takes too long matches nothing
		}
		if in && f.Table(id) {
			want = append(want, id)
		}
	}
	ps, err := relational.ParsePatterns(sn.s.filters.TableInclude)
	if err != nil || len(ps) == 0 {
		return want, structures
	}
	for i := range ps {
		for _, id := range want {
			if ok, _ := ps[i : i+1].Match(id.String()); ok && !slices.Contains(captured, id) {
				captured = append(captured, id)
			}
		}
	}
	return captured, structures
}

func split(ids []tid, in func(tid) bool) (yes, no []tid) {
	for _, id := range ids {
		if in(id) {
			yes = append(yes, id)
		} else {
			no = append(no, id)
		}
	}
	return yes, no
}

// guardrail is guardrail.collections.max (DM-62).
func (sn *snapshot) guardrail(n int) error {
	if sn.s.guardrailMax <= 0 || n <= sn.s.guardrailMax {
		return nil
	}
	err := capture.Errorf("count captured tables of", sn.s.address(), "narrow table.include.list or raise guardrail.collections.max",
		"there are %d, guardrail.collections.max is %d", n, sn.s.guardrailMax)
	if sn.s.guardrailAction == "fail" {
		return err
	}
	sn.log.Warn("more tables are captured than guardrail.collections.max allows", "err", err)
	return nil
}

// order adds the server's row estimates and sorts by them if asked to.
func (sn *snapshot) order(ctx context.Context, captured []tid) ([]snapTable, error) {
	est := map[tid]int64{}
	rows, err := sn.x.table(ctx, "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE'")
	if err != nil && (serverCode(err) == 0 || cancelled(ctx) != nil) {
		return nil, fail("read table statistics of", sn.s.address(), err)
	}
	for _, r := range rows {
		est[tableID(r[0], r[1])], _ = strconv.ParseInt(r[2], 10, 64)
	}
	list := make([]snapTable, len(captured))
	for i, id := range captured {
		list[i] = snapTable{id, est[id]}
		if sn.data {
			sn.prog.RowsEstimated += est[id]
		}
	}
	switch sn.s.snapshotOrder {
	case "ascending":
		slices.SortStableFunc(list, func(a, b snapTable) int { return cmp.Compare(a.estimate, b.estimate) })
	case "descending":
		slices.SortStableFunc(list, func(a, b snapTable) int { return cmp.Compare(b.estimate, a.estimate) })
	}
	sn.prog.TablesTotal = len(list)
	return list, nil
}

// text is one statement for the schema history.
type text struct {
	database string
	sql      string
	table    tid // of SHOW CREATE TABLE and DROP TABLE
}

// readStructures makes the statements of a snapshot in Debezium's order (DM-49, DM-50).
func (sn *snapshot) readStructures(ctx context.Context, ids []tid, first bool) ([]text, error) {
	var texts []text
	if first {
		texts = append(texts, text{sql: sn.src.sv.charsetVars})
		for _, id := range append(slices.Clone(ids), sn.later...) {
			texts = append(texts, text{id.Database, "DROP TABLE IF EXISTS " + quoteTable(id), id})
		}
	}
	locales, err := sn.x.table(ctx, "SELECT schema_name, default_character_set_name, default_collation_name FROM information_schema.schemata")
	if err != nil {
		return nil, fail("read character sets of", sn.s.address(), err)
	}
	for _, db := range databasesOf(ids) {
		if first {
			create := "CREATE DATABASE " + quoteName(db)
			for _, l := range locales {
				if l[0] == db {
					create += " CHARSET " + l[1] + " COLLATE " + l[2]
				}
			}
			for _, sql := range []string{"DROP DATABASE IF EXISTS " + quoteName(db), create, "USE " + quoteName(db)} {
				texts = append(texts, text{database: db, sql: sql})
			}
		}
		tables := slices.DeleteFunc(slices.Clone(ids), func(id tid) bool { return id.Database != db })
		if sn.s.lockingMode == "none" {
			// Without locks Debezium collects the texts in a HashMap.
			tables = hashOrder(tables)
		}
		for _, id := range tables {
			rows, err := sn.x.table(ctx, "SHOW CREATE TABLE "+quoteTable(id))
			if err != nil {
				if code := serverCode(err); code == errUnknownTable || code != 0 && !sn.src.filters.Table(id) {
					sn.log.Warn("the structure of a table cannot be read", "table", id.String(), "err", clean(err))
					continue
				}
				return nil, fail("read structure of", id.String(), err)
			}
			if len(rows) > 0 && len(rows[0]) > 1 {
				texts = append(texts, text{db, rows[0][1], id})
			}
		}
	}
	return texts, nil
}

func databasesOf(ids []tid) []string {
	var out []string
	for _, id := range ids {
		if !slices.Contains(out, id.Database) {
			out = append(out, id.Database)
		}
	}
	return out
}

// record applies the statements, writes the history and makes the schema-change events.
func (sn *snapshot) record(ctx context.Context, texts []text) error {
	var recs []schemahistory.Record
	for _, t := range texts {
		now := time.Now()
		sn.c.micros, sn.c.hasTime = now.UnixMicro(), true
		res, err := sn.src.parser.Parse(ddl.Statement{SQL: t.sql, Database: t.database, Snapshot: true, ServerSQLMode: sn.src.sv.sqlModeBits(),
			SQLMode: sn.src.sv.sqlModeBits()}, sn.tables)
		if err != nil {
			if err := sn.unreadable(t, err); err != nil {
				return err
			}
			continue
		}
		sn.tables = res.Tables
		for i := range res.Events {
			ev := &res.Events[i]
			if ev.History {
				recs = append(recs, sn.s.record(sn.c, historyOf(ev), now))
			}
			if ev.Emit && sn.s.schemaChanges {
				sn.schemaChange(ev, now)
			}
		}
	}
	if err := appendHistory(ctx, sn.src.store, sn.s, recs); err != nil {
		return err
	}
	sn.src.v.changed()
	return nil
}

func (sn *snapshot) schemaChange(ev *ddl.Event, now time.Time) {
	topic := sn.s.topics.SchemaChange()
	b := sn.em.beside(topic)
	src := schemaSource(b, sn.em.id, sn.c, ev)
	sn.em.schemas.AppendSchemaChange(b, topic, sn.em.ctx, changeOf(ev, now), src)
	sn.last = lastRecord{b: b, value: b.Records[len(b.Records)-1].Value}
}

// unreadable stops for captured tables only (DM-520).
func (sn *snapshot) unreadable(t text, err error) error {
	var de *ddl.Error
	id := t.table
	if errors.As(err, &de) && de.Table != nil {
		id = *de.Table
	}
	if id.Table == "" || sn.s.skipBadDDL || !sn.src.filters.Table(id) {
		sn.log.Warn("a statement that cannot be read is passed over", "database", t.database, "table", id.Table, "err", err)
		return nil
	}
	return &capture.Error{Op: "read structure of", Subject: id.String(), Cause: fmt.Errorf("SHOW CREATE TABLE: %w", err),
		Hint: "leave the table out with table.exclude.list, or report its SHOW CREATE TABLE"}
}

// readLater reads the structures that table locks kept from sight.
func (sn *snapshot) readLater(ctx context.Context) error {
	if len(sn.later) == 0 || sn.s.filters.StoreOnlyCapturedTables {
		return nil
	}
	texts, err := sn.readStructures(ctx, sn.later, false)
	if err != nil {
		return err
	}
	last := sn.last
	err = sn.record(ctx, texts)
	if last.row {
		sn.last = last // rows stay what the end of the snapshot is marked on
	}
	return err
}
