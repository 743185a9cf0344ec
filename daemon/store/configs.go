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

	"github.com/anabranch/anabranch/daemon/jsontext"
)

// Target is the state that the user wants a connector to be in (CW-161).
type Target string

// The target states.
const (
	Started Target = "STARTED"
	Paused  Target = "PAUSED"
	Stopped Target = "STOPPED"
)

// Key prefixes of the config topic (CW-158 to CW-165).
const (
	targetPrefix    = "target-state-"
	connectorPrefix = "connector-"
	taskPrefix      = "task-"
	commitPrefix    = "commit-"
)

// configWriteWithin bounds a write of a configuration (CW-156).
const configWriteWithin = 30 * time.Second

// Connector is what the config log says about one connector. Its maps are never changed.
type Connector struct {
	Name   string
	Config map[string]string
	Target Target
	// Tasks are the committed task configurations; Inconsistent says that the newest set
	// is not complete, so that nothing runs until the next one (CW-160).
	Tasks        []map[string]string
	Inconsistent bool
	// Applied is the connector configuration from which Tasks were made (CW-241).
	Applied map[string]string
}

// Configs is the store of connector configurations.
type Configs struct {
	log  Log
	slog *slog.Logger

	mu         sync.RWMutex // guards the fields below
	connectors map[string]*connectorState
}

type connectorState struct {
	config   map[string]string // nil: deleted or never seen
	target   Target
	tasks    map[int]map[string]string
	count    int
	broken   bool
	deferred map[int]map[string]string
	applied  map[string]string
}

// NewConfigs makes a store over a log.
func NewConfigs(log Log, logger *slog.Logger) *Configs {
	return &Configs{log: log, slog: logger, connectors: map[string]*connectorState{}}
}

// Open reads everything.
func (c *Configs) Open(ctx context.Context) error { return c.log.Open(ctx, c.apply) }

// Close ends the log.
func (c *Configs) Close() error { return c.log.Close() }

// Names lists the connectors, sorted.
func (c *Configs) Names() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	names := []string{}
	for n, s := range c.connectors {
		if s.config != nil {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names
}

// Get returns a connector.
func (c *Configs) Get(name string) (Connector, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s := c.connectors[name]
	if s == nil || s.config == nil {
		return Connector{}, false
	}
	out := Connector{Name: name, Config: s.config, Target: s.target, Inconsistent: s.broken, Applied: s.applied}
	if !s.broken {
		for i := range s.count {
			out.Tasks = append(out.Tasks, s.tasks[i])
		}
	}
	return out, true
}

// PutConnector writes a configuration. An initial target goes out first, so that no reader
// ever sees the connector in another state (CW-168).
func (c *Configs) PutConnector(ctx context.Context, name string, config map[string]string, initial Target) error {
	var recs []Record
	if initial != "" {
		recs = append(recs, targetRecord(name, initial))
	}
	recs = append(recs, Record{[]byte(connectorPrefix + name), properties(config)})
	return c.write(ctx, "write configuration of connector", name, recs...)
}

// DeleteConnector writes the tombstones of a connector; records of its tasks stay (CW-168).
func (c *Configs) DeleteConnector(ctx context.Context, name string) error {
	return c.write(ctx, "delete connector", name,
		Record{[]byte(connectorPrefix + name), nil}, Record{[]byte(targetPrefix + name), nil})
}

// PutTarget writes the state that the user wants.
func (c *Configs) PutTarget(ctx context.Context, name string, t Target) error {
	return c.write(ctx, "write target state of connector", name, targetRecord(name, t))
}

// PutTasks replaces the task configurations: all of them, then the commit record that makes
// them count (CW-169).
func (c *Configs) PutTasks(ctx context.Context, name string, tasks []map[string]string) error {
	if err := c.log.Refresh(ctx); err != nil {
		return fmt.Errorf("read configurations to the end: %w", err)
	}
	recs := make([]Record, len(tasks))
	for i, t := range tasks {
		recs[i] = Record{[]byte(taskPrefix + name + "-" + strconv.Itoa(i)), properties(t)}
	}
	if len(recs) > 0 {
		if err := c.write(ctx, "write task configurations of connector", name, recs...); err != nil {
			return err
		}
	}
	commit := jsontext.Marshal(jsontext.Object{{Key: "tasks", Value: len(tasks)}})
	return c.write(ctx, "commit task configurations of connector", name, Record{[]byte(commitPrefix + name), commit})
}

// Refresh reads the log to its end.
func (c *Configs) Refresh(ctx context.Context) error { return c.log.Refresh(ctx) }

func (c *Configs) write(ctx context.Context, op, name string, recs ...Record) error {
	ctx, cancel := context.WithTimeout(ctx, configWriteWithin)
	defer cancel()
	if err := c.log.Append(ctx, recs...); err != nil {
		return &Error{Op: op, Subject: name, Cause: err}
	}
	return nil
}

func properties(m map[string]string) []byte {
	return jsontext.Marshal(jsontext.Object{{Key: "properties", Value: m}})
}

// targetRecord tells old workers that know no STOPPED to pause.
func targetRecord(name string, t Target) Record {
	old := t
	if t == Stopped {
		old = Paused
	}
	return Record{[]byte(targetPrefix + name), jsontext.Marshal(jsontext.Object{{Key: "state", Value: string(old)}, {Key: "state.v2", Value: string(t)}})}
}

// apply takes one record. The prefixes are asked in Connect's order, because names may look
// like prefixes (CW-166). What cannot be read is logged and skipped (CW-151).
func (c *Configs) apply(r Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := string(r.Key)
	if name, ok := strings.CutPrefix(key, targetPrefix); ok {
		c.applyTarget(name, r)
	} else if name, ok := strings.CutPrefix(key, connectorPrefix); ok {
		c.applyConnector(name, r)
	} else if id, ok := strings.CutPrefix(key, taskPrefix); ok {
		c.applyTask(id, r)
	} else if name, ok := strings.CutPrefix(key, commitPrefix); ok {
		c.applyCommit(name, r)
	}
	// restart-connector-, tasks-fencing-, session-key and logger-cluster- only matter among
	// several workers; unknown keys are skipped.
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
		s.target = Started
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
	default:
		c.skip(r, "unknown target state")
	}
}

func (c *Configs) applyConnector(name string, r Record) {
	if r.Value == nil {
		// Task records of a deleted connector may still come; a connector made anew
		// commits its own.
		delete(c.connectors, name)
		return
	}
	config, err := parseProperties(r.Value)
	if err != nil {
		c.skip(r, err.Error())
		return
	}
	c.state(name).config = config
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
