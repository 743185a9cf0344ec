package kafka

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs/kafkaprops"
)

// batchFailed is what the client logs, before anything else happens, when a broker has refused a
// batch for good.
const batchFailed = "batch in a produce request failed"

// gate shuts a sink at the moment a broker refuses a batch. The client tells promises later, from
// another goroutine, and takes new records meanwhile:
//
//  1. the broker refuses batch A; the client fails all that it holds for the partition
//  2. a lane, which knows nothing yet, writes batch B; the client sends it under a new epoch
//  3. the promises of A tell us, the task comes again with A: B, A, B in the topic
//
// Its log is the one place that is called at step 1, under the partition's lock. From then on
// records carry a context that has ended, and the client does not send those.
type gate struct {
	*kafkaprops.ClientLog
	shut func()
}

var _ kgo.Logger = (*gate)(nil)

// Level implements kgo.Logger: the line is informational to the client.
func (g *gate) Level() kgo.LogLevel { return max(g.ClientLog.Level(), kgo.LogLevelInfo) }

// Log implements kgo.Logger.
func (g *gate) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	if msg == batchFailed {
		g.shut()
	}
	g.ClientLog.Log(level, msg, keyvals...)
}
