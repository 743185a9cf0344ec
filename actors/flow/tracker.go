package flow

import (
	"math"

	"github.com/anabranch/anabranch/records"
)

// Tracker knows, for each source partition, which frames are finished, and says how far
// its position may be committed: to the end of the longest finished prefix (invariant 2).
// It has the meaning of Connect's SubmittedRecords (CW-261), with frames in place of records.
//
// Frames with a nil Partition have nothing to store, but what follows them must wait for them:
// they hold back every partition.
//
// Finished frames behind an unfinished one are merged, so the memory in use is bounded by
// the unfinished frames and not by how far the others have run ahead.
type Tracker struct {
	epoch      Epoch
	seq        uint64
	partitions map[string]*partition
	// last is the partition of the newest frame: most sources have only one, and
	// comparing Docs is cheaper than making a map key.
	last    *partition
	barrier partition // frames without a partition
	pending int
}

// Ticket stands for a registered frame.
type Ticket struct {
	Seq   uint64 // order of registration within the tracker
	Epoch Epoch
	// At is when the frame was registered, in the caller's clock; of merged frames, the oldest.
	At int64

	part       *partition
	offset     records.Doc
	finished   bool
	prev, next *Ticket
}

// partition is a queue of frames: a doubly linked list, oldest first.
type partition struct {
	doc        records.Doc
	head, tail *Ticket
	forgotten  bool

	ready     records.Doc // offset of the newest finished prefix
	readySeq  uint64      // 0 = none
	storedSeq uint64
	// readyAt and unstoredAt are when the newest and the oldest frame of the prefix were
	// registered that is ready and not stored.
	readyAt, unstoredAt int64
}

// Advanced is a position that may be committed. Hand it to Stored once it is durable.
type Advanced struct {
	Position records.Position
	Seq      uint64

	part *partition
}

// NewTracker makes the tracker of one incarnation.
func NewTracker(e Epoch) *Tracker {
	return &Tracker{epoch: e, partitions: map[string]*partition{}}
}

// Register adds a frame that ends at pos. Frames are registered in the order of the source.
func (t *Tracker) Register(pos records.Position, at int64) *Ticket {
	t.seq++
	t.pending++
	p := t.partition(pos.Partition)
	k := &Ticket{Seq: t.seq, Epoch: t.epoch, At: at, part: p, offset: pos.Offset, prev: p.tail}
	if p.tail == nil {
		p.head = k
	} else {
		p.tail.next = k
	}
	p.tail = k
	return k
}

func (t *Tracker) partition(doc records.Doc) *partition {
	if doc == nil {
		return &t.barrier
	}
	if t.last != nil && sameDoc(t.last.doc, doc) {
		return t.last
	}
	key := doc.Canonical()
	p := t.partitions[key]
	if p == nil {
		p = &partition{doc: doc}
		t.partitions[key] = p
	}
	t.last = p
	return p
}

// sameDoc may say no to equal Docs; it never says yes to different ones.
func sameDoc(a, b records.Doc) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Key != b[i].Key {
			return false
		}
		switch x := a[i].Value.(type) {
		case string:
			if y, ok := b[i].Value.(string); !ok || x != y {
				return false
			}
		case int64:
			if y, ok := b[i].Value.(int64); !ok || x != y {
				return false
			}
		case nil:
			if b[i].Value != nil {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// Finish marks a frame as delivered. It reports whether that changed anything: tickets of
// another epoch, of a forgotten partition and finished ones are ignored.
func (t *Tracker) Finish(k *Ticket) bool {
	if k == nil || k.Epoch != t.epoch || k.finished || k.part.forgotten {
		return false
	}
	k.finished = true
	t.pending--
	// A finished frame with a finished one behind it is covered by that one.
	if n := k.next; n != nil && n.finished {
		n.At = k.At
		k.part.unlink(k)
		k = n
	}
	if p := k.prev; p != nil && p.finished {
		k.At = p.At
		k.part.unlink(p)
	}
	return true
}

// unlink takes a ticket out of its queue.
func (p *partition) unlink(k *Ticket) {
	if k.prev == nil {
		p.head = k.next
	} else {
		k.prev.next = k.next
	}
	if k.next == nil {
		p.tail = k.prev
	} else {
		k.next.prev = k.prev
	}
	k.prev, k.next = nil, nil
}

// Advance returns, for every partition whose finished prefix reaches beyond what is stored,
// the newest position of that prefix. It goes on returning a position, or a newer one, until
// Stored is told: a commit that failed is repeated with newer data (CW-265).
func (t *Tracker) Advance() []Advanced {
	limit := uint64(math.MaxUint64)
	if h := t.openBarrier(); h != nil {
		limit = h.Seq
	}
	var out []Advanced
	for _, p := range t.partitions {
		for h := p.head; h != nil && h.finished && h.Seq < limit; h = p.head {
			if p.readySeq == p.storedSeq {
				p.unstoredAt = h.At
			}
			p.ready, p.readySeq, p.readyAt = h.offset, h.Seq, h.At
			p.unlink(h)
		}
		if p.readySeq > p.storedSeq {
			out = append(out, Advanced{Position: records.Position{Partition: p.doc, Offset: p.ready}, Seq: p.readySeq, part: p})
		}
	}
	return out
}

// openBarrier returns the oldest unfinished frame without a partition.
func (t *Tracker) openBarrier() *Ticket {
	for h := t.barrier.head; h != nil; h = t.barrier.head {
		if !h.finished {
			return h
		}
		t.barrier.unlink(h)
	}
	return nil
}

// Stored tells that the positions are durable.
func (t *Tracker) Stored(done []Advanced) {
	for i := range done {
		if p := done[i].part; done[i].Seq > p.storedSeq {
			p.storedSeq = done[i].Seq
			p.unstoredAt = p.readyAt
		}
	}
}

// Forget drops a partition that was taken away: its unfinished frames no longer count, its
// position is not offered any more. The same partition may come again later.
func (t *Tracker) Forget(doc records.Doc) {
	key := doc.Canonical()
	p := t.partitions[key]
	if p == nil {
		return
	}
	for k := p.head; k != nil; k = k.next {
		if !k.finished {
			t.pending--
		}
	}
	p.forgotten = true
	delete(t.partitions, key)
	if t.last == p {
		t.last = nil
	}
}

// Pending counts the frames that are registered and neither finished nor forgotten.
func (t *Tracker) Pending() int { return t.pending }

// Oldest returns the time at which the oldest frame was registered that is not stored yet;
// false if everything is stored.
func (t *Tracker) Oldest() (at int64, ok bool) {
	older := func(x int64) {
		if !ok || x < at {
			at, ok = x, true
		}
	}
	for _, p := range t.partitions {
		if p.readySeq > p.storedSeq {
			older(p.unstoredAt)
		} else if p.head != nil {
			older(p.head.At)
		}
	}
	if h := t.openBarrier(); h != nil {
		older(h.At)
	}
	return at, ok
}
