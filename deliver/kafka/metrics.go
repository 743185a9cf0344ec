package kafka

import "github.com/prometheus/client_golang/prometheus"

// metrics of one sink. Connector and task are labels of the registerer.
type metrics struct {
	records, bytes, batches, failed, refused, transactions prometheus.Counter
	buffered                                               prometheus.Gauge
	close                                                  func()
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{close: func() {}}
	var all []prometheus.Collector
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "anabranch", Subsystem: "kafka_sink", Name: name, Help: help})
		all = append(all, c)
		return c
	}
	m.records = counter("records_total", "Records that Kafka has acknowledged.")
	m.bytes = counter("bytes_total", "Bytes of keys and values that Kafka has acknowledged, before compression.")
	m.batches = counter("batches_total", "Batches of which every record is acknowledged. Records per batch near 1 under load mean that the source reads in small pieces.")
	m.failed = counter("produce_errors_total", "Batches that Kafka did not take. When it rises, look at the task's state: it restarts or has failed.")
	m.refused = counter("encode_errors_total", "Records that a converter could not write. When it rises, look at errors.tolerance and at the log.")
	m.transactions = counter("transactions_total", "Transactions that were committed. Records per transaction near 1 under load mean slow commits: look at transaction.boundary.")
	m.buffered = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "anabranch", Subsystem: "kafka_sink", Name: "buffered_bytes",
		Help: "Encoded bytes that wait for an acknowledgement. Near buffer.memory, Kafka is the bottleneck."})
	all = append(all, m.buffered)
	if reg == nil {
		return m
	}
	registered := all[:0:0]
	for _, c := range all {
		if reg.Register(c) == nil {
			registered = append(registered, c)
		}
	}
	m.close = func() {
		for _, c := range registered {
			reg.Unregister(c)
		}
	}
	return m
}
