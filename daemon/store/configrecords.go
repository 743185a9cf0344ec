package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/daemon/jsontext"
)

// apply takes one record. The prefixes are asked in Connect's order, because names may look
// like prefixes (CW-166). What cannot be read is logged and skipped (CW-151).
func (c *Configs) apply(r Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = r.Offset + 1
	c.note(func(*Changes) {}) // the offset is news by itself
	key := string(r.Key)
	if name, ok := strings.CutPrefix(key, targetPrefix); ok {
		c.applyTarget(name, r)
	} else if name, ok := strings.CutPrefix(key, connectorPrefix); ok {
		c.applyConnector(name, r)
	} else if id, ok := strings.CutPrefix(key, taskPrefix); ok {
		c.applyTask(id, r)
	} else if name, ok := strings.CutPrefix(key, commitPrefix); ok {
		c.applyCommit(name, r)
	} else if name, ok := strings.CutPrefix(key, restartPrefix); ok {
		c.applyRestart(name, r)
	} else if name, ok := strings.CutPrefix(key, fencingPrefix); ok {
		c.applyFencing(name, r)
	} else if key == sessionKeyKey {
		c.applySessionKey(r)
	} else if namespace, ok := strings.CutPrefix(key, loggerPrefix); ok {
		c.applyLogger(namespace, r)
	} // unknown keys are skipped
}

func (c *Configs) state(name string) *connectorState {
	s := c.connectors[name]
	if s == nil {
		s = &connectorState{target: Started, tasks: map[int]map[string]string{}, deferred: map[int]map[string]string{}}
		c.connectors[name] = s
	}
	return s
}

func (c *Configs) skip(r Record, why string) {
	c.slog.Error("config record is skipped", "key", string(r.Key), "err", why)
}

func (c *Configs) applyTarget(name string, r Record) {
	s := c.state(name)
	if r.Value == nil {
		s.target = Started // comes with the tombstone of the connector, which is the news
		return
	}
	v, err := jsontext.Parse(r.Value)
	o, ok := v.(jsontext.Object)
	if err != nil || !ok {
		c.skip(r, "value is not an object")
		return
	}
	text := o.Str("state.v2")
	if text == "" {
		text = o.Str("state")
	}
	switch t := Target(text); t {
	case Started, Paused, Stopped:
		s.target = t
		c.note(func(n *Changes) { n.Targets = mark(n.Targets, name) })
	default:
		c.skip(r, "unknown target state")
	}
}

func (c *Configs) applyConnector(name string, r Record) {
	if r.Value == nil {
		// Task records of a deleted connector may still come; a connector made anew
		// commits its own.
		delete(c.connectors, name)
		c.note(func(n *Changes) { n.Connectors = mark(n.Connectors, name) })
		return
	}
	config, err := parseProperties(r.Value)
	if err != nil {
		c.skip(r, err.Error())
		return
	}
	c.state(name).config = config
	c.note(func(n *Changes) { n.Connectors = mark(n.Connectors, name) })
}

func (c *Configs) applyTask(id string, r Record) {
	at := strings.LastIndexByte(id, '-')
	n, err := strconv.Atoi(id[at+1:])
	if at < 0 || err != nil || n < 0 {
		c.skip(r, "key names no task")
		return
	}
	config, err := parseProperties(r.Value)
	if err != nil {
		c.skip(r, err.Error())
		return
	}
	c.state(id[:at]).deferred[n] = config
}

func (c *Configs) applyCommit(name string, r Record) {
	v, err := jsontext.Parse(r.Value)
	o, _ := v.(jsontext.Object)
	n, ok := o.Int("tasks")
	if err != nil || !ok || n < 0 {
		c.skip(r, "no task count")
		return
	}
	s := c.state(name)
	if s.config == nil {
		return // compaction left a commit of a connector that is gone (CW-160)
	}
	c.note(func(n *Changes) { n.Tasks = mark(n.Tasks, name) })
	s.fencing = true // CW-162
	c.taskSets[name]++
	set := map[int]map[string]string{}
	for i := range int(n) {
		t, ok := s.deferred[i]
		if !ok {
			t, ok = s.tasks[i]
		}
		if !ok {
			c.slog.Error("task configurations are not complete, nothing runs until they are written again", "connector", name, "tasks", n, "missing", i)
			s.broken, s.deferred = true, map[int]map[string]string{}
			return
		}
		set[i] = t
	}
	s.tasks, s.count, s.broken = set, int(n), false
	s.deferred = map[int]map[string]string{}
	s.applied = s.config
}

func parseProperties(value []byte) (map[string]string, error) {
	v, err := jsontext.Parse(value)
	if err != nil {
		return nil, fmt.Errorf("value is not JSON")
	}
	o, _ := v.(jsontext.Object)
	p, _ := o.Get("properties")
	props, ok := p.(jsontext.Object)
	if !ok {
		return nil, fmt.Errorf("value has no properties")
	}
	m := make(map[string]string, len(props))
	for _, f := range props {
		switch s := f.Value.(type) {
		case string:
			m[f.Key] = s
		case nil: // a null never passes validation; Connect reads it as not given
		default:
			return nil, fmt.Errorf("property %s is not a string", f.Key)
		}
	}
	return m, nil
}
