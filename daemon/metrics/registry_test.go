package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/actors"
)

func TestWorker_NamesAreThoseInTheField(t *testing.T) {
	r := NewRegistry()
	r.MustRegister(NewWorker(func() []Instance {
		return []Instance{{Connector: "c", Type: "source", Class: "X", Version: "1", State: actors.Running,
			Tasks: map[int]actors.State{0: actors.Running, 1: actors.Failed}, Records: map[int]int64{0: 7}}}
	}))
	w := httptest.NewRecorder()
	Handler(r).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		"kafka_connect_worker_connector_count 1", "kafka_connect_worker_task_count 2",
		`kafka_connect_connector_status{connector="c",status="running",task="0"} 1`,
		`kafka_connect_connect_worker_connector_failed_task_count{connector="c"} 1`,
		`kafka_connect_worker_connector_failed_task_count{connector="c"} 1`,
		`kafka_connect_source_task_source_record_write_total{connector="c",task="0"} 7`,
		`kafka_connect_worker_connector_total_task_count{connector="c"} 2`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("missing %s in\n%s", want, w.Body)
		}
	}
}
