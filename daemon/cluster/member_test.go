package cluster

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func thirty(tasks map[string]int) {
	for i := range 30 {
		tasks[fmt.Sprintf("c%02d", i)] = 1 + i%3
	}
}

// trio starts three workers that run 30 connectors.
func trio(t *testing.T, cfg func(group string) Config) (*world, []*host) {
	t.Helper()
	k := broker(t)
	w := newWorld(t)
	w.configure(thirty)
	group := k.TopicPrefix(t)
	var hosts []*host
	for i := range 3 {
		hosts = append(hosts, w.join(t, k, fmt.Sprintf("w%d", i), cfg(group)))
	}
	eventually(t, 20*time.Second, "all work runs on three workers", func() error { return w.settled(hosts...) })
	return w, hosts
}

// settled is complete, and everybody knows one leader and generation.
func (w *world) settled(hosts ...*host) error {
	if err := w.complete(hosts...); err != nil {
		return err
	}
	leader, url, _ := hosts[0].member.Leader()
	leaders := 0
	for _, h := range hosts {
		id, u, me := h.member.Leader()
		if id != leader || u != url || !h.member.Settled() || h.member.Generation() != hosts[0].member.Generation() {
			return fmt.Errorf("%s has leader %s at %s, generation %d, settled %v; %s has %s, %d", h.name, id, u, h.member.Generation(), h.member.Settled(),
				hosts[0].name, leader, hosts[0].member.Generation())
		}
		if me {
			leaders++
			for work, runner := range w.owners() {
				if owner, ok := h.member.Owner(work); !ok || owner != runner {
					return fmt.Errorf("the leader says that %s runs on %q, it runs on %s", work, owner, runner)
				}
			}
		}
	}
	return mustBe(leaders == 1, "%d leaders", leaders)
}

func (w *world) owners() map[Work]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[Work]string{}
	for work, h := range w.runs {
		out[work] = h.url
	}
	return out
}

func undisturbed(t *testing.T, before, after map[Work]time.Time) {
	t.Helper()
	for work, since := range before {
		if !after[work].Equal(since) {
			t.Errorf("%s was stopped or moved", work)
		}
	}
}

func TestMember_DeadWorkerIsReplacedWithinItsSession(t *testing.T) {
	t.Parallel()
	w, hosts := trio(t, quick)
	dead, rest := hosts[0], hosts[1:]
	before := w.unmoved(rest...)
	died := time.Now()
	dead.cl.Close() // it can say nothing any more
	eventually(t, 15*time.Second, "its work runs elsewhere", func() error { return w.settled(rest...) })
	took := time.Since(died)
	t.Logf("replaced after %s with a session of %s", took, quick("").SessionTimeout)
	if took > quick("").SessionTimeout+3*time.Second {
		t.Errorf("it took %s", took)
	}
	if dead.losses() == 0 {
		t.Error("the dead worker was never told to stop")
	}
	if dead.member.Fresh() {
		t.Error("the dead worker takes itself for alive")
	}
	undisturbed(t, before, w.unmoved(rest...))
	for _, h := range rest {
		if h.losses() > 0 {
			t.Errorf("%s lost its session: %v", h.name, h.lost)
		}
	}
}

func TestMember_LeavingHandsOverAtOnce(t *testing.T) {
	t.Parallel()
	w, hosts := trio(t, quick)
	before := w.unmoved(hosts[:2]...)
	began := time.Now()
	hosts[2].leave(t)
	eventually(t, 10*time.Second, "its work runs elsewhere", func() error { return w.settled(hosts[:2]...) })
	if took := time.Since(began); took > quick("").SessionTimeout {
		t.Errorf("it took %s, as long as after a crash", took)
	}
	undisturbed(t, before, w.unmoved(hosts[:2]...))
	if m := hosts[0].member.Metrics(); m.Completed < 2 || m.Epoch < 1 || m.Protocol != "sessioned" || m.LeaderName == "" || m.Rebalancing || m.SinceLastMillis < 0 {
		t.Errorf("metrics %+v", m)
	}
}

func TestMember_CutOffWorkerStopsBeforeOthersBegin(t *testing.T) {
	t.Parallel()
	w, hosts := trio(t, quick)
	cut, rest := hosts[1], []*host{hosts[0], hosts[2]}
	cut.net.off()
	eventually(t, 15*time.Second, "its work runs elsewhere", func() error { return w.settled(rest...) }) // world fails if anything runs twice
	if cut.losses() != 1 {
		t.Errorf("it lost %d sessions", cut.losses())
	}
	cut.net.on()
	eventually(t, 20*time.Second, "it is back", func() error { return w.settled(hosts...) })
}

func TestMember_QuietConnectionIsReplacedWithinTheSession(t *testing.T) {
	t.Parallel()
	w, hosts := trio(t, quick)
	before := w.unmoved(hosts...)
	hosts[1].net.hush()
	proof := func() time.Duration {
		s := hosts[1].member.session
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.proof
	}
	first := proof() + 2*quick("").HeartbeatInterval
	eventually(t, 5*time.Second, "heartbeats get through again", func() error { return mustBe(proof() > first, "proof is %s, want %s", proof(), first) })
	if n := hosts[1].losses(); n > 0 {
		t.Errorf("it lost %d sessions", n)
	}
	undisturbed(t, before, w.unmoved(hosts...))
}

func TestMember_DelayIsHonoured(t *testing.T) {
	t.Parallel()
	const delay = 4 * time.Second
	w, hosts := trio(t, func(group string) Config {
		c := quick(group)
		c.MaxDelay = delay
		return c
	})
	// A new leader remembers nothing and would give everything away at once, as Java's does.
	follower, rest := hosts[2], hosts[:2]
	if _, _, me := follower.member.Leader(); me {
		follower, rest = hosts[0], hosts[1:]
	}
	left := time.Now()
	follower.leave(t)
	eventually(t, 20*time.Second, "its work runs elsewhere", func() error { return w.settled(rest...) })
	if took := time.Since(left); took < delay {
		t.Errorf("its work was given away after %s, the delay is %s", took, delay)
	} else if took > delay+5*time.Second {
		t.Errorf("its work was given away only after %s", took)
	}
}

func TestMember_ConfigurationChanges(t *testing.T) {
	t.Parallel()
	w, hosts := trio(t, quick)
	// Only one has read the change: the leader and the others catch up (CW-222, CW-226).
	w.configure(func(tasks map[string]int) { tasks["new"] = 4; delete(tasks, "c00") })
	if err := hosts[1].ReadToEnd(t.Context()); err != nil {
		t.Fatal(err)
	}
	hosts[1].member.RequestRejoin("connectors changed")
	eventually(t, 15*time.Second, "the new connector runs", func() error { return w.settled(hosts...) })
}

func TestMember_ThatCannotReadTheConfigTopicGivesItsWorkAway(t *testing.T) { // CW-223
	t.Parallel()
	w, hosts := trio(t, func(group string) Config {
		c := quick(group)
		c.SyncTimeout = 300 * time.Millisecond
		return c
	})
	deaf := hosts[2]
	deaf.set(func() { deaf.deaf = true })
	w.configure(func(tasks map[string]int) { tasks["new"] = 4 })
	for _, h := range hosts[:2] {
		if err := h.ReadToEnd(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	hosts[0].member.RequestRejoin("connectors changed")
	eventually(t, 20*time.Second, "the others run everything", func() error { return w.settled(hosts[:2]...) })
	deaf.set(func() { deaf.deaf = false })
	eventually(t, 20*time.Second, "it is back", func() error { return w.settled(hosts...) })
}

func TestMember_SlowStopBlocksNoHeartbeat(t *testing.T) {
	t.Parallel()
	k := broker(t)
	w := newWorld(t)
	w.configure(thirty)
	group := k.TopicPrefix(t)
	first := w.join(t, k, "first", quick(group))
	eventually(t, 10*time.Second, "one worker runs all", func() error { return w.settled(first) })
	first.set(func() { first.slow = 4 * time.Second }) // two sessions
	second := w.join(t, k, "second", quick(group))
	eventually(t, 20*time.Second, "work is shared", func() error { return w.settled(first, second) })
	if first.losses()+second.losses() > 0 {
		t.Errorf("sessions lost: %v %v", first.lost, second.lost)
	}
	first.set(func() { first.slow = 0 })
}

func TestMember_EagerGroup(t *testing.T) { // CW-220, CW-240
	t.Parallel()
	w, hosts := trio(t, func(group string) Config {
		c := quick(group)
		c.Protocol = Eager
		return c
	})
	hosts[0].leave(t)
	eventually(t, 10*time.Second, "its work runs elsewhere", func() error { return w.settled(hosts[1:]...) })
	if p := hosts[1].member.Protocol(); p != Eager {
		t.Errorf("protocol %s", p)
	}
}

// TestMember_ProtocolFollowsTheGroup lets a worker of an older protocol come and go (CW-199).
func TestMember_ProtocolFollowsTheGroup(t *testing.T) {
	t.Parallel()
	k := broker(t)
	w := newWorld(t)
	w.configure(thirty)
	group := k.TopicPrefix(t)
	hosts := []*host{w.join(t, k, "w0", quick(group)), w.join(t, k, "w1", quick(group))}
	eventually(t, 20*time.Second, "two workers", func() error { return w.settled(hosts...) })
	old := quick(group)
	old.Protocol = Compatible
	third := w.join(t, k, "compatible", old)
	eventually(t, 20*time.Second, "three workers", func() error { return w.settled(hosts[0], hosts[1], third) })
	for _, h := range append(hosts, third) {
		if p := h.member.Protocol(); p != Compatible || p.Signed() {
			t.Errorf("%s: protocol %s", h.name, p)
		}
	}
	third.leave(t)
	eventually(t, 20*time.Second, "sessioned again", func() error {
		if err := w.settled(hosts...); err != nil {
			return err
		}
		return mustBe(hosts[0].member.Protocol() == Sessioned, "protocol %s", hosts[0].member.Protocol())
	})
}

func TestMember_RemovedByAnAdministratorStopsAndComesBack(t *testing.T) {
	t.Parallel()
	w, hosts := trio(t, quick)
	victim := hosts[2]
	id := victim.member.ID()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = victim.member.cfg.Group
	who := kmsg.NewLeaveGroupRequestMember()
	who.MemberID = id
	req.Members = append(req.Members, who)
	if _, err := req.RequestWith(t.Context(), hosts[0].cl); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "it is told", func() error { return mustBe(victim.losses() > 0, "it was not told") })
	eventually(t, 20*time.Second, "it is back", func() error { return w.settled(hosts...) })
	if victim.member.ID() == id {
		t.Error("it has its old id")
	}
}

func TestMember_ForeignGroupIsRefused(t *testing.T) {
	t.Parallel()
	k := broker(t)
	group := k.TopicPrefix(t)
	consumer := k.Client(t, kgo.ConsumerGroup(group), kgo.ConsumeTopics(group), kgo.AllowAutoTopicCreation())
	ctx := t.Context()
	go consumer.PollFetches(ctx) // ends with the test: joins the group
	adm := kadm.NewClient(consumer)
	eventually(t, 20*time.Second, "a consumer is in the group", func() error {
		d, err := adm.DescribeGroups(ctx, group)
		if err != nil {
			return err
		}
		return mustBe(len(d[group].Members) == 1, "members %v", d[group].Members)
	})
	cl := k.Client(t)
	m, err := New(quick(group), cl, &host{world: newWorld(t), url: "http://x/", running: set{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Run(ctx); !errors.Is(err, kerr.InconsistentGroupProtocol) {
		t.Fatalf("joined a group of consumers: %v", err)
	}
}
