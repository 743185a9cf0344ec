package kafka

import "github.com/prometheus/client_golang/prometheus"

// metrics of one source. Connector and task are labels of the registerer.
type metrics struct {
	records, bytes, batches, refused, commitErrors prometheus.Counter
	partitions                                     prometheus.Gauge
	close                                          func()
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{close: func() {}}
	var all []prometheus.Collector
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "anabranch", Subsystem: "kafka_source", Name: name, Help: help})
		all = append(all, c)
		return c
	}
	m.records = counter("records_total", "Records read from Kafka, those that were dropped included.")
	m.bytes = counter("bytes_total", "Bytes of keys and values read from Kafka, after decompression.")
	m.batches = counter("batches_total", "Batches made of them. Records per batch near 1 with a large lag mean many partitions with little data each.")
	m.refused = counter("decode_errors_total", "Records that a converter could not read. When it rises, look at the producers of the topic, at the converters' settings and at the dead letter queue.")
	m.commitErrors = counter("commit_errors_total", "Offset commits that failed. When it rises, look at rebalances and at the health of the group coordinator.")
	m.partitions = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "anabranch", Subsystem: "kafka_source", Name: "assigned_partitions",
		Help: "Partitions assigned to the task. 0 for long: more tasks than partitions, or the group does not settle."})
	all = append(all, m.partitions)
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
