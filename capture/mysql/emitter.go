package mysql

import (
	"time"

	"github.com/anabranch/anabranch/capture/mysql/column"
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
)

// emitter turns decoded rows into Debezium's records. It belongs to one source and keeps one
// open batch for each table; collect closes them into a frame.
type emitter struct {
	s       *settings
	schemas *relational.Schemas
	ctx     *relational.Context // nil: no context headers
	id      identity

	open   []*tablePlan // plans with rows in their batch, in order of their first row
	side   []sideBatch
	rows   int
	newest int64 // source time in ms of the newest row
	// serial counts transactions, and changes of what their source blocks share.
	serial uint64
}

// sideBatch collects records that are no rows: schema changes, heartbeats, transactions.
type sideBatch struct {
	topic string
	b     *records.Batch
}

// tablePlan is one version of a table, ready to emit.
type tablePlan struct {
	id    schemahistory.TableID
	name  string // "db.table"
	topic string
	cols  *column.Table
	env   *records.Schema

	b                       *records.Batch // nil while nothing is open
	keyIx, envIx            uint16
	topicIx                 uint16
	hdrOff, hdrN            uint32
	opC, opU, opD, opR, opT records.Value
	src                     sourceBlock
	serial                  uint64        // of the transaction in src
	txID                    records.Value // id of that transaction
}

func newEmitter(s *settings, version string, taskID string) *emitter {
	e := &emitter{s: s, id: identity{version, s.prefix}, serial: 1}
	src := sourceSchema()
	if s.schemaAdjust != nil {
		src.Name = s.schemaAdjust(src.Name)
	}
	e.schemas = relational.NewSchemas(connectorName, src)
	if s.headers {
		e.ctx = &relational.Context{LogicalName: s.prefix, TaskID: taskID, Connector: connectorName, RunID: newRunID()}
	}
	return e
}

// plan makes the plan of a table version.
func (e *emitter) plan(t *schemahistory.Table, f *relational.Filters) (*tablePlan, error) {
	keys, err := e.s.keys.Columns(t)
	if err != nil {
		return nil, err
	}
	p := &tablePlan{id: t.ID, name: t.ID.String(), topic: e.s.topics.Data(t.ID)}
	include := func(col string) bool { return f.Column(t.ID, col) }
	if p.cols, err = column.NewTable(t, p.topic, e.s.columns, include, keys); err != nil {
		return nil, err
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	p.env = e.schemas.Envelope(p.topic, p.cols.Row)
	if e.s.schemaAdjust != nil {
		p.env.Name = e.s.schemaAdjust(p.env.Name)
	}
	return p, nil
}

// batch returns the table's open batch.
func (e *emitter) batch(p *tablePlan) *records.Batch {
	if p.b == nil {
		e.start(p)
	}
	return p.b
}

func (e *emitter) start(p *tablePlan) {
	b := records.NewBatch(records.Origin{Table: p.name})
	p.b, p.serial = b, 0
	p.keyIx, p.envIx, p.topicIx = b.SchemaIndex(p.cols.Key), b.SchemaIndex(p.env), b.TopicIndex(p.topic)
	p.hdrOff, p.hdrN = e.ctx.Append(b)
	p.opC, p.opU, p.opD = b.AddString("c"), b.AddString("u"), b.AddString("d")
	p.opR, p.opT = b.AddString("r"), b.AddString("t")
	p.src.constants(b, e.id, p.id.Database, &p.id.Table)
	e.open = append(e.open, p)
}

// clock is when an event was built (the envelope's own ts_*).
type clock struct{ ms, us, ns records.Value }

func clockAt(t time.Time) clock {
	n := t.UnixNano()
	return clock{records.Int64Value(n / 1e6), records.Int64Value(n / 1e3), records.Int64Value(n)}
}

// point makes the table's source template fit the present event.
func (e *emitter) point(p *tablePlan, c *cursor) {
	b := e.batch(p)
	if p.serial != e.serial {
		p.serial = e.serial
		p.src.transaction(b, c)
		p.src.time(c.micros)
		if e.s.txMetadata && c.tx.open() {
			p.txID = b.AddString(c.tx.id)
		}
		if ms := floorDiv(c.micros, 1000); ms > e.newest {
			e.newest = ms
		}
		b.SourceMillis = max(b.SourceMillis, floorDiv(c.micros, 1000))
	}
	p.src[srcPos] = records.Int64Value(c.curPos)
}

// envelope adds the value of a record.
func (p *tablePlan) envelope(before, after, op, tx records.Value, row int32, now clock) records.Value {
	b := p.b
	p.src[srcRow] = records.Int32Value(row)
	src := p.src.put(b)
	off := b.AddVals(relational.EnvFields)
	v := b.Vals[off : off+relational.EnvFields : off+relational.EnvFields]
	v[relational.EnvBefore], v[relational.EnvAfter], v[relational.EnvSource] = before, after, src
	v[relational.EnvTransaction], v[relational.EnvOp] = tx, op
	v[relational.EnvTSMillis], v[relational.EnvTSMicros], v[relational.EnvTSNanos] = now.ms, now.us, now.ns
	return records.StructAt(off, relational.EnvFields)
}

// add appends a record; a null key goes with the key schema, as in Debezium, unless the table has none.
func (p *tablePlan) add(key, value records.Value, hdrOff, hdrN uint32) {
	r := records.Record{Key: key, Value: value, KeySchema: p.keyIx, ValueSchema: p.envIx, Topic: p.topicIx,
		Partition: records.NoPartition, Timestamp: records.NoTimestamp, HeaderOff: hdrOff, HeaderN: hdrN}
	if value.IsNull() {
		r.ValueSchema = 0
	}
	p.b.Records = append(p.b.Records, r)
}

// transaction counts a row and makes its transaction block (DM-13).
func (e *emitter) transaction(p *tablePlan, c *cursor) records.Value {
	if !e.s.txMetadata || !c.tx.open() {
		return records.Null
	}
	n := c.tx.event(p.name)
	off := p.b.AddVals(3)
	p.b.Vals[off], p.b.Vals[off+1], p.b.Vals[off+2] = p.txID, records.Int64Value(c.tx.total), records.Int64Value(n)
	return records.StructAt(off, 3)
}

// insert emits c (or r in a snapshot).
func (e *emitter) insert(p *tablePlan, c *cursor, row, op records.Value, now clock) {
	key := p.cols.KeyOf(p.b, row)
	p.add(key, p.envelope(records.Null, row, op, e.transaction(p, c), c.row, now), p.hdrOff, p.hdrN)
	e.rows++
}

// remove emits d and its tombstone (DM-18, DM-508: without a key too).
func (e *emitter) remove(p *tablePlan, c *cursor, row records.Value, now clock) {
	e.removeWith(p, c, p.cols.KeyOf(p.b, row), row, now, p.hdrOff, p.hdrN)
}

func (e *emitter) removeWith(p *tablePlan, c *cursor, key, row records.Value, now clock, off, n uint32) {
	p.add(key, p.envelope(row, records.Null, p.opD, e.transaction(p, c), c.row, now), off, n)
	e.rows++
	if e.s.tombstones {
		p.add(key, records.Null, off, n)
	}
}

// update emits u, or d and c when the key changed (DM-19). It reports whether something was emitted.
func (e *emitter) update(p *tablePlan, c *cursor, before, after records.Value, now clock) bool {
	b := p.b
	if e.s.skipUnchanged && p.cols.Equal(b, before, after) {
		return false
	}
	newKey := p.cols.KeyOf(b, after)
	if !newKey.IsNull() {
		if oldKey := p.cols.KeyOf(b, before); !p.cols.Equal(b, oldKey, newKey) {
			off, n := e.ctx.AppendKeyed(b, relational.HeaderNewKey, p.cols.Key, newKey)
			e.removeWith(p, c, oldKey, before, now, off, n)
			off, n = e.ctx.AppendKeyed(b, relational.HeaderOldKey, p.cols.Key, oldKey)
			p.add(newKey, p.envelope(records.Null, after, p.opC, e.transaction(p, c), c.row, now), off, n)
			e.rows++
			return true
		}
	}
	p.add(newKey, p.envelope(before, after, p.opU, e.transaction(p, c), c.row, now), p.hdrOff, p.hdrN)
	e.rows++
	return true
}

// truncate emits t: no key, no key schema, no rows (DM-15, DM-127).
func (e *emitter) truncate(p *tablePlan, n int32, now clock) {
	p.add(records.Null, p.envelope(records.Null, records.Null, p.opT, records.Null, n, now), p.hdrOff, p.hdrN)
	p.b.Records[len(p.b.Records)-1].KeySchema = 0
	e.rows++
}

// beside returns the open batch for a topic beside the tables.
func (e *emitter) beside(topic string) *records.Batch {
	for i := range e.side {
		if e.side[i].topic == topic {
			return e.side[i].b
		}
	}
	b := records.NewBatch(records.Origin{Table: topic})
	e.side = append(e.side, sideBatch{topic, b})
	return b
}

// pending reports whether something waits to be handed over.
func (e *emitter) pending() bool { return len(e.open) > 0 || len(e.side) > 0 }

// bytes is the memory of the open batches.
func (e *emitter) bytes() int64 {
	var n int64
	for _, p := range e.open {
		n += p.b.SizeBytes()
	}
	return n
}

// collect closes the open batches into a frame without a position.
func (e *emitter) collect() *records.Frame {
	f := &records.Frame{SourceMillis: e.newest}
	f.Batches = make([]*records.Batch, 0, len(e.side)+len(e.open))
	for _, p := range e.open {
		f.Batches = append(f.Batches, p.b)
		p.b = nil
	}
	for i := range e.side {
		f.Batches = append(f.Batches, e.side[i].b)
	}
	clear(e.open)
	e.open, e.side, e.rows = e.open[:0], e.side[:0], 0
	return f
}

// drop releases what was never handed over.
func (e *emitter) drop() { e.collect().Release() }
