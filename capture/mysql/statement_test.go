package mysql

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/capture/mysql/column"
	"github.com/anabranch/anabranch/records"
)

// try hands over an event that may be refused.
func (l *testLog) try(kind byte, body []byte) error {
	l.t.Helper()
	l.pos += uint32(eventHeaderBytes + len(body))
	var e event
	if err := parseEvent(rawEvent(kind, l.pos, body), 0, &e); err != nil {
		l.t.Fatal(err)
	}
	return l.st.handle(context.Background(), &e)
}

func queryBody(db, sql string) []byte {
	body := append(binary.LittleEndian.AppendUint32(nil, 26), 0, 0, 0, 0, byte(len(db)), 0, 0, 0, 0)
	return append(append(append(body, db...), 0), sql...)
}

// What cannot be read stops the task only when it may concern a captured table (DM-242, DM-520).
func TestStream_UnreadableStatements(t *testing.T) {
	for name, c := range map[string]struct {
		cfg     map[string]string
		db, sql string
		stops   bool
	}{
		"captured table":                   {nil, "db", "ALTER TABLE t ADD COLUMN (((", true},
		"another table":                    {map[string]string{"table.include.list": "db.t"}, "db", "ALTER TABLE other ADD COLUMN (((", false},
		"another database":                 {map[string]string{"database.include.list": "db"}, "elsewhere", "ALTER TABLE t ADD COLUMN (((", false},
		"another database by name":         {map[string]string{"database.include.list": "db"}, "db", "ALTER TABLE elsewhere.t ADD COLUMN (((", false},
		"captured database by name":        {map[string]string{"database.include.list": "db"}, "elsewhere", "ALTER TABLE db.t ADD COLUMN (((", true},
		"excluded database":                {map[string]string{"database.exclude.list": "elsewhere"}, "elsewhere", "CREATE TABLE x (((", false},
		"database of the server":           {nil, "mysql", "ALTER TABLE user ADD COLUMN (((", false},
		"captured table, told to go on":    {map[string]string{"schema.history.internal.skip.unparseable.ddl": "true"}, "db", "ALTER TABLE t ADD COLUMN (((", false},
		"statements that are no DDL of it": {nil, "db", "GRANT ((( NONSENSE", false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, c.cfg)
			l.gtid()
			err := l.try(evQuery, queryBody(c.db, c.sql))
			if c.stops {
				var ce *capture.Error
				if !errors.As(err, &ce) || capture.Retriable(err) || !strings.Contains(ce.Hint, "skip.unparseable.ddl") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			l.gtid()
			l.query("", "BEGIN")
			l.tableMap(5, "db", "t")
			l.event(evWriteRows, rowsBody(5, false, testRow(1, "a")))
			l.event(evXID, make([]byte, 8))
			if got := ops(l.frame(), "db.t"); got != "c" {
				t.Errorf("operations behind it %q", got)
			}
		})
	}
}

// Events that hold JSON differences may not be lost in silence (DM-121).
func TestStream_PartialUpdate(t *testing.T) {
	l := newLog(t, map[string]string{"table.include.list": "db.t"})
	l.gtid()
	l.query("", "BEGIN")
	l.tableMap(6, "db", "other")
	l.event(evPartialUpdateRows, rowsBody(6, true))
	l.tableMap(5, "db", "t")
	err := l.try(evPartialUpdateRows, rowsBody(5, true))
	var ce *capture.Error
	if !errors.Is(err, column.ErrPartialJSON) || !errors.As(err, &ce) || ce.Hint == "" || capture.Retriable(err) {
		t.Errorf("got %v", err)
	}
	if err := l.try(evPartialUpdateRows, nil); err == nil {
		t.Error("a truncated event must be refused")
	}
}

// Truncated bodies are errors that name the place, never panics and never silence.
func TestStream_DamagedEvents(t *testing.T) {
	for name, c := range map[string]struct {
		kind byte
		body []byte
	}{
		"rows without a map":   {evWriteRows, rowsBody(9, false, testRow(1, "a"))},
		"rows, half a row":     {evWriteRows, rowsBody(5, false, testRow(1, "a")[:3])},
		"rows, half a header":  {evWriteRows, rowsBody(5, false)[:9]},
		"rows, columns differ": {evWriteRows, []byte{5, 0, 0, 0, 0, 0, 1, 0, 2, 0, 3, 7, 0}},
		"table map":            {evTableMap, []byte{5, 0, 0, 0, 0, 0, 1, 0, 20, 'd'}},
		"short table map":      {evTableMap, []byte{5}},
		"gtid":                 {evGTID, make([]byte, 8)},
		"tagged gtid":          {evGTIDTagged, []byte{2, 100, 20, 0}},
		"query":                {evQuery, []byte{1, 2, 3}},
		"rotate":               {evRotate, []byte{1, 2, 3}},
		"payload":              {evPayload, []byte{2, 1}},
		"unknown compression":  {evPayload, []byte{2, 1, 77, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, nil)
			l.gtid()
			l.query("", "BEGIN")
			l.tableMap(5, "db", "t")
			if err := l.try(c.kind, c.body); err == nil {
				t.Error("must be refused")
			} else if f := fail("read binlog", l.st.c.at(), err); !strings.Contains(f.Error(), "mysql-bin.000001:") {
				t.Errorf("no place in %v", f)
			}
		})
	}
	l := newLog(t, nil) // a rows event without rows closes a statement
	l.event(evWriteRows, []byte{0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 2, 0, 1, 1})
	l.event(evIncident, []byte{1, 0, 0})
}

func TestStream_Heartbeat(t *testing.T) {
	l := newLog(t, map[string]string{"heartbeat.interval.ms": "60000"})
	beats := func(f *records.Frame) int {
		n := 0
		for _, b := range f.Batches {
			for i := range b.Records {
				if b.Topics[b.Records[i].Topic] == "__debezium-heartbeat.app" {
					n++
				}
			}
		}
		return n
	}
	l.st.nextBeat = time.Now().Add(time.Hour)
	if n := beats(l.frame()); n != 0 {
		t.Errorf("%d heartbeats before their time", n)
	}
	l.st.nextBeat = time.Now()
	l.gtid()
	l.query("", "BEGIN")
	event := l.st.c.event
	l.event(evHeartbeatV2, nil) // the server is idle: a record is due, and nothing is counted
	f := l.st.idle()
	if f == nil || l.st.c.event != event {
		t.Fatal("a heartbeat in mid-transaction is no event, but makes a frame")
	}
	defer f.Release()
	if n := beats(f); n != 1 {
		t.Errorf("%d heartbeats", n)
	}
	if n := beats(l.frame()); n != 0 {
		t.Errorf("%d more heartbeats at once", n)
	}
}
