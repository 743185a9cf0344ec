package metrics

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/anabranch/anabranch/actors"
)

// Instance is one connector or task at the time of a scrape.
type Instance struct {
	Connector, Type, Class, Version string
	State                           actors.State
	Tasks                           map[int]actors.State
	// Records counts by task what went through since it was started.
	Records map[int]int64
}

// NewRegistry makes a registry with the series of the Go runtime and the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Handler serves a registry.
func Handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{EnableOpenMetrics: false})
}

// worker collects the series of the worker when it is scraped, so that none outlives its owner.
type worker struct {
	list func() []Instance

	connectors, tasks, info, connectorStatus, written, sent *prometheus.Desc
	byState                                                 map[string][2]*prometheus.Desc
}

// states in which Connect counts the tasks of a connector (CW-384).
var states = []string{"running", "paused", "failed", "unassigned", "destroyed", "restarting"}

// NewWorker makes the collector of the worker's own series. list is called at every scrape.
func NewWorker(list func() []Instance) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	w := &worker{
		list:       list,
		connectors: desc("kafka_connect_worker_connector_count", "Connectors that this worker runs."),
		tasks:      desc("kafka_connect_worker_task_count", "Tasks that this worker runs."),
		info:       desc("anabranch_connector_info", "Always 1; what a connector is and in which state. Look at /connectors/<name>/status when state is failed.", "connector", "type", "class", "version", "state"),
		connectorStatus: desc("kafka_connect_connector_status",
			"Always 1; the state of a task. When status is failed, GET /connectors/<name>/status has the reason.", "connector", "task", "status"),
		written: desc("kafka_connect_source_task_source_record_write_total", "Records that a source task has written to Kafka since it was started.", "connector", "task"),
		sent:    desc("kafka_connect_sink_task_sink_record_send_total", "Records that a sink task has handed to its target since it was started.", "connector", "task"),
		byState: map[string][2]*prometheus.Desc{},
	}
	for _, s := range append([]string{"total"}, states...) {
		help := "Tasks of a connector that are " + s + ". Failed ones need a restart."
		if s == "total" {
			help = "Tasks of a connector."
		}
		// The doubled word is what jmx_exporter's example makes of it, the other Strimzi (CW-390, CW-393).
		w.byState[s] = [2]*prometheus.Desc{
			desc("kafka_connect_connect_worker_connector_"+s+"_task_count", help, "connector"),
			desc("kafka_connect_worker_connector_"+s+"_task_count", help, "connector"),
		}
	}
	return w
}

func (w *worker) Describe(ch chan<- *prometheus.Desc) {
	ch <- w.connectors
	ch <- w.tasks
	ch <- w.info
	ch <- w.connectorStatus
	ch <- w.written
	ch <- w.sent
	for _, d := range w.byState {
		ch <- d[0]
		ch <- d[1]
	}
}

func (w *worker) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	all := w.list()
	tasks := 0
	for _, c := range all {
		tasks += len(c.Tasks)
		gauge(w.info, 1, c.Connector, c.Type, c.Class, c.Version, strings.ToLower(string(c.State)))
		counts := map[string]int{"total": len(c.Tasks)}
		for id, state := range c.Tasks {
			word := strings.ToLower(string(state))
			counts[word]++
			gauge(w.connectorStatus, 1, c.Connector, strconv.Itoa(id), word)
		}
		for id, n := range c.Records {
			d := w.written
			if c.Type == "sink" {
				d = w.sent
			}
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), c.Connector, strconv.Itoa(id))
		}
		for s, d := range w.byState {
			gauge(d[0], float64(counts[s]), c.Connector)
			gauge(d[1], float64(counts[s]), c.Connector)
		}
	}
	gauge(w.connectors, float64(len(all)))
	gauge(w.tasks, float64(tasks))
}
