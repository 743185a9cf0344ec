package kafkaprops

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// repeatEvery is the least time between two lines with the same message: a broker that is
	// away makes a client say the same several times a second.
	repeatEvery = 30 * time.Second
	// maxMessages bounds the messages that are told apart; they are constants of the client.
	maxMessages = 128
)

// ClientLog passes a Kafka client's warnings and errors on to a task's log: the first of a kind
// at once, then at most one every 30 s with the number of those kept back. The client's
// informational messages speak of its inner life and stay out of the steady state's silence,
// unless debug is on. A nil ClientLog discards.
type ClientLog struct {
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex // guards said
	said map[string]*saying
}

// saying is what is known about one message.
type saying struct {
	next time.Time
	held int
}

var _ kgo.Logger = (*ClientLog)(nil)

// NewClientLog makes a ClientLog; a nil log makes a nil one.
func NewClientLog(log *slog.Logger) *ClientLog {
	if log == nil {
		return nil
	}
	return &ClientLog{log: log, now: time.Now, said: map[string]*saying{}}
}

// Level implements kgo.Logger.
func (l *ClientLog) Level() kgo.LogLevel {
	switch {
	case l == nil:
		return kgo.LogLevelNone
	case l.log.Enabled(context.Background(), slog.LevelDebug):
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelWarn
}

// Log implements kgo.Logger.
func (l *ClientLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	switch {
	case l == nil:
	case level > kgo.LogLevelWarn:
		l.log.Log(context.Background(), slog.LevelDebug, "kafka client: "+msg, keyvals...)
	default:
		if held, due := l.due(msg); due {
			if held > 0 {
				keyvals = append(keyvals[:len(keyvals):len(keyvals)], "repeated", held)
			}
			l.log.Log(context.Background(), slog.LevelWarn, "kafka client: "+msg, keyvals...)
		}
	}
}

// due reports whether a message may be said now, and how often it was kept back before.
func (l *ClientLog) due(msg string) (held int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	s := l.said[msg]
	switch {
	case s == nil && len(l.said) >= maxMessages:
		return 0, true
	case s == nil:
		s = &saying{}
		l.said[msg] = s
	case now.Before(s.next):
		s.held++
		return 0, false
	}
	held = s.held
	s.next, s.held = now.Add(repeatEvery), 0
	return held, true
}
