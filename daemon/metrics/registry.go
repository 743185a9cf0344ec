package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/anabranch/anabranch/actors"
)

// Instance is what this worker runs of one connector at the time of a scrape.
type Instance struct {
	Connector, Type, Class, Version string
	State                           actors.State
	Here                            bool // the connector itself runs here, not only tasks of it
	Tasks                           map[int]actors.State
}

// NewRegistry makes a registry with the series of the Go runtime and the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// worker collects the series of the worker when it is scraped, so that none outlives its owner.
type worker struct {
	list func() []Instance
	info *prometheus.Desc
}

// NewWorker makes the collector of the worker's own series. list is called at every scrape.
func NewWorker(list func() []Instance) prometheus.Collector {
	return &worker{list: list, info: prometheus.NewDesc("anabranch_connector_info",
		"Always 1; what a connector is and in which state. Look at /connectors/<name>/status when state is failed.",
		[]string{"connector", "type", "class", "version", "state"}, nil)}
}

// Describe implements prometheus.Collector.
func (w *worker) Describe(ch chan<- *prometheus.Desc) { ch <- w.info }

// Collect implements prometheus.Collector.
func (w *worker) Collect(ch chan<- prometheus.Metric) {
	for _, c := range w.list() {
		if !c.Here {
			continue
		}
		ch <- prometheus.MustNewConstMetric(w.info, prometheus.GaugeValue, 1, c.Connector, c.Type, c.Class, c.Version, strings.ToLower(string(c.State)))
	}
}
