package jdbc

import "github.com/prometheus/client_golang/prometheus"

// metrics of one task (SJ-161). The registerer carries the connector and task labels.
type metrics struct {
	written, deleted, truncated, skipped, batches, writes, retries, reconnects, ddl, isolations prometheus.Counter
	writeSeconds                                                                                prometheus.Histogram
	all                                                                                         []prometheus.Collector
}

// newMetrics registers the metrics; a nil registerer is allowed.
func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "anabranch", Subsystem: "jdbc_sink", Name: name, Help: help})
		m.all = append(m.all, c)
		return c
	}
	m.written = counter("rows_written_total", "Rows inserted, upserted or updated, after reduction to the last per key.")
	m.deleted = counter("rows_deleted_total", "Keys deleted, after reduction to the last per key.")
	m.truncated = counter("tables_truncated_total", "Truncate events carried out.")
	m.skipped = counter("records_skipped_total", "Records that need no write: schema changes, deletes and truncates that are not enabled.")
	m.batches = counter("batches_total", "Batches that are durable in the database.")
	m.writes = counter("transactions_total", "Transactions committed; batches over transactions is how well batches are merged.")
	m.retries = counter("retries_total", "Writes repeated after an error that may pass. When it rises, look at the database's health and locks.")
	m.reconnects = counter("reconnects_total", "Connections made anew.")
	m.ddl = counter("ddl_statements_total", "Tables created and altered.")
	m.isolations = counter("isolations_total", "Writes that were searched for the one bad record.")
	m.writeSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "anabranch", Subsystem: "jdbc_sink",
		Name: "write_seconds", Help: "Time from taking batches to the commit. When it rises, the database is the bottleneck.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 9)})
	m.all = append(m.all, m.writeSeconds)
	all := m.all
	m.all = nil
	for _, c := range all {
		// An earlier incarnation of the task that is not closed yet may hold the name. Then
		// this one goes uncounted, and must not take the other's series away when it closes.
		if reg != nil && reg.Register(c) == nil {
			m.all = append(m.all, c)
		}
	}
	return m
}

// close takes the series away that this task's metrics are shown under.
func (m *metrics) close(reg prometheus.Registerer) {
	for _, c := range m.all {
		reg.Unregister(c)
	}
}
