package daemon

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	gcPercent     = 400       // batches die young: collecting less often is half of the speed
	leastLimit    = 128 << 20 // soft limit of the heap and everything else
	memoryCheck   = 5 * time.Second
	liveHeapName  = "/gc/heap/live:bytes"
	limitOverLive = 2
)

// watchMemory sets the collector to rare collections below a soft limit of memory, which grows
// with what is really alive: a limit below that would make the collector run all the time.
// GOGC and GOMEMLIMIT win.
func watchMemory(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	debug.SetMemoryLimit(leastLimit)
	t := time.NewTicker(memoryCheck)
	defer t.Stop()
	live := []metrics.Sample{{Name: liveHeapName}}
	limit := int64(leastLimit)
	for {
		select {
		case <-t.C:
			metrics.Read(live)
			if want := max(leastLimit, limitOverLive*int64(live[0].Value.Uint64())); want != limit {
				limit = want
				debug.SetMemoryLimit(limit)
			}
		case <-ctx.Done():
			return nil
		}
	}
}
