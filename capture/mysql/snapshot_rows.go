package mysql

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/records"
)

// openTable is a table whose rows are being read.
type openTable struct {
	plan   *tablePlan
	cols   int   // cells of a row
	pick   []int // of a custom SELECT: which cell is which column; nil for ours
	cells  [][]byte
	rows   int64
	micros int64 // CURRENT_TIMESTAMP when it was opened (DM-31)
	mark   records.Value
	in     *records.Batch // that mark belongs to
}

// fill reads rows into the open batches until a frame is full; nil after the last table.
func (sn *snapshot) fill(ctx context.Context) (*records.Frame, error) {
	for sn.at < len(sn.list) {
		if sn.open == nil {
			ok, err := sn.openNext(ctx)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		release := sn.x.guard(ctx)
		full, err := sn.readRows()
		release()
		if err != nil {
			if c := cancelled(ctx); c != nil {
				return nil, c
			}
			return nil, fail("read rows of", sn.open.plan.name, err)
		}
		if full {
			sn.prog.CurrentTable = sn.open.plan.name
			return sn.em.collect(), nil
		}
		sn.closeTable()
	}
	return nil, nil
}

// openNext starts the next table; false passes over one without a structure.
func (sn *snapshot) openNext(ctx context.Context) (bool, error) {
	id := sn.list[sn.at].id
	t := sn.tables.Get(id)
	if t == nil {
		sn.log.Warn("a table has gone while the snapshot began; it is passed over", "table", id.String())
		sn.at++
		return false, nil
	}
	p, err := sn.em.plan(t, sn.src.filters)
	if err != nil {
		return false, &capture.Error{Op: "read structure of", Subject: id.String(), Cause: err}
	}
	at, err := sn.x.value(ctx, "SELECT CURRENT_TIMESTAMP")
	if err != nil {
		return false, fail("read the time of", sn.s.address(), err)
	}
	when, err := time.ParseInLocation(time.DateTime, at, time.UTC)
	if err != nil {
		return false, capture.Errorf("read the time of", sn.s.address(), "", "the server answered %.32q", at)
	}
	o := &openTable{plan: p, micros: when.UnixMicro()}
	sql := "SELECT " + p.cols.SelectList() + " FROM " + quoteTable(id)
	custom, isCustom := sn.s.selectOverrides[id.String()]
	if isCustom {
		sql = strings.TrimSuffix(strings.TrimSpace(custom), ";")
	}
	release := sn.x.guard(ctx)
	defer release()
	cols, names, err := sn.x.startQueryNamed(sql, isCustom)
	if err != nil {
		if c := cancelled(ctx); c != nil {
			return false, c
		}
		return false, fail("read rows of", id.String(), err)
	}
	o.cols = cols
	if isCustom {
		if o.pick, err = pickColumns(p.cols.SelectList(), names); err != nil {
			return false, capture.Errorf("read rows of", id.String(), "", "%s.%s: %w", overridesKey, id, err)
		}
		o.cells = make([][]byte, len(o.pick))
	}
	sn.open = o
	sn.prog.CurrentTable = p.name
	return true, nil
}

// pickColumns finds our columns among those of a custom SELECT; a missing one reads as null.
func pickColumns(list string, names []string) ([]int, error) {
	var pick []int
	found := false
	for _, q := range strings.Split(strings.TrimSuffix(strings.TrimPrefix(list, "`"), "`"), "`, `") {
		want := strings.ReplaceAll(q, "``", "`")
		at := -1
		for i, n := range names {
			if strings.EqualFold(n, want) {
				at, found = i, true
			}
		}
		pick = append(pick, at)
	}
	if !found {
		return nil, fmt.Errorf("the SELECT has none of the table's columns")
	}
	return pick, nil
}

// readRows reads until a frame is full (true) or the table ends (false).
func (sn *snapshot) readRows() (bool, error) {
	o := sn.open
	p := o.plan
	b := sn.point(o)
	for {
		cells, err := sn.x.nextRow(o.cols)
		if err != nil {
			return false, err
		}
		if cells == nil {
			return false, nil
		}
		if o.pick != nil {
			for i, at := range o.pick {
				o.cells[i] = nil
				if at >= 0 {
					o.cells[i] = cells[at]
				}
			}
			cells = o.cells
		}
		row, err := p.cols.TextRow(b, cells)
		if err != nil {
			return false, &capture.Error{Op: "read rows of", Subject: p.name, Cause: err}
		}
		o.rows++
		p.src[srcSnapshot] = o.mark
		first := false
		if o.rows == 1 {
			first = sn.at == 0
			p.src[srcSnapshot] = b.AddString(map[bool]string{true: "first", false: "first_in_data_collection"}[first])
		}
		sn.em.insert(p, sn.c, row, p.opR, clockAt(time.Now()))
		sn.last = lastRecord{b: b, value: b.Records[len(b.Records)-1].Value, row: true, first: first}
		if sn.em.rows >= sn.s.maxBatch || sn.em.rows%256 == 0 && sn.em.bytes() >= maxFrameBytes {
			sn.count(o)
			return true, nil
		}
	}
}

// point prepares the table's batch and source template.
func (sn *snapshot) point(o *openTable) *records.Batch {
	sn.c.micros, sn.c.hasTime = o.micros, true
	sn.em.serial++
	sn.em.point(o.plan, sn.c)
	if o.in != o.plan.b {
		o.in = o.plan.b
		o.mark = o.in.AddString("true")
	}
	return o.plan.b
}

func (sn *snapshot) count(o *openTable) {
	n := sn.finished + o.rows - sn.prog.RowsDone
	sn.prog.RowsDone += n
	sn.src.m.reads.Add(float64(n))
	sn.src.v.scan(o.plan.name, n)
	sn.src.v.lastEvent.Store(time.Now().UnixMilli())
}

// closeTable marks the table's last record; what it is depends on where it stands (DM-33).
func (sn *snapshot) closeTable() {
	o := sn.open
	sn.count(o)
	sn.finished += o.rows
	if o.rows > 0 {
		switch {
		case sn.at == len(sn.list)-1:
			sn.mark("last")
		case !sn.last.first:
			sn.mark("last_in_data_collection")
		}
	}
	sn.open = nil
	sn.at++
	sn.prog.TablesDone = sn.at
}
