package mysql

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// rawEvent builds an event without checksum.
func rawEvent(kind byte, next uint32, body []byte) []byte {
	var e []byte
	e = binary.LittleEndian.AppendUint32(e, 1_700_000_000)
	e = append(e, kind)
	e = binary.LittleEndian.AppendUint32(e, 7)
	e = binary.LittleEndian.AppendUint32(e, uint32(eventHeaderBytes+len(body)))
	e = binary.LittleEndian.AppendUint32(e, next)
	e = binary.LittleEndian.AppendUint16(e, 0)
	return append(e, body...)
}

func TestParseEvent(t *testing.T) {
	var e event
	raw := append(rawEvent(evXID, 500, []byte("12345678")), 1, 2, 3, 4)
	binary.LittleEndian.PutUint32(raw[9:], uint32(len(raw))) // the length counts the checksum
	if err := parseEvent(raw, 4, &e); err != nil {
		t.Fatal(err)
	}
	if e.kind != evXID || e.start() != 500-31 || string(e.body) != "12345678" || e.serverID != 7 {
		t.Errorf("%+v", e)
	}
	if err := parseEvent(raw[:20], 4, &e); err == nil {
		t.Error("a truncated event must be refused")
	}
}

func TestParseGTID(t *testing.T) {
	body := make([]byte, gtidFixedBytes)
	for i := 1; i <= 16; i++ {
		body[i] = byte(i)
	}
	body[17] = 9
	var g gtidEvent
	if err := parseGTID(body, &g); err != nil || g.n != 9 || g.micros != 0 {
		t.Errorf("5.6: %+v %v", g, err)
	}
	if got := string(appendUUID(nil, &g.sid)); got != "01020304-0506-0708-090a-0b0c0d0e0f10" {
		t.Error(got)
	}
	body = append(body, 2)
	body = append(body, make([]byte, 16)...)
	seven := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v)[:7] }
	if err := parseGTID(append(bytes.Clone(body), seven(1_700_000_000_123_456)...), &g); err != nil || g.micros != 1_700_000_000_123_456 {
		t.Errorf("written here: %d %v", g.micros, err)
	}
	both := append(append(bytes.Clone(body), seven(1_800_000_000_000_000|1<<55)...), seven(1_700_000_000_000_001)...)
	if err := parseGTID(both, &g); err != nil || g.micros != 1_700_000_000_000_001 {
		t.Errorf("written elsewhere: %d %v", g.micros, err)
	}
}

func TestParseQuery(t *testing.T) {
	vars := []byte{0, 1, 0, 0, 0, 1}
	vars = binary.LittleEndian.AppendUint64(vars, 1<<2)
	vars = append(vars, 6, 3, 's', 't', 'd', 4, 255, 0, 255, 0, 8, 0, 8, 45, 0, 99, 1, 2)
	body := binary.LittleEndian.AppendUint32(nil, 26)
	body = append(body, 0, 0, 0, 0, 2, 0, 0, byte(len(vars)), 0)
	body = append(body, vars...)
	body = append(body, "db\x00ALTER TABLE t"...)
	var q queryEvent
	if err := parseQuery(body, &q); err != nil {
		t.Fatal(err)
	}
	q.statusVars()
	if q.thread != 26 || string(q.database) != "db" || string(q.sql) != "ALTER TABLE t" || q.sqlMode != 1<<2 || q.dbCharset != 45 {
		t.Errorf("%+v", q)
	}
}

func TestParseRows(t *testing.T) {
	body := []byte{5, 0, 0, 0, 1, 0, 1, 0, 2, 0, 9, 0xff, 1, 0xfe, 1, 'r', 'o', 'w'}
	var r rowsEvent
	if err := parseRows(body, evUpdateRows, &r); err != nil || r.table != 1<<32|5 || r.columns != 9 || r.after[0] != 0xfe || string(r.rows) != "row" {
		t.Errorf("%+v %v", r, err)
	}
	if err := parseRows(body[:12], evUpdateRows, &r); err == nil {
		t.Error("a truncated event must be refused")
	}
}

func TestChecksumBytes(t *testing.T) {
	// A format description ends with the algorithm and, whatever it is, four bytes of checksum.
	for strip, body := range map[int][]byte{4: append(make([]byte, 60), 1), 0: append(make([]byte, 60), 1, 9, 9, 9, 9)} {
		if got := checksumBytes(body, strip); got != 4 {
			t.Errorf("CRC32 read with %d: %d", strip, got)
		}
	}
	if got := checksumBytes(append(make([]byte, 60), 0), 4); got != 0 {
		t.Errorf("NONE: %d", got)
	}
}

func payloadBody(t testing.TB, method byte, inner []byte) []byte {
	t.Helper()
	packed := inner
	if method == compressionZstd {
		w, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		packed = w.EncodeAll(inner, nil)
	}
	how := []byte{2, 1, method}
	if method > 250 {
		how = []byte{2, 3, 0xfc, method, 0}
	}
	body := append(how, 3, 3, 0xfc, byte(len(inner)), byte(len(inner)>>8), 1, 3, 0xfc, byte(len(packed)), byte(len(packed)>>8), 0)
	return append(body, packed...)
}

func TestPayload(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 40_000)
	inner := append(rawEvent(evQuery, 0, []byte("a")), rawEvent(evWriteRows, 0, big)...)
	inner = append(inner, rawEvent(evXID, 0, nil)...)
	var p payload
	defer p.close()
	for _, method := range []byte{compressionZstd, compressionNone, compressionZstd} {
		if err := p.open(payloadBody(t, method, inner)); err != nil {
			t.Fatal(err)
		}
		var kinds []byte
		var e event
		for {
			ok, err := p.next(&e)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if !e.inner || e.start() > 0 {
				t.Error("an inner event has no place of its own")
			}
			if e.kind == evWriteRows && !bytes.Equal(e.body, big) {
				t.Error("body is damaged")
			}
			kinds = append(kinds, e.kind)
		}
		if string(kinds) != string([]byte{evQuery, evWriteRows, evXID}) || p.active {
			t.Errorf("method %d: kinds %v", method, kinds)
		}
	}
	if err := p.open(payloadBody(t, compressionNone, inner[:len(inner)-3])); err != nil {
		t.Fatal(err)
	}
	var e event
	var err error
	for ok := true; ok && err == nil; {
		ok, err = p.next(&e)
	}
	if err == nil || !strings.Contains(err.Error(), io.EOF.Error()) && !strings.Contains(err.Error(), "EOF") {
		t.Errorf("a truncated payload must be an error, got %v", err)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add(rawEvent(evQuery, 10, []byte("0000\x00\x00\x00\x00\x02\x00\x00\x00\x00db\x00BEGIN")))
	f.Add(rawEvent(evGTIDTagged, 10, []byte{2, 100, 20, 0, 1, 2, 3}))
	f.Add(rawEvent(evPayload, 10, payloadBody(f, compressionZstd, rawEvent(evXID, 0, nil))))
	f.Add(rawEvent(evWriteRows, 10, []byte{5, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 1, 0}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e event
		if parseEvent(raw, 0, &e) != nil {
			return
		}
		var g gtidEvent
		var q queryEvent
		var r rowsEvent
		_ = parseGTID(e.body, &g)
		_ = parseTaggedGTID(e.body, &g)
		if parseQuery(e.body, &q) == nil {
			q.statusVars()
		}
		_ = parseRows(e.body, e.kind, &r)
		_, _, _ = parseRotate(e.body)
		checksumBytes(e.body, 4)
		var p payload
		defer p.close()
		if p.open(e.body) == nil {
			for range 10 {
				var in event
				if ok, err := p.next(&in); !ok || err != nil {
					break
				}
			}
		}
	})
}
