package jdbc

import (
	"context"
	"errors"
	"fmt"

	"github.com/anabranch/anabranch/records"
)

// maxChunkBytes bounds what one statement carries, besides batch.size.
const maxChunkBytes = 8 << 20

// flush writes all groups in one transaction.
func (w *writer) flush(ctx context.Context) error {
	tx, err := w.session.begin(ctx, false)
	if err != nil {
		return err
	}
	var put, removed, emptied int
	for _, g := range w.groups[:w.used] {
		if g.truncate != nil {
			emptied++
		}
		n, m, err := w.writeGroup(ctx, tx, g)
		if err != nil {
			tx.rollback()
			return err
		}
		put, removed = put+n, removed+m
	}
	if err := tx.commit(ctx); err != nil {
		tx.rollback()
		return err
	}
	w.count(put, removed, emptied)
	return nil
}

func (w *writer) count(put, removed, emptied int) {
	w.metrics.written.Add(float64(put))
	w.metrics.deleted.Add(float64(removed))
	w.metrics.truncated.Add(float64(emptied))
	w.metrics.writes.Inc()
}

// writeGroup writes a group's deletes and then its inserts; its keys are distinct, so the
// order between the two only matters to further unique constraints, where a deleted row
// may have to make room first.
func (w *writer) writeGroup(ctx context.Context, tx transaction, g *group) (put, removed int, err error) {
	if g.truncate != nil {
		return 0, 0, tx.truncate(ctx, g.truncate.id)
	}
	del, puts := g.split(w.config.insert != modeInsert)
	if err := w.chunks(g.del, del, func(s rowSet) error { return tx.remove(ctx, g.del, s) }); err != nil {
		return 0, 0, fmt.Errorf("delete from table %s: %w", g.del.table.id, err)
	}
	if err := w.chunks(g.put, puts, func(s rowSet) error { return tx.put(ctx, g.put, s) }); err != nil {
		return 0, 0, fmt.Errorf("write table %s: %w", g.put.table.id, err)
	}
	return puts.len(), del.len(), nil
}

// chunks cuts rows by batch.size and by bytes.
func (w *writer) chunks(l *layout, rows rowSet, fn func(rowSet) error) error {
	lo, size := 0, 0
	for i := 0; i < rows.len(); i++ {
		n := rowBytes(l, rows.at(i))
		if i > lo && (i-lo >= w.config.batchRows || size+n > maxChunkBytes) {
			if err := fn(rows.cut(lo, i)); err != nil {
				return err
			}
			lo, size = i, 0
		}
		size += n
	}
	if lo < rows.len() {
		return fn(rows.cut(lo, rows.len()))
	}
	return nil
}

// rowBytes estimates a row's size. Batches of small records are not looked into.
func rowBytes(l *layout, r *row) int {
	if len(r.b.Arena) < 2048*len(r.b.Records) {
		return 2048
	}
	n := 0
	for i := range l.cols {
		_, v := l.cols[i].value(r)
		n += 16
		if v.Kind == records.KindString || v.Kind == records.KindBytes {
			n += int(v.N)
		}
	}
	return n
}

// isolate repeats a write whose error one row is to blame for, in order of arrival and
// with savepoints, halving until the row is found (SJ-213).
func (w *writer) isolate(ctx context.Context) error {
	tx, err := w.session.begin(ctx, true)
	if err != nil {
		return err
	}
	var put, removed, emptied int
	for _, g := range w.groups[:w.used] {
		if g.truncate != nil {
			if err := tx.truncate(ctx, g.truncate.id); err != nil {
				tx.rollback()
				return err
			}
			emptied++
			continue
		}
		n, m, err := w.halve(ctx, tx, g, 0, len(g.rows))
		if err != nil {
			tx.rollback()
			return err
		}
		put, removed = put+n, removed+m
	}
	if err := tx.commit(ctx); err != nil {
		tx.rollback()
		return err
	}
	w.count(put, removed, emptied)
	return nil
}

func (w *writer) halve(ctx context.Context, tx transaction, g *group, lo, hi int) (put, removed int, err error) {
	if err := tx.savepoint(ctx); err != nil {
		return 0, 0, err
	}
	sub := &group{}
	for i := lo; i < hi; i++ {
		r := g.rows[i]
		r.superseded = false
		l := g.put
		if r.remove {
			l = g.del
			sub.del = l
		} else {
			sub.put = l
		}
		if !sub.add(w.config.insert, l, r) {
			panic("jdbc: a group took rows that its own half does not take")
		}
	}
	put, removed, err = w.writeGroup(ctx, tx, sub)
	if err == nil {
		return put, removed, tx.release(ctx)
	}
	if w.dialect.classify(err) != classRow && !isRecordError(err) {
		return 0, 0, err
	}
	if rerr := tx.rollbackTo(ctx); rerr != nil {
		return 0, 0, errors.Join(err, rerr)
	}
	if hi-lo == 1 {
		return 0, 0, w.blame(ctx, tx, &g.rows[lo], sub, err)
	}
	mid := lo + (hi-lo)/2
	n1, m1, err := w.halve(ctx, tx, g, lo, mid)
	if err != nil {
		return 0, 0, err
	}
	n2, m2, err := w.halve(ctx, tx, g, mid, hi)
	return n1 + n2, m1 + m2, err
}

// blame reports the one row that the database does not take.
func (w *writer) blame(ctx context.Context, tx transaction, r *row, g *group, err error) error {
	if re := (*recordError)(nil); errors.As(err, &re) {
		return w.reject(ctx, re)
	}
	l := g.put
	if r.remove {
		l = g.del
	}
	text, col, hint := w.dialect.explain(err)
	if p, ok := tx.(prober); ok && col == "" {
		col = p.probe(ctx, l, r)
	}
	e := recordErr(r.b, int(r.rec), hint, "%w", &sanitized{text, err})
	e.table, e.column = l.table.id.String(), col
	return w.reject(ctx, e)
}
