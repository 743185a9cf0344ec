package jdbc

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/deliver/sinktest"
	"github.com/anabranch/anabranch/records"
)

// contract is a sinktest.Target on one server.
type contract struct{ s *server }

func (c contract) NewSink(t *testing.T) deliver.Sink {
	class := DebeziumClass
	s, err := New(conf(t, class, c.s.settings(class, upsertKeys(class, "collection.name.format", "contract", "primary.key.fields", "lane,n")...)...), class, deliver.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c contract) NewBatch(t *testing.T, lane string, from, to int) *records.Batch {
	row := structOf("lane", typ(records.String), "n", typ(records.Int32))
	b := records.NewBatch(records.Origin{Table: lane + "-0", Topic: lane})
	ks := b.SchemaIndex(row)
	for i := from; i < to; i++ {
		k, v := addValue(b, row, list{lane, i}), addValue(b, row, list{lane, i})
		b.Records = append(b.Records, records.Record{Topic: b.TopicIndex(lane), Key: k, KeySchema: ks, Value: v, ValueSchema: ks, Offset: int64(i)})
	}
	return b
}

func (c contract) Rows(t *testing.T, lane string) []int {
	rs, err := c.s.db.Query("SELECT n FROM contract WHERE lane = '" + lane + "' ORDER BY n")
	if err != nil {
		return nil // no table yet
	}
	defer rs.Close()
	var out []int
	for rs.Next() {
		var n int
		if err := rs.Scan(&n); err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// Block holds a lock on the table that the sink writes to.
func (c contract) Block(t *testing.T) func() {
	ctx := context.Background()
	conn, err := c.s.db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "BEGIN; LOCK TABLE contract IN EXCLUSIVE MODE", "COMMIT"
	switch c.s.name {
	case "sqlite":
		begin = "BEGIN IMMEDIATE"
	case "mysql":
		begin, end = "LOCK TABLES contract WRITE", "UNLOCK TABLES"
	}
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(ctx, end); err != nil {
			t.Error(err)
		}
		conn.Close()
	}
}

func TestSink_Contract(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		lane := map[string]string{"mysql": "VARCHAR(100)"}[s.name]
		if lane == "" {
			lane = "TEXT"
		}
		s.exec(t, "CREATE TABLE contract (lane "+lane+" NOT NULL, n INT NOT NULL, PRIMARY KEY (lane, n))")
		sinktest.Run(t, contract{s}, "c")
	})
}

func TestSink_ComesBackAfterItsConnectionIsKilled(t *testing.T) {
	for _, name := range []string{"postgres", "mysql"} {
		t.Run(name, func(t *testing.T) {
			s := map[string]func(testing.TB) *server{"postgres": postgresServer, "mysql": mysqlServer}[name](t)
			reg := prometheus.NewRegistry()
			sink, err := New(conf(t, DebeziumClass, s.settings(DebeziumClass, upsertKeys(DebeziumClass)...)...), DebeziumClass, deliver.Env{Metrics: reg})
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			if err := sink.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			r := &running{t, sink}
			m := newMaker("killed")
			for i := range 5 {
				r.mustWrite(m.add(keySchema, list{i}, rowV1, list{i, "a"}).next())
				if name == "postgres" {
					s.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'anabranch' AND datname = current_database()")
				} else {
					killMySQL(t, s.db)
				}
			}
			s.want(t, "SELECT count(*) FROM killed", "5")
			if got := counter(t, reg, "anabranch_jdbc_sink_retries_total"); got < 4 {
				t.Errorf("%v retries counted", got)
			}
			if got := counter(t, reg, "anabranch_jdbc_sink_rows_written_total"); got != 5 {
				t.Errorf("%v rows counted", got)
			}
		})
	}
}

func killMySQL(t *testing.T, db *sql.DB) {
	rs, err := db.Query("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()")
	if err != nil {
		t.Fatal(err)
	}
	var ids []int
	for rs.Next() {
		var id int
		if err := rs.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	rs.Close()
	for _, id := range ids {
		_, _ = db.Exec(fmt.Sprint("KILL ", id)) // it may be gone already
	}
}

func counter(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	fams, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fams {
		if f.GetName() == name {
			var m *dto.Metric = f.GetMetric()[0]
			return m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// Four tasks create and alter one table and write the same keys at the same time.
func TestSink_TasksRaceForOneTable(t *testing.T) {
	onServers(t, func(t *testing.T, s *server) {
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for n := range 4 {
			r := s.unopened(t, DebeziumClass, upsertKeys(DebeziumClass, "flush.max.retries", "50", "batch.size", "50")...)
			if err := r.s.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for round := range 5 {
					m := newMaker("raced")
					for i := range 200 {
						id := (i*7 + n*31) % 200
						if round < 2 {
							m.add(keySchema, list{id}, rowV1, list{id, "a"})
						} else {
							m.add(keySchema, list{id}, rowV2, list{id, "b", round})
						}
					}
					if err := r.write(m.next()); err != nil {
						errs[n] = err
						return
					}
				}
			})
		}
		wg.Wait()
		for n, err := range errs {
			if err != nil {
				t.Errorf("task %d: %v", n, err)
			}
		}
		s.want(t, "SELECT count(*), min(qty), max(qty) FROM raced", "200|4|4")
	})
}

func TestSink_DatabaseAwayIsRetriable(t *testing.T) {
	s := sqliteServer(t)
	s.url += "?busy_timeout=50"
	r := s.open(t, DebeziumClass, upsertKeys(DebeziumClass, "flush.max.retries", "0")...)
	m := newMaker("away")
	r.mustWrite(m.add(keySchema, list{1}, rowV1, list{1, "a"}).next())
	conn, err := s.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = r.write(m.add(keySchema, list{2}, rowV1, list{2, "b"}).next())
	if err == nil || !deliver.Retriable(err) {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	if _, err := conn.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
}
