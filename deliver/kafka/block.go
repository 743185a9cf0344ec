package kafka

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/deliver"
)

// recordCost is about what one buffered record costs beside its bytes.
const recordCost = 256

// Blocks beyond this size are not pooled.
const maxPooledBlock = 4 << 20

// blockBytes is where a block ends and the batch goes on in another: with inline schemas a
// batch grows tenfold in encoding, and blocks that the pool takes back keep their pages.
const blockBytes = 1 << 20

// delivery is one batch on its way, in one or more blocks.
type delivery struct {
	done deliver.Done
	left atomic.Int64 // blocks that are not finished, and one for Write
	err  atomic.Pointer[deliver.Error]
	gone bool // Write has failed: Done is not called. Written before Write's share of left is returned
}

// block holds encoded records of one batch until all of them are acknowledged.
type block struct {
	sink  *Sink
	arena []byte
	spans []span
	recs  []kgo.Record

	of      *delivery
	cost    int64
	left    atomic.Int64
	err     atomic.Pointer[deliver.Error]
	promise func(*kgo.Record, error) // finish, bound once
}

// span says where a record's key and value lie in the arena; offsets, because it moves while it grows.
type span struct {
	start, mid, end int
	nullKey         bool
	nullValue       bool
	topic           string
	headers         []kgo.RecordHeader
	partition       int32
	timestamp       int64
}

func newBlock(s *Sink) *block {
	bl := &block{sink: s}
	bl.promise = bl.finish
	return bl
}

// reset empties the block and reports whether it may be pooled.
func (bl *block) reset() bool {
	clear(bl.spans)
	clear(bl.recs)
	bl.arena, bl.spans, bl.recs = bl.arena[:0], bl.spans[:0], bl.recs[:0]
	bl.of, bl.cost = nil, 0
	bl.err.Store(nil)
	return cap(bl.arena) <= maxPooledBlock
}

// seal makes records of the spans once the arena has its final place.
func (bl *block) seal(now time.Time) {
	if n := len(bl.spans); cap(bl.recs) < n {
		bl.recs = make([]kgo.Record, n, n+n/4)
	} else {
		bl.recs = bl.recs[:n]
	}
	for i := range bl.spans {
		s, r := &bl.spans[i], &bl.recs[i]
		// Nothing was appended for a null; an empty key or value is not nil.
		if !s.nullKey {
			r.Key = bl.arena[s.start:s.mid:s.mid]
		}
		if !s.nullValue {
			r.Value = bl.arena[s.mid:s.end:s.end]
		}
		r.Topic, r.Headers, r.Partition = s.topic, s.headers, s.partition
		r.Timestamp = now
		if s.timestamp >= 0 {
			r.Timestamp = time.UnixMilli(s.timestamp)
		}
	}
}

// produce hands all records to the client.
func (bl *block) produce(cl *kgo.Client, ctx context.Context) {
	bl.left.Store(int64(len(bl.recs)))
	if len(bl.recs) == 0 {
		// Done is never called from within Write.
		go bl.sink.finished(bl)
		return
	}
	// The block may be reused as soon as the last record is finished: no access to bl after it.
	recs, promise := bl.recs, bl.promise
	for i := range recs {
		cl.Produce(ctx, &recs[i], promise)
	}
}

// finish is the promise of every record; it runs on the client's goroutine.
func (bl *block) finish(r *kgo.Record, err error) {
	if err != nil {
		bl.sink.cfg.Stats.Failed(r.Topic, 1)
	}
	if err != nil && bl.err.Load() == nil && !bl.sink.skips(r, err) {
		bl.err.CompareAndSwap(nil, bl.sink.broken(r, err))
	}
	if bl.left.Add(-1) == 0 {
		bl.sink.finished(bl)
	}
}
