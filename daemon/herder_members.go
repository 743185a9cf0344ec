package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/daemon/cluster"
	"github.com/anabranch/anabranch/daemon/store"
)

// errNotFresh is why a worker writes nothing that others read, until heartbeats say that it is
// still a member of its group.
var errNotFresh = errors.New("this worker may have lost its membership in the group of workers, so that others may run its work")

// members is the group of a distributed worker. The member calls it as its [cluster.Host] from
// a goroutine of its own; what belongs to the loop is done there.
type members struct {
	h      *herder
	member *cluster.Member
	client *kgo.Client
	group  string
	url    string
	hosts  *localHosts
	log    *slog.Logger

	seen atomic.Pointer[cluster.Configs] // what the loop has reacted to
	lost atomic.Bool                     // since the last assignment
	end  context.CancelFunc
	fail chan error
	done chan struct{}
}

var (
	_ group        = (*members)(nil)
	_ cluster.Host = (*members)(nil)
)

// newMembers makes the group of a worker whose REST others reach at url.
func newMembers(h *herder, w *configs.Worker, url string) (*members, error) {
	cfg := cluster.Defaults(w.GroupID)
	var err error
	if cfg.Protocol, err = cluster.ParseProtocol(w.Group.Protocol); err != nil {
		return nil, err
	}
	set := &w.Group
	cfg.SessionTimeout, cfg.HeartbeatInterval, cfg.RebalanceTimeout = set.SessionTimeout, set.HeartbeatInterval, set.RebalanceWithin
	cfg.MaxDelay, cfg.SyncTimeout, cfg.UnsyncBackoff = set.MaxDelay, set.SyncTimeout, set.UnsyncBackoff
	cfg.RetryBackoff, cfg.RetryBackoffMax = set.RetryBackoff, set.RetryBackoffMax
	cfg.Log = h.log
	opts, err := internalOpts(w, "group")
	if err != nil {
		return nil, err
	}
	hosts := &localHosts{}
	opts = append(append(opts, cfg.ClientOpts()...), kgo.WithHooks(hosts))
	if stats := h.env.clients.New(javametrics.WorkerClient, h.clientID()); stats != nil {
		opts = append(opts, kgo.WithHooks(stats))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	g := &members{h: h, client: client, group: w.GroupID, url: url, hosts: hosts, log: h.log, fail: make(chan error, 1), done: make(chan struct{})}
	if g.member, err = cluster.New(cfg, client, g); err != nil {
		client.Close()
		return nil, err
	}
	return g, nil
}

func (g *members) start(ctx context.Context) error {
	g.reacted(g.h.configs.Offset())
	g.takeKey()
	g.buryFormerSelf(ctx)
	run, end := context.WithCancel(context.Background())
	g.end = end
	go func() { // ends with leave
		defer close(g.done)
		if err := g.member.Run(run); err != nil {
			g.fail <- err
		}
	}()
	return nil
}

func (g *members) leave() {
	if g.end != nil {
		g.end()
		<-g.done
	}
	g.client.Close()
}

func (g *members) rejoin(_ context.Context, why string) { g.member.RequestRejoin(why) }

// leader knows nothing while this worker may have been taken for dead.
func (g *members) leader() (string, bool) {
	if !g.member.Fresh() {
		return "", false
	}
	_, url, own := g.member.Leader()
	return url, own
}

func (g *members) owner(w work) string {
	url, _ := g.member.Owner(w)
	return url
}

func (g *members) fresh() error {
	if g.lost.Load() || !g.member.Fresh() {
		return errNotFresh
	}
	return nil
}

func (g *members) signed() bool         { return g.member.Protocol().Signed() }
func (g *members) moving() bool         { return !g.member.Settled() }
func (g *members) failed() <-chan error { return g.fail }

func (g *members) reacted(offset int64) {
	if old := g.seen.Load(); old != nil && old.Offset == offset {
		return
	}
	counts, at := g.h.configs.TaskCounts()
	if at != offset {
		return // more has come: the loop is about to see it
	}
	g.seen.Store(&cluster.Configs{Offset: at, Tasks: counts})
}

// tick takes the newest session key, and as the leader writes one when it is due (CW-247).
func (g *members) tick(ctx context.Context) {
	g.takeKey()
	_, own := g.leader()
	if own && !g.h.configs.Led() && !g.claim(ctx) {
		return
	}
	if !own || !g.signed() || !g.h.signer.NeedsKey(time.Now()) {
		return
	}
	k := g.h.signer.NewKey(time.Now())
	if err := g.h.configs.PutSessionKey(ctx, store.SessionKey{Key: k.Key, Algorithm: k.Algorithm, Created: time.UnixMilli(k.Created)}); err != nil {
		g.log.Warn("write a new session key, trying again", keyErr, err)
		return
	}
	g.takeKey()
}

// claim fences the leader before (CW-170).
func (g *members) claim(ctx context.Context) bool {
	err := g.h.configs.Lead(ctx)
	if err != nil {
		g.log.Warn("claim the config topic as the leader, trying again", keyErr, err)
	}
	return err == nil
}

func (g *members) takeKey() {
	if k := g.h.configs.Key(); k != nil {
		g.h.signer.SetKey(&cluster.SessionKey{Key: k.Key, Algorithm: k.Algorithm, Created: k.Created.UnixMilli()})
	}
}

// turn runs fn in the loop and waits for it, or until patience ends: fn may run later then. After
// the loop has ended it waits until nothing runs any more, and does nothing.
func (g *members) turn(patience context.Context, stage string, fn func(ctx context.Context)) {
	done := make(chan struct{})
	select {
	case g.h.work <- func(ctx context.Context) {
		defer close(done)
		g.h.setStage(stage)
		defer g.h.setStage("waiting for requests")
		fn(ctx)
	}:
	case <-patience.Done():
		return
	case <-g.h.quit:
		<-g.h.idle
		return
	}
	select {
	case <-done:
	case <-patience.Done():
	case <-g.h.idle:
	}
}

// URL implements cluster.Host.
func (g *members) URL() string { return g.url }

// Configs implements cluster.Host. It is what the loop has reacted to, not all that is read:
// tasks of an older set have stopped then.
func (g *members) Configs() cluster.Configs { return *g.seen.Load() }

// ReadToEnd implements cluster.Host.
func (g *members) ReadToEnd(ctx context.Context) error {
	if err := g.h.configs.Refresh(ctx); err != nil {
		return err
	}
	at := g.h.configs.Offset()
	for g.seen.Load().Offset < at {
		if ctx.Err() != nil {
			return fmt.Errorf("react to the configurations: %w", context.Cause(ctx))
		}
		g.turn(ctx, "reading configurations", g.h.settle)
		select {
		case <-g.h.quit:
			return errors.New("the worker is stopping")
		default:
		}
	}
	return nil
}

// Assigned implements cluster.Host.
func (g *members) Assigned(ctx context.Context, given cluster.Given) {
	g.turn(context.Background(), "starting connectors and tasks after a rebalance", func(loop context.Context) {
		if ctx.Err() != nil {
			return // lost meanwhile
		}
		g.lost.Store(false)
		g.h.statuses.SetGeneration(int64(given.Generation))
		if !g.member.Fresh() { // Lost came between; or it comes now, and the order does not matter
			g.lost.Store(true)
			g.h.statuses.Lose()
			return
		}
		all := make(map[work]bool, len(given.Owned))
		for _, w := range given.Owned {
			all[w] = true
		}
		var strays []work // stopped before, as a rule
		for name := range g.h.tasks {
			strays = append(strays, g.h.ownTasks(name)...)
		}
		for name := range g.h.runs {
			strays = append(strays, cluster.Instance(name))
		}
		n := 0
		for _, w := range strays {
			if !all[w] {
				strays[n] = w
				n++
			}
		}
		g.h.end(loop, strays[:n], false)
		g.log.Info("work is assigned", "generation", given.Generation, "leader", given.LeaderURL, "leads", given.IsLeader,
			"owned", len(given.Owned), "started", len(given.Started), "revoked", len(given.Revoked))
		if given.IsLeader {
			g.claim(loop) // also when it was the leader: another one may have been in between
		}
		g.h.take(all, given.Offset)
		g.tick(loop)
		g.h.settle(loop)
		if err := g.h.begin(loop); err != nil {
			g.fail <- err
		}
	})
}

// Revoke implements cluster.Host.
func (g *members) Revoke(_ context.Context, list []work) {
	// Also when ctx ends: whoever goes on relies on it that the work has stopped.
	g.turn(context.Background(), "stopping connectors and tasks for a rebalance", func(loop context.Context) {
		step, cancel := context.WithTimeout(loop, g.h.worker.StopWithin+closeWithin)
		defer cancel()
		lost := g.lost.Load()
		for _, w := range list {
			delete(g.h.assigned, w)
		}
		g.h.end(step, list, lost)
		if lost {
			return
		}
		// Statuses that come after the round would hide what the new owner says.
		if err := g.h.statuses.Flush(step); err != nil {
			g.log.Warn("statuses of stopped work are not written", keyErr, err)
		}
	})
}

// Lost implements cluster.Host: nothing is stored from now on, and everything ends at once. It
// does not wait for the loop, which may be waiting for a broker that is gone.
func (g *members) Lost(reason error) {
	g.lost.Store(true)
	g.h.statuses.Lose()
	g.h.retries.Add(1)
	go func() { // ends when the actors have taken it
		defer g.h.retries.Done()
		if err := g.h.system.Abort(); err != nil && !errors.Is(err, actors.ErrShutdown) {
			g.log.Error("end work that is lost", keyErr, err)
		}
	}()
}
