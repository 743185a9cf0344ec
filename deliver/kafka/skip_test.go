package kafka

import (
	"context"
	"testing"

	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// lenient lets every record go.
type lenient struct{ records.Failures }

func (lenient) Handle(_ context.Context, f *records.Failure) error {
	if f.Stage != records.StageKafkaProduce || deliver.Retriable(f.Err) {
		return f.Err
	}
	return nil
}

// A record that is larger than max.request.size is skipped alone when that is tolerated (CW-264).
func TestSink_SkipsRecordsThatAreTooLarge(t *testing.T) {
	c := fakeBroker(t, "o")
	defer c.Close()
	cfg := producerConfig(t, c.ListenAddrs(), "max.request.size", "2000")
	cfg.NewValue, cfg.Failures, cfg.SkipRefused = factory(t, converters.StringClass), lenient{records.Strict}, true
	s := openSink(t, cfg)
	b := records.NewBatch(records.Origin{Table: "o"})
	for i := range 3 {
		v := b.AddString("small")
		if i == 1 {
			v = b.AddString(string(make([]byte, 5000)))
		}
		b.Records = append(b.Records, records.Record{Topic: b.TopicIndex("o"), Value: v, Key: records.Int64Value(int64(i)), Partition: records.NoPartition, Timestamp: records.NoTimestamp})
	}
	done := make(chan error, 1)
	if err := s.Write(t.Context(), b, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := len(consume(t, c.ListenAddrs(), "o", 2)); n != 2 {
		t.Errorf("%d records", n)
	}
}
