package jdbc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgSession is one connection to PostgreSQL, spoken to through pgconn: values go from the
// batch into the wire format without a detour over Go values.
type pgSession struct {
	conn     *pgconn.PgConn
	config   *config
	database string
	unnamed  bool // no prepared statements, for poolers (prepareThreshold=0)
	sequence int  // names statements
	bufs     []byte
	params   [][]byte
	formats  []int16
}

func (postgres) open(ctx context.Context, c *config, log logger) (session, error) {
	pc, err := pgConfig(c, log)
	if err != nil {
		return nil, err
	}
	conn, err := pgconn.ConnectConfig(ctx, pc)
	if err != nil {
		return nil, err
	}
	s := &pgSession{conn: conn, config: c, database: pc.Database}
	if t, ok := c.url.param("prepareThreshold"); ok && t == "0" {
		s.unnamed = true
	}
	// Our statements get arrays of any length: one plan fits all, and planning with the
	// values would copy them. Older servers and some poolers do not know the setting.
	_ = s.exec(ctx, "SET plan_cache_mode = force_generic_plan")
	return s, nil
}

func (s *pgSession) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return s.conn.Close(ctx)
}

func (s *pgSession) exec(ctx context.Context, sql string) error {
	_, err := s.conn.Exec(ctx, sql).ReadAll()
	return err
}

const pgDescribe = `SELECT a.attname, format_type(a.atttypid, a.atttypmod),
 format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END, NULL),
 a.attnotnull, a.atthasdef OR a.attidentity <> '' , a.attgenerated <> '', a.attidentity = 'a',
 EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey))
 FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

func (s *pgSession) describe(ctx context.Context, id tableID) (*tableInfo, error) {
	if id.catalog != "" {
		if id.catalog != s.database {
			return nil, fmt.Errorf("table %s lies in database %s, but the connection is to %s; PostgreSQL cannot write across databases: rename topics with RegexRouter or set the table name format",
				id, id.catalog, s.database)
		}
		id.catalog = ""
	}
	name := appendTable(nil, postgres{}, id)
	res := s.conn.ExecParams(ctx, pgDescribe, [][]byte{name}, []uint32{oidText}, nil, nil).Read()
	if res.Err != nil {
		return nil, res.Err
	}
	if len(res.Rows) == 0 {
		return nil, nil
	}
	info := &tableInfo{}
	yes := func(p []byte) bool { return string(p) == "t" }
	for _, r := range res.Rows {
		info.columns = append(info.columns, tableColumn{name: string(r[0]), dbType: string(r[1]), baseType: string(r[2]),
			notNull: yes(r[3]), hasValue: yes(r[4]), generated: yes(r[5]), identity: yes(r[6]), key: yes(r[7])})
	}
	return info, nil
}

// pgBound is what a layout is bound to.
type pgBound struct {
	put, del pgStatement
	wires    []wire
}

type pgStatement struct {
	sql      string
	name     string // of the prepared statement
	prepared bool
}

func (s *pgSession) bind(l *layout) error {
	bound := &pgBound{wires: make([]wire, len(l.cols))}
	for i := range l.cols {
		w, err := pgWire(&l.cols[i].field, l.cols[i].target.baseType)
		if err != nil {
			return fmt.Errorf("column %s of table %s has type %s: a field of type %s cannot be written to it", l.cols[i].column, l.table.id,
				l.cols[i].target.dbType, describeType(l.cols[i].schema))
		}
		bound.wires[i] = w
	}
	if l.delete {
		bound.del.sql = pgDelete(l, bound.wires)
	} else {
		bound.put.sql = pgPut(l, bound.wires, s.config.insert)
	}
	l.bound = bound
	return nil
}

// pgTx is a transaction that runs as one pipeline: the database works on a statement while we
// encode the next, and a small write is a single round trip.
type pgTx struct {
	s       *pgSession
	pipe    *pgconn.Pipeline
	careful bool
	sent    int // statements whose result is not read yet
	fresh   []*pgStatement
}

// maxAhead bounds the statements that are sent before the oldest result is read.
const maxAhead = 4

func (s *pgSession) begin(ctx context.Context, careful bool) (transaction, error) {
	if s.conn.IsClosed() {
		return nil, errConnClosed
	}
	t := &pgTx{s: s, careful: careful, pipe: s.conn.StartPipeline(ctx)}
	return t, t.simple("BEGIN")
}

var errConnClosed = errors.New("conn closed")

func (t *pgTx) simple(sql string) error {
	t.pipe.SendQueryParams(sql, nil, nil, nil, nil)
	t.sent++
	return t.settle()
}

// settle reads results: all of them when careful, else so many that few are under way.
func (t *pgTx) settle() error {
	if t.careful {
		return t.drain()
	}
	if t.sent < maxAhead {
		return nil
	}
	t.pipe.SendFlushRequest()
	if err := t.pipe.Flush(); err != nil {
		return err
	}
	return t.read(t.sent - maxAhead/2)
}

// drain syncs and reads every outstanding result.
func (t *pgTx) drain() error {
	if err := t.pipe.Sync(); err != nil {
		return err
	}
	t.sent++ // the sync itself
	return t.read(t.sent)
}

// read consumes n results. An error ends the use of the pipeline up to the next sync.
func (t *pgTx) read(n int) error {
	var first error
	for i := 0; i < n; i++ {
		res, err := t.pipe.GetResults()
		t.sent--
		switch r := res.(type) {
		case *pgconn.ResultReader:
			if _, cerr := r.Close(); err == nil {
				err = cerr
			}
		case *pgconn.PipelineSync:
			return first
		}
		if err != nil {
			if first == nil {
				first = err
			}
			if !t.careful {
				return first // the caller rolls back, which reads the rest
			}
			var pe *pgconn.PgError
			if !errors.As(err, &pe) {
				return first
			}
			n++ // after an error, results are read up to the sync
			if n > 1000 {
				return first
			}
		}
		if res == nil && err == nil {
			return first
		}
	}
	return first
}

func (t *pgTx) put(_ context.Context, l *layout, rows rowSet) error {
	b := l.bound.(*pgBound)
	return t.send(l, &b.put, b.wires, len(l.cols), rows)
}

func (t *pgTx) remove(_ context.Context, l *layout, rows rowSet) error {
	b := l.bound.(*pgBound)
	return t.send(l, &b.del, b.wires, l.keys, rows)
}

// send encodes the rows as one array a column and sends the statement.
func (t *pgTx) send(l *layout, st *pgStatement, wires []wire, n int, rows rowSet) error {
	s := t.s
	s.params, s.formats = s.params[:0], s.formats[:0]
	buf := s.bufs[:0]
	var ends [1664]int
	for i := range n {
		var err error
		if buf, err = encodeArray(buf, l, i, wires[i], rows, s.config.zoneFor(&l.cols[i])); err != nil {
			return err
		}
		ends[i] = len(buf)
	}
	start := 0
	for i := range n {
		s.params = append(s.params, buf[start:ends[i]:ends[i]])
		s.formats = append(s.formats, 1)
		start = ends[i]
	}
	s.bufs = buf
	if cap(buf) > 4*maxChunkBytes {
		s.bufs = nil
	}
	if s.unnamed {
		t.pipe.SendQueryParams(st.sql, s.params, nil, s.formats, nil)
		t.sent++
		return t.settle()
	}
	if !st.prepared {
		s.sequence++
		st.name = "anabranch_" + strconv.Itoa(s.sequence)
		t.pipe.SendPrepare(st.name, st.sql, nil)
		st.prepared = true
		t.fresh = append(t.fresh, st)
		t.sent++
	}
	t.pipe.SendQueryPrepared(st.name, s.params, s.formats, nil)
	t.sent++
	if len(buf) > eagerBytes && !t.careful {
		if err := t.pipe.Flush(); err != nil {
			return err
		}
	}
	return t.settle()
}

// eagerBytes is how large a statement must be to be sent at once; smaller ones leave with
// what follows.
const eagerBytes = 32 << 10

// encodeArray writes one column of the rows in the binary format of a one-dimensional array.
func encodeArray(dst []byte, l *layout, at int, w wire, rows rowSet, zone *time.Location) ([]byte, error) {
	c := &l.cols[at]
	head := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 1)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, w.elem)
	dst = binary.BigEndian.AppendUint32(dst, uint32(rows.len()))
	dst = binary.BigEndian.AppendUint32(dst, 1)
	for i := range rows.order {
		r := rows.at(i)
		b, v := c.value(r)
		if v.IsNull() {
			dst = append(dst, 0xFF, 0xFF, 0xFF, 0xFF)
			dst[head+7] = 1
			continue
		}
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		var err error
		if dst, err = w.enc(dst, c, b, v, zone); err != nil {
			return dst, valueErr(r, l, c, err)
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst, nil
}

func (t *pgTx) truncate(_ context.Context, id tableID) error {
	return t.simple("TRUNCATE TABLE " + string(appendTable(nil, postgres{}, tableID{schema: id.schema, name: id.name})))
}

func (t *pgTx) savepoint(context.Context) error  { return t.simple("SAVEPOINT anabranch") }
func (t *pgTx) rollbackTo(context.Context) error { return t.simple("ROLLBACK TO SAVEPOINT anabranch") }
func (t *pgTx) release(context.Context) error    { return t.simple("RELEASE SAVEPOINT anabranch") }

func (t *pgTx) commit(context.Context) error {
	t.pipe.SendQueryParams("COMMIT", nil, nil, nil, nil)
	t.sent++
	if err := t.drain(); err != nil {
		return err
	}
	return t.pipe.Close()
}

// rollback leaves the connection ready for the next transaction, or closed.
func (t *pgTx) rollback() {
	for _, st := range t.fresh {
		st.prepared = false // it may not have come that far
	}
	_ = t.pipe.Sync() // the error that matters is known already
	_ = t.pipe.Close()
	if t.s.conn.IsClosed() || t.s.conn.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := t.s.exec(ctx, "ROLLBACK"); err != nil {
		_ = t.s.conn.Close(ctx)
	}
}
