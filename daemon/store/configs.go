package store

import (
	"context"
	"fmt"
	"log/slog"
	"sort"
	"strconv"
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
	restartPrefix   = "restart-connector-"
	fencingPrefix   = "tasks-fencing-"
	sessionKeyKey   = "session-key"
	loggerPrefix    = "logger-cluster-"
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
	// FencedTasks is the task-count record of exactly-once sources, 0 if there is none;
	// FencingPending says that a task set was committed since (CW-162).
	FencedTasks    int
	FencingPending bool
	// Generation counts the task sets that were committed under this name (CW-271).
	Generation int
}

// Configs is the store of connector configurations.
type Configs struct {
	log  Log
	slog *slog.Logger
	// Fresh says why nothing may be written at the moment; nil is always. Set it before Open.
	Fresh func() error

	mu         sync.RWMutex // guards the fields below
	connectors map[string]*connectorState
	fenced     map[string]int // task-count records; they outlive their connectors
	taskSets   map[string]int // committed so far; they outlive their connectors too
	key        *SessionKey
	offset     int64
	live       bool // the log is read to its end: what comes now is news
	changes    Changes
	wake       chan struct{}
}

type connectorState struct {
	config   map[string]string // nil: deleted or never seen
	target   Target
	tasks    map[int]map[string]string
	count    int
	broken   bool
	deferred map[int]map[string]string
	applied  map[string]string
	fencing  bool // a task set was committed after the last task-count record
}

// NewConfigs makes a store over a log.
func NewConfigs(log Log, logger *slog.Logger) *Configs {
	return &Configs{log: log, slog: logger, connectors: map[string]*connectorState{}, fenced: map[string]int{}, taskSets: map[string]int{}, wake: make(chan struct{}, 1)}
}

// Open reads everything. What it finds is no change.
func (c *Configs) Open(ctx context.Context) error {
	if err := c.log.Open(ctx, c.apply); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live, c.changes = true, Changes{}
	return nil
}

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
	out := Connector{Name: name, Config: s.config, Target: s.target, Inconsistent: s.broken, Applied: s.applied,
		FencedTasks: c.fenced[name], FencingPending: s.fencing, Generation: c.taskSets[name]}
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
	recs = append(recs, Record{Key: []byte(connectorPrefix + name), Value: properties(config)})
	return c.write(ctx, "write configuration of connector", name, recs...)
}

// DeleteConnector writes the tombstones of a connector; records of its tasks stay (CW-168).
func (c *Configs) DeleteConnector(ctx context.Context, name string) error {
	return c.write(ctx, "delete connector", name,
		Record{Key: []byte(connectorPrefix + name)}, Record{Key: []byte(targetPrefix + name)})
}

// PutTarget writes the state that the user wants.
func (c *Configs) PutTarget(ctx context.Context, name string, t Target) error {
	return c.writeAs(ctx, true, "write target state of connector", name, targetRecord(name, t))
}

// PutTasks replaces the task configurations: all of them, then the commit record that makes
// them count (CW-169).
func (c *Configs) PutTasks(ctx context.Context, name string, tasks []map[string]string) error {
	if err := c.log.Refresh(ctx); err != nil {
		return fmt.Errorf("read configurations to the end: %w", err)
	}
	recs := make([]Record, len(tasks))
	for i, t := range tasks {
		recs[i] = Record{Key: []byte(taskPrefix + name + "-" + strconv.Itoa(i)), Value: properties(t)}
	}
	if len(recs) > 0 {
		if err := c.write(ctx, "write task configurations of connector", name, recs...); err != nil {
			return err
		}
	}
	commit := jsontext.Marshal(jsontext.Object{{Key: "tasks", Value: len(tasks)}})
	return c.write(ctx, "commit task configurations of connector", name, Record{Key: []byte(commitPrefix + name), Value: commit})
}

// Refresh reads the log to its end.
func (c *Configs) Refresh(ctx context.Context) error { return c.log.Refresh(ctx) }

// write is for the leader, writeAs also for what any worker may write (CW-170).
func (c *Configs) write(ctx context.Context, op, name string, recs ...Record) error {
	return c.writeAs(ctx, false, op, name, recs...)
}

func (c *Configs) writeAs(ctx context.Context, anybody bool, op, name string, recs ...Record) error {
	ctx, cancel := context.WithTimeout(ctx, configWriteWithin)
	defer cancel()
	if c.Fresh != nil {
		if err := c.Fresh(); err != nil {
			return &Error{Op: op, Subject: name, Cause: err}
		}
	}
	if err := c.append(ctx, anybody, recs); err != nil {
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
	return Record{Key: []byte(targetPrefix + name), Value: jsontext.Marshal(jsontext.Object{{Key: "state", Value: string(old)}, {Key: "state.v2", Value: string(t)}})}
}
