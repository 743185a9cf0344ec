package testenv

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx" of database/sql
)

// The roles of every PostgreSQL server: postgres is superuser, dbz may replicate and
// read. Passwords are not checked, but clients that insist on one may send these.
const (
	PostgresRoot, PostgresRootPassword = "postgres", "postgres"
	PostgresUser, PostgresPassword     = "dbz", "dbz"
)

const postgresBin = "/usr/lib/postgresql/15/bin"

// PostgresServer is one PostgreSQL server with logical decoding.
type PostgresServer struct{ *Server }

// PostgresOptions shape a private server.
type PostgresOptions struct {
	// Bin is the folder with initdb and postgres of another version than Debian's 15.
	Bin      string
	Settings map[string]string // over ours in postgresql.conf
}

// Postgres returns the shared server.
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	return &PostgresServer{postgresPlan(PostgresOptions{}).common(t)}
}

// PrivatePostgres starts a server for this test alone.
func PrivatePostgres(t testing.TB, opts ...PostgresOptions) *PostgresServer {
	t.Helper()
	var o PostgresOptions
	if len(opts) > 0 {
		o = opts[0]
	}
	return &PostgresServer{postgresPlan(o).private(t)}
}

// Host is the server's address without the port.
func (p *PostgresServer) Host() string { return "127.0.0.1" }

// Port is the port of the PostgreSQL protocol.
func (p *PostgresServer) Port() int { return p.rec.Ports["postgres"] }

// Addr is host and port.
func (p *PostgresServer) Addr() string { return p.rec.addr("postgres") }

// URL is the superuser's connection string for a database; empty means postgres.
func (p *PostgresServer) URL(database string) string { return postgresURL(p.rec, database) }

// Open opens a pool as the superuser and closes it at the test's end.
func (p *PostgresServer) Open(t testing.TB, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", p.URL(database))
	if err != nil {
		t.Fatalf("testenv: postgres: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() }) // only ever reports connections that died first
	return db
}

// Database creates an empty database with a name of its own and opens it; dbz may
// create publications in it. Database and replication slots are dropped at the
// test's end.
func (p *PostgresServer) Database(t testing.TB) (name string, db *sql.DB) {
	t.Helper()
	ctx, cancel := patience(t, 30*time.Second)
	defer cancel()
	name = unique(slug(t))
	admin := p.Open(t, "")
	for _, stmt := range []string{"CREATE DATABASE " + name, "GRANT CREATE ON DATABASE " + name + " TO " + PostgresUser} {
		if _, err := admin.ExecContext(ctx, stmt); err != nil {
			t.Fatalf("testenv: create database %s on %s: %v", name, p.Addr(), err)
		}
	}
	t.Cleanup(func() {
		if p.Private() {
			return // it goes with its server, which may be dead by now
		}
		ctx, cancel := patience(t, 30*time.Second)
		defer cancel()
		if err := dropPostgres(ctx, admin, name); err != nil {
			t.Errorf("testenv: drop database %s: %v", name, err)
		}
	})
	return name, p.Open(t, name)
}

// dropPostgres removes a database. Slots hold it back, and a slot can be dropped only
// once the backend that streams from it is gone.
func dropPostgres(ctx context.Context, admin *sql.DB, name string) error {
	const end = `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1 AND active_pid IS NOT NULL`
	const drop = `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1`
	var last error
	err := poll(ctx, func() (bool, error) {
		if _, last = admin.ExecContext(ctx, end, name); last != nil {
			return false, nil
		}
		_, last = admin.ExecContext(ctx, drop, name)
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	_, err = admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	return err
}

func postgresURL(r *record, database string) string {
	if database == "" {
		database = "postgres"
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(PostgresRoot, PostgresRootPassword),
		Host: r.addr("postgres"), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// postgresRoles runs when a data directory is made, one statement a line.
const postgresRoles = `ALTER ROLE postgres PASSWORD 'postgres';
CREATE ROLE dbz LOGIN REPLICATION PASSWORD 'dbz';
GRANT pg_read_all_data TO dbz;
`

func (o PostgresOptions) settings() []string {
	all := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"wal_level":               "logical",
		"max_wal_senders":         "40",
		"max_replication_slots":   "40",
		"max_connections":         "300",
		"fsync":                   "off", // a killed process loses nothing by it, only a killed machine would
		"timezone":                "UTC",
		"log_timezone":            "UTC",
	}
	maps.Copy(all, o.Settings)
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		lines = append(lines, k+"="+all[k])
	}
	return lines
}

func postgresPlan(o PostgresOptions) *plan {
	bin := o.Bin
	if bin == "" {
		bin = postgresBin
	}
	return &plan{
		part:   "postgres",
		print:  bin + " " + shortHash(o.settings()...),
		ports:  []string{"postgres"},
		within: time.Minute,
		stop:   syscall.SIGINT, // a fast shutdown; SIGTERM would wait for the clients
		home: func(name string) (string, error) {
			base, _, err := postgresHome()
			return filepath.Join(base, name), err
		},
		prepare: func(ctx context.Context, r *record) error {
			_, owner, err := postgresHome()
			if err != nil {
				return err
			}
			template, err := postgresTemplate(ctx, bin)
			if err != nil {
				return err
			}
			data := filepath.Join(r.Dir, "data")
			if err := copyTree(ctx, template, data); err != nil {
				return err
			}
			var conf strings.Builder
			for _, s := range o.settings() {
				k, v, _ := strings.Cut(s, "=")
				fmt.Fprintf(&conf, "%s = '%s'\n", k, strings.ReplaceAll(v, "'", "''"))
			}
			if err := appendTo(filepath.Join(data, "postgresql.conf"), conf.String()); err != nil {
				return err
			}
			return owner.own(r.Dir)
		},
		launch: func(ctx context.Context, r *record) (command, error) {
			_, owner, err := postgresHome()
			if err != nil {
				return command{}, err
			}
			data := filepath.Join(r.Dir, "data")
			return command{
				path: filepath.Join(bin, "postgres"), dir: r.Dir, uid: owner.uid, gid: owner.gid,
				args: []string{"-D", data, "-p", strconv.Itoa(r.Ports["postgres"])},
			}, removeStale(filepath.Join(data, "postmaster.pid"))
		},
		answers: postgresAnswers,
		use: func(r *record) (string, []string) {
			return r.addr("postgres"), []string{
				fmt.Sprintf("user %s, or for a connector user %s password %s", PostgresRoot, PostgresUser, PostgresPassword),
				"psql " + postgresURL(r, ""),
			}
		},
		image: func(r *record) image {
			return postgresImage(o.settings(), strconv.Itoa(r.Ports["postgres"]))
		},
	}
}

func postgresAnswers(ctx context.Context, r *record) error {
	c, err := pgx.Connect(ctx, postgresURL(r, ""))
	if err != nil {
		return err
	}
	var version string
	err = c.QueryRow(ctx, "SHOW server_version").Scan(&version)
	return errors.Join(err, c.Close(ctx))
}

// postgresHome returns the folder for data directories and who owns them. The server
// refuses to run as root; then it runs as the package's own user, who cannot look
// into our cache directory, so the data is below that user's home.
func postgresHome() (base string, owner owner, err error) {
	if os.Geteuid() != 0 {
		return filepath.Join(Root(), "postgres"), owner, nil
	}
	uid, gid, home, err := account("postgres")
	if err != nil {
		if uid, gid, _, err = account("nobody"); err != nil {
			return "", owner, fmt.Errorf("%w: no account to run PostgreSQL as: %w", ErrUnavailable, err)
		}
		home = "/var/tmp"
	}
	owner.uid, owner.gid = uid, gid
	return filepath.Join(home, "anabranch-testenv-"+shortHash(Root())), owner, nil
}

type owner struct{ uid, gid int }

func (o owner) own(dir string) error {
	if o.uid == 0 {
		return nil
	}
	return os.Chown(dir, o.uid, o.gid)
}

// postgresTemplate returns an initialised data directory to copy.
func postgresTemplate(ctx context.Context, bin string) (string, error) {
	if !exists(filepath.Join(bin, "initdb")) {
		if bin != postgresBin {
			return "", fmt.Errorf("%w: no initdb in %s", ErrUnavailable, bin)
		}
		if err := install(ctx, "postgres"); err != nil {
			return "", fmt.Errorf("%w: PostgreSQL: %w", ErrUnavailable, err)
		}
	}
	release, err := lock(ctx, "postgres-template")
	if err != nil {
		return "", err
	}
	defer release()
	base, owner, err := postgresHome()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, "template-"+shortHash(bin, postgresRoles))
	data := filepath.Join(dir, "data")
	if exists(filepath.Join(dir, ".complete")) {
		return data, nil
	}
	if err := removeTree(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := owner.own(dir); err != nil {
		return "", err
	}
	steps := []command{
		{path: filepath.Join(bin, "initdb"), args: []string{"-A", "trust", "-U", PostgresRoot, "-E", "UTF8", "--locale=C.UTF-8", "-N", "-D", data}},
		{path: filepath.Join(bin, "postgres"), args: []string{"--single", "-D", data, "postgres"}, input: postgresRoles},
	}
	for _, c := range steps {
		c.dir, c.uid, c.gid = dir, owner.uid, owner.gid
		if _, err := run(ctx, c); err != nil {
			return "", err
		}
	}
	return data, os.WriteFile(filepath.Join(dir, ".complete"), nil, 0o644)
}
