package kafka

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Behind a batch that the broker refuses for good nothing may be written: the task will come
// again with the refused rows, and a key would go back and forth. Writes go on while the answer
// is on its way and until they are told.
func TestSink_NothingIsWrittenBehindARefusedBatch(t *testing.T) {
	for range 5 {
		c := fakeBroker(t, "o")
		var refused atomic.Bool
		c.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if !refused.CompareAndSwap(false, true) {
				return nil, nil, false
			}
			return refuse(kreq.(*kmsg.ProduceRequest)), nil, true
		})
		s := openSink(t, producerConfig(t, c.ListenAddrs()))
		done := make(chan error, 100_000)
		written := 0
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); written++ {
			if s.Write(t.Context(), numbers("o", written*500, written*500+500), func(err error) { done <- err }) != nil {
				break // it knows of the failure
			}
		}
		for range written {
			select {
			case err := <-done:
				if err == nil || !strings.Contains(err.Error(), "UNKNOWN_SERVER_ERROR") {
					t.Fatalf("a batch behind the refused one ended with %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("a batch was never done")
			}
		}
		if info := c.PartitionInfo("o", 0); info.HighWatermark != 0 {
			t.Fatalf("%d records were written behind the refused batch, of %d batches", info.HighWatermark, written)
		}
		c.Close()
	}
}

// refuse answers a produce request as a broker does that has an error of its own.
func refuse(req *kmsg.ProduceRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, rt := range req.Topics {
		t := kmsg.NewProduceResponseTopic()
		t.Topic, t.TopicID = rt.Topic, rt.TopicID
		for _, rp := range rt.Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode = rp.Partition, kerr.UnknownServerError.Code
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}
