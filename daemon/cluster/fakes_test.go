package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/testenv"
)

// world is the config topic of a group, and who runs what.
type world struct {
	t testing.TB

	mu      sync.Mutex // guards the fields below
	configs Configs
	runs    map[Work]*host
	since   map[Work]time.Time
}

func newWorld(t testing.TB) *world {
	return &world{t: t, configs: Configs{Offset: 1, Tasks: map[string]int{}}, runs: map[Work]*host{}, since: map[Work]time.Time{}}
}

// configure changes the config topic; hosts see it when they read on.
func (w *world) configure(change func(tasks map[string]int)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	tasks := maps.Clone(w.configs.Tasks)
	change(tasks)
	w.configs = Configs{w.configs.Offset + 1, tasks}
}

func (w *world) read() Configs {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.configs
}

func (w *world) start(work Work, h *host) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if other := w.runs[work]; other != nil && other != h && other.member.Fresh() {
		w.t.Errorf("%s starts on %s while it runs on %s", work, h.name, other.name)
	}
	w.runs[work], w.since[work] = h, time.Now()
}

func (w *world) stop(work Work, h *host) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.runs[work] == h {
		delete(w.runs, work)
	}
}

// complete tells whether everything runs on the given hosts and nothing else does, balanced.
func (w *world) complete(hosts ...*host) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := map[string][2]int{}
	for _, h := range hosts {
		count[h.name] = [2]int{}
	}
	all := w.configs.all()
	for work := range all {
		h := w.runs[work]
		if h == nil || !slices.Contains(hosts, h) {
			return fmt.Errorf("%s does not run", work)
		}
		c := count[h.name]
		if work.IsInstance() {
			c[0]++
		} else {
			c[1]++
		}
		count[h.name] = c
	}
	for work, h := range w.runs {
		if !all.has(work) {
			return fmt.Errorf("%s runs on %s without being configured", work, h.name)
		}
	}
	for kind := range 2 {
		least, most := 1<<30, 0
		for _, c := range count {
			least, most = min(least, c[kind]), max(most, c[kind])
		}
		if most-least > 1 {
			return fmt.Errorf("not balanced: connectors and tasks by worker %v", count)
		}
	}
	return nil
}

// unmoved are the start times of what runs on hosts.
func (w *world) unmoved(hosts ...*host) map[Work]time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[Work]time.Time{}
	for work, h := range w.runs {
		if slices.Contains(hosts, h) {
			out[work] = w.since[work]
		}
	}
	return out
}

// host is a herder without connectors.
type host struct {
	world  *world
	name   string
	url    string
	member *Member
	cl     *kgo.Client
	net    *network
	end    context.CancelFunc
	ended  chan error

	mu      sync.Mutex // guards the fields below
	view    Configs
	running set
	last    Given
	lost    []error
	slow    time.Duration // how long Revoke takes
	deaf    bool          // ReadToEnd does not get through
}

func (h *host) URL() string { return h.url }

func (h *host) Configs() Configs {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.view
}

func (h *host) ReadToEnd(ctx context.Context) error {
	h.mu.Lock()
	deaf := h.deaf
	h.mu.Unlock()
	if deaf {
		<-ctx.Done()
		return ctx.Err()
	}
	c := h.world.read()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.view = c
	return nil
}

func (h *host) Assigned(_ context.Context, g Given) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.view.Offset != g.Offset {
		h.world.t.Errorf("%s is given work of config offset %d at its own %d", h.name, g.Offset, h.view.Offset)
	}
	for _, w := range g.Owned {
		if !h.running.has(w) {
			h.world.start(w, h)
			h.running[w] = struct{}{}
		}
	}
	if extra := h.running.minus(setOf(g.Owned)); len(extra) > 0 {
		h.world.t.Errorf("%s runs %v without owning it", h.name, extra.sorted())
	}
	h.last = g
}

func (h *host) Revoke(_ context.Context, list []Work) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.slow > 0 {
		timer := time.NewTimer(h.slow)
		<-timer.C
	}
	for _, w := range list {
		if h.running.has(w) {
			h.world.stop(w, h)
			delete(h.running, w)
		}
	}
}

func (h *host) Lost(reason error) {
	go func() { // ends at once: the member must not wait for the lock
		h.mu.Lock()
		defer h.mu.Unlock()
		h.lost = append(h.lost, reason)
	}()
}

func (h *host) losses() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.lost)
}

func (h *host) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// network can be cut: nothing is refused, nothing gets through. Connections from before are
// dead when it is whole again.
type network struct {
	dials net.Dialer

	mu    sync.Mutex // guards the fields below
	down  bool
	conns []net.Conn
	quiet map[net.Conn]bool // these are cut, new ones are not
}

type cuttable struct {
	net.Conn
	n *network
}

func (n *network) cut(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.down || n.quiet[c]
}

// hush cuts the connections that there are.
func (n *network) hush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.quiet = map[net.Conn]bool{}
	for _, c := range n.conns {
		n.quiet[c] = true
	}
}

func (n *network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := n.dials.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, c)
	return cuttable{c, n}, nil
}

func (c cuttable) Read(b []byte) (int, error) {
	for {
		k, err := c.Conn.Read(b)
		if err != nil || !c.n.cut(c.Conn) {
			return k, err
		}
	}
}

func (c cuttable) Write(b []byte) (int, error) {
	if c.n.cut(c.Conn) {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (n *network) off() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = true
}

func (n *network) on() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = false
	for _, c := range n.conns {
		c.Close()
	}
	n.conns = nil
}

// quick are the settings of tests: the shared broker allows sessions from 1 s on.
func quick(group string) Config {
	c := Defaults(group)
	c.SessionTimeout, c.HeartbeatInterval, c.RebalanceTimeout = 2*time.Second, 300*time.Millisecond, 10*time.Second
	c.MaxDelay = 0
	return c
}

// join starts a worker; it leaves the group at the test's end.
func (w *world) join(t testing.TB, k *testenv.KafkaServer, name string, cfg Config) *host {
	t.Helper()
	return w.joinAs(t, k, name, cfg, nil)
}

// joinAs starts a worker with a host around the usual one.
func (w *world) joinAs(t testing.TB, k *testenv.KafkaServer, name string, cfg Config, around Host) *host {
	t.Helper()
	h := &host{world: w, name: name, url: "http://" + name + ":8083/", running: set{}, view: w.read(), net: &network{}, ended: make(chan error, 1)}
	cl, err := kgo.NewClient(append(cfg.ClientOpts(), kgo.SeedBrokers(k.Bootstrap()), kgo.ClientID(name), kgo.Dialer(h.net.dial))...)
	if err != nil {
		t.Fatal(err)
	}
	if testing.Verbose() {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil)).With("worker", name)
	}
	h.cl = cl
	var hosted Host = h
	if outer, ok := around.(*topicHost); ok {
		outer.host = h
		hosted = outer
	}
	if h.member, err = New(cfg, cl, hosted); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.end = cancel
	go func() { h.ended <- h.member.Run(ctx) }() // ends with the cleanup below
	t.Cleanup(func() { h.leave(t) })
	return h
}

// leave ends a worker in good order and waits for it. A second call does nothing.
func (h *host) leave(t testing.TB) {
	h.end()
	select {
	case err, open := <-h.ended:
		if open {
			close(h.ended)
		}
		if err != nil {
			t.Errorf("%s: %v", h.name, err)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("%s does not end", h.name)
	}
	h.cl.Close()
}

// eventually waits until a condition holds.
func eventually(t testing.TB, within time.Duration, what string, cond func() error) time.Duration {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil {
			return time.Since(begin)
		}
		if time.Since(begin) > within {
			t.Fatalf("%s: not within %s: %v", what, within, err)
		}
		<-tick.C
	}
}

func mustBe(ok bool, text string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(text, args...)
}

// broker is the shared one; quick runs do without it.
func broker(t testing.TB) *testenv.KafkaServer {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a broker")
	}
	return testenv.Kafka(t)
}
