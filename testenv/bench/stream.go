package bench

import (
	"net/http"
	"strings"
	"time"
)

// seeds are the rows that the snapshot of every connector in [Bench.stream] finds.
const seeds = 10

// prepared is a connector that has been stopped in its stream, before the backlog was written.
type prepared struct {
	name, topic string
	at          int64 // end of its topic
}

// stream measures a backlog in the binlog. Each run has a connector of its own that has read
// up to a point before the backlog and was stopped there. The backlog is written once, and
// then one connector after the other is resumed.
func (b *Bench) stream(s *Stage) {
	b.exec(s, "DROP TABLE IF EXISTS orders", ordersMySQL, "FLUSH BINARY LOGS")
	b.insert(s, 1, seeds)
	rows := seeds
	type slot struct {
		variant string
		round   int
		who     string
	}
	stopped := map[slot]prepared{}
	for _, variant := range b.o.Variants {
		b.rounds(s, func(round int, _ bool, c *contender) {
			name, topic, config := b.source(c, variant)
			b.makeTopic(s, topic, nil)
			c.worker.Create(s, name, config)
			b.arrived(s, c, topic, rows)
			rows++ // a change that is streamed: behind it the snapshot is history
			b.insert(s, rows, rows)
			b.arrived(s, c, topic, rows)
			b.stop(s, c, name)
			stopped[slot{variant, round, c.name}] = prepared{name, topic, b.end(s, topic)}
		})
	}
	s.Logf("%d connectors wait behind their snapshots; writing %d rows", len(stopped), b.o.Rows)
	begin := time.Now()
	b.insert(s, rows+1, rows+b.o.Rows)
	rows += b.o.Rows
	s.Logf("the backlog is written, %v", time.Since(begin).Round(time.Second))

	for _, variant := range b.o.Variants {
		b.rounds(s, func(round int, counts bool, c *contender) {
			p := stopped[slot{variant, round, c.name}]
			f := b.measure(s, c, p.topic, p.at, int64(rows), func() { b.call(s, c, p.name, http.MethodPut, "/resume", http.StatusAccepted) })
			s.Logf("%s %s: %v%s", variant, c.name, f, discarded(counts))
			if counts {
				b.report.flow("stream", variant, c.name, f)
			}
			b.drop(s, c, p.name)
		})
	}
}

// snapshot measures the initial snapshot of the same table.
func (b *Bench) snapshot(s *Stage) {
	b.exec(s, "DROP TABLE IF EXISTS orders", ordersMySQL)
	b.insert(s, 1, b.o.Rows)
	b.exec(s, "ANALYZE TABLE orders")
	for _, variant := range b.o.Variants {
		b.rounds(s, func(_ int, counts bool, c *contender) {
			name, topic, config := b.source(c, variant)
			b.makeTopic(s, topic, nil)
			begin := time.Now()
			f := b.measure(s, c, topic, 0, int64(b.o.Rows), func() { b.create(s, c, name, config) })
			whole := time.Since(begin)
			s.Logf("%s %s: %v, %.1f s from the POST%s", variant, c.name, f, whole.Seconds(), discarded(counts))
			if counts {
				b.report.flow("snapshot", variant, c.name, f)
				b.report.add("snapshot", variant, c.name, "POST to last row s", whole.Seconds())
			}
			b.drop(s, c, name)
		})
	}
}

func discarded(counts bool) string {
	if counts {
		return ""
	}
	return " (warming, does not count)"
}

func (b *Bench) insert(s *Stage, first, last int) {
	if err := insertOrders(s.ctx, b.db, first, last); err != nil {
		s.Fatal(err)
	}
}

// arrived waits until the topic has as many records as the table has rows.
func (b *Bench) arrived(s *Stage, c *contender, topic string, rows int) {
	s.until("all rows in "+topic+" (log "+c.worker.Log()+")", 20*time.Millisecond, time.Minute,
		func() bool { return b.end(s, topic) >= int64(rows) })
}

// stop ends the tasks of a connector and sees to it that its offset is that of a stream.
func (b *Bench) stop(s *Stage, c *contender, name string) {
	b.call(s, c, name, http.MethodPut, "/stop", http.StatusNoContent)
	s.until("STOPPED of "+name, 20*time.Millisecond, time.Minute, func() bool {
		st := c.worker.Status(s, name)
		return st.Connector.State == "STOPPED" && len(st.Tasks) == 0
	})
	s.until("the offset of "+name, 50*time.Millisecond, time.Minute, func() bool {
		code, body, err := c.worker.Call(s.ctx, http.MethodGet, "/connectors/"+name+"/offsets", nil)
		return err == nil && code == http.StatusOK && strings.Contains(string(body), `"file"`) && !strings.Contains(string(body), `"snapshot"`)
	})
}

// create makes a connector and does not wait: [testenv.ConnectWorker.Create] would until its
// task runs, and records might come before.
func (b *Bench) create(s *Stage, c *contender, name string, config map[string]string) {
	code, body, err := c.worker.Call(s.ctx, http.MethodPost, "/connectors", map[string]any{"name": name, "config": config})
	if err != nil || code != http.StatusCreated {
		s.Fatalf("create %s: status %d: %.300s %v", name, code, body, err)
	}
}

func (b *Bench) call(s *Stage, c *contender, name, method, path string, want int) {
	code, body, err := c.worker.Call(s.ctx, method, "/connectors/"+name+path, nil)
	if err != nil || code != want {
		s.Fatalf("%s %s of %s: status %d: %.300s %v", method, path, name, code, body, err)
	}
}
