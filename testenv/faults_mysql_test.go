package testenv

import (
	"database/sql"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mysqlFault is a source on shared servers with an account of its own, which tests may break.
type mysqlFault struct {
	k      *KafkaServer
	m      *MySQLServer
	w      *ConnectWorker
	admin  *sql.DB
	dbName string
	db     *sql.DB
	user   string
	config map[string]string
	prefix string
}

// newMySQLFault makes a database with tables a and b, and a user with the given grants on *.*
// besides SELECT on what the test grants.
func newMySQLFault(t *testing.T, global string) *mysqlFault {
	t.Helper()
	f := &mysqlFault{k: Kafka(t), m: MySQL(t)}
	f.w = PrivateAnabranch(t, f.k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "300"}})
	f.dbName, f.db = f.m.Database(t)
	f.admin = f.m.Open(t, "")
	f.user = fmt.Sprintf("u%x", time.Now().UnixNano()&0xffffffffff)
	f.prefix = strings.Trim(unique("fault"), "-_")
	f.config = mysqlSource(f.m, f.k, f.prefix, f.dbName)
	f.config["database.user"], f.config["database.password"] = f.user, "first"
	f.exec(t, "CREATE USER "+f.user+" IDENTIFIED BY 'first'")
	t.Cleanup(func() {
		ctx, cancel := patience(t, 30*time.Second)
		defer cancel()
		if _, err := f.m.Open(t, "").ExecContext(ctx, "DROP USER "+f.user); err != nil {
			t.Errorf("drop user: %v", err)
		}
	})
	if global != "" {
		f.exec(t, "GRANT "+global+" ON *.* TO "+f.user)
	}
	for _, table := range []string{"a", "b"} {
		f.exec(t, fmt.Sprintf("CREATE TABLE %s.%s (id INT PRIMARY KEY, ver INT NOT NULL)", f.dbName, table))
		f.exec(t, fmt.Sprintf("INSERT INTO %s.%s VALUES (1, 1)", f.dbName, table))
	}
	return f
}

func (f *mysqlFault) exec(t *testing.T, stmt string) {
	t.Helper()
	if _, err := f.admin.ExecContext(t.Context(), stmt); err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
}

// create posts the connector with changes; it must be taken.
func (f *mysqlFault) create(t *testing.T, change map[string]string) {
	t.Helper()
	config := map[string]string{}
	for k, v := range f.config {
		config[k] = v
	}
	for k, v := range change {
		config[k] = v
	}
	rest(t, f.w, http.MethodPost, "/connectors", map[string]any{"name": f.prefix, "config": config}, http.StatusCreated)
}

// arrives waits for a row of a table in its topic.
func (f *mysqlFault) arrives(t *testing.T, table string, id int) {
	t.Helper()
	topic := f.prefix + "." + f.dbName + "." + table
	waitFor(t, f.w, fmt.Sprintf("row %d of %s", id, table), 30*time.Second, func() bool {
		s, code, err := f.w.status(t.Context(), f.prefix)
		if err != nil || code != http.StatusOK {
			return false // not known for a moment after the create, as in Connect
		}
		if state, text := trace(s); state == "FAILED" {
			t.Fatalf("the task failed: %s", text)
		}
		code, body, err := f.w.Call(t.Context(), http.MethodGet, connectorPath(f.prefix, "/topics"), nil)
		if err != nil || code != http.StatusOK || !strings.Contains(string(body), topic) {
			return false // not there yet: reading it would create it
		}
		for _, r := range f.k.ReadAll(t, topic) {
			if strings.Contains(string(r.Value), `"after":{"id":`+strconv.Itoa(id)+",") {
				return true
			}
		}
		return false
	})
}

const replicationGrants = "RELOAD, SHOW DATABASES, LOCK TABLES, REPLICATION SLAVE, REPLICATION CLIENT"

// TestFaults_Password gives a wrong password at create time, then changes the right one while
// the connector runs.
func TestFaults_Password(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	f := newMySQLFault(t, replicationGrants+", SELECT")
	wrong := map[string]any{"name": f.prefix, "config": with(f.config, "database.password", "guess")}
	body := rest(t, f.w, http.MethodPost, "/connectors", wrong, http.StatusBadRequest)
	for _, want := range []string{"1 error(s)", "Access denied", f.user, "database.password"} {
		if !strings.Contains(body, want) {
			t.Errorf("a wrong password is refused without %q: %s", want, body)
		}
	}
	if strings.Contains(body, "guess") {
		t.Errorf("the answer shows the password: %s", body)
	}
	if list := rest(t, f.w, http.MethodGet, "/connectors", nil, http.StatusOK); list != "[]" {
		t.Errorf("connectors after a refused create: %s", list)
	}
	body = rest(t, f.w, http.MethodPut, "/connector-plugins/MySqlConnector/config/validate", with(f.config, "database.password", "guess", "name", f.prefix), http.StatusOK)
	if !strings.Contains(body, `"error_count":1`) || !strings.Contains(body, "Access denied") {
		t.Errorf("validate of a wrong password: %.300s", body)
	}

	f.create(t, nil)
	f.arrives(t, "a", 1)
	f.exec(t, "ALTER USER "+f.user+" IDENTIFIED BY 'second'")
	f.cut(t)
	text := expectTrace(t, f.w, f.prefix, []string{"FAILED", "RESTARTING"}, "Access denied", f.user, "database.password", f.m.Addr())
	t.Log(strings.SplitN(text, "\n", 2)[0])
	f.exec(t, fmt.Sprintf("INSERT INTO %s.a VALUES (2, 1)", f.dbName))
	reconfigure(t, f.w, f.prefix, f.config, map[string]string{"database.password": "second"})
	recovers(t, f.w, f.prefix)
	f.exec(t, fmt.Sprintf("INSERT INTO %s.a VALUES (3, 1)", f.dbName))
	f.arrives(t, "a", 3)
	judge(t, f.db, f.k.ReadAll(t, f.prefix+"."+f.dbName+".a"), "ver", []Version{{Key: "2", Version: "1"}}, "SELECT id, ver FROM a")

	// The other way out: the password changes back, and somebody restarts what failed.
	f.exec(t, "ALTER USER "+f.user+" IDENTIFIED BY 'third'")
	f.cut(t)
	expectTrace(t, f.w, f.prefix, []string{"FAILED", "RESTARTING"}, "Access denied")
	f.exec(t, "ALTER USER "+f.user+" IDENTIFIED BY 'second'")
	rest(t, f.w, http.MethodPost, connectorPath(f.prefix, "/restart?includeTasks=true&onlyFailed=true"), nil, http.StatusAccepted)
	recovers(t, f.w, f.prefix)
	f.exec(t, fmt.Sprintf("INSERT INTO %s.a VALUES (4, 1)", f.dbName))
	f.arrives(t, "a", 4)
}

// cut ends the connections of the account, as a server does that is told to.
func (f *mysqlFault) cut(t *testing.T) {
	t.Helper()
	rows, err := SelectRows(t.Context(), f.admin, "SELECT ID FROM information_schema.processlist WHERE USER = ?", f.user)
	if err != nil || len(rows) == 0 {
		t.Fatalf("connections of %s: %v %v", f.user, rows, err)
	}
	for _, r := range rows {
		_, _ = f.admin.ExecContext(t.Context(), "KILL "+r["ID"]) // it may have ended by itself
	}
}

func with(m map[string]string, pairs ...string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// TestFaults_Privileges leaves out what a user needs, one at a time: the task fails, names it,
// and runs once it is granted.
func TestFaults_Privileges(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	for name, c := range map[string]struct {
		global string
		before string // further grants; DB stands for the database
		words  []string
		grant  string
	}{
		"no SELECT on one table": {replicationGrants, "SELECT ON DB.a; INSERT ON DB.b", []string{"DB.b", "SELECT", "grant"}, "SELECT ON DB.b"},
		"no REPLICATION SLAVE":   {"RELOAD, SHOW DATABASES, LOCK TABLES, REPLICATION CLIENT, SELECT", "", []string{"grant REPLICATION SLAVE"}, "REPLICATION SLAVE ON *.*"},
		"no REPLICATION CLIENT":  {"RELOAD, SHOW DATABASES, LOCK TABLES, REPLICATION SLAVE, SELECT", "", []string{"REPLICATION CLIENT", "grant"}, "REPLICATION CLIENT ON *.*"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newMySQLFault(t, c.global)
			for _, g := range strings.Split(c.before, ";") {
				if g != "" {
					f.exec(t, "GRANT "+strings.ReplaceAll(g, "DB", f.dbName)+" TO "+f.user)
				}
			}
			f.create(t, nil)
			words := make([]string, len(c.words))
			for i, w := range c.words {
				words[i] = strings.ReplaceAll(w, "DB", f.dbName)
			}
			text := expectTrace(t, f.w, f.prefix, []string{"FAILED"}, words...)
			t.Log(strings.SplitN(text, "\n", 2)[0])
			f.exec(t, "GRANT "+strings.ReplaceAll(c.grant, "DB", f.dbName)+" TO "+f.user)
			rest(t, f.w, http.MethodPost, connectorPath(f.prefix, "/tasks/0/restart"), nil, http.StatusNoContent)
			recovers(t, f.w, f.prefix)
			f.arrives(t, "a", 1)
			f.arrives(t, "b", 1)
			for _, table := range []string{"a", "b"} {
				f.exec(t, fmt.Sprintf("INSERT INTO %s.%s VALUES (2, 1)", f.dbName, table))
				f.arrives(t, table, 2)
				judge(t, f.db, f.k.ReadAll(t, f.prefix+"."+f.dbName+"."+table), "ver", nil, "SELECT id, ver FROM "+table)
			}
		})
	}
}

// TestFaults_HiddenTable is about a table that the account cannot even see: it is not in the
// snapshot, so the first change of it must stop the task, not pass in silence.
func TestFaults_HiddenTable(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	f := newMySQLFault(t, replicationGrants)
	f.exec(t, fmt.Sprintf("GRANT SELECT ON %s.a TO %s", f.dbName, f.user))
	f.create(t, map[string]string{"table.include.list": f.dbName + ".a," + f.dbName + ".b"})
	f.arrives(t, "a", 1)
	awaitStream(t, f.w, f.prefix)
	f.exec(t, fmt.Sprintf("INSERT INTO %s.b VALUES (2, 1)", f.dbName))
	text := expectTrace(t, f.w, f.prefix, []string{"FAILED"}, f.dbName+".b", "binlog", "grant SELECT", "snapshot.mode=recovery")
	t.Log(strings.SplitN(text, "\n", 2)[0])
	f.exec(t, fmt.Sprintf("GRANT SELECT ON %s.b TO %s", f.dbName, f.user))
	reconfigure(t, f.w, f.prefix, f.config, map[string]string{"table.include.list": f.dbName + ".a," + f.dbName + ".b", "snapshot.mode": "recovery"})
	recovers(t, f.w, f.prefix)
	f.arrives(t, "b", 2)
	for id, table := range map[int]string{3: "a", 4: "b"} {
		f.exec(t, fmt.Sprintf("INSERT INTO %s.%s VALUES (%d, 1)", f.dbName, table, id))
		f.arrives(t, table, id)
	}
	judge(t, f.db, f.k.ReadAll(t, f.prefix+"."+f.dbName+".a"), "ver", nil, "SELECT id, ver FROM a")
}

// TestFaults_PurgedFile is the purged binlog on a server without GTIDs.
func TestFaults_PurgedFile(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database of its own; not in short mode")
	}
	k, m := Kafka(t), MySQLWith(t, MySQLOptions{NoGTID: true})
	w := PrivateAnabranch(t, k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "300"}})
	name, db := m.Database(t)
	prefix := strings.Trim(unique("purged"), "-_")
	exec := func(stmts ...string) {
		t.Helper()
		for _, s := range stmts {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
	}
	exec("CREATE TABLE a (id INT PRIMARY KEY, ver INT NOT NULL)", "INSERT INTO a VALUES (1, 1)")
	config := mysqlSource(m, k, prefix, name)
	w.Create(t, prefix, config)
	awaitStream(t, w, prefix)
	w.Stop(t) // the whole worker is down for longer than the log is kept
	offline := m.Open(t, "")
	exec("INSERT INTO a VALUES (2, 1)", "FLUSH BINARY LOGS", "INSERT INTO a VALUES (3, 1)")
	logs, err := SelectRows(t.Context(), offline, "SHOW BINARY LOGS")
	if err != nil {
		t.Fatal(err)
	}
	first, last := logs[0]["Log_name"], logs[len(logs)-1]["Log_name"]
	exec("PURGE BINARY LOGS TO '" + last + "'")
	w.Start(t)
	text := expectTrace(t, w, prefix, []string{"FAILED"}, first, last, "snapshot.mode=when_needed")
	t.Log(strings.SplitN(text, "\n", 2)[0])

	// Restarting without a change does not help and must not hurt.
	rest(t, w, http.MethodPost, connectorPath(prefix, "/restart?includeTasks=true"), nil, http.StatusAccepted)
	expectTrace(t, w, prefix, []string{"FAILED"}, last)
	reconfigure(t, w, prefix, config, map[string]string{"snapshot.mode": "when_needed"})
	recovers(t, w, prefix)
	awaitStream(t, w, prefix)
	exec("INSERT INTO a VALUES (4, 1)")
	waitFor(t, w, "the last row", 30*time.Second, func() bool {
		recs := k.ReadAll(t, prefix+"."+name+".a")
		return strings.Contains(string(recs[len(recs)-1].Value), `"after":{"id":4,`)
	})
	judge(t, db, k.ReadAll(t, prefix+"."+name+".a"), "", nil, "SELECT id, ver FROM a")
}

// TestFaults_SameServerID runs two connectors under one database.server.id, a common mistake. A
// replica is known by its UUID as well, and ours differ, so that the server keeps both.
func TestFaults_SameServerID(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and a database; not in short mode")
	}
	f := newMySQLFault(t, replicationGrants+", SELECT")
	f.create(t, nil)
	f.arrives(t, "a", 1)
	awaitStream(t, f.w, f.prefix)
	twin := *f
	twin.prefix += "-twin"
	twin.config = with(f.config, "topic.prefix", twin.prefix, "schema.history.internal.kafka.topic", twin.prefix+"-history")
	twin.create(t, nil)
	twin.arrives(t, "a", 1)
	awaitStream(t, f.w, twin.prefix)
	for id := 2; id < 5; id++ {
		f.exec(t, fmt.Sprintf("INSERT INTO %s.a VALUES (%d, 1)", f.dbName, id))
		f.arrives(t, "a", id)
		twin.arrives(t, "a", id)
	}
	for _, name := range []string{f.prefix, twin.prefix} {
		if state, text := trace(f.w.Status(t, name)); state != "RUNNING" || text != "" {
			t.Errorf("%s is %s: %s", name, state, text)
		}
	}
}
