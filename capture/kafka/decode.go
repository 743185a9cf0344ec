package kafka

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// decoder turns records of one partition into a frame.
type decoder struct {
	cfg                *Config
	m                  *metrics
	key, value, header converters.Converter
	rows               int
}

func newDecoder(cfg *Config, m *metrics) *decoder {
	d := &decoder{cfg: cfg, m: m, key: cfg.NewKey(), value: cfg.NewValue(), header: cfg.NewHeader(), rows: cfg.MaxPollRecords}
	if d.rows <= 0 {
		d.rows = defaultFrameRows
	}
	return d
}

// frame decodes the first n of recs, bounded by rows and bytes. Records that are dropped
// count for the position (CW-279), also when nothing else is left.
func (d *decoder) frame(tp topicPartition, recs []*kgo.Record) (f *records.Frame, n int, err error) {
	b := records.NewBatch(records.Origin{Table: tp.lane(), Topic: tp.topic, Partition: tp.partition})
	topic := b.TopicIndex(tp.topic)
	size := 0
	var prev *kgo.Record // the record whose headers are in prevOff, prevN
	var prevOff, prevN uint32
	for n < len(recs) && n < d.rows && size < defaultFrameBytes {
		r := recs[n]
		n++
		size += len(r.Key) + len(r.Value)
		b.SourceMillis = max(b.SourceMillis, r.Timestamp.UnixMilli())
		vals, arena := len(b.Vals), len(b.Arena)
		out, stage, err := d.record(b, r, prev, prevOff, prevN)
		if err != nil {
			b.Vals, b.Arena = b.Vals[:vals], b.Arena[:arena]
			d.m.refused.Inc()
			if err := d.refuse(r, stage, err); err != nil {
				b.Release()
				return nil, 0, err
			}
			continue
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

func (d *decoder) record(b *records.Batch, r, prev *kgo.Record, prevOff, prevN uint32) (out records.Record, stage Stage, err error) {
	ks, k, err := d.key.Decode(r.Key, b)
	if err != nil {
		return out, KeyConverter, err
	}
	vs, v, err := d.value.Decode(r.Value, b)
	if err != nil {
		return out, ValueConverter, err
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
			hs, hv, err := d.header.Decode(h.Value, b)
			if err != nil {
				b.Headers = b.Headers[:out.HeaderOff]
				return out, HeaderConverter, err
			}
			b.Headers = append(b.Headers, records.Header{Key: h.Key, Schema: hs, Value: hv})
		}
		out.HeaderN = uint32(len(r.Headers))
	}
	return out, "", nil
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

// refuse decides about a record that a converter cannot read (CW-290).
func (d *decoder) refuse(r *kgo.Record, stage Stage, err error) error {
	if d.cfg.Refused != nil {
		err := d.cfg.Refused(r, stage, err)
		if err == nil {
			return nil
		}
	}
	class := ""
	var j interface{ JavaClass() string }
	if errors.As(err, &j) {
		class = j.JavaClass()
	}
	return &capture.Error{Op: "Tolerance exceeded in error handler",
		Hint: "errors.tolerance=all with errors.deadletterqueue.topic.name lets the task go on without such records",
		Cause: &capture.Error{Op: "convert record", Class: class, Cause: err,
			Subject: fmt.Sprintf("topic %s partition %d offset %d (%s)", r.Topic, r.Partition, r.Offset, stage)}}
}
