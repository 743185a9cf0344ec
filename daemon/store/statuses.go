package store

import (
	"context"
	"log/slog"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/daemon/jsontext"
)

// Key prefixes of the status topic (CW-180 to CW-182).
const (
	statusConnectorPrefix = "status-connector-"
	statusTaskPrefix      = "status-task-"
	statusTopicPrefix     = "status-topic-"
	topicSeparator        = ":connector-"
)

const (
	statusRetryFirst = 100 * time.Millisecond
	statusRetryMost  = 5 * time.Second
	statusFlushOnEnd = 5 * time.Second
	statusGoneTries  = 2 // tries of the last flush before the worker ends without it
)

// Status is what the status topic says about a connector or task.
type Status struct {
	State      actors.State
	Trace      string // "" is none
	WorkerID   string
	Generation int64
	Version    string // of the plugin, "" if unknown (CW-446)
	// old says that it was found at the start: its worker may be gone, and the generations of
	// the group may have begun anew since.
	old bool
}

// WorkerID is the id that this worker's statuses carry (CW-33).
func (s *Statuses) WorkerID() string { return s.workerID }

// Statuses is the store of statuses. Readers always see the newest one, because the cache
// changes before the record is written (CW-465); a goroutine of ours writes behind, and of
// several changes of one key only the newest. What other workers write changes the cache too.
type Statuses struct {
	log      Log
	slog     *slog.Logger
	workerID string
	now      func() time.Time
	// VersionOf tells the version of a connector's plugin; nil is unknown. Set it before Open.
	VersionOf func(connector string) string
	// Scrub takes secrets out of traces; nil changes nothing. Set it before Open.
	Scrub func(trace string) string
	// Fresh says why nothing may be written at the moment, because this worker may have lost
	// its work without knowing it yet; nil is always. Set it before Open.
	Fresh func() error

	mu         sync.RWMutex // guards the fields below
	replaying  bool
	opened     bool
	closing    bool
	lost       bool // what runs here belongs to others: its states are nobody's business
	writing    bool // a batch was taken and its end is not known
	generation int64
	settled    chan struct{} // closed, and made anew, when a batch has ended
	connectors map[string]Status
	tasks      map[string]map[int]Status
	topics     map[string]map[string]Record // connector, topic
	pending    map[string]waiting
	order      []string // keys of pending, oldest first

	wake chan struct{}
	done chan struct{}
}

// waiting is a record that is not written yet.
type waiting struct {
	value      []byte
	generation int64
	state      actors.State // "" for tombstones and topics
}

var _ actors.StatusSink = (*Statuses)(nil)

// NewStatuses makes a store; workerID is host:port without a scheme (CW-33).
func NewStatuses(log Log, workerID string, generation int64, logger *slog.Logger) *Statuses {
	return &Statuses{
		log: log, slog: logger, workerID: workerID, generation: generation, now: time.Now,
		connectors: map[string]Status{}, tasks: map[string]map[int]Status{}, topics: map[string]map[string]Record{},
		pending: map[string]waiting{}, wake: make(chan struct{}, 1), done: make(chan struct{}), settled: make(chan struct{}),
	}
}

// Open reads everything and starts the writer.
func (s *Statuses) Open(ctx context.Context) error {
	s.mu.Lock()
	s.replaying, s.opened = true, true
	s.mu.Unlock()
	err := s.log.Open(ctx, s.apply)
	s.mu.Lock()
	s.replaying = false
	s.mu.Unlock()
	if err != nil {
		close(s.done)
		return err
	}
	go s.write() // ends in Close
	return nil
}

// Close writes what is pending, for a bounded time, and ends the log. A store that was never
// opened has no writer to wait for.
func (s *Statuses) Close() error {
	s.mu.Lock()
	s.closing = true
	opened := s.opened
	s.mu.Unlock()
	if opened {
		s.nudge()
		<-s.done
	}
	return s.log.Close()
}

// SetGeneration says which generation of the group the states that follow belong to (CW-225).
func (s *Statuses) SetGeneration(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation, s.lost = n, false
}

// Lose throws away the states that are not written, and those to come until the next
// SetGeneration: the work that they tell about has gone to others.
func (s *Statuses) Lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = true
	for _, key := range s.order {
		if s.pending[key].state != "" {
			s.drop(key)
		}
	}
}

// ConnectorState implements actors.StatusSink.
func (s *Statuses) ConnectorState(connector string, state actors.State, trace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status(connector, state, trace)
	if s.lost || !st.mayReplace(s.connectors[connector]) {
		return
	}
	s.connectors[connector] = st
	s.enqueue(statusConnectorPrefix+connector, waiting{st.value(), st.Generation, state})
}

// TaskState implements actors.StatusSink.
func (s *Statuses) TaskState(connector string, task int, state actors.State, trace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status(connector, state, trace)
	if s.lost || !st.mayReplace(s.tasks[connector][task]) {
		return
	}
	s.setTask(connector, task, st)
	s.enqueue(taskKey(connector, task), waiting{st.value(), st.Generation, state})
}

func (s *Statuses) setTask(connector string, task int, st Status) {
	if s.tasks[connector] == nil {
		s.tasks[connector] = map[int]Status{}
	}
	s.tasks[connector][task] = st
}

// mayReplace is the rule of safe writes: UNASSIGNED and FAILED say nothing about work that another worker
// has in a later generation (CW-184).
func (st Status) mayReplace(cached Status) bool {
	if st.State != actors.Unassigned && st.State != actors.Failed {
		return true
	}
	return cached.WorkerID == st.WorkerID || cached.Generation <= st.Generation || cached.old
}

func (s *Statuses) status(connector string, state actors.State, trace string) Status {
	if s.Scrub != nil {
		trace = s.Scrub(trace)
	}
	st := Status{State: state, Trace: trace, WorkerID: s.workerID, Generation: s.generation}
	if s.VersionOf != nil {
		st.Version = s.VersionOf(connector)
	}
	return st
}

func taskKey(connector string, task int) string {
	return statusTaskPrefix + connector + "-" + strconv.Itoa(task)
}

// RemoveTasks writes tombstones for the tasks from a number on: a stopped connector has
// none, one with fewer tasks loses the last ones (CW-249).
func (s *Statuses) RemoveTasks(connector string, from int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.tasks[connector] {
		if id >= from {
			delete(s.tasks[connector], id)
			s.enqueue(taskKey(connector, id), waiting{})
		}
	}
}

// Remove writes tombstones for everything that is known of a connector (CW-183).
func (s *Statuses) Remove(connector string) {
	s.RemoveTasks(connector, 0)
	s.ResetTopics(connector)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.connectors[connector]; ok {
		delete(s.connectors, connector)
		s.enqueue(statusConnectorPrefix+connector, waiting{})
	}
	delete(s.tasks, connector)
}

// UsesTopic tells whether a topic is known as active. Tasks ask for each batch.
func (s *Statuses) UsesTopic(connector, topic string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, known := s.topics[connector][topic]
	return known
}

// UseTopic notes that a task wrote to or read from a topic (CW-182, CW-270).
func (s *Statuses) UseTopic(connector string, task int, topic string) {
	if s.UsesTopic(connector, topic) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.topics[connector][topic]; known {
		return
	}
	value := jsontext.Marshal(jsontext.Object{{Key: "topic", Value: jsontext.Object{
		{Key: "name", Value: topic}, {Key: "connector", Value: connector},
		{Key: "task", Value: task}, {Key: "discoverTimestamp", Value: s.now().UnixMilli()}}}})
	key := statusTopicPrefix + topic + topicSeparator + connector
	s.topicSet(connector)[topic] = Record{Key: []byte(key), Value: value}
	s.enqueue(key, waiting{value: value})
}

func (s *Statuses) topicSet(connector string) map[string]Record {
	if s.topics[connector] == nil {
		s.topics[connector] = map[string]Record{}
	}
	return s.topics[connector]
}

// Topics lists the active topics of a connector, sorted.
func (s *Statuses) Topics(connector string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := []string{}
	for t := range s.topics[connector] {
		out = append(out, t)
	}
	sort.Strings(out)
	return out
}

// ResetTopics forgets the active topics of a connector.
func (s *Statuses) ResetTopics(connector string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.topics[connector] {
		s.enqueue(string(r.Key), waiting{})
	}
	delete(s.topics, connector)
}

// Connector returns the status of a connector.
func (s *Statuses) Connector(connector string) (Status, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st, ok := s.connectors[connector]
	return st, ok
}

// Task returns the status of a task.
func (s *Statuses) Task(connector string, task int) (Status, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st, ok := s.tasks[connector][task]
	return st, ok
}

// Tasks returns the statuses of all tasks of a connector and their numbers, sorted.
func (s *Statuses) Tasks(connector string) ([]int, []Status) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := []int{}
	for id := range s.tasks[connector] {
		ids = append(ids, id)
	}
	sort.Ints(ids)
	out := make([]Status, len(ids))
	for i, id := range ids {
		out[i] = s.tasks[connector][id]
	}
	return ids, out
}

// Connectors lists every connector of which something is known, sorted.
func (s *Statuses) Connectors() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	set := map[string]bool{}
	for c := range s.connectors {
		set[c] = true
	}
	for c, tasks := range s.tasks {
		if len(tasks) > 0 {
			set[c] = true
		}
	}
	for c, topics := range s.topics {
		if len(topics) > 0 {
			set[c] = true
		}
	}
	out := make([]string, 0, len(set))
	for c := range set {
		out = append(out, c)
	}
	sort.Strings(out)
	return out
}
