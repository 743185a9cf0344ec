package kafka

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// encoder holds a lane's converters; they are not safe for concurrent use, lanes are.
type encoder struct {
	key, value, header converters.Converter
	last               headerSet
	scratch            []byte
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
	s.lanes.Store(lane, e) // lanes are single-threaded, so nobody else stores this one
	return e
}

// encode fills the block with the batch's records from the given one on, and returns the first
// that has no place in it.
func (s *Sink) encode(ctx context.Context, bl *block, b *records.Batch, from int) (next int, err error) {
	e := s.encoder(b.Origin.Table)
	if need := min(len(b.Arena)+len(b.Arena)/2, blockBytes+blockBytes/8); cap(bl.arena) < need {
		bl.arena = make([]byte, 0, need)
	}
	topic := uint16(0)
	ready := false
	var headers []kgo.RecordHeader
	headerOff, headerN := uint32(0), uint32(0)
	i := from
	for ; i < len(b.Records) && len(bl.arena) < blockBytes; i++ {
		r := &b.Records[i]
		if !ready || r.Topic != topic {
			if err := s.topics.ensure(ctx, b.Topics[r.Topic]); err != nil {
				return i, err
			}
			topic, ready = r.Topic, true
		}
		if r.Timestamp < 0 && r.Timestamp != records.NoTimestamp {
			return i, deliver.Errorf("write record", "topic "+b.Topics[topic], "", "Invalid record timestamp %d", r.Timestamp)
		}
		start := len(bl.arena)
		arena, nullKey, err := e.key.Append(bl.arena, b, b.Schemas[r.KeySchema], r.Key)
		if err != nil {
			if err := s.refused(KeyConverter, b.Topics[topic], i, err); err != nil {
				return i, err
			}
			continue
		}
		mid := len(arena)
		arena, nullValue, err := e.value.Append(arena, b, b.Schemas[r.ValueSchema], r.Value)
		if err != nil {
			if err := s.refused(ValueConverter, b.Topics[topic], i, err); err != nil {
				return i, err
			}
			continue
		}
		if r.HeaderN == 0 {
			headers, headerN = nil, 0
		} else if r.HeaderOff != headerOff || r.HeaderN != headerN {
			if headers, err = e.headers(b, b.RecordHeaders(r)); err != nil {
				headerN = 0
				if err := s.refused(HeaderConverter, b.Topics[topic], i, err); err != nil {
					return i, err
				}
				continue
			}
			headerOff, headerN = r.HeaderOff, r.HeaderN
		}
		bl.arena = arena
		bl.spans = append(bl.spans, span{start: start, mid: mid, end: len(arena), nullKey: nullKey, nullValue: nullValue,
			topic: b.Topics[topic], headers: headers, partition: r.Partition, timestamp: r.Timestamp})
	}
	bl.seal(time.Now())
	return i, nil
}

// refused decides about a record that a converter cannot write (CW-290).
func (s *Sink) refused(stage Stage, topic string, index int, err error) error {
	s.m.refused.Inc()
	if s.cfg.Tolerate != nil && s.cfg.Tolerate(stage, topic, err) {
		return nil
	}
	class := ""
	var j interface{ JavaClass() string }
	if errors.As(err, &j) {
		class = j.JavaClass()
	}
	return &deliver.Error{Op: "Tolerance exceeded in error handler", Cause: &deliver.Error{
		Op: "convert record for topic", Subject: topic + " (" + string(stage) + ", record " + strconv.Itoa(index) + " of its batch)", Cause: err, Class: class}}
}

// headers encodes a record's headers, or finds that they equal the last ones.
func (e *encoder) headers(b *records.Batch, hs []records.Header) ([]kgo.RecordHeader, error) {
	if e.last.matches(b, hs) {
		return e.last.out, nil
	}
	set := headerSet{out: make([]kgo.RecordHeader, len(hs))}
	simple := true
	for i := range hs {
		h := &hs[i]
		out, isNull, err := e.header.Append(e.scratch[:0], b, h.Schema, h.Value)
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
