// Command demo shows the main job on one machine: rows of a real MySQL flow through a broker
// into a SQLite file, driven by Kafka Connect's own JSON and curl. With CI=1 it runs
// unattended and fails when the sink does not equal the source.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite"

	"github.com/anabranch/anabranch/testenv"
)

func main() {
	binary := flag.String("binary", "bin/anabranch", "the program to demonstrate")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	err := run(ctx, *binary, os.Getenv("CI") == "")
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string, interactive bool) (err error) {
	d := &demo{ctx: ctx, binary: binary}
	defer func() { err = errors.Join(err, d.close()) }()
	for _, step := range []func() error{d.startMySQL, d.startDaemon, d.connect, d.changes, d.verify} {
		if err := step(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
	}
	d.farewell(interactive)
	if interactive {
		<-ctx.Done()
	}
	return nil
}

const demoDatabase = "anabranch_demo"

// startMySQL finds or starts a MySQL server and fills a table.
func (d *demo) startMySQL() error {
	d.headline("A MySQL server with a table of customers")
	parts, err := testenv.List(d.ctx)
	if err != nil {
		return err
	}
	for _, p := range parts {
		d.mysqlWasUp = d.mysqlWasUp || p.Name == "mysql" && p.State == "up"
	}
	if !d.mysqlWasUp {
		d.say("starting one; the first time this installs it, which takes a minute or two")
	}
	begin := time.Now()
	if err := testenv.Up(d.ctx, "mysql"); err != nil {
		return fmt.Errorf("get a MySQL server: %w\ninstall Docker, or on Debian run this as root so that it can install packages", err)
	}
	if parts, err = testenv.List(d.ctx); err != nil {
		return err
	}
	for _, p := range parts {
		if p.Name == "mysql" {
			d.mysqlAddr = p.Address
		}
	}
	d.say("MySQL answers on %s after %v", d.mysqlAddr, time.Since(begin).Round(10*time.Millisecond))
	dsn := fmt.Sprintf("%s:%s@tcp(%s)/?multiStatements=true", testenv.MySQLRoot, testenv.MySQLRootPassword, d.mysqlAddr)
	if d.mysql, err = sql.Open("mysql", dsn); err != nil {
		return err
	}
	d.mysql.SetMaxOpenConns(1)
	return d.sql(`DROP DATABASE IF EXISTS ` + demoDatabase + `;
CREATE DATABASE ` + demoDatabase + ` CHARACTER SET utf8mb4;
USE ` + demoDatabase + `;
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60) NOT NULL, email VARCHAR(80), credit DECIMAL(10,2) NOT NULL DEFAULT 0);
INSERT INTO customers (name, email, credit) VALUES ('Ann', 'ann@example.com', 100.50), ('Bo', NULL, 0), ('Cleo', 'cleo@example.com', 7.25)`)
}

// startDaemon runs the program in embedded mode with a data directory of its own.
func (d *demo) startDaemon() error {
	d.headline("anabranch run: broker, connectors and REST in one process")
	dir, err := os.MkdirTemp("", "anabranch-demo-")
	if err != nil {
		return err
	}
	d.dir, d.sinkFile = dir, filepath.Join(dir, "sink.db")
	begin := time.Now()
	if err := d.spawn(); err != nil {
		return err
	}
	if err := d.await("the REST interface", func() (bool, error) {
		if !d.running() {
			return false, fmt.Errorf("the program ended: %s", d.logTail())
		}
		code, _, err := d.http("GET", "/", "")
		return err == nil && code == 200, nil
	}); err != nil {
		return err
	}
	d.say("first answer on %s after %v", restURL, time.Since(begin).Round(time.Millisecond))
	return nil
}

// connect posts both connectors, as a user would.
func (d *demo) connect() error {
	d.headline("Two connectors, in Kafka Connect's own JSON")
	host, port, err := splitAddr(d.mysqlAddr)
	if err != nil {
		return err
	}
	if err := d.post("source.json", sourceJSON(host, port)); err != nil {
		return err
	}
	if err := d.post("sink.json", sinkJSON(d.sinkFile)); err != nil {
		return err
	}
	begin := time.Now()
	if err := d.awaitEqual(); err != nil {
		return err
	}
	d.say("snapshot of 3 rows arrived in SQLite after %v", time.Since(begin).Round(time.Millisecond))
	return d.showSink()
}

// changes does what applications do and shows each change arrive.
func (d *demo) changes() error {
	d.headline("Changes, as they happen")
	for _, s := range []struct{ what, sql string }{
		{"insert", "INSERT INTO customers (name, email, credit) VALUES ('Dai', 'dai@example.com', 12.00)"},
		{"update", "UPDATE customers SET credit = credit + 1, email = 'bo@example.com' WHERE name = 'Bo'"},
		{"delete", "DELETE FROM customers WHERE name = 'Ann'"},
		{"alter", "ALTER TABLE customers ADD COLUMN vip TINYINT NOT NULL DEFAULT 0"},
		{"insert into the altered table", "INSERT INTO customers (name, vip) VALUES ('Eve', 1)"},
	} {
		if err := d.change(s.what, s.sql); err != nil {
			return err
		}
	}
	return d.showSink()
}

// verify compares both sides once more, row by row, and looks at the connectors' states.
func (d *demo) verify() error {
	d.headline("Source and sink are equal")
	if err := d.awaitEqual(); err != nil {
		return err
	}
	for _, name := range []string{sourceName, sinkName} {
		code, body, err := d.http("GET", "/connectors/"+name+"/status", "")
		if err != nil || code != 200 {
			return fmt.Errorf("status of %s: %d %v", name, code, err)
		}
		d.say("%s", body)
	}
	return nil
}
