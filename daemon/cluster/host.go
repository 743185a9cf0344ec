package cluster

import "context"

// Host is what a member serves: the herder. URL and Configs are short and may be called from
// any goroutine. ReadToEnd, Assigned and Revoke are called one at a time, from the goroutine
// of [Member.Run]; heartbeats go on meanwhile. Their ctx ends when the session is lost or Run
// is to end.
type Host interface {
	// URL is the advertised address of this worker's REST, with a trailing slash (CW-204).
	URL() string

	// Configs is the configuration as read so far. Tasks belongs to Offset: both are taken at
	// one moment. The map is not changed by the member.
	Configs() Configs

	// ReadToEnd returns when everything that stood in the config topic at the call has been
	// applied, so that Configs shows it.
	ReadToEnd(ctx context.Context) error

	// Assigned is called after every completed round, also when nothing changed for this
	// worker; the configuration has exactly the offset of the assignment. The host sees to it
	// that all of g.Owned runs, g.Started among it, and returns without waiting for tasks to
	// be up. A leader cleans statuses here (CW-249).
	Assigned(ctx context.Context, g Given)

	// Revoke stops work and returns when it has stopped: nothing of it may write any more,
	// statuses included (CW-251). What cannot be stopped in the host's own time is cut off from
	// everything that it writes to. Work in the list that does not run is fine.
	Revoke(ctx context.Context, list []Work)

	// Lost says that this worker may be taken for dead (CW-224): all work is to be stopped now,
	// without storing anything, since others may soon run it. It is called from another
	// goroutine than the rest, at once, even while Assigned or Revoke runs, and must return at
	// once. Revoke of all work follows, and only after that the worker joins again.
	Lost(reason error)
}

// Configs is one state of the config topic.
type Configs struct {
	Offset int64          // as Connect counts it: of the last record read (CW-205)
	Tasks  map[string]int // every connector, whatever its target state, and its number of tasks
}

// Given is the result of a round for this worker.
type Given struct {
	Generation int32 // goes into status records (CW-225)
	Protocol   Version
	Leader     string // member id
	LeaderURL  string
	IsLeader   bool
	Offset     int64 // of the configuration from which it was made

	Started []Work // owned and not given to the host before
	Revoked []Work // taken away in this round; Revoke has been called for them
	Owned   []Work // all that this worker shall run, sorted
}

// all is every piece of work that is configured.
func (c Configs) all() set {
	s := set{}
	for name, n := range c.Tasks {
		s[Instance(name)] = struct{}{}
		for i := range n {
			s[Work{name, i}] = struct{}{}
		}
	}
	return s
}
