package actors

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/capture"
)

func TestTrace(t *testing.T) {
	inner := &capture.Error{Op: "read binlog", Subject: "mysql-bin.000042:1337", Cause: errors.New("purged"),
		Hint: "take a new snapshot", Class: "io.debezium.DebeziumException"}
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"nil", nil, ""},
		{"plain", errPlain, "org.apache.kafka.connect.errors.ConnectException: plain error\n\tat anabranch/task(Unknown Source)"},
		{"typed", &taskError{stage: stageRead, where: "inventory-0", cause: inner},
			"io.debezium.DebeziumException: read binlog mysql-bin.000042:1337: purged (take a new snapshot)" +
				"\n\tat anabranch/read.binlog(mysql-bin.000042:1337)" +
				"\n\tat anabranch/read(inventory-0)" +
				"\nCaused by: org.apache.kafka.connect.errors.ConnectException: purged" +
				"\n\tat anabranch/task(Unknown Source)"},
		{"wrapped: the class of the first that has one", fmt.Errorf("start: %w", inner),
			"io.debezium.DebeziumException: start: read binlog mysql-bin.000042:1337: purged (take a new snapshot)" +
				"\n\tat anabranch/task(Unknown Source)" +
				"\nCaused by: io.debezium.DebeziumException: read binlog mysql-bin.000042:1337: purged (take a new snapshot)" +
				"\n\tat anabranch/read.binlog(mysql-bin.000042:1337)" +
				"\nCaused by: org.apache.kafka.connect.errors.ConnectException: purged" +
				"\n\tat anabranch/task(Unknown Source)"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if got := Trace(tc.err); got != tc.want {
				t.Fatalf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestTrace_HasLimits(t *testing.T) {
	err := errors.Join(errPlain, errors.New("second"))
	for range 100 {
		err = fmt.Errorf("again: %w", err)
	}
	if n := strings.Count(Trace(err), "\nCaused by: "); n != maxCauses {
		t.Fatalf("%d causes", n)
	}
	if n := len(Trace(errors.New(strings.Repeat("ö", 1<<20)))); n > maxTraceBytes {
		t.Fatalf("%d bytes", n)
	}
}

func TestBackoff_StaysBelowItsCeiling(t *testing.T) {
	cases := []struct {
		n     int
		limit time.Duration
		want  time.Duration
	}{
		{0, 10 * time.Second, 300 * time.Millisecond},
		{1, 10 * time.Second, 600 * time.Millisecond},
		{5, 10 * time.Second, 9600 * time.Millisecond},
		{6, 10 * time.Second, 10 * time.Second},
		{1 << 30, 10 * time.Second, 10 * time.Second},
		{0, 100 * time.Millisecond, 100 * time.Millisecond},
	}
	for _, tc := range cases {
		if got := backoffCeiling(tc.n, tc.limit); got != tc.want {
			t.Errorf("ceiling(%d, %v) = %v, want %v", tc.n, tc.limit, got, tc.want)
		}
	}
	for n := range 20 {
		for range 100 {
			if d := backoff(n, 0); d <= 0 || d > backoffCeiling(n, backoffCap) {
				t.Fatalf("backoff(%d) = %v", n, d)
			}
		}
	}
}

func TestRepeats_LogsOnceThenWithACount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var buf lockedBuffer
		l, r := slog.New(slog.NewTextHandler(&buf, nil)), repeats{}
		for i := range 62 {
			if i == 40 {
				r.log(l, slog.LevelWarn, "broken", errors.New("something else"))
			}
			r.log(l, slog.LevelWarn, "broken", errPlain)
			<-time.After(time.Second)
		}
		// At 0 s, at 30 s with 29, another one at 40 s, then the first again.
		if n := strings.Count(buf.String(), "plain error"); n != 3 || strings.Count(buf.String(), "repeated=29") != 1 {
			t.Fatalf("%s", buf.String())
		}
	})
}

func TestLibraryLog_HasNoRows(t *testing.T) {
	var buf lockedBuffer
	l := slog.New(libraryHandler{slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug})})
	l.With("a", 1).WithGroup("g").Info("[DeadLetter]", slog.Any("message", &frameRead{rows: 4711}))
	if s := buf.String(); strings.Contains(s, "4711") || !strings.Contains(s, "level=DEBUG") || !strings.Contains(s, "*actors.frameRead") {
		t.Fatal(s)
	}
}
