package javametrics

import (
	"math"
	"sync"
	"time"
)

// Spec says how long and how many the samples of a window are.
type Spec struct {
	Sample time.Duration // metrics.sample.window.ms
	Count  int           // metrics.num.samples
}

// DefaultSpec is Kafka's default: two samples of 30 s.
var DefaultSpec = Spec{Sample: 30 * time.Second, Count: 2}

// Window is a value measured again and again. It is safe for concurrent use; adding costs a
// lock and no memory, so it is meant for batches and requests, not for rows.
type Window struct {
	spec Spec

	mu      sync.Mutex // guards the fields below
	samples []sample
	at      int
	total   float64
	n       int64
}

type sample struct {
	begun    time.Time
	n        int64
	sum      float64
	max, min float64
}

// NewWindow makes a window; a zero spec is the default.
func NewWindow(s Spec) *Window {
	if s.Sample <= 0 {
		s.Sample = DefaultSpec.Sample
	}
	if s.Count < 1 {
		s.Count = DefaultSpec.Count
	}
	return &Window{spec: s, samples: make([]sample, s.Count+1)}
}

// Reset forgets everything that was measured.
func (w *Window) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.samples)
	w.at, w.total, w.n = 0, 0, 0
}

// Add records a value.
func (w *Window) Add(v float64) { w.add(v, time.Now()) }

func (w *Window) add(v float64, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.current(now)
	if s.n == 0 || v > s.max {
		s.max = v
	}
	if s.n == 0 || v < s.min {
		s.min = v
	}
	s.n++
	s.sum += v
	w.total += v
	w.n++
}

// current returns the sample of now, beginning a new one if the last is over.
func (w *Window) current(now time.Time) *sample {
	s := &w.samples[w.at]
	if s.begun.IsZero() {
		s.begun = now
		return s
	}
	if now.Sub(s.begun) >= w.spec.Sample {
		w.at = (w.at + 1) % len(w.samples)
		s = &w.samples[w.at]
		*s = sample{begun: now}
	}
	return s
}

// Stats are what a window says at one moment. Avg, Max and Min are NaN when nothing was
// measured in it, as in Java.
type Stats struct {
	Rate      float64 // sum of the values per second
	CountRate float64 // measurements per second
	Avg       float64
	Max, Min  float64
	Total     float64 // sum since the start
	Count     int64   // measurements since the start
}

// Stats reads the window.
func (w *Window) Stats() Stats { return w.stats(time.Now()) }

func (w *Window) stats(now time.Time) Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := Stats{Avg: math.NaN(), Max: math.NaN(), Min: math.NaN(), Total: w.total, Count: w.n}
	var n int64
	var sum float64
	oldest := now
	for i := range w.samples {
		s := &w.samples[i]
		// A sample counts until the whole window has passed since its end.
		if s.begun.IsZero() || now.Sub(s.begun) >= w.spec.Sample*time.Duration(w.spec.Count) {
			continue
		}
		if s.begun.Before(oldest) {
			oldest = s.begun
		}
		if s.n == 0 {
			continue
		}
		if n == 0 || s.max > out.Max {
			out.Max = s.max
		}
		if n == 0 || s.min < out.Min {
			out.Min = s.min
		}
		n += s.n
		sum += s.sum
	}
	if n > 0 {
		out.Avg = sum / float64(n)
	}
	// Java's Rate never divides by less than all samples but one: the first seconds after a
	// start do not show a burst.
	elapsed := max(now.Sub(oldest), w.spec.Sample*time.Duration(max(w.spec.Count-1, 1)))
	out.Rate = sum / elapsed.Seconds()
	out.CountRate = float64(n) / elapsed.Seconds()
	return out
}
