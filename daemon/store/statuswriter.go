package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/daemon/jsontext"
)

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

func (s *Statuses) enqueue(key string, w waiting) {
	if _, waits := s.pending[key]; !waits {
		s.order = append(s.order, key)
	}
	s.pending[key] = w
	s.nudge()
}

// drop takes a record back; its key stays in order, where take skips it.
func (s *Statuses) drop(key string) { delete(s.pending, key) }

// Flush returns when everything is written that was enqueued before, or when ctx ends.
func (s *Statuses) Flush(ctx context.Context) error {
	for {
		s.mu.Lock()
		idle, settled := len(s.pending) == 0 && !s.writing, s.settled
		s.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-settled:
		case <-s.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("write statuses: %w", context.Cause(ctx))
		}
	}
}

func (s *Statuses) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns what is to be written next.
func (s *Statuses) take() (recs []Record, taken map[string]waiting, closing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.order {
		if w, waits := s.pending[k]; waits {
			recs = append(recs, Record{Key: []byte(k), Value: w.value})
		}
	}
	taken, s.pending = s.pending, map[string]waiting{}
	s.order = s.order[:0]
	s.writing = len(recs) > 0
	return recs, taken, s.closing
}

// end closes the turn of a batch. One that could not be written is queued again, save what
// something newer waits for, or what is lost meanwhile.
func (s *Statuses) end(recs []Record, taken map[string]waiting, written bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
	close(s.settled)
	s.settled = make(chan struct{})
	if written {
		return
	}
	var order []string
	for _, r := range recs {
		key := string(r.Key)
		if _, newer := s.pending[key]; newer || s.lost && taken[key].state != "" {
			continue
		}
		s.pending[key] = taken[key]
		order = append(order, key)
	}
	s.order = append(order, s.order...)
}

// append writes a batch if this worker may.
func (s *Statuses) append(recs []Record) error {
	if s.Fresh != nil {
		if err := s.Fresh(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), statusFlushOnEnd)
	defer cancel()
	return s.log.Append(ctx, recs...)
}

func (s *Statuses) write() {
	defer close(s.done)
	wait, failures := statusRetryFirst, 0
	for {
		recs, taken, closing := s.take()
		if len(recs) == 0 {
			if closing {
				return
			}
			<-s.wake
			continue
		}
		err := s.append(recs)
		s.end(recs, taken, err == nil)
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
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.wake: // something newer, or the end
			timer.Stop()
		}
		wait = min(2*wait, statusRetryMost)
	}
}

// apply takes a record: at the start all, later what is news.
func (s *Statuses) apply(r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := string(r.Key)
	if connector, ok := strings.CutPrefix(key, statusConnectorPrefix); ok {
		s.applyConnector(key, connector, r)
	} else if id, ok := strings.CutPrefix(key, statusTaskPrefix); ok {
		s.applyTask(key, id, r)
	} else if rest, ok := strings.CutPrefix(key, statusTopicPrefix); ok {
		s.applyTopic(key, rest, r)
	}
}

// counts reports whether a record tells more than the cache. While a newer record of ours
// waits, only another worker in a later generation knows better: then ours is a story of the past.
func (s *Statuses) counts(key string, st Status, found bool) bool {
	w, waits := s.pending[key]
	switch {
	case !waits:
		return true
	case !found: // a tombstone: nothing is left that could be unassigned
		if w.state == actors.Unassigned {
			s.drop(key)
			return true
		}
		return false
	case st.WorkerID != s.workerID && st.Generation > w.generation && w.state != "":
		s.drop(key)
		return true
	}
	return false
}

func (s *Statuses) applyConnector(key, connector string, r Record) {
	if connector == "" {
		s.skip(key, "key names no connector")
		return
	}
	st, found, err := s.parse(r)
	if err != nil {
		s.skip(key, err.Error())
		return
	}
	switch {
	case !s.counts(key, st, found):
	case found:
		s.connectors[connector] = st
	default:
		delete(s.connectors, connector)
	}
}

func (s *Statuses) applyTask(key, id string, r Record) {
	at := strings.LastIndexByte(id, '-')
	n, err := strconv.Atoi(id[at+1:])
	if at <= 0 || err != nil {
		s.skip(key, "key names no task")
		return
	}
	connector := id[:at]
	st, found, err := s.parse(r)
	if err != nil {
		s.skip(key, err.Error())
		return
	}
	if !s.counts(key, st, found) {
		return
	}
	if !found {
		delete(s.tasks[connector], n)
		return
	}
	cached := s.tasks[connector][n]
	if !s.replaying && st.State == actors.Unassigned && cached.State == actors.Running && !cached.old && cached.Generation >= st.Generation && cached.WorkerID != st.WorkerID {
		return // the new owner was quicker than the old one (CW-185)
	}
	s.setTask(connector, n, st)
}

// applyTopic splits at the first colon, because topics cannot hold one (CW-185).
func (s *Statuses) applyTopic(key, rest string, r Record) {
	topic, connector, ok := strings.Cut(rest, topicSeparator)
	if !ok || topic == "" || connector == "" {
		s.skip(key, "key names no topic and connector")
		return
	}
	if r.Value != nil && !isTopicStatus(r.Value) {
		s.skip(key, "not the status of a topic")
		return
	}
	if _, waits := s.pending[key]; waits {
		return
	}
	if r.Value == nil {
		delete(s.topics[connector], topic)
	} else {
		s.topicSet(connector)[topic] = r
	}
}

// skip leaves out a record that says nothing: what was known stays (CW-151).
func (s *Statuses) skip(key, why string) {
	s.slog.Error("status record is skipped", "key", key, "err", why)
}

// isState tells whether a status can say it; DESTROYED is a tombstone in the topic (CW-183).
func isState(s actors.State) bool {
	switch s {
	case actors.Unassigned, actors.Running, actors.Paused, actors.Failed, actors.Restarting, actors.Stopped:
		return true
	}
	return false
}

// parse reads a status; false is a tombstone. It takes what Connect takes: a known state, a
// generation, texts where texts belong.
func (s *Statuses) parse(r Record) (Status, bool, error) {
	if r.Value == nil {
		return Status{}, false, nil
	}
	v, err := jsontext.Parse(r.Value)
	o, ok := v.(jsontext.Object)
	if err != nil || !ok {
		return Status{}, false, errors.New("value is not an object")
	}
	st := Status{State: actors.State(o.Str("state")), Trace: o.Str("trace"), WorkerID: o.Str("worker_id"), Version: o.Str("version"), old: s.replaying}
	if !isState(st.State) {
		return Status{}, false, errors.New("unknown state")
	}
	if st.Generation, ok = o.Int("generation"); !ok {
		return Status{}, false, errors.New("no generation")
	}
	for _, key := range []string{"trace", "worker_id"} {
		if text, _ := o.Get(key); text != nil && !isText(text) {
			return Status{}, false, errors.New(key + " is not a text")
		}
	}
	return st, true, nil
}

func isText(v any) bool { _, ok := v.(string); return ok }

// isTopicStatus tells whether Connect would read a value as the status of a topic (CW-182).
func isTopicStatus(value []byte) bool {
	v, err := jsontext.Parse(value)
	o, _ := v.(jsontext.Object)
	inner, _ := o.Get("topic")
	t, ok := inner.(jsontext.Object)
	name, _ := t.Get("name")
	connector, _ := t.Get("connector")
	_, task := t.Int("task")
	_, since := t.Int("discoverTimestamp")
	return err == nil && ok && isText(name) && isText(connector) && task && since
}
