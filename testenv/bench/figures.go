package bench

import "slices"

// Figures are the values of one metric of one contender, a value a run.
type Figures []float64

// Median is the middle value; of an even number, the mean of the two in the middle.
func (f Figures) Median() float64 {
	if len(f) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(f))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// Quantile is the smallest value that q of all values do not exceed.
func (f Figures) Quantile(q float64) float64 {
	if len(f) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(f))
	i := int(q*float64(len(s))+0.999999) - 1
	return s[max(0, min(i, len(s)-1))]
}

// Min is the smallest value.
func (f Figures) Min() float64 {
	if len(f) == 0 {
		return 0
	}
	return slices.Min(f)
}

// Max is the largest value.
func (f Figures) Max() float64 {
	if len(f) == 0 {
		return 0
	}
	return slices.Max(f)
}
