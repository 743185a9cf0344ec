package daemon

import (
	"testing"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/daemon/store"
)

// A FAILED connector ignores pause and resume, can be stopped, and then a resume starts it anew (CW-254).
func TestHerder_AFailedConnectorCanBeStopped(t *testing.T) {
	b := newBench(t)
	b.must(t, "GET", "/connectors/c", "", 404) // it is ready
	if err := b.h.configs.PutConnector(t.Context(), "c", map[string]string{"connector.class": "com.acme.Unknown", "name": "c"}, store.Started); err != nil {
		t.Fatal(err)
	}
	is := func(want actors.State) {
		t.Helper()
		waitFor(t, "the connector to be "+string(want), func() bool { st, ok := b.h.statuses.Connector("c"); return ok && st.State == want })
	}
	is(actors.Failed)
	for _, call := range []string{"pause", "resume"} {
		b.must(t, "PUT", "/connectors/c/"+call, "", 202)
		b.must(t, "GET", "/connectors/c", "", 200) // the call is over
		is(actors.Failed)
	}
	b.must(t, "PUT", "/connectors/c/stop", "", 204)
	is(actors.Stopped)
	if err := b.h.configs.PutConnector(t.Context(), "c", map[string]string{"connector.class": "FileStreamSource", "name": "c", "topic": "t"}, ""); err != nil {
		t.Fatal(err)
	}
	b.must(t, "PUT", "/connectors/c/resume", "", 202)
	is(actors.Running)
	waitFor(t, "a task", func() bool { c, _ := b.h.configs.Get("c"); return len(c.Tasks) == 1 })
}
