package javametrics

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Clients are the Kafka clients of a process that are open now.
type Clients struct {
	spec Spec
	mu   sync.Mutex // guards open
	open map[*Client]struct{}
}

// NewClients makes an empty set; spec is the window of its clients' statistics.
func NewClients(spec Spec) *Clients {
	return &Clients{spec: spec, open: map[*Client]struct{}{}}
}

// New makes the statistics of a client that is about to be opened with kgo.WithHooks. They
// enter and leave the set with the client. nil Clients count nothing: the result is nil.
func (s *Clients) New(kind ClientKind, id string) *Client {
	if s == nil {
		return nil
	}
	c := NewClient(kind, id, s.spec)
	c.set = s
	return c
}

// Beans are the beans of all open clients.
func (s *Clients) Beans() []MBean {
	s.mu.Lock()
	all := make([]*Client, 0, len(s.open))
	for c := range s.open {
		all = append(all, c)
	}
	s.mu.Unlock()
	var out []MBean
	for _, c := range all {
		out = append(out, c.Beans()...)
	}
	return out
}

var (
	_ kgo.HookNewClient    = (*Client)(nil)
	_ kgo.HookClientClosed = (*Client)(nil)
)

// OnNewClient implements kgo.HookNewClient.
func (c *Client) OnNewClient(*kgo.Client) {
	if c.set != nil {
		c.set.mu.Lock()
		c.set.open[c] = struct{}{}
		c.set.mu.Unlock()
	}
}

// OnClientClosed implements kgo.HookClientClosed.
func (c *Client) OnClientClosed(*kgo.Client) {
	if c.set != nil {
		c.set.mu.Lock()
		delete(c.set.open, c)
		c.set.mu.Unlock()
	}
}
