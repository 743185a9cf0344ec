package mysql

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"github.com/anabranch/anabranch/capture"
)

// session is one connection to the server. go-mysql does the handshake; commands, results and
// the binlog are read here, because the rows must not become Go values one by one.
type session struct {
	c     *client.Conn
	net   net.Conn
	p     *packets
	cells [][]byte
	out   []byte
	limit time.Duration // database.query.timeout.ms; it is not for reading the rows of a snapshot
}

// dial connects and logs in.
func dial(ctx context.Context, s *settings) (*session, error) {
	x, err := connect(ctx, s)
	if err != nil {
		if c := cancelled(ctx); c != nil {
			return nil, c
		}
		return nil, fail("connect to MySQL", s.address(), err)
	}
	return x, nil
}

func (s *settings) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

func connect(ctx context.Context, s *settings) (*session, error) {
	cfg, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	x, err := handshake(ctx, s, cfg)
	if err != nil && cfg != nil && s.sslMode == "preferred" && strings.Contains(err.Error(), "does not support TLS") {
		x, err = handshake(ctx, s, nil)
	}
	return x, err
}

func handshake(ctx context.Context, s *settings, cfg *tls.Config) (*session, error) {
	d := net.Dialer{Timeout: s.connectTimeout, KeepAlive: 30 * time.Second}
	var stop func() bool
	dialer := func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		// The handshake knows no context: both limits become deadlines of the socket.
		if err := nc.SetDeadline(time.Now().Add(s.connectTimeout)); err != nil {
			_ = nc.Close()
			return nil, err
		}
		stop = context.AfterFunc(ctx, func() { _ = nc.SetDeadline(past) }) // a closed socket needs no deadline
		return nc, nil
	}
	c, err := client.ConnectWithDialer(ctx, "tcp", s.address(), s.user, s.password.Reveal(), "", dialer, func(c *client.Conn) error {
		// The plain old result format: it is what readResult reads.
		c.UnsetCapability(gomysql.CLIENT_QUERY_ATTRIBUTES)
		c.UnsetCapability(gomysql.CLIENT_DEPRECATE_EOF)
		c.SetAttributes(map[string]string{"_client_name": "anabranch"})
		if cfg != nil {
			c.SetTLSConfig(cfg)
		}
		return nil
	})
	if stop != nil {
		stop()
	}
	if err != nil {
		return nil, err
	}
	x := &session{c: c, net: c.Conn.Conn}
	x.p, x.limit = newPackets(x.net), s.queryTimeout
	if err := x.net.SetDeadline(time.Time{}); err != nil {
		_ = c.Close()
		return nil, err
	}
	return x, nil
}

var past = time.Unix(1, 0)

// tlsConfig maps database.ssl.mode (DM-106); nil means no encryption. Without a trust store
// preferred and required take any certificate, as Debezium does.
func (s *settings) tlsConfig() (*tls.Config, error) {
	if s.sslMode == "disabled" {
		return nil, nil
	}
	cfg := &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
	if s.sslTrust != "" {
		pem, err := os.ReadFile(s.sslTrust)
		if err != nil {
			return nil, fmt.Errorf("read database.ssl.truststore: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read database.ssl.truststore: no certificate in PEM form in %s", s.sslTrust)
		}
	}
	if s.sslKeys != "" {
		cert, err := tls.LoadX509KeyPair(s.sslKeys, s.sslKeys)
		if err != nil {
			return nil, fmt.Errorf("read database.ssl.keystore: %w", err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	switch {
	case s.sslMode == "verify_identity":
		cfg.InsecureSkipVerify = false
	case s.sslMode == "verify_ca", s.sslTrust != "":
		// The chain is checked, the host name is not.
		roots := cfg.RootCAs
		cfg.VerifyConnection = func(st tls.ConnectionState) error {
			opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
			for _, c := range st.PeerCertificates[1:] {
				opts.Intermediates.AddCert(c)
			}
			_, err := st.PeerCertificates[0].Verify(opts)
			return err
		}
	}
	return cfg, nil
}

// guard makes the end of ctx interrupt what waits on the connection. The returned function
// must be called before the connection is used without a guard again.
func (x *session) guard(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() { _ = x.net.SetDeadline(past) })
}

// command sends one command packet.
func (x *session) command(cmd byte, arg ...[]byte) error {
	x.out = append(x.out[:0], 0, 0, 0, 0, cmd)
	for _, a := range arg {
		x.out = append(x.out, a...)
	}
	n := len(x.out) - packetHeader
	if n >= maxPacketPayload {
		return fmt.Errorf("statement of %d bytes is too long", n)
	}
	x.out[0], x.out[1], x.out[2], x.out[3] = byte(n), byte(n>>8), byte(n>>16), 0
	x.p.seq = 1
	_, err := x.net.Write(x.out)
	return err
}

// query runs a statement and calls fn for each row. Cells are slices of the read buffer, nil
// for NULL, valid during the call.
func (x *session) query(ctx context.Context, sql string, fn func(cells [][]byte) error) error {
	timed := ctx
	if x.limit > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeout(ctx, x.limit)
		defer cancel()
	}
	release := x.guard(timed)
	defer release()
	err := x.runQuery(sql, fn)
	switch {
	case err == nil:
		return nil
	case cancelled(ctx) != nil:
		return cancelled(ctx)
	case timed.Err() != nil:
		return fmt.Errorf("no answer within database.query.timeout.ms (%s)", x.limit)
	}
	return err
}

func (x *session) runQuery(sql string, fn func(cells [][]byte) error) error {
	cols, err := x.startQuery(sql)
	if err != nil || cols == 0 {
		return err
	}
	for {
		cells, err := x.nextRow(cols)
		if err != nil {
			return err
		}
		if cells == nil {
			return nil
		}
		if err := fn(cells); err != nil {
			return err // the caller gives up the connection
		}
	}
}

// startQuery sends a statement and reads up to the first row. cols is 0 for statements
// without a result.
func (x *session) startQuery(sql string) (cols int, err error) {
	cols, _, err = x.startQueryNamed(sql, false)
	return cols, err
}

// startQueryNamed is startQuery with the names of the columns.
func (x *session) startQueryNamed(sql string, named bool) (cols int, names []string, err error) {
	if err := x.command(gomysql.COM_QUERY, []byte(sql)); err != nil {
		return 0, nil, err
	}
	p, err := x.p.next()
	if err != nil {
		return 0, nil, err
	}
	if len(p) == 0 {
		return 0, nil, errors.New("empty packet")
	}
	switch p[0] {
	case gomysql.OK_HEADER:
		return 0, nil, nil
	case gomysql.ERR_HEADER:
		return 0, nil, serverError(p)
	case gomysql.LocalInFile_HEADER:
		return 0, nil, errors.New("server asks for a local file")
	}
	n, size := lenencInt(p)
	if size == 0 || n == 0 || n > 1<<16 {
		return 0, nil, errors.New("malformed column count")
	}
	for i := uint64(0); i <= n; i++ { // column definitions, which nobody needs, and an EOF packet
		def, err := x.p.next()
		if err != nil {
			return 0, nil, err
		}
		if named && i < n {
			names = append(names, columnName(def))
		}
	}
	return int(n), names, nil
}

// columnName reads the name from a column definition: the fifth of its texts.
func columnName(p []byte) string {
	for i := 0; ; i++ {
		n, size := lenencInt(p)
		if size == 0 || n > uint64(len(p)-size) {
			return ""
		}
		if i == 4 {
			return string(p[size : size+int(n)])
		}
		p = p[size+int(n):]
	}
}

// nextRow returns the cells of the next row, nil after the last one.
func (x *session) nextRow(cols int) ([][]byte, error) {
	p, err := x.p.next()
	if err != nil {
		return nil, err
	}
	if len(p) == 0 {
		return nil, errors.New("empty packet")
	}
	if p[0] == gomysql.EOF_HEADER && len(p) < 9 {
		return nil, nil
	}
	if p[0] == gomysql.ERR_HEADER {
		return nil, serverError(p)
	}
	if cap(x.cells) < cols {
		x.cells = make([][]byte, cols)
	}
	cells := x.cells[:cols]
	for i := range cells {
		if len(p) == 0 {
			return nil, errors.New("row packet is too short")
		}
		if p[0] == 0xfb {
			cells[i], p = nil, p[1:]
			continue
		}
		n, size := lenencInt(p)
		if size == 0 || n > uint64(len(p)-size) {
			return nil, errors.New("cell is longer than its row")
		}
		cells[i] = p[size : size+int(n) : size+int(n)]
		p = p[size+int(n):]
	}
	return cells, nil
}

// lenencInt reads a length-encoded integer; size 0 means it is malformed.
func lenencInt(p []byte) (n uint64, size int) {
	if len(p) == 0 {
		return 0, 0
	}
	switch c := p[0]; {
	case c < 0xfb:
		return uint64(c), 1
	case c == 0xfc && len(p) >= 3:
		return uint64(p[1]) | uint64(p[2])<<8, 3
	case c == 0xfd && len(p) >= 4:
		return uint64(p[1]) | uint64(p[2])<<8 | uint64(p[3])<<16, 4
	case c == 0xfe && len(p) >= 9:
		return uint64(p[1]) | uint64(p[2])<<8 | uint64(p[3])<<16 | uint64(p[4])<<24 |
			uint64(p[5])<<32 | uint64(p[6])<<40 | uint64(p[7])<<48 | uint64(p[8])<<56, 9
	}
	return 0, 0
}

// exec runs a statement whose result does not matter.
func (x *session) exec(ctx context.Context, sql string) error {
	return x.query(ctx, sql, func([][]byte) error { return nil })
}

// table runs a query and returns its rows as text; NULL is "".
func (x *session) table(ctx context.Context, sql string) ([][]string, error) {
	var out [][]string
	err := x.query(ctx, sql, func(cells [][]byte) error {
		row := make([]string, len(cells))
		for i, c := range cells {
			row[i] = string(c)
		}
		out = append(out, row)
		return nil
	})
	return out, err
}

// value returns the last column of the first row, "" if there is none.
func (x *session) value(ctx context.Context, sql string) (string, error) {
	rows, err := x.table(ctx, sql)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0][len(rows[0])-1], nil
}

// close ends the connection; it does not wait for the peer.
func (x *session) close() error {
	if x == nil {
		return nil
	}
	_ = x.net.SetDeadline(time.Now().Add(time.Second)) // a TLS goodbye must not hang; a closed socket needs no deadline
	return x.net.Close()
}

// version is the server's version text.
func (x *session) version() string {
	return string(bytes.TrimRight([]byte(x.c.GetServerVersion()), "\x00"))
}

// openQuery makes a session for queries: it runs database.initial.statements and sets what
// the text protocol's readers rely on.
func openQuery(ctx context.Context, s *settings) (*session, error) {
	x, err := dial(ctx, s)
	if err != nil {
		return nil, err
	}
	stmts := append(append([]string(nil), s.initialStatements...),
		"SET NAMES utf8mb4", "SET SESSION time_zone = '+00:00'")
	for i, sql := range stmts {
		if err := x.exec(ctx, sql); err != nil {
			_ = x.close() // the statement's error is the one to tell
			if i < len(s.initialStatements) {
				return nil, &capture.Error{Op: "run statement", Subject: fmt.Sprintf("%d of database.initial.statements", i+1), Cause: clean(err),
					Hint: "correct or remove it"}
			}
			return nil, fail("prepare session", s.address(), err)
		}
	}
	return x, nil
}
