package testenv

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Three daemons with 30 connectors lose one of them in every way.
func TestCluster_OutlivesItsWorkers(t *testing.T) {
	const sources, sinks = 20, 9
	start := time.Now()
	began := func() string { return fmt.Sprintf("%.1fs: ", time.Since(start).Seconds()) }
	b := newBand(t, 3)
	b.begin(t, sources, sinks)
	m := MySQL(t)
	dbName, db := m.Database(t)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE items (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(20))"); err != nil {
		t.Fatal(err)
	}
	insert := func() {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), "INSERT INTO items (note) VALUES ('x')"); err != nil {
			t.Fatal(err)
		}
	}
	insert()
	// Everything is asked of a worker that does not lead.
	follower := b.others(b.leader(t))[0]
	for _, f := range b.flows {
		b.put(t, follower, f.name, fileSource(f.text.path, f.topic))
		if f.sink != "" {
			b.put(t, follower, strings.Replace(f.name, "source", "sink", 1), fileSink(f.sink, f.topic))
		}
	}
	b.put(t, follower, b.group+"-mysql", mysqlSource(m, b.kafka, b.group, dbName))
	took := b.settled(t, 60*time.Second, b.workers...)
	spread := map[string]int{}
	for _, home := range b.homes(t, follower) {
		spread[home]++
	}
	t.Logf(began()+"30 connectors run after %v: %v", took, spread)
	if len(spread) != 3 {
		t.Fatalf("the work is not spread: %v", spread)
	}

	// loses runs an accident of one worker and checks that the others take over and nobody
	// else's stream pauses.
	loses := func(what string, victim *ConnectWorker, within time.Duration, accident func()) {
		t.Helper()
		before := b.homes(t, victim)
		left := b.others(victim)
		marks := map[*ConnectWorker]int64{}
		for _, w := range left {
			st, err := os.Stat(w.Log())
			if err != nil {
				t.Fatal(err)
			}
			marks[w] = st.Size()
		}
		since := time.Now()
		accident()
		took := b.moved(t, victim, left[0], within)
		after := b.homes(t, left[0])
		longest := time.Duration(0)
		for _, f := range b.flows {
			if before[f.name] == id(victim) {
				continue
			}
			if after[f.name] != before[f.name] {
				t.Errorf("%s: %s moved from %s to %s, which was not lost", what, f.name, before[f.name], after[f.name])
			}
			longest = max(longest, f.longestGap(since))
		}
		if longest > time.Second {
			t.Errorf("%s: a stream of another worker paused for %v", what, longest)
		}
		for w, mark := range marks {
			raw, err := os.ReadFile(w.Log())
			if err != nil {
				t.Fatal(err)
			}
			for name, home := range before {
				if home == id(w) && strings.Contains(string(raw[mark:]), `msg="task started" connector=`+name+" ") {
					t.Errorf("%s: the task of %s was started again", what, name)
				}
			}
		}
		t.Logf(began()+"%s: moved after %v, longest pause elsewhere %v", what, took, longest)
	}

	victim := b.others(b.leader(t))[0]
	loses("follower killed", victim, clusterSession+3*time.Second, func() { victim.Kill(t) })
	insert()
	victim.Start(t) // the same identity
	t.Logf(began()+"back after %v", b.settled(t, 20*time.Second, b.workers...))

	victim = b.leader(t)
	loses("leader killed", victim, clusterSession+3*time.Second, func() { victim.Kill(t) })
	insert()
	victim.Start(t)
	t.Logf(began()+"back after %v", b.settled(t, 20*time.Second, b.workers...))

	victim = b.others(b.leader(t))[0]
	loses("clean stop", victim, 3*time.Second, func() { victim.Stop(t) })
	victim.Start(t)
	t.Logf(began()+"back after %v", b.settled(t, 20*time.Second, b.workers...))

	// A worker that was frozen wakes up as a zombie: nothing that it writes counts.
	victim = b.leader(t)
	loses("leader frozen", victim, clusterSession+3*time.Second, func() { victim.Pause(t) })
	victim.Continue(t)
	t.Logf(began()+"thawed and back after %v", b.settled(t, 20*time.Second, b.workers...))

	// A rolling restart.
	for _, w := range b.workers {
		w.Restart(t)
		b.settled(t, 20*time.Second, b.workers...)
	}
	insert()

	// Changes through any worker, seen by all.
	name := b.flows[0].name
	for i, w := range b.workers {
		b.call(t, w, http.MethodPut, connectorPath(name, "/pause"), nil, http.StatusAccepted)
		for _, other := range b.workers {
			waitFor(t, other, "PAUSED everywhere", 10*time.Second, func() bool {
				s := other.Status(t, name)
				return s.Connector.State == "PAUSED" && len(s.Tasks) == 1 && s.Tasks[0].State == "PAUSED"
			})
		}
		b.call(t, b.workers[(i+1)%3], http.MethodPut, connectorPath(name, "/resume"), nil, http.StatusAccepted)
		b.settled(t, 10*time.Second, b.workers...)
		b.call(t, w, http.MethodPost, connectorPath(name, "/tasks/0/restart"), nil, http.StatusNoContent)
		b.call(t, w, http.MethodPost, connectorPath(name, "/restart"), nil, http.StatusNoContent)
		b.call(t, w, http.MethodPost, connectorPath(name, "/restart?includeTasks=true"), nil, http.StatusAccepted)
		config := maps.Clone(fileSource(b.flows[0].text.path, b.flows[0].topic))
		config["batch.size"] = fmt.Sprint(1000 + i)
		b.call(t, w, http.MethodPut, connectorPath(name, "/config"), config, http.StatusOK)
		b.settled(t, 10*time.Second, b.workers...)
	}
	gone := b.flows[1].name
	b.call(t, b.others(b.leader(t))[0], http.MethodPut, connectorPath(gone, "/stop"), nil, http.StatusNoContent)
	for _, w := range b.workers {
		waitFor(t, w, "STOPPED everywhere", 10*time.Second, func() bool {
			s := w.Status(t, gone)
			return s.Connector.State == "STOPPED" && len(s.Tasks) == 0
		})
	}
	b.call(t, b.others(b.leader(t))[0], http.MethodPut, connectorPath(gone, "/resume"), nil, http.StatusAccepted)
	b.settled(t, 10*time.Second, b.workers...)

	b.judge(t, 6)
	b.offsetsNeverGoBack(t)
	b.statusesNeverGoBack(t)
	if n := len(b.kafka.ReadAll(t, b.group+"."+dbName+".items")); n < 4 {
		t.Errorf("%d rows of MySQL in the topic, want 4 or more", n)
	}
	for _, name := range slices.Clone(b.names) {
		b.call(t, follower, http.MethodDelete, connectorPath(name, ""), nil, http.StatusNoContent)
	}
	for _, w := range b.workers {
		waitFor(t, w, "no status is left", 20*time.Second, func() bool {
			for _, name := range b.names {
				if code, _, err := w.Call(t.Context(), http.MethodGet, connectorPath(name, "/status"), nil); err != nil || code != http.StatusNotFound {
					return false
				}
			}
			return true
		})
	}
}
