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
	memoryCheck   = 5 * time.Second
	liveHeapName  = "/gc/heap/live:bytes"
	limitOverLive = 2
	idleAllocs    = 1 << 20 // allocated between two checks: the worker does next to nothing
	idleWorth     = 2 << 20 // garbage below this is not worth a collection
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
	live := []metrics.Sample{{Name: liveHeapName}, {Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	var allocated uint64
	returned := false // what start and the last load left behind has been given back
	limit := int64(leastLimit)
	for {
		select {
		case <-t.C:
			metrics.Read(live)
			total := live[1].Value.Uint64()
			switch quiet := total-allocated < idleAllocs; {
			case !quiet:
				returned = false
			case !returned && live[2].Value.Uint64()+live[3].Value.Uint64() > live[0].Value.Uint64()+idleWorth:
				// The collector waits for five times what is alive, which an idle worker never
				// reaches: nobody else would give this memory back.
				debug.FreeOSMemory()
				returned = true
			}
			allocated = total
			if want := max(leastLimit, limitOverLive*int64(live[0].Value.Uint64())); want != limit {
				limit = want
				debug.SetMemoryLimit(limit)
			}
		case <-ctx.Done():
			return nil
		}
	}
}
