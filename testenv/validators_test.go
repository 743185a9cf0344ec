package testenv_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	_ "modernc.org/sqlite"

	"github.com/anabranch/anabranch/testenv"
)

// change writes one record of a table t(id, v): what happened to row id at a position.
// Versions below zero stand for no row.
func change(op string, id, pos, before, after int) *kgo.Record {
	row := func(v int) string {
		if v < 0 {
			return "null"
		}
		return fmt.Sprintf(`{"id":%d,"v":%d}`, id, v)
	}
	return &kgo.Record{
		Topic: "t",
		Key:   fmt.Appendf(nil, `{"id":%d}`, id),
		Value: fmt.Appendf(nil, `{"op":%q,"before":%s,"after":%s,"source":{"connector":"mysql","file":"mysql-bin.000003","pos":%d,"row":0}}`,
			op, row(before), row(after), pos),
	}
}

func events(t *testing.T, recs ...*kgo.Record) []testenv.Event {
	t.Helper()
	for i, r := range recs {
		r.Offset = int64(i)
	}
	all, err := testenv.Events(recs)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// expect checks a validator's verdict: no error for an empty want, else one that says it.
func expect(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("good input was refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("bad input passed, want %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestEvents_ReadsBothEnvelopes(t *testing.T) {
	plain := change("c", 1, 4, -1, 7)
	wrapped := &kgo.Record{
		Topic: "t",
		Key:   []byte(`{"schema":{"type":"struct"},"payload":` + string(plain.Key) + `}`),
		Value: []byte(`{"schema":{"type":"struct"},"payload":` + string(plain.Value) + `}`),
	}
	tombstone := &kgo.Record{Topic: "t", Key: plain.Key}
	got := events(t, plain, wrapped, tombstone)
	if len(got) != 2 || got[0].Key != `{"id":1}` || got[1].Key != got[0].Key || !slices.Equal(got[1].Position, []int64{3, 4, 0}) {
		t.Errorf("events %v", got)
	}
	for name, value := range map[string]string{
		"no JSON":           `{"op":`,
		"no event":          `{"id":1}`,
		"no position":       `{"op":"c","source":{"connector":"mysql","file":"mysql-bin.000003"}}`,
		"unknown connector": `{"op":"c","source":{"connector":"other"}}`,
	} {
		if _, err := testenv.Events([]*kgo.Record{{Topic: "t", Value: []byte(value)}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNoGap(t *testing.T) {
	all := []*kgo.Record{change("c", 1, 1, -1, 1), change("u", 1, 2, 1, 2), change("d", 1, 3, 2, -1), change("r", 2, 1, -1, 5)}
	want := []testenv.Version{{"1", "1", false}, {"1", "2", false}, {"1", "2", true}, {"2", "5", false}}
	for name, c := range map[string]struct {
		recs []*kgo.Record
		want string
	}{
		"complete":            {all, ""},
		"duplicates are fine": {slices.Concat(all, all), ""},
		"a lost update":       {slices.Concat(all[:1], all[2:]), "row 1: version 2 was never delivered"},
		"a lost deletion":     {slices.Concat(all[:2], all[3:]), "row 1: deletion after version 2 was never delivered"},
		"a lost snapshot row": {all[:3], "row 2: version 5 was never delivered"},
		"nothing at all":      {nil, "gap: 4 faults"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, testenv.NoGap(events(t, c.recs...), "id", "v", want), c.want) })
	}
}

func TestOrderPerKey(t *testing.T) {
	at := func(positions ...int) (recs []*kgo.Record) {
		for _, p := range positions {
			recs = append(recs, change("u", 1, p, 0, 0))
		}
		return recs
	}
	moved := at(1, 2)
	moved[1].Partition = 1
	for name, c := range map[string]struct {
		recs []*kgo.Record
		want string
	}{
		"rising":                       {at(1, 2, 5), ""},
		"one event twice":              {at(1, 1, 2), ""},
		"a repeated suffix":            {at(1, 2, 3, 2, 3, 4), ""},
		"a restart during the repeat":  {at(1, 2, 3, 4, 2, 3, 2, 3, 4, 5), ""},
		"other keys do not matter":     {append(at(5), change("u", 2, 1, 0, 0)), ""},
		"swapped":                      {at(1, 3, 2), "not seen then"},
		"a hole in the repeat":         {at(1, 2, 3, 1, 3), "without [3 2 0] before it"},
		"a repeat that stops short":    {at(1, 2, 3, 1, 2, 4), "stopped short of [3 3 0]"},
		"one key in two partitions":    {moved, "was in partition 0 before"},
		"swapped in a repeated suffix": {at(1, 2, 3, 1, 3, 2), "without [3 2 0]"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, testenv.OrderPerKey(events(t, c.recs...)), c.want) })
	}
}

func TestBeforeEqualsPreviousAfter(t *testing.T) {
	for name, c := range map[string]struct {
		recs []*kgo.Record
		want string
	}{
		"a life":                   {[]*kgo.Record{change("r", 1, 1, -1, 1), change("u", 1, 2, 1, 2), change("d", 1, 3, 2, -1), change("c", 1, 4, -1, 9)}, ""},
		"repeats are skipped":      {[]*kgo.Record{change("c", 1, 1, -1, 1), change("u", 1, 2, 1, 2), change("c", 1, 1, -1, 1), change("u", 1, 2, 1, 2), change("u", 1, 3, 2, 3)}, ""},
		"a lost update":            {[]*kgo.Record{change("c", 1, 1, -1, 1), change("u", 1, 3, 2, 3)}, `v is "2", was "1"`},
		"a deletion of another":    {[]*kgo.Record{change("c", 1, 1, -1, 1), change("d", 1, 3, 2, -1)}, `v is "2", was "1"`},
		"a lost deletion":          {[]*kgo.Record{change("c", 1, 1, -1, 1), change("c", 1, 3, -1, 1)}, "created, but it was there"},
		"a lost creation":          {[]*kgo.Record{change("d", 1, 1, 1, -1), change("u", 1, 3, 1, 2)}, "changed, but it was deleted"},
		"an update without before": {[]*kgo.Record{change("c", 1, 1, -1, 1), change("u", 1, 3, -1, 2)}, `v is NULL, was "1"`},
	} {
		t.Run(name, func(t *testing.T) { expect(t, testenv.BeforeEqualsPreviousAfter(events(t, c.recs...)), c.want) })
	}
}

func TestFinalTable(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // the database is the connection's
	if _, err := db.Exec("CREATE TABLE t (id INT, v INT); INSERT INTO t VALUES (1, 2), (2, NULL)"); err != nil {
		t.Fatal(err)
	}
	rows, err := testenv.SelectRows(context.Background(), db, "SELECT id, v FROM t")
	if err != nil {
		t.Fatal(err)
	}
	null := change("c", 2, 5, -1, 0)
	null.Value = []byte(strings.Replace(string(null.Value), `"v":0`, `"v":null`, 1))
	good := []*kgo.Record{change("c", 1, 1, -1, 1), change("u", 1, 2, 1, 2), change("c", 3, 3, -1, 1), change("d", 3, 4, 1, -1), null}
	for name, c := range map[string]struct {
		recs []*kgo.Record
		want string
	}{
		"equal":               {good, ""},
		"duplicates are fine": {slices.Concat(good, good[1:]), ""},
		"a stale row":         {slices.Concat(good[:1], good[2:]), `row "1", column v: "2" in the database, "1" in the topic`},
		"a missing row":       {good[:4], `row "2" is in the database, not in the topic`},
		"a row too many":      {slices.Concat(good[:3], good[4:]), `row "3" is in the topic, not in the database`},
		"a value for NULL":    {slices.Concat(good, []*kgo.Record{change("u", 2, 9, -1, 0)}), `row "2", column v: NULL in the database, "0" in the topic`},
	} {
		t.Run(name, func(t *testing.T) { expect(t, testenv.FinalTable(events(t, c.recs...), []string{"id"}, rows), c.want) })
	}
}
