package testenv

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestFaults breaks one server after the other under a running source and sink. Each outage
// passes, so each must be survived without a hand, and nothing may be missing or out of order.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker and databases of its own; not in short mode")
	}
	p := newPipeline(t)
	p.work(t)
	p.watch(t, time.Second, nil)
	p.rest(t)
	p.judge(t)

	t.Run("broker stopped", func(t *testing.T) {
		p.work(t)
		p.k.Stop(t)
		p.watch(t, outage(), nil)
		// The worker itself lives and answers.
		for _, path := range []string{"/", "/connectors", "/health", "/metrics"} {
			rest(t, p.w, http.MethodGet, path, nil, http.StatusOK)
		}
		p.k.Start(t)
		p.watch(t, 2*time.Second, nil)
		p.rest(t)
		p.judge(t)
	})
	t.Run("broker killed", func(t *testing.T) {
		p.work(t)
		p.k.Kill(t)
		p.k.Start(t)
		p.watch(t, time.Second, nil)
		p.rest(t)
		p.judge(t)
	})
	t.Run("broker away while the worker stops and starts", func(t *testing.T) {
		p.work(t)
		p.k.Stop(t)
		start := time.Now()
		p.w.Stop(t)
		if took := time.Since(start); took > 25*time.Second {
			t.Errorf("the worker took %v to stop without its broker", took)
		}
		var wg sync.WaitGroup
		wg.Go(func() { p.w.Start(t) }) // it waits a minute for a broker
		waitFor(t, p.w, "the worker to say that it waits", 10*time.Second, func() bool {
			log, err := os.ReadFile(p.w.Log())
			return err == nil && strings.Contains(string(log), "Kafka does not answer yet")
		})
		p.k.Start(t)
		wg.Wait()
		p.watch(t, time.Second, nil)
		p.rest(t)
		p.judge(t)
	})
	t.Run("MySQL restarted", func(t *testing.T) {
		p.m.Stop(t)
		seen := p.watch(t, 15*time.Second, func() bool { return restarting(t, p.w, p.source) })
		expectAway(t, seen, p.source, p.m.Addr(), "database.hostname")
		p.m.Start(t)
		p.work(t)
		p.watch(t, time.Second, nil)
		p.rest(t)
		p.judge(t)
	})
	t.Run("MySQL killed", func(t *testing.T) {
		p.work(t)
		p.watch(t, time.Second, nil)
		p.rest(t)
		p.m.Kill(t)
		p.m.Start(t)
		p.work(t)
		p.watch(t, time.Second, nil)
		p.rest(t)
		p.judge(t)
	})
	t.Run("sink database away", func(t *testing.T) {
		before := members(t, p.k, "connect-"+p.sink)
		p.pg.Stop(t)
		p.work(t)
		seen := p.watch(t, 15*time.Second, func() bool { return restarting(t, p.w, p.sink) })
		expectAway(t, seen, p.sink, p.pg.Addr(), "connection.url")
		p.rest(t)
		p.pg.Start(t)
		p.judge(t)
		// The consumer has stayed in its group (CW-282).
		if after := members(t, p.k, "connect-"+p.sink); before == "" || after != before {
			t.Errorf("the consumer group has changed: %q, then %q", before, after)
		}
	})
	t.Run("sink database killed", func(t *testing.T) {
		p.work(t)
		p.watch(t, time.Second, nil)
		p.pg.Kill(t)
		p.pg.Start(t)
		p.watch(t, time.Second, nil)
		p.rest(t)
		p.judge(t)
	})
	t.Run("binlog purged", func(t *testing.T) { purged(t, p) })
}

// members are the ids that the members of a group have since they joined it.
func members(t *testing.T, k *KafkaServer, group string) string {
	t.Helper()
	groups, err := kadm.NewClient(k.Client(t)).DescribeGroups(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range groups[group].Members {
		ids = append(ids, m.MemberID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

func restarting(t *testing.T, w *ConnectWorker, name string) bool {
	state, _ := trace(w.Status(t, name))
	return state == "RESTARTING"
}

// expectAway checks what is shown while a server is away: RESTARTING, who does not answer, and
// where to look.
func expectAway(t *testing.T, seen map[string]string, name, addr, hint string) {
	t.Helper()
	text, ok := seen[name+" RESTARTING"]
	if !ok {
		t.Errorf("%s was never RESTARTING with a trace while %s was away; seen: %v", name, addr, seen)
		return
	}
	for _, want := range []string{addr, hint} {
		if !strings.Contains(text, want) {
			t.Errorf("the trace of %s does not say %q:\n%s", name, want, text)
		}
	}
	t.Logf("%s: %s", name, strings.SplitN(text, "\n", 2)[0])
}

// purged takes the log away from under a stopped connector: the start must fail, say what is
// missing and offer the way out, and the way out must work.
func purged(t *testing.T, p *pipeline) {
	rest(t, p.w, http.MethodPut, connectorPath(p.source, "/stop"), nil, http.StatusNoContent)
	from := p.load.ver
	p.work(t)
	waitFor(t, p.w, "rows that will be in the hole", 10*time.Second, func() bool {
		p.load.mu.Lock()
		defer p.load.mu.Unlock()
		return p.load.ver > from+100
	})
	p.rest(t)
	offsets := rest(t, p.w, http.MethodGet, connectorPath(p.source, "/offsets"), nil, http.StatusOK)
	for _, stmt := range []string{"FLUSH BINARY LOGS", "INSERT INTO evolving (ver) VALUES (-1)", "FLUSH BINARY LOGS"} {
		if _, err := p.db.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	logs, err := SelectRows(t.Context(), p.db, "SHOW BINARY LOGS")
	if err != nil {
		t.Fatal(err)
	}
	oldest := logs[len(logs)-1]["Log_name"]
	if _, err := p.db.ExecContext(t.Context(), "PURGE BINARY LOGS TO '"+oldest+"'"); err != nil {
		t.Fatal(err)
	}
	rest(t, p.w, http.MethodPut, connectorPath(p.source, "/resume"), nil, http.StatusAccepted)
	file := between(offsets, `"file":"`, `"`)
	text := expectTrace(t, p.w, p.source, []string{"FAILED"}, file, between(offsets, `"pos":`, `,`), oldest, "snapshot.mode=when_needed")
	t.Logf("%s", strings.SplitN(text, "\n", 2)[0])

	reconfigure(t, p.w, p.source, p.config, map[string]string{"snapshot.mode": "when_needed"})
	recovers(t, p.w, p.source)
	p.settle(t)
	// Versions in the hole are gone, and rows that were deleted in it stay in the sink; what is
	// there now must have come.
	recs := p.k.ReadAll(t, p.topic)
	events, err := Events(recs)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := SelectRows(t.Context(), p.db, "SELECT id, ver, note FROM items")
	if err != nil {
		t.Fatal(err)
	}
	snapshot := events
	for i, e := range events {
		if e.Op == "r" && i > 1 {
			snapshot = events[i:]
			break
		}
	}
	if err := FinalTable(snapshot, []string{"id"}, rows); err != nil {
		t.Errorf("new snapshot: %v", err)
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}
