package schemahistory

import (
	"log/slog"
	"time"
)

// Error is a failure of a history with what an operator needs.
type Error struct {
	Op       string // "write schema history"
	Subject  string // "topic schema-changes at kafka:9092", "file /var/lib/history.dat"
	Cause    error
	Hint     string
	CanRetry bool
}

func (e *Error) Error() string {
	s := e.Op
	if e.Subject != "" {
		s += " " + e.Subject
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Retriable tells that trying again may help.
func (e *Error) Retriable() bool { return e.CanRetry }

// Keys of log attributes.
const (
	logTopic  = "topic"
	logFile   = "file"
	logOffset = "offset"
	logLine   = "line"
	logErr    = "err"
)

// skipLog reports unreadable records: the first ones, then at most one line every 30 s with a
// count, since a broken history may have many.
type skipLog struct {
	log   *slog.Logger
	n     int
	shown int
	last  time.Time
}

func (s *skipLog) skip(what string, args ...any) {
	s.n++
	if now := time.Now(); s.shown < 5 || now.Sub(s.last) >= 30*time.Second {
		s.shown++
		s.last = now
		s.log.Warn("skipping a schema history record: "+what, append(args, slog.Int("skipped", s.n))...)
	}
}

func orDefault(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
