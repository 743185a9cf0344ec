package jdbc

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

// pgConfig maps a JDBC URL to a pgconn configuration (SJ-200).
func pgConfig(c *config, log logger) (*pgconn.Config, error) {
	var kv strings.Builder
	set := func(k, v string) {
		fmt.Fprintf(&kv, "%s='%s' ", k, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v))
	}
	var hosts, ports []string
	for _, h := range c.url.hosts {
		hosts = append(hosts, strings.Trim(h.host, "[]"))
		if h.port == "" {
			h.port = "5432"
		}
		ports = append(ports, h.port)
	}
	set("host", strings.Join(hosts, ","))
	set("port", strings.Join(ports, ","))
	user, password := c.url.user, c.url.password
	if c.user != "" {
		user = c.user
	}
	if p := c.password.Reveal(); p != "" {
		password = p
	}
	if user != "" {
		set("user", user)
	}
	if password != "" {
		set("password", password)
	}
	db := c.url.database
	if db == "" {
		db = user
	}
	set("dbname", db)
	sslmode := ""
	runtime := map[string]string{"application_name": "anabranch"}
	var connectTimeout time.Duration
	for _, p := range c.url.params {
		switch strings.ToLower(p.name) {
		case "user", "password":
		case "sslmode":
			sslmode = p.value
		case "ssl":
			if sslmode == "" && !strings.EqualFold(p.value, "false") {
				sslmode = "verify-full" // pgjdbc's meaning
			}
		case "sslrootcert", "sslcert", "sslkey", "sslpassword", "krbsrvname":
			set(strings.ToLower(p.name), p.value)
		case "currentschema":
			runtime["search_path"] = p.value
		case "applicationname":
			runtime["application_name"] = p.value
		case "options":
			runtime["options"] = p.value
		case "targetservertype":
			mode := map[string]string{"any": "any", "primary": "primary", "master": "primary", "secondary": "standby", "slave": "standby",
				"prefersecondary": "prefer-standby", "preferslave": "prefer-standby"}[strings.ToLower(p.value)]
			if mode == "" {
				mode = "any"
			}
			set("target_session_attrs", mode)
		case "logintimeout", "connecttimeout":
			if s, err := strconv.Atoi(p.value); err == nil && s > 0 {
				connectTimeout = time.Duration(s) * time.Second
			}
		case "preparethreshold", "rewritebatchedinserts", "stringtype", "preparedstatementcachequeries", "tcpkeepalive",
			"binarytransfer", "defaultrowfetchsize", "sockettimeout", "adaptivefetch", "loglevel", "loggerlevel":
			// how the Java driver does its work; no counterpart here
		default:
			log.Warn("parameter of connection.url has no effect", "parameter", p.name)
		}
	}
	if sslmode == "" {
		sslmode = "prefer"
	}
	set("sslmode", sslmode)
	pc, err := pgconn.ParseConfig(kv.String())
	if err != nil {
		return nil, fmt.Errorf("connection.url %s: %w", c.url, errors.New("a parameter has no valid value, or a certificate cannot be read"))
	}
	for k, v := range runtime {
		pc.RuntimeParams[k] = v
	}
	if connectTimeout == 0 {
		connectTimeout = 10 * time.Second
	}
	pc.ConnectTimeout = connectTimeout
	if pc.TLSConfig != nil && pc.TLSConfig.MinVersion == 0 {
		pc.TLSConfig.MinVersion = tls.VersionTLS12
	}
	return pc, nil
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

// pgSource renders "unnest($1::int8[], …) AS s(c0, …)".
func pgSource(dst []byte, n int, wires []wire) []byte {
	dst = append(dst, "unnest("...)
	for i := range n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = fmt.Appendf(dst, "$%d::%s[]", i+1, wires[i].array)
	}
	dst = append(dst, ") AS s("...)
	for i := range n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = fmt.Appendf(dst, "c%d", i)
	}
	return append(dst, ')')
}

func pgCell(dst []byte, i int, w wire) []byte {
	if w.cast == "" {
		return fmt.Appendf(dst, "s.c%d", i)
	}
	return fmt.Appendf(dst, "CAST(s.c%d AS %s)", i, w.cast)
}

func pgColumns(dst []byte, cols []column) []byte {
	for i := range cols {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = postgres{}.appendIdent(dst, cols[i].column)
	}
	return dst
}

// pgPut renders the statement that inserts, upserts (SJ-095) or updates any number of rows.
func pgPut(l *layout, wires []wire, mode insertMode) string {
	if mode == modeUpdate {
		return pgUpdate(l, wires)
	}
	q := []byte("INSERT INTO " + l.table.sql + " (")
	q = pgColumns(q, l.cols)
	q = append(q, ')')
	for i := range l.cols {
		if l.cols[i].target.identity {
			q = append(q, " OVERRIDING SYSTEM VALUE"...)
			break
		}
	}
	q = append(q, " SELECT "...)
	for i := range l.cols {
		if i > 0 {
			q = append(q, ", "...)
		}
		q = pgCell(q, i, wires[i])
	}
	q = append(q, " FROM "...)
	q = pgSource(q, len(l.cols), wires)
	if mode != modeUpsert {
		return string(q)
	}
	q = append(q, " ON CONFLICT ("...)
	q = pgColumns(q, l.cols[:l.keys])
	if l.keys == len(l.cols) {
		return string(append(q, ") DO NOTHING"...))
	}
	q = append(q, ") DO UPDATE SET "...)
	for i := l.keys; i < len(l.cols); i++ {
		if i > l.keys {
			q = append(q, ", "...)
		}
		q = postgres{}.appendIdent(q, l.cols[i].column)
		q = append(q, " = EXCLUDED."...)
		q = postgres{}.appendIdent(q, l.cols[i].column)
	}
	return string(q)
}

// pgKeys renders "t.k = s.c0 AND …".
func pgKeys(q []byte, l *layout, wires []wire) []byte {
	for i := range l.cols[:l.keys] {
		if i > 0 {
			q = append(q, " AND "...)
		}
		q = append(q, "t."...)
		q = postgres{}.appendIdent(q, l.cols[i].column)
		q = append(q, " = "...)
		q = pgCell(q, i, wires[i])
	}
	return q
}

func pgUpdate(l *layout, wires []wire) string {
	q := []byte("UPDATE " + l.table.sql + " AS t SET ")
	if l.keys == len(l.cols) { // nothing but keys: nothing changes
		q = postgres{}.appendIdent(q, l.cols[0].column)
		q = append(q, " = t."...)
		q = postgres{}.appendIdent(q, l.cols[0].column)
	}
	for i := l.keys; i < len(l.cols); i++ {
		if i > l.keys {
			q = append(q, ", "...)
		}
		q = postgres{}.appendIdent(q, l.cols[i].column)
		q = append(q, " = "...)
		q = pgCell(q, i, wires[i])
	}
	q = append(q, " FROM "...)
	q = pgSource(q, len(l.cols), wires)
	q = append(q, " WHERE "...)
	return string(pgKeys(q, l, wires))
}

func pgDelete(l *layout, wires []wire) string {
	q := []byte("DELETE FROM " + l.table.sql + " AS t USING ")
	q = pgSource(q, l.keys, wires)
	q = append(q, " WHERE "...)
	return string(pgKeys(q, l, wires))
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
