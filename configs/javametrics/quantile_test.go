package javametrics

import (
	"math"
	"testing"
)

func TestQuantiles(t *testing.T) {
	var q Quantiles
	if s := q.Spread(); s != (Spread{}) {
		t.Errorf("empty: %+v", s)
	}
	for i := 1; i <= 1000; i++ {
		q.Add(float64(i))
	}
	s := q.Spread()
	for _, c := range []struct{ got, want float64 }{{s.P50, 500}, {s.P95, 950}, {s.P99, 990}, {s.Min, 1}, {s.Max, 1000}, {s.Avg, 500.5}} {
		if math.Abs(c.got-c.want) > 0.03*c.want {
			t.Errorf("%v, want about %v: %+v", c.got, c.want, s)
		}
	}
	var zeros Quantiles
	zeros.Add(0)
	if s := zeros.Spread(); s.P99 != 0 || s.Max != 0 {
		t.Errorf("zeros: %+v", s)
	}
}
