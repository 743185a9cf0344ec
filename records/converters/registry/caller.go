package registry

import "context"

// Caller is the part of a converter that knows how long it may wait for a registry. It belongs
// to the converter's goroutine.
type Caller struct{ until context.Context }

// Until makes calls give up when ctx ends; see converters.Asker.
func (c *Caller) Until(ctx context.Context) { c.until = ctx }

// Context is the context for calls. Without Until only the client's own limits count.
func (c *Caller) Context() context.Context {
	if c.until == nil {
		return context.Background()
	}
	return c.until
}
