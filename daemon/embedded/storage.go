package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/anabranch/anabranch/deliver"
)

const (
	// recently is how long after a failed write a client's error is put down to it.
	recently = 30 * time.Second
	sayEvery = 30 * time.Second
	hint     = "free space on the disk of the data directory; nothing is lost, it goes on by itself"
)

// storage hears from kfake what could not be written. kfake tells its clients only that
// something unexpected happened, and its log is the one place where the disk's error shows.
type storage struct {
	dir string
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex // guards the fields below
	last    error      // the newest failure
	at      time.Time
	nextSay time.Time
	held    int
}

var _ kfake.Logger = (*storage)(nil)

// Logf implements kfake.Logger. kfake reports failed writes as warnings about "persist"; the
// rest of its log is about its inner life.
func (s *storage) Logf(level kfake.LogLevel, msg string, args ...any) {
	if level > kfake.LogLevelWarn || level == kfake.LogLevelNone || !strings.HasPrefix(msg, "persist") {
		return
	}
	err := fmt.Errorf("%s", fmt.Sprintf(msg, args...))
	for _, a := range args {
		if e, ok := a.(error); ok {
			err = e
		}
	}
	s.mu.Lock()
	s.last, s.at = err, s.now()
	say := !s.at.Before(s.nextSay)
	held := s.held
	if say {
		s.nextSay, s.held = s.at.Add(sayEvery), 0
	} else {
		s.held++
	}
	s.mu.Unlock()
	if say {
		s.log.Error("embedded broker cannot write", "data", s.dir, "err", err, "hint", hint, "repeated", held)
	}
}

// explain puts an error of a client down to the disk if the broker could not write a moment ago.
func (s *storage) explain(err error) error {
	if !errors.Is(err, kerr.UnknownServerError) { // what kfake answers when a batch could not be written
		return err
	}
	s.mu.Lock()
	last, at := s.last, s.at
	s.mu.Unlock()
	if last == nil || s.now().Sub(at) > recently {
		return err
	}
	return &deliver.Error{Op: "write to the embedded broker's data directory", Subject: s.dir, Cause: last, Hint: hint, CanRetry: true,
		Class: "org.apache.kafka.common.errors.KafkaStorageException"}
}
