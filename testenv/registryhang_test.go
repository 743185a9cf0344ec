package testenv

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A stop does not wait for a registry that takes requests and never answers. A sink's calls end at
// once, those of a source when the time for its last records is over.
func TestRegistry_AStopDoesNotWaitForIt(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker; not in short mode")
	}
	asked, left := make(chan string, 100), make(chan string, 100)
	over := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the client has gone
		asked <- r.URL.Path
		select {
		case <-r.Context().Done():
			left <- r.URL.Path
		case <-over:
		}
	}))
	defer srv.Close()
	defer close(over)
	k := Kafka(t)
	w := PrivateAnabranch(t, k, AnabranchOptions{})
	topic := strings.Trim(unique("hang"), "_-")
	if err := k.Client(t, kgo.AllowAutoTopicCreation()).ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("\x00\x00\x00\x00\x01\x02a")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(file, []byte("a line\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config map[string]string
		within time.Duration
	}{
		"source": {map[string]string{"connector.class": "FileStreamSource", "file": file, "topic": topic + "-out"}, 8 * time.Second},
		"sink":   {map[string]string{"connector.class": "FileStreamSink", "file": file + ".out", "topics": topic}, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			c.config["key.converter"] = "org.apache.kafka.connect.storage.StringConverter"
			c.config["value.converter"], c.config["value.converter.schema.registry.url"] = "io.confluent.connect.avro.AvroConverter", srv.URL
			p := &avroPipeline{w: w}
			p.put(t, topic+name, c.config)
			wait(t, asked, time.Minute, "the registry to be asked")
			if code, body, err := w.Call(t.Context(), http.MethodPut, connectorPath(topic+name, "/stop"), nil); err != nil || code != http.StatusNoContent {
				t.Fatalf("stop: %d %s %v", code, body, err)
			}
			began := time.Now()
			wait(t, left, time.Minute, "the call to end")
			if took := time.Since(began); took > c.within {
				t.Errorf("the call ended %v after the stop", took)
			}
			waitFor(t, w, "the connector to be stopped", 10*time.Second, func() bool {
				s := w.Status(t, topic+name)
				return s.Connector.State == "STOPPED" && len(s.Tasks) == 0
			})
		})
	}
}

func wait(t *testing.T, c <-chan string, within time.Duration, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(within):
		t.Fatalf("waited %v for %s", within, what)
	}
}
