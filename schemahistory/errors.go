package schemahistory

import (
	"log/slog"
	"time"

	"github.com/anabranch/anabranch/records"
)

// Error is a failure of a history with what an operator needs; see records.Fault.
type Error = records.Fault

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
