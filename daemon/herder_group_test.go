package daemon

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/daemon/cluster"
	"github.com/anabranch/anabranch/daemon/store"
)

// fakeGroup is a group that another worker leads.
type fakeGroup struct {
	alone
	url    string
	owners map[work]string
	lead   bool
	stale  atomic.Bool
	secure bool
}

func (g *fakeGroup) leader() (string, bool)         { return g.url, g.lead }
func (g *fakeGroup) owner(w work) string            { return g.owners[w] }
func (g *fakeGroup) signed() bool                   { return g.secure }
func (g *fakeGroup) rejoin(context.Context, string) {}
func (g *fakeGroup) start(ctx context.Context) error {
	g.h.take(map[work]bool{}, 0)
	return g.h.begin(ctx)
}
func (g *fakeGroup) fresh() error {
	if g.stale.Load() {
		return errNotFresh
	}
	return nil
}

func follower(t *testing.T, leader string, shape ...func(*fakeGroup)) (*bench, *fakeGroup) {
	t.Helper()
	g := &fakeGroup{url: leader}
	for _, fn := range shape {
		fn(g)
	}
	b := newBenchIn(t, func(h *herder) { g.alone.h = h; h.group = g; h.configs.Fresh = g.fresh })
	return b, g
}

func TestHerder_FollowersSendWhatTheLeaderHasToDo(t *testing.T) {
	leader := newBench(t)
	b, g := follower(t, leader.URL+"/")
	const config = `{"connector.class":"FileStreamSource","topic":"t"}`
	resp, body := b.ask(t, "PUT", "/connectors/a%20b/config", jsonCT, config)
	if resp.StatusCode != 201 || !strings.Contains(body, `"name":"a b"`) || resp.Header.Get("Location") != b.URL+"/connectors/a%20b" {
		t.Errorf("%d %s, Location %s", resp.StatusCode, body, resp.Header.Get("Location"))
	}
	leader.must(t, "GET", "/connectors/a%20b", "", 200)
	b.must(t, "PUT", "/connectors/a%20b/config", `{"connector.class":"FileStreamSource"}`, 400) // validated here
	// The errors of the leader are those of ours.
	if got := b.must(t, "DELETE", "/connectors/none", "", 404); got != `{"error_code":404,"message":"Connector none not found"}` {
		t.Error(got)
	}
	b.must(t, "PUT", "/connectors/a%20b/config?forward=true", config, 200)
	if got := b.must(t, "PUT", "/connectors/a%20b/config?forward=false", config, 409); !strings.Contains(got, "conflicting operation (e.g. worker rebalance)") {
		t.Error(got)
	}
	b.must(t, "DELETE", "/connectors/a%20b", "", 204)
	leader.must(t, "GET", "/connectors/a%20b", "", 404)
	g.url = ""
	if got := b.must(t, "DELETE", "/connectors/a", "", 409); !strings.Contains(got, noLeader) {
		t.Error(got)
	}
	g.url = "http://127.0.0.1:1/"
	if got := b.must(t, "DELETE", "/connectors/a", "", 500); !strings.Contains(got, "IO Error trying to forward REST request") {
		t.Error(got)
	}
}

// The leader sends restarts on to the owner, with the last hop.
func TestHerder_LeaderSendsRestartsToTheOwner(t *testing.T) {
	var asked []string
	owner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer owner.Close()
	b, g := follower(t, "", func(g *fakeGroup) { g.lead = true })
	g.owners = map[work]string{cluster.Instance("c"): owner.URL + "/", {Connector: "c", Task: 0}: owner.URL + "/"}
	b.must(t, "PUT", "/connectors/c/config", `{"connector.class":"FileStreamSource","topic":"t"}`, 201)
	if err := b.h.configs.PutTasks(t.Context(), "c", []map[string]string{{}}); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", b.URL+"/connectors/c/restart", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Basic eA==")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	b.must(t, "POST", "/connectors/c/tasks/0/restart", "", 204)
	want := []string{"POST /connectors/c/restart?forward=true Basic eA==", "POST /connectors/c/tasks/0/restart?forward=true "}
	if strings.Join(asked, ",") != strings.Join(want, ",") || resp.StatusCode != 204 {
		t.Errorf("%d: %q", resp.StatusCode, asked)
	}
	delete(g.owners, work{Connector: "c", Task: 0})
	b.must(t, "POST", "/connectors/c/tasks/0/restart", "", 409)
}

func TestHerder_TaskConfigurationsOfOthersAreSigned(t *testing.T) {
	b, _ := follower(t, "", func(g *fakeGroup) { g.lead, g.secure = true, true })
	b.h.signer = cluster.NewSigner(cluster.DefaultSigning())
	b.must(t, "PUT", "/connectors/c/config", `{"connector.class":"FileStreamSource","topic":"t"}`, 201)
	send := func(body string, sign func(http.Header)) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", b.URL+"/connectors/c/tasks", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", jsonCT)
		sign(r.Header)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text := make([]byte, 500)
		n, _ := resp.Body.Read(text) // its end is no error here
		return resp.StatusCode, string(text[:n])
	}
	const body = `[{"task.class":"x","file":"f"}]`
	if code, text := send(body, func(http.Header) {}); code != 400 || !strings.Contains(text, "missing required signature") {
		t.Error(code, text)
	}
	good := func(h http.Header) { b.h.signer.Sign(h, []byte(body)) }
	if code, _ := send(body, func(h http.Header) {
		h.Set(cluster.SignatureHeader, "eA==")
		h.Set(cluster.AlgorithmHeader, "HmacSHA256")
	}); code != 503 {
		t.Error("without a key:", code)
	}
	key := cluster.DefaultSigning().NewKey(time.Now())
	b.h.signer.SetKey(&key)
	if code, text := send(`[{}]`, good); code != 403 || !strings.Contains(text, "invalid signature") {
		t.Error(code, text)
	}
	if code, text := send(body, good); code != 204 {
		t.Error(code, text)
	}
	if c, _ := b.h.configs.Get("c"); len(c.Tasks) != 1 || c.Tasks[0]["file"] != "f" {
		t.Errorf("%+v", c)
	}
	b.must(t, "PUT", "/connectors/c/stop", "", 204)
	if code, text := send(body, good); code != 400 || !strings.Contains(text, "stopped connector") {
		t.Error(code, text) // CW-250
	}
	if code, _ := send(`[1]`, good); code != 500 && code != 403 {
		t.Error(code)
	}
	r, err := http.NewRequestWithContext(t.Context(), "PUT", b.URL+"/connectors/c/fence", nil)
	if err != nil {
		t.Fatal(err)
	}
	b.h.signer.Sign(r.Header, nil)
	fenced := ""
	b.h.fenceZombies = func(_ context.Context, name string) error { fenced = name; return nil }
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 204 || fenced != "c" {
		t.Error(resp.StatusCode, fenced)
	}
}

// A worker runs what is assigned to it, and nothing else; what it cannot run FAILS.
func TestHerder_RunsWhatIsAssigned(t *testing.T) {
	b, g := follower(t, "", func(g *fakeGroup) { g.lead = true })
	for _, name := range []string{"a", "b"} {
		b.must(t, "PUT", "/connectors/"+name+"/config", `{"connector.class":"FileStreamSink","topics":"t","tasks.max":"2"}`, 201)
		if err := b.h.configs.PutTasks(t.Context(), name, []map[string]string{{"topics": "t"}, {"topics": "t"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.h.configs.PutConnector(t.Context(), "java", map[string]string{"connector.class": "com.acme.OnlyInJava"}, ""); err != nil {
		t.Fatal(err)
	}
	if err := b.h.configs.PutTasks(t.Context(), "java", []map[string]string{{}}); err != nil {
		t.Fatal(err)
	}
	assign := func(list ...work) {
		t.Helper()
		err := b.h.do(t.Context(), "assigning", func(ctx context.Context) error {
			all := map[work]bool{}
			for _, w := range list {
				all[w] = true
			}
			b.h.take(all, b.h.configs.Offset())
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if calls := b.system.took(); len(calls) > 0 {
		t.Errorf("runs without being asked: %v", calls)
	}
	assign(cluster.Instance("a"), work{Connector: "b", Task: 1}, cluster.Instance("java"), work{Connector: "java", Task: 0})
	if got := strings.Join(b.system.took(), ","); got != "start a,start tasks of b,start tasks of java" {
		t.Error(got)
	}
	if st, _ := b.h.statuses.Connector("java"); st.State != actors.Failed || !strings.Contains(st.Trace, "com.acme.OnlyInJava") {
		t.Errorf("%+v", st)
	}
	if _, err := b.system.running["java"].Tasks[0].Build(); err == nil || !strings.Contains(err.Error(), "com.acme.OnlyInJava") {
		t.Errorf("%v", err)
	}
	if _, known := b.h.statuses.Task("a", 0); known {
		t.Error("told about a task that is not ours")
	}
	// Tasks of a new set wait for the next round.
	if err := b.h.configs.PutTasks(t.Context(), "b", []map[string]string{{"topics": "u"}, {"topics": "u"}}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the old task to stop", func() bool { st, _ := b.h.statuses.Task("b", 1); return st.State == actors.Unassigned })
	b.system.took()
	assign(work{Connector: "b", Task: 1})
	if got := strings.Join(b.system.took(), ","); got != "start tasks of b" {
		t.Error(got)
	}
	// Nothing starts while others may have it.
	g.stale.Store(true)
	assign(work{Connector: "b", Task: 1}, cluster.Instance("b"))
	if got := b.system.took(); len(got) > 0 {
		t.Error(got)
	}
	if err := b.h.configs.PutTarget(t.Context(), "a", store.Paused); !errors.Is(err, errNotFresh) {
		t.Error(err)
	}
}
