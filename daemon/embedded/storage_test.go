package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/anabranch/anabranch/deliver"
)

func TestStorage_ExplainsErrorsAfterAFailedWrite(t *testing.T) {
	var out bytes.Buffer
	now := time.Now()
	s := &storage{dir: "/data", log: slog.New(slog.NewTextHandler(&out, nil)), now: func() time.Time { return now }}
	plain := error(kerr.UnknownServerError)
	if got := s.explain(plain); got != plain { //nolint:errorlint // the very same
		t.Errorf("explained without a failure: %v", got)
	}
	for range 50 {
		s.Logf(kfake.LogLevelWarn, "persist batch %s-%d: %v", "lines", 0, fmt.Errorf("write: %w", syscall.ENOSPC))
		s.Logf(kfake.LogLevelInfo, "request %d", 1)
	}
	got := s.explain(plain)
	if !errors.Is(got, syscall.ENOSPC) || !deliver.Retriable(got) || !strings.Contains(got.Error(), "/data") || !strings.Contains(got.Error(), "free space") {
		t.Errorf("explained as %v", got)
	}
	if again := s.explain(got); again != got { //nolint:errorlint // the very same
		t.Errorf("explained twice: %v", again)
	}
	if n := strings.Count(out.String(), "cannot write"); n != 1 {
		t.Errorf("said %d times:\n%s", n, out.String())
	}
	if other := errors.New("cancelled"); s.explain(other) != other { //nolint:errorlint // the very same
		t.Error("an error that has nothing to do with the broker was explained")
	}
	now = now.Add(recently + time.Second)
	if got := s.explain(plain); got != plain || s.explain(nil) != nil { //nolint:errorlint // the very same
		t.Errorf("an old failure explains %v", got)
	}
}
