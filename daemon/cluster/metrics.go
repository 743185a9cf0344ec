package cluster

import (
	"math"
	"sync"
	"time"
)

// window is how long a duration counts for the greatest and the average: Kafka's two samples
// of 30 s (metrics.num.samples, metrics.sample.window.ms).
const window = 60 * time.Second

// RebalanceMetrics are the attributes of connect-worker-rebalance-metrics (CW-385).
type RebalanceMetrics struct {
	Protocol        string  // connect-protocol: sessioned, compatible or eager
	LeaderName      string  // leader-name: URL of the leader, "" if there is none
	Epoch           int32   // epoch: generation of the last completed round
	Completed       int64   // completed-rebalances-total
	Rebalancing     bool    // rebalancing
	MaxMillis       float64 // rebalance-max-time-ms of the last minute; NaN if there was none
	AvgMillis       float64 // rebalance-avg-time-ms of the last minute; NaN if there was none
	SinceLastMillis float64 // time-since-last-rebalance-ms; +Inf before the first
}

// rebalances counts rounds.
type rebalances struct {
	mu        sync.Mutex // guards the fields below
	started   time.Duration
	running   bool
	completed int64
	last      time.Duration
	recent    []sample // of the last minute, bounded
}

type sample struct{ at, took time.Duration }

const recentMost = 1024

func (r *rebalances) begin(now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.running {
		r.running, r.started = true, now
	}
}

func (r *rebalances) done(now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.completed++
	r.running, r.last = false, now
	if len(r.recent) == recentMost {
		r.recent = r.recent[1:]
	}
	r.recent = append(r.recent, sample{now, now - r.started})
}

func (r *rebalances) fill(m *RebalanceMetrics, now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Completed, m.Rebalancing = r.completed, r.running
	m.MaxMillis, m.AvgMillis, m.SinceLastMillis = math.NaN(), math.NaN(), math.Inf(1)
	if r.completed > 0 {
		m.SinceLastMillis = millis(now - r.last)
	}
	sum, n := time.Duration(0), 0
	for _, s := range r.recent {
		if now-s.at > window {
			continue
		}
		sum += s.took
		n++
		if t := millis(s.took); n == 1 || t > m.MaxMillis {
			m.MaxMillis = t
		}
	}
	if n > 0 {
		m.AvgMillis = millis(sum) / float64(n)
	}
}

func millis(d time.Duration) float64 { return float64(d.Milliseconds()) }
