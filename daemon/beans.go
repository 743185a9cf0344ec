package daemon

import (
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/daemon/metrics"
)

const connectDomain = "kafka.connect"

// connectBean makes a bean of the worker: domain kafka.connect, the type, then more properties.
func connectBean(typ string, attrs []javametrics.Attr, props ...javametrics.Prop) javametrics.MBean {
	return javametrics.MBean{Domain: connectDomain, Props: append([]javametrics.Prop{{Key: "type", Value: typ}}, props...), Attrs: attrs}
}

// beans are what the Java worker would show in JMX now (CW-376 to CW-388).
func (h *herder) beans() []javametrics.MBean {
	select {
	case <-h.ready:
	default:
		return nil
	}
	var out []javametrics.MBean
	connectors, tasks := 0, 0
	for _, c := range h.instances() {
		if c.Here {
			connectors++
		}
		tasks += len(c.Tasks)
		out = append(out, h.connectorBeans(&c)...)
		out = append(out, h.system.Beans(c.Connector)...)
	}
	out = append(out, h.workerBeans(connectors, tasks)...)
	out = append(out, h.groupBeans(connectors, tasks)...)
	return append(out, h.env.clients.Beans()...)
}

func (h *herder) connectorBeans(c *metrics.Instance) []javametrics.MBean {
	name := javametrics.Prop{Key: "connector", Value: c.Connector}
	var out []javametrics.MBean
	if c.Here {
		out = append(out, connectBean("connector-metrics", []javametrics.Attr{
			javametrics.Text("connector-class", c.Class), javametrics.Text("connector-type", c.Type),
			javametrics.Text("connector-version", c.Version), javametrics.Text("status", strings.ToLower(string(c.State))),
		}, name))
	}
	counts := map[actors.State]int{}
	stats := h.system.Stats(c.Connector)
	for id, state := range c.Tasks {
		counts[state]++
		if s, ok := stats[id]; ok {
			out = append(out, taskBeans(c, state, &s, name, javametrics.Prop{Key: "task", Value: strconv.Itoa(id)})...)
		}
	}
	count := func(what string, n int) javametrics.Attr {
		return javametrics.Num("connector-"+what+"-task-count", float64(n))
	}
	return append(out, connectBean("connect-worker-metrics", []javametrics.Attr{
		count("total", len(c.Tasks)), count("running", counts[actors.Running]), count("paused", counts[actors.Paused]), count("failed", counts[actors.Failed]),
		count("unassigned", counts[actors.Unassigned]), count("restarting", counts[actors.Restarting]), count("destroyed", 0),
	}, name))
}

func taskBeans(c *metrics.Instance, state actors.State, s *actors.TaskStats, of ...javametrics.Prop) []javametrics.MBean {
	good, bad := share(s.Commits, s.CommitFailures)
	out := []javametrics.MBean{connectBean("connector-task-metrics", []javametrics.Attr{
		javametrics.Text("status", strings.ToLower(string(state))),
		javametrics.Num("running-ratio", s.RunningRatio), javametrics.Num("pause-ratio", s.PausedRatio),
		javametrics.Num("offset-commit-max-time-ms", s.Commits.Max), javametrics.Num("offset-commit-avg-time-ms", s.Commits.Avg),
		javametrics.Num("offset-commit-success-percentage", good), javametrics.Num("offset-commit-failure-percentage", bad),
		javametrics.Num("batch-size-max", s.Polled.Max), javametrics.Num("batch-size-avg", s.Polled.Avg),
	}, of...)}
	e := &s.Errors
	out = append(out, connectBean("task-error-metrics", []javametrics.Attr{
		javametrics.Num("total-record-failures", float64(e.RecordFailures)), javametrics.Num("total-record-errors", float64(e.RecordErrors)),
		javametrics.Num("total-records-skipped", float64(e.RecordsSkipped)), javametrics.Num("total-retries", float64(e.Retries)),
		javametrics.Num("total-errors-logged", float64(e.ErrorsLogged)), javametrics.Num("deadletterqueue-produce-requests", float64(e.DeadLetterRequests)),
		javametrics.Num("deadletterqueue-produce-failures", float64(e.DeadLetterFailures)), javametrics.Num("last-error-timestamp", float64(e.LastErrorMillis)),
	}, of...))
	active := func(prefix string) []javametrics.Attr {
		return []javametrics.Attr{javametrics.Num(prefix, float64(s.ActiveNow)), javametrics.Num(prefix+"-max", s.Active.Max), javametrics.Num(prefix+"-avg", s.Active.Avg)}
	}
	if c.Type == sourceType {
		var transactions []javametrics.Attr
		if x := &s.Transactions; s.Transactional {
			transactions = []javametrics.Attr{javametrics.Num("transaction-size-min", x.Min), javametrics.Num("transaction-size-max", x.Max), javametrics.Num("transaction-size-avg", x.Avg)}
		}
		return append(out, connectBean("source-task-metrics", append(append([]javametrics.Attr{
			javametrics.Num("source-record-poll-rate", s.Polled.Rate), javametrics.Num("source-record-poll-total", s.Polled.Total),
			javametrics.Num("source-record-write-rate", s.Written.Rate), javametrics.Num("source-record-write-total", s.Written.Total),
			javametrics.Num("poll-batch-max-time-ms", s.PollTime.Max), javametrics.Num("poll-batch-avg-time-ms", s.PollTime.Avg),
		}, active("source-record-active-count")...), transactions...), of...))
	}
	return append(out, connectBean("sink-task-metrics", append([]javametrics.Attr{
		javametrics.Num("sink-record-read-rate", s.Polled.Rate), javametrics.Num("sink-record-read-total", s.Polled.Total),
		javametrics.Num("sink-record-send-rate", s.Sent.Rate), javametrics.Num("sink-record-send-total", s.Sent.Total),
		javametrics.Num("partition-count", float64(s.Partitions)), javametrics.Num("offset-commit-seq-no", float64(s.Commits.Count+s.CommitFailures.Count)),
		javametrics.Num("offset-commit-completion-rate", s.Commits.CountRate), javametrics.Num("offset-commit-completion-total", float64(s.Commits.Count)),
		javametrics.Num("offset-commit-skip-rate", s.CommitFailures.CountRate), javametrics.Num("offset-commit-skip-total", float64(s.CommitFailures.Count)),
		javametrics.Num("put-batch-max-time-ms", s.PutTime.Max), javametrics.Num("put-batch-avg-time-ms", s.PutTime.Avg),
	}, active("sink-record-active-count")...), of...))
}

// share gives the parts of two counts within their windows, 0 and 0 if nothing happened.
func share(good, bad javametrics.Stats) (float64, float64) {
	sum := good.CountRate + bad.CountRate
	if sum == 0 {
		return 0, 0
	}
	return good.CountRate / sum, bad.CountRate / sum
}

func (h *herder) workerBeans(connectors, tasks int) []javametrics.MBean {
	s := h.system.Startups()
	attrs := []javametrics.Attr{javametrics.Num("connector-count", float64(connectors)), javametrics.Num("task-count", float64(tasks))}
	for _, k := range []struct {
		what      string
		good, bad int64
	}{{"connector", s.Connectors, h.brokenStarts.Load()}, {"task", s.Tasks, s.TaskFailures}} {
		all, part := float64(k.good+k.bad), func(n int64) float64 {
			if k.good+k.bad == 0 {
				return 0
			}
			return float64(n) / float64(k.good+k.bad)
		}
		attrs = append(attrs,
			javametrics.Num(k.what+"-startup-attempts-total", all),
			javametrics.Num(k.what+"-startup-success-total", float64(k.good)), javametrics.Num(k.what+"-startup-failure-total", float64(k.bad)),
			javametrics.Num(k.what+"-startup-success-percentage", part(k.good)), javametrics.Num(k.what+"-startup-failure-percentage", part(k.bad)))
	}
	return []javametrics.MBean{
		connectBean("connect-worker-metrics", attrs),
		connectBean("app-info", []javametrics.Attr{
			javametrics.Text("version", kafkaVersion), javametrics.Text("commit-id", commit), javametrics.Num("start-time-ms", float64(h.begun.UnixMilli())),
		}, javametrics.Prop{Key: "client-id", Value: h.clientID()}),
	}
}

// groupBeans are those of the group of workers; a worker alone has none.
func (h *herder) groupBeans(connectors, tasks int) []javametrics.MBean {
	g, ok := h.group.(*members)
	if !ok {
		return nil
	}
	m := g.member.Metrics()
	return []javametrics.MBean{
		connectBean("connect-worker-rebalance-metrics", []javametrics.Attr{
			javametrics.Text("connect-protocol", m.Protocol), javametrics.Text("leader-name", m.LeaderName),
			javametrics.Num("epoch", float64(m.Epoch)), javametrics.Num("completed-rebalances-total", float64(m.Completed)), javametrics.Flag("rebalancing", m.Rebalancing),
			javametrics.Num("rebalance-max-time-ms", m.MaxMillis), javametrics.Num("rebalance-avg-time-ms", m.AvgMillis),
			javametrics.Num("time-since-last-rebalance-ms", m.SinceLastMillis),
		}),
		connectBean("connect-coordinator-metrics", []javametrics.Attr{
			javametrics.Num("assigned-connectors", float64(connectors)), javametrics.Num("assigned-tasks", float64(tasks)),
		}, javametrics.Prop{Key: "client-id", Value: h.clientID()}),
	}
}

// clientID is the worker's own, which the beans of its group membership carry (CW-117).
func (h *herder) clientID() string {
	if h.worker.ClientID != "" {
		return h.worker.ClientID
	}
	if h.worker.GroupID != "" {
		return "connect-" + h.worker.GroupID
	}
	return "connect-standalone"
}
