package registry

import (
	"context"
	"errors"
	"sync"
)

var errGaveUp = errors.New("asking the schema registry panicked")

// cache keeps answers of a registry: at most one call per key is under way, errors are not
// kept, and when it is full it begins anew.
type cache[K comparable, V any] struct {
	limit int
	mu    sync.Mutex // guards the field below
	known map[K]*entry[V]
}

type entry[V any] struct {
	done  chan struct{}
	value V
	err   error
	gone  bool // the one who asked gave up, which says nothing about the answer
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{limit: max(limit, 1), known: map[K]*entry[V]{}}
}

// get returns what is known or asks. Those who come while somebody asks wait and share the
// answer, also if it is an error, unless it is the end of the other's ctx: then they ask themselves.
func (c *cache[K, V]) get(ctx context.Context, key K, ask func() (V, error)) (V, error) {
	c.mu.Lock()
	for {
		e, ok := c.known[key]
		if !ok {
			break
		}
		c.mu.Unlock()
		select {
		case <-e.done:
		case <-ctx.Done():
			var none V
			return none, &Error{Op: "wait for another call", URL: "the schema registry", Cause: context.Cause(ctx)}
		}
		if !e.gone || ctx.Err() != nil {
			return e.value, e.err
		}
		c.mu.Lock()
	}
	if len(c.known) >= c.limit {
		clear(c.known) // who waits for an entry holds it
	}
	e := &entry[V]{done: make(chan struct{})}
	c.known[key] = e
	c.mu.Unlock()
	e.err = errGaveUp // should ask panic, nobody waits for ever
	defer func() {
		if e.err != nil {
			c.mu.Lock()
			if c.known[key] == e {
				delete(c.known, key)
			}
			c.mu.Unlock()
		}
		close(e.done)
	}()
	e.value, e.err = ask()
	e.gone = e.err != nil && ctx.Err() != nil
	return e.value, e.err
}

// forget drops a key, unless it is being asked.
func (c *cache[K, V]) forget(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, key)
}
