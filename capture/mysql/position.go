package mysql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/configs/javaregex"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory/gtid"
)

// Keys of the source offset (DM-113).
const (
	offServer   = "server"
	offFile     = "file"
	offPos      = "pos"
	offGTIDs    = "gtids"
	offEvent    = "event"
	offRow      = "row"
	offServerID = "server_id"
	offTSSec    = "ts_sec"
	offSnapshot = "snapshot"
	offTxID     = "transaction_id"
	offTxOrder  = "transaction_data_collection_order_"
)

// cursor is where the source is, in Debezium's terms (BinlogOffsetContext, DM-113..116): two
// places at once, the event that is being looked at and the place to restart from. Inside a
// transaction the latter stays at its BEGIN, and event and row count what was done since.
type cursor struct {
	// Of the present event; they become the source block.
	curFile  string
	curPos   int64
	curLen   int64
	row      int32 // of the last row seen; a DDL shows it too
	serverID uint32
	thread   int64  // -1 = none
	gtidText []byte // GTID of the transaction, empty without one
	query    string
	micros   int64 // event time
	hasTime  bool

	// The place to restart from.
	file string
	pos  int64
	// gtids holds what was completed before the present transaction; nil if none was ever known.
	gtids *gtid.Set
	open  struct { // the present transaction's GTID, not yet in gtids
		uuid, tag string
		n         int64
		set       bool
	}
	event    int64
	rowsDone int64
	inTx     bool
	// hold is a transaction without a BEGIN (XA, CREATE TABLE ... SELECT): it can only be
	// repeated as a whole, so nothing is counted.
	hold bool

	snapshot string // INITIAL while one runs
	tx       *txContext
}

// where names the place to restart from, for messages.
func (c *cursor) where() string {
	if c.gtids != nil {
		return fmt.Sprintf("GTIDs %q (%s:%d)", c.gtids.String(), c.file, c.pos)
	}
	return fmt.Sprintf("%s:%d", c.file, c.pos)
}

// at names the present event, for messages.
func (c *cursor) at() string { return fmt.Sprintf("%s:%d", c.curFile, c.curPos) }

// startAt is setBinlogStartPoint: a rotate event or the position of a snapshot.
func (c *cursor) startAt(file string, pos int64) {
	c.curFile, c.curPos, c.row = file, pos, 0
	c.file, c.pos, c.rowsDone, c.event = file, pos, 0, 0
}

// setEvent is setEventPosition. Outside a transaction reading can go on behind each event.
func (c *cursor) setEvent(pos, length int64) {
	c.curPos, c.curLen = pos, length
	if !c.inTx {
		c.pos, c.rowsDone, c.event = pos+length, 0, 0
	}
}

// startGTID takes the transaction before it as completed.
func (c *cursor) startGTID(uuid, tag string, n int64) {
	c.closeGTID()
	// Without a set to begin with (an offset of file and position only) numbers are not
	// collected: a set of the newest ones alone would ask for all the older ones again.
	c.open.uuid, c.open.tag, c.open.n, c.open.set = uuid, tag, n, c.gtids != nil
	c.gtidText = append(c.gtidText[:0], uuid...)
	if tag != "" {
		c.gtidText = append(append(c.gtidText, ':'), tag...)
	}
	c.gtidText = strconv.AppendInt(append(c.gtidText, ':'), n, 10)
}

func (c *cursor) closeGTID() {
	if c.open.set {
		c.gtids.Add(c.open.uuid, c.open.tag, c.open.n)
		c.open.set = false
	}
}

// begin is startNextTransaction.
func (c *cursor) begin(thread int64) {
	c.rowsDone, c.event = 0, 0
	c.file, c.pos, c.inTx = c.curFile, c.curPos, true
	c.thread = thread
}

// commit is commitTransaction.
func (c *cursor) commit() {
	c.closeGTID()
	c.file, c.pos = c.curFile, c.curPos+c.curLen
	c.rowsDone, c.event, c.inTx, c.hold = 0, 0, false, false
	c.query, c.thread = "", -1
}

// done counts a delivered event. Outside a transaction Debezium counts as well, but the next
// event starts from 0 again, so the number never reaches an offset.
func (c *cursor) done() {
	if c.inTx && !c.hold {
		c.event++
	}
}

// keepHere starts a transaction without a BEGIN at the present event.
func (c *cursor) keepHere() {
	c.rowsDone, c.event = 0, 0
	c.file, c.pos, c.inTx, c.hold = c.curFile, c.curPos, true, true
}

// settle moves the place to restart from behind a statement that has no commit event (a DDL):
// its GTID is complete. Debezium waits for the next transaction with that, and replays the
// statement when it is stopped in between.
func (c *cursor) settle() {
	if !c.inTx {
		c.closeGTID()
	}
}

// transactionID is the id of transaction metadata (DM-46).
func (c *cursor) transactionID() string {
	if len(c.gtidText) > 0 {
		return string(c.gtidText)
	}
	return fmt.Sprintf("file=%s,pos=%d", c.file, c.pos)
}

// offset renders the offset. The keys stand in the order in which a Java HashMap lists them,
// because Debezium's is one and Connect compares serialized bytes.
func (c *cursor) offset() records.Doc {
	d := make(records.Doc, 0, 10)
	tx := c.snapshot == "" && c.tx != nil && c.tx.id != ""
	if tx {
		d = append(d, records.DocField{Key: offTxID, Value: c.tx.id})
	}
	if c.hasTime {
		d = append(d, records.DocField{Key: offTSSec, Value: floorDiv(c.micros, 1_000_000)})
	}
	d = append(d, records.DocField{Key: offFile, Value: c.file}, records.DocField{Key: offPos, Value: c.pos})
	if c.gtids != nil && !c.gtids.IsEmpty() {
		d = append(d, records.DocField{Key: offGTIDs, Value: c.gtids.Debezium()})
	}
	if c.rowsDone != 0 {
		d = append(d, records.DocField{Key: offRow, Value: c.rowsDone})
	}
	if c.serverID != 0 {
		d = append(d, records.DocField{Key: offServerID, Value: int64(c.serverID)})
	}
	if c.event != 0 {
		d = append(d, records.DocField{Key: offEvent, Value: c.event})
	}
	if c.snapshot != "" {
		d = append(d, records.DocField{Key: offSnapshot, Value: c.snapshot})
	}
	if tx {
		for _, n := range c.tx.tables {
			d = append(d, records.DocField{Key: offTxOrder + n.name, Value: n.count})
		}
		javaOrder(d)
	}
	return d
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// loadCursor reads a stored offset, ours or Debezium's; unknown keys are left alone (DM-119).
func loadCursor(d records.Doc) (*cursor, error) {
	c := &cursor{thread: -1}
	v, ok := d.Get(offFile)
	if !ok || v == nil {
		return nil, capture.Errorf("read offset", "", "remove the offset to start anew, or give file and pos", "Source offset 'file' parameter is missing")
	}
	c.file, ok = v.(string)
	if !ok {
		return nil, capture.Errorf("read offset", "", "", "file is not text")
	}
	var server, sec int64
	var hasTime bool
	for _, n := range []struct {
		key   string
		into  *int64
		given *bool
	}{{offPos, &c.pos, nil}, {offEvent, &c.event, nil}, {offRow, &c.rowsDone, nil}, {offServerID, &server, nil}, {offTSSec, &sec, &hasTime}} {
		v, given := d.Get(n.key)
		if !given || v == nil {
			continue // Debezium's default is 0 as well
		}
		i, ok := d.Int(n.key)
		if !ok || i < 0 {
			return nil, capture.Errorf("read offset", "", "correct the stored offset, or remove it to start anew", "%s is not a number from 0 on", n.key)
		}
		*n.into = i
		if n.given != nil {
			*n.given = true
		}
	}
	c.curFile, c.curPos, c.serverID = c.file, c.pos, uint32(server)
	if hasTime {
		c.micros, c.hasTime = sec*1_000_000, true
	}
	if g, ok := d.Get(offGTIDs); ok && g != nil {
		text, isText := g.(string)
		if !isText {
			return nil, capture.Errorf("read offset", "", "correct gtids in the stored offset", "gtids is not text")
		}
		if strings.TrimSpace(text) != "" {
			set, err := gtid.Parse(text)
			if err != nil {
				return nil, capture.Errorf("read offset", "", "correct gtids in the stored offset", "%w", err)
			}
			c.gtids = set
		}
	}
	if s, ok := d.Get(offSnapshot); ok && s != nil && s != false && s != "false" {
		c.snapshot = strings.ToUpper(fmt.Sprint(s))
		if c.snapshot == "TRUE" { // older releases wrote a boolean
			c.snapshot = snapshotInitial
		}
	}
	c.tx = loadTxContext(d)
	return c, nil
}

// snapshotInitial is the value of the offset's snapshot key while an initial snapshot runs.
const snapshotInitial = "INITIAL"

// javaOrder sorts keys as a Java HashMap iterates them: by bucket, equal buckets as they came.
func javaOrder(d records.Doc) {
	buckets := records.JavaBuckets(len(d))
	at := func(key string) int { return records.JavaBucket(key, buckets) }
	for i := 1; i < len(d); i++ { // few keys: insertion keeps equal ones in order
		for j := i; j > 0 && at(d[j-1].Key) > at(d[j].Key); j-- {
			d[j-1], d[j] = d[j], d[j-1]
		}
	}
}

// partition is the source partition (DM-112).
func (s *settings) partition() records.Doc { return records.Doc{{Key: offServer, Value: s.prefix}} }

// gtidSources is gtid.source.includes or .excludes: UUIDs as they are, anything else a pattern.
type gtidSources struct {
	exact    []string
	patterns []*javaregex.Regex
}

func parseGTIDSources(list string) (*gtidSources, error) {
	g := &gtidSources{}
	for _, p := range strings.Split(list, ",") {
		p = strings.TrimSpace(p)
		switch {
		case p == "":
		case len(p) == 36 && strings.Count(p, "-") == 4:
			g.exact = append(g.exact, strings.ToLower(p))
		default:
			re, err := javaregex.Compile(p, true)
			if err != nil {
				return nil, err
			}
			g.patterns = append(g.patterns, re)
		}
	}
	return g, nil
}

func (g *gtidSources) match(uuid string) bool {
	if slices.Contains(g.exact, uuid) {
		return true
	}
	for _, re := range g.patterns {
		if ok, _ := re.Matches(uuid); ok { // a UUID is too short to time out
			return true
		}
	}
	return false
}

// gtidSource answers which GTID sources are read (DM-109).
func (s *settings) gtidSource() func(gtid.Source) bool {
	list, want := s.gtidIncludes, true
	if list == "" {
		list, want = s.gtidExcludes, false
	}
	g, err := parseGTIDSources(list)
	if err != nil || list == "" { // newSettings has refused lists that cannot be read
		return func(gtid.Source) bool { return true }
	}
	return func(src gtid.Source) bool { return g.match(src.UUID) == want }
}

// resumeSet is the GTID set to ask the server for (DM-117): what was read of each known source,
// what is purged of the others, nothing of sources never seen.
func resumeSet(known, purged *gtid.Set, keep func(gtid.Source) bool) *gtid.Set {
	known = known.Retain(keep)
	seen := map[gtid.Source]bool{}
	for _, src := range known.Sources() {
		seen[src] = true
	}
	out := known.Clone()
	out.AddSet(purged.Retain(func(src gtid.Source) bool { return !seen[src] }))
	return out
}
