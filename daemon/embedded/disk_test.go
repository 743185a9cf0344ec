package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A client that lives through a full disk, as the worker's own do, must be told the truth about
// every record: what is acknowledged is there, in order, once. So many are in flight that some
// stand behind the one that cannot be written.
func TestBroker_AcknowledgesOnlyWhatIsWritten(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a full disk is made by mounting a small tmpfs, which needs root and CAP_SYS_ADMIN: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	b, err := Start(filepath.Join(disk, "data"), 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.DefaultProduceTopic("t"), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(2048))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := kadm.NewClient(c).CreateTopic(ctx, 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(disk, "ballast")
	fill := func() {
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for block := make([]byte, 4096); ; {
			if _, err := f.Write(block); err != nil {
				return // full
			}
		}
	}
	var mu sync.Mutex // guards the two below
	var acked []string
	refused := 0
	n := 0
	write := func(records int) {
		for range records {
			n++
			value := fmt.Sprintf("%06d", n)
			c.Produce(ctx, kgo.StringRecord(value), func(_ *kgo.Record, err error) {
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					refused++
				} else {
					acked = append(acked, value)
				}
			})
		}
		if err := c.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		write(5)
		fill()
		write(2000)
		write(1)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		write(1) // the first record with space again: must not pass for a repetition
	}
	if refused == 0 {
		t.Fatal("nothing was refused on a full disk")
	}
	var got []string
	r, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for len(got) < len(acked) && ctx.Err() == nil {
		r.PollFetches(ctx).EachRecord(func(rec *kgo.Record) { got = append(got, string(rec.Value)) })
	}
	if fmt.Sprint(got) != fmt.Sprint(acked) {
		t.Errorf("%d records acknowledged, %d there", len(acked), len(got))
	}
	t.Logf("%d acknowledged, %d refused", len(acked), refused)
}
