package actors

import (
	"context"
	"fmt"
	"log/slog"
)

// Keys of our log lines.
const (
	keyConnector = "connector"
	keyTask      = "task"
	keyEpoch     = "epoch"
	keyErr       = "err"
	keyStack     = "stack"
	keyRepeated  = "repeated"
	keyWait      = "wait"
	keyTook      = "took"
)

// libraryHandler makes the log of the actor library fit for ours: what it says at Info is of
// interest to nobody but us, and the messages that it prints may hold rows.
type libraryHandler struct{ inner slog.Handler }

func quieter(l slog.Level) slog.Level {
	if l == slog.LevelInfo {
		return slog.LevelDebug
	}
	return l
}

func (h libraryHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.inner.Enabled(ctx, quieter(l))
}

func (h libraryHandler) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, quieter(r.Level), "actor library: "+r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "message" {
			a.Value = slog.StringValue(fmt.Sprintf("%T", a.Value.Any()))
		}
		out.AddAttrs(a)
		return true
	})
	return h.inner.Handle(ctx, out)
}

func (h libraryHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return libraryHandler{h.inner.WithAttrs(as)}
}

func (h libraryHandler) WithGroup(name string) slog.Handler {
	return libraryHandler{h.inner.WithGroup(name)}
}
