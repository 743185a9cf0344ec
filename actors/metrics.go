package actors

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anabranch/anabranch/capture"
)

// maxTableSeries bounds the series of anabranch_task_table_records_total for one task; tables
// beyond it are counted together as otherTables.
const (
	maxTableSeries = 100
	otherTables    = "other"
)

// metrics are the series of all tasks.
type metrics struct {
	records, bytes, batches, tables, retries, commitFailures *prometheus.CounterVec

	lag, queueBytes, queueLimit, lanes, commitAge, state *prometheus.GaugeVec

	snapshotRunning, snapshotCompleted, snapshotTables, snapshotTablesDone,
	snapshotRows, snapshotRowsEstimated, snapshotSecondsLeft *prometheus.GaugeVec

	commitSeconds *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	labels := []string{"connector", "task"}
	counter := func(name, help string, more ...string) *prometheus.CounterVec {
		return register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anabranch_task_" + name, Help: help}, append(labels[:2:2], more...)))
	}
	gauge := func(name, help string, more ...string) *prometheus.GaugeVec {
		return register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "anabranch_task_" + name, Help: help}, append(labels[:2:2], more...)))
	}
	return &metrics{
		records:        counter("records_total", "Records read by the task and delivered, or dropped by its transforms on purpose. When the rate falls while the lag rises, look at the queue: full means a slow target, empty a slow source."),
		bytes:          counter("bytes_total", "Bytes of those records in memory."),
		batches:        counter("batches_total", "Batches of those records. Few records per batch mean small transactions or many tables; it costs CPU, not safety."),
		tables:         counter("table_records_total", "Records by table or topic-partition, for the first 100 of a task; the rest counts as table=\"other\".", "table"),
		retries:        counter("retries_total", "Restarts of the task after retriable errors. When it rises, the trace in the status and the log name the cause."),
		commitFailures: counter("offset_commit_failures_total", "Offset commits that failed. Nothing is lost, but more is repeated after a restart. When it rises, check the offset store or the consumer group's broker."),
		lag:            gauge("lag_milliseconds", "How far delivery is behind the source: 0 when caught up, -1 when unknown. When it rises, see records_total, queue_bytes and the state."),
		queueBytes:     gauge("queue_bytes", "Bytes read and not yet delivered. Near the limit the target is the bottleneck."),
		queueLimit:     gauge("queue_limit_bytes", "The most that may be in flight, besides one frame larger than it."),
		lanes:          gauge("lanes", "Tables or topic-partitions with an open ordered path. It follows the number of active tables."),
		commitAge:      gauge("offset_commit_age_seconds", "Age of the oldest frame whose position is not stored: what would be repeated after a crash. When it rises beyond offset.flush.interval.ms, the target does not answer or commits fail."),
		state:          gauge("state", "1 for the state that the task is in. Alert on state=\"FAILED\", and on state=\"RESTARTING\" that stays.", "state"),
		commitSeconds: register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "anabranch_task_offset_commit_seconds", Help: "Duration of offset commits. Near offset.flush.timeout.ms they begin to fail: check the offset store.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, labels)),
		snapshotRunning:       gauge("snapshot_running", "1 while the source reads a snapshot."),
		snapshotCompleted:     gauge("snapshot_completed", "1 when the source's snapshot is complete."),
		snapshotTables:        gauge("snapshot_tables", "Tables of the snapshot."),
		snapshotTablesDone:    gauge("snapshot_tables_done", "Tables of the snapshot that are read. If it stands still, see snapshot_rows_done and the queue."),
		snapshotRows:          gauge("snapshot_rows_done", "Rows that the snapshot has read."),
		snapshotRowsEstimated: gauge("snapshot_rows_estimated", "Rows of the snapshot by the server's statistics, 0 if unknown. It is an estimate: stale statistics are corrected on the server."),
		snapshotSecondsLeft:   gauge("snapshot_seconds_left", "Estimated time to the end of the snapshot, -1 if it cannot be told."),
	}
}

// register adds a collector, or returns the one that an earlier System registered.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	err := reg.Register(c)
	var dup prometheus.AlreadyRegisteredError
	if errors.As(err, &dup) {
		if old, ok := dup.ExistingCollector.(C); ok {
			return old
		}
	}
	if err != nil {
		panic(err) // two definitions of one name: a bug that the first test finds
	}
	return c
}

var allStates = []State{Unassigned, Running, Paused, Failed, Restarting}

// taskMetrics are the series of one task, looked up once.
type taskMetrics struct {
	all    *metrics
	labels prometheus.Labels
	tables map[string]struct{}

	records, bytes, batches, retries, commitFailures prometheus.Counter
	lag, queueBytes, lanes, commitAge                prometheus.Gauge
	commitSeconds                                    prometheus.Observer
}

func (m *metrics) task(connector string, id int, budgetBytes int64) *taskMetrics {
	l := prometheus.Labels{"connector": connector, "task": strconv.Itoa(id)}
	m.queueLimit.With(l).Set(float64(budgetBytes))
	t := &taskMetrics{
		all: m, labels: l, tables: map[string]struct{}{},
		records: m.records.With(l), bytes: m.bytes.With(l), batches: m.batches.With(l),
		retries: m.retries.With(l), commitFailures: m.commitFailures.With(l),
		lag: m.lag.With(l), queueBytes: m.queueBytes.With(l), lanes: m.lanes.With(l), commitAge: m.commitAge.With(l),
		commitSeconds: m.commitSeconds.With(l),
	}
	t.lag.Set(-1)
	return t
}

// table returns the counter of a table. Once the cap is reached, new tables share one.
func (t *taskMetrics) table(name string) prometheus.Counter {
	if _, ok := t.tables[name]; !ok {
		if len(t.tables) >= maxTableSeries {
			name = otherTables
		} else {
			t.tables[name] = struct{}{}
		}
	}
	return t.all.tables.WithLabelValues(t.labels["connector"], t.labels["task"], name)
}

func (t *taskMetrics) setState(now State) {
	for _, s := range allStates {
		v := 0.0
		if s == now {
			v = 1
		}
		t.all.state.WithLabelValues(t.labels["connector"], t.labels["task"], string(s)).Set(v)
	}
}

func (t *taskMetrics) setSnapshot(s *capture.Snapshot) {
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	t.all.snapshotRunning.With(t.labels).Set(flag(s.Running))
	t.all.snapshotCompleted.With(t.labels).Set(flag(s.Completed))
	t.all.snapshotTables.With(t.labels).Set(float64(s.TablesTotal))
	t.all.snapshotTablesDone.With(t.labels).Set(float64(s.TablesDone))
	t.all.snapshotRows.With(t.labels).Set(float64(s.RowsDone))
	t.all.snapshotRowsEstimated.With(t.labels).Set(float64(s.RowsEstimated))
	t.all.snapshotSecondsLeft.With(t.labels).Set(float64(s.SecondsLeft))
}

// remove deletes every series of the task.
func (t *taskMetrics) remove() {
	m := t.all
	for _, v := range []*prometheus.CounterVec{m.records, m.bytes, m.batches, m.tables, m.retries, m.commitFailures} {
		v.DeletePartialMatch(t.labels)
	}
	for _, v := range []*prometheus.GaugeVec{
		m.lag, m.queueBytes, m.queueLimit, m.lanes, m.commitAge, m.state,
		m.snapshotRunning, m.snapshotCompleted, m.snapshotTables, m.snapshotTablesDone,
		m.snapshotRows, m.snapshotRowsEstimated, m.snapshotSecondsLeft,
	} {
		v.DeletePartialMatch(t.labels)
	}
	m.commitSeconds.DeletePartialMatch(t.labels)
}
