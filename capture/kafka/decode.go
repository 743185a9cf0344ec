package kafka

import (
	"bytes"
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// decoder turns records of one partition into a frame.
type decoder struct {
	cfg                *Config
	m                  *metrics
	key, value, header converters.Converter
	askers             []converters.Asker
	rows               int
}

func newDecoder(cfg *Config, m *metrics) *decoder {
	d := &decoder{cfg: cfg, m: m, key: cfg.NewKey(), value: cfg.NewValue(), header: cfg.NewHeader(), rows: cfg.MaxPollRecords}
	d.askers = converters.Askers(d.key, d.value, d.header)
	if d.rows <= 0 {
		d.rows = defaultFrameRows
	}
	return d
}

// frame decodes the first n of recs, bounded by rows and bytes. Records that are dropped
// count for the position (CW-279), also when nothing else is left.
func (d *decoder) frame(ctx context.Context, tp topicPartition, recs []*kgo.Record) (f *records.Frame, n int, err error) {
	for _, a := range d.askers {
		a.Until(ctx) // a stop must not wait for a registry
	}
	b := records.NewBatch(records.Origin{Table: tp.lane(), Topic: tp.topic, Partition: tp.partition})
	topic := b.TopicIndex(tp.topic)
	size := 0
	var prev *kgo.Record // the record whose headers are in prevOff, prevN
	var prevOff, prevN uint32
	noted := d.cfg.Active == nil
	for n < len(recs) && n < d.rows && size < defaultFrameBytes {
		r := recs[n]
		n++
		size += len(r.Key) + len(r.Value)
		b.SourceMillis = max(b.SourceMillis, r.Timestamp.UnixMilli())
		vals, arena := len(b.Vals), len(b.Arena)
		headers := len(b.Headers)
		out, stage, class, err := d.record(b, r, prev, prevOff, prevN)
		if err != nil {
			undo := func() { b.Vals, b.Arena, b.Headers = b.Vals[:vals], b.Arena[:arena], b.Headers[:headers] }
			undo()
			var dropped bool
			if out, dropped, err = d.refused(ctx, b, r, undo, &records.Failure{Stage: stage, Class: class, Err: err}); err != nil {
				b.Release()
				return nil, 0, err
			}
			if dropped {
				continue
			}
		}
		if !noted {
			noted = true
			d.cfg.Active(tp.topic)
		}
		if d.cfg.KeepConsumed {
			b.Consumed = append(b.Consumed, consumed(r))
		}
		out.Topic = topic
		prev, prevOff, prevN = r, out.HeaderOff, out.HeaderN
		b.Records = append(b.Records, out)
	}
	d.m.records.Add(float64(n))
	d.m.bytes.Add(float64(size))
	d.m.batches.Inc()
	last := recs[n-1]
	f = &records.Frame{SourceMillis: b.SourceMillis, Position: records.Position{
		Partition: records.Doc{{Key: "kafka_partition", Value: int64(tp.partition)}, {Key: "kafka_topic", Value: tp.topic}},
		Offset:    records.Doc{{Key: "kafka_offset", Value: last.Offset + 1}},
	}}
	if len(b.Records) == 0 {
		b.Release()
		return f, n, nil
	}
	f.Batches = []*records.Batch{b}
	return f, n, nil
}

func (d *decoder) record(b *records.Batch, r, prev *kgo.Record, prevOff, prevN uint32) (out records.Record, stage records.Stage, class string, err error) {
	ks, k, err := d.key.Decode(r.Topic, r.Key, b)
	if err != nil {
		return out, records.StageKeyConverter, d.key.Class(), err
	}
	vs, v, err := d.value.Decode(r.Topic, r.Value, b)
	if err != nil {
		return out, records.StageValueConverter, d.value.Class(), err
	}
	out = records.Record{Key: k, Value: v, KeySchema: b.SchemaIndex(ks), ValueSchema: b.SchemaIndex(vs),
		Partition: r.Partition, Timestamp: r.Timestamp.UnixMilli(), Offset: r.Offset}
	switch {
	case len(r.Headers) == 0:
	case prev != nil && sameHeaders(r.Headers, prev.Headers):
		out.HeaderOff, out.HeaderN = prevOff, prevN
	default:
		out.HeaderOff = uint32(len(b.Headers))
		for i := range r.Headers {
			h := &r.Headers[i]
			hs, hv, err := d.header.Decode(r.Topic, h.Value, b)
			if err != nil {
				return out, records.StageHeaderConverter, d.header.Class(), err
			}
			b.Headers = append(b.Headers, records.Header{Key: h.Key, Schema: hs, Value: hv})
		}
		out.HeaderN = uint32(len(r.Headers))
	}
	return out, "", "", nil
}

// sameHeaders is true for most neighbours: Debezium's context headers do not change.
func sameHeaders(a, b []kgo.RecordHeader) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Key != b[i].Key || !bytes.Equal(a[i].Value, b[i].Value) || (a[i].Value == nil) != (b[i].Value == nil) {
			return false
		}
	}
	return true
}

// refused tries a record again if that may help, and asks what to do if it does not.
func (d *decoder) refused(ctx context.Context, b *records.Batch, r *kgo.Record, undo func(), f *records.Failure) (out records.Record, dropped bool, err error) {
	if records.Retriable(f.Err) {
		f.Err = d.cfg.Failures.Retry(ctx, f.Stage, f.Class, f.Err, func() error {
			undo()
			out, f.Stage, f.Class, err = d.record(b, r, nil, 0, 0)
			return err
		})
		if f.Err == nil {
			return out, false, nil
		}
		undo()
	}
	d.m.refused.Inc()
	c := consumed(r)
	f.Consumed = &c
	return out, true, d.cfg.Failures.Handle(ctx, f)
}

// consumed is a record as it came. Its bytes belong to the record, nobody writes them again.
func consumed(r *kgo.Record) records.Consumed {
	c := records.Consumed{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(),
		LogAppendTime: r.Attrs.TimestampType() == 1, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		c.Headers = append(c.Headers, records.RawHeader{Key: h.Key, Value: h.Value})
	}
	return c
}
