package actors

import (
	"context"
	"log/slog"
	"time"
)

// repeatEvery is the least time between two log lines of the same error.
const repeatEvery = 30 * time.Second

// repeats logs an error that comes again and again: at once, then at most every 30 s with
// the number of times that it was kept back. It belongs to one goroutine.
type repeats struct {
	text  string
	next  time.Time
	count int
}

func (r *repeats) log(l *slog.Logger, level slog.Level, msg string, err error, args ...any) {
	now, text := time.Now(), msg+err.Error()
	if text == r.text && now.Before(r.next) {
		r.count++
		return
	}
	args = append(args, keyErr, err)
	if text == r.text && r.count > 0 {
		args = append(args, keyRepeated, r.count)
	}
	l.Log(context.Background(), level, msg, args...)
	r.text, r.next, r.count = text, now.Add(repeatEvery), 0
}
