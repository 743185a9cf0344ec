package cluster

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAssign_Property lets workers come, leave, die and miss answers, leaders change and
// connectors come and go, in any order. Nothing ever runs twice; what was lost is given away
// only when the delay is over or its worker is back; and when it is calm, everything runs once
// and is balanced.
func TestAssign_Property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxDelay := rapid.SampledFrom([]time.Duration{0, time.Second, 5 * time.Minute}).Draw(t, "maxDelay")
		g := newGroup(t, maxDelay, "m0")
		born := 1
		any := func(label string) string {
			return rapid.SampledFrom(slices.Sorted(maps.Keys(g.runs))).Draw(t, label)
		}
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				if len(g.runs) < 6 {
					g.runs[fmt.Sprintf("m%d", born)] = set{}
					born++
				}
				g.round()
			},
			"leave or die": func(t *rapid.T) {
				if len(g.runs) == 1 {
					t.Skip()
				}
				delete(g.runs, any("who"))
				before := maps.Clone(g.runs)
				p := g.round()
				if p.Delay > 0 {
					// Lost work is nobody's while it waits.
					for w := range g.configs.all().minus(g.a.previous) {
						t.Fatalf("%s is not known any more, members %v", w, before)
					}
				}
			},
			"session lost": func(t *rapid.T) { // comes back with nothing, under its old id
				g.runs[any("who")] = set{}
				g.round()
			},
			"missed answer": func(t *rapid.T) {
				p := g.assign()
				some := rapid.SliceOfDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(g.runs))), rapid.ID[string]).Draw(t, "to")
				g.deliver(p, some...)
				if rapid.Bool().Draw(t, "leader got it") {
					g.completed = g.generation
				}
			},
			"another leader": func(t *rapid.T) {
				g.a, g.completed = NewAssignor(maxDelay), g.generation-int32(rapid.IntRange(0, 1).Draw(t, "behind"))
				g.round()
			},
			"configure": func(t *rapid.T) {
				name := fmt.Sprintf("c%d", rapid.IntRange(0, 7).Draw(t, "name"))
				if n := rapid.IntRange(-1, 6).Draw(t, "tasks"); n < 0 {
					delete(g.configs.Tasks, name)
				} else {
					g.configs.Tasks[name] = n
				}
				g.round()
			},
			"time passes": func(t *rapid.T) {
				g.now += time.Duration(rapid.IntRange(1, 400).Draw(t, "seconds")) * time.Second
				g.round()
			},
			"calm": func(*rapid.T) {
				g.calm()
				g.complete()
			},
			"": func(*rapid.T) { g.once() },
		})
		g.calm()
		g.complete()
	})
}

// TestAssign_PropertyDelay: nobody gets the work of a worker that died before the delay is
// over (CW-233 to CW-235), and somebody has it right after.
func TestAssign_PropertyDelay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const maxDelay = 5 * time.Minute
		g := newGroup(t, maxDelay, "a", "b", "c", "d")
		g.configure(rapid.IntRange(1, 9).Draw(t, "connectors"), rapid.IntRange(0, 5).Draw(t, "tasks"))
		g.calm()
		dead := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "dead")
		had := g.runs[dead]
		delete(g.runs, dead)
		if len(had) == 0 {
			t.Skip("it ran nothing")
		}
		end := g.now + maxDelay
		p := g.round()
		for _, step := range rapid.SliceOfN(rapid.IntRange(1, 60), 0, 4).Draw(t, "rounds in between") {
			for id, s := range p.Shares {
				for _, w := range s.Started {
					if had.has(w) {
						t.Fatalf("%s got %s %s before the delay was over", id, w, end-g.now)
					}
				}
			}
			if p.Delay != end-g.now {
				t.Fatalf("delay %s, want %s", p.Delay, end-g.now)
			}
			g.now += time.Duration(step) * time.Second
			if rapid.Bool().Draw(t, "somebody joins") {
				g.runs[fmt.Sprintf("new%d", len(g.runs))] = set{}
			}
			p = g.round()
		}
		g.now = end
		g.round()
		g.calm()
		g.complete()
	})
}
