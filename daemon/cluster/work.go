package cluster

import (
	"cmp"
	"slices"
	"strconv"
)

// ConnectorItself in [Work.Task] means the connector instance, not one of its tasks (CW-212).
const ConnectorItself = -1

// Work is what is given to workers: one connector instance or one task.
type Work struct {
	Connector string
	Task      int // number of the task, or [ConnectorItself]
}

// Instance is the work of running a connector itself.
func Instance(connector string) Work { return Work{connector, ConnectorItself} }

// IsInstance tells whether it is the connector itself.
func (w Work) IsInstance() bool { return w.Task == ConnectorItself }

// String is the name for logs: "c1" or "c1-0", as Connect writes task ids.
func (w Work) String() string {
	if w.IsInstance() {
		return w.Connector
	}
	return w.Connector + "-" + strconv.Itoa(w.Task)
}

// compare orders connectors before tasks, then by name and number: the order in which work is
// dealt (CW-238).
func (w Work) compare(o Work) int {
	if w.IsInstance() != o.IsInstance() {
		if w.IsInstance() {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(w.Connector, o.Connector), cmp.Compare(w.Task, o.Task))
}

// SortWork orders a list: connectors by name, then tasks by name and number.
func SortWork(list []Work) { slices.SortFunc(list, Work.compare) }

// set is a set of work.
type set map[Work]struct{}

func setOf(lists ...[]Work) set {
	s := set{}
	for _, list := range lists {
		for _, w := range list {
			s[w] = struct{}{}
		}
	}
	return s
}

func (s set) has(w Work) bool { _, ok := s[w]; return ok }
func (s set) add(o set) {
	for w := range o {
		s[w] = struct{}{}
	}
}

// minus is what is in s and in none of the others.
func (s set) minus(others ...set) set {
	out := set{}
next:
	for w := range s {
		for _, o := range others {
			if o.has(w) {
				continue next
			}
		}
		out[w] = struct{}{}
	}
	return out
}

func (s set) sorted() []Work {
	out := make([]Work, 0, len(s))
	for w := range s {
		out = append(out, w)
	}
	SortWork(out)
	return out
}
