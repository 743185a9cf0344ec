package store

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func openConfigs(t *testing.T, log Log) *Configs {
	t.Helper()
	c := NewConfigs(log, slog.New(slog.DiscardHandler))
	if err := c.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigs_TellsChangesOnceAndNotWhatWasThere(t *testing.T) {
	log := &MemoryLog{}
	c, ctx := openConfigs(t, log), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.PutConnector(ctx, "a", map[string]string{"k": "v"}, Paused))
	must(c.PutTasks(ctx, "a", []map[string]string{{"x": "1"}, {"x": "2"}}))
	must(c.PutRestart(ctx, "a", RestartRequest{OnlyFailed: true}))
	must(c.PutRestart(ctx, "a", RestartRequest{IncludeTasks: true}))
	must(c.PutRestart(ctx, "a", RestartRequest{IncludeTasks: true, OnlyFailed: true})) // of lower impact (CW-257)
	must(c.PutLogger(ctx, "com.acme", "DEBUG"))
	must(c.PutSessionKey(ctx, SessionKey{Key: []byte{1, 2, 255}, Algorithm: "HmacSHA256", Created: time.UnixMilli(77)}))
	select {
	case <-c.Changed():
	default:
		t.Fatal("no sign of the changes")
	}
	a := map[string]bool{"a": true}
	want := Changes{Connectors: a, Tasks: a, Targets: a, Restarts: map[string]RestartRequest{"a": {IncludeTasks: true}},
		Levels: map[string]string{"com.acme": "DEBUG"}, SessionKey: true, Offset: 10}
	if d := cmp.Diff(want, c.Take()); d != "" {
		t.Error(d)
	}
	if got := c.Take(); !got.Empty() || got.Offset != 10 || c.Pending() {
		t.Errorf("told twice: %+v", got)
	}
	must(c.DeleteConnector(ctx, "a"))
	if got := c.Take(); !got.Connectors["a"] || got.Offset != 12 {
		t.Errorf("deleted: %+v", got)
	}
	must(c.PutConnector(ctx, "b", nil, ""))
	must(c.PutTasks(ctx, "b", []map[string]string{{}}))

	// Another worker reads the same records at its start: restarts and levels of the past are
	// no news (CW-164, CW-165), the session key counts.
	again := openConfigs(t, log)
	if got := again.Take(); !got.Empty() || got.Offset != c.Offset() {
		t.Errorf("replayed: %+v, offset %d", got, c.Offset())
	}
	if k := again.Key(); k == nil || string(k.Key) != "\x01\x02\xff" || k.Created.UnixMilli() != 77 {
		t.Errorf("session key %+v", k)
	}
	counts, offset := again.TaskCounts()
	if d := cmp.Diff(map[string]int{"b": 1}, counts); d != "" || offset != c.Offset() {
		t.Errorf("offset %d: %s", offset, d)
	}
}

// A set of tasks of which one is missing runs nothing until the next complete set (CW-160).
func TestConfigs_IncompleteTaskSetsCountAsNone(t *testing.T) {
	log := &MemoryLog{}
	c, ctx := openConfigs(t, log), t.Context()
	append := func(key, value string) {
		t.Helper()
		if err := log.Append(ctx, Record{Key: []byte(key), Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	append("commit-x", `{"tasks":1}`) // of a connector that compaction has removed
	append("connector-x", `{"properties":{}}`)
	append("task-x-0", `{"properties":{"n":"0"}}`)
	append("task-x-2", `{"properties":{"n":"2"}}`)
	append("commit-x", `{"tasks":3}`)
	if got, _ := c.Get("x"); !got.Inconsistent || got.Tasks != nil {
		t.Errorf("%+v", got)
	}
	if counts, _ := c.TaskCounts(); counts["x"] != 0 {
		t.Errorf("%v", counts)
	}
	for _, k := range []string{"task-x-0", "task-x-1"} {
		append(k, `{"properties":{"n":"new"}}`)
	}
	append("commit-x", `{"tasks":2}`)
	if got, _ := c.Get("x"); got.Inconsistent || len(got.Tasks) != 2 {
		t.Errorf("%+v", got)
	}
	append("commit-x", `{"tasks":1}`) // fewer, with the records that are there
	if got, _ := c.Get("x"); got.Inconsistent || len(got.Tasks) != 1 || got.Tasks[0]["n"] != "new" {
		t.Errorf("%+v", got)
	}
}

func TestConfigs_NothingIsWrittenWhenNotFresh(t *testing.T) {
	log := &MemoryLog{}
	c := NewConfigs(log, slog.New(slog.DiscardHandler))
	stale := errors.New("stale")
	c.Fresh = func() error { return stale }
	if err := c.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.PutTarget(t.Context(), "x", Paused); !errors.Is(err, stale) || len(log.Records()) > 0 {
		t.Errorf("%v, %d records", err, len(log.Records()))
	}
}

func FuzzConfigs_Records(f *testing.F) {
	for _, s := range [][2]string{{"session-key", `{"key":"AAE=","algorithm":"HmacSHA256","creation-timestamp":1}`}, {"restart-connector-x", `{"include-tasks":1}`},
		{"logger-cluster-x", `{"level":null}`}, {"tasks-fencing-x", `{"task-count":-1}`}, {"commit-x", `{"tasks":99999999999}`}, {"task-", `{"properties":{"a":[]}}`}, {"target-state-x", `{"state.v2":"STOPPED"}`}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		log := &MemoryLog{}
		c := openConfigs(t, log)
		for _, r := range []Record{{Key: []byte("connector-x"), Value: []byte(`{"properties":{}}`)}, {Key: []byte(key), Value: []byte(value)}, {Key: []byte(key)}} {
			if err := log.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if c.Offset() != 3 {
			t.Fatalf("offset %d", c.Offset())
		}
	})
}
