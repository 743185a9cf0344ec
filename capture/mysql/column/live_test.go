package column

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/testenv"
)

// liveCase is one run of the real Debezium against the same tables as ours.
type liveCase struct {
	script  string // "" = testdata/live.sql
	config  map[string]string
	options Options
}

var liveCases = map[string]liveCase{
	"edges":    {"testdata/live_edges.sql", nil, Options{TimeAdjuster: true}},
	"streamed": {"testdata/live_streamed.sql", nil, Options{TimeAdjuster: true}},
	"defaults": {"", nil, Options{TimeAdjuster: true}},
	"connect": {"", map[string]string{"decimal.handling.mode": "string", "bigint.unsigned.handling.mode": "precise",
		"binary.handling.mode": "hex", "time.precision.mode": "connect", "include.schema.comments": "true", "enable.time.adjuster": "false"},
		Options{Decimal: "string", BigintUnsigned: "precise", Binary: "hex", TimePrecision: "connect", IncludeComments: true}},
	"isostring": {"", map[string]string{"decimal.handling.mode": "double", "binary.handling.mode": "base64", "time.precision.mode": "isostring"},
		Options{Decimal: "double", Binary: "base64", TimePrecision: "isostring", TimeAdjuster: true}},
	"nanoseconds": {"", map[string]string{"binary.handling.mode": "base64-url-safe", "time.precision.mode": "nanoseconds"},
		Options{Binary: "base64-url-safe", TimePrecision: "nanoseconds", TimeAdjuster: true}},
	"microseconds": {"", map[string]string{"time.precision.mode": "microseconds"},
		Options{TimePrecision: "microseconds", TimeAdjuster: true}},
}

// TestLive_EqualsDebezium runs testdata/live.sql through the real connector and through this
// package, rows in the snapshot and then the same rows in the stream, and compares schemas and values. The table structures
// are the ones that Debezium wrote to its schema history. It takes a minute, so it asks to be asked.
func TestLive_EqualsDebezium(t *testing.T) {
	if os.Getenv("COLUMN_LIVE") == "" {
		t.Skip("set COLUMN_LIVE=1 (or a case's name) to compare with the real Debezium")
	}
	for name, lc := range liveCases {
		if only := os.Getenv("COLUMN_LIVE"); only != "1" && only != name {
			continue
		}
		t.Run(name, func(t *testing.T) { runLive(t, lc) })
	}
}

func runLive(t *testing.T, lc liveCase) {
	c, m, k := testenv.Connect(t), testenv.MySQL(t), testenv.Kafka(t)
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	database, db := m.Database(t)
	if lc.script == "" {
		lc.script = "testdata/live.sql"
	}
	script, err := os.ReadFile(lc.script)
	if err != nil {
		t.Fatal(err)
	}
	create, rest, _ := strings.Cut(string(script), "-- ROWS")
	rows, later, _ := strings.Cut(rest, "-- STREAM")
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(sql string) {
		t.Helper()
		for _, s := range strings.Split(sql, ";\n") {
			if s = strings.TrimSpace(s); s == "" {
				continue
			}
			if _, err := conn.ExecContext(ctx, s); err != nil {
				t.Fatalf("%v\n%s", err, s)
			}
		}
	}
	exec("SET sql_mode='ALLOW_INVALID_DATES';\nSET NAMES utf8mb4;\nSET time_zone='+00:00'")
	exec(create)
	exec(rows)
	showTables := func() (tables []string) {
		r, err := conn.QueryContext(ctx, "SHOW TABLES")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for r.Next() {
			var s string
			if err := r.Scan(&s); err != nil {
				t.Fatal(err)
			}
			tables = append(tables, s)
		}
		return tables
	}
	tables := showTables()

	prefix := k.TopicPrefix(t)
	config := map[string]string{
		"connector.class":       "io.debezium.connector.mysql.MySqlConnector",
		"database.hostname":     m.Host(),
		"database.port":         fmt.Sprint(m.Port()),
		"database.user":         testenv.MySQLUser,
		"database.password":     testenv.MySQLPassword,
		"database.server.id":    fmt.Sprint(1 + time.Now().UnixNano()%1_000_000_000),
		"database.include.list": database,
		"topic.prefix":          prefix,
		"schema.history.internal.kafka.bootstrap.servers":        c.Bootstrap(),
		"schema.history.internal.kafka.topic":                    prefix + "-history",
		"schema.history.internal.store.only.captured.tables.ddl": "true",
		"event.processing.failure.handling.mode":                 "warn",
		"key.converter":                                          "org.apache.kafka.connect.json.JsonConverter",
		"value.converter":                                        "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable":                         "true",
		"errors.tolerance":                                       "all",
		"errors.log.enable":                                      "true",
	}
	for key, v := range lc.config {
		config[key] = v
	}
	c.Create(t, prefix, config)

	count := func() (total int) {
		for _, table := range showTables() {
			var n int
			if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM `"+table+"`").Scan(&n); err != nil {
				t.Fatal(err)
			}
			total += n
		}
		return total
	}
	total := count()
	// The snapshot is over when the topics have as many rows as the tables.
	consumer := k.Client(t, kgo.ConsumeRegex(), kgo.ConsumeTopics("^"+regexp.QuoteMeta(prefix+"."+database)+`\..*`),
		kgo.MetadataMaxAge(time.Second), kgo.MetadataMinAge(time.Second/2), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	events := map[string][]*kgo.Record{}
	read := func(n int) {
		t.Helper()
		for got := 0; got < n; {
			f := consumer.PollFetches(ctx)
			if ctx.Err() != nil {
				t.Fatalf("got %d of %d events; status %+v; worker log %s", got, n, c.Status(t, prefix), c.Log())
			}
			f.EachRecord(func(r *kgo.Record) {
				events[r.Topic] = append(events[r.Topic], r)
				got++
			})
		}
	}
	read(total)
	snapshot := events
	events = map[string][]*kgo.Record{}

	structures := map[string]*schemahistory.Table{}
	history := func() {
		for _, r := range k.ReadAll(t, prefix+"-history") {
			rec, err := schemahistory.ParseRecord(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, ch := range rec.Changes {
				if ch.Table != nil {
					structures[ch.ID.Table] = ch.Table
				}
			}
		}
	}
	history()

	raw, err := client.Connect(m.Addr(), testenv.MySQLRoot, testenv.MySQLRootPassword, database)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for _, s := range []string{"SET NAMES utf8mb4", "SET time_zone = '+00:00'"} {
		if _, err := raw.Execute(s); err != nil {
			t.Fatal(err)
		}
	}
	res, err := raw.Execute("SHOW BINARY LOG STATUS")
	if err != nil {
		t.Fatal(err)
	}
	file, _ := res.GetString(0, 0)
	pos, _ := res.GetUint(0, 1)

	options := lc.options
	options.Warn = func(msg string, args ...any) { t.Logf("warn: %s %v", msg, args) }
	plans := map[string]*Table{}
	plan := func(table string) *Table {
		if structures[table] == nil {
			t.Fatalf("no structure of %s in the history", table)
		}
		p, err := NewTable(structures[table], prefix+"."+database+"."+table, options, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		plans[table] = p
		return p
	}
	for _, table := range tables {
		p := plan(table)
		res, err := raw.Execute("SELECT " + p.SelectList() + " FROM `" + table + "` ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		b := records.NewBatch(records.Origin{})
		ours := []records.Value{}
		for _, row := range res.RowDatas {
			v, err := p.TextRow(b, cellsOf(t, row, p.Columns()))
			if err != nil {
				t.Fatal(err)
			}
			ours = append(ours, v)
		}
		compareLive(t, "snapshot "+table, p, b, ours, snapshot[prefix+"."+database+"."+table])
		b.Release()
	}

	// The same rows again, now streamed.
	for _, table := range tables {
		exec("DELETE FROM `" + table + "`")
	}
	deletes := total * 2 // with tombstones
	exec(rows)
	exec(later)
	read(deletes + count())
	history()
	for _, table := range showTables() {
		if plans[table] == nil {
			tables = append(tables, table)
			plan(table)
		}
	}
	streamed := map[string][]*kgo.Record{}
	for topic, rs := range events {
		for _, r := range rs {
			if bytes.Contains(r.Value, []byte(`"op":"c"`)) {
				streamed[topic] = append(streamed[topic], r)
			}
		}
	}
	res, err = raw.Execute("SHOW BINARY LOG STATUS")
	if err != nil {
		t.Fatal(err)
	}
	endFile, _ := res.GetString(0, 0)
	endPos, _ := res.GetUint(0, 1)
	batches, values := decodeBinlog(t, ctx, m, database, plans, mysql.Position{Name: file, Pos: uint32(pos)}, mysql.Position{Name: endFile, Pos: uint32(endPos)})
	for _, table := range tables {
		if batches[table] == nil {
			t.Fatalf("no rows of %s in the binlog", table)
		}
		compareLive(t, "stream "+table, plans[table], batches[table], values[table], streamed[prefix+"."+database+"."+table])
	}
}

// cellsOf splits a row packet of the text protocol.
func cellsOf(t *testing.T, row mysql.RowData, n int) [][]byte {
	t.Helper()
	p := []byte(row)
	cells := make([][]byte, n)
	for i := range cells {
		if p[0] == 0xfb {
			p = p[1:]
			continue
		}
		size, k := lenenc(p)
		cells[i] = p[k : k+int(size) : k+int(size)]
		p = p[k+int(size):]
	}
	return cells
}

func decodeBinlog(t *testing.T, ctx context.Context, m *testenv.MySQLServer, database string, plans map[string]*Table, from, to mysql.Position) (map[string]*records.Batch, map[string][]records.Value) {
	t.Helper()
	s := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{ServerID: uint32(1 + time.Now().UnixNano()%1_000_000_000), Flavor: "mysql",
		Host: m.Host(), Port: uint16(m.Port()), User: testenv.MySQLRoot, Password: testenv.MySQLRootPassword, RawModeEnabled: true})
	defer s.Close()
	stream, err := s.StartSync(from)
	if err != nil {
		t.Fatal(err)
	}
	maps := map[uint64]*TableMap{}
	batches, values := map[string]*records.Batch{}, map[string][]records.Value{}
	for {
		e, err := stream.GetEvent(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e.Header.LogPos >= to.Pos && s.GetNextPosition().Name == to.Name {
			return batches, values
		}
		g, ok := e.Event.(*replication.GenericEvent)
		if !ok {
			continue
		}
		switch e.Header.EventType {
		case replication.TABLE_MAP_EVENT:
			tm := &TableMap{}
			if err := ParseTableMap(tm, g.Data); err != nil {
				t.Fatal(err)
			}
			maps[tm.TableID] = tm
		case replication.WRITE_ROWS_EVENTv2:
			p := g.Data
			tm := maps[uint64(binary.LittleEndian.Uint32(p))|uint64(binary.LittleEndian.Uint16(p[4:]))<<32]
			if tm.Schema != database {
				continue
			}
			d, err := plans[tm.Table].Bind(tm)
			if err != nil {
				t.Fatal(err)
			}
			p = p[8+binary.LittleEndian.Uint16(p[8:]):]
			count, n := lenenc(p)
			p = p[n:]
			present := p[:(count+7)/8]
			p = p[len(present):]
			if batches[tm.Table] == nil {
				batches[tm.Table] = records.NewBatch(records.Origin{})
			}
			for len(p) > 0 {
				v, n, err := d.Row(batches[tm.Table], present, p)
				if err != nil {
					t.Fatal(err)
				}
				values[tm.Table] = append(values[tm.Table], v)
				p = p[n:]
			}
		}
	}
}

func compareLive(t *testing.T, what string, p *Table, b *records.Batch, ours []records.Value, theirs []*kgo.Record) {
	t.Helper()
	if len(ours) != len(theirs) {
		t.Errorf("%s: %d rows, Debezium has %d", what, len(ours), len(theirs))
		return
	}
	for i, r := range theirs {
		parse := func(data []byte) (doc struct {
			Schema  map[string]any
			Payload map[string]any
		}) {
			dec := json.NewDecoder(bytes.NewReader(data))
			dec.UseNumber()
			if err := dec.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			return doc
		}
		value, key := parse(r.Value), parse(r.Key)
		var diffs []string
		if i == 0 {
			for _, f := range value.Schema["fields"].([]any) {
				if f := f.(map[string]any); f["field"] == "after" {
					diffTrees("schema", f, schemaTree(p.Row, "after"), &diffs)
				}
			}
			diffTrees("key schema", key.Schema, schemaTree(p.Key, ""), &diffs)
		}
		diffTrees("row", value.Payload["after"], valueTree(b, p.Row, ours[i]), &diffs)
		diffTrees("key", any(key.Payload), valueTree(b, p.Key, p.KeyOf(b, ours[i])), &diffs)
		for _, d := range diffs {
			if len(d) > 600 {
				d = d[:300] + " ... " + d[len(d)-300:]
			}
			t.Errorf("%s row %d: %s", what, i, d)
		}
	}
}
