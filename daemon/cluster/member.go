package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// leaveWithin bounds the LeaveGroup at the end.
const leaveWithin = 5 * time.Second

// Member is one worker in its group. [Member.Run] owns it; the other methods may be called
// from any goroutine, also before Run and after it.
type Member struct {
	cfg      Config
	cl       *kgo.Client
	host     Host
	clock    func() time.Duration
	assignor *Assignor // of Run alone
	session  *session
	rounds   rebalances
	woken    chan struct{}

	// Of Run alone:
	generation int32       // of the last JoinGroup; -1: none
	completed  int32       // of the last SyncGroup with an answer; -1: none
	allocation *Assignment // all that was assigned, as the next JoinGroup says it; nil: nothing
	handed     set         // what the host was given and not told to stop
	replan     time.Duration

	mu        sync.Mutex // guards the fields below
	id        string
	protocol  Version
	leader    string
	leaderURL string
	epoch     int32
	settled   bool
	why       string            // a rejoin is wanted; "": none
	members   map[string]string // as leader: URL of each member
	owners    map[Work]string   // as leader: who runs what
	life      context.CancelCauseFunc
}

// New makes a member. The client is only used for group requests; whoever made it closes it
// after Run has returned. Its options are those of the worker's own clients (CW-110, CW-117).
func New(cfg Config, cl *kgo.Client, host Host) (*Member, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	m := &Member{
		cfg: cfg, cl: cl, host: host, clock: bootClock, assignor: NewAssignor(cfg.MaxDelay),
		woken: make(chan struct{}, 1), generation: -1, completed: -1, handed: set{},
		protocol: cfg.Protocol, epoch: -1,
	}
	m.session = &session{cfg: &m.cfg, clock: func() time.Duration { return m.clock() },
		beat: m.heartbeat, lost: m.lost, wake: m.wake, poke: make(chan struct{}, 1)}
	return m, nil
}

// Run joins the group, stays in it and joins again after whatever happens, until ctx ends.
// Then it revokes all work and leaves the group; that is the orderly end and gives nil. An
// error is one that joining again does not cure, for instance a group of another type; all
// work has been revoked then too.
func (m *Member) Run(ctx context.Context) error {
	beats, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wait sync.WaitGroup
	wait.Go(func() { m.session.run(beats) })
	defer wait.Wait()
	defer stop()
	for {
		life, cancel := context.WithCancelCause(ctx)
		m.setLife(cancel)
		err := m.live(life)
		m.setLife(nil)
		lost := context.Cause(life)
		cancel(nil)
		last := context.WithoutCancel(ctx) // heartbeats go on while work stops
		switch {
		case ctx.Err() != nil:
			m.stopAll(last)
			m.leave(last, "the worker is being stopped")
			return nil
		case errors.Is(lost, errLost):
			m.cfg.Log.Warn("this worker may be taken for dead; all of its work stops before it joins its group again",
				"group", m.cfg.Group, "err", lost)
			m.stopAll(last)
			if errors.Is(lost, ErrKicked) {
				m.forgetID()
			}
		default:
			m.stopAll(last)
			m.leave(last, "the worker is being stopped")
			return err
		}
	}
}

// errLost is the cause of the end of a life.
var errLost = errors.New("session lost")

// lost is called by the session, once for each.
func (m *Member) lost(why error) {
	m.host.Lost(why)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settled = false
	if m.life != nil {
		m.life(fmt.Errorf("%w: %w", errLost, why))
	}
}

func (m *Member) setLife(cancel context.CancelCauseFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life = cancel
}

// live is one stretch of membership: rounds until ctx ends, the session is lost, or joining
// fails for good.
func (m *Member) live(ctx context.Context) error {
	for {
		again, err := m.round(ctx)
		if err != nil {
			return err
		}
		if again {
			continue
		}
		if err := m.await(ctx); err != nil {
			return err
		}
	}
}

// await returns when it is time for another round.
func (m *Member) await(ctx context.Context) error {
	for {
		if m.session.pending() || m.rejoinWanted() {
			return nil
		}
		wait := time.Hour
		if m.replan > 0 {
			if wait = m.replan - m.clock(); wait <= 0 {
				m.replan = 0
				m.RequestRejoin("the scheduled rebalance is due")
				return nil
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-m.woken:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// stopAll makes the host stop everything, whatever the state.
func (m *Member) stopAll(ctx context.Context) {
	m.unsettle()
	// Also with an empty list: the host then knows that the member is through.
	m.host.Revoke(ctx, m.handed.sorted())
	m.handed, m.allocation, m.replan = set{}, nil, 0
}

// revoke makes the host stop some of it.
func (m *Member) revoke(ctx context.Context, gone set) error {
	gone = gone.minus(gone.minus(m.handed))
	if len(gone) == 0 {
		return nil
	}
	m.host.Revoke(ctx, gone.sorted())
	if ctx.Err() != nil {
		return context.Cause(ctx) // it may have been cut short: stopAll follows
	}
	m.handed = m.handed.minus(gone)
	return nil
}

func (m *Member) forgetID() {
	m.generation = -1
	m.mu.Lock()
	defer m.mu.Unlock()
	m.id = ""
}

func (m *Member) wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

// RequestRejoin asks for another round, for instance because connectors or tasks came or went
// in the config topic. The reason is for the broker's log.
func (m *Member) RequestRejoin(reason string) {
	m.mu.Lock()
	m.why = reason
	m.mu.Unlock()
	m.wake()
}

func (m *Member) rejoinWanted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.why != ""
}

func (m *Member) unsettle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settled = false
}

// Fresh tells whether it is certain at this moment that nobody else was given this worker's
// work. It costs one look at the clock. Ask it before anything is written that others read:
// offsets, statuses, configurations (CW-224).
func (m *Member) Fresh() bool { return m.session.fresh() }

// Settled tells whether the last round is through and no other is pending. While it is false,
// Connect refuses changes with 409 because a rebalance is expected (CW-510).
func (m *Member) Settled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settled && m.why == "" && !m.session.pending() && m.session.fresh()
}

// ID is the member id that the broker gave, "" before.
func (m *Member) ID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id
}

// Leader is the leader of the last completed round, and whether it is this worker. The id is
// "" before the first round.
func (m *Member) Leader() (id, url string, me bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leader, m.leaderURL, m.leader != "" && m.leader == m.id
}

// Generation is that of the last completed round, -1 before the first (CW-225).
func (m *Member) Generation() int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch
}

// Protocol is the version in force, the configured one before the first round.
func (m *Member) Protocol() Version {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.protocol
}

// Owner is the REST URL of the worker that runs something. Only the leader knows, and only
// while no round is pending; a restart call is forwarded there (CW-245).
func (m *Member) Owner(w Work) (url string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leader == "" || m.leader != m.id || m.why != "" || m.session.pending() {
		return "", false
	}
	url, ok = m.members[m.owners[w]]
	return url, ok
}

// Workers are the REST URLs of all members in the last round; only the leader knows them.
func (m *Member) Workers() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, url := range maps.All(m.members) {
		out = append(out, url)
	}
	return out
}

// Metrics are the attributes of connect-worker-rebalance-metrics (CW-385).
func (m *Member) Metrics() RebalanceMetrics {
	var out RebalanceMetrics
	m.mu.Lock()
	out.Protocol, out.LeaderName, out.Epoch = m.protocol.String(), m.leaderURL, m.epoch
	m.mu.Unlock()
	m.rounds.fill(&out, m.clock())
	return out
}
