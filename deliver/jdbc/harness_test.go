package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
)

// server is a database that the common cases run against.
type server struct {
	name string
	url  string
	user string
	pass string
	db   *sql.DB
}

var tableNumber atomic.Int64

// onServers runs a case on SQLite and on the real servers that are there.
func onServers(t *testing.T, fn func(t *testing.T, s *server)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, sqliteServer(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, postgresServer(t)) })
	t.Run("mysql", func(t *testing.T) { fn(t, mysqlServer(t)) })
}

func sqliteServer(t testing.TB) *server {
	path := filepath.Join(t.TempDir(), "sink.db")
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &server{name: "sqlite", url: "jdbc:sqlite:" + path, user: "x", db: db}
}

func postgresServer(t testing.TB) *server {
	pg := testenv.Postgres(t)
	name, db := pg.Database(t)
	return &server{name: "postgres", url: "jdbc:postgresql://" + pg.Addr() + "/" + name + "?sslmode=disable", user: "postgres", pass: "postgres", db: db}
}

func mysqlServer(t testing.TB) *server {
	my := testenv.MySQL(t)
	name, db := my.Database(t)
	return &server{name: "mysql", url: "jdbc:mysql://" + my.Addr() + "/" + name, user: "root", pass: "root", db: db}
}

// settings are the keys of a family for a server; kv are more and win.
func (s *server) settings(class string, kv ...string) []string {
	user := "connection.user"
	if class == DebeziumClass {
		user = "connection.username"
	}
	base := []string{"connection.url", s.url, user, s.user, "connection.password", s.pass}
	if class == DebeziumClass {
		base = append(base, "flush.retry.delay.ms", "20")
	} else {
		base = append(base, "retry.backoff.ms", "20", "connection.backoff.ms", "20")
	}
	return append(base, kv...)
}

func (s *server) exec(t testing.TB, qs ...string) {
	t.Helper()
	for _, q := range qs {
		if _, err := s.db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// rows returns a query's rows as texts, columns joined by |, NULL as ∅.
func (s *server) rows(t testing.TB, q string) []string {
	t.Helper()
	rs, err := s.db.Query(q)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rs.Close()
	cols, _ := rs.Columns()
	var out []string
	for rs.Next() {
		vals := make([]sql.NullString, len(cols))
		ptrs := make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		if err := rs.Scan(ptrs...); err != nil {
			t.Fatal(err)
		}
		parts := make([]string, len(cols))
		for i, v := range vals {
			parts[i] = "∅"
			if v.Valid {
				parts[i] = v.String
			}
		}
		out = append(out, strings.Join(parts, "|"))
	}
	if err := rs.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *server) want(t testing.TB, q string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.rows(t, q)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", q, diff)
	}
}

// quote quotes a name for the server.
func (s *server) quote(name string) string {
	if s.name == "mysql" {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}

// running is an open sink.
type running struct {
	t *testing.T
	s deliver.Sink
}

func (s *server) open(t *testing.T, class string, kv ...string) *running {
	t.Helper()
	r := s.unopened(t, class, kv...)
	if err := r.s.Open(t.Context()); err != nil {
		t.Fatalf("open: %v", err)
	}
	return r
}

func (s *server) unopened(t *testing.T, class string, kv ...string) *running {
	t.Helper()
	sink, err := New(conf(t, class, s.settings(class, kv...)...), class, deliver.Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close() })
	return &running{t, sink}
}

// write writes batches and returns the first error.
func (r *running) write(bs ...*records.Batch) error {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	errs := make(chan error, len(bs))
	sent := 0
	var first error
	for _, b := range bs {
		if err := r.s.Write(ctx, b, func(err error) { errs <- err }); err != nil {
			first = err
			break
		}
		sent++
	}
	for range sent {
		select {
		case err := <-errs:
			if err != nil && first == nil {
				first = err
			}
		case <-ctx.Done():
			r.t.Fatal("write does not end")
		}
	}
	return first
}

func (r *running) mustWrite(bs ...*records.Batch) {
	r.t.Helper()
	if err := r.write(bs...); err != nil {
		r.t.Fatalf("write: %v", err)
	}
}

// mustFail checks that an error is fatal, a deliver.Error, and says all the parts.
func (r *running) mustFail(b *records.Batch, parts ...string) error {
	r.t.Helper()
	err := r.write(b)
	if err == nil {
		r.t.Fatal("write did not fail")
	}
	var de *deliver.Error
	if !errors.As(err, &de) {
		r.t.Fatalf("%T is no deliver.Error: %v", err, err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			r.t.Errorf("error %q does not say %q", err, p)
		}
	}
	return err
}

func topicName(prefix string) string { return fmt.Sprintf("%s%d", prefix, tableNumber.Add(1)) }
