package tolerance

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Registerer takes the series of one task; it carries the labels connector and task.
type Registerer = prometheus.Registerer

// metrics are the counters as series of ours.
type metrics struct {
	failures, errors, skipped, retries, logged, letters, lostLetters prometheus.Counter

	reg        prometheus.Registerer
	all        []prometheus.Collector
	registered []prometheus.Collector
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{reg: reg}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "anabranch", Subsystem: "record_errors", Name: name, Help: help})
		m.all = append(m.all, c)
		return c
	}
	m.failures = counter("failures_total", "Operations on records that failed, each try counted. When it rises, look at errors.log.enable's lines or at the dead letter queue.")
	m.errors = counter("errors_total", "Records whose processing failed for good.")
	m.skipped = counter("skipped_total", "Records skipped because errors.tolerance=all. They are lost unless a dead letter queue keeps them.")
	m.retries = counter("retries_total", "Operations on records that were tried again (errors.retry.timeout). When it rises, something that converters or transforms need is away.")
	m.logged = counter("logged_total", "Errors written to the log by errors.log.enable.")
	m.letters = counter("dead_letters_total", "Records given to the dead letter queue.")
	m.lostLetters = counter("dead_letter_failures_total", "Records that the dead letter queue did not take. The task stops then; its trace says why.")
	return m
}

func (m *metrics) register() {
	if m.reg == nil {
		return
	}
	for _, c := range m.all {
		if m.reg.Register(c) == nil {
			m.registered = append(m.registered, c)
		}
	}
}

func (m *metrics) close() {
	for _, c := range m.registered {
		m.reg.Unregister(c)
	}
	m.registered = nil
}

// count adds one to a number and to its series.
func (o *Operator) count(n *atomic.Int64, c prometheus.Counter) {
	n.Add(1)
	c.Inc()
}
