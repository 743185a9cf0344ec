package deliver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anabranch/anabranch/records"
)

// failingTarget refuses its first writes.
type failingTarget struct {
	mu     sync.Mutex // guards the fields below
	errs   []error
	writes []string
}

func (f *failingTarget) Open(context.Context) error { return nil }
func (f *failingTarget) Close() error               { return nil }
func (f *failingTarget) WriteBatch(_ context.Context, b *records.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes = append(f.writes, b.Origin.Table)
	if len(f.errs) == 0 {
		return nil
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return err
}

func TestBlocking_WritesAgainWhatMayPass(t *testing.T) {
	away := &Error{Op: "write", Cause: errors.New("away"), CanRetry: true}
	for _, tc := range []struct {
		name         string
		errs         []error
		hear         bool
		writes, told string
		ends         string
	}{
		{"passes", []error{away, away}, true, "a a a b", "away away nil", "nil nil"},
		{"fatal", []error{away, errors.New("no")}, true, "a a", "away", "no no"},
		{"nobody hears", []error{away}, false, "a", "", "away away"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := &failingTarget{errs: tc.errs}
				q := NewBlocking(target, BlockingOptions{})
				var told, ends []string
				short := func(err error) string {
					if err == nil {
						return "nil"
					}
					s := err.Error()
					return s[strings.LastIndexByte(s, ' ')+1:]
				}
				if tc.hear {
					q.OnTrouble(func(err error) { told = append(told, short(err)) })
				}
				if err := q.Open(t.Context()); err != nil {
					t.Fatal(err)
				}
				done := func(err error) { ends = append(ends, short(err)) }
				for _, lane := range []string{"a", "b"} {
					if err := q.Write(t.Context(), records.NewBatch(records.Origin{Table: lane}), done); err != nil {
						t.Fatal(err)
					}
				}
				<-time.After(time.Hour)
				synctest.Wait()
				if got := strings.Join(target.writes, " "); got != tc.writes || strings.Join(told, " ") != tc.told || strings.Join(ends, " ") != tc.ends {
					t.Errorf("writes %s, told %v, ends %v", got, told, ends)
				}
				if err := q.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestBlocking_CloseEndsTheRedelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &Error{Op: "write", Cause: errors.New("away"), CanRetry: true}
		var errs []error
		for range 1000 {
			errs = append(errs, away)
		}
		q := NewBlocking(&failingTarget{errs: errs}, BlockingOptions{})
		q.OnTrouble(func(error) {})
		if err := q.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		end := "none"
		if err := q.Write(t.Context(), records.NewBatch(records.Origin{Table: "a"}), func(err error) { end = fmt.Sprint(err) }); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if err := q.Close(); err != nil || !strings.Contains(end, "away") {
			t.Fatalf("%v, the batch ended with %s", err, end)
		}
	})
}
