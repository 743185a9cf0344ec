package jdbc

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/go-sql-driver/mysql"
)

// mysqlSession is one connection to MySQL or MariaDB. Statements are text with literals,
// rendered straight from the batch: one packet holds thousands of rows and the server
// neither prepares nor asks back.
type mysqlSession struct {
	db        *sql.DB
	conn      *sql.Conn
	config    *config
	rowAlias  bool // INSERT … AS new: MySQL 8.0.19 and later
	escapes   bool // backslash escapes are on
	maxPacket int
	buf       []byte
}

func mysqlConfig(c *config, log logger) (*mysql.Config, error) {
	mc := mysql.NewConfig()
	h := c.url.hosts[0]
	if len(c.url.hosts) > 1 {
		log.Warn("connection.url names several hosts; the first is used", "host", h.host)
	}
	if h.port == "" {
		h.port = "3306"
	}
	mc.Net, mc.Addr = "tcp", net.JoinHostPort(strings.Trim(h.host, "[]"), h.port)
	mc.DBName, mc.User, mc.Passwd = c.url.database, c.url.user, c.url.password
	if c.user != "" {
		mc.User = c.user
	}
	if p := c.password.Reveal(); p != "" {
		mc.Passwd = p
	}
	mc.Timeout = 10 * time.Second
	mc.MaxAllowedPacket = 0 // ask the server
	mc.InterpolateParams = true
	mc.MultiStatements = c.insert == modeUpdate
	mc.Logger = &mysql.NopLogger{}
	mc.TLSConfig = "preferred"
	verify := false
	for _, p := range c.url.params {
		switch strings.ToLower(p.name) {
		case "user", "password":
		case "sslmode":
			switch strings.ToUpper(p.value) {
			case "DISABLED", "DISABLE":
				mc.TLSConfig = "false"
			case "PREFERRED":
				mc.TLSConfig = "preferred"
			case "REQUIRED", "TRUST":
				mc.TLSConfig = "skip-verify"
			case "VERIFY_CA", "VERIFY_IDENTITY", "VERIFY-CA", "VERIFY-FULL":
				mc.TLSConfig, verify = "true", true
			}
		case "usessl":
			if strings.EqualFold(p.value, "false") {
				mc.TLSConfig = "false"
			} else if !verify {
				mc.TLSConfig = "skip-verify"
			}
		case "requiressl":
			if strings.EqualFold(p.value, "true") && !verify {
				mc.TLSConfig = "skip-verify"
			}
		case "verifyservercertificate":
			if strings.EqualFold(p.value, "true") {
				mc.TLSConfig, verify = "true", true
			}
		case "connecttimeout":
			if n, err := strconv.Atoi(p.value); err == nil && n > 0 {
				mc.Timeout = time.Duration(n) * time.Millisecond
			}
		case "sockettimeout":
			if n, err := strconv.Atoi(p.value); err == nil && n > 0 {
				mc.ReadTimeout = time.Duration(n) * time.Millisecond
				mc.WriteTimeout = mc.ReadTimeout
			}
		case "allowpublickeyretrieval", "servertimezone", "connectiontimezone", "characterencoding", "zerodatetimebehavior",
			"rewritebatchedstatements", "useunicode", "cacheprepstmts", "useserverprepstmts", "prepstmtcachesize",
			"prepstmtcachesqllimit", "autoreconnect", "forceconnectiontimezonetosession", "uselegacydatetimecode",
			"tinyint1isbit", "tcpkeepalive", "usecursorfetch", "defaultfetchsize", "useaffectedrows", "allowmultiqueries", "nullcatalogmeanscurrent":
			// how the Java driver does its work; no counterpart here
		default:
			log.Warn("parameter of connection.url has no effect", "parameter", p.name)
		}
	}
	if verify {
		host := strings.Trim(h.host, "[]")
		mc.TLS = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
		mc.TLSConfig = ""
	}
	return mc, nil
}

func (mysqlDialect) open(ctx context.Context, c *config, log logger) (session, error) {
	mc, err := mysqlConfig(c, log)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(mc)
	if err != nil {
		return nil, errors.New("connection.url: a parameter has no valid value")
	}
	db := sql.OpenDB(connector)
	s := &mysqlSession{db: db, config: c}
	if s.conn, err = db.Conn(ctx); err == nil {
		err = s.prepare(ctx)
	}
	if err != nil {
		_ = s.close()
		return nil, err
	}
	return s, nil
}

// prepare reads what the statements depend on and sets the session up: instants are written
// in UTC, and a value that does not fit must be an error.
func (s *mysqlSession) prepare(ctx context.Context) error {
	var version, mode string
	row := s.conn.QueryRowContext(ctx, "SELECT VERSION(), @@SESSION.sql_mode, @@max_allowed_packet")
	if err := row.Scan(&version, &mode, &s.maxPacket); err != nil {
		return err
	}
	s.rowAlias = !strings.Contains(strings.ToLower(version), "mariadb") && versionAtLeast(version, 8, 0, 19)
	s.escapes = !strings.Contains(mode, "NO_BACKSLASH_ESCAPES")
	stmts := []string{"SET time_zone = '+00:00'", "SET NAMES utf8mb4"}
	if !strings.Contains(mode, "STRICT_") {
		stmts = append(stmts, "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_TRANS_TABLES,STRICT_ALL_TABLES')")
	}
	for _, q := range stmts {
		if _, err := s.conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// versionAtLeast compares the numbers at the start of a version.
func versionAtLeast(version string, want ...int) bool {
	for _, w := range want {
		digits := version
		if i := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
			digits, version = version[:i], version[min(i+1, len(version)):]
		} else {
			version = ""
		}
		n, err := strconv.Atoi(digits)
		if err != nil || n < w {
			return false
		}
		if n > w {
			return true
		}
	}
	return true
}

func (s *mysqlSession) close() error {
	if s.conn != nil {
		_ = s.conn.Close() // the pool's error is the one that counts
	}
	return s.db.Close()
}

func (s *mysqlSession) exec(ctx context.Context, q string) error {
	_, err := s.conn.ExecContext(ctx, q)
	return err
}

// execBytes runs a statement that lies in our buffer. The driver copies it into its packet
// before it returns, so the string may share the buffer's memory.
func (s *mysqlSession) execBytes(ctx context.Context, q []byte) error {
	return s.conn.Raw(func(dc any) error {
		_, err := dc.(driver.ExecerContext).ExecContext(ctx, unsafe.String(unsafe.SliceData(q), len(q)), nil)
		return err
	})
}

func (s *mysqlSession) describe(ctx context.Context, id tableID) (*tableInfo, error) {
	rows, err := s.conn.QueryContext(ctx, `SELECT COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, IS_NULLABLE, COLUMN_DEFAULT IS NOT NULL, EXTRA, COLUMN_KEY
 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE()) AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`, id.schema, id.name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	info := &tableInfo{}
	for rows.Next() {
		var c tableColumn
		var nullable, extra, key string
		if err := rows.Scan(&c.name, &c.dbType, &c.baseType, &nullable, &c.hasValue, &extra, &key); err != nil {
			return nil, err
		}
		c.dbType, c.baseType = strings.ToLower(c.dbType), strings.ToLower(c.baseType)
		c.notNull = nullable == "NO"
		c.hasValue = c.hasValue || strings.Contains(extra, "auto_increment") || strings.Contains(extra, "DEFAULT_GENERATED")
		c.generated = strings.Contains(extra, "VIRTUAL GENERATED") || strings.Contains(extra, "STORED GENERATED")
		c.key = key == "PRI"
		info.columns = append(info.columns, c)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(info.columns) == 0 {
		return nil, nil
	}
	return info, nil
}

// mysqlBound holds the fixed parts of a layout's statements.
type mysqlBound struct {
	head, tail string
	literals   []literal
}

func (s *mysqlSession) bind(l *layout) error {
	b := &mysqlBound{}
	for i := range l.cols {
		c := &l.cols[i]
		lit, err := mysqlLiteral(&c.field, c.target, s.config.family)
		if err != nil {
			return fmt.Errorf("column %s of table %s has type %s: a field of type %s cannot be written to it", c.column, l.table.id,
				c.target.dbType, describeType(c.schema))
		}
		b.literals = append(b.literals, lit)
	}
	b.head, b.tail = mysqlStatement(l, s.config.insert, s.rowAlias)
	l.bound = b
	return nil
}

// mysqlStatement renders what goes before and after the rows (SJ-096, SJ-151). Updates have
// no such parts: they are one statement a row, many to a packet.
func mysqlStatement(l *layout, mode insertMode, rowAlias bool) (head, tail string) {
	ident := mysqlDialect{}.appendIdent
	names := func(q []byte, cols []column) []byte {
		for i := range cols {
			if i > 0 {
				q = append(q, ", "...)
			}
			q = ident(q, cols[i].column)
		}
		return q
	}
	if l.delete {
		q := []byte("DELETE FROM " + l.table.sql + " WHERE ")
		if l.keys == 1 {
			q = names(q, l.cols[:1])
		} else {
			q = append(names(append(q, '('), l.cols[:l.keys]), ')')
		}
		return string(append(q, " IN ("...)), ")"
	}
	if mode == modeUpdate {
		return "UPDATE " + l.table.sql + " SET ", ""
	}
	q := []byte("INSERT INTO " + l.table.sql + " (")
	q = names(q, l.cols)
	head = string(append(q, ") VALUES "...))
	if mode != modeUpsert {
		return head, ""
	}
	var t []byte
	if rowAlias {
		t = append(t, " AS new"...)
	}
	t = append(t, " ON DUPLICATE KEY UPDATE "...)
	first := l.keys
	if first == len(l.cols) {
		first = 0 // only keys: set them to themselves
	}
	for i := first; i < len(l.cols); i++ {
		if i > first {
			t = append(t, ", "...)
		}
		t = ident(t, l.cols[i].column)
		if rowAlias {
			t = append(t, " = new."...)
			t = ident(t, l.cols[i].column)
		} else {
			t = append(t, " = VALUES("...)
			t = append(ident(t, l.cols[i].column), ')')
		}
	}
	return head, string(t)
}

// mysqlTx is a transaction of plain statements.
type mysqlTx struct{ s *mysqlSession }

func (s *mysqlSession) begin(ctx context.Context, _ bool) (transaction, error) {
	return &mysqlTx{s}, s.exec(ctx, "START TRANSACTION")
}

// maxStatementBytes is where a statement ends though batch.size is not reached.
const maxStatementBytes = 4 << 20

// limit is the length from which on no row is added. Any single row may still be longer, up
// to the server's own limit.
func (s *mysqlSession) limit() int {
	return max(min(maxStatementBytes, s.maxPacket-s.maxPacket/8), 1024)
}

func (t *mysqlTx) put(ctx context.Context, l *layout, rows rowSet) error {
	if t.s.config.insert == modeUpdate {
		return t.update(ctx, l, rows)
	}
	return t.list(ctx, l, rows, len(l.cols), true)
}

func (t *mysqlTx) remove(ctx context.Context, l *layout, rows rowSet) error {
	return t.list(ctx, l, rows, l.keys, l.keys > 1)
}

// list runs head (row), (row), … tail in as few statements as the packet size allows.
func (t *mysqlTx) list(ctx context.Context, l *layout, rows rowSet, n int, parens bool) error {
	s, b := t.s, l.bound.(*mysqlBound)
	q, begun := append(s.buf[:0], b.head...), false
	for i := range rows.order {
		r := rows.at(i)
		mark := len(q)
		for again := true; again; {
			again = false
			if begun {
				q = append(q, ',')
			}
			if parens {
				q = append(q, '(')
			}
			for j := range n {
				if j > 0 {
					q = append(q, ',')
				}
				var err error
				if q, err = s.literal(q, &l.cols[j], b.literals[j], r); err != nil {
					return valueErr(r, l, &l.cols[j], err)
				}
			}
			if parens {
				q = append(q, ')')
			}
			if begun && len(q)+len(b.tail) > s.limit() {
				if err := s.execBytes(ctx, append(q[:mark], b.tail...)); err != nil { // over the row that is too much
					return err
				}
				q, begun, again = append(q[:0], b.head...), false, true
				mark = len(q)
			}
		}
		begun = true
	}
	q = append(q, b.tail...)
	s.keep(q)
	return s.execBytes(ctx, q)
}

// keep holds on to the buffer for the next statement, unless one huge row made it grow.
func (s *mysqlSession) keep(q []byte) {
	s.buf = nil
	if cap(q) <= 2*maxStatementBytes {
		s.buf = q[:0]
	}
}

// update sends many UPDATE statements in one packet: a join with a derived table would
// compare keys under the literals' collation and lose the index.
func (t *mysqlTx) update(ctx context.Context, l *layout, rows rowSet) error {
	if l.keys == len(l.cols) {
		return nil // nothing but keys: nothing to change
	}
	s, b := t.s, l.bound.(*mysqlBound)
	q := s.buf[:0]
	pair := func(q []byte, i int, r *row) ([]byte, error) {
		q = mysqlDialect{}.appendIdent(q, l.cols[i].column)
		q, err := s.literal(append(q, '='), &l.cols[i], b.literals[i], r)
		if err != nil {
			err = valueErr(r, l, &l.cols[i], err)
		}
		return q, err
	}
	var err error
	for n := range rows.order {
		r := rows.at(n)
		if len(q) > 0 {
			q = append(q, ';')
		}
		q = append(q, b.head...)
		for i := l.keys; i < len(l.cols); i++ {
			if i > l.keys {
				q = append(q, ',')
			}
			if q, err = pair(q, i, r); err != nil {
				return err
			}
		}
		q = append(q, " WHERE "...)
		for i := range l.keys {
			if i > 0 {
				q = append(q, " AND "...)
			}
			if q, err = pair(q, i, r); err != nil {
				return err
			}
		}
		if len(q) > s.limit()/2 {
			if err := s.execBytes(ctx, q); err != nil {
				return err
			}
			q = q[:0]
		}
	}
	s.keep(q)
	if len(q) == 0 {
		return nil
	}
	return s.execBytes(ctx, q)
}

func (t *mysqlTx) truncate(ctx context.Context, id tableID) error {
	// TRUNCATE would commit what came before it; DELETE stays in the transaction.
	return t.s.exec(ctx, "DELETE FROM "+string(appendTable(nil, mysqlDialect{}, id)))
}

func (t *mysqlTx) savepoint(ctx context.Context) error { return t.s.exec(ctx, "SAVEPOINT anabranch") }
func (t *mysqlTx) rollbackTo(ctx context.Context) error {
	return t.s.exec(ctx, "ROLLBACK TO SAVEPOINT anabranch")
}
func (t *mysqlTx) release(ctx context.Context) error {
	return t.s.exec(ctx, "RELEASE SAVEPOINT anabranch")
}
func (t *mysqlTx) commit(ctx context.Context) error { return t.s.exec(ctx, "COMMIT") }

func (t *mysqlTx) rollback() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = t.s.exec(ctx, "ROLLBACK") // on a broken connection the server does it
}
