package bench

import "fmt"

// target is a goal and what was reached.
type target struct {
	what string
	want float64
	got  float64
	most bool // want is an upper limit
	unit string
}

func (t target) reached() bool {
	if t.most {
		return t.got <= t.want
	}
	return t.got >= t.want
}

func (t target) words() (want, got, verdict string) {
	limit, verdict := "at least", "missed"
	if t.most {
		limit = "at most"
	}
	if t.reached() {
		verdict = "reached"
	}
	return fmt.Sprintf("%s %.3g%s", limit, t.want, t.unit), fmt.Sprintf("%.3g%s", t.got, t.unit), verdict
}

func (t target) String() string {
	want, got, verdict := t.words()
	return fmt.Sprintf("  %s: %s, %s: %s", t.what, got, want, verdict)
}

// targets are the goals of a scenario, as far as it was measured. Each is a ratio of medians
// or a median.
func (r *Report) targets(scenario string) []target {
	var out []target
	ratio := func(what, variant, who, metric string, want float64, most bool) {
		a, hasA := r.median(scenario, variant, Ours, metric)
		b, hasB := r.median(scenario, variant, who, metric)
		if hasA && hasB && b != 0 {
			out = append(out, target{what, want, a / b, most, "×"})
		}
	}
	limit := func(what, variant, metric string, want float64) {
		if v, has := r.median(scenario, variant, Ours, metric); has {
			out = append(out, target{what, want, v, true, " MB"})
		}
	}
	switch scenario {
	case "start":
		who := Default
		if _, has := r.median(scenario, "", who, "GET / ms"); !has {
			who = Tuned
		}
		ratio("first REST answer, of Connect's", "", who, "GET / ms", 1./20, true)
		ratio("first list of connectors, of Connect's", "", who, "GET /connectors ms", 1./20, true)
	case "stream":
		ratio("events a second, schemaless, of tuned Debezium's", schemaless, Tuned, "events/s", 3, false)
		ratio("events a second, inline schemas, of tuned Debezium's", inline, Tuned, "events/s", 6, false)
		ratio("CPU a million events, schemaless, of tuned Debezium's", schemaless, Tuned, cpuPerMillion, .25, true)
		ratio("CPU a million events, inline schemas, of tuned Debezium's", inline, Tuned, cpuPerMillion, .25, true)
	case "snapshot":
		ratio("rows a second, schemaless, of tuned Debezium's", schemaless, Tuned, "events/s", 4, false)
		ratio("rows a second, inline schemas, of tuned Debezium's", inline, Tuned, "events/s", 4, false)
	case "latency":
		ratio("p99, of tuned Debezium's", inline, Tuned, "p99 ms", 2./3, true)
	case "memory":
		for _, variant := range r.o.Variants {
			limit("idle, "+variant, variant, "idle MB", 40)
			limit("idle with a connector, "+variant, variant, "idle with connector MB", 40)
			limit("peak, "+variant, variant, "peak MB", 150)
		}
	case "sink":
		ratio("rows a second, new rows, of the database by hand", newRows, byHand, "rows/s", .5, false)
		ratio("rows a second, existing rows, of the database by hand", oldRows, byHand, "rows/s", .5, false)
	}
	return out
}
