package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Tasks holds the series that each task's own parts register. Every incarnation of a task gets a
// registry of its own: one that was given up may still be closing when the next one opens,
// and two registrations of one series in one registry are an error.
type Tasks struct {
	mu  sync.Mutex // guards all
	all map[taskKey]taskRegistry
}

type taskKey struct{ connector, task string }

type taskRegistry struct {
	*prometheus.Registry
	made time.Time
}

// emptyFor is how long a registry may be without series until it is forgotten: its task is gone.
const emptyFor = 10 * time.Minute

// NewTasks makes an empty set.
func NewTasks() *Tasks { return &Tasks{all: map[taskKey]taskRegistry{}} }

// New returns the registry of a task's next incarnation; its series carry the labels connector and
// task. Those of the one before are not shown any more. A nil Tasks shows nothing.
func (t *Tasks) New(connector, task string) prometheus.Registerer {
	r := prometheus.NewRegistry()
	if t != nil {
		t.mu.Lock()
		t.all[taskKey{connector, task}] = taskRegistry{r, time.Now()}
		t.mu.Unlock()
	}
	return prometheus.WrapRegistererWith(prometheus.Labels{"connector": connector, "task": task}, r)
}

// gatherers are the registries that have series.
func (t *Tasks) gatherers() prometheus.Gatherers {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out prometheus.Gatherers
	for key, r := range t.all {
		if series, err := r.Gather(); err == nil && len(series) == 0 {
			if time.Since(r.made) > emptyFor {
				delete(t.all, key)
			}
			continue
		}
		out = append(out, r.Registry)
	}
	return out
}

// Handler serves a registry and the tasks' own.
func Handler(r *prometheus.Registry, t *Tasks) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		all := append(prometheus.Gatherers{r}, t.gatherers()...)
		promhttp.HandlerFor(all, promhttp.HandlerOpts{EnableOpenMetrics: false}).ServeHTTP(w, req)
	})
}
