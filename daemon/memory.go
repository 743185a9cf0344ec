package daemon

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	gcPercent     = 400      // batches die young: collecting less often is half of the speed
	leastLimit    = 96 << 20 // soft limit of the heap and everything else
	limitOverLive = 2
	memoryCheck   = 5 * time.Second
	// idleBytes is what a worker allocates at most between two checks when nothing flows.
	idleBytes     = 4 << 20
	liveHeapName  = "/gc/heap/live:bytes"
	allocatedName = "/gc/heap/allocs:bytes"
)

// watchMemory sets the collector to rare collections below a soft limit of memory, which grows
// with what is really alive: a limit below that would make the collector run all the time. When
// work has ended it gives what is left over back to the system, once. GOGC and GOMEMLIMIT win.
func watchMemory(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	fixed := os.Getenv("GOMEMLIMIT") != ""
	if !fixed {
		debug.SetMemoryLimit(leastLimit)
	}
	t := time.NewTicker(memoryCheck)
	defer t.Stop()
	samples := []metrics.Sample{{Name: liveHeapName}, {Name: allocatedName}}
	limit, allocated, settled := int64(leastLimit), uint64(0), false
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		metrics.Read(samples)
		if want := max(leastLimit, limitOverLive*int64(samples[0].Value.Uint64())); want != limit && !fixed {
			limit = want
			debug.SetMemoryLimit(limit)
		}
		now := samples[1].Value.Uint64()
		idle := now-allocated < idleBytes
		allocated = now
		if idle && !settled {
			debug.FreeOSMemory()
		}
		settled = idle
	}
}
