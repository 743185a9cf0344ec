package tolerance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/records"
)

// passing is an error that says whether another try may help.
func passing(retry bool) error {
	return &records.Fault{Op: "ask", Subject: "registry", Cause: errors.New("away"), CanRetry: retry, Class: "org.apache.kafka.connect.errors.RetriableException"}
}

// box is a dead letter queue in memory.
type box struct {
	letters []string
	refuse  error // of Send
	lose    error // of each letter
}

func (b *box) Open(context.Context) error { return nil }
func (b *box) Close() error               { return nil }
func (b *box) Wait(context.Context) error { return b.lose }
func (b *box) Send(_ context.Context, c *records.Consumed, more []records.RawHeader, done func(error)) error {
	if b.refuse != nil {
		return b.refuse
	}
	s := fmt.Sprintf("%s-%d@%d", c.Topic, c.Partition, c.Offset)
	for _, h := range more {
		name, _, _ := strings.Cut(string(h.Value), "\n")
		s += " " + strings.TrimPrefix(h.Key, headerPrefix) + "=" + name
	}
	b.letters = append(b.letters, s)
	done(b.lose)
	return nil
}

func operator(t *testing.T, cfg Config, queue DeadLetterQueue, log *bytes.Buffer) *Operator {
	t.Helper()
	l := slog.New(slog.DiscardHandler)
	if log != nil {
		l = slog.New(slog.NewTextHandler(log, nil))
	}
	return New(cfg, Parts{Connector: "c", Task: 3, Log: l, Counters: &Counters{}, Queue: queue, Headers: true, Metrics: prometheus.NewRegistry()})
}

func failure(err error) *records.Failure {
	return &records.Failure{Stage: records.StageValueConverter, Class: "x.Conv", Err: err,
		Consumed: &records.Consumed{Topic: "t", Partition: 1, Offset: 7, Timestamp: 99}}
}

func TestRetry_KeepsConnectsTimes(t *testing.T) {
	cases := []struct {
		name           string
		timeout, limit time.Duration
		failing        int // tries that fail, besides the first
		tries          int
		atLeast, most  time.Duration
		ok             bool
	}{
		{"no retry", 0, time.Minute, 99, 0, 0, 0, false},
		{"first repetition helps", time.Minute, time.Minute, 0, 1, 300 * time.Millisecond, 300 * time.Millisecond, true},
		{"doubling", time.Minute, time.Minute, 3, 4, 4500 * time.Millisecond, 4500 * time.Millisecond, true},
		{"cut to the deadline", time.Second, time.Minute, 99, 3, time.Second, time.Second, false},
		{"beyond the longest wait it is random below it", -1, 500 * time.Millisecond, 50, 51, 300 * time.Millisecond, 51 * 500 * time.Millisecond, true},
		{"for ever", -1, 60 * time.Second, 40, 41, time.Minute, 41 * time.Minute, true},
		{"no wait at all", -1, 0, 5, 6, 0, 0, true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := operator(t, Config{RetryTimeout: tc.timeout, RetryDelayMax: tc.limit}, nil, nil)
				began, tries := time.Now(), 0
				err := o.Retry(t.Context(), records.StageKeyConverter, "x", passing(true), func() error {
					if tries++; tries > tc.failing {
						return nil
					}
					return passing(true)
				})
				if took := time.Since(began); (err == nil) != tc.ok || tries != tc.tries || took < tc.atLeast || took > tc.most {
					t.Errorf("%v after %d tries and %v", err, tries, took)
				}
				want := actors.ErrorCounts{Retries: int64(tries), RecordFailures: int64(tries) + 1}
				if tc.ok {
					want.RecordFailures--
				}
				if got := o.Counts(); got != want {
					t.Errorf("counts %+v, want %+v", got, want)
				}
			})
		})
	}
}

func TestRetry_EndsWithAStopAndReportsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := &box{}
		o := operator(t, Config{All: true, RetryTimeout: -1, RetryDelayMax: time.Hour}, queue, nil)
		time.AfterFunc(time.Minute, o.Stop)
		f := failure(nil)
		f.Err = o.Retry(t.Context(), f.Stage, f.Class, passing(true), func() error { return passing(true) })
		err := o.Handle(t.Context(), f)
		if err == nil || !records.Retriable(err) || len(queue.letters) > 0 || o.Counts().RecordsSkipped > 0 {
			t.Fatalf("a record that was given up by a stop ended with %v, letters %v", err, queue.letters)
		}
	})
}

func TestHandle_CountsAndReportsAsConnect(t *testing.T) {
	bad := passing(false)
	put := failure(bad)
	put.Stage = records.StageTaskPut
	cases := []struct {
		name    string
		cfg     Config
		f       *records.Failure
		queue   *box
		ends    bool
		want    actors.ErrorCounts
		letters int
	}{
		{name: "none", f: failure(bad), ends: true, want: actors.ErrorCounts{RecordFailures: 1, RecordErrors: 1}},
		{name: "all", cfg: Config{All: true}, f: failure(bad), want: actors.ErrorCounts{RecordFailures: 1, RecordErrors: 1, RecordsSkipped: 1}},
		{name: "none, reported and fails", f: failure(bad), queue: &box{}, ends: true, letters: 1,
			want: actors.ErrorCounts{RecordFailures: 1, RecordErrors: 1, DeadLetterRequests: 1}},
		{name: "a retriable error that outlived its time fails (CW-291)", f: failure(passing(true)), ends: true, want: actors.ErrorCounts{RecordErrors: 1}},
		{name: "and is skipped when tolerated", cfg: Config{All: true}, f: failure(passing(true)), queue: &box{}, letters: 1,
			want: actors.ErrorCounts{RecordErrors: 1, RecordsSkipped: 1, DeadLetterRequests: 1}},
		{name: "reported by a sink", cfg: Config{All: true}, f: put, queue: &box{}, letters: 1, want: actors.ErrorCounts{RecordFailures: 1, DeadLetterRequests: 1}},
		{name: "reported by a sink, not tolerated", f: put, ends: true, want: actors.ErrorCounts{RecordFailures: 1, RecordErrors: 1}},
		{name: "logged", cfg: Config{All: true, Log: true}, f: failure(bad), want: actors.ErrorCounts{RecordFailures: 1, RecordErrors: 1, RecordsSkipped: 1, ErrorsLogged: 1}},
		{name: "refused letter", cfg: Config{All: true}, f: failure(bad), queue: &box{refuse: errors.New("full")}, ends: true,
			want: actors.ErrorCounts{RecordFailures: 1, DeadLetterRequests: 1, DeadLetterFailures: 1}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var queue DeadLetterQueue
			if tc.queue != nil {
				queue = tc.queue
			}
			o := operator(t, tc.cfg, queue, nil)
			err := o.Handle(t.Context(), tc.f)
			if (err != nil) != tc.ends || err != nil && records.Retriable(err) {
				t.Errorf("ended with %v", err)
			}
			got := o.Counts()
			if got.LastErrorMillis == 0 {
				t.Error("no time of the last error")
			}
			if got.LastErrorMillis = 0; got != tc.want {
				t.Errorf("counts %+v, want %+v", got, tc.want)
			}
			if tc.queue != nil && len(tc.queue.letters) != tc.letters {
				t.Errorf("letters %q", tc.queue.letters)
			}
		})
	}
}

func TestHandle_ContextHeaders(t *testing.T) {
	queue := &box{}
	o := operator(t, Config{All: true}, queue, nil)
	if err := o.Handle(t.Context(), failure(passing(false))); err != nil {
		t.Fatal(err)
	}
	const class = "org.apache.kafka.connect.errors.RetriableException"
	want := "t-1@7 topic=t partition=1 offset=7 connector.name=c task.id=3 stage=VALUE_CONVERTER class.name=x.Conv" +
		" exception.class.name=" + class + " exception.message=ask registry: away exception.stacktrace=" + class + ": ask registry: away"
	if len(queue.letters) != 1 || queue.letters[0] != want {
		t.Errorf("got  %q\nwant %q", queue.letters, want)
	}
}

func TestHandle_LogLines(t *testing.T) {
	var log bytes.Buffer
	o := operator(t, Config{All: true, Log: true}, nil, &log)
	o.cfg.LogRecords = true
	f := failure(passing(false))
	_ = o.Handle(t.Context(), f) // tolerated
	f.Consumed.LogAppendTime = true
	_ = o.Handle(t.Context(), f)
	o.cfg.LogRecords = false
	_ = o.Handle(t.Context(), f)
	for _, want := range []string{
		`Error encountered in task c-3. Executing stage 'VALUE_CONVERTER' with class 'x.Conv', where consumed record is {topic='t', partition=1, offset=7, timestamp=99, timestampType=CreateTime}.`,
		`timestampType=LogAppendTime}.`, `with class 'x.Conv'."`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s\n%s", want, log.String())
		}
	}
}

// A letter that is lost later ends the task, and nothing is committed.
func TestOperator_LostLetterEndsTheTask(t *testing.T) {
	lost := errors.New("lost")
	o := operator(t, Config{All: true}, &box{lose: lost}, nil)
	var told error
	if err := o.Open(t.Context(), func(err error) { told = err }); err != nil {
		t.Fatal(err)
	}
	if err := o.Handle(t.Context(), failure(passing(false))); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(told, lost) || !errors.Is(o.BeforeCommit(t.Context()), lost) || o.Counts().DeadLetterFailures != 1 {
		t.Errorf("told %v, before commit %v, %+v", told, o.BeforeCommit(t.Context()), o.Counts())
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}
