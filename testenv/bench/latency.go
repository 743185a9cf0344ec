package bench

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// latency measures the time from a transaction's commit to its record in a consumer, at a
// steady pace. Commit is when COMMIT returned to the client.
func (b *Bench) latency(s *Stage) {
	b.rounds(s, func(_ int, counts bool, c *contender) {
		b.exec(s, "DROP TABLE IF EXISTS orders", ordersMySQL)
		b.insert(s, 1, seeds)
		name, topic, config := b.source(c, inline)
		b.makeTopic(s, topic, nil)
		c.worker.Create(s, name, config)
		b.arrived(s, c, topic, seeds)
		// The first transactions find caches cold and connections new; they do not count.
		unmeasured, n := 2*b.o.Rate, int(b.o.Latency.Seconds())*b.o.Rate
		before := b.spent(s, c)
		delays, err := b.pace(s.ctx, topic, unmeasured, n)
		if err != nil {
			s.Fatalf("latency of %s: %v (log %s)", c.name, err, c.worker.Log())
		}
		cpu := b.spent(s, c).minus(before).worker.Seconds() / float64(unmeasured+n) * 1000
		p50, p99 := delays.Quantile(.5), delays.Quantile(.99)
		s.Logf("%s: p50 %.1f ms, p99 %.1f ms, max %.1f ms, %.2f CPU ms a transaction%s", c.name, p50, p99, delays.Max(), cpu, discarded(counts))
		if counts {
			b.report.add("latency", inline, c.name, "p50 ms", p50)
			b.report.add("latency", inline, c.name, "p99 ms", p99)
			b.report.add("latency", inline, c.name, "max ms", delays.Max())
			b.report.add("latency", inline, c.name, "CPU ms/tx", cpu)
		}
		b.drop(s, c, name)
	})
}

// pace commits one row after the other and returns the delays of all but the first, in
// milliseconds.
func (b *Bench) pace(ctx context.Context, topic string, unmeasured, n int) (Figures, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(unmeasured+n)*time.Second/time.Duration(b.o.Rate)+time.Minute)
	defer cancel()
	consumer, err := kgo.NewClient(kgo.SeedBrokers(b.kafka.Bootstrap()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(seeds)}}))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	total := unmeasured + n
	committed, seen := make([]time.Time, total), make([]time.Time, total)
	var consumed error
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { consumed = receive(ctx, consumer, seen) })
	if err := commit(ctx, b.db, b.o.Rate, committed); err != nil {
		return nil, err
	}
	wg.Wait()
	if consumed != nil {
		return nil, consumed
	}
	var delays Figures
	for i := unmeasured; i < total; i++ {
		delays = append(delays, float64(seen[i].Sub(committed[i]).Microseconds())/1000)
	}
	return delays, nil
}

func commit(ctx context.Context, db *sql.DB, rate int, committed []time.Time) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	t := time.NewTicker(time.Second / time.Duration(rate))
	defer t.Stop()
	var stmt []byte
	for i := range committed {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
		stmt = orderNo(seeds + 1 + i).appendSQL(append(stmt[:0], "INSERT INTO orders VALUES "...))
		if _, err := conn.ExecContext(ctx, string(stmt)); err != nil {
			return err
		}
		committed[i] = time.Now()
	}
	return nil
}

// receive notes when each row's record came.
func receive(ctx context.Context, c *kgo.Client, seen []time.Time) error {
	for left := len(seen); left > 0; {
		fetches := c.PollFetches(ctx)
		now := time.Now()
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("%d records have not come: %w", left, err)
		}
		for _, r := range fetches.Records() {
			i, err := orderID(r.Key)
			if err != nil {
				return err
			}
			if i -= seeds + 1; i < 0 || i >= len(seen) || !seen[i].IsZero() {
				return fmt.Errorf("record of row %d: not expected, or came before", i+seeds+1)
			}
			seen[i] = now
			left--
		}
	}
	return nil
}

// orderID reads the number out of a key, which ends with {"id":N} in both variants.
func orderID(key []byte) (int, error) {
	s := string(key)
	i := strings.LastIndex(s, `"id":`)
	if i < 0 {
		return 0, fmt.Errorf("key without id: %.200s", s)
	}
	return strconv.Atoi(strings.TrimRight(s[i+len(`"id":`):], "} "))
}
