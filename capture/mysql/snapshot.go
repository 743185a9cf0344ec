package mysql

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
)

// snapshot reads structures and rows as of one point of the log (DM-99). It is driven by read;
// the one connection it uses holds the locks, the transaction and the result that is being read.
//
// A frame is held back until it is known what follows: the last record of a table and of the
// whole carry a mark (DM-33), and only the very last frame has an offset without "snapshot".
type snapshot struct {
	src    *Source
	s      *settings
	log    *slog.Logger
	x      *session
	c      *cursor
	em     *emitter
	resume bool // recovery: structures only, the old offset stays
	data   bool // rows are read

	lock     heldLock
	later    []tid // structures to read after table locks are gone
	tables   *schemahistory.Tables
	list     []snapTable
	at       int // in list
	open     *openTable
	held     *records.Frame
	last     lastRecord
	phase    phase
	started  time.Time
	logged   time.Time
	prog     capture.Snapshot
	finished int64 // rows of the tables that are done
}

type phase uint8

const (
	phasePrepare phase = iota
	phaseRows
	phaseEnd
	phaseDone
)

// snapTable is a table to read.
type snapTable struct {
	id       tid
	estimate int64
}

// lastRecord points at the newest record, to mark it.
type lastRecord struct {
	b     *records.Batch
	value records.Value // the record's value
	row   bool          // an envelope, not a schema change
	first bool          // marked as first of all; it stays so at the end of its table
}

func newSnapshot(src *Source, resume *cursor, rows bool) (*snapshot, error) {
	sn := &snapshot{src: src, s: src.s, log: src.log, x: src.x, em: src.em, data: rows && resume == nil, c: &cursor{thread: -1}}
	if resume != nil {
		sn.resume, sn.c = true, resume
	}
	sn.tables = schemahistory.NewTables(src.sv.lowerCase != 0)
	return sn, nil
}

// read returns the next frame, nil when the snapshot is complete.
func (sn *snapshot) read(ctx context.Context) (*records.Frame, error) {
	if sn.phase == phasePrepare {
		if err := sn.prepare(ctx); err != nil {
			return nil, sn.failed(err)
		}
		sn.phase = phaseRows
	}
	for sn.phase == phaseRows {
		f, err := sn.fill(ctx)
		if err != nil {
			return nil, sn.failed(err)
		}
		if f == nil {
			sn.phase = phaseEnd
			break
		}
		f.Position = sn.position()
		ready := sn.held
		sn.held = f
		if ready != nil {
			sn.report(false)
			return ready, nil
		}
	}
	if sn.phase == phaseEnd {
		sn.phase = phaseDone
		return sn.finish(ctx)
	}
	return nil, nil
}

func (sn *snapshot) failed(err error) error {
	var ce *capture.Error
	if errors.As(err, &ce) || errors.Is(err, context.Canceled) {
		return err
	}
	table := ""
	if sn.open != nil {
		table = sn.open.plan.name
	}
	return fail("read snapshot of", table, err)
}

// finish closes the snapshot: the last record of all is marked, the position is complete.
func (sn *snapshot) finish(ctx context.Context) (*records.Frame, error) {
	if err := sn.unlock(ctx); err != nil {
		return nil, err
	}
	if err := sn.readLater(ctx); err != nil {
		return nil, err
	}
	f := sn.em.collect()
	if len(f.Batches) == 0 && sn.held != nil {
		f, sn.held = sn.held, nil
	}
	sn.mark("last")
	if sn.held != nil { // a frame of later structures follows the rows
		sn.held.Batches = append(sn.held.Batches, f.Batches...)
		f, sn.held = sn.held, nil
	}
	sn.c.snapshot = ""
	if sn.s.heartbeat > 0 {
		topic := sn.s.topics.Heartbeat()
		sn.em.schemas.AppendHeartbeat(sn.em.beside(topic), topic, sn.s.prefix, time.Now().UnixMilli())
		f.Batches = append(f.Batches, sn.em.collect().Batches...)
	}
	f.Position = sn.position()
	sn.report(true)
	return f, nil
}

func (sn *snapshot) position() records.Position {
	return records.Position{Partition: sn.s.partition(), Offset: sn.c.offset()}
}

// mark sets source.snapshot of the newest record.
func (sn *snapshot) mark(how string) {
	l := &sn.last
	if l.b == nil {
		return
	}
	src := l.b.Vals[l.value.Off]
	if l.row {
		src = l.b.Vals[l.value.Off+relational.EnvSource]
	}
	l.b.Vals[src.Off+srcSnapshot] = l.b.AddString(how)
}

// close frees what was never handed over.
func (sn *snapshot) close() {
	if sn.held != nil {
		sn.held.Release()
		sn.held = nil
	}
}

// progressEvery is how often a long snapshot says in the log how far it is.
const progressEvery = 10 * time.Second

// report publishes progress.
func (sn *snapshot) report(done bool) {
	now := time.Now()
	p := sn.prog
	p.Running, p.Completed = !done, done
	p.StartedMillis, p.DurationSeconds = sn.started.UnixMilli(), int64(now.Sub(sn.started).Seconds())
	p.SecondsLeft = -1
	if done {
		p.SecondsLeft, p.CurrentTable = 0, ""
	} else if took := now.Sub(sn.started).Seconds(); p.RowsDone > 0 && p.RowsEstimated > 0 && took > 1 {
		p.SecondsLeft = int64(took * float64(max(0, p.RowsEstimated-p.RowsDone)) / float64(p.RowsDone))
	}
	sn.src.progress.Store(&p)
	m := sn.src.m
	m.snapRunning.Set(map[bool]float64{false: 1}[done])
	m.snapTables.Set(float64(p.TablesTotal))
	m.snapLeft.Set(float64(p.TablesTotal - p.TablesDone))
	m.snapRows.Set(float64(p.RowsDone))
	m.snapExpected.Set(float64(p.RowsEstimated))
	switch {
	case done:
		sn.log.Info("snapshot finished", "tables", p.TablesDone, "rows", p.RowsDone, "took", now.Sub(sn.started).Round(time.Millisecond), "position", sn.c.where())
	case now.Sub(sn.logged) >= progressEvery:
		sn.logged = now
		sn.log.Info("snapshot goes on", "table", p.CurrentTable, "tables", p.TablesDone, "of", p.TablesTotal, "rows", p.RowsDone,
			"rows_estimated", p.RowsEstimated, "seconds_left", p.SecondsLeft)
	}
}
