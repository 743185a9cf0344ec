package testenv

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The validators are the delivery guarantee as functions: duplicates allowed, gaps
// never, order per key. They judge what a topic holds, so they are the same for ours
// and for Debezium, and they know nothing of how it came there.

// Event is one change event of a Debezium topic.
type Event struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string // the key's JSON without schema, compact and with sorted fields
	Op        string // r c u d, or t for a truncated table
	Before    map[string]any
	After     map[string]any
	Source    map[string]any
	Position  []int64 // where the source log had it; compare with slices.Compare
}

func (e Event) String() string {
	return fmt.Sprintf("%s/%d/%d %s of %s at %v", e.Topic, e.Partition, e.Offset, e.Op, e.Key, e.Position)
}

// Row is a table row as text; NULL is absent.
type Row map[string]string

// Events decodes JSON records, with or without their schemas, in the order given.
// Tombstones are left out. Numbers stay as they are written.
func Events(recs []*kgo.Record) ([]Event, error) {
	events := make([]Event, 0, len(recs))
	for _, r := range recs {
		if len(r.Value) == 0 {
			continue
		}
		e := Event{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
		var body struct {
			Op                    string
			Before, After, Source map[string]any
		}
		err := unwrap(r.Value, &body)
		if err == nil && body.Op == "" {
			err = errors.New("not a change event")
		}
		if err == nil {
			e.Op, e.Before, e.After, e.Source = body.Op, body.Before, body.After, body.Source
			e.Position, err = position(body.Source)
		}
		var key any
		if err == nil && len(r.Key) > 0 {
			if err = unwrap(r.Key, &key); err == nil {
				var raw []byte
				raw, err = json.Marshal(key) // sorts the fields
				e.Key = string(raw)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("decode record %s/%d/%d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		events = append(events, e)
	}
	return events, nil
}

// unwrap decodes raw into v, out of its schema envelope if it has one.
func unwrap(raw []byte, v any) error {
	var envelope struct {
		Schema, Payload json.RawMessage
	}
	if raw[0] == '{' {
		// An error here shows again below, with the right target.
		if json.Unmarshal(raw, &envelope) == nil && envelope.Schema != nil && envelope.Payload != nil {
			raw = envelope.Payload
		}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(v)
}

// position reads the order of events out of a source block: binlog file number,
// offset and row for MySQL and MariaDB, LSN for PostgreSQL.
func position(source map[string]any) ([]int64, error) {
	number := func(field string) (int64, error) {
		n, ok := source[field].(json.Number)
		if !ok {
			return 0, fmt.Errorf("source has no number %q", field)
		}
		return n.Int64()
	}
	fields := []string{"pos", "row"}
	var pos []int64
	switch kind := source["connector"]; kind {
	case "mysql", "mariadb":
		file, _ := source["file"].(string)
		n, err := strconv.ParseInt(file[strings.LastIndexByte(file, '.')+1:], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("binlog file %q: %w", file, err)
		}
		pos = append(pos, n)
	case "postgresql":
		fields = []string{"lsn"}
	default:
		return nil, fmt.Errorf("positions of connector %v are not known here", kind)
	}
	for _, f := range fields {
		n, err := number(f)
		if err != nil {
			return nil, err
		}
		pos = append(pos, n)
	}
	return pos, nil
}

// Version is a state of a row that must have been delivered: the value of a column
// that the workload counts up with every write to the row. Deleted asks for the
// deletion of the row in that state.
type Version struct {
	Key     string
	Version string
	Deleted bool
}

// NoGap reports the versions that no event carries. The key of a version is the text
// of keyColumn, so that the workload need not know how keys are encoded.
func NoGap(events []Event, keyColumn, versionColumn string, want []Version) error {
	seen := make(map[Version]bool, len(events))
	for _, e := range events {
		row := e.After
		if e.Op == "d" {
			row = e.Before
		}
		key, _ := text(row[keyColumn])
		version, _ := text(row[versionColumn])
		seen[Version{key, version, e.Op == "d"}] = true
	}
	var f faults
	for _, v := range want {
		if !seen[v] {
			what := "version"
			if v.Deleted {
				what = "deletion after version"
			}
			f.add("row %s: %s %s was never delivered", v.Key, what, v.Version)
		}
	}
	return f.err("gap")
}

// OrderPerKey reports keys whose events go back in the source's log. One way back is
// allowed, that of a restart: to an event delivered before, and from there on every
// later one again in the same order. A key must stay in one partition.
func OrderPerKey(events []Event) error {
	type lane struct {
		partition int32
		log       [][]int64 // positions in order, each once
		at        int       // index of the event delivered last
	}
	lanes := map[string]*lane{}
	var f faults
	for _, e := range events {
		id := e.Topic + "\x00" + e.Key
		l := lanes[id]
		if l == nil {
			lanes[id] = &lane{partition: e.Partition, log: [][]int64{e.Position}}
			continue
		}
		if l.partition != e.Partition {
			f.add("%v: the key was in partition %d before", e, l.partition)
			continue
		}
		i, known := slices.BinarySearchFunc(l.log, e.Position, slices.Compare)
		switch {
		case known && i <= l.at: // a restart, or the event twice
			l.at = i
		case known && i == l.at+1:
			l.at = i
		case known:
			f.add("%v: repeats after a restart, but without %v before it", e, l.log[l.at+1])
			l.at = i
		case i < len(l.log):
			f.add("%v: older than %v, which was delivered before, and not seen then", e, l.log[len(l.log)-1])
			// The log is left as it was: one late event is one fault.
		case l.at != len(l.log)-1:
			f.add("%v: new, but the repetition stopped short of %v", e, l.log[len(l.log)-1])
			fallthrough
		default:
			l.log = append(l.log, e.Position)
			l.at = len(l.log) - 1
		}
	}
	return f.err("order")
}

// BeforeEqualsPreviousAfter reports updates and deletions whose old row is not the row
// that the event before them left, and creations of rows that were there. Repeated
// events are skipped. It needs full row images.
func BeforeEqualsPreviousAfter(events []Event) error {
	type state struct {
		at  []int64
		row map[string]any // nil: deleted
	}
	rows := map[string]*state{}
	var f faults
	for _, e := range events {
		id := e.Topic + "\x00" + e.Key
		s := rows[id]
		if s == nil {
			rows[id] = &state{e.Position, e.After}
			continue
		}
		if slices.Compare(e.Position, s.at) <= 0 {
			continue
		}
		switch e.Op {
		case "c":
			if s.row != nil {
				f.add("%v: created, but it was there", e)
			}
		case "u", "d":
			if s.row == nil {
				f.add("%v: changed, but it was deleted", e)
			} else if diff := differ(e.Before, s.row); diff != "" {
				f.add("%v: before is not the previous after: %s", e, diff)
			}
		}
		s.at, s.row = e.Position, e.After
	}
	return f.err("before and after")
}

// FinalTable rebuilds the table as a consumer would that applies every event, and
// compares it with the rows of the database. Only the columns of rows are compared, as
// text: select what a consumer sees, for example a date as days since 1970.
func FinalTable(events []Event, keyColumns []string, rows []Row) error {
	table := map[string]map[string]any{}
	for _, e := range events {
		switch e.Op {
		case "t":
			clear(table)
		case "d":
			delete(table, rowKey(keyColumns, func(c string) (string, bool) { return text(e.Before[c]) }))
		default:
			table[rowKey(keyColumns, func(c string) (string, bool) { return text(e.After[c]) })] = e.After
		}
	}
	var f faults
	columns := slices.Sorted(maps.Keys(columnsOf(rows)))
	for _, row := range rows {
		key := rowKey(keyColumns, func(c string) (string, bool) { v, ok := row[c]; return v, ok })
		got, ok := table[key]
		if !ok {
			f.add("row %s is in the database, not in the topic", key)
			continue
		}
		delete(table, key)
		for _, column := range columns {
			want, there := row[column]
			have, present := text(got[column])
			if have != want || there != present {
				f.add("row %s, column %s: %s in the database, %s in the topic", key, column, show(want, there), show(have, present))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		f.add("row %s is in the topic, not in the database", key)
	}
	return f.err("final table")
}

// SelectRows reads the result of a query as text.
func SelectRows(ctx context.Context, db *sql.DB, query string, args ...any) ([]Row, error) {
	result, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	columns, err := result.Columns()
	if err != nil {
		return nil, err
	}
	var rows []Row
	cells := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	for result.Next() {
		if err := result.Scan(into...); err != nil {
			return nil, err
		}
		row := Row{}
		for i, c := range cells {
			if c.Valid {
				row[columns[i]] = c.String
			}
		}
		rows = append(rows, row)
	}
	return rows, result.Err()
}

func columnsOf(rows []Row) map[string]bool {
	all := map[string]bool{}
	for _, r := range rows {
		for c := range r {
			all[c] = true
		}
	}
	return all
}

func rowKey(columns []string, value func(string) (string, bool)) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		v, ok := value(c)
		parts[i] = show(v, ok)
	}
	return strings.Join(parts, ",")
}

func show(v string, there bool) string {
	if !there {
		return "NULL"
	}
	return strconv.Quote(v)
}

// text renders a decoded JSON value; null and absent are not there.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	raw, err := json.Marshal(v)
	return string(raw), err == nil
}

// differ names the columns in which two rows differ.
func differ(a, b map[string]any) string {
	names := map[string]bool{}
	for _, row := range []map[string]any{a, b} {
		for c := range row {
			names[c] = true
		}
	}
	var diff []string
	for _, c := range slices.Sorted(maps.Keys(names)) {
		x, there := text(a[c])
		y, present := text(b[c])
		if x != y || there != present {
			diff = append(diff, fmt.Sprintf("%s is %s, was %s", c, show(x, there), show(y, present)))
		}
	}
	return strings.Join(diff, "; ")
}

// faults collects findings and prints the first ones.
type faults struct {
	n     int
	first []string
}

func (f *faults) add(format string, args ...any) {
	if f.n++; len(f.first) < 10 {
		f.first = append(f.first, fmt.Sprintf(format, args...))
	}
}

func (f *faults) err(what string) error {
	if f.n == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d %s:\n  %s", what, f.n, cmp.Or(map[int]string{1: "fault"}[f.n], "faults"), strings.Join(f.first, "\n  "))
}
