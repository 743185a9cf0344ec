package daemon

import (
	"context"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/records"
)

// freshOffsets stores offsets only as long as nobody else can have the tasks (CW-224): a process
// that was paused for longer than its session finds out before it writes.
type freshOffsets struct {
	actors.OffsetStore
	fresh func() error
}

// Store implements actors.OffsetStore.
func (f freshOffsets) Store(ctx context.Context, connector string, positions []records.Position) error {
	if err := f.fresh(); err != nil {
		return err
	}
	return f.OffsetStore.Store(ctx, connector, positions)
}
