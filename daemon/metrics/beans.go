package metrics

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anabranch/anabranch/configs/javametrics"
)

// beans collects the series that the chosen rule sets make of the worker's beans.
type beans struct {
	list func() []javametrics.MBean
	sets []*Rules
	mu   sync.Mutex // guards the caches of the sets: one scrape at a time
}

// NewMBeans makes the collector of the series that dashboards for the Java worker query. list
// is called at every scrape. Sets that lead to one and the same series give it once.
func NewMBeans(list func() []javametrics.MBean, sets []*Rules) prometheus.Collector {
	return &beans{list: list, sets: sets}
}

// Describe sends nothing: which series there are is known at a scrape.
func (c *beans) Describe(chan<- *prometheus.Desc) {}

func (c *beans) Collect(ch chan<- prometheus.Metric) {
	if len(c.sets) == 0 {
		return
	}
	all := c.list()
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[string]bool{}
	kinds := map[string]prometheus.ValueType{} // one type a name, or the scrape fails
	for i := range all {
		b := &all[i]
		for j := range b.Attrs {
			a := &b.Attrs[j]
			for _, set := range c.sets {
				s := set.series(b, a)
				if s == nil || s.name == "" {
					continue
				}
				key := s.name + "\xff" + strings.Join(s.values, "\xff")
				if seen[key] {
					continue
				}
				seen[key] = true
				kind, known := kinds[s.name]
				if !known {
					kind = s.valueType()
					kinds[s.name] = kind
				}
				v := a.Value
				if s.fixed != nil {
					v = *s.fixed
				}
				m, err := prometheus.NewConstMetric(s.desc, kind, v*s.factor, s.values...)
				if err == nil {
					ch <- m
				}
			}
		}
	}
}

func (s *series) valueType() prometheus.ValueType {
	switch s.kind {
	case "GAUGE":
		return prometheus.GaugeValue
	case "COUNTER":
		return prometheus.CounterValue
	}
	return prometheus.UntypedValue
}
