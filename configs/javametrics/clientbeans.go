package javametrics

import (
	"math"
	"sort"
	"strconv"
	"time"
)

// nodeName is a broker in a bean's node-id; Java counts the bootstrap servers down from -1.
func nodeName(id int32) string {
	if id < 0 {
		return "node--1"
	}
	return "node-" + strconv.Itoa(int(id))
}

// Beans are the client's beans now. Attributes of Java's own network code (io, select,
// reauthentication times) have no counterpart and are left out.
func (c *Client) Beans() []MBean {
	group := string(c.kind)
	if c.kind == AdminClient {
		group = "admin-client"
	}
	domain := "kafka." + string(c.kind)
	bean := func(typ string, attrs []Attr, more ...Prop) MBean {
		return MBean{Domain: domain, Props: append([]Prop{{"type", typ}, {"client-id", c.id}}, more...), Attrs: attrs}
	}
	main := c.common()
	switch c.kind {
	case ProducerClient:
		main = append(main, c.producer()...)
	case ConsumerClient:
		main = append(main, ago("last-poll-seconds-ago", c.lastPoll.Load()))
	}
	out := []MBean{
		bean("app-info", []Attr{Num("start-time-ms", float64(c.begun.UnixMilli()))}),
		bean(group+"-metrics", main),
	}
	if c.kind == ConsumerClient || c.kind == WorkerClient {
		out = append(out, bean(coordinatorType(c.kind), c.coordinator()))
	}
	if c.kind == ConsumerClient {
		out = append(out, bean("consumer-fetch-manager-metrics", c.fetch()))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, n := range c.nodes {
		in, o, l := n.in.Stats(), n.out.Stats(), n.latency.Stats()
		out = append(out, bean(group+"-node-metrics", []Attr{
			Num("incoming-byte-rate", in.Rate), Num("incoming-byte-total", in.Total), Num("outgoing-byte-rate", o.Rate), Num("outgoing-byte-total", o.Total),
			Num("request-latency-avg", l.Avg), Num("request-latency-max", l.Max), Num("request-rate", o.CountRate), Num("request-total", float64(o.Count)),
			Num("request-size-avg", o.Avg), Num("request-size-max", o.Max), Num("response-rate", in.CountRate), Num("response-total", float64(in.Count)),
		}, Prop{"node-id", name}))
	}
	for name, t := range c.topics {
		r, by := t.records.Stats(), t.bytes.Stats()
		switch c.kind {
		case ProducerClient:
			e := t.errors.Stats()
			out = append(out, bean("producer-topic-metrics", []Attr{
				Num("record-send-rate", r.Rate), Num("record-send-total", r.Total), Num("byte-rate", by.Rate), Num("byte-total", by.Total),
				Num("compression-rate", t.compression.Stats().Avg), Num("record-error-rate", e.Rate), Num("record-error-total", e.Total),
			}, Prop{"topic", name}))
		case ConsumerClient:
			out = append(out, bean("consumer-fetch-manager-metrics", []Attr{
				Num("records-consumed-rate", r.Rate), Num("records-consumed-total", r.Total), Num("bytes-consumed-rate", by.Rate), Num("bytes-consumed-total", by.Total),
				Num("fetch-size-avg", by.Avg), Num("fetch-size-max", by.Max), Num("records-per-request-avg", r.Avg),
			}, Prop{"topic", name}))
		}
	}
	for tp, l := range c.lags {
		s, lead := l.window.Stats(), l.leads.Stats()
		out = append(out, bean("consumer-fetch-manager-metrics", []Attr{
			Num("records-lag", l.now), Num("records-lag-avg", s.Avg), Num("records-lag-max", s.Max), Num("records-lead", l.lead),
			Num("records-lead-avg", lead.Avg), Num("records-lead-min", lead.Min), Num("preferred-read-replica", -1),
		}, Prop{"topic", tp.topic}, Prop{"partition", strconv.Itoa(int(tp.partition))}))
	}
	rest := out[2:]
	sort.SliceStable(rest, func(i, j int) bool { return rest[i].Prefix("") < rest[j].Prefix("") })
	return out
}

func coordinatorType(k ClientKind) string {
	if k == WorkerClient {
		return "connect-coordinator-metrics"
	}
	return "consumer-coordinator-metrics"
}

// ago tells how long something is past, -1 if it never happened.
func ago(name string, millis int64) Attr {
	if millis == 0 {
		return Num(name, -1)
	}
	return Num(name, math.Round(time.Since(time.UnixMilli(millis)).Seconds()))
}

func (c *Client) common() []Attr {
	in, out, size := c.in.Stats(), c.out.Stats(), c.requestSize.Stats()
	age := max(time.Since(c.begun).Seconds(), 1)
	return []Attr{
		Num("connection-count", float64(c.open.Load())),
		Num("connection-creation-total", float64(c.created.Load())), Num("connection-creation-rate", float64(c.created.Load())/age),
		Num("connection-close-total", float64(c.closed.Load())), Num("connection-close-rate", float64(c.closed.Load())/age),
		Num("incoming-byte-rate", in.Rate), Num("incoming-byte-total", in.Total), Num("outgoing-byte-rate", out.Rate), Num("outgoing-byte-total", out.Total),
		Num("network-io-rate", in.CountRate+out.CountRate), Num("network-io-total", float64(in.Count+out.Count)),
		Num("request-rate", out.CountRate), Num("request-total", float64(out.Count)), Num("request-size-avg", size.Avg), Num("request-size-max", size.Max),
		Num("response-rate", in.CountRate), Num("response-total", float64(in.Count)),
	}
}

func (c *Client) producer() []Attr {
	sent, errs, lat := c.sent.Stats(), c.sendErrors.Stats(), c.produceLatency.Stats()
	batch, throttle := c.batchBytes.Stats(), c.throttle.Stats()
	perRequest, size := math.NaN(), math.NaN()
	if lat.CountRate > 0 {
		perRequest = sent.Rate / lat.CountRate
	}
	if sent.Total > 0 {
		size = batch.Total / sent.Total
	}
	return []Attr{
		Num("record-send-rate", sent.Rate), Num("record-send-total", sent.Total), Num("record-error-rate", errs.Rate), Num("record-error-total", errs.Total),
		Num("record-size-avg", size), Num("records-per-request-avg", perRequest), Num("request-latency-avg", lat.Avg), Num("request-latency-max", lat.Max),
		Num("batch-size-avg", batch.Avg), Num("batch-size-max", batch.Max), Num("compression-rate-avg", c.compression.Stats().Avg),
		Num("produce-throttle-time-avg", zero(throttle.Avg)), Num("produce-throttle-time-max", zero(throttle.Max)),
	}
}

func zero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

func (c *Client) coordinator() []Attr {
	j, s, h, r := c.joins.Stats(), c.syncs.Stats(), c.heartbeats.Stats(), c.rebalances.Stats()
	failed := c.groupErrors.Stats()
	attrs := []Attr{
		Num("join-rate", j.CountRate), Num("join-total", float64(j.Count)), Num("join-time-avg", j.Avg), Num("join-time-max", j.Max),
		Num("sync-rate", s.CountRate), Num("sync-total", float64(s.Count)), Num("sync-time-avg", s.Avg), Num("sync-time-max", s.Max),
		Num("heartbeat-rate", h.CountRate), Num("heartbeat-total", float64(h.Count)), Num("heartbeat-response-time-max", h.Max),
		ago("last-heartbeat-seconds-ago", c.lastHeartbeat.Load()), ago("last-rebalance-seconds-ago", c.lastJoin.Load()),
		Num("rebalance-total", float64(s.Count)), Num("rebalance-rate-per-hour", s.CountRate*3600),
		Num("rebalance-latency-avg", r.Avg), Num("rebalance-latency-max", r.Max), Num("rebalance-latency-total", r.Total),
		Num("failed-rebalance-total", failed.Total), Num("failed-rebalance-rate-per-hour", failed.Rate*3600),
	}
	if c.kind == ConsumerClient {
		m := c.commits.Stats()
		attrs = append(attrs, Num("assigned-partitions", float64(c.assigned.Load())), Num("commit-rate", m.CountRate), Num("commit-total", float64(m.Count)),
			Num("commit-latency-avg", m.Avg), Num("commit-latency-max", m.Max))
	}
	return attrs
}

func (c *Client) fetch() []Attr {
	r, by, lat, throttle := c.fetched.Stats(), c.fetchedBytes.Stats(), c.fetchLatency.Stats(), c.throttle.Stats()
	worst, least := math.NaN(), math.NaN()
	c.mu.Lock()
	for _, l := range c.lags {
		if s := l.window.Stats(); !(s.Max <= worst) && !math.IsNaN(s.Max) {
			worst = s.Max
		}
		if s := l.leads.Stats(); !(s.Min >= least) && !math.IsNaN(s.Min) {
			least = s.Min
		}
	}
	c.mu.Unlock()
	return []Attr{
		Num("records-consumed-rate", r.Rate), Num("records-consumed-total", r.Total), Num("bytes-consumed-rate", by.Rate), Num("bytes-consumed-total", by.Total),
		Num("fetch-rate", lat.CountRate), Num("fetch-total", float64(lat.Count)), Num("fetch-latency-avg", lat.Avg), Num("fetch-latency-max", lat.Max),
		Num("fetch-size-avg", by.Avg), Num("fetch-size-max", by.Max), Num("records-per-request-avg", r.Avg),
		Num("fetch-throttle-time-avg", zero(throttle.Avg)), Num("fetch-throttle-time-max", zero(throttle.Max)),
		Num("records-lag-max", worst), Num("records-lead-min", least),
	}
}
