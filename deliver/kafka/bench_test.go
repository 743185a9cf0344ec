package kafka

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters"
)

// rows makes batches like those of a captured table: a small key, a value of 13 columns and
// the four context headers.
func rows(topic string, n int) *records.Batch {
	b := records.NewBatch(records.Origin{Table: topic})
	ti := b.TopicIndex(topic)
	keySchema := &benchKey
	schema := &benchRow
	ks, vs := b.SchemaIndex(keySchema), b.SchemaIndex(schema)
	off, hn := b.AddHeaders(
		records.Header{Key: "__debezium.context.connectorLogicalName", Value: b.AddString("shop")},
		records.Header{Key: "__debezium.context.taskId", Value: b.AddString("0")},
		records.Header{Key: "__debezium.context.connectorName", Value: b.AddString("mysql")},
		records.Header{Key: "__debezium.context.runId", Value: b.AddString("3e11fa47-71ca-11e1-9e33-c80aa9429562")})
	text := b.AddString("some text of a usual length, as it is in columns")
	for i := range n {
		k := b.AddVals(1)
		b.Vals[k] = records.Int64Value(int64(i))
		v := b.AddVals(26)
		for c := range 26 {
			if c%2 == 0 {
				b.Vals[int(v)+c] = records.Int64Value(int64(i * c))
			} else {
				b.Vals[int(v)+c] = text
			}
		}
		b.Records = append(b.Records, records.Record{Topic: ti, Key: records.StructAt(k, 1), KeySchema: ks, Value: records.StructAt(v, 26), ValueSchema: vs,
			Partition: records.NoPartition, Timestamp: records.NoTimestamp, HeaderOff: off, HeaderN: hn})
	}
	return b
}

var (
	benchKey = records.Schema{Type: records.Struct, Fields: []records.Field{{Name: "id", Schema: &records.Schema{Type: records.Int64}}}}
	benchRow = func() records.Schema {
		s := records.Schema{Type: records.Struct}
		for c := range 26 {
			t := records.Int64
			if c%2 == 1 {
				t = records.String
			}
			s.Fields = append(s.Fields, records.Field{Name: fmt.Sprint("column_", c), Schema: &records.Schema{Type: t, Optional: true}})
		}
		return s
	}()
)

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSink_Throughput writes batches of 1000 rows as fast as they are taken, with up to
// 32 under way. ANABRANCH_BENCH_KAFKA names a broker; without it kfake is used.
func BenchmarkSink_Throughput(b *testing.B) {
	for _, linger := range []string{"", "1", "5"} {
		b.Run("linger="+linger, func(b *testing.B) {
			addrs := strings.Split(os.Getenv("ANABRANCH_BENCH_KAFKA"), ",")
			if addrs[0] == "" {
				addrs = fakeBroker(b).ListenAddrs()
			}
			props := []string{}
			if linger != "" {
				props = []string{"linger.ms", linger}
			}
			cfg := producerConfig(b, addrs, props...)
			js := factory(b, converters.JSONClass, "schemas.enable", "false")
			cfg.NewKey, cfg.NewValue = js, js
			s := openSink(b, cfg)
			topic := fmt.Sprint("anabranch-bench-sink-", os.Getpid())
			if err := write(b, s, rows(topic, 10)); err != nil {
				b.Fatal(err)
			}
			slots := make(chan struct{}, 32)
			var wg sync.WaitGroup
			cpu := cpuTime()
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				slots <- struct{}{}
				wg.Add(1)
				n += 1000
				if err := s.Write(b.Context(), rows(topic, 1000), func(err error) {
					if err != nil {
						b.Error(err)
					}
					<-slots
					wg.Done()
				}); err != nil {
					b.Fatal(err)
				}
			}
			wg.Wait()
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(n), "cpu-ns/record")
		})
	}
}

// BenchmarkSink_Latency writes one small batch after the other, 50 a second.
func BenchmarkSink_Latency(b *testing.B) {
	addrs := strings.Split(os.Getenv("ANABRANCH_BENCH_KAFKA"), ",")
	if addrs[0] == "" {
		b.Skip("ANABRANCH_BENCH_KAFKA is not set")
	}
	for _, linger := range []string{"", "1"} {
		b.Run("linger="+linger, func(b *testing.B) {
			props := []string{}
			if linger != "" {
				props = []string{"linger.ms", linger}
			}
			cfg := producerConfig(b, addrs, props...)
			js := factory(b, converters.JSONClass, "schemas.enable", "false")
			cfg.NewKey, cfg.NewValue = js, js
			s := openSink(b, cfg)
			topic := fmt.Sprint("anabranch-bench-sink-", os.Getpid())
			if err := write(b, s, rows(topic, 10)); err != nil {
				b.Fatal(err)
			}
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			var all []time.Duration
			b.ResetTimer()
			for range b.N {
				<-tick.C
				begin := time.Now()
				if err := write(b, s, rows(topic, 10)); err != nil {
					b.Fatal(err)
				}
				all = append(all, time.Since(begin))
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
		})
	}
}

// TestSink_IdleMemoryIsSmall keeps an opened sink that has written little below a bound.
func TestSink_IdleMemoryIsSmall(t *testing.T) {
	c := fakeBroker(t)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	// What earlier tests leave to the collector comes and goes: the least of some sinks counts.
	least := uint64(1 << 62)
	for range 4 {
		before := heap()
		s := openSink(t, producerConfig(t, c.ListenAddrs()))
		if err := write(t, s, numbers("idle", 0, 10)); err != nil {
			t.Fatal(err)
		}
		least = min(least, max(heap(), before)-before)
	}
	if least > 6<<20 {
		t.Errorf("an idle sink keeps %d KiB", least>>10)
	}
}
