package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/testenv"
)

const (
	restURL    = "http://127.0.0.1:8083"
	broker     = "127.0.0.1:9092"
	sourceName = "demo-source"
	sinkName   = "demo-sink"
	topic      = "demo." + demoDatabase + ".customers"
	patience   = 60 * time.Second
)

// demo is what is running, so that it can be stopped.
type demo struct {
	ctx        context.Context
	binary     string
	dir        string
	sinkFile   string
	mysqlAddr  string
	mysqlWasUp bool
	mysql      *sql.DB
	daemon     *exec.Cmd
	ended      chan struct{}
	log        string
	consumer   *kgo.Client
	steps      int
}

func (d *demo) headline(text string) {
	d.steps++
	fmt.Printf("\n%d. %s\n", d.steps, text)
}

func (d *demo) say(format string, args ...any) {
	fmt.Println("   " + strings.ReplaceAll(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n", "\n   "))
}

func (d *demo) sql(text string) error {
	for _, line := range strings.Split(text, "\n") {
		d.say("mysql> %s", line)
	}
	if _, err := d.mysql.ExecContext(d.ctx, text); err != nil {
		return fmt.Errorf("%.80s: %w", text, err)
	}
	return nil
}

func (d *demo) spawn() error {
	for _, addr := range []string{broker, "127.0.0.1:8083"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("the demo needs %s, which something else uses: stop that first: %w", addr, err)
		}
		_ = l.Close() // it only showed that the port is free
	}
	d.log = filepath.Join(d.dir, "anabranch.log")
	out, err := os.Create(d.log)
	if err != nil {
		return err
	}
	defer out.Close() // the child has its own descriptor
	data := filepath.Join(d.dir, "data")
	d.say("$ %s run -data %s", d.binary, data)
	d.daemon = exec.Command(d.binary, "run", "-data", data)
	d.daemon.Stdout, d.daemon.Stderr = out, out
	// Ctrl-C goes to the demo, which stops the program in order.
	d.daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.daemon.Start(); err != nil {
		d.daemon = nil
		return err
	}
	d.ended = make(chan struct{})
	go func() {
		_ = d.daemon.Wait() // how it ended is in its log
		close(d.ended)
	}()
	return nil
}

func (d *demo) running() bool {
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

func (d *demo) logTail() string {
	text, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

func (d *demo) await(what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			if d.ctx.Err() != nil {
				return d.ctx.Err()
			}
			return fmt.Errorf("%s did not come within %v; the program's log ends with\n%s", what, patience, d.logTail())
		case <-tick.C:
		}
	}
}

func (d *demo) http(method, path, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(d.ctx, method, restURL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// post shows and runs the curl command; without curl on the machine it sends the same request itself.
func (d *demo) post(file string, config map[string]any) error {
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(d.dir, file)
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return err
	}
	d.say("%s", text)
	d.say(`$ curl -X POST %s/connectors -H "Content-Type: application/json" -d @%s`, restURL, path)
	if _, err := exec.LookPath("curl"); err != nil {
		code, body, err := d.http("POST", "/connectors", string(text))
		if err == nil && code != http.StatusCreated {
			err = fmt.Errorf("post %s: %d %s", file, code, body)
		}
		return err
	}
	out, err := exec.CommandContext(d.ctx, "curl", "-sS", "-w", "\n%{http_code}", "-X", "POST", restURL+"/connectors",
		"-H", "Content-Type: application/json", "-d", "@"+path).CombinedOutput()
	if err != nil || !bytes.HasSuffix(out, []byte("\n201")) {
		return fmt.Errorf("post %s: %s %w", file, out, err)
	}
	return nil
}

// change runs one statement, waits for its event and for its effect in the sink.
func (d *demo) change(what, text string) error {
	if err := d.startConsumer(); err != nil {
		return err
	}
	if err := d.sql(text); err != nil {
		return err
	}
	begin := time.Now()
	if strings.HasPrefix(text, "ALTER") {
		d.say("%s: no row changed; the column follows with the next row", what)
		return nil
	}
	event, err := d.nextEvent()
	if err != nil {
		return err
	}
	d.say("%s: event on %s after %v", what, topic, time.Since(begin).Round(100*time.Microsecond))
	d.say("  %s", event)
	if err := d.awaitEqual(); err != nil {
		return err
	}
	d.say("  in SQLite after %v", time.Since(begin).Round(100*time.Microsecond))
	return nil
}

func (d *demo) startConsumer() error {
	if d.consumer != nil {
		return nil
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		return err
	}
	d.consumer = c
	for range 3 { // the snapshot's rows
		if _, err := d.nextEvent(); err != nil {
			return err
		}
	}
	return nil
}

// nextEvent returns op, before and after of the next event; tombstones are passed over.
func (d *demo) nextEvent() (string, error) {
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	for {
		fetches := d.consumer.PollRecords(ctx, 1)
		if err := fetches.Err(); err != nil {
			return "", fmt.Errorf("read %s: %w", topic, err)
		}
		for _, r := range fetches.Records() {
			if r.Value == nil {
				continue
			}
			var event struct {
				Payload struct {
					Op     string          `json:"op"`
					Before json.RawMessage `json:"before"`
					After  json.RawMessage `json:"after"`
				} `json:"payload"`
			}
			if err := json.Unmarshal(r.Value, &event); err != nil {
				return "", err
			}
			text, err := json.Marshal(event.Payload)
			return string(text), err
		}
	}
}

// awaitEqual waits until the sink's rows are the source's.
func (d *demo) awaitEqual() error {
	var want, got string
	err := d.await("the rows in SQLite", func() (bool, error) {
		var err error
		if want, err = d.sourceRows(); err != nil {
			return false, err
		}
		if got, err = d.sinkRows(); err != nil {
			return false, nil // the table is not there yet
		}
		return got == want, nil
	})
	if err != nil {
		return fmt.Errorf("%w\nsource:\n%s\nsink:\n%s", err, want, got)
	}
	return nil
}

func (d *demo) sourceRows() (string, error) {
	return rows(d.ctx, d.mysql, "SELECT * FROM "+demoDatabase+".customers ORDER BY id")
}

func (d *demo) sinkRows() (string, error) {
	db, err := sql.Open("sqlite", "file:"+d.sinkFile+"?mode=ro&_pragma=busy_timeout(1000)")
	if err != nil {
		return "", err
	}
	defer db.Close()
	return rows(d.ctx, db, "SELECT * FROM customers ORDER BY id")
}

func (d *demo) showSink() error {
	text, err := d.sinkRows()
	if err != nil {
		return err
	}
	d.say("sqlite> SELECT * FROM customers")
	d.say("%s", text)
	return nil
}

// rows prints a result with columns in the order of their names, because the sink adds
// columns as they come, and numbers in one form, because SQLite has none for decimals.
func rows(ctx context.Context, db *sql.DB, query string) (string, error) {
	rs, err := db.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rs.Close()
	names, err := rs.Columns()
	if err != nil {
		return "", err
	}
	var sb strings.Builder
	for rs.Next() {
		cells := make([]sql.NullString, len(names))
		ptrs := make([]any, len(names))
		for i := range cells {
			ptrs[i] = &cells[i]
		}
		if err := rs.Scan(ptrs...); err != nil {
			return "", err
		}
		for _, want := range []string{"id", "name", "email", "credit", "vip"} {
			for i, n := range names {
				if n != want {
					continue
				}
				text := cells[i].String
				if n == "credit" && strings.Contains(text, ".") {
					text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
				}
				if !cells[i].Valid {
					text = "NULL"
				}
				// A column that came late is null in the sink's older rows.
				if n == "vip" && (text == "NULL" || text == "0") {
					text = "0"
				}
				fmt.Fprintf(&sb, "%s=%s ", n, text)
			}
		}
		sb.WriteString("\n")
	}
	return withoutLateColumn(sb.String()), rs.Err()
}

// withoutLateColumn lets tables with and without the late column be compared until the first
// row that has it arrives.
func withoutLateColumn(s string) string { return strings.ReplaceAll(s, "vip=0 ", "") }

func sourceJSON(host, port string) map[string]any {
	return map[string]any{"name": sourceName, "config": map[string]any{
		"connector.class":   "io.debezium.connector.mysql.MySqlConnector",
		"database.hostname": host, "database.port": port,
		"database.user": testenv.MySQLUser, "database.password": testenv.MySQLPassword,
		"database.server.id": "5401", "topic.prefix": "demo", "database.include.list": demoDatabase,
		"schema.history.internal.kafka.bootstrap.servers": broker,
		"schema.history.internal.kafka.topic":             "demo-schema-changes"}}
}

func sinkJSON(file string) map[string]any {
	return map[string]any{"name": sinkName, "config": map[string]any{
		"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
		"topics":          topic, "connection.url": "jdbc:sqlite:" + file,
		"insert.mode": "upsert", "pk.mode": "record_key", "delete.enabled": "true",
		"auto.create": "true", "auto.evolve": "true", "transforms": "unwrap,route",
		"transforms.unwrap.type":       "io.debezium.transforms.ExtractNewRecordState",
		"transforms.route.type":        "org.apache.kafka.connect.transforms.RegexRouter",
		"transforms.route.regex":       `([^.]+)\.([^.]+)\.([^.]+)`,
		"transforms.route.replacement": "$3"}}
}

func splitAddr(addr string) (host, port string, err error) { return net.SplitHostPort(addr) }

func (d *demo) farewell(interactive bool) {
	d.headline("Go on")
	d.say("$ curl -s %s/connectors?expand=status", restURL)
	d.say("$ curl -s %s/connectors/%s/offsets", restURL, sourceName)
	d.say("$ curl -s -X PUT %s/connectors/%s/pause", restURL, sourceName)
	d.say("$ curl -s %s/metrics | grep lag", restURL)
	d.say("$ sqlite3 %s 'SELECT * FROM customers'", d.sinkFile)
	d.say("MySQL: %s, user %s, password %s, database %s", d.mysqlAddr, testenv.MySQLRoot, testenv.MySQLRootPassword, demoDatabase)
	if interactive {
		d.say("Ctrl-C stops everything that this started.")
	}
}

// close stops what the demo started, in reverse order.
func (d *demo) close() error {
	var errs []error
	if d.consumer != nil {
		d.consumer.Close()
	}
	if d.daemon != nil {
		_ = d.daemon.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-d.ended:
		case <-time.After(15 * time.Second):
			errs = append(errs, errors.New("the program did not stop within 15 s and was killed"))
			_ = d.daemon.Process.Kill() // nothing more to try
			<-d.ended
		}
	}
	// The demo's context is over when Ctrl-C was pressed.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if d.mysql != nil {
		if _, err := d.mysql.ExecContext(ctx, "DROP DATABASE IF EXISTS "+demoDatabase); err != nil {
			errs = append(errs, err)
		}
		errs = append(errs, d.mysql.Close())
	}
	if d.mysqlAddr != "" && !d.mysqlWasUp {
		errs = append(errs, testenv.DownPart(ctx, "mysql"))
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}
