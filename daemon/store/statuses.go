package store

import (
	"context"
	"fmt"
	"log/slog"
	"sort"
	"strconv"
	"strings"
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
}

// Statuses is the store of statuses. Readers always see the newest one, because the cache
// changes before the record is written (CW-465); a goroutine of ours writes behind, and of
// several changes of one key only the newest.
type Statuses struct {
	log        Log
	slog       *slog.Logger
	workerID   string
	generation int64
	now        func() time.Time
	// VersionOf tells the version of a connector's plugin; nil is unknown. Set it before Open.
	VersionOf func(connector string) string

	mu         sync.RWMutex // guards the fields below
	replaying  bool
	opened     bool
	closing    bool
	connectors map[string]Status
	tasks      map[string]map[int]Status
	topics     map[string]map[string]Record // connector, topic
	pending    map[string][]byte
	order      []string // keys of pending, oldest first

	wake chan struct{}
	done chan struct{}
}

var _ actors.StatusSink = (*Statuses)(nil)

// NewStatuses makes a store; workerID is host:port without a scheme (CW-33).
func NewStatuses(log Log, workerID string, generation int64, logger *slog.Logger) *Statuses {
	return &Statuses{
		log: log, slog: logger, workerID: workerID, generation: generation, now: time.Now,
		connectors: map[string]Status{}, tasks: map[string]map[int]Status{}, topics: map[string]map[string]Record{},
		pending: map[string][]byte{}, wake: make(chan struct{}, 1), done: make(chan struct{}),
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

// ConnectorState implements actors.StatusSink.
func (s *Statuses) ConnectorState(connector string, state actors.State, trace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status(connector, state, trace)
	s.connectors[connector] = st
	s.enqueue(statusConnectorPrefix+connector, st.value())
}

// TaskState implements actors.StatusSink.
func (s *Statuses) TaskState(connector string, task int, state actors.State, trace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status(connector, state, trace)
	if s.tasks[connector] == nil {
		s.tasks[connector] = map[int]Status{}
	}
	s.tasks[connector][task] = st
	s.enqueue(taskKey(connector, task), st.value())
}

func (s *Statuses) status(connector string, state actors.State, trace string) Status {
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
			s.enqueue(taskKey(connector, id), nil)
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
		s.enqueue(statusConnectorPrefix+connector, nil)
	}
	delete(s.tasks, connector)
}

// UseTopic notes that a task wrote to or read from a topic (CW-182, CW-270).
func (s *Statuses) UseTopic(connector string, task int, topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.topics[connector][topic]; known {
		return
	}
	value := jsontext.Marshal(jsontext.Object{{Key: "topic", Value: jsontext.Object{
		{Key: "name", Value: topic}, {Key: "connector", Value: connector},
		{Key: "task", Value: task}, {Key: "discoverTimestamp", Value: s.now().UnixMilli()}}}})
	key := statusTopicPrefix + topic + topicSeparator + connector
	s.topicSet(connector)[topic] = Record{[]byte(key), value}
	s.enqueue(key, value)
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
		s.enqueue(string(r.Key), nil)
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

// value is the record of a status; without a trace it says null (CW-180).
func (st Status) value() []byte {
	var trace, version any
	if st.Trace != "" {
		trace = st.Trace
	}
	if st.Version != "" {
		version = st.Version
	}
	return jsontext.Marshal(jsontext.Object{
		{Key: "state", Value: string(st.State)}, {Key: "trace", Value: trace},
		{Key: "worker_id", Value: st.WorkerID}, {Key: "generation", Value: st.Generation},
		{Key: "version", Value: version}})
}

func (s *Statuses) enqueue(key string, value []byte) {
	if _, waiting := s.pending[key]; !waiting {
		s.order = append(s.order, key)
	}
	s.pending[key] = value
	s.nudge()
}

func (s *Statuses) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns what is to be written next.
func (s *Statuses) take() (recs []Record, closing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.order {
		recs = append(recs, Record{[]byte(k), s.pending[k]})
	}
	clear(s.pending)
	s.order = s.order[:0]
	return recs, s.closing
}

// giveBack queues records again that could not be written, unless something newer waits.
func (s *Statuses) giveBack(recs []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var order []string
	for _, r := range recs {
		if _, newer := s.pending[string(r.Key)]; !newer {
			s.pending[string(r.Key)] = r.Value
			order = append(order, string(r.Key))
		}
	}
	s.order = append(order, s.order...)
}

func (s *Statuses) write() {
	defer close(s.done)
	wait, failures := statusRetryFirst, 0
	for {
		recs, closing := s.take()
		if len(recs) == 0 {
			if closing {
				return
			}
			<-s.wake
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), statusFlushOnEnd)
		err := s.log.Append(ctx, recs...)
		cancel()
		if err == nil {
			wait, failures = statusRetryFirst, 0
			continue
		}
		failures++
		if failures == 1 {
			s.slog.Error("statuses are not stored yet, trying on", "records", len(recs), "err", err)
		}
		if closing && failures >= statusGoneTries {
			return // a status is a report, not a promise: the next start writes it anew
		}
		s.giveBack(recs)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.wake: // something newer, or the end
			timer.Stop()
		}
		wait = min(2*wait, statusRetryMost)
	}
}

// apply takes a record that was there at the start. Later ones are our own, of which the
// cache knows more.
func (s *Statuses) apply(r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.replaying {
		return
	}
	key := string(r.Key)
	if connector, ok := strings.CutPrefix(key, statusConnectorPrefix); ok {
		if st, ok := s.parse(r); ok {
			s.connectors[connector] = st
		} else {
			delete(s.connectors, connector)
		}
	} else if id, ok := strings.CutPrefix(key, statusTaskPrefix); ok {
		at := strings.LastIndexByte(id, '-')
		n, err := strconv.Atoi(id[at+1:])
		if at < 0 || err != nil {
			s.slog.Warn("status record is skipped", "key", key, "err", "key names no task")
			return
		}
		connector := id[:at]
		if st, ok := s.parse(r); !ok {
			delete(s.tasks[connector], n)
		} else {
			if s.tasks[connector] == nil {
				s.tasks[connector] = map[int]Status{}
			}
			s.tasks[connector][n] = st
		}
	} else if rest, ok := strings.CutPrefix(key, statusTopicPrefix); ok {
		// Topics cannot hold a colon, so the first one ends the topic (CW-185).
		topic, connector, ok := strings.Cut(rest, topicSeparator)
		if !ok {
			s.slog.Warn("status record is skipped", "key", key, "err", "key names no topic and connector")
			return
		}
		if r.Value == nil {
			delete(s.topics[connector], topic)
		} else {
			s.topicSet(connector)[topic] = r
		}
	}
}

// parse reads a status; false is a tombstone or something that cannot be read.
func (s *Statuses) parse(r Record) (Status, bool) {
	if r.Value == nil {
		return Status{}, false
	}
	v, err := jsontext.Parse(r.Value)
	o, ok := v.(jsontext.Object)
	if err != nil || !ok || o.Str("state") == "" {
		s.slog.Error("status record is skipped", "key", string(r.Key), "err", fmt.Sprintf("not a status: %v", err))
		return Status{}, false
	}
	gen, _ := o.Int("generation")
	return Status{State: actors.State(o.Str("state")), Trace: o.Str("trace"), WorkerID: o.Str("worker_id"), Generation: gen, Version: o.Str("version")}, true
}
