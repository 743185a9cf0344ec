package bench

import (
	"fmt"
	"time"
)

// patienceFor is how long rows may take at 500 a second, which is slower than anything seen.
func patienceFor(rows int) time.Duration { return time.Minute + time.Duration(rows)*2*time.Millisecond }

// flow is what was seen of records that arrived in a topic.
type flow struct {
	took   time.Duration // from the first record's arrival to the last one's
	events int64         // that arrived in it
	used   usage         // from when the first was seen to when the last was
	of     int64         // events that used belongs to
	ahead  time.Duration // the worker's processor time before the first was seen
}

func (f flow) rate() float64 { return float64(f.events) / f.took.Seconds() }

func (f flow) perMillion(d time.Duration) float64 { return d.Seconds() / float64(f.of) * 1e6 }

// measure starts a connector and waits until the topic, which ends at from, ends
// at to.
func (b *Bench) measure(s *Stage, c *contender, topic string, from, to int64, start func()) flow {
	idle := b.spent(s, c)
	start()
	s.until(fmt.Sprintf("the first record in %s (log %s)", topic, c.worker.Log()), 10*time.Millisecond, time.Minute,
		func() bool { return b.end(s, topic) > from })
	begin, seen := b.spent(s, c), b.end(s, topic)
	end := seen
	s.until(fmt.Sprintf("%d records in %s (log %s)", to, topic, c.worker.Log()), 40*time.Millisecond, patienceFor(int(to-from)), func() bool {
		end = b.end(s, topic)
		return end >= to
	})
	used := b.spent(s, c).minus(begin)
	f := flow{events: to - from, used: used, of: end - seen, ahead: begin.minus(idle).worker,
		took: b.appended(s, topic, to-1).Sub(b.appended(s, topic, from))}
	if end > to {
		s.Errorf("%s has %d records, %d were expected", topic, end, to)
	}
	if f.of <= 0 || f.took <= 0 {
		s.Fatalf("%s: everything arrived at once: more rows are needed to measure", topic)
	}
	return f
}

// flow puts a flow into the report.
func (r *Report) flow(scenario, variant, who string, f flow) {
	r.add(scenario, variant, who, "events/s", f.rate())
	r.add(scenario, variant, who, cpuPerMillion, f.perMillion(f.used.worker))
	r.add(scenario, variant, who, "broker CPU s/M", f.perMillion(f.used.broker))
	r.add(scenario, variant, who, "MySQL CPU s/M", f.perMillion(f.used.database))
}

func (f flow) String() string {
	return fmt.Sprintf("%.0f events/s, %.1f CPU s/M (%.2f s before the first record; broker %.1f, MySQL %.1f)",
		f.rate(), f.perMillion(f.used.worker), f.ahead.Seconds(), f.perMillion(f.used.broker), f.perMillion(f.used.database))
}
