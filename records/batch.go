package records

import (
	"sync"
	"sync/atomic"
)

// NoTimestamp marks a record without a timestamp of its own: the producer sets one (CW-268).
const NoTimestamp = int64(-1)

// NoPartition lets the producer's partitioner choose (CW-268).
const NoPartition = int32(-1)

// Record is one Connect record of a batch. Topic and schemas are indexes into the batch's
// dictionaries, so that a record holds no pointer.
type Record struct {
	Key, Value  Value
	KeySchema   uint16 // index into Batch.Schemas, 0 = no schema
	ValueSchema uint16 // index into Batch.Schemas, 0 = no schema
	Topic       uint16 // index into Batch.Topics
	Partition   int32  // NoPartition, or the partition to write to
	Timestamp   int64  // ms since epoch, or NoTimestamp
	HeaderOff   uint32 // first header in Batch.Headers
	HeaderN     uint32
	// The original coordinates of a consumed record; unused in source connectors (CW-286).
	// The original topic-partition is the batch's Origin.
	Offset int64
}

// Header is one record header.
type Header struct {
	Key    string
	Schema *Schema // nil = none
	Value  Value
}

// Origin names where the records of a batch come from.
type Origin struct {
	// Table is "db.table" for a source connector, "topic-partition" for a sink connector. It names the lane.
	Table string
	// Topic and Partition are set for consumed batches only.
	Topic     string
	Partition int32
}

// Batch is the unit of work: records of one lane under one schema version per table, in order.
//
// It has one owner at a time: whoever holds it may read and append; handing it on ends
// that right. The last owner calls Release exactly once. After Release nothing that was
// obtained from the batch (Str, Bytes, Vals) may be used; in tests the arena is
// overwritten at that moment so that late readers fail loudly.
type Batch struct {
	Origin  Origin
	Topics  []string
	Schemas []*Schema // index 0 is always nil
	Records []Record
	Vals    []Value
	Arena   []byte
	Headers []Header
	// Consumed are the records as they came, by offset; only kept for a dead letter queue.
	Consumed []Consumed
	// SourceMillis is the time of the newest change in the batch at its source, 0 if unknown.
	SourceMillis int64

	released atomic.Bool
}

var batchPool = sync.Pool{New: func() any { return &Batch{Schemas: make([]*Schema, 1, 4)} }}

// Batches whose slabs grew beyond these limits are not pooled, so that one huge
// transaction does not pin its memory for ever.
const (
	maxPooledArenaBytes = 4 << 20
	maxPooledVals       = 256 << 10
)

// Poison makes Release overwrite the arena. Tests switch it on in TestMain.
var Poison atomic.Bool

// NewBatch returns an empty batch from the pool.
func NewBatch(origin Origin) *Batch {
	b := batchPool.Get().(*Batch)
	b.Origin = origin
	b.released.Store(false)
	return b
}

// Release returns the batch's memory. Calling it twice panics: it means two owners.
func (b *Batch) Release() {
	if b.released.Swap(true) {
		panic("records: batch released twice: " + b.Origin.Table)
	}
	if Poison.Load() {
		a := b.Arena[:cap(b.Arena)]
		for i := range a {
			a[i] = 0xDB
		}
		v := b.Vals[:cap(b.Vals)]
		for i := range v {
			v[i] = Value{Kind: 0xDB}
		}
	}
	if cap(b.Arena) > maxPooledArenaBytes || cap(b.Vals) > maxPooledVals {
		return
	}
	clear(b.Schemas)
	clear(b.Headers)
	clear(b.Topics)
	b.Topics, b.Schemas, b.Records = b.Topics[:0], b.Schemas[:1], b.Records[:0]
	b.Vals, b.Arena, b.Headers = b.Vals[:0], b.Arena[:0], b.Headers[:0]
	clear(b.Consumed)
	b.Consumed = b.Consumed[:0]
	b.Origin, b.SourceMillis = Origin{}, 0
	batchPool.Put(b)
}

// SizeBytes is what the batch holds in memory, for the budget.
func (b *Batch) SizeBytes() int64 {
	n := int64(len(b.Arena)) + int64(len(b.Vals))*24 + int64(len(b.Records))*104
	for i := range b.Consumed {
		c := &b.Consumed[i]
		n += int64(len(c.Key)+len(c.Value)) + 160
	}
	return n
}

// TopicIndex returns the index of a topic in the dictionary, adding it if needed.
func (b *Batch) TopicIndex(topic string) uint16 {
	for i := range b.Topics {
		if b.Topics[i] == topic {
			return uint16(i)
		}
	}
	b.Topics = append(b.Topics, topic)
	return uint16(len(b.Topics) - 1)
}

// SchemaIndex returns the index of a schema in the dictionary, adding it if needed. nil is 0.
func (b *Batch) SchemaIndex(s *Schema) uint16 {
	if s == nil {
		return 0
	}
	for i := 1; i < len(b.Schemas); i++ {
		if b.Schemas[i] == s {
			return uint16(i)
		}
	}
	b.Schemas = append(b.Schemas, s)
	return uint16(len(b.Schemas) - 1)
}

// AddString copies s into the arena.
func (b *Batch) AddString(s string) Value {
	off := uint32(len(b.Arena))
	b.Arena = append(b.Arena, s...)
	return Value{Kind: KindString, Off: off, N: uint32(len(s))}
}

// AddStringBytes copies p, which must be UTF-8, into the arena as a STRING.
func (b *Batch) AddStringBytes(p []byte) Value {
	off := uint32(len(b.Arena))
	b.Arena = append(b.Arena, p...)
	return Value{Kind: KindString, Off: off, N: uint32(len(p))}
}

// AddBytes copies p into the arena as BYTES.
func (b *Batch) AddBytes(p []byte) Value {
	off := uint32(len(b.Arena))
	b.Arena = append(b.Arena, p...)
	return Value{Kind: KindBytes, Off: off, N: uint32(len(p))}
}

// ArenaValue makes a value of the arena bytes from off to the arena's present end. Encoders
// that append to b.Arena themselves use it to avoid a second copy.
func (b *Batch) ArenaValue(k Kind, off int) Value {
	return Value{Kind: k, Off: uint32(off), N: uint32(len(b.Arena) - off)}
}

// AddVals reserves n values in the slab and returns the offset of the first; they are null.
// Keep the offset, not a slice: a later AddVals may move the slab.
func (b *Batch) AddVals(n int) uint32 {
	off := len(b.Vals)
	if off+n <= cap(b.Vals) {
		b.Vals = b.Vals[:off+n]
		clear(b.Vals[off:])
	} else {
		b.Vals = append(b.Vals, make([]Value, n)...)
	}
	return uint32(off)
}

// StructAt makes a STRUCT of the n values at off.
func StructAt(off uint32, n int) Value { return Value{Kind: KindStruct, Off: off, N: uint32(n)} }

// Elems returns the members of a struct or array, or the alternating keys and values of a
// map. The slice is valid until the next AddVals.
func (b *Batch) Elems(v Value) []Value {
	n := v.N
	if v.Kind == KindMap {
		n *= 2
	}
	return b.Vals[v.Off : v.Off+n : v.Off+n]
}

// Raw returns the bytes of a string or bytes value. Valid until Release; not to be changed.
func (b *Batch) Raw(v Value) []byte { return b.Arena[v.Off : v.Off+v.N : v.Off+v.N] }

// Str returns a string value as a Go string of its own (it allocates).
func (b *Batch) Str(v Value) string { return string(b.Arena[v.Off : v.Off+v.N]) }

// AddHeaders appends headers and returns their range for Record.HeaderOff and HeaderN.
func (b *Batch) AddHeaders(hs ...Header) (off, n uint32) {
	off = uint32(len(b.Headers))
	b.Headers = append(b.Headers, hs...)
	return off, uint32(len(hs))
}

// RecordHeaders returns the headers of a record.
func (b *Batch) RecordHeaders(r *Record) []Header {
	return b.Headers[r.HeaderOff : r.HeaderOff+r.HeaderN]
}

// DefaultValue makes a value of a schema's default; null if it has none. Arrays are made of
// their elements' Go values.
func (b *Batch) DefaultValue(s *Schema) Value {
	switch d := s.Default.(type) {
	case bool:
		return BoolValue(d)
	case int64:
		switch s.Type {
		case Int8:
			return Int8Value(int8(d))
		case Int16:
			return Int16Value(int16(d))
		case Int32:
			return Int32Value(int32(d))
		default:
			return Int64Value(d)
		}
	case float64:
		if s.Type == Float32 {
			return Float32Value(float32(d))
		}
		return Float64Value(d)
	case string:
		return b.AddString(d)
	case []byte:
		return b.AddBytes(d)
	case []any:
		off := b.AddVals(len(d))
		for i := range d {
			e := *s.Elem
			e.Default = d[i]
			b.Vals[int(off)+i] = b.DefaultValue(&e)
		}
		return Value{Kind: KindArray, Off: off, N: uint32(len(d))}
	}
	return Null
}
