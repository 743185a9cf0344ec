package cluster

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Round is what the leader knows when it assigns.
type Round struct {
	Now           time.Duration // of a clock that only goes forward
	Generation    int32         // of this round
	LastCompleted int32         // the last generation of which this leader got its own assignment; -1: none
	Members       map[string]Metadata
	Configs       Configs
}

// Share is what one member is told.
type Share struct{ Started, Revoked []Work }

// Plan is the result of a round.
type Plan struct {
	Shares map[string]Share // for every member
	Owners map[Work]string  // who runs what after this round
	Delay  time.Duration    // until the next planned rebalance; 0: none
}

// Assignor is the leader's side of incremental cooperative rebalancing: Connect's
// IncrementalCooperativeAssignor (CW-226 to CW-239). It lives as long as the member and
// remembers what it needs from round to round. Not safe for concurrent use.
type Assignor struct {
	maxDelay time.Duration

	previous           set // assigned or lost after the last round
	revoked            set // told to stop in the last round
	previousGeneration int32
	previousMembers    map[string]bool
	candidates         []string      // empty workers that get what was lost, in the order of their arrival
	scheduled          time.Duration // when what was lost is given away; 0: nothing is planned
	delay              time.Duration
	revokedLast        bool // the last round took work away for balance
	revokingRounds     int  // successive rounds that wanted to
}

// NewAssignor makes one; maxDelay is scheduled.rebalance.max.delay.ms (CW-106).
func NewAssignor(maxDelay time.Duration) *Assignor {
	return &Assignor{maxDelay: maxDelay, previous: set{}, revoked: set{}, previousGeneration: -1}
}

// load is what a worker will run after the round.
type load struct {
	member     string
	connectors []Work
	tasks      []Work
}

func (l *load) empty() bool { return len(l.connectors)+len(l.tasks) == 0 }

func (l *load) kind(instances bool) *[]Work {
	if instances {
		return &l.connectors
	}
	return &l.tasks
}

func (l *load) give(w Work) {
	list := l.kind(w.IsInstance())
	*list = append(*list, w)
}

func (l *load) drop(gone set) {
	has := func(w Work) bool { return gone.has(w) }
	l.connectors = slices.DeleteFunc(l.connectors, has)
	l.tasks = slices.DeleteFunc(l.tasks, has)
}

func (l *load) work() set { return setOf(l.connectors, l.tasks) }

// Assign computes one round.
func (a *Assignor) Assign(r Round) Plan {
	if a.previousGeneration != r.LastCompleted {
		// CW-227: the last assignment may never have reached anybody.
		a.previous = set{}
	}
	configured := r.Configs.all()
	active, duplicated := owned(r.Members)
	if len(a.revoked) > 0 {
		// CW-229: a revocation that did not arrive is made again.
		if len(a.revoked.minus(active)) < len(a.revoked) {
			a.previous = maps.Clone(active)
		}
		a.revoked = set{}
	}
	// CW-228. What runs without being configured is deleted too, although this leader did not
	// assign it: a former one did.
	known := maps.Clone(a.previous)
	known.add(active)
	deleted := known.minus(configured)
	lost := a.previous.minus(active, deleted)
	created := configured.minus(a.previous, active)

	loads := make([]*load, 0, len(r.Members))
	running := map[string]set{} // what members run and may go on with, as they said
	revoke := map[string]set{}
	for _, id := range slices.Sorted(maps.Keys(r.Members)) {
		l := &load{member: id}
		stop := set{} // CW-230
		running[id] = set{}
		if al := r.Members[id].Allocation; al != nil {
			for w := range setOf(al.Work) {
				if deleted.has(w) || duplicated.has(w) {
					stop[w] = struct{}{}
				}
			}
			for _, w := range setOf(al.Work).minus(stop).sorted() {
				l.give(w)
				running[id][w] = struct{}{}
			}
		}
		revoke[id] = stop
		loads = append(loads, l)
	}

	reassign := a.handleLost(r.Now, lost, loads)
	if a.delay == 0 {
		a.balance(r.Now, configured, loads, revoke)
	} else {
		a.revokedLast = false
	}

	created.add(reassign)
	deal(loads, created.sorted())

	plan := Plan{Shares: map[string]Share{}, Owners: map[Work]string{}, Delay: a.delay}
	a.previous = maps.Clone(lost)
	a.previousGeneration = r.Generation
	a.previousMembers = map[string]bool{}
	for _, l := range loads {
		a.previousMembers[l.member] = true
		next := l.work()
		a.previous.add(next)
		for w := range next {
			plan.Owners[w] = l.member
		}
		a.revoked.add(revoke[l.member])
		plan.Shares[l.member] = Share{Started: next.minus(running[l.member]).sorted(), Revoked: revoke[l.member].sorted()}
	}
	// What is revoked is in nobody's hands until its owner has said that it stopped.
	a.previous = a.previous.minus(a.revoked.minus(lost))
	return plan
}

// owned is what the members say that they run, and what more than one of them runs.
func owned(members map[string]Metadata) (active, duplicated set) {
	active, duplicated = set{}, set{}
	for _, m := range members {
		if m.Allocation == nil {
			continue
		}
		for w := range setOf(m.Allocation.Work) {
			if active.has(w) {
				duplicated[w] = struct{}{}
			}
			active[w] = struct{}{}
		}
	}
	return active, duplicated
}

// handleLost decides about work whose worker is gone: CW-231 to CW-235. What it returns is
// dealt as new work.
func (a *Assignor) handleLost(now time.Duration, lost set, loads []*load) set {
	if len(lost) == 0 && !a.revokedLast {
		a.reset()
		return nil
	}
	switch {
	case a.scheduled <= 0 && a.allHere(loads):
		return lost // CW-231: they just missed the sync
	case a.maxDelay == 0:
		return lost // CW-232
	case a.scheduled > 0 && now >= a.scheduled:
		// CW-235
		var targets []*load
		for _, id := range a.candidates {
			if i := slices.IndexFunc(loads, func(l *load) bool { return l.member == id }); i >= 0 {
				targets = append(targets, loads[i])
			}
		}
		a.reset()
		a.revokedLast = false
		if len(targets) == 0 {
			return lost
		}
		for kind, i := range map[bool]int{true: 0, false: 0} {
			for _, w := range lost.sorted() {
				if w.IsInstance() == kind {
					targets[i%len(targets)].give(w)
					i++
				}
			}
		}
		return nil
	}
	for _, l := range loads { // CW-233, CW-234
		if l.empty() && !slices.Contains(a.candidates, l.member) {
			a.candidates = append(a.candidates, l.member)
		}
	}
	a.delay = a.maxDelay
	if now < a.scheduled {
		a.delay = min(a.scheduled-now, a.maxDelay)
	}
	a.scheduled = now + a.delay
	return nil
}

func (a *Assignor) reset() { a.candidates, a.scheduled, a.delay = nil, 0, 0 }

func (a *Assignor) allHere(loads []*load) bool {
	here := 0
	for _, l := range loads {
		if a.previousMembers[l.member] {
			here++
		}
	}
	return here == len(a.previousMembers)
}

// balance takes the surplus from workers that have more than their share (CW-236), and does so
// in two rounds running only after a while (CW-237).
func (a *Assignor) balance(now time.Duration, configured set, loads []*load, revoke map[string]set) {
	surplus := surpluses(configured, loads)
	switch {
	case len(surplus) == 0:
		a.revokedLast, a.revokingRounds = false, 0
		return
	case a.revokedLast:
		a.revokingRounds++
		if a.delay = a.backoff(a.revokingRounds); a.delay > 0 {
			a.scheduled = now + a.delay
			return
		}
	default:
		a.revokedLast = true
	}
	for _, l := range loads {
		gone := surplus[l.member]
		l.drop(gone)
		revoke[l.member].add(gone)
	}
}

// backoff is 40 ms, 1.6 s, 64 s, then the greatest delay; never more than that.
func (a *Assignor) backoff(rounds int) time.Duration {
	d := time.Millisecond
	for range rounds {
		if d *= 40; d >= a.maxDelay {
			return a.maxDelay
		}
	}
	return d
}

// surpluses says what each worker has to give away, for connectors and tasks apart.
func surpluses(configured set, loads []*load) map[string]set {
	out := map[string]set{}
	if len(configured) == 0 || !slices.ContainsFunc(loads, func(l *load) bool { return !l.empty() }) {
		return out
	}
	for _, instances := range []bool{true, false} {
		total := 0
		for w := range configured {
			if w.IsInstance() == instances {
				total++
			}
		}
		least, extra := total/len(loads), total%len(loads)
		haveLeast, haveExtra := 0, 0
		for _, l := range loads {
			switch len(*l.kind(instances)) {
			case least:
				haveLeast++
			case least + 1:
				haveExtra++
			}
		}
		if haveExtra == extra && haveLeast+haveExtra == len(loads) {
			continue
		}
		for _, l := range loads {
			has := *l.kind(instances)
			if len(has) <= least {
				continue
			}
			keep := least
			if extra > 0 {
				extra--
				keep++
			}
			if len(has) > keep {
				if out[l.member] == nil {
					out[l.member] = set{}
				}
				out[l.member].add(setOf(has[:len(has)-keep]))
			}
		}
	}
	return out
}

// deal gives work to the least loaded, connectors and tasks apart (CW-238).
func deal(loads []*load, work []Work) {
	for _, instances := range []bool{true, false} {
		order := slices.Clone(loads)
		size := func(l *load) int { return len(*l.kind(instances)) }
		slices.SortFunc(order, func(x, y *load) int {
			return cmp.Or(cmp.Compare(size(x), size(y)), cmp.Compare(x.member, y.member))
		})
		list := slices.DeleteFunc(slices.Clone(work), func(w Work) bool { return w.IsInstance() != instances })
		for len(list) > 0 {
			least := size(order[0])
			for _, l := range order {
				if len(list) == 0 || size(l) > least {
					break
				}
				l.give(list[0])
				list = list[1:]
			}
		}
	}
}

// AssignEager is Connect's EagerAssignor (CW-240): everything is dealt anew.
func AssignEager(members []string, c Configs) Plan {
	plan := Plan{Shares: map[string]Share{}, Owners: map[Work]string{}}
	ids := slices.Sorted(slices.Values(members))
	next := 0
	for _, w := range c.all().sorted() {
		id := ids[next%len(ids)]
		next++
		s := plan.Shares[id]
		s.Started = append(s.Started, w)
		plan.Shares[id] = s
		plan.Owners[w] = id
	}
	for _, id := range ids {
		if _, some := plan.Shares[id]; !some {
			plan.Shares[id] = Share{}
		}
	}
	return plan
}
