package mysql

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/capture/mysql/column"
)

func tableNumber(body []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(body)) | uint64(binary.LittleEndian.Uint16(body[4:]))<<32
}

// tableMap joins a table number with a plan. The server repeats the event in each transaction,
// so the usual case is a comparison of bytes.
func (st *stream) tableMap(e *event) error {
	if len(e.body) < 8 {
		return errShortEvent
	}
	n := tableNumber(e.body)
	m := st.mapped[n]
	if m == nil {
		m = &mapping{}
	}
	if err := column.ParseTableMap(&m.tm, e.body); err != nil {
		return st.broken("", err)
	}
	if m.id.Table == m.tm.Table && m.id.Database == m.tm.Schema && (m.plan == nil || m.dec.Matches(&m.tm)) {
		return nil
	}
	m.id = tableID(m.tm.Schema, m.tm.Table)
	if err := st.bind(m); err != nil {
		return err
	}
	st.mapped[n] = m
	st.last = nil
	return nil
}

// bind finds the plan for a table and fits it to the shape on the wire.
func (st *stream) bind(m *mapping) error {
	m.plan, m.dec, m.lost = nil, nil, false
	captured := st.filters.Table(m.id)
	if err := st.filters.Err(); err != nil {
		return &capture.Error{Op: "match table", Subject: m.id.String(), Cause: err, Hint: "simplify the pattern"}
	}
	if !captured {
		return nil
	}
	p, err := st.plan(m.id)
	if err != nil {
		return err
	}
	if p == nil {
		m.lost = true
		return nil
	}
	dec, err := p.cols.Bind(&m.tm)
	if err != nil {
		return st.broken(m.id.String(), err)
	}
	m.plan, m.dec = p, dec
	return nil
}

// plan returns the plan of a table's present structure, nil if the structure is not known.
func (st *stream) plan(id tid) (*tablePlan, error) {
	if p := st.plans[id]; p != nil {
		return p, nil
	}
	t := st.tables.Get(id)
	if t == nil {
		return nil, nil
	}
	p, err := st.em.plan(t, st.filters)
	if err != nil {
		return nil, st.broken(id.String(), err)
	}
	st.plans[id] = p
	return p, nil
}

// rows emits the rows of an event.
func (st *stream) rows(e *event) error {
	op := byte('c')
	switch e.kind {
	case evUpdateRows, evUpdateRowsV1:
		op = 'u'
	case evDeleteRows, evDeleteRowsV1:
		op = 'd'
	}
	if st.skipping || st.skipRows || st.s.skip[op] {
		return nil
	}
	var r rowsEvent
	if err := parseRows(e.body, e.kind, &r); err != nil {
		return err
	}
	m := st.last
	if m == nil || m.tm.TableID != r.table {
		if m = st.mapped[r.table]; m == nil {
			if r.table == dummyTable {
				return nil
			}
			return st.broken("", fmt.Errorf("rows of table number %d without a table map", r.table))
		}
		st.last = m
	}
	first := st.skipFirst
	st.skipFirst = 0
	if m.plan == nil {
		if m.lost {
			return st.unknownTable(m)
		}
		st.m.filtered.Inc()
		st.m.v.filtered.Add(1)
		return nil
	}
	if r.columns != m.dec.Columns() {
		return st.broken(m.id.String(), fmt.Errorf("an event has %d columns, its table map %d", r.columns, m.dec.Columns()))
	}
	return st.emit(m, &r, op, first)
}

// emit decodes and emits; the first rows may have been sent before a restart.
func (st *stream) emit(m *mapping, r *rowsEvent, op byte, first int64) error {
	p, c := m.plan, st.c
	c.micros, c.hasTime = st.micros, true
	b := st.em.batch(p)
	st.em.point(p, c)
	now := clockAt(time.Now())
	data := r.rows
	n := int32(0)
	for ; len(data) > 0; n++ {
		c.row = n
		if int64(n) < first {
			size, err := st.pass(m, r, data, op)
			if err != nil {
				return err
			}
			data = data[size:]
			continue
		}
		switch op {
		case 'c':
			row, size, err := m.dec.InsertRow(b, r.present, data)
			if err != nil {
				return st.broken(p.name, err)
			}
			data = data[size:]
			st.em.insert(p, c, row, p.opC, now)
		case 'd':
			row, size, err := m.dec.Row(b, r.present, data)
			if err != nil {
				return st.broken(p.name, err)
			}
			data = data[size:]
			st.em.remove(p, c, row, now)
		case 'u':
			before, size, err := m.dec.Row(b, r.present, data)
			if err != nil {
				return st.broken(p.name, err)
			}
			data = data[size:]
			after, size, err := m.dec.RowOver(b, before, r.after, data)
			if err != nil {
				return st.broken(p.name, err)
			}
			data = data[size:]
			if !st.em.update(p, c, before, after, now) {
				st.m.unchanged.Inc()
				st.m.v.unchanged.Add(1)
			}
		}
	}
	st.m.rowsRead(op, int(n))
	return nil
}

// pass reads over a row that was sent before a restart.
func (st *stream) pass(m *mapping, r *rowsEvent, data []byte, op byte) (int, error) {
	b := st.em.batch(m.plan)
	vals, arena := len(b.Vals), len(b.Arena)
	_, size, err := m.dec.Row(b, r.present, data)
	if err == nil && op == 'u' {
		var more int
		_, more, err = m.dec.Row(b, r.after, data[size:])
		size += more
	}
	b.Vals, b.Arena = b.Vals[:vals], b.Arena[:arena]
	if err != nil {
		return 0, st.broken(m.plan.name, err)
	}
	return size, nil
}

// unknownTable is inconsistent.schema.handling.mode (DM-122).
func (st *stream) unknownTable(m *mapping) error {
	switch st.s.inconsistent {
	case "warn":
		st.once("unknown "+m.id.String(), "rows of a captured table are left out: its structure is not known", "table", m.id.String(), "position", st.c.at())
		return nil
	case "skip", "ignore":
		return nil
	}
	return &capture.Error{Op: "read binlog", Subject: st.c.at(),
		Cause: fmt.Errorf("Encountered change event for table %s whose schema isn't known to this connector", m.id),
		Hint:  "the schema history is incomplete, or the user may not see the table: grant SELECT on it; then set snapshot.mode=recovery once, or take a new snapshot; inconsistent.schema.handling.mode=warn goes on without these rows"}
}

// broken is an event that cannot be read: fatal, with the place and without any data.
func (st *stream) broken(table string, err error) error {
	hint := "look at the event with mysqlbinlog --verbose --start-position; if the table's structure is wrong, snapshot.mode=recovery rebuilds it"
	var ce *column.Error
	if errors.As(err, &ce) && ce.Hint != "" {
		hint = ce.Hint
	}
	subject := st.c.at()
	if table != "" {
		err = fmt.Errorf("table %s: %w", table, err)
	}
	return &capture.Error{Op: "read binlog", Subject: subject, Cause: err, Hint: hint}
}

// once logs a warning the first time that its topic comes up.
func (st *stream) once(topic, msg string, args ...any) {
	if st.warned[topic] || len(st.warned) > 10_000 {
		return
	}
	st.warned[topic] = true
	st.log.Warn(msg, args...)
}
