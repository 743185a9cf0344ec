package javametrics

import (
	"math"
	"sync"
)

// Quantiles keeps how a value that is not negative was spread since the start, with about 2 %
// of error, in a few kilobytes. It is safe for concurrent use.
type Quantiles struct {
	mu       sync.Mutex // guards the fields below
	buckets  map[int]int64
	n        int64
	sum      float64
	min, max float64
}

const quantileBase = 1.04

// Add records a value.
func (q *Quantiles) Add(v float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.buckets == nil {
		q.buckets = map[int]int64{}
	}
	at := 0
	if v >= 1 {
		at = 1 + int(math.Log(v)/math.Log(quantileBase))
	}
	q.buckets[at]++
	if q.n == 0 || v < q.min {
		q.min = v
	}
	if q.n == 0 || v > q.max {
		q.max = v
	}
	q.n++
	q.sum += v
}

// Spread is what was recorded: 0 everywhere when nothing was.
type Spread struct{ Min, Max, Avg, P50, P95, P99 float64 }

// Spread reads it.
func (q *Quantiles) Spread() Spread {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return Spread{}
	}
	out := Spread{Min: q.min, Max: q.max, Avg: q.sum / float64(q.n)}
	last := 0
	for at := range q.buckets {
		last = max(last, at)
	}
	seen := int64(0)
	for at := 0; at <= last; at++ {
		before := seen
		seen += q.buckets[at]
		v := 0.0
		if at > 0 {
			v = math.Min(math.Max(math.Pow(quantileBase, float64(at)-0.5), q.min), q.max)
		}
		for _, p := range []struct {
			part float64
			out  *float64
		}{{0.5, &out.P50}, {0.95, &out.P95}, {0.99, &out.P99}} {
			need := int64(math.Ceil(p.part * float64(q.n)))
			if before < need && seen >= need {
				*p.out = v
			}
		}
	}
	return out
}
