package mysql

import (
	"reflect"
	"strings"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"pgregory.net/rapid"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory/gtid"
)

const uuidA, uuidB, uuidC = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"

func mustSet(t *testing.T, text string) *gtid.Set {
	t.Helper()
	s, err := gtid.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A transaction as the server writes it, and the offset that Debezium shows at each step
// (DM-113..116; the numbers are of a run of Debezium 3.6.1).
func TestCursor_CountsAsDebezium(t *testing.T) {
	c := &cursor{thread: -1, gtids: mustSet(t, uuidA+":1-9"), micros: 1_700_000_000_500_000, hasTime: true}
	c.startAt("mysql-bin.000001", 4)
	c.serverID = 27226
	c.setEvent(2531, 79)
	c.startGTID(uuidA, "", 10)
	c.done()
	c.setEvent(2610, 86)
	c.begin(26)
	c.done()
	c.setEvent(2696, 69) // TABLE_MAP
	c.done()
	c.setEvent(2765, 100) // rows, now being emitted
	c.row, c.rowsDone = 0, 1
	want := records.Doc{{Key: "ts_sec", Value: int64(1_700_000_000)}, {Key: "file", Value: "mysql-bin.000001"}, {Key: "pos", Value: int64(2610)},
		{Key: "gtids", Value: uuidA + ":1-9"}, {Key: "row", Value: int64(1)}, {Key: "server_id", Value: int64(27226)}, {Key: "event", Value: int64(2)}}
	if got := c.offset(); !reflect.DeepEqual(got, want) {
		t.Errorf("in the transaction\n got %v\nwant %v", got, want)
	}
	c.rowsDone = 0
	c.done()
	c.setEvent(2865, 31)
	c.commit()
	c.done()
	want = records.Doc{{Key: "ts_sec", Value: int64(1_700_000_000)}, {Key: "file", Value: "mysql-bin.000001"}, {Key: "pos", Value: int64(2896)},
		{Key: "gtids", Value: uuidA + ":1-10"}, {Key: "server_id", Value: int64(27226)}}
	if got := c.offset(); !reflect.DeepEqual(got, want) {
		t.Errorf("after the commit\n got %v\nwant %v", got, want)
	}
}

// Between the GTID event and its transaction nothing may be taken as done: a restart from
// there must read the transaction.
func TestCursor_GTIDAloneIsNotDone(t *testing.T) {
	c := &cursor{thread: -1, gtids: mustSet(t, uuidA+":1-9")}
	c.startGTID(uuidA, "", 10)
	if got := c.offset().Str("gtids"); got != uuidA+":1-9" {
		t.Errorf("gtids %s", got)
	}
	c.settle()
	if got := c.offset().Str("gtids"); got != uuidA+":1-10" {
		t.Errorf("after a statement that stands alone: %s", got)
	}
}

func TestCursor_HoldCountsNothing(t *testing.T) {
	c := &cursor{thread: -1}
	c.startAt("f.1", 4)
	c.setEvent(100, 50)
	c.keepHere()
	for range 3 {
		c.done()
	}
	c.setEvent(150, 50)
	d := c.offset()
	if pos, _ := d.Int("pos"); pos != 100 {
		t.Errorf("pos %d", pos)
	}
	if _, has := d.Get("event"); has {
		t.Error("a transaction without BEGIN cannot be resumed in the middle")
	}
}

func TestLoadCursor(t *testing.T) {
	// As Connect hands over what a person has typed: numbers as floats and text, unknown keys.
	c, err := loadCursor(records.Doc{{Key: "file", Value: "b.000003"}, {Key: "pos", Value: 157.0}, {Key: "event", Value: "2"}, {Key: "row", Value: int64(1)},
		{Key: "gtids", Value: uuidA + ":1-5:7-7"}, {Key: "transaction_id", Value: nil}, {Key: "new_key", Value: true}, {Key: "snapshot", Value: true}})
	if err != nil {
		t.Fatal(err)
	}
	if c.file != "b.000003" || c.pos != 157 || c.event != 2 || c.rowsDone != 1 || c.gtids.String() != uuidA+":1-5:7" || c.snapshot != "INITIAL" {
		t.Errorf("%+v", c)
	}
	if _, err := loadCursor(records.Doc{{Key: "pos", Value: int64(4)}}); err == nil {
		t.Error("an offset without a file must be refused")
	}
}

func TestJavaOrder(t *testing.T) {
	d := records.Doc{}
	for _, k := range []string{"transaction_data_collection_order_db.t", "snapshot", "event", "server_id", "row", "gtids", "pos", "file", "ts_sec", "transaction_id"} {
		d = append(d, records.DocField{Key: k})
	}
	javaOrder(d)
	var got []string
	for _, f := range d {
		if f.Key != "transaction_data_collection_order_db.t" {
			got = append(got, f.Key)
		}
	}
	want := []string{"transaction_id", "ts_sec", "file", "pos", "gtids", "row", "event", "server_id", "snapshot"} // event came first here
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestResumeSet(t *testing.T) {
	all := func(gtid.Source) bool { return true }
	for name, c := range map[string]struct {
		known, purged, want string
		keep                func(gtid.Source) bool
	}{
		"purged ranges of a known source do not count": {known: uuidA + ":1-5", purged: uuidA + ":1-3", want: uuidA + ":1-5"},
		"an unknown source begins after the purge":     {known: uuidA + ":1-5", purged: uuidB + ":1-9", want: uuidA + ":1-5," + uuidB + ":1-9"},
		"a source never seen is read from its start":   {known: uuidA + ":1-5", want: uuidA + ":1-5"},
		"excluded sources are not asked for by number": {known: uuidA + ":1-5," + uuidC + ":1-2", purged: uuidC + ":1-1", want: uuidA + ":1-5," + uuidC + ":1",
			keep: func(s gtid.Source) bool { return s.UUID != uuidC }},
	} {
		keep := c.keep
		if keep == nil {
			keep = all
		}
		if got := resumeSet(mustSet(t, c.known), mustSet(t, c.purged), keep); got.String() != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestEncodeGTIDs_AsGoMySQL(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &gtid.Set{}
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			first := rapid.Int64Range(1, 1000).Draw(t, "first")
			s.AddInterval(gtid.Source{UUID: rapid.SampledFrom([]string{uuidA, uuidB, uuidC}).Draw(t, "uuid"), Tag: rapid.SampledFrom([]string{"", "a", "tag_2"}).Draw(t, "tag")},
				gtid.Interval{First: first, Last: first + rapid.Int64Range(0, 50).Draw(t, "len")})
		}
		theirs, err := gomysql.ParseMysqlGTIDSet(s.String())
		if err != nil {
			t.Fatal(err)
		}
		mine, err := encodeGTIDs(s)
		if err != nil || string(mine) != string(theirs.Encode()) {
			t.Fatalf("%s: %v\nmine   %x\ntheirs %x", s, err, mine, theirs.Encode())
		}
	})
}

func TestTxContext(t *testing.T) {
	tx := loadTxContext(records.Doc{{Key: "transaction_id", Value: "g:1"}, {Key: "transaction_data_collection_order_db.t", Value: int64(3)}})
	if tx.begin("g:1") {
		t.Error("no second BEGIN after a restart in mid-transaction")
	}
	if n := tx.event("db.t"); n != 4 || tx.total != 4 {
		t.Errorf("event %d of %d", n, tx.total)
	}
	if !tx.begin("g:2") || tx.event("db.t") != 1 {
		t.Error("a new transaction counts from 1")
	}
}

func TestGTIDSource(t *testing.T) {
	for _, c := range []struct {
		in, out string
		uuid    string
		want    bool
	}{
		{"", "", uuidA, true},
		{uuidA, "", uuidA, true}, {uuidA, "", uuidB, false}, {"1{8}.*", "", uuidA, true},
		{"", uuidA, uuidA, false}, {"", uuidA, uuidB, true}, {"", uuidA + ",2.*", uuidB, false},
	} {
		s := &settings{gtidIncludes: c.in, gtidExcludes: c.out}
		if got := s.gtidSource()(gtid.Source{UUID: c.uuid}); got != c.want {
			t.Errorf("includes %q excludes %q: %s is %v", c.in, c.out, c.uuid, got)
		}
	}
}

// An offset that somebody edited is refused, not guessed: a position read as 0 would send the
// whole log again.
func TestLoadCursor_RefusesWhatItCannotRead(t *testing.T) {
	for name, c := range map[string]struct {
		key   string
		value any
	}{
		"text": {"pos", "here"}, "fraction": {"pos", 1.5}, "flag": {"pos", true}, "negative": {"pos", int64(-4)},
		"event": {"event", "two"}, "row": {"row", int64(-1)}, "server": {"server_id", "x"}, "time": {"ts_sec", "now"},
		"gtids": {"gtids", int64(5)},
	} {
		_, err := loadCursor(records.Doc{{Key: "file", Value: "b.000003"}, {Key: "pos", Value: int64(4)}}.Set(c.key, c.value))
		if err == nil || !strings.Contains(err.Error(), c.key) {
			t.Errorf("%s: %s=%v: %v, want an error that names the key", name, c.key, c.value, err)
		}
	}
	// Debezium reads a missing position as the start of the file, and null as missing.
	c, err := loadCursor(records.Doc{{Key: "file", Value: "b.000003"}, {Key: "event", Value: nil}})
	if err != nil || c.pos != 0 || c.event != 0 {
		t.Errorf("missing numbers: %+v, %v", c, err)
	}
}
