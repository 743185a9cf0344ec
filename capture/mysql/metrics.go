package mysql

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the series of one task; the registerer carries connector and task. Without a
// registerer they count for nobody.
type metrics struct {
	creates, updates, deletes, reads                          prometheus.Counter
	filtered, unchanged                                       prometheus.Counter
	transactions, disconnects                                 prometheus.Counter
	connected, lag, lastEvent                                 prometheus.Gauge
	binlogFile, binlogPos                                     prometheus.Gauge
	snapRunning, snapTables, snapLeft, snapRows, snapExpected prometheus.Gauge
	frames                                                    prometheus.Counter
	registered                                                []prometheus.Collector
	v                                                         *vitals // the same for Debezium's beans
	reg                                                       prometheus.Registerer
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{reg: reg, v: newVitals()}
	var err error
	add := func(c prometheus.Collector) {
		if reg == nil || err != nil {
			return
		}
		if err = reg.Register(c); err == nil {
			m.registered = append(m.registered, c)
		}
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "anabranch_mysql_" + name, Help: help})
		add(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "anabranch_mysql_" + name, Help: help})
		add(g)
		return g
	}
	rows := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anabranch_mysql_rows_total", Help: "Rows read by operation. If it stands still while the database is written to, look at the task's status."}, []string{"op"})
	add(rows)
	m.creates, m.updates = rows.WithLabelValues("c"), rows.WithLabelValues("u")
	m.deletes, m.reads = rows.WithLabelValues("d"), rows.WithLabelValues("r")
	m.filtered = counter("filtered_events_total", "Row events of tables that are not captured.")
	m.unchanged = counter("unchanged_rows_total", "Updates left out by skip.messages.without.change.")
	m.transactions = counter("transactions_total", "Transactions read to their end.")
	m.disconnects = counter("disconnects_total", "Lost connections. If it rises, look at the server's log and at network timeouts.")
	m.frames = counter("frames_total", "Frames handed over.")
	m.connected = gauge("connected", "1 while a connection to the server is in use.")
	m.lag = gauge("lag_milliseconds", "Time from commit to reading, by this machine's clock. If it grows, the sink or this task is too slow.")
	m.lastEvent = gauge("last_event_timestamp_seconds", "When the last event came, heartbeats included.")
	m.binlogFile = gauge("binlog_file", "Number of the log file that is being read.")
	m.binlogPos = gauge("binlog_position", "Position in that file.")
	m.snapRunning = gauge("snapshot_running", "1 while a snapshot runs.")
	m.snapTables = gauge("snapshot_tables", "Tables of the snapshot.")
	m.snapLeft = gauge("snapshot_tables_remaining", "Tables that the snapshot has not finished.")
	m.snapRows = gauge("snapshot_rows", "Rows that the snapshot has read.")
	m.snapExpected = gauge("snapshot_rows_expected", "Rows that the snapshot will read, by the server's statistics.")
	return m, err
}

func (m *metrics) rowsRead(op byte, n int) {
	switch op {
	case 'c':
		m.creates.Add(float64(n))
		m.v.creates.Add(int64(n))
	case 'u':
		m.updates.Add(float64(n))
		m.v.updates.Add(int64(n))
	case 'd':
		m.deletes.Add(float64(n))
		m.v.deletes.Add(int64(n))
	}
}

// frame notes what is known whenever a frame leaves.
func (m *metrics) frame(sourceMillis int64, c *cursor, last, now time.Time) {
	m.frames.Inc()
	if sourceMillis > 0 {
		behind := max(0, now.UnixMilli()-sourceMillis)
		m.lag.Set(float64(behind))
		m.v.behind(behind)
	}
	m.lastEvent.Set(float64(last.UnixMilli()) / 1000)
	m.v.lastEvent.Store(last.UnixMilli())
	m.v.at(c)
	m.binlogFile.Set(float64(fileNumber(c.curFile)))
	m.binlogPos.Set(float64(c.curPos))
}

// setConnected notes whether a connection to the server is in use.
func (m *metrics) setConnected(yes bool) {
	m.v.connected.Store(yes)
	m.connected.Set(map[bool]float64{true: 1}[yes])
}

func fileNumber(file string) int64 {
	n := int64(0)
	for i := len(file) - 1; i >= 0 && file[i] >= '0' && file[i] <= '9'; i-- {
		n++
	}
	v := int64(0)
	for _, c := range file[len(file)-int(n):] {
		v = v*10 + int64(c-'0')
	}
	return v
}

// close takes the series away.
func (m *metrics) close() {
	if m == nil {
		return
	}
	for _, c := range m.registered {
		m.reg.Unregister(c)
	}
	m.registered = nil
}
