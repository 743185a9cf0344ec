package kafka

import (
	"bytes"
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// encoder holds a lane's converters; they are not safe for concurrent use, lanes are.
type encoder struct {
	key, value, header converters.Converter
	askers             []converters.Asker
	last               headerSet
	scratch            []byte
	// The headers of the batch's record before: many records share one range.
	set                []kgo.RecordHeader
	headerOff, headerN uint32
}

// headerSet is an encoded set of headers and what it was made of. Debezium's four context
// headers are the same on every record of a task.
type headerSet struct {
	keys   []string
	kinds  []records.Value // scalars; Off and N are not compared
	schema []*records.Schema
	raw    [][]byte
	out    []kgo.RecordHeader
}

func (s *Sink) encoder(lane string) *encoder {
	if e, ok := s.lanes.Load(lane); ok {
		return e.(*encoder)
	}
	e := &encoder{key: s.cfg.NewKey(), value: s.cfg.NewValue(), header: s.cfg.NewHeader()}
	e.askers = converters.Askers(e.key, e.value, e.header)
	s.lanes.Store(lane, e) // lanes are single-threaded, so nobody else stores this one
	return e
}

// encode fills the block with the batch's records from the given one on, and returns the first
// that has no place in it.
func (s *Sink) encode(ctx context.Context, bl *block, b *records.Batch, from int) (next int, err error) {
	e := s.encoder(b.Origin.Table)
	for _, a := range e.askers {
		a.Until(ctx) // a stop must not wait for a registry
	}
	if need := min(len(b.Arena)+len(b.Arena)/2, blockBytes+blockBytes/8); cap(bl.arena) < need {
		bl.arena = make([]byte, 0, need)
	}
	topic := uint16(0)
	ready := false
	e.headerN = 0
	i := from
	for ; i < len(b.Records) && len(bl.arena) < blockBytes; i++ {
		r := &b.Records[i]
		if !ready || r.Topic != topic {
			if err := s.forbidden(b.Topics[r.Topic]); err != nil {
				return i, err
			}
			if err := s.topics.ensure(ctx, b.Topics[r.Topic]); err != nil {
				return i, err
			}
			topic, ready = r.Topic, true
		}
		if r.Timestamp < 0 && r.Timestamp != records.NoTimestamp {
			return i, deliver.Errorf("write record", "topic "+b.Topics[topic], "", "Invalid record timestamp %d", r.Timestamp)
		}
		sp := span{start: len(bl.arena), topic: b.Topics[topic], partition: r.Partition, timestamp: r.Timestamp}
		arena, stage, class, err := e.record(bl.arena, b, r, &sp)
		if err != nil {
			if arena, sp, err = s.refused(ctx, e, bl.arena, b, r, sp, &records.Failure{Stage: stage, Class: class, Err: err}); err != nil {
				return i, err
			}
			if arena == nil {
				continue
			}
		}
		bl.arena = arena
		bl.spans = append(bl.spans, sp)
	}
	bl.seal(time.Now())
	return i, nil
}

// refused tries a record again if that may help. arena nil without an error means that the record
// is dropped on purpose.
func (s *Sink) refused(ctx context.Context, e *encoder, from []byte, b *records.Batch, r *records.Record, sp span, f *records.Failure) (arena []byte, _ span, err error) {
	if records.Retriable(f.Err) {
		f.Err = s.cfg.Failures.Retry(ctx, f.Stage, f.Class, f.Err, func() error {
			arena, f.Stage, f.Class, err = e.record(from, b, r, &sp)
			return err
		})
		if f.Err == nil {
			return arena, sp, nil
		}
	}
	s.m.refused.Inc()
	return nil, sp, s.cfg.Failures.Handle(ctx, f)
}

// record appends key and value of a record and says in sp where they are. After an error the
// arena is as it was.
func (e *encoder) record(arena []byte, b *records.Batch, r *records.Record, sp *span) (out []byte, stage records.Stage, class string, err error) {
	if out, sp.nullKey, err = e.key.Append(arena, sp.topic, b, b.Schemas[r.KeySchema], r.Key); err != nil {
		return arena, records.StageKeyConverter, e.key.Class(), err
	}
	sp.mid = len(out)
	if out, sp.nullValue, err = e.value.Append(out, sp.topic, b, b.Schemas[r.ValueSchema], r.Value); err != nil {
		return arena, records.StageValueConverter, e.value.Class(), err
	}
	sp.end, sp.headers = len(out), nil
	if r.HeaderN > 0 {
		if r.HeaderOff != e.headerOff || r.HeaderN != e.headerN {
			e.headerN = 0
			if e.set, err = e.headers(sp.topic, b, b.RecordHeaders(r)); err != nil {
				return arena, records.StageHeaderConverter, e.header.Class(), err
			}
			e.headerOff, e.headerN = r.HeaderOff, r.HeaderN
		}
		sp.headers = e.set
	}
	return out, "", "", nil
}

// headers encodes a record's headers, or finds that they equal the last ones.
func (e *encoder) headers(topic string, b *records.Batch, hs []records.Header) ([]kgo.RecordHeader, error) {
	if e.last.matches(b, hs) {
		return e.last.out, nil
	}
	set := headerSet{out: make([]kgo.RecordHeader, len(hs))}
	simple := true
	for i := range hs {
		h := &hs[i]
		out, isNull, err := e.header.Append(e.scratch[:0], topic, b, h.Schema, h.Value)
		if err != nil {
			return nil, err
		}
		e.scratch = out
		set.out[i].Key = h.Key
		if !isNull {
			set.out[i].Value = append([]byte{}, out...)
		}
		set.keys = append(set.keys, h.Key)
		set.kinds = append(set.kinds, h.Value)
		set.schema = append(set.schema, h.Schema)
		var raw []byte
		switch h.Value.Kind {
		case records.KindString, records.KindBytes:
			raw = append([]byte{}, b.Raw(h.Value)...)
		case records.KindArray, records.KindMap, records.KindStruct:
			simple = false
		}
		set.raw = append(set.raw, raw)
	}
	if simple {
		e.last = set
	}
	return set.out, nil
}

func (s *headerSet) matches(b *records.Batch, hs []records.Header) bool {
	if len(hs) != len(s.out) {
		return false
	}
	for i := range hs {
		h := &hs[i]
		k := s.kinds[i]
		if h.Value.Kind != k.Kind || h.Value.Num != k.Num || h.Schema != s.schema[i] || h.Key != s.keys[i] {
			return false
		}
		if k.Kind == records.KindString || k.Kind == records.KindBytes {
			if !bytes.Equal(b.Raw(h.Value), s.raw[i]) {
				return false
			}
		}
	}
	return true
}
