package mysql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/capture/mysql/column"
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/schemahistory/ddl"
	"github.com/anabranch/anabranch/schemahistory/gtid"
)

const (
	// maxFrameBytes bounds a frame besides max.batch.size; rows of wide tables reach it first.
	maxFrameBytes = 4 << 20
	// positionEvery is how often a source without rows of its own moves its position on (DM-249).
	positionEvery = time.Second
)

// stream follows the binlog. All of it runs in the goroutine that calls read.
type stream struct {
	s       *settings
	log     *slog.Logger
	m       *metrics
	sv      *server
	x       *session
	strip   int // checksum bytes behind each event
	c       *cursor
	em      *emitter
	filters *relational.Filters
	parser  *ddl.Parser
	tables  *schemahistory.Tables
	store   schemahistory.Store

	mapped map[uint64]*mapping // by the server's table number
	plans  map[schemahistory.TableID]*tablePlan
	last   *mapping

	pl      payload
	outer   event // the compressed event that pl unpacks
	held    event // an event put back because a frame had to leave before it
	hasHeld bool

	ev        gtidEvent
	uuid      string // text of ev.sid
	uuidOf    [16]byte
	keepGTID  func(uuid string) bool // gtid.source.*; nil keeps all
	skipRows  bool                   // rows of this transaction are filtered by its GTID source
	micros    int64                  // event time (DM-31)
	hasMicros bool

	skipEvents int64  // after a restart in mid-transaction: events to pass over from BEGIN on
	skipFirst  int64  // and rows of the next rows event
	skipFile   string // where that transaction begins
	skipPos    int64
	skipping   bool
	inXA       bool

	moved     bool // the position has moved on since the last frame
	lastFrame time.Time
	nextBeat  time.Time
	lastEvent time.Time
	left      time.Time       // when the last read returned
	warned    map[string]bool // things that are logged once
}

// mapping is a TABLE_MAP event and what was made of it.
type mapping struct {
	tm   column.TableMap
	plan *tablePlan // nil: not captured, or of unknown structure
	dec  *column.Decoder
	id   schemahistory.TableID
	lost bool // captured, but the structure is not known
}

// read returns the next frame.
func (st *stream) read(ctx context.Context) (*records.Frame, error) {
	release := st.x.guard(ctx)
	defer release()
	if err := st.x.p.wait(0); err != nil { // a deadline of the last call may be left
		return nil, fail("read binlog", st.c.at(), err)
	}
	if !st.left.IsZero() { // while nobody read, nothing could come
		st.lastEvent = st.lastEvent.Add(time.Since(st.left))
	}
	f, err := st.next(ctx)
	st.left = time.Now()
	if err == nil {
		return f, nil
	}
	if c := cancelled(ctx); c != nil {
		return nil, c
	}
	st.m.setConnected(false)
	return nil, fail("read binlog", st.c.at(), err)
}

func (st *stream) next(ctx context.Context) (*records.Frame, error) {
	var e event
	for {
		if st.full() {
			return st.cut(), nil
		}
		ok, err := st.event(ctx, &e)
		if err != nil {
			return nil, err
		}
		if !ok { // nothing more to read just now
			if f := st.idle(); f != nil {
				return f, nil
			}
			continue
		}
		statement := e.kind == evQuery && !st.isBoundary(&e)
		if statement && st.em.pending() {
			// It may change structures: rows before it leave first (invariant 6).
			st.held, st.hasHeld = e, true
			return st.cut(), nil
		}
		if err := st.handle(ctx, &e); err != nil {
			return nil, err
		}
		if statement && st.em.pending() && !st.c.inTx {
			return st.cut(), nil // what a statement left behind leaves at once, with its position
		}
	}
}

func (st *stream) full() bool {
	return st.em.rows >= st.s.maxBatch || st.em.rows > 0 && st.em.rows%256 == 0 && st.em.bytes() >= maxFrameBytes
}

// isBoundary reports whether a query event only begins, ends or marks a transaction.
func (st *stream) isBoundary(e *event) bool {
	var q queryEvent
	if parseQuery(e.body, &q) != nil {
		return false
	}
	sql := bytes.TrimSpace(q.sql)
	if len(sql) <= 6 {
		return bytes.EqualFold(sql, begin) || bytes.EqualFold(sql, commit)
	}
	return len(sql) > len(savepoint) && bytes.EqualFold(sql[:len(savepoint)], savepoint)
}

var begin, commit, savepoint = []byte("BEGIN"), []byte("COMMIT"), []byte("SAVEPOINT ")

// event takes the next event. false means that the socket has nothing more for now and there
// is something to hand over; without anything to hand over it waits.
func (st *stream) event(ctx context.Context, e *event) (bool, error) {
	if st.hasHeld {
		*e, st.hasHeld = st.held, false
		return true, nil
	}
	if st.pl.active {
		ok, err := st.pl.next(e)
		if ok || err != nil {
			return ok, err
		}
		st.finish(&st.outer)
	}
	if !st.x.p.ready() {
		if st.em.pending() && !st.x.p.more() {
			return false, nil
		}
		if ok, err := st.await(ctx); !ok || err != nil {
			return ok, err
		}
	}
	p, err := st.x.p.next()
	if err != nil {
		return false, err
	}
	if len(p) == 0 {
		return false, errors.New("empty packet")
	}
	switch p[0] {
	case gomysql.OK_HEADER:
	case gomysql.ERR_HEADER:
		return false, serverError(p)
	case gomysql.EOF_HEADER:
		return false, errors.New("the server ended the stream")
	default:
		return false, fmt.Errorf("unexpected packet 0x%02x in the stream", p[0])
	}
	return true, parseEvent(p[1:], st.strip, e)
}

// await blocks until a whole packet is buffered. false means: hand over the position first.
func (st *stream) await(ctx context.Context) (bool, error) {
	for {
		limit := st.s.keepAlive
		if st.moved {
			if due := time.Until(st.lastFrame.Add(positionEvery)); limit == 0 || due < limit {
				limit = max(due, time.Millisecond)
			}
		}
		if err := st.x.p.wait(limit); err != nil {
			return false, err
		}
		if ctx.Err() != nil { // the guard's deadline may have been overwritten just now
			return false, ctx.Err()
		}
		err := st.x.p.peek()
		if err == nil {
			st.lastEvent = time.Now()
			return true, st.x.p.wait(0) // an old deadline would make more() blind
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if !timedOut(err) {
			return false, err
		}
		if st.moved && time.Since(st.lastFrame) >= positionEvery {
			return false, nil
		}
		if st.s.keepAlive > 0 && time.Since(st.lastEvent) >= st.s.keepAlive {
			return false, fmt.Errorf("nothing came for %s, not even a heartbeat: the connection is taken as lost", st.s.keepAlive)
		}
	}
}

// idle makes the frame that is due when nothing more can be read, nil if none is.
func (st *stream) idle() *records.Frame {
	if st.em.pending() || st.moved && time.Since(st.lastFrame) >= positionEvery {
		return st.cut()
	}
	return nil
}

// cut closes a frame at the present place.
func (st *stream) cut() *records.Frame {
	now := time.Now()
	st.lastEvent = now
	if st.s.heartbeat > 0 && !now.Before(st.nextBeat) {
		st.em.schemas.AppendHeartbeat(st.em.beside(st.s.topics.Heartbeat()), st.s.topics.Heartbeat(), st.s.prefix, now.UnixMilli())
		st.nextBeat = now.Add(st.s.heartbeat)
	}
	f := st.em.collect()
	f.SourceMillis = max(f.SourceMillis, floorDiv(st.micros, 1000))
	f.Position = records.Position{Partition: st.s.partition(), Offset: st.c.offset()}
	st.moved, st.lastFrame = false, now
	st.m.frame(f.SourceMillis, st.c, st.lastEvent, now)
	return f
}

// handle is one event: where we are, what it means, that it is done (DM-116).
func (st *stream) handle(ctx context.Context, e *event) error {
	if e.kind == evHeartbeat || e.kind == evHeartbeatV2 {
		// It only says that the server lives; counting it would put a restart in the wrong place.
		st.m.lag.Set(0)
		st.m.v.behind(0)
		if st.s.heartbeat > 0 && !time.Now().Before(st.nextBeat) {
			st.moved, st.lastFrame = true, time.Time{} // a heartbeat record is due
		}
		return nil
	}
	st.c.serverID = e.serverID
	if e.kind == evRotate {
		file, pos, err := parseRotate(e.body)
		if err != nil {
			return err
		}
		if !bytes.Equal(file, []byte(st.c.curFile)) {
			st.c.startAt(string(file), pos)
			st.em.serial++
		} else {
			st.c.startAt(st.c.curFile, pos)
		}
		clear(st.mapped)
		st.last = nil
		st.finish(e)
		return nil
	}
	if e.kind == evFormatDescription {
		st.strip = checksumBytes(e.body, st.strip)
	}
	if at := e.start(); at > 0 && !e.inner {
		st.c.setEvent(at, int64(e.size))
	}
	if err := st.dispatch(ctx, e); err != nil {
		return err
	}
	if e.kind != evPayload {
		st.finish(e)
	}
	return nil
}

// finish counts an event and notes its time for the ones behind it.
func (st *stream) finish(e *event) {
	st.c.done()
	if st.skipping {
		st.skipEvents--
		st.skipping = st.skipEvents > 0
	}
	if e.inner || e.seconds == 0 {
		return
	}
	switch {
	case e.kind == evFormatDescription:
		// The file's age. After a restart in mid-transaction it comes right before the rows and is
		// not their time; an offset with it would be older than the snapshot's history.
		if !st.hasMicros {
			st.micros = int64(e.seconds) * 1_000_000
		}
	case st.sv.gtid && (e.kind == evGTID || e.kind == evGTIDTagged):
		st.micros, st.hasMicros = int64(e.seconds)*1_000_000, true
		if st.ev.micros != 0 {
			st.micros = st.ev.micros
		}
	case !st.hasMicros || !st.sv.gtid:
		st.micros, st.hasMicros = int64(e.seconds)*1_000_000, true
	}
}

func (st *stream) dispatch(ctx context.Context, e *event) error {
	switch e.kind {
	case evTableMap:
		return st.tableMap(e)
	case evWriteRows, evUpdateRows, evDeleteRows, evWriteRowsV1, evUpdateRowsV1, evDeleteRowsV1:
		return st.rows(e)
	case evQuery:
		return st.query(ctx, e)
	case evXID:
		st.commit()
	case evXAPrepare:
		if st.inXA {
			st.commit()
		}
	case evGTID:
		if err := parseGTID(e.body, &st.ev); err != nil {
			return err
		}
		st.startGTID()
	case evGTIDTagged:
		if err := parseTaggedGTID(e.body, &st.ev); err != nil {
			return err
		}
		st.startGTID()
	case evRowsQuery:
		if st.s.query && len(e.body) > 1 {
			st.c.query = string(e.body[1:])
			st.em.serial++
		}
	case evPayload:
		if !st.hasMicros { // a restart at this event: none before it has the transaction's time
			st.micros, st.hasMicros = int64(e.seconds)*1_000_000, true
		}
		st.outer = *e
		return st.pl.open(e.body)
	case evPartialUpdateRows:
		return st.partialUpdate(e)
	case evIncident:
		st.log.Warn("the server reports an incident: changes may be missing from its log", "position", st.c.at())
	}
	return nil
}

func (st *stream) startGTID() {
	if st.uuid == "" || st.uuidOf != st.ev.sid {
		st.uuidOf, st.uuid = st.ev.sid, string(appendUUID(nil, &st.ev.sid))
	}
	st.c.startGTID(st.uuid, st.ev.tag, st.ev.n)
	st.em.serial++
	st.skipRows = st.keepGTID != nil && !st.keepGTID(st.uuid)
}

// begin starts a transaction.
func (st *stream) begin(thread uint32) {
	st.c.begin(int64(thread))
	st.em.serial++
	if st.s.txMetadata && st.c.tx.begin(st.c.transactionID()) {
		st.em.sideTransaction("BEGIN", st.c, st.micros)
	}
	st.resumeInside()
}

// resumeInside begins to pass over what was sent of this transaction before a restart. It must
// be the one that the offset means: after a fail-over, or when older transactions of another
// source come first, it is not, and then everything is sent again rather than too little.
func (st *stream) resumeInside() {
	if st.skipEvents == 0 && st.skipFirst == 0 {
		return
	}
	if st.c.file != st.skipFile || st.c.pos != st.skipPos {
		st.log.Info("the transaction that was read in part is somewhere else now; it is sent again as a whole", "stored", fmt.Sprintf("%s:%d", st.skipFile, st.skipPos), "position", st.c.at())
		st.skipEvents, st.skipFirst = 0, 0
		return
	}
	st.skipping = st.skipEvents != 0
}

// commit ends a transaction.
func (st *stream) commit() {
	if st.s.txMetadata && st.c.tx.id != "" {
		st.em.sideTransaction("END", st.c, st.micros)
		st.c.tx.end()
	}
	st.c.commit()
	st.em.serial++
	st.skipping, st.skipRows, st.inXA = false, false, false
	st.moved = true
	st.m.transactions.Inc()
	st.m.v.transactions.Add(1)
}

// partialUpdate decides about an event that holds JSON differences (DM-121): never passed over
// for a captured table.
func (st *stream) partialUpdate(e *event) error {
	if len(e.body) < 8 {
		return errShortEvent
	}
	var r rowsEvent
	r.table = tableNumber(e.body)
	m := st.mapped[r.table]
	if m == nil || m.plan == nil {
		return nil
	}
	err := column.PartialJSONError(m.id)
	var ce *column.Error
	hint := ""
	if errors.As(err, &ce) {
		hint = ce.Hint
	}
	return &capture.Error{Op: "read binlog", Subject: st.c.at(), Cause: fmt.Errorf("table %s: %w", m.id, column.ErrPartialJSON), Hint: hint}
}

// newStream starts reading at the cursor that Open or a snapshot has left.
func newStream(ctx context.Context, src *Source) (*stream, error) {
	s, c := src.s, src.start
	st := &stream{s: s, log: src.log, m: src.m, sv: src.sv, c: c, em: src.em, filters: src.filters, parser: src.parser,
		tables: src.tables, store: src.store, mapped: map[uint64]*mapping{}, plans: map[tid]*tablePlan{},
		warned: map[string]bool{}, lastEvent: time.Now(), lastFrame: time.Now(), nextBeat: time.Now().Add(s.heartbeat)}
	if c.tx == nil {
		c.tx = &txContext{}
	}
	st.skipEvents, st.skipFirst, st.skipFile, st.skipPos = c.event, c.rowsDone, c.file, c.pos
	keep := s.gtidSource()
	if s.gtidFilterRows && (s.gtidIncludes != "" || s.gtidExcludes != "") {
		st.keepGTID = func(uuid string) bool { return keep(gtid.Source{UUID: uuid}) }
	}
	var ask *gtid.Set
	switch {
	case s.gtidIgnore || !src.sv.gtid:
		if s.gtidIgnore {
			c.gtids = nil
		}
	case c.gtids != nil:
		purged, err := src.sv.purged(ctx, src.x, s)
		if err != nil {
			return nil, err
		}
		ask = resumeSet(c.gtids, purged, keep)
		c.gtids = ask.Clone()
	}
	var err error
	if st.x, st.strip, err = openDump(ctx, s, ask, c.file, c.pos); err != nil {
		return nil, err
	}
	st.m.setConnected(true)
	src.log.Info("streaming started", "position", c.where(), "skip_events", st.skipEvents, "skip_rows", st.skipFirst)
	return st, nil
}

func (st *stream) close() {
	st.pl.close()
	_ = st.x.close() // whether the server heard us does not matter any more
	st.m.setConnected(false)
}
