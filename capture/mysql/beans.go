package mysql

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anabranch/anabranch/configs/javametrics"
)

// vitals are what Debezium's MBeans show (DM-217 to DM-222), counted once a frame, event or
// statement. Each start begins at 0 (DM-225). It is safe for concurrent use.
type vitals struct {
	creates, updates, deletes, reads, filtered, unchanged, transactions, disconnects, skipped atomic.Int64

	connected, locked                                             atomic.Bool
	lag, lastEvent                                                atomic.Int64 // ms; lag is -1 before any event, lastEvent ms since epoch
	historyState                                                  atomic.Int32
	recoveryBegan, recovered, applied, lastRecovered, lastApplied atomic.Int64
	spread                                                        javametrics.Quantiles

	mu      sync.Mutex // guards the fields below
	file    string
	pos     int64
	scanned map[string]int64 // rows by table
}

// States of the schema history (DM-221).
const (
	historyStopped int32 = iota
	historyRecovering
	historyRunning
)

var historyStates = [...]string{"STOPPED", "RECOVERING", "RUNNING"}

func newVitals() *vitals {
	v := &vitals{scanned: map[string]int64{}}
	v.lag.Store(-1)
	return v
}

func (v *vitals) scan(table string, rows int64) {
	v.reads.Add(rows)
	v.mu.Lock()
	v.scanned[table] += rows
	v.mu.Unlock()
}

func (v *vitals) behind(millis int64) {
	v.lag.Store(millis)
	v.spread.Add(float64(millis))
}

func (v *vitals) at(c *cursor) {
	v.mu.Lock()
	v.file, v.pos = c.curFile, c.curPos
	v.mu.Unlock()
}

// changed notes structures that were changed, historyRecovered the end of a recovery (DM-221).
func (v *vitals) changed() {
	v.historyState.Store(historyRunning)
	v.applied.Add(1)
	v.lastApplied.Store(time.Now().UnixMilli())
}

func (v *vitals) historyRecovered(records, applied int64) {
	v.historyState.Store(historyRunning)
	v.recovered.Store(records)
	v.applied.Add(applied)
	v.lastRecovered.Store(time.Now().UnixMilli())
}

// Beans implements javametrics.Reporter: the beans of the contexts streaming, snapshot and schema-history.
func (src *Source) Beans(q javametrics.Queue) []javametrics.MBean {
	v := src.v
	bean := func(context string, attrs []javametrics.Attr, more ...javametrics.Prop) javametrics.MBean {
		return javametrics.MBean{Domain: "debezium.mysql", Attrs: attrs, Props: append([]javametrics.Prop{
			{Key: "type", Value: "connector-metrics"}, {Key: "context", Value: context}, {Key: "server", Value: src.s.prefix}}, more...)}
	}
	out := []javametrics.MBean{
		bean("streaming", append(src.common(q), src.streaming()...)),
		bean("snapshot", append(src.common(q), src.snapshotAttrs()...)),
		bean("schema-history", src.historyAttrs()),
	}
	v.mu.Lock()
	scanned := maps.Clone(v.scanned)
	v.mu.Unlock()
	for table, n := range scanned {
		out = append(out, bean("snapshot", []javametrics.Attr{javametrics.Num("RowsScanned", float64(n))}, javametrics.Prop{Key: "key", Value: table}))
	}
	return out
}

// common are the attributes that both contexts have. There is no queue of events here: what
// is in flight is bounded in bytes, and shown as the same part of max.queue.size.
func (src *Source) common(q javametrics.Queue) []javametrics.Attr {
	v, size := src.v, float64(src.s.queueSize)
	free := size
	if q.LimitBytes > 0 {
		free = size * float64(max(q.LimitBytes-q.UsedBytes, 0)) / float64(q.LimitBytes)
	}
	c, u, d, r := v.creates.Load(), v.updates.Load(), v.deletes.Load(), v.reads.Load()
	unchanged := int64(-1)
	if src.s.skipUnchanged {
		unchanged = v.unchanged.Load()
	}
	return []javametrics.Attr{
		javametrics.Num("TotalNumberOfEventsSeen", float64(c+u+d+r)), javametrics.Num("TotalNumberOfCreateEventsSeen", float64(c)),
		javametrics.Num("TotalNumberOfUpdateEventsSeen", float64(u)), javametrics.Num("TotalNumberOfDeleteEventsSeen", float64(d)),
		javametrics.Num("NumberOfEventsFiltered", float64(v.filtered.Load())), javametrics.Num("NumberOfErroneousEvents", 0),
		javametrics.Num("NumberOfUnchangedEventsSkipped", float64(unchanged)), javametrics.Num("MilliSecondsSinceLastEvent", since(v.lastEvent.Load())),
		javametrics.Num("QueueTotalCapacity", size), javametrics.Num("QueueRemainingCapacity", float64(int64(free))),
		javametrics.Num("MaxQueueSizeInBytes", float64(q.LimitBytes)), javametrics.Num("CurrentQueueSizeInBytes", float64(q.UsedBytes)),
	}
}

// since is the time from a moment until now in ms, -1 if it has not come.
func since(millis int64) float64 {
	if millis == 0 {
		return -1
	}
	return float64(max(time.Now().UnixMilli()-millis, 0))
}

func (src *Source) streaming() []javametrics.Attr {
	v := src.v
	lag, s := float64(v.lag.Load()), v.spread.Spread()
	v.mu.Lock()
	file, pos := v.file, v.pos
	v.mu.Unlock()
	return []javametrics.Attr{
		javametrics.Num("MilliSecondsBehindSource", lag), javametrics.Num("MilliSecondsBehindSourceMinValue", s.Min),
		javametrics.Num("MilliSecondsBehindSourceMaxValue", s.Max), javametrics.Num("MilliSecondsBehindSourceAverageValue", s.Avg),
		javametrics.Num("MilliSecondsBehindSourceP50", s.P50), javametrics.Num("MilliSecondsBehindSourceP95", s.P95), javametrics.Num("MilliSecondsBehindSourceP99", s.P99),
		javametrics.Flag("Connected", v.connected.Load()), javametrics.Flag("IsGtidModeEnabled", src.sv.gtid),
		javametrics.Num("NumberOfCommittedTransactions", float64(v.transactions.Load())), javametrics.Num("NumberOfRolledBackTransactions", 0),
		javametrics.Num("NumberOfNotWellFormedTransactions", 0), javametrics.Num("NumberOfLargeTransactions", 0),
		javametrics.Num("NumberOfSkippedEvents", float64(v.skipped.Load())), javametrics.Num("NumberOfDisconnects", float64(v.disconnects.Load())),
		javametrics.Num("BinlogPosition", float64(pos)), javametrics.Text("BinlogFilename", file),
	}
}

func (src *Source) snapshotAttrs() []javametrics.Attr {
	p := src.SnapshotProgress()
	return []javametrics.Attr{
		javametrics.Num("TotalTableCount", float64(p.TablesTotal)), javametrics.Num("RemainingTableCount", float64(p.TablesTotal-p.TablesDone)),
		javametrics.Flag("SnapshotRunning", p.Running), javametrics.Flag("SnapshotPaused", false), javametrics.Flag("SnapshotCompleted", p.Completed),
		javametrics.Flag("SnapshotAborted", false), javametrics.Flag("SnapshotSkipped", !p.Running && !p.Completed),
		javametrics.Num("SnapshotDurationInSeconds", float64(p.DurationSeconds)), javametrics.Num("SnapshotPausedDurationInSeconds", 0),
		javametrics.Flag("HoldingGlobalLock", src.v.locked.Load()),
	}
}

func (src *Source) historyAttrs() []javametrics.Attr {
	v := src.v
	began := -1.0
	if at := v.recoveryBegan.Load(); at > 0 {
		began = float64(at / 1000)
	}
	return []javametrics.Attr{
		javametrics.Text("Status", historyStates[v.historyState.Load()]), javametrics.Num("RecoveryStartTime", began),
		javametrics.Num("ChangesRecovered", float64(v.recovered.Load())), javametrics.Num("ChangesApplied", float64(v.applied.Load())),
		javametrics.Num("MilliSecondsSinceLastRecoveredChange", since(v.lastRecovered.Load())),
		javametrics.Num("MilliSecondsSinceLastAppliedChange", since(v.lastApplied.Load())),
	}
}
