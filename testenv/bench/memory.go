package bench

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// megabyte is the decimal one: the stricter reading of a limit in MB.
const megabyte = 1e6

// memory measures resident memory of a fresh process: idle, idle with a connector that
// streams, and the peak while one transaction of Options.Big rows passes.
func (b *Bench) memory(s *Stage) {
	b.exec(s, "DROP TABLE IF EXISTS orders", ordersMySQL)
	b.insert(s, 1, b.o.Rows)
	pool := b.database + "_pool" // outside of what the connectors capture
	b.exec(s, "CREATE DATABASE "+pool, "RENAME TABLE orders TO "+pool+".orders", "FLUSH BINARY LOGS")
	s.Cleanup(func() { b.exec(s, "DROP DATABASE "+pool) })
	for _, variant := range b.o.Variants {
		turns(s, b.contenders, 0, b.o.Runs, func(_ int, _ bool, c *contender) {
			b.exec(s, "DROP TABLE IF EXISTS orders", ordersMySQL)
			b.insert(s, 1, seeds)
			c.worker.Restart(s)
			s.rest(b.o.Idle)
			idle := b.memoryOf(s, c)

			name, topic, config := b.source(c, variant)
			b.makeTopic(s, topic, map[string]*string{ // gigabytes that nobody reads
				"retention.bytes": kadm.StringPtr("500000000"), "segment.bytes": kadm.StringPtr("250000000")})
			c.worker.Create(s, name, config)
			b.arrived(s, c, topic, seeds)
			s.rest(b.o.Idle)
			streaming := b.memoryOf(s, c)

			if err := resetPeak(c.worker.PID()); err != nil {
				s.Fatalf("reset the peak: %v", err)
			}
			b.transaction(s, pool)
			begin := time.Now()
			end := int64(seeds + b.o.Big)
			s.until(fmt.Sprintf("the large transaction in %s (log %s)", topic, c.worker.Log()), 100*time.Millisecond, patienceFor(b.o.Big),
				func() bool { return b.end(s, topic) >= end })
			took := time.Since(begin)
			peak := b.memoryOf(s, c)
			s.Logf("%s %s: idle %.0f MB, with a connector %.0f MB, peak %.0f MB (%.0f anonymous after it), %v after the commit", variant, c.name,
				float64(idle.resident)/megabyte, float64(streaming.resident)/megabyte, float64(peak.peak)/megabyte, float64(peak.anonymous)/megabyte, took.Round(100*time.Millisecond))
			for _, m := range []struct {
				metric string
				value  int64
			}{{"idle MB", idle.resident}, {"idle with connector MB", streaming.resident}, {"peak MB", peak.peak}} {
				b.report.add("memory", variant, c.name, m.metric, float64(m.value)/megabyte)
			}
			b.drop(s, c, name)
		})
	}
}

func (b *Bench) memoryOf(s *Stage, c *contender) memory {
	m, err := memoryOf(c.worker.PID())
	if err != nil {
		s.Fatalf("memory of %s: %v", c.name, err)
	}
	return m
}

// transaction copies rows of the pool into the table, under new numbers, and commits once.
func (b *Bench) transaction(s *Stage, pool string) {
	tx, err := b.db.BeginTx(s.ctx, nil)
	if err != nil {
		s.Fatal(err)
	}
	for done := 0; done < b.o.Big; {
		n := min(b.o.Rows, b.o.Big-done)
		_, err := tx.ExecContext(s.ctx, fmt.Sprintf("INSERT INTO orders SELECT id+%d, customer_id, quantity, price, discount, status, paid, sku,"+
			" customer, note, ordered_on, created_at, updated_at FROM %s.orders WHERE id <= %d", seeds+done, pool, n))
		if err != nil {
			_ = tx.Rollback() // the failure is told below
			s.Fatalf("large transaction: %v", err)
		}
		done += n
	}
	if err := tx.Commit(); err != nil {
		s.Fatalf("large transaction: %v", err)
	}
}
