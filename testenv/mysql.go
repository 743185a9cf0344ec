package testenv

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// The accounts of every MySQL server: root may do everything, dbz has what Debezium
// asks for and nothing more. Both may connect from anywhere.
const (
	MySQLRoot, MySQLRootPassword = "root", "root"
	MySQLUser, MySQLPassword     = "dbz", "dbz"
)

// Debian's suite with MySQL 9, and the account that runs it. The account exists only
// in the chroot; the number is high enough to be nobody's outside.
const (
	mysqlSuite    = "sid"
	mysqlPackages = "mysql-server-core,mysql-client-core"
	mysqlUID      = 2999
)

// MySQLServer is one MySQL 9 server with a row binlog and, unless its options say
// otherwise, GTIDs.
type MySQLServer struct{ *Server }

// MySQLOptions shape a private server.
type MySQLOptions struct {
	NoGTID bool     // gtid_mode=OFF, as it is by default in MySQL
	Flags  []string // mysqld options, after ours and therefore over them
	// InitFlags are the mysqld options that must be given when the data directory is
	// made, such as --lower-case-table-names=1. They are given at start as well.
	InitFlags []string
}

// MySQL returns the shared server.
func MySQL(t testing.TB) *MySQLServer {
	t.Helper()
	return &MySQLServer{mysqlPlan(MySQLOptions{}).common(t)}
}

// MySQLWith starts a server for this test alone.
func MySQLWith(t testing.TB, o MySQLOptions) *MySQLServer {
	t.Helper()
	return &MySQLServer{mysqlPlan(o).private(t)}
}

// PrivateMySQL is MySQLWith without options.
func PrivateMySQL(t testing.TB) *MySQLServer {
	t.Helper()
	return MySQLWith(t, MySQLOptions{})
}

// Host is the server's address without the port.
func (m *MySQLServer) Host() string { return "127.0.0.1" }

// Port is the port of the MySQL protocol.
func (m *MySQLServer) Port() int { return m.rec.Ports["mysql"] }

// Addr is host and port.
func (m *MySQLServer) Addr() string { return m.rec.addr("mysql") }

// DSN is root's data source name for github.com/go-sql-driver/mysql. The database
// may be empty.
func (m *MySQLServer) DSN(database string) string { return mysqlDSN(m.rec, database) }

// Open opens a pool as root and closes it at the test's end.
func (m *MySQLServer) Open(t testing.TB, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", m.DSN(database))
	if err != nil {
		t.Fatalf("testenv: mysql: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() }) // only ever reports connections that died first
	return db
}

// Database creates an empty database with a name of its own and opens it. It is
// dropped at the test's end.
func (m *MySQLServer) Database(t testing.TB) (name string, db *sql.DB) {
	t.Helper()
	ctx, cancel := patience(t, 30*time.Second)
	defer cancel()
	name = unique(slug(t))
	admin := m.Open(t, "")
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("testenv: create database %s on %s: %v", name, m.Addr(), err)
	}
	t.Cleanup(func() {
		if m.Private() {
			return // it goes with its server, which may be dead by now
		}
		ctx, cancel := patience(t, 30*time.Second)
		defer cancel()
		if _, err := admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name); err != nil {
			t.Errorf("testenv: drop database %s: %v", name, err)
		}
	})
	return name, m.Open(t, name)
}

func mysqlDSN(r *record, database string) string {
	c := mysql.NewConfig()
	c.User, c.Passwd = MySQLRoot, MySQLRootPassword
	c.Net, c.Addr, c.DBName = "tcp", r.addr("mysql"), database
	c.MultiStatements = true
	c.Timeout = 10 * time.Second
	return c.FormatDSN()
}

// mysqlGrants runs when a data directory is made. Debezium's documentation names
// these privileges for dbz.
const mysqlGrants = `CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY 'root';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
CREATE USER IF NOT EXISTS 'dbz'@'%' IDENTIFIED BY 'dbz';
GRANT SELECT, RELOAD, SHOW DATABASES, LOCK TABLES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'dbz'@'%';
`

func (o MySQLOptions) flags(port string) []string {
	flags := []string{
		"--port=" + port, "--bind-address=127.0.0.1", "--mysqlx=OFF",
		"--server-id=" + port, "--secure-file-priv=", "--skip-name-resolve",
		"--log-bin=mysql-bin", "--binlog-format=ROW", "--binlog-row-image=FULL",
		"--max-connections=500", "--innodb-buffer-pool-size=256M",
		// A killed process loses nothing by these, only a killed machine would.
		"--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2",
	}
	if o.NoGTID {
		flags = append(flags, "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
	} else {
		flags = append(flags, "--gtid-mode=ON", "--enforce-gtid-consistency=ON")
	}
	return append(append(flags, o.InitFlags...), o.Flags...)
}

func mysqlPlan(o MySQLOptions) *plan {
	return &plan{
		part:   "mysql",
		print:  mysqlSuite + " " + mysqlPackages + " " + shortHash(o.flags("0")...),
		ports:  []string{"mysql"},
		within: time.Minute,
		stop:   syscall.SIGTERM,
		home: func(name string) (string, error) {
			return filepath.Join(mysqlJail(), "srv", "run", name), nil
		},
		prepare: func(ctx context.Context, r *record) error {
			template, err := mysqlTemplate(ctx, o.InitFlags)
			if err != nil {
				return err
			}
			// Again, because building the chroot begins with an empty one.
			if err := os.MkdirAll(r.Dir, 0o755); err != nil {
				return err
			}
			if err := copyTree(ctx, template, filepath.Join(r.Dir, "data")); err != nil {
				return err
			}
			return os.Chown(r.Dir, mysqlUID, mysqlUID)
		},
		launch: func(ctx context.Context, r *record) (command, error) {
			if err := mysqlChroot(ctx); err != nil {
				return command{}, err
			}
			if err := removeStale(filepath.Join(r.Dir, "mysql.sock.lock")); err != nil {
				return command{}, err
			}
			in := "/srv/run/" + r.Name
			args := append([]string{
				"--no-defaults", "--datadir=" + in + "/data",
				"--socket=" + in + "/mysql.sock", "--pid-file=" + in + "/mysqld.pid",
			}, o.flags(strconv.Itoa(r.Ports["mysql"]))...)
			return command{path: "/usr/sbin/mysqld", args: args, dir: "/", jail: mysqlJail(), uid: mysqlUID, gid: mysqlUID}, nil
		},
		answers: mysqlAnswers,
		use: func(r *record) (string, []string) {
			return r.addr("mysql"), []string{
				fmt.Sprintf("user %s password %s, or for a connector user %s password %s", MySQLRoot, MySQLRootPassword, MySQLUser, MySQLPassword),
				"Go DSN: " + mysqlDSN(r, ""),
				fmt.Sprintf("chroot %s mysql -h127.0.0.1 -P%d -uroot -proot", mysqlJail(), r.Ports["mysql"]),
			}
		},
		image: func(r *record) image { return mysqlImage(o.flags(strconv.Itoa(r.Ports["mysql"]))) },
	}
}

func mysqlAnswers(ctx context.Context, r *record) error {
	db, err := sql.Open("mysql", mysqlDSN(r, ""))
	if err != nil {
		return err
	}
	defer db.Close()
	var version string
	return db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version)
}

func mysqlJail() string { return filepath.Join(Root(), "chroots", "mysql-"+mysqlSuite) }

// mysqlChroot makes sure that the chroot with the MySQL packages is complete and has
// /proc, which is gone after a reboot.
func mysqlChroot(ctx context.Context) error {
	release, err := lock(ctx, "mysql-chroot")
	if err != nil {
		return err
	}
	defer release()
	jail := mysqlJail()
	if stamp := filepath.Join(jail, ".complete"); !exists(stamp) {
		if err := buildMySQLChroot(ctx, jail); err != nil {
			return err
		}
		if err := os.WriteFile(stamp, nil, 0o644); err != nil {
			return err
		}
	}
	proc := filepath.Join(jail, "proc")
	mounted, err := isMounted(proc)
	if err != nil || mounted {
		return err
	}
	if err := syscall.Mount("proc", proc, "proc", 0, ""); err != nil {
		return fmt.Errorf("%w: mount proc for MySQL: %w", ErrUnavailable, err)
	}
	return nil
}

func buildMySQLChroot(ctx context.Context, jail string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: MySQL is unpacked into a chroot, which needs root", ErrUnavailable)
	}
	tool, err := need(ctx, "debootstrap", "debootstrap")
	if err != nil {
		return err
	}
	if mounted, err := isMounted(filepath.Join(jail, "proc")); err != nil {
		return err
	} else if mounted {
		if err := syscall.Unmount(filepath.Join(jail, "proc"), syscall.MNT_DETACH); err != nil {
			return err
		}
	}
	if err := removeTree(jail); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(jail), 0o755); err != nil {
		return err
	}
	_, err = run(ctx, command{path: tool, args: []string{"--variant=minbase", "--include=" + mysqlPackages, mysqlSuite, jail}})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if _, err := run(ctx, command{path: "/usr/bin/apt-get", args: []string{"clean"}, dir: "/", jail: jail}); err != nil {
		return err
	}
	for file, line := range map[string]string{
		"passwd": fmt.Sprintf("mysql:x:%d:%d::/nonexistent:/usr/sbin/nologin\n", mysqlUID, mysqlUID),
		"group":  fmt.Sprintf("mysql:x:%d:\n", mysqlUID),
	} {
		if err := appendTo(filepath.Join(jail, "etc", file), line); err != nil {
			return err
		}
	}
	return nil
}

// mysqlTemplate returns a data directory to copy, initialised with the flags, with
// our accounts in it.
func mysqlTemplate(ctx context.Context, initFlags []string) (string, error) {
	if err := mysqlChroot(ctx); err != nil {
		return "", err
	}
	release, err := lock(ctx, "mysql-template")
	if err != nil {
		return "", err
	}
	defer release()
	name := "template-" + shortHash(append([]string{mysqlGrants}, initFlags...)...)
	dir := filepath.Join(mysqlJail(), "srv", name)
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
	if err := os.Chown(dir, mysqlUID, mysqlUID); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "grants.sql"), []byte(mysqlGrants), 0o644); err != nil {
		return "", err
	}
	_, err = run(ctx, command{
		path: "/usr/sbin/mysqld", dir: "/", jail: mysqlJail(), uid: mysqlUID, gid: mysqlUID,
		args: append([]string{
			"--no-defaults", "--initialize-insecure", "--datadir=/srv/" + name + "/data",
			"--init-file=/srv/" + name + "/grants.sql", "--skip-log-bin", "--innodb-redo-log-capacity=32M",
		}, initFlags...),
	})
	if err != nil {
		return "", err
	}
	// Each copy must get a server UUID of its own.
	if err := os.Remove(filepath.Join(data, "auto.cnf")); err != nil && !os.IsNotExist(err) {
		return "", err
	}
	return data, os.WriteFile(filepath.Join(dir, ".complete"), nil, 0o644)
}

func isMounted(path string) (bool, error) {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return false, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[1] == path {
			return true, nil
		}
	}
	return false, lines.Err()
}

func appendTo(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}
