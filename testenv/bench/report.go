package bench

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

const cpuPerMillion = "CPU s/M"

// cell names one metric of one contender.
type cell struct{ scenario, variant, who, metric string }

// Report collects figures in the order in which they first came.
type Report struct {
	o       Options
	order   []cell
	figures map[cell]Figures
}

func newReport(o Options) *Report { return &Report{o: o, figures: map[cell]Figures{}} }

func (r *Report) add(scenario, variant, who, metric string, v float64) {
	c := cell{scenario, variant, who, metric}
	if _, there := r.figures[c]; !there {
		r.order = append(r.order, c)
	}
	r.figures[c] = append(r.figures[c], v)
}

func (r *Report) median(scenario, variant, who, metric string) (float64, bool) {
	f := r.figures[cell{scenario, variant, who, metric}]
	return f.Median(), len(f) > 0
}

// table is a scenario's figures: a line a variant and contender, a column a metric.
func (r *Report) table(scenario string) [][]string {
	var metrics []string
	type line struct{ variant, who string }
	var lines []line
	for _, c := range r.order {
		if c.scenario != scenario {
			continue
		}
		if !slices.Contains(metrics, c.metric) {
			metrics = append(metrics, c.metric)
		}
		if l := (line{c.variant, c.who}); !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	// Rotation decides who came first; people want an order.
	variants, rank := []string{}, []string{byHand, Default, Tuned, Ours}
	for _, l := range lines {
		if !slices.Contains(variants, l.variant) {
			variants = append(variants, l.variant)
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(slices.Index(variants, a.variant)-slices.Index(variants, b.variant), slices.Index(rank, a.who)-slices.Index(rank, b.who))
	})
	out := [][]string{append([]string{"", ""}, metrics...)}
	for _, l := range lines {
		row := []string{l.variant, l.who}
		for _, m := range metrics {
			row = append(row, spread(r.figures[cell{scenario, l.variant, l.who, m}]))
		}
		out = append(out, row)
	}
	return out
}

// spread is the median, and the range where there is one.
func spread(f Figures) string {
	switch len(f) {
	case 0:
		return "-"
	case 1:
		return number(f[0])
	}
	return fmt.Sprintf("%s (%s–%s)", number(f.Median()), number(f.Min()), number(f.Max()))
}

// number has three digits that count, and all of a large one.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		return thousands(int64(math.Round(v)))
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// print shows a scenario on the terminal.
func (r *Report) print(out io.Writer, scenario string) {
	rows := r.table(scenario)
	if rows == nil {
		return
	}
	fmt.Fprintf(out, "\n%s\n", strings.ToUpper(scenario))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // the terminal's errors are nobody's
	for _, t := range r.targets(scenario) {
		fmt.Fprintln(out, t)
	}
	fmt.Fprintln(out)
}
