package bench

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// order is a row of the table that everything here is measured with. It follows from its
// number alone, so that every run and every database gets the same rows.
type order struct {
	id       int
	customer int64
	quantity int
	cents    int64 // price
	discount int   // in thousandths; negative: null
	status   string
	paid     bool
	sku      string
	name     string
	note     string // empty: null
	day      time.Time
	created  time.Time // whole milliseconds
	updated  time.Time // whole microseconds
}

const ordersMySQL = `CREATE TABLE orders (
  id INT NOT NULL PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  quantity SMALLINT NOT NULL,
  price DECIMAL(12,2) NOT NULL,
  discount DOUBLE NULL,
  status ENUM('new','paid','shipped','done','cancelled') NOT NULL,
  paid TINYINT(1) NOT NULL,
  sku VARCHAR(32) NOT NULL,
  customer VARCHAR(80) NOT NULL,
  note TEXT NULL,
  ordered_on DATE NOT NULL,
  created_at DATETIME(3) NOT NULL,
  updated_at TIMESTAMP(6) NOT NULL
) DEFAULT CHARSET=utf8mb4`

const ordersPostgres = `CREATE TABLE %s (
  id integer PRIMARY KEY,
  customer_id bigint NOT NULL,
  quantity smallint NOT NULL,
  price numeric(12,2) NOT NULL,
  discount double precision,
  status text NOT NULL,
  paid boolean NOT NULL,
  sku text NOT NULL,
  customer text NOT NULL,
  note text,
  ordered_on date NOT NULL,
  created_at timestamp(3) NOT NULL,
  updated_at timestamp(3) NOT NULL
)`

var (
	statuses = []string{"new", "paid", "shipped", "done", "cancelled"}
	names    = []string{"Ada Lovelace", "Grace Hopper", "José Müller", "Søren Ångström", "李小龍", "Maria Skłodowska", "Jean d'Arc", "Emmy Noether"}
	notes    = []string{"", "", "leave it with the neighbour", "call before delivery, the bell is \"broken\"", "two boxes; the second one follows next week as agreed on the telephone", "fragile"}
	firstDay = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
)

func orderNo(id int) order {
	r := rand.New(rand.NewPCG(uint64(id), 5))
	created := firstDay.Add(time.Duration(r.Int64N(3 * 365 * 24 * int64(time.Hour)))).Truncate(time.Millisecond)
	o := order{
		id: id, customer: 1e12 + r.Int64N(1e9), quantity: r.IntN(500), cents: r.Int64N(1e9), discount: r.IntN(400) - 100,
		status: statuses[r.IntN(len(statuses))], paid: r.IntN(2) == 1,
		sku:  "SKU-" + strconv.FormatInt(r.Int64N(1<<40), 36) + "-" + strconv.Itoa(r.IntN(1e4)),
		name: names[r.IntN(len(names))] + " " + strconv.Itoa(r.IntN(1e5)), note: notes[r.IntN(len(notes))],
		created: created, updated: created.Add(time.Duration(r.Int64N(int64(time.Hour)))).Truncate(time.Microsecond),
	}
	o.day = o.created.Truncate(24 * time.Hour)
	return o
}

// appendSQL appends the row as MySQL's VALUES take it.
func (o order) appendSQL(dst []byte) []byte {
	dst = fmt.Appendf(dst, "(%d,%d,%d,%d.%02d,", o.id, o.customer, o.quantity, o.cents/100, o.cents%100)
	if o.discount < 0 {
		dst = append(dst, "NULL"...)
	} else {
		dst = strconv.AppendFloat(dst, float64(o.discount)/1000, 'g', -1, 64)
	}
	paid := 0
	if o.paid {
		paid = 1
	}
	dst = fmt.Appendf(dst, ",'%s',%d,'%s',", o.status, paid, o.sku)
	dst = appendQuoted(dst, o.name)
	dst = append(dst, ',')
	if o.note == "" {
		dst = append(dst, "NULL"...)
	} else {
		dst = appendQuoted(dst, o.note)
	}
	return fmt.Appendf(dst, ",'%s','%s','%s')", o.day.Format(time.DateOnly),
		o.created.Format("2006-01-02 15:04:05.000"), o.updated.Format("2006-01-02 15:04:05.000000"))
}

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '\'')
	for i := range len(s) {
		if s[i] == '\'' {
			dst = append(dst, '\'')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '\'')
}

// transactions is the cycle of sizes in which a backlog is written: many small ones and a few
// large ones, so that neither the cost of a transaction nor that of a row decides alone.
var transactions = []int{1, 1, 1, 1, 1, 2, 3, 5, 10, 10, 20, 50, 100, 100, 200, 500, 1000, 1000, 2000, 5000}

// statementRows is how many rows an INSERT has at most.
const statementRows = 500

// insertOrders writes orders first to last in transactions of various sizes.
func insertOrders(ctx context.Context, db *sql.DB, first, last int) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "SET time_zone = '+00:00'"); err != nil {
		return err
	}
	var stmt []byte
	for i, id := 0, first; id <= last; i++ {
		end := min(last, id+transactions[i%len(transactions)]-1)
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for id <= end {
			stmt = append(stmt[:0], "INSERT INTO orders VALUES "...)
			for n := 0; n < statementRows && id <= end; n++ {
				if n > 0 {
					stmt = append(stmt, ',')
				}
				stmt = orderNo(id).appendSQL(stmt)
				id++
			}
			if _, err := tx.ExecContext(ctx, string(stmt)); err != nil {
				_ = tx.Rollback() // the connection goes away with the error anyway
				return fmt.Errorf("insert orders up to %d: %w", id-1, err)
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}
