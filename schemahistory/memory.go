package schemahistory

import (
	"context"
	"slices"
	"sync"
)

// Memory is a history that ends with the process (io.debezium.relational.history.MemorySchemaHistory,
// DM-190).
type Memory struct {
	mu   sync.Mutex
	recs []Record // guarded by mu
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty history.
func NewMemory() *Memory { return &Memory{} }

// Exists reports whether there is a record.
func (m *Memory) Exists(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.recs) > 0, nil
}

// Initialize does nothing.
func (m *Memory) Initialize(context.Context) error { return nil }

// Append keeps the records.
func (m *Memory) Append(_ context.Context, recs ...Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recs = append(m.recs, recs...)
	return nil
}

// Read calls fn for what was there when it began.
func (m *Memory) Read(ctx context.Context, fn func(Record) error) error {
	m.mu.Lock()
	recs := slices.Clip(m.recs)
	m.mu.Unlock()
	for _, r := range recs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// Close does nothing.
func (m *Memory) Close() error { return nil }
