package store

import (
	"context"
	"log/slog"
	"sync"

	"github.com/anabranch/anabranch/records"
)

// OwnOffsets are the offsets of one connector with a topic of its own (offsets.storage.topic,
// CW-146): that topic counts, and the worker's stands in for partitions that it does not know yet.
// It implements actors.OffsetStore. The log is opened by the first call that needs it.
type OwnOffsets struct {
	own    *Offsets
	worker *Offsets // nil: there is no other
	slog   *slog.Logger

	mu     sync.Mutex // guards the fields below, and is held while the log is opened
	opened bool
	closed bool
	behind sync.WaitGroup // writes to the worker's topic that nobody waits for
}

// NewOwnOffsets makes the store of one connector over its own log.
func NewOwnOffsets(own Log, worker *Offsets, logger *slog.Logger) *OwnOffsets {
	return &OwnOffsets{own: NewOffsets(own, logger), worker: worker, slog: logger}
}

func (o *OwnOffsets) open(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.opened || o.closed {
		return nil
	}
	if err := o.own.Open(ctx); err != nil {
		return err
	}
	o.opened = true
	return nil
}

// Load returns the offsets of both topics; those of the own one win (CW-178).
func (o *OwnOffsets) Load(ctx context.Context, connector string) ([]records.Position, error) {
	if err := o.open(ctx); err != nil {
		return nil, err
	}
	out, err := o.own.Load(ctx, connector)
	if err != nil || o.worker == nil {
		return out, err
	}
	more, err := o.worker.Load(ctx, connector)
	if err != nil {
		return nil, err
	}
	for _, p := range more {
		if !o.own.knows(connector, p.Partition) {
			out = append(out, p)
		}
	}
	return out, nil
}

// Store writes to the own topic, and then to the worker's, which may fail. Tombstones are in the
// worker's topic first: otherwise an offset there would come back to life (CW-178).
func (o *OwnOffsets) Store(ctx context.Context, connector string, positions []records.Position) error {
	if err := o.open(ctx); err != nil {
		return err
	}
	if err := o.Before(ctx, connector, positions); err != nil {
		return err
	}
	if err := o.own.Store(ctx, connector, positions); err != nil {
		return err
	}
	o.After(connector, positions)
	return nil
}

// Records are the positions as the own topic has them, for a transaction that writes them there.
func (o *OwnOffsets) Records(connector string, positions []records.Position) []Record {
	return o.own.Records(connector, positions)
}

// Before is what has to be in the worker's topic before the positions are in the own one.
func (o *OwnOffsets) Before(ctx context.Context, connector string, positions []records.Position) error {
	if o.worker == nil {
		return nil
	}
	gone, _ := divide(positions)
	return o.worker.Store(ctx, connector, gone)
}

// After writes the positions to the worker's topic once they are in the own one. Nobody waits for
// that: without it, only a connector that loses its topic falls further back.
func (o *OwnOffsets) After(connector string, positions []records.Position) {
	_, rest := divide(positions)
	if o.worker == nil || len(rest) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.behind.Add(1)
	go func() { // ends with configWriteWithin; Close waits for it
		defer o.behind.Done()
		ctx, cancel := context.WithTimeout(context.Background(), configWriteWithin)
		defer cancel()
		if err := o.worker.Store(ctx, connector, rest); err != nil {
			o.slog.Warn("write offsets to the worker's topic too", "connector", connector, "err", err)
		}
	}()
}

// Close ends the own log.
func (o *OwnOffsets) Close() error {
	o.mu.Lock()
	opened := o.opened && !o.closed
	o.closed = true
	o.mu.Unlock()
	o.behind.Wait()
	if !opened {
		return nil
	}
	return o.own.Close()
}

// divide tells tombstones from the rest.
func divide(positions []records.Position) (gone, rest []records.Position) {
	for _, p := range positions {
		if p.Offset == nil {
			gone = append(gone, p)
		} else {
			rest = append(rest, p)
		}
	}
	return gone, rest
}
