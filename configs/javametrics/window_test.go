package javametrics

import (
	"math"
	"testing"
	"time"
)

func TestWindow_ForgetsOldSamples(t *testing.T) {
	w := NewWindow(Spec{Sample: 10 * time.Second, Count: 2})
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	if s := w.stats(at(0)); !math.IsNaN(s.Avg) || !math.IsNaN(s.Max) || s.Rate != 0 {
		t.Errorf("empty window: %+v", s)
	}
	w.add(4, at(0))
	w.add(8, at(1))
	if s := w.stats(at(2)); s.Avg != 6 || s.Max != 8 || s.Min != 4 || s.Rate != 1.2 || s.CountRate != 0.2 {
		t.Errorf("first sample: %+v", s) // over ten seconds at least, as in Java
	}
	w.add(2, at(12))
	if s := w.stats(at(14)); s.Avg != 14.0/3 || s.Max != 8 || s.Rate != 1 {
		t.Errorf("two samples: %+v", s)
	}
	if s := w.stats(at(21)); s.Max != 2 || s.Avg != 2 || s.Rate != 0.2 {
		t.Errorf("the first sample is over: %+v", s)
	}
	if s := w.stats(at(60)); !math.IsNaN(s.Max) || s.Rate != 0 || s.Total != 14 || s.Count != 3 {
		t.Errorf("all samples are over: %+v", s)
	}
	if n := testing.AllocsPerRun(100, func() { w.Add(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
