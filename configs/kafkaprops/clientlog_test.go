package kafkaprops

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestClientLog_RepeatsAreCounted(t *testing.T) {
	var out bytes.Buffer
	l := NewClientLog(slog.New(slog.NewTextHandler(&out, nil)))
	now := time.Now()
	l.now = func() time.Time { return now }
	for range 100 {
		l.Log(kgo.LogLevelWarn, "unable to open connection to broker", "addr", "127.0.0.1:1")
		l.Log(kgo.LogLevelInfo, "inner life")
	}
	l.Log(kgo.LogLevelError, "something else")
	now = now.Add(repeatEvery)
	l.Log(kgo.LogLevelWarn, "unable to open connection to broker", "addr", "127.0.0.1:1")
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(got) != 3 || !strings.Contains(got[0], "unable to open") || !strings.Contains(got[1], "something else") || !strings.Contains(got[2], "repeated=99") {
		t.Errorf("logged:\n%s", out.String())
	}
	var none *ClientLog
	none.Log(kgo.LogLevelWarn, "to nobody")
	if NewClientLog(nil) != nil || none.Level() != kgo.LogLevelNone {
		t.Error("a nil log must discard")
	}
}
