package store

import (
	"testing"

	"github.com/anabranch/anabranch/actors"
)

// What is no status changes nothing: the known one stays (as KafkaStatusBackingStore reads).
func TestStatuses_GarbageChangesNothing(t *testing.T) {
	log := &MemoryLog{}
	s := shared(t, log, "me", 5)
	write := func(key, value string) {
		t.Helper()
		if err := log.Append(t.Context(), Record{Key: []byte(key), Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	good := string(record("other", actors.Running, 5))
	write("status-connector-c", good)
	write("status-task-c-0", good)
	const topic = "status-topic-t:connector-c"
	write(topic, `{"topic":{"name":"t","connector":"c","task":0,"discoverTimestamp":1}}`)
	for _, value := range []string{"", "{", "7", "[]", "{}", `{"state":"FLYING","generation":1}`, `{"state":7,"generation":1}`, `{"state":"FAILED"}`, `{"state":"DESTROYED","generation":9}`,
		`{"state":"FAILED","generation":"9"}`, `{"state":"FAILED","generation":9,"worker_id":7}`, `{"state":"FAILED","generation":9,"trace":{}}`, "\xff"} {
		write("status-connector-c", value)
		write("status-task-c-0", value)
		write(topic, value)
		c, _ := s.Connector("c")
		task, _ := s.Task("c", 0)
		if c.State != actors.Running || task.State != actors.Running || len(s.Topics("c")) != 1 {
			t.Errorf("after %q: connector %+v, task %+v, topics %v", value, c, task, s.Topics("c"))
		}
	}
	for _, key := range []string{"status-connector-", "status-task--0", "status-task-0", "status-topic-:connector-c", "status-topic-t:connector-", "status-topic-x"} {
		write(key, good)
	}
	if got := s.Connectors(); len(got) != 1 {
		t.Errorf("connectors %v", got)
	}
	if got := s.Topics("c"); len(got) != 1 {
		t.Errorf("topics %v", got)
	}
}
