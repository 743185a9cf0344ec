package mysql

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-mysql-org/go-mysql/serialization"
)

// Types of binlog events (binary_log::Log_event_type) that mean something here.
const (
	evQuery             = 2
	evStop              = 3
	evRotate            = 4
	evFormatDescription = 15
	evXID               = 16
	evTableMap          = 19
	evWriteRowsV1       = 23
	evUpdateRowsV1      = 24
	evDeleteRowsV1      = 25
	evIncident          = 26
	evHeartbeat         = 27
	evRowsQuery         = 29
	evWriteRows         = 30
	evUpdateRows        = 31
	evDeleteRows        = 32
	evGTID              = 33
	evAnonymousGTID     = 34
	evPreviousGTIDs     = 35
	evXAPrepare         = 38
	evPartialUpdateRows = 39
	evPayload           = 40
	evHeartbeatV2       = 41
	evGTIDTagged        = 42
)

const eventHeaderBytes = 19

// event is one binlog event: the header in fields, the body without header and checksum as a
// slice of the packet, valid as long as the packet.
type event struct {
	seconds  uint32
	kind     byte
	serverID uint32
	size     uint32
	next     uint32 // position behind the event, 0 inside a compressed payload
	flags    uint16
	body     []byte
	inner    bool // from a compressed payload
}

var errShortEvent = errors.New("malformed binlog event: too short")

// parseEvent reads the header. strip is the length of the checksum.
func parseEvent(p []byte, strip int, e *event) error {
	if len(p) < eventHeaderBytes+strip {
		return errShortEvent
	}
	*e = event{
		seconds: binary.LittleEndian.Uint32(p), kind: p[4], serverID: binary.LittleEndian.Uint32(p[5:]),
		size: binary.LittleEndian.Uint32(p[9:]), next: binary.LittleEndian.Uint32(p[13:]), flags: binary.LittleEndian.Uint16(p[17:]),
		body: p[eventHeaderBytes : len(p)-strip],
	}
	return nil
}

// start is the position of the event in the file, at most 0 if it has none.
func (e *event) start() int64 { return int64(e.next) - int64(e.size) }

// checksumBytes reads a format description: how many bytes of checksum end each event of this file.
func checksumBytes(body []byte, strip int) int {
	// The algorithm is the byte before the event's own checksum, which is there in any case.
	i := len(body) + strip - 5
	if i < 0 || i >= len(body) {
		return strip
	}
	if body[i] == 1 {
		return 4
	}
	return 0
}

// parseRotate reads the next file's name.
func parseRotate(body []byte) (file []byte, pos int64, err error) {
	if len(body) < 8 {
		return nil, 0, errShortEvent
	}
	return body[8:], int64(binary.LittleEndian.Uint64(body)), nil
}

// gtidEvent is what a GTID event says.
type gtidEvent struct {
	sid    [16]byte
	n      int64
	tag    string
	micros int64 // original commit time, 0 before 8.0.1
}

const gtidFixedBytes = 1 + 16 + 8

// parseGTID reads types 33 and 34.
func parseGTID(body []byte, g *gtidEvent) error {
	if len(body) < gtidFixedBytes {
		return errShortEvent
	}
	copy(g.sid[:], body[1:17])
	g.n = int64(binary.LittleEndian.Uint64(body[17:]))
	g.tag, g.micros = "", 0
	p := body[gtidFixedBytes:]
	if len(p) < 1+16 || p[0] != 2 {
		return nil // before 5.7
	}
	p = p[17:]
	if len(p) < 7 {
		return nil // before 8.0.1
	}
	now := uint48plus(p)
	const hasOriginal = 1 << 55
	g.micros = int64(now &^ hasOriginal)
	if now&hasOriginal != 0 {
		if len(p) < 14 {
			return errShortEvent
		}
		g.micros = int64(uint48plus(p[7:]))
	}
	return nil
}

// uint48plus reads seven bytes.
func uint48plus(p []byte) uint64 {
	return uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 | uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48
}

// parseTaggedGTID reads type 42 (MySQL 8.3 and newer). Tags are rare; this one may allocate.
func parseTaggedGTID(body []byte, g *gtidEvent) (err error) {
	if len(body) < 4 {
		return errShortEvent
	}
	defer func() { // the library indexes without looking at truncated input
		if r := recover(); r != nil {
			err = errShortEvent
		}
	}()
	uuid, gno, tag := &serialization.FieldIntFixed{Length: 16}, &serialization.FieldIntVar{}, &serialization.FieldString{}
	now, orig := &serialization.FieldUintVar{}, &serialization.FieldUintVar{}
	m := serialization.Message{Format: serialization.Format{Fields: []serialization.Field{
		{Name: "gtid_flags", Type: &serialization.FieldIntFixed{Length: 1}}, {Name: "uuid", Type: uuid}, {Name: "gno", Type: gno},
		{Name: "tag", Type: tag}, {Name: "last_committed", Type: &serialization.FieldIntVar{}},
		{Name: "sequence_number", Type: &serialization.FieldIntVar{}}, {Name: "immediate_commit_timestamp", Type: now},
		{Name: "original_commit_timestamp", Type: orig, Optional: true},
	}}}
	if err := serialization.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("malformed tagged GTID event: %w", err)
	}
	if copy(g.sid[:], uuid.Value) != 16 {
		return errShortEvent
	}
	g.n, g.tag, g.micros = gno.Value, tag.Value, int64(now.Value)
	if !m.Format.Fields[7].Skipped {
		g.micros = int64(orig.Value)
	}
	return nil
}

const hexDigits = "0123456789abcdef"

// appendUUID writes a server's id as text.
func appendUUID(dst []byte, sid *[16]byte) []byte {
	for i, b := range sid {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

// queryEvent is a statement in the log.
type queryEvent struct {
	thread    uint32
	sqlMode   uint64
	dbCharset uint16 // collation id of the session's database, 0 if not told
	database  []byte
	sql       []byte
	vars      []byte // see statusVars
}

// parseQuery reads type 2.
func parseQuery(body []byte, q *queryEvent) error {
	if len(body) < 13 {
		return errShortEvent
	}
	*q = queryEvent{thread: binary.LittleEndian.Uint32(body)}
	dbLen, varLen := int(body[8]), int(binary.LittleEndian.Uint16(body[11:]))
	p := body[13:]
	if len(p) < varLen+dbLen+1 {
		return errShortEvent
	}
	q.vars = p[:varLen]
	q.database, q.sql = p[varLen:varLen+dbLen], p[varLen+dbLen+1:]
	return nil
}

// statusVars picks the session's settings out of vars; it stops at the first variable that it
// does not know, because the length of that is not known either.
func (q *queryEvent) statusVars() {
	p := q.vars
	fixed := map[byte]int{0: 4, 3: 4, 4: 6, 7: 2, 9: 8, 10: 4, 13: 3, 16: 1, 17: 8, 18: 2, 19: 1, 20: 1}
	for len(p) > 0 {
		code := p[0]
		p = p[1:]
		n := 0
		switch code {
		case 1:
			if len(p) < 8 {
				return
			}
			q.sqlMode = binary.LittleEndian.Uint64(p)
			n = 8
		case 8:
			if len(p) < 2 {
				return
			}
			q.dbCharset = binary.LittleEndian.Uint16(p)
			n = 2
		case 2: // catalog, with a closing zero
			if len(p) < 1 {
				return
			}
			n = int(p[0]) + 2
		case 5, 6: // time zone, catalog
			if len(p) < 1 {
				return
			}
			n = int(p[0]) + 1
		case 11: // invoker: two texts
			if len(p) < 1 || len(p) < int(p[0])+2 {
				return
			}
			n = int(p[0]) + 2 + int(p[int(p[0])+1])
		default:
			size, ok := fixed[code]
			if !ok {
				return
			}
			n = size
		}
		if n > len(p) {
			return
		}
		p = p[n:]
	}
}

// rowsEvent is the fixed part of a rows event; rows begin at rows.
type rowsEvent struct {
	table          uint64
	columns        int
	present, after []byte // bitmaps of the columns in the images; after for updates only
	rows           []byte
}

// dummyTable is the table id of a rows event without rows.
const dummyTable = 0x00ffffff

// parseRows reads the types 23 to 25 and 30 to 32.
func parseRows(body []byte, kind byte, r *rowsEvent) error {
	if len(body) < 8 {
		return errShortEvent
	}
	r.table = uint64(binary.LittleEndian.Uint32(body)) | uint64(binary.LittleEndian.Uint16(body[4:]))<<32
	p := body[8:]
	if kind >= evWriteRows {
		if len(p) < 2 {
			return errShortEvent
		}
		extra := int(binary.LittleEndian.Uint16(p)) // counts itself
		if extra < 2 || extra > len(p) {
			return errShortEvent
		}
		p = p[extra:]
	}
	n, size := lenencInt(p)
	if size == 0 || n > 1<<16 {
		return errShortEvent
	}
	p = p[size:]
	bitmap := (int(n) + 7) / 8
	r.columns = int(n)
	update := kind == evUpdateRows || kind == evUpdateRowsV1
	need := bitmap
	if update {
		need *= 2
	}
	if len(p) < need {
		return errShortEvent
	}
	r.present, r.after = p[:bitmap], nil
	if update {
		r.after = p[bitmap:need]
	}
	r.rows = p[need:]
	return nil
}
