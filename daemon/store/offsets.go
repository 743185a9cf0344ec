package store

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/anabranch/anabranch/daemon/jsontext"
	"github.com/anabranch/anabranch/records"
)

// Offsets is the store of source offsets. It implements actors.OffsetStore.
type Offsets struct {
	log  Log
	slog *slog.Logger

	mu          sync.RWMutex // guards byConnector
	byConnector map[string]*offsetTable
}

type offsetTable struct {
	order   []string // canonical partitions, oldest first
	entries map[string]*offsetEntry
}

// offsetEntry is one partition. Java finds an offset by the bytes of its key, so the keys
// that were read are written again as they are; several keys can mean one partition, and
// then all of them get the update (CW-174, CW-175).
type offsetEntry struct {
	partition records.Doc
	offset    records.Doc // nil: none
	keys      [][]byte
}

// NewOffsets makes a store over a log.
func NewOffsets(log Log, logger *slog.Logger) *Offsets {
	return &Offsets{log: log, slog: logger, byConnector: map[string]*offsetTable{}}
}

// Open reads everything.
func (o *Offsets) Open(ctx context.Context) error { return o.log.Open(ctx, o.apply) }

// Close ends the log.
func (o *Offsets) Close() error { return o.log.Close() }

// Load returns the offsets of a connector as the log has them now.
func (o *Offsets) Load(ctx context.Context, connector string) ([]records.Position, error) {
	if err := o.log.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("read offsets to the end: %w", err)
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	var out []records.Position
	if t := o.byConnector[connector]; t != nil {
		for _, c := range t.order {
			if e := t.entries[c]; e.offset != nil {
				out = append(out, records.Position{Partition: clone(e.partition), Offset: clone(e.offset)})
			}
		}
	}
	return out, nil
}

// Store writes offsets and returns when they are durable.
func (o *Offsets) Store(ctx context.Context, connector string, positions []records.Position) error {
	recs := o.Records(connector, positions)
	if len(recs) == 0 {
		return nil
	}
	if err := o.log.Append(ctx, recs...); err != nil {
		return &Error{Op: "store offsets of connector", Subject: connector, Cause: err}
	}
	return nil
}

// Records are the positions as the log has them. A position with a nil Offset becomes a tombstone;
// one with a nil Partition says nothing and is skipped.
func (o *Offsets) Records(connector string, positions []records.Position) []Record {
	var recs []Record
	for _, p := range positions {
		if p.Partition == nil {
			continue
		}
		var value []byte
		if p.Offset != nil {
			value = jsontext.Marshal(object(p.Offset))
		}
		for _, key := range o.keys(connector, p.Partition) {
			recs = append(recs, Record{Key: key, Value: value})
		}
	}
	return recs
}

// knows tells whether the log has an offset, or a tombstone, of a partition.
func (o *Offsets) knows(connector string, partition records.Doc) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	t := o.byConnector[connector]
	return t != nil && t.entries[partition.Canonical()] != nil
}

// keys returns the keys under which a partition is known, or the one that Java would make:
// its members in the order of a HashMap (CW-174).
func (o *Offsets) keys(connector string, partition records.Doc) [][]byte {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if t := o.byConnector[connector]; t != nil {
		if e := t.entries[partition.Canonical()]; e != nil {
			return e.keys
		}
	}
	return [][]byte{OffsetKey(connector, partition)}
}

// OffsetKey is the key of a partition that was never stored before (CW-172).
func OffsetKey(connector string, partition records.Doc) []byte {
	return jsontext.Marshal([]any{connector, HashObject(partition)})
}

// HashObject is a Doc as a JSON object in the order of Java's HashMap.
func HashObject(d records.Doc) jsontext.Object {
	names := make([]string, len(d))
	for i := range d {
		names[i] = d[i].Key
	}
	out := make(jsontext.Object, 0, len(d))
	for _, n := range jsontext.HashOrder(names) {
		v, _ := d.Get(n)
		out = append(out, jsontext.Member{Key: n, Value: v})
	}
	return out
}

func object(d records.Doc) jsontext.Object {
	out := make(jsontext.Object, len(d))
	for i := range d {
		out[i] = jsontext.Member{Key: d[i].Key, Value: d[i].Value}
	}
	return out
}

func (o *Offsets) apply(r Record) {
	connector, partition, err := parseOffsetKey(r.Key)
	if err != nil {
		o.slog.Warn("offset record is skipped", "err", err)
		return
	}
	var offset records.Doc
	if r.Value != nil {
		v, err := jsontext.Parse(r.Value)
		if err == nil {
			offset, err = Doc(v)
		}
		if err != nil {
			o.slog.Warn("offset record is skipped", "connector", connector, "err", err)
			return
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.byConnector[connector]
	if t == nil {
		t = &offsetTable{entries: map[string]*offsetEntry{}}
		o.byConnector[connector] = t
	}
	canonical := partition.Canonical()
	e := t.entries[canonical]
	if e == nil {
		e = &offsetEntry{partition: partition}
		t.entries[canonical] = e
		t.order = append(t.order, canonical)
	}
	e.offset = offset
	for _, k := range e.keys {
		if string(k) == string(r.Key) {
			return
		}
	}
	e.keys = append(e.keys, append([]byte(nil), r.Key...))
}

// parseOffsetKey reads ["connector",{partition}] (CW-172, CW-177).
func parseOffsetKey(key []byte) (string, records.Doc, error) {
	v, err := jsontext.Parse(key)
	if err != nil {
		return "", nil, fmt.Errorf("key is not JSON: %w", err)
	}
	list, ok := v.([]any)
	if !ok || len(list) != 2 {
		return "", nil, fmt.Errorf("key is not a list of two elements")
	}
	connector, ok := list[0].(string)
	if !ok {
		return "", nil, fmt.Errorf("first element of the key is not a connector name")
	}
	if list[1] == nil {
		return connector, records.Doc{}, nil
	}
	partition, err := Doc(list[1])
	if err != nil {
		return "", nil, fmt.Errorf("partition in the key of connector %s: %w", connector, err)
	}
	return connector, partition, nil
}

// Doc turns a parsed JSON object into a Doc; nested values have no place in one (CW-173).
func Doc(v any) (records.Doc, error) {
	obj, ok := v.(jsontext.Object)
	if !ok {
		return nil, fmt.Errorf("not a JSON object")
	}
	d := make(records.Doc, 0, len(obj))
	for _, m := range obj {
		switch x := m.Value.(type) {
		case nil, bool, string, int64:
			d = d.Set(m.Key, x)
		case json.Number:
			f, err := x.Float64()
			if err != nil {
				return nil, fmt.Errorf("member %s is out of range", m.Key)
			}
			d = d.Set(m.Key, f)
		default:
			return nil, fmt.Errorf("member %s is neither text nor number nor boolean", m.Key)
		}
	}
	return d, nil
}

func clone(d records.Doc) records.Doc { return append(records.Doc(nil), d...) }
