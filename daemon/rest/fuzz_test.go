package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/records"
)

// calm is a herder that accepts everything.
type calm struct{}

func (calm) Health(context.Context) (Health, error)        { return Health{Status: "healthy"}, nil }
func (calm) ClusterID(context.Context) (string, error)     { return "id", nil }
func (calm) Plugins() []Plugin                             { return nil }
func (calm) PluginKeys(_, _ string) ([]configs.Key, error) { return nil, nil }
func (calm) Validate(_ context.Context, c Config) (Validation, error) {
	return Validation{Class: c.Values[configs.ClassKey]}, nil
}
func (calm) Connectors(context.Context) ([]string, error) { return []string{"a"}, nil }
func (calm) Info(_ context.Context, name string) (Info, error) {
	return Info{Name: name, Type: "source"}, nil
}
func (calm) Status(_ context.Context, name string) (Status, error) { return Status{Name: name}, nil }
func (calm) TaskStatus(context.Context, string, int) (store.Status, error) {
	return store.Status{}, nil
}
func (calm) TaskConfigs(context.Context, string) ([]map[string]string, error) { return nil, nil }
func (calm) Topics(context.Context, string) ([]string, error)                 { return nil, nil }
func (calm) ResetTopics(context.Context, string) error                        { return nil }
func (calm) Progress(context.Context, string) ([]TaskProgress, error)         { return nil, nil }
func (calm) PutConnector(_ context.Context, name string, c Config, _ store.Target, _ bool) (Info, bool, error) {
	return Info{Name: name, Config: c.Values}, true, nil
}
func (calm) PatchConnector(_ context.Context, name string, _ map[string]*string) (Info, error) {
	return Info{Name: name}, nil
}
func (calm) DeleteConnector(context.Context, string) error { return nil }
func (calm) Pause(context.Context, string) error           { return nil }
func (calm) Resume(context.Context, string) error          { return nil }
func (calm) Stop(context.Context, string) error            { return nil }
func (calm) Restart(context.Context, string) error         { return nil }
func (calm) RestartPlan(_ context.Context, name string, _, _ bool) (Status, error) {
	return Status{Name: name}, nil
}
func (calm) RestartTask(context.Context, string, int) error { return nil }
func (calm) PutTasks(context.Context, string, []map[string]string, Signed) error {
	return nil
}
func (calm) Fence(context.Context, string, Signed) error                 { return nil }
func (calm) SetLevel(context.Context, string, string) error              { return nil }
func (calm) Offsets(context.Context, string) ([]records.Position, error) { return nil, nil }
func (calm) AlterOffsets(_ context.Context, _ string, list []records.Position) (string, error) {
	for _, p := range list {
		_ = hashOf(p.Partition)
	}
	return "done", nil
}

// Whatever comes in, an answer is JSON or empty, and errors are error bodies.
func FuzzREST(f *testing.F) {
	f.Add("GET", "/connectors", "", "application/json", "")
	f.Add("POST", "/connectors", "", "application/json", `{"name":" a ","config":{"a":1,"b":null,"c":-0,"a":true},"initial_state":"paused"}`)
	f.Add("PUT", "/connectors/a%20b/config", "", "application/json; charset=utf-8", `{"connector.class":"X","x":1e400}`)
	f.Add("PATCH", "/connectors/a/config", "", "application/json", `{"a":null}`)
	f.Add("PATCH", "/connectors/a/offsets", "", "application/json", `{"offsets":[{"partition":{"a":[{}]},"offset":{"b":1.5,"c":12345678901234567890}},{}]}`)
	f.Add("POST", "/connectors/a/restart", "includeTasks=true&onlyFailed=%zz", "", "")
	f.Add("PUT", "/connector-plugins/X/config/validate", "", "application/json", `{"connector.class":"a.X"}`)
	f.Add("POST", "/connectors/a/tasks", "", "", `[{"a":"b"}]`)
	f.Add("GET", "/connectors/..;a=b/%2e%2e//", "", "text/plain", "")
	f.Add("OPTIONS", "/connectors/%ff", "", "*/*", "{")
	s := NewServer(Options{Herder: calm{}, TopicTracking: true})
	f.Fuzz(func(t *testing.T, method, path, query, contentType, body string) {
		r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.RequestURI = method, path
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = path, path, query
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		if !strings.HasPrefix(path, "/") {
			r.RequestURI = ""
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Body.Len() == 0 || method == http.MethodOptions && w.Code == http.StatusOK {
			return
		}
		var answer any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%d %q: %v", w.Code, w.Body, err)
		}
		if w.Code >= 400 && !bytes.HasPrefix(w.Body.Bytes(), []byte(`{"error_code":`)) {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
	})
}
