package store

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/anabranch/anabranch/daemon/jsontext"
)

// Changes is what came to the config log since the last [Configs.Take]: names, of which [Configs.Get]
// has the newest state.
type Changes struct {
	Connectors map[string]bool // configurations written or deleted
	Tasks      map[string]bool // task sets committed
	Targets    map[string]bool // target states
	Restarts   map[string]RestartRequest
	Levels     map[string]string // logger namespace to level (CW-165)
	SessionKey bool
	// Offset is the snapshot offset that they lead to.
	Offset int64
}

// Empty reports whether there is no change.
func (c *Changes) Empty() bool {
	return len(c.Connectors)+len(c.Tasks)+len(c.Targets)+len(c.Restarts)+len(c.Levels) == 0 && !c.SessionKey
}

// RestartRequest is a restart-connector record (CW-164).
type RestartRequest struct{ IncludeTasks, OnlyFailed bool }

// impact ranks requests: of two for one connector the higher one wins (CW-257).
func (r RestartRequest) impact() int {
	n := 0
	if r.IncludeTasks {
		n++
	}
	if !r.OnlyFailed {
		n += 2
	}
	return n
}

// SessionKey signs the requests between workers (CW-163).
type SessionKey struct {
	Key       []byte
	Algorithm string
	Created   time.Time
}

func mark(m map[string]bool, name string) map[string]bool {
	if m == nil {
		m = map[string]bool{}
	}
	m[name] = true
	return m
}

// note adds to the changes; c.mu is held.
func (c *Configs) note(add func(*Changes)) {
	if !c.live {
		return
	}
	add(&c.changes)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Changed has an element when Take has something.
func (c *Configs) Changed() <-chan struct{} { return c.wake }

// Pending reports whether Take has something.
func (c *Configs) Pending() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return !c.changes.Empty()
}

// Take returns the changes since the last call.
func (c *Configs) Take() Changes {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.changes
	c.changes = Changes{}
	out.Offset = c.offset
	return out
}

// Offset is that of the last record that was applied, plus one: the snapshot offset that the
// group protocol compares (CW-167).
func (c *Configs) Offset() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.offset
}

// TaskCounts returns the number of tasks of every connector, and the offset that they belong to.
func (c *Configs) TaskCounts() (counts map[string]int, offset int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	counts = make(map[string]int, len(c.connectors))
	for name, s := range c.connectors {
		switch {
		case s.config == nil:
		case s.broken:
			counts[name] = 0
		default:
			counts[name] = s.count
		}
	}
	return counts, c.offset
}

// Key returns the newest session key, nil if there is none.
func (c *Configs) Key() *SessionKey {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.key
}

// PutRestart asks every worker to restart its parts of a connector (CW-164).
func (c *Configs) PutRestart(ctx context.Context, name string, r RestartRequest) error {
	value := jsontext.Marshal(jsontext.Object{{Key: "include-tasks", Value: r.IncludeTasks}, {Key: "only-failed", Value: r.OnlyFailed}})
	return c.write(ctx, "write restart request of connector", name, Record{Key: []byte(restartPrefix + name), Value: value})
}

// PutSessionKey distributes a new session key (CW-163).
func (c *Configs) PutSessionKey(ctx context.Context, k SessionKey) error {
	value := jsontext.Marshal(jsontext.Object{{Key: "key", Value: base64.StdEncoding.EncodeToString(k.Key)},
		{Key: "algorithm", Value: k.Algorithm}, {Key: "creation-timestamp", Value: k.Created.UnixMilli()}})
	return c.write(ctx, "write", "session key", Record{Key: []byte(sessionKeyKey), Value: value})
}

// PutLogger sets the level of a logger on every worker (CW-64, CW-165).
func (c *Configs) PutLogger(ctx context.Context, namespace, level string) error {
	value := jsontext.Marshal(jsontext.Object{{Key: "level", Value: level}})
	return c.writeAs(ctx, true, "write level of logger", namespace, Record{Key: []byte(loggerPrefix + namespace), Value: value})
}

// PutTaskCount notes that the tasks of a connector were fenced out (CW-162).
func (c *Configs) PutTaskCount(ctx context.Context, name string, tasks int) error {
	value := jsontext.Marshal(jsontext.Object{{Key: "task-count", Value: tasks}})
	return c.write(ctx, "write task count of connector", name, Record{Key: []byte(fencingPrefix + name), Value: value})
}

// news parses a record of which only its coming counts, not its being there at the start.
func (c *Configs) news(r Record) (jsontext.Object, bool) {
	if !c.live || r.Value == nil {
		return nil, false
	}
	v, err := jsontext.Parse(r.Value)
	o, ok := v.(jsontext.Object)
	if err != nil || !ok {
		c.skip(r, "value is not an object")
		return nil, false
	}
	return o, true
}

// applyRestart takes wrong types for false, as Connect does (CW-164).
func (c *Configs) applyRestart(name string, r Record) {
	o, ok := c.news(r)
	if !ok {
		return
	}
	flag := func(key string) bool {
		v, _ := o.Get(key)
		b, _ := v.(bool)
		return b
	}
	req := RestartRequest{IncludeTasks: flag("include-tasks"), OnlyFailed: flag("only-failed")}
	c.note(func(n *Changes) {
		if n.Restarts == nil {
			n.Restarts = map[string]RestartRequest{}
		}
		if old, waits := n.Restarts[name]; !waits || req.impact() > old.impact() {
			n.Restarts[name] = req
		}
	})
}

func (c *Configs) applyFencing(name string, r Record) {
	v, err := jsontext.Parse(r.Value)
	o, _ := v.(jsontext.Object)
	n, ok := o.Int("task-count")
	if err != nil || !ok || n < 0 {
		c.skip(r, "no task count")
		return
	}
	c.fenced[name] = int(n)
	if s := c.connectors[name]; s != nil {
		s.fencing = false
	}
}

func (c *Configs) applySessionKey(r Record) {
	v, err := jsontext.Parse(r.Value)
	o, _ := v.(jsontext.Object)
	key, decoding := base64.StdEncoding.DecodeString(o.Str("key"))
	created, ok := o.Int("creation-timestamp")
	if err != nil || decoding != nil || len(key) == 0 || !ok || o.Str("algorithm") == "" {
		c.slog.Error("session key is skipped", "err", "it is not complete") // never its text
		return
	}
	c.key = &SessionKey{Key: key, Algorithm: o.Str("algorithm"), Created: time.UnixMilli(created)}
	c.note(func(n *Changes) { n.SessionKey = true })
}

func (c *Configs) applyLogger(namespace string, r Record) {
	o, ok := c.news(r)
	if !ok {
		return
	}
	level := o.Str("level")
	if level == "" {
		c.skip(r, "no level")
		return
	}
	c.note(func(n *Changes) {
		if n.Levels == nil {
			n.Levels = map[string]string{}
		}
		n.Levels[namespace] = level
	})
}
