package cluster

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// group drives an assignor as its members would: who is told to start runs it, who is told to
// stop does, before the next round.
type group struct {
	t          interface{ Fatalf(string, ...any) }
	a          *Assignor
	now        time.Duration
	generation int32
	completed  int32
	configs    Configs
	runs       map[string]set
}

func newGroup(t interface{ Fatalf(string, ...any) }, maxDelay time.Duration, members ...string) *group {
	g := &group{t: t, a: NewAssignor(maxDelay), now: time.Hour, completed: -1, configs: Configs{Tasks: map[string]int{}}, runs: map[string]set{}}
	for _, m := range members {
		g.runs[m] = set{}
	}
	return g
}

func (g *group) configure(connectors, tasks int) {
	g.configs.Tasks = map[string]int{}
	for i := range connectors {
		g.configs.Tasks[fmt.Sprintf("c%02d", i)] = tasks
	}
}

// round is one round in which everybody gets the answer.
func (g *group) round() Plan {
	p := g.assign()
	g.deliver(p, slices.Collect(maps.Keys(g.runs))...)
	g.completed = g.generation
	return p
}

func (g *group) assign() Plan {
	members := map[string]Metadata{}
	for id, runs := range g.runs {
		members[id] = Metadata{Allocation: &Assignment{Work: runs.sorted()}}
	}
	g.generation++
	return g.a.Assign(Round{Now: g.now, Generation: g.generation, LastCompleted: g.completed, Members: members, Configs: g.configs})
}

func (g *group) deliver(p Plan, to ...string) {
	for _, id := range to {
		g.runs[id] = g.runs[id].minus(setOf(p.Shares[id].Revoked))
	}
	for _, id := range to {
		g.runs[id].add(setOf(p.Shares[id].Started))
	}
	g.once()
}

// once fails if anything runs twice.
func (g *group) once() {
	owner := map[Work]string{}
	for _, id := range slices.Sorted(maps.Keys(g.runs)) {
		for w := range g.runs[id] {
			if other := owner[w]; other != "" {
				g.t.Fatalf("%s runs on %s and on %s", w, other, id)
			}
			owner[w] = id
		}
	}
}

// calm goes through rounds as the members ask for them, until none is asked for.
func (g *group) calm() {
	for range 40 {
		p := g.round()
		again := p.Delay > 0
		for _, s := range p.Shares {
			again = again || len(s.Revoked) > 0
		}
		if !again {
			return
		}
		g.now += p.Delay
	}
	g.t.Fatalf("no end of rebalances: %v", g.sizes())
}

// complete fails unless all work runs once and is balanced within one (CW-236, CW-238).
func (g *group) complete() {
	all := set{}
	for _, runs := range g.runs {
		all.add(runs)
	}
	want := g.configs.all()
	if missing, extra := want.minus(all), all.minus(want); len(missing)+len(extra) > 0 {
		g.t.Fatalf("not running: %v; running without being configured: %v", missing.sorted(), extra.sorted())
	}
	for _, instances := range []bool{true, false} {
		least, most := 1<<30, 0
		for _, runs := range g.runs {
			n := 0
			for w := range runs {
				if w.IsInstance() == instances {
					n++
				}
			}
			least, most = min(least, n), max(most, n)
		}
		if most-least > 1 {
			g.t.Fatalf("not balanced: %v", g.sizes())
		}
	}
}

// sizes is connectors/tasks of each member.
func (g *group) sizes() map[string]string {
	out := map[string]string{}
	for id, runs := range g.runs {
		c := 0
		for w := range runs {
			if w.IsInstance() {
				c++
			}
		}
		out[id] = fmt.Sprintf("%d/%d", c, len(runs)-c)
	}
	return out
}

func (g *group) want(sizes map[string]string) {
	if diff := cmp.Diff(sizes, g.sizes()); diff != "" {
		g.t.Fatalf("connectors/tasks by member (-want +got): %s", diff)
	}
}

func (g *group) delay(p Plan, want time.Duration) {
	if p.Delay != want {
		g.t.Fatalf("delay %s, want %s", p.Delay, want)
	}
}

func TestAssign_DealsConnectorsThenTasksToTheLeastLoaded(t *testing.T) { // CW-238
	g := newGroup(t, time.Minute, "a", "b")
	g.configs.Tasks = map[string]int{"x": 3, "y": 1, "z": 0}
	p := g.assign()
	want := map[string]Share{
		"a": {Started: []Work{Instance("x"), Instance("z"), {"x", 0}, {"x", 2}}, Revoked: []Work{}},
		"b": {Started: []Work{Instance("y"), {"x", 1}, {"y", 0}}, Revoked: []Work{}},
	}
	if diff := cmp.Diff(want, p.Shares); diff != "" {
		t.Fatal(diff)
	}
	if p.Owners[Work{"x", 2}] != "a" || p.Owners[Instance("y")] != "b" || len(p.Owners) != 7 {
		t.Fatalf("owners %v", p.Owners)
	}
}

func TestAssign_AnswersOnlyWithWhatIsNew(t *testing.T) { // CW-239
	g := newGroup(t, time.Minute, "a", "b")
	g.configure(2, 2)
	g.round()
	p := g.round()
	for id, s := range p.Shares {
		if len(s.Started)+len(s.Revoked) > 0 {
			t.Errorf("%s is told %v in a round without changes", id, s)
		}
	}
	g.configs.Tasks["new"] = 1
	p = g.round()
	if n := len(p.Shares["a"].Started) + len(p.Shares["b"].Started); n != 2 {
		t.Errorf("%d pieces of work started for one connector with one task", n)
	}
	g.complete()
}

func TestAssign_NewWorkerGetsItsShareAfterARevocation(t *testing.T) { // CW-230, CW-236
	g := newGroup(t, time.Minute, "a")
	g.configure(2, 4)
	g.calm()
	g.want(map[string]string{"a": "2/8"})
	g.runs["b"] = set{}
	p := g.round()
	if got := len(p.Shares["a"].Revoked); got != 5 || len(p.Shares["b"].Started) > 0 {
		t.Fatalf("%d revoked, want 1 connector and 4 tasks, and nothing started meanwhile: %v", got, p.Shares)
	}
	g.delay(p, 0)
	g.want(map[string]string{"a": "1/4", "b": "0/0"})
	g.round()
	g.want(map[string]string{"a": "1/4", "b": "1/4"})
	g.complete()
}

func TestAssign_DeletedIsRevokedFromItsOwner(t *testing.T) { // CW-230
	g := newGroup(t, time.Minute, "a", "b")
	g.configure(2, 2)
	g.calm()
	delete(g.configs.Tasks, "c01")
	p := g.round()
	gone := setOf(p.Shares["a"].Revoked, p.Shares["b"].Revoked)
	if len(gone.minus(setOf([]Work{Instance("c01"), {"c01", 0}, {"c01", 1}}))) > 0 || len(gone) != 3 {
		t.Fatalf("revoked %v", gone.sorted())
	}
	g.calm()
	g.complete()
	g.configs.Tasks["c00"] = 1 // fewer tasks
	g.calm()
	g.complete()
}

func TestAssign_NewLeaderRevokesWhatAFormerOneAssigned(t *testing.T) { // CW-228
	g := newGroup(t, time.Minute, "a", "b")
	g.configure(2, 2)
	g.calm()
	g.a, g.completed = NewAssignor(time.Minute), -1 // the former leader took its memory along
	delete(g.configs.Tasks, "c01")
	g.calm()
	g.complete()
}

func TestAssign_DuplicatesStopEverywhereAndAreAssignedAnew(t *testing.T) { // CW-230
	g := newGroup(t, time.Minute, "a", "b")
	g.configure(1, 1)
	g.calm()
	both := map[string]Metadata{}
	for id := range g.runs {
		both[id] = Metadata{Allocation: &Assignment{Work: []Work{Instance("c00"), {"c00", 0}}}}
		g.runs[id] = set{}
	}
	g.generation++
	p := g.a.Assign(Round{Now: g.now, Generation: g.generation, LastCompleted: g.completed, Members: both, Configs: g.configs})
	for id := range g.runs {
		if diff := cmp.Diff([]Work{Instance("c00"), {"c00", 0}}, p.Shares[id].Revoked); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
	g.completed = g.generation
	g.calm()
	g.complete()
}

func TestAssign_LostWorkWaitsForItsWorker(t *testing.T) {
	const maxDelay = 5 * time.Minute
	start := func() *group {
		g := newGroup(t, maxDelay, "a", "b", "c")
		g.configure(3, 3)
		g.calm()
		g.want(map[string]string{"a": "1/3", "b": "1/3", "c": "1/3"})
		delete(g.runs, "c")
		g.delay(g.round(), maxDelay) // CW-233
		g.want(map[string]string{"a": "1/3", "b": "1/3"})
		return g
	}
	t.Run("the others get it when the time is over", func(t *testing.T) { // CW-235
		g := start()
		g.now += maxDelay - time.Second
		g.delay(g.round(), time.Second) // CW-234
		g.want(map[string]string{"a": "1/3", "b": "1/3"})
		g.now += time.Second
		g.delay(g.round(), 0)
		g.want(map[string]string{"a": "2/5", "b": "1/4"})
		g.complete()
	})
	t.Run("a new worker in time gets all of it", func(t *testing.T) { // CW-234, CW-235
		g := start()
		g.now += time.Minute
		g.runs["d"] = set{}
		g.delay(g.round(), maxDelay-time.Minute)
		g.want(map[string]string{"a": "1/3", "b": "1/3", "d": "0/0"})
		g.now += maxDelay - time.Minute
		g.delay(g.round(), 0)
		g.want(map[string]string{"a": "1/3", "b": "1/3", "d": "1/3"})
		g.complete()
	})
	t.Run("a worker that comes back with its work keeps it", func(t *testing.T) {
		g := start()
		g.now += time.Minute
		g.runs["c"] = g.configs.all().minus(g.runs["a"], g.runs["b"])
		g.delay(g.round(), 0)
		g.want(map[string]string{"a": "1/3", "b": "1/3", "c": "1/3"})
		g.complete()
	})
	t.Run("new connectors do not wait", func(t *testing.T) {
		g := start()
		g.configs.Tasks["new"] = 2
		g.delay(g.round(), maxDelay)
		g.want(map[string]string{"a": "2/4", "b": "1/4"})
	})
	t.Run("candidates that left again get nothing", func(t *testing.T) {
		g := start()
		g.runs["d"] = set{}
		g.round()
		delete(g.runs, "d")
		g.round()
		g.now += maxDelay
		g.calm()
		g.complete()
	})
}

func TestAssign_LostWithoutDelayIsAssignedAtOnce(t *testing.T) { // CW-232
	g := newGroup(t, 0, "a", "b", "c")
	g.configure(3, 3)
	g.calm()
	delete(g.runs, "b")
	g.delay(g.round(), 0)
	g.complete()
}

func TestAssign_MissedSyncIsMadeUpAtOnce(t *testing.T) { // CW-231
	g := newGroup(t, time.Minute, "a", "b")
	g.configure(2, 2)
	p := g.assign()
	g.deliver(p, "a")
	g.completed = g.generation
	g.delay(g.round(), 0)
	g.complete()
}

func TestAssign_RoundThatReachedNobodyIsForgotten(t *testing.T) { // CW-227
	g := newGroup(t, time.Minute, "a", "b")
	g.configure(2, 2)
	g.assign()
	delete(g.runs, "b")
	g.delay(g.round(), 0)
	g.complete()
}

func TestAssign_RevocationThatDidNotArriveIsMadeAgain(t *testing.T) { // CW-229
	g := newGroup(t, time.Minute, "a")
	g.configure(2, 4)
	g.calm()
	g.runs["b"] = set{}
	p := g.assign()
	g.deliver(p, "b") // a missed it
	g.completed = g.generation
	g.calm()
	g.complete()
}

func TestAssign_RevokingRoundsBackOff(t *testing.T) { // CW-237
	g := newGroup(t, 5*time.Minute, "a")
	g.configure(12, 0)
	g.calm()
	g.runs["b"] = set{}
	g.delay(g.round(), 0) // revokes
	for i, want := range []time.Duration{40 * time.Millisecond, 1600 * time.Millisecond, 64 * time.Second, 5 * time.Minute, 5 * time.Minute} {
		g.a.delay, g.a.scheduled, g.a.revokedLast = 0, 0, true
		g.runs[fmt.Sprintf("n%d", i)] = set{}
		p := g.assign()
		g.delay(p, want)
		for id, s := range p.Shares {
			if len(s.Revoked) > 0 {
				t.Fatalf("%s loses %v while it waits", id, s.Revoked)
			}
		}
		g.deliver(p, slices.Collect(maps.Keys(g.runs))...)
		g.completed = g.generation
	}
	g.calm()
	g.complete()
	if g.a.revokingRounds != 0 {
		t.Errorf("the count was not reset: %d", g.a.revokingRounds)
	}
}

func TestAssign_WithoutDelayRevokesEveryRound(t *testing.T) { // CW-237
	g := newGroup(t, 0, "a")
	g.configure(12, 0)
	g.calm()
	for _, id := range []string{"b", "c", "d"} {
		g.runs[id] = set{}
		p := g.round()
		g.delay(p, 0)
		revoked := 0
		for _, s := range p.Shares {
			revoked += len(s.Revoked)
		}
		if revoked == 0 {
			t.Fatalf("nothing is revoked for %s: %v", id, g.sizes())
		}
	}
	g.calm()
	g.complete()
}

func TestAssignEager_DealsEverythingRound(t *testing.T) { // CW-240
	p := AssignEager([]string{"b", "a"}, Configs{Tasks: map[string]int{"x": 2, "y": 1, "z": 0}})
	want := map[string]Share{
		"a": {Started: []Work{Instance("x"), Instance("z"), {"x", 1}}},
		"b": {Started: []Work{Instance("y"), {"x", 0}, {"y", 0}}},
	}
	if diff := cmp.Diff(want, p.Shares); diff != "" {
		t.Fatal(diff)
	}
	if p := AssignEager([]string{"a"}, Configs{}); len(p.Shares) != 1 {
		t.Errorf("a group without work: %v", p)
	}
}
