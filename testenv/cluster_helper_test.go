package testenv

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Settings that give a failover within three seconds (docs/operations.md).
var quickFailover = map[string]string{
	"session.timeout.ms": "2000", "heartbeat.interval.ms": "300", "scheduled.rebalance.max.delay.ms": "0",
	"offset.flush.interval.ms": "500", "offset.storage.partitions": "3", "status.storage.partitions": "2",
}

const clusterSession = 2 * time.Second // session.timeout.ms of quickFailover

// band is a cluster of our daemons with connectors of which the data flows all the time.
type band struct {
	kafka   *KafkaServer
	group   string
	workers []*ConnectWorker
	props   map[string]string
	dir     string
	names   []string // of all connectors
	flows   []*flow

	stop context.CancelFunc
	done sync.WaitGroup
}

// flow is the data of one file source and, for some, of a file sink behind it.
type flow struct {
	name  string
	topic string
	sink  string // file of the sink, "" without one

	mu    sync.Mutex // guards the fields below
	text  textFile
	seen  []string
	times []time.Time // when a line was seen
}

func newBand(t *testing.T, n int) *band {
	t.Helper()
	k := Kafka(t)
	group := strings.Trim(unique("band"), "-_")
	b := &band{kafka: k, group: group, dir: t.TempDir(), props: maps.Clone(quickFailover)}
	maps.Copy(b.props, map[string]string{"group.id": group, "config.storage.topic": group + "-configs",
		"offset.storage.topic": group + "-offsets", "status.storage.topic": group + "-status"})
	for range n {
		b.workers = append(b.workers, PrivateAnabranch(t, k, AnabranchOptions{Props: b.props}))
	}
	return b
}

// flow begins to write lines and to watch what comes out.
func (b *band) begin(t *testing.T, sources, sinks int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	b.stop = sync.OnceFunc(func() { stop(); b.done.Wait() })
	t.Cleanup(b.stop)
	var topics []string
	byTopic := map[string]*flow{}
	for i := range sources {
		f := &flow{name: fmt.Sprintf("%s-source-%02d", b.group, i), topic: fmt.Sprintf("%s-topic-%02d", b.group, i)}
		f.text.path = filepath.Join(b.dir, fmt.Sprintf("in-%02d", i))
		if i < sinks {
			f.sink = filepath.Join(b.dir, fmt.Sprintf("out-%02d", i))
		}
		f.text.grow(t, 1)
		b.flows = append(b.flows, f)
		byTopic[f.topic] = f
		topics = append(topics, f.topic)
	}
	watcher := b.kafka.Client(t, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.UnknownTopicRetries(-1))
	b.done.Go(func() {
		for ctx.Err() == nil {
			watcher.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				f := byTopic[r.Topic]
				f.mu.Lock()
				defer f.mu.Unlock()
				f.seen, f.times = append(f.seen, string(r.Value)), append(f.times, time.Now())
			})
		}
	})
	b.done.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for _, f := range b.flows {
				f.mu.Lock()
				f.text.grow(t, 1)
				f.mu.Unlock()
			}
		}
	})
}

// create makes a connector through a worker; 409 while work changes hands is answered by asking again.
func (b *band) put(t *testing.T, w *ConnectWorker, name string, config map[string]string) {
	t.Helper()
	b.call(t, w, http.MethodPut, connectorPath(name, "/config"), config, http.StatusCreated, http.StatusOK)
	if !slices.Contains(b.names, name) {
		b.names = append(b.names, name)
	}
}

func (b *band) call(t *testing.T, w *ConnectWorker, method, path string, body any, codes ...int) string {
	t.Helper()
	var code int
	var answer []byte
	waitFor(t, w, method+" "+path, 20*time.Second, func() bool {
		var err error
		code, answer, err = w.Call(t.Context(), method, path, body)
		return err == nil && code != http.StatusConflict
	})
	if !slices.Contains(codes, code) {
		t.Fatalf("%s %s: status %d, want %v: %s; log %s", method, path, code, codes, answer, w.Log())
	}
	return string(answer)
}

func id(w *ConnectWorker) string { return strings.TrimPrefix(w.URL(), "http://") }

// statuses asks a worker for the statuses of all connectors.
func (b *band) statuses(ctx context.Context, w *ConnectWorker) (map[string]ConnectorStatus, error) {
	code, body, err := w.Call(ctx, http.MethodGet, "/connectors?expand=status", nil)
	if err != nil || code != http.StatusOK {
		return nil, fmt.Errorf("status %d: %w", code, err)
	}
	var parsed map[string]struct{ Status ConnectorStatus }
	if err := json.Unmarshal(body, &parsed); err != nil {
		return nil, err
	}
	out := map[string]ConnectorStatus{}
	for name, p := range parsed {
		out[name] = p.Status
	}
	return out, nil
}

// problem tells why not everything runs on exactly one of the workers, and as all of them show.
func (b *band) problem(ctx context.Context, workers []*ConnectWorker) string {
	ids := map[string]bool{}
	for _, w := range workers {
		ids[id(w)] = true
	}
	var first map[string]ConnectorStatus
	for _, w := range workers {
		all, err := b.statuses(ctx, w)
		if err != nil {
			return fmt.Sprintf("%s: %v", id(w), err)
		}
		for _, name := range b.names {
			s := all[name]
			if s.Connector.State != "RUNNING" || !ids[s.Connector.WorkerID] || len(s.Tasks) != 1 || s.Tasks[0].State != "RUNNING" || !ids[s.Tasks[0].WorkerID] {
				return fmt.Sprintf("%s shows %s as %+v", id(w), name, s)
			}
		}
		if first == nil {
			first = all
		} else if a, c := fmt.Sprint(first), fmt.Sprint(all); a != c {
			return fmt.Sprintf("%s shows\n%s, %s shows\n%s", id(workers[0]), a, id(w), c)
		}
	}
	busy := map[string]bool{}
	for _, s := range first {
		busy[s.Connector.WorkerID] = true
	}
	if len(busy) != len(workers) {
		return fmt.Sprintf("only %v have work", slices.Sorted(maps.Keys(busy)))
	}
	for _, name := range b.names {
		var runs []string
		for _, w := range workers {
			if code, body, err := w.Call(ctx, http.MethodGet, connectorPath(name, "/progress"), nil); err != nil || code != http.StatusOK {
				return fmt.Sprintf("progress of %s at %s: %d %v", name, id(w), code, err)
			} else if strings.Contains(string(body), `"state":"RUNNING"`) {
				runs = append(runs, id(w))
			}
		}
		if len(runs) != 1 || runs[0] != first[name].Tasks[0].WorkerID {
			return fmt.Sprintf("%s runs on %v, its status says %s", name, runs, first[name].Tasks[0].WorkerID)
		}
	}
	return ""
}

// settled waits until everything runs on the workers and returns how long that took.
func (b *band) settled(t *testing.T, within time.Duration, workers ...*ConnectWorker) time.Duration {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	last := ""
	err := poll(ctx, func() (bool, error) {
		now := b.problem(ctx, workers)
		if now != "" && ctx.Err() == nil {
			last = now
		}
		return now == "", nil
	})
	if err != nil {
		t.Fatalf("not settled after %v: %s", within, last)
	}
	return time.Since(began)
}

// moved waits until the statuses of what ran on one worker name others and are RUNNING.
func (b *band) moved(t *testing.T, from, ask *ConnectWorker, within time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	var last ConnectorStatus
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	err := poll(ctx, func() (bool, error) {
		all, err := b.statuses(ctx, ask)
		if err != nil {
			return false, nil
		}
		for _, name := range b.names {
			s := all[name]
			if s.Connector.WorkerID == id(from) || s.Connector.State != "RUNNING" || len(s.Tasks) != 1 || s.Tasks[0].WorkerID == id(from) || s.Tasks[0].State != "RUNNING" {
				last = s
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatalf("after %v, %s shows %+v", within, id(ask), last)
	}
	return time.Since(began)
}

// homes says where the tasks run.
func (b *band) homes(t *testing.T, ask *ConnectWorker) map[string]string {
	t.Helper()
	all, err := b.statuses(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, s := range all {
		if len(s.Tasks) == 1 {
			out[name] = s.Tasks[0].WorkerID
		}
	}
	return out
}

// longestGap is the longest time without a line since a moment.
func (f *flow) longestGap(since time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	last, longest := since, time.Duration(0)
	for _, at := range f.times {
		if at.After(since) {
			longest = max(longest, at.Sub(last))
			last = at
		}
	}
	return max(longest, time.Since(last))
}

// leader finds the worker that leads by what it logged last; nil if none is found.
func (b *band) leader(t *testing.T) *ConnectWorker {
	t.Helper()
	for _, w := range b.workers {
		if !w.Running() {
			continue
		}
		raw, err := os.ReadFile(w.Log())
		if err != nil {
			t.Fatal(err)
		}
		at := strings.LastIndex(string(raw), `msg="work is assigned"`)
		if at < 0 {
			continue
		}
		line, _, _ := strings.Cut(string(raw)[at:], "\n")
		if strings.Contains(line, "leads=true") {
			return w
		}
	}
	t.Fatal("no worker leads")
	return nil
}

func (b *band) others(not ...*ConnectWorker) []*ConnectWorker {
	var out []*ConnectWorker
	for _, w := range b.workers {
		if !slices.Contains(not, w) {
			out = append(out, w)
		}
	}
	return out
}

// judge waits for the end of all flows: every line once and in order, save what `again` restarts
// after a crash may repeat.
func (b *band) judge(t *testing.T, again int) {
	t.Helper()
	b.stopWriting(t)
	for _, f := range b.flows {
		var got []string
		waitFor(t, b.workers[0], "all lines of "+f.name, 30*time.Second, func() bool {
			got = nil
			for _, r := range b.kafka.ReadAll(t, f.topic) {
				got = append(got, string(r.Value))
			}
			return len(got) > 0 && got[len(got)-1] == fmt.Sprintf("line %06d", f.text.n)
		})
		if err := judgeFirsts(got, f.text.n, again); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if f.sink == "" {
			continue
		}
		waitFor(t, b.workers[0], "all lines of the sink of "+f.name, 30*time.Second, func() bool {
			out := lines(t, f.sink)
			return len(out) > 0 && out[len(out)-1] == fmt.Sprintf("line %06d", f.text.n)
		})
		have := map[string]bool{}
		for _, l := range lines(t, f.sink) {
			have[l] = true
		}
		for i := 1; i <= f.text.n; i++ {
			if !have["line "+itoa6(i)] {
				t.Fatalf("%s: the sink lacks line %d", f.name, i)
			}
		}
	}
}

// judgeFirsts checks numbered lines of which some come again: each must come for the first time
// in its order, without a gap. A worker that was frozen can send one batch late, between those
// of its successor: that is a duplicate and no gap. more bounds the duplicates, in whole texts.
func judgeFirsts(got []string, n, more int) error {
	highest := 0
	for i, l := range got {
		v, err := strconv.Atoi(strings.TrimPrefix(l, "line "))
		if err != nil {
			return fmt.Errorf("line %d of %d is %q", i+1, len(got), l)
		}
		if v > highest+1 {
			return fmt.Errorf("line %d of %d: %d comes, and %d has not come yet", i+1, len(got), v, highest+1)
		}
		highest = max(highest, v)
	}
	if highest != n {
		return fmt.Errorf("the last line is %d, want %d", highest, n)
	}
	if len(got) > n*(1+more) {
		return fmt.Errorf("%d lines came %d times", n, len(got))
	}
	return nil
}

func (b *band) stopWriting(t *testing.T) {
	t.Helper()
	b.stop()
}

// storedStatus is a record of the status topic.
type storedStatus struct {
	Key        string
	State      string `json:"state"`
	WorkerID   string `json:"worker_id"`
	Generation int64  `json:"generation"`
}

// storedStatuses reads the status topic, in the order of each partition.
func (b *band) storedStatuses(t *testing.T) []storedStatus {
	t.Helper()
	var out []storedStatus
	for _, r := range b.kafka.ReadAll(t, b.props["status.storage.topic"]) {
		if !strings.HasPrefix(string(r.Key), "status-connector-") && !strings.HasPrefix(string(r.Key), "status-task-") {
			continue
		}
		s := storedStatus{}
		if r.Value != nil {
			if err := json.Unmarshal(r.Value, &s); err != nil {
				t.Fatal(err)
			}
		}
		s.Key = string(r.Key)
		out = append(out, s)
	}
	return out
}

// statusesNeverGoBack checks that no worker writes about work that others have since then: of one
// key the generation never falls.
func (b *band) statusesNeverGoBack(t *testing.T) {
	t.Helper()
	last := map[string]storedStatus{}
	for _, s := range b.storedStatuses(t) {
		if s.State == "" {
			delete(last, s.Key)
			continue
		}
		if before, ok := last[s.Key]; ok && s.Generation < before.Generation {
			t.Errorf("%s: %+v was written after %+v", s.Key, s, before)
		}
		last[s.Key] = s
	}
}

// offsetsNeverGoBack checks the stored positions of every file.
func (b *band) offsetsNeverGoBack(t *testing.T) {
	t.Helper()
	last := map[string]int64{}
	for _, r := range b.kafka.ReadAll(t, b.props["offset.storage.topic"]) {
		var o struct{ Position *int64 }
		if !strings.Contains(string(r.Key), "-source-") || json.Unmarshal(r.Value, &o) != nil || o.Position == nil {
			continue
		}
		if *o.Position < last[string(r.Key)] {
			t.Errorf("the offset of %s goes back from %d to %d", r.Key, last[string(r.Key)], *o.Position)
		}
		last[string(r.Key)] = *o.Position
	}
	if len(last) != len(b.flows) {
		t.Errorf("offsets of %d files, want %d", len(last), len(b.flows))
	}
}
