package javametrics

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ClientKind says which of Java's clients a client takes the place of.
type ClientKind string

// The kinds; the values are the ends of the beans' domains.
const (
	ProducerClient ClientKind = "producer"
	ConsumerClient ClientKind = "consumer"
	AdminClient    ClientKind = "admin.client"
	WorkerClient   ClientKind = "connect"
)

// Keys of the requests that have statistics of their own.
const (
	keyProduce   = 0
	keyFetch     = 1
	keyCommit    = 8
	keyJoin      = 11
	keyHeartbeat = 12
	keySync      = 14
)

// maxSeries bounds the nodes, topics and partitions of one client; what comes beyond has no series.
const maxSeries = 500

// Client counts what one Kafka client does. It is given to kgo.WithHooks, and its hooks cost a
// few atomic additions a request or batch. Topics and partitions are told by the client's owner
// where the library does not tell.
type Client struct {
	kind  ClientKind
	id    string
	spec  Spec
	begun time.Time
	set   *Clients // nil = on its own

	created, closed, open             atomic.Int64
	lastHeartbeat, lastPoll, lastJoin atomic.Int64 // ms since epoch, 0 = never
	assigned                          atomic.Int64

	in, out, requestSize             *Window
	produceLatency, fetchLatency     *Window
	batchBytes, compression          *Window
	sent, sendErrors                 *Window
	fetched, fetchedBytes, throttle  *Window
	joins, syncs, heartbeats         *Window
	commits, rebalances, groupErrors *Window

	mu     sync.Mutex // guards the fields below
	nodes  map[string]*node
	topics map[string]*topic
	lags   map[topicPartition]*lag
}

type node struct{ in, out, latency *Window }

type topic struct {
	records, bytes, compression, errors *Window
}

type topicPartition struct {
	topic     string
	partition int32
}

type lag struct {
	now, lead float64
	window    *Window
	leads     *Window
}

// NewClient makes the statistics of a client.
func NewClient(kind ClientKind, id string, spec Spec) *Client {
	c := &Client{kind: kind, id: id, spec: spec, begun: time.Now(),
		nodes: map[string]*node{}, topics: map[string]*topic{}, lags: map[topicPartition]*lag{}}
	for _, w := range []**Window{&c.in, &c.out, &c.requestSize, &c.produceLatency, &c.fetchLatency, &c.batchBytes, &c.compression, &c.sent,
		&c.sendErrors, &c.fetched, &c.fetchedBytes, &c.throttle, &c.joins, &c.syncs, &c.heartbeats, &c.commits, &c.rebalances, &c.groupErrors} {
		*w = NewWindow(spec)
	}
	return c
}

var (
	_ kgo.HookBrokerConnect       = (*Client)(nil)
	_ kgo.HookBrokerDisconnect    = (*Client)(nil)
	_ kgo.HookBrokerE2E           = (*Client)(nil)
	_ kgo.HookBrokerThrottle      = (*Client)(nil)
	_ kgo.HookProduceBatchWritten = (*Client)(nil)
	_ kgo.HookFetchBatchRead      = (*Client)(nil)
	_ kgo.HookGroupManageError    = (*Client)(nil)
)

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (c *Client) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		return
	}
	c.created.Add(1)
	c.open.Add(1)
}

// OnBrokerDisconnect implements kgo.HookBrokerDisconnect.
func (c *Client) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) {
	c.closed.Add(1)
	c.open.Add(-1)
}

// OnBrokerThrottle implements kgo.HookBrokerThrottle.
func (c *Client) OnBrokerThrottle(_ kgo.BrokerMetadata, d time.Duration, _ bool) {
	c.throttle.Add(float64(d.Milliseconds()))
}

// OnGroupManageError implements kgo.HookGroupManageError.
func (c *Client) OnGroupManageError(error) { c.groupErrors.Add(1) }

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (c *Client) OnBrokerE2E(meta kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	millis := float64(e.DurationE2E().Microseconds()) / 1000
	c.out.Add(float64(e.BytesWritten))
	c.requestSize.Add(float64(e.BytesWritten))
	ok := e.WriteErr == nil && e.ReadErr == nil
	if ok {
		c.in.Add(float64(e.BytesRead))
	}
	if n := c.node(meta); n != nil {
		n.out.Add(float64(e.BytesWritten))
		if ok {
			n.in.Add(float64(e.BytesRead))
			n.latency.Add(millis)
		}
	}
	if !ok {
		return
	}
	switch key {
	case keyProduce:
		c.produceLatency.Add(millis)
	case keyFetch:
		c.fetchLatency.Add(millis)
		c.lastPoll.Store(time.Now().UnixMilli())
	case keyCommit:
		c.commits.Add(millis)
	case keyJoin:
		c.joins.Add(millis)
		c.rebalances.Add(millis)
	case keySync:
		c.syncs.Add(millis)
		c.lastJoin.Store(time.Now().UnixMilli())
	case keyHeartbeat:
		c.heartbeats.Add(millis)
		c.lastHeartbeat.Store(time.Now().UnixMilli())
	}
}

// OnProduceBatchWritten implements kgo.HookProduceBatchWritten.
func (c *Client) OnProduceBatchWritten(_ kgo.BrokerMetadata, name string, _ int32, m kgo.ProduceBatchMetrics) {
	rate := 1.0
	if m.UncompressedBytes > 0 {
		rate = float64(m.CompressedBytes) / float64(m.UncompressedBytes)
	}
	c.sent.Add(float64(m.NumRecords))
	c.batchBytes.Add(float64(m.CompressedBytes))
	c.compression.Add(rate)
	if t := c.topic(name); t != nil {
		t.records.Add(float64(m.NumRecords))
		t.bytes.Add(float64(m.CompressedBytes))
		t.compression.Add(rate)
	}
}

// OnFetchBatchRead implements kgo.HookFetchBatchRead.
func (c *Client) OnFetchBatchRead(_ kgo.BrokerMetadata, name string, _ int32, m kgo.FetchBatchMetrics) {
	c.fetched.Add(float64(m.NumRecords))
	c.fetchedBytes.Add(float64(m.CompressedBytes))
	if t := c.topic(name); t != nil {
		t.records.Add(float64(m.NumRecords))
		t.bytes.Add(float64(m.CompressedBytes))
	}
}

// Failed counts records that a producer could not send. A nil Client counts nothing, here and below.
func (c *Client) Failed(name string, records int) {
	if c == nil {
		return
	}
	c.sendErrors.Add(float64(records))
	if t := c.topic(name); t != nil {
		t.errors.Add(float64(records))
	}
}

// Consumed tells how far a consumer is in a partition: the next offset to read, the first that
// there is, and the end.
func (c *Client) Consumed(name string, partition int32, next, first, end int64) {
	if c == nil {
		return
	}
	tp := topicPartition{name, partition}
	c.mu.Lock()
	l := c.lags[tp]
	if l == nil && len(c.lags) < maxSeries {
		l = &lag{window: NewWindow(c.spec), leads: NewWindow(c.spec)}
		c.lags[tp] = l
	}
	if l != nil {
		l.now, l.lead = float64(max(end-next, 0)), float64(max(next-first, 0))
	}
	c.mu.Unlock()
	if l != nil {
		l.window.Add(l.now)
		l.leads.Add(l.lead)
	}
}

// Assigned tells the number of partitions.
func (c *Client) Assigned(n int) {
	if c != nil {
		c.assigned.Store(int64(n))
	}
}

// Gone forgets a partition that is with somebody else now.
func (c *Client) Gone(name string, partition int32) {
	if c == nil {
		return
	}
	c.mu.Lock()
	delete(c.lags, topicPartition{name, partition})
	c.mu.Unlock()
}

func (c *Client) node(meta kgo.BrokerMetadata) *node {
	name := nodeName(meta.NodeID)
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[name]
	if n == nil && len(c.nodes) < maxSeries {
		n = &node{in: NewWindow(c.spec), out: NewWindow(c.spec), latency: NewWindow(c.spec)}
		c.nodes[name] = n
	}
	return n
}

func (c *Client) topic(name string) *topic {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.topics[name]
	if t == nil && len(c.topics) < maxSeries {
		t = &topic{records: NewWindow(c.spec), bytes: NewWindow(c.spec), compression: NewWindow(c.spec), errors: NewWindow(c.spec)}
		c.topics[name] = t
	}
	return t
}
