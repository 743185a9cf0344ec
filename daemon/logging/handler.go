package logging

import (
	"context"
	"io"
	"log/slog"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anabranch/anabranch/daemon/rest"
)

const (
	root            = "root"
	connectorPrefix = "connector."
	connectorAttr   = "connector"
	// LoggerKey is the attribute that names the logger of a line, which has a level of its own if it was set.
	LoggerKey = "logger"
	never     = slog.Level(1 << 20) // OFF
)

// Levels are the levels of all loggers. It implements rest.Loggers.
type Levels struct {
	now func() time.Time

	mu     sync.Mutex // guards levels; readers on the hot path use general and byName
	levels map[string]level

	// scrubber takes secrets out of what is written; nil changes nothing.
	scrubber atomic.Pointer[func(string) string]

	general atomic.Int64                          // the level of lines without a connector of their own
	byName  atomic.Pointer[map[string]slog.Level] // connectors by their names, loggers after a "/"
}

type level struct {
	word   string
	millis int64
}

var _ rest.Loggers = (*Levels)(nil)

// New makes a log that writes text to w.
func New(w io.Writer) (*slog.Logger, *Levels) {
	l := &Levels{now: time.Now, levels: map[string]level{root: {word: "INFO"}}}
	l.publish()
	text := slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.Level(-1 << 20)})
	return slog.New(&handler{text: text, levels: l}), l
}

// The words of Log4j, which clients send (CW-63).
var words = map[string]slog.Level{
	"ALL": slog.LevelDebug, "TRACE": slog.LevelDebug, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo,
	"WARN": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": slog.LevelError, "OFF": never,
}

// Levels implements rest.Loggers.
func (l *Levels) Levels() []rest.LoggerLevel {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]rest.LoggerLevel, 0, len(l.levels))
	for name, v := range l.levels {
		out = append(out, rest.LoggerLevel{Name: name, Level: v.word, ModifiedMillis: v.millis})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Known implements rest.Loggers.
func (*Levels) Known(word string) bool { _, ok := words[strings.ToUpper(word)]; return ok }

// Set implements rest.Loggers.
func (l *Levels) Set(name, word string) ([]string, bool) {
	word = strings.ToUpper(word)
	if _, ok := words[word]; !ok {
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	changed := []string{}
	if l.levels[name].word != word { // one that has the level already is not touched (CW-63)
		l.levels[name] = level{word, l.now().UnixMilli()}
		changed = append(changed, name)
	}
	for other, v := range l.levels {
		if other != name && v.word != word && (name == root || strings.HasPrefix(other, name+".")) {
			l.levels[other] = level{word, l.now().UnixMilli()}
			changed = append(changed, other)
		}
	}
	sort.Strings(changed)
	l.publish()
	return changed, true
}

func (l *Levels) publish() {
	general := words[l.levels[root].word]
	byName := map[string]slog.Level{}
	for name, v := range l.levels {
		if c, ok := strings.CutPrefix(name, connectorPrefix); ok {
			byName[c] = words[v.word]
		} else if name == rest.LoggerName {
			byName["/"+name] = words[v.word]
		} else {
			general = min(general, words[v.word])
		}
	}
	l.general.Store(int64(general))
	l.byName.Store(&byName)
}

// handler filters by level before slog's own text handler.
type handler struct {
	text      slog.Handler
	levels    *Levels
	connector string
	logger    string
}

func (h *handler) Enabled(_ context.Context, lv slog.Level) bool {
	if h.connector != "" {
		if own, ok := (*h.levels.byName.Load())[h.connector]; ok {
			return lv >= own
		}
	}
	if h.logger != "" {
		if own, ok := (*h.levels.byName.Load())[h.logger]; ok {
			return lv >= own
		}
	}
	return lv >= slog.Level(h.levels.general.Load())
}

// Scrub sets a function that takes secrets out of messages, texts and errors.
func (l *Levels) Scrub(fn func(string) string) { l.scrubber.Store(&fn) }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	scrub := h.levels.scrubber.Load()
	if scrub == nil {
		return h.text.Handle(ctx, r)
	}
	out := slog.NewRecord(r.Time, r.Level, (*scrub)(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		switch v := a.Value.Resolve(); v.Kind() {
		case slog.KindString:
			a.Value = slog.StringValue((*scrub)(v.String()))
		case slog.KindAny:
			if err, ok := v.Any().(error); ok && err != nil {
				a.Value = slog.StringValue((*scrub)(err.Error()))
			}
		}
		out.AddAttrs(a)
		return true
	})
	return h.text.Handle(ctx, out)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	n.text = h.text.WithAttrs(attrs)
	for _, a := range attrs {
		if a.Key == connectorAttr {
			n.connector = a.Value.String()
		}
		if a.Key == LoggerKey {
			n.logger = "/" + a.Value.String()
		}
	}
	return &n
}

func (h *handler) WithGroup(name string) slog.Handler {
	n := *h
	n.text = h.text.WithGroup(name)
	return &n
}
