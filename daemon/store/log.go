package store

import (
	"context"
	"sync"
)

// Record is one keyed record. A nil Value is a tombstone. Offset is the log's, and set only when
// a Log hands a record to apply; a log without partitions counts by itself.
type Record struct {
	Key, Value []byte
	Offset     int64
}

// Log is an ordered log of which only the newest record of each key matters.
//
// Open is called once, before everything else. Append and Refresh may be called from any
// goroutine afterwards. apply is called for one record at a time, in the order of the log; it
// must not call the Log.
type Log interface {
	// Open creates or checks the storage and applies every record that is there, then the later ones as
	// they come, also those that others write.
	Open(ctx context.Context, apply func(Record)) error
	// Append writes records in order and returns when they are durable and applied.
	Append(ctx context.Context, recs ...Record) error
	// Refresh returns when everything that was in the log at the time of the call is applied.
	Refresh(ctx context.Context) error
	Close() error
}

// MemoryLog is a Log that forgets: configurations and statuses of a standalone worker (CW-192).
type MemoryLog struct {
	mu    sync.Mutex // guards recs and the calls of apply
	recs  []Record
	apply func(Record)
	next  int64
}

var _ Log = (*MemoryLog)(nil)

// Open implements Log. A MemoryLog that was closed can be opened again, for tests of restarts.
func (l *MemoryLog) Open(_ context.Context, apply func(Record)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.apply = apply
	for _, r := range l.recs {
		apply(r)
	}
	return nil
}

// Append implements Log. Only the newest record of a key is kept.
func (l *MemoryLog) Append(_ context.Context, recs ...Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range recs {
		r.Offset = l.next
		l.next++
		for i := range l.recs {
			if string(l.recs[i].Key) == string(r.Key) {
				l.recs = append(l.recs[:i], l.recs[i+1:]...)
				break
			}
		}
		l.recs = append(l.recs, r)
		l.apply(r)
	}
	return nil
}

// Refresh implements Log.
func (l *MemoryLog) Refresh(context.Context) error { return nil }

// Close implements Log.
func (l *MemoryLog) Close() error { return nil }

// Records returns what the log holds, for tests.
func (l *MemoryLog) Records() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Record(nil), l.recs...)
}
