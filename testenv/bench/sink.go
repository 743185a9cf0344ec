package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/testenv"
)

// byHand is the contender that a database is by itself.
const byHand = "by hand"

// The two phases of a sink's run: rows that the table does not have, and the same again.
const (
	newRows = "new rows"
	oldRows = "existing rows"
)

// sinkRun is what the runs of the sink share.
type sinkRun struct {
	pg       *testenv.PostgresServer
	conn     *pgx.Conn
	database string
	topic    string
	ours     *contender
}

// sink measures our JDBC sink: a topic upserted into PostgreSQL, beside the same rows loaded
// by hand with COPY into a staging table and one INSERT … ON CONFLICT.
func (b *Bench) sink(s *Stage) {
	if !b.o.has(Ours) {
		s.Logf("left out: WHO does not name %s", Ours)
		return
	}
	r := &sinkRun{ours: b.contenders[len(b.contenders)-1]}
	r.pg = testenv.PrivatePostgres(s, testenv.PostgresOptions{Settings: map[string]string{
		"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "30min", "autovacuum": "off"}})
	r.database, _ = r.pg.Database(s)
	conn, err := pgx.Connect(s.ctx, r.pg.URL(r.database))
	if err != nil {
		s.Fatalf("connect to PostgreSQL: %v", err)
	}
	s.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server goes away with it
	r.conn = conn
	r.topic = "sinkorders"
	b.makeTopic(s, r.topic, nil)
	s.Cleanup(func() { _, _ = b.admin.DeleteTopics(context.Background(), r.topic) }) // the broker goes away anyway
	if err := b.produceOrders(s.ctx, r.topic); err != nil {
		s.Fatalf("fill topic %s: %v", r.topic, err)
	}
	s.Logf("the topic has %d records", b.o.Rows)
	turns(s, []func(*Stage, *sinkRun, bool){b.sinkByHand, b.sinkOurs}, b.o.Warm, b.o.Runs,
		func(_ int, counts bool, f func(*Stage, *sinkRun, bool)) { f(s, r, counts) })
	if !s.Failed() {
		r.compare(s)
	}
}

func (r *sinkRun) exec(s *Stage, stmts ...string) {
	for _, stmt := range stmts {
		if _, err := r.conn.Exec(s.ctx, stmt); err != nil {
			s.Fatalf("%.100s: %v", stmt, err)
		}
	}
}

func (r *sinkRun) one(s *Stage, query string) int64 {
	var n int64
	if err := r.conn.QueryRow(s.ctx, query).Scan(&n); err != nil {
		s.Fatalf("%s: %v", query, err)
	}
	return n
}

func (b *Bench) sinkByHand(s *Stage, r *sinkRun, counts bool) {
	r.exec(s, "DROP TABLE IF EXISTS hand_orders", fmt.Sprintf(ordersPostgres, "hand_orders"), "CHECKPOINT")
	for _, phase := range []string{newRows, oldRows} {
		text := newCopyText(b.o.Rows) // made before the clock runs
		begin := time.Now()
		r.exec(s, "CREATE TEMP TABLE staging (LIKE hand_orders)")
		if _, err := r.conn.PgConn().CopyFrom(s.ctx, text, "COPY staging FROM STDIN"); err != nil {
			s.Fatalf("copy by hand: %v", err)
		}
		r.exec(s, `INSERT INTO hand_orders SELECT * FROM staging ON CONFLICT (id) DO UPDATE SET customer_id=EXCLUDED.customer_id,
			quantity=EXCLUDED.quantity, price=EXCLUDED.price, discount=EXCLUDED.discount, status=EXCLUDED.status, paid=EXCLUDED.paid,
			sku=EXCLUDED.sku, customer=EXCLUDED.customer, note=EXCLUDED.note, ordered_on=EXCLUDED.ordered_on,
			created_at=EXCLUDED.created_at, updated_at=EXCLUDED.updated_at`)
		took := time.Since(begin)
		r.exec(s, "DROP TABLE staging")
		rate := float64(b.o.Rows) / took.Seconds()
		s.Logf("%s %s: %.0f rows/s%s", phase, byHand, rate, discarded(counts))
		if counts {
			b.report.add("sink", phase, byHand, "rows/s", rate)
		}
	}
}

func (b *Bench) sinkOurs(s *Stage, r *sinkRun, counts bool) {
	r.exec(s, "DROP TABLE IF EXISTS orders", fmt.Sprintf(ordersPostgres, "orders"), "CHECKPOINT")
	for _, phase := range []string{newRows, oldRows} {
		b.serial++
		name := "sink" + strconv.Itoa(b.serial)
		// A row shows its phase by when it was last written: xmin is the transaction that did it.
		before := r.one(s, "SELECT txid_current()")
		written := fmt.Sprintf("xmin::text::bigint > %d", before)
		r.ours.worker.Create(s, name, map[string]string{
			"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": r.topic, "table.name.format": "orders",
			"connection.url":  fmt.Sprintf("jdbc:postgresql://%s:%d/%s", r.pg.Host(), r.pg.Port(), r.database),
			"connection.user": testenv.PostgresRoot, "connection.password": testenv.PostgresRootPassword,
			"insert.mode": "upsert", "pk.mode": "record_key", "pk.fields": "id"})
		// Records are written in order, so that two rows tell about all.
		row := func(id int) bool {
			return r.one(s, fmt.Sprintf("SELECT count(*) FROM orders WHERE id = %d AND %s", id, written)) == 1
		}
		s.until("the first row (log "+r.ours.worker.Log()+")", 5*time.Millisecond, time.Minute, func() bool { return row(1) })
		first, begin := time.Now(), b.spent(s, r.ours)
		had := r.one(s, "SELECT count(*) FROM orders WHERE "+written)
		s.until("the last row (log "+r.ours.worker.Log()+")", 20*time.Millisecond, patienceFor(b.o.Rows), func() bool { return row(b.o.Rows) })
		took, used := time.Since(first), b.spent(s, r.ours).minus(begin)
		f := flow{took: took, events: int64(b.o.Rows) - had, used: used, of: int64(b.o.Rows) - had}
		if f.events <= 0 {
			s.Fatalf("all rows came at once: more rows are needed to measure")
		}
		s.Logf("%s %s: %.0f rows/s, %.1f CPU s/M%s", phase, Ours, f.rate(), f.perMillion(used.worker), discarded(counts))
		if counts {
			b.report.add("sink", phase, Ours, "rows/s", f.rate())
			b.report.add("sink", phase, Ours, cpuPerMillion, f.perMillion(used.worker))
		}
		r.ours.worker.Delete(s, name)
	}
}

// compare sees to it that both ways led to the same table.
func (r *sinkRun) compare(s *Stage) {
	a := r.one(s, "SELECT count(*) FROM (TABLE orders EXCEPT TABLE hand_orders) x")
	b := r.one(s, "SELECT count(*) FROM (TABLE hand_orders EXCEPT TABLE orders) x")
	if a+b > 0 {
		s.Errorf("the tables differ: %d rows of the sink are not in the table by hand, %d the other way round", a, b)
	}
}

// newCopyText returns all orders as COPY takes them.
func newCopyText(rows int) io.Reader {
	var text []byte
	for id := 1; id <= rows; id++ {
		text = orderNo(id).appendCopy(text)
	}
	return bytes.NewReader(text)
}

func (b *Bench) produceOrders(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, patienceFor(b.o.Rows))
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.kafka.Bootstrap()), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(20*time.Millisecond))
	if err != nil {
		return err
	}
	defer c.Close()
	failed := make(chan error, 1)
	for id := 1; id <= b.o.Rows; id++ {
		key, value := orderNo(id).record()
		c.Produce(ctx, &kgo.Record{Key: key, Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default: // the first one is enough
				}
			}
		})
	}
	if err := c.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
