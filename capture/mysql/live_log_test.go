package mysql

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
)

// image is a row image as text: name=value of each column, "-" without an image.
func image(b *records.Batch, r *records.Record, field int) string {
	row := b.Elems(r.Value)[field]
	if row.IsNull() {
		return "-"
	}
	schema := b.Schemas[r.ValueSchema].Fields[field].Schema
	out := ""
	for i, v := range b.Elems(row) {
		text := "null"
		switch v.Kind {
		case records.KindNull:
		case records.KindString, records.KindBytes:
			text = strings.ReplaceAll(b.Str(v), "__debezium_unavailable_value", "?")
		default:
			text = fmt.Sprint(v.Int())
		}
		out += schema.Fields[i].Name + "=" + text + " "
	}
	return strings.TrimSpace(out)
}

// images reads n records of a table and returns them as "op before > after".
func (l *live) images(t *testing.T, src capture.Source, table string, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out []string
	for len(out) < n {
		f, err := src.Read(ctx)
		if err != nil {
			t.Fatalf("after %d of %d records: %v", len(out), n, err)
		}
		for _, b := range f.Batches {
			for i := range b.Records {
				r := &b.Records[i]
				if b.Origin.Table != l.dbn+"."+table || r.Value.IsNull() {
					continue
				}
				out = append(out, b.Str(b.Elems(r.Value)[relational.EnvOp])+" "+image(b, r, relational.EnvBefore)+" > "+image(b, r, relational.EnvAfter))
			}
		}
		f.Release()
	}
	return out
}

// streaming is a source behind its (empty) snapshot.
func (l *live) streaming(t *testing.T) (capture.Source, records.Position) {
	t.Helper()
	l.raw["snapshot.mode"], l.raw["include.schema.changes"] = "no_data", "false"
	src := l.open(t)
	f, err := src.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	return src, f.Position
}

// Sessions may log less than whole rows: known columns stay, others have what stands for them (DM-523).
func TestLive_RowImagesOfASession(t *testing.T) {
	m := testenv.MySQL(t)
	for set, want := range map[string][]string{
		"FULL": {
			"c - > id=1 n=1 v=a txt=long bl=bin js={\"k\":1}",
			"u id=1 n=1 v=a txt=long bl=bin js={\"k\":1} > id=1 n=2 v=a txt=long bl=bin js={\"k\":1}",
			"u id=1 n=2 v=a txt=long bl=bin js={\"k\":1} > id=1 n=2 v=null txt=new bl=bin js={\"k\":1}",
			"d id=1 n=2 v=null txt=new bl=bin js={\"k\":1} > -",
		},
		"NOBLOB": { // JSON is no BLOB to the server
			"c - > id=1 n=1 v=a txt=long bl=bin js={\"k\":1}",
			"u id=1 n=1 v=a txt=? bl=? js={\"k\":1} > id=1 n=2 v=a txt=? bl=? js={\"k\":1}",
			"u id=1 n=2 v=a txt=? bl=? js={\"k\":1} > id=1 n=2 v=null txt=new bl=? js={\"k\":1}",
			"d id=1 n=2 v=null txt=? bl=? js={\"k\":1} > -",
		},
		"MINIMAL": {
			"c - > id=1 n=1 v=a txt=long bl=bin js={\"k\":1}",
			"u id=1 n=7 v=? txt=? bl=? js=? > id=1 n=2 v=? txt=? bl=? js=?",
			"u id=1 n=7 v=? txt=? bl=? js=? > id=1 n=7 v=null txt=new bl=? js=?",
			"d id=1 n=7 v=? txt=? bl=? js=? > -",
		},
	} {
		t.Run(set, func(t *testing.T) {
			l := newLive(t, m, nil)
			l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 7, v VARCHAR(20), txt TEXT, bl BLOB, js JSON)")
			src, _ := l.streaming(t)
			l.exec(t, "SET SESSION binlog_row_image="+set, "INSERT INTO a VALUES (1, 1, 'a', 'long', 'bin', '{\"k\": 1}')", "UPDATE a SET n=2",
				"UPDATE a SET v=NULL, txt='new'", "DELETE FROM a", "SET SESSION binlog_row_image=FULL")
			got := l.images(t, src, "a", len(want))
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("record %d\n got %s\nwant %s", i, got[i], want[i])
				}
			}
		})
	}
}

func TestLive_Savepoints(t *testing.T) {
	for name, m := range map[string]*testenv.MySQLServer{"GTID": testenv.MySQL(t), "no GTID": testenv.MySQLWith(t, testenv.MySQLOptions{NoGTID: true})} {
		t.Run(name, func(t *testing.T) {
			l := newLive(t, m, nil)
			l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "CREATE TABLE fence (id INT PRIMARY KEY)", "CREATE TABLE old (id INT PRIMARY KEY) ENGINE=MyISAM")
			src, _ := l.streaming(t)
			l.exec(t, "START TRANSACTION", "INSERT INTO a VALUES (1)", "SAVEPOINT s", "INSERT INTO a VALUES (2)", "ROLLBACK TO s", "INSERT INTO a VALUES (3)", "SAVEPOINT s2", "INSERT INTO a VALUES (4)", "RELEASE SAVEPOINT s2", "COMMIT",
				"START TRANSACTION", "INSERT INTO a VALUES (5)", "ROLLBACK", "INSERT INTO fence VALUES (1)")
			got := ""
			all, pos := collect(t, src, func(all []rec) bool { return len(all) > 0 && all[len(all)-1].table == "fence" })
			for _, r := range all {
				got += r.table + r.key + " "
			}
			if want := "a1 a3 a4 fence1 "; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if name == "GTID" {
				return // the server refuses the mixture
			}
			// A table without transactions keeps its row; the server logs it by itself, in front.
			l.exec(t, "START TRANSACTION", "INSERT INTO a VALUES (11)", "SAVEPOINT s", "INSERT INTO a VALUES (12)", "INSERT INTO old VALUES (1)", "ROLLBACK TO s", "INSERT INTO a VALUES (13)", "COMMIT", "INSERT INTO fence VALUES (2)")
			all, _ = collect(t, l.open(t, pos), func(all []rec) bool { return len(all) > 0 && all[len(all)-1].key == "2" })
			got = ""
			for _, r := range all {
				got += r.table + r.key + " "
			}
			if want := "old1 a11 a13 fence2 "; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// Statements in databases that nobody captures never stop the task, whatever they are (DM-520).
func TestLive_StatementsElsewhere(t *testing.T) {
	// A server of its own: these statements would end the real Debezium of other tests.
	m := testenv.PrivateMySQL(t)
	l := newLive(t, m, nil)
	l.raw["schema.history.internal.store.only.captured.databases.ddl"] = "false"
	l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)")
	other, db := m.Database(t)
	src, _ := l.streaming(t)
	elsewhere := &live{raw: l.raw, db: db, dbn: other}
	elsewhere.exec(t, "SET SESSION sql_mode='ANSI_QUOTES'", `CREATE TABLE "q" ("id" INT PRIMARY KEY, "t" VARCHAR(9) DEFAULT 'x')`, `ALTER TABLE "q" ADD COLUMN "c2" INT`, "SET SESSION sql_mode=DEFAULT",
		"ALTER DATABASE CHARACTER SET latin1", "ALTER DATABASE COLLATE utf8mb4_bin", "CREATE TABLE d (a INT DEFAULT (1+1), b VARCHAR(36) DEFAULT (UUID()), INDEX ((a+1)))",
		"CREATE TABLE g (a INT, b INT GENERATED ALWAYS AS (a*2) STORED INVISIBLE, c GEOMETRY NOT NULL SRID 4326, SPATIAL INDEX (c)) SECONDARY_ENGINE=NULL",
		"CREATE TABLE p (a INT) PARTITION BY RANGE (a) SUBPARTITION BY HASH (a) SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (10) COMMENT 'x;y', PARTITION p1 VALUES LESS THAN MAXVALUE)",
		"ALTER TABLE p REORGANIZE PARTITION p1 INTO (PARTITION p1 VALUES LESS THAN (20), PARTITION p2 VALUES LESS THAN MAXVALUE)",
		"CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC BEGIN DECLARE y INT; SET y = x; WHILE y > 0 DO SET y = y - 1; END WHILE; RETURN y; END",
		"CREATE PROCEDURE pr() BEGIN SELECT ';'; CREATE TABLE zz (a INT); END", "CREATE TRIGGER tr BEFORE INSERT ON d FOR EACH ROW BEGIN SET NEW.a = 5; END",
		"CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO DELETE FROM d", "ANALYZE TABLE d UPDATE HISTOGRAM ON a WITH 4 BUCKETS", "CREATE OR REPLACE VIEW vw AS WITH x AS (SELECT 1 AS one) SELECT * FROM x",
		"ALTER TABLE d ADD CONSTRAINT ck CHECK (a > 0) NOT ENFORCED, ALTER INDEX functional_index INVISIBLE, ALGORITHM=INPLACE, LOCK=NONE")
	l.exec(t, "INSERT INTO a VALUES (1)")
	if all, _ := collect(t, src, upTo(1)); all[0].op != "c" || all[0].key != "1" {
		t.Errorf("streamed %+v", all)
	}
}

func TestLive_WrongPassword(t *testing.T) {
	l := newLive(t, testenv.MySQL(t), map[string]string{"database.password": "never-shown"})
	src := l.source(t)
	err := src.Open(t.Context(), nil)
	var ce *capture.Error
	if !errors.As(err, &ce) || capture.Retriable(err) || !strings.Contains(ce.Hint, "database.password") || strings.Contains(err.Error(), "never-shown") {
		t.Errorf("got %v", err)
	}
	if err := src.Close(); err != nil {
		t.Error(err)
	}
}

// The log that an offset needs is gone: an error that names the way out, and the way out works (DM-71, DM-96).
func TestLive_PurgedLog(t *testing.T) {
	for name, m := range map[string]*testenv.MySQLServer{"GTID": testenv.PrivateMySQL(t), "no GTID": testenv.MySQLWith(t, testenv.MySQLOptions{NoGTID: true})} {
		t.Run(name, func(t *testing.T) {
			l := newLive(t, m, nil)
			l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "INSERT INTO a VALUES (1)")
			_, pos := l.streaming(t)
			l.exec(t, "INSERT INTO a VALUES (2)", "FLUSH BINARY LOGS", "INSERT INTO a VALUES (3)", "FLUSH BINARY LOGS")
			file, last := "", ""
			if name == "GTID" {
				file = pos.Offset.Str("gtids")
			} else {
				file = pos.Offset.Str("file")
			}
			rows, err := l.db.Query("SHOW BINARY LOGS")
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var size, enc string
				if err := rows.Scan(&last, &size, &enc); err != nil {
					t.Fatal(err)
				}
			}
			rows.Close()
			l.exec(t, "PURGE BINARY LOGS TO '"+last+"'")
			check := func(err error) {
				t.Helper()
				var ce *capture.Error
				if !errors.As(err, &ce) || capture.Retriable(err) || !strings.Contains(ce.Hint, "snapshot.mode=when_needed") || !strings.Contains(err.Error(), file) {
					t.Errorf("got %v", err)
				}
			}
			src := l.source(t)
			check(src.Open(t.Context(), []records.Position{pos}))
			if err := src.Close(); err != nil {
				t.Error(err)
			}
			l.raw["snapshot.mode"] = "when_needed"
			all, _ := collect(t, l.open(t, pos), func(all []rec) bool { return len(all) > 0 && all[len(all)-1].snapshot == "last" })
			if r := all[len(all)-1]; r.op != "r" || r.key != "3" {
				t.Errorf("the new snapshot ends with %+v", r)
			}
		})
	}
}

// A table that the user may not read is in the log all the same: an error with the grant, or as
// inconsistent.schema.handling.mode says (DM-122).
func TestLive_TableWithoutPrivileges(t *testing.T) {
	m := testenv.MySQL(t)
	l := newLive(t, m, nil)
	user := "tp" + strconv.FormatInt(serverIDs.Add(1), 10)
	l.exec(t, "CREATE TABLE a (id INT PRIMARY KEY)", "CREATE TABLE hidden (id INT PRIMARY KEY)", "CREATE USER "+user+" IDENTIFIED BY 'x'",
		"GRANT RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO "+user, "GRANT SELECT ON "+l.dbn+".a TO "+user)
	t.Cleanup(func() { _, _ = l.db.Exec("DROP USER " + user) }) // the server outlives the test; a leftover does no harm
	l.raw["database.user"], l.raw["database.password"] = user, "x"
	src, pos := l.streaming(t)
	l.exec(t, "INSERT INTO a VALUES (1)", "INSERT INTO hidden VALUES (1)", "INSERT INTO a VALUES (2)")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var err error
	for err == nil {
		var f *records.Frame
		if f, err = src.Read(ctx); err == nil {
			f.Release()
		}
	}
	var ce *capture.Error
	if !errors.As(err, &ce) || capture.Retriable(err) || !strings.Contains(ce.Hint, "grant SELECT") || !strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v", err)
	}
	l.raw["inconsistent.schema.handling.mode"] = "warn"
	all, _ := collect(t, l.open(t, pos), func(all []rec) bool { return len(all) > 0 && all[len(all)-1].key == "2" })
	if len(all) != 2 || all[0].table != "a" || all[1].table != "a" {
		t.Errorf("streamed %+v", all)
	}
}
