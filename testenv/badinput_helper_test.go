package testenv

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// badRequest is a request that must be refused.
type badRequest struct {
	name         string
	method, path string // POST /connectors if empty
	body         any    // string: as it is; else marshalled
	contentType  string // application/json if empty; "-" is none
	accept       string
	status       int      // our answer
	says         []string // in our message: the key, and what is wrong with it
	// connect is the status of the real worker: 0 the same as ours, notSent does not ask it.
	connect int
	// differs says why the real worker's answer is another one (CW section 13, docs/compatibility.md).
	differs string
}

const notSent = -1

// answer is what came back.
type answer struct {
	status      int
	contentType bool
	message     *string
	raw         string
	shape       error // the body is not an error body
}

func ask(t *testing.T, base string, r *badRequest) answer {
	t.Helper()
	var body io.Reader
	switch b := r.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		body = strings.NewReader(string(raw))
	}
	ctx, cancel := patience(t, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, base+r.path, body)
	if err != nil {
		t.Fatal(err)
	}
	switch r.contentType {
	case "":
		req.Header.Set("Content-Type", "application/json")
	case "-":
	default:
		req.Header.Set("Content-Type", r.contentType)
	}
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	resp, err := oneShot.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	a := answer{status: resp.StatusCode, contentType: resp.Header.Get("Content-Type") != "", raw: string(raw)}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		a.shape = fmt.Errorf("not JSON: %.200q", raw)
		return a
	}
	keys := slices.Sorted(maps.Keys(fields))
	code, _ := fields["error_code"].(float64)
	if text, ok := fields["message"].(string); ok {
		a.message = &text
	}
	if !slices.Equal(keys, []string{"error_code", "message"}) || int(code) != a.status {
		a.shape = fmt.Errorf("not an error body with the status in it: %.300s", raw)
	}
	return a
}

// judgeOurs checks status, shape and what the message says.
func (r *badRequest) judgeOurs(t *testing.T, a answer) {
	t.Helper()
	if a.status != r.status {
		t.Errorf("status %d, want %d: %.400s", a.status, r.status, a.raw)
	}
	if a.shape != nil {
		t.Error(a.shape)
		return
	}
	if a.message == nil {
		t.Error("the message is null")
		return
	}
	for _, want := range r.says {
		if !strings.Contains(*a.message, want) {
			t.Errorf("the message does not say %q: %.600s", want, *a.message)
		}
	}
	for _, never := range []string{"goroutine", "runtime error", "nil pointer", "panic", secretPassword} {
		if strings.Contains(*a.message, never) {
			t.Errorf("the message has %q: %.400s", never, *a.message)
		}
	}
}

// judgePeer compares with the real worker: the status as expected, the same shape, and where
// nothing differs the same presence of a Content-Type.
func (r *badRequest) judgePeer(t *testing.T, ours, peer answer) {
	t.Helper()
	want := r.connect
	if want == 0 {
		want = r.status
	}
	if peer.status != want {
		t.Errorf("Kafka Connect answers %d, the table says %d: %.400s", peer.status, want, peer.raw)
	}
	if want != r.status && r.differs == "" {
		t.Errorf("the status differs from Kafka Connect's and the table does not say why")
	}
	if peer.shape == nil && peer.contentType != ours.contentType {
		t.Errorf("Content-Type: ours %v, Kafka Connect's %v", ours.contentType, peer.contentType)
	}
}

// keeper is a connector that lives beside the bad requests and must not notice them.
type keeper struct {
	k      *KafkaServer
	w      *ConnectWorker
	name   string
	topic  string
	config map[string]string
	text   *textFile
	props  map[string]string
}

func newKeeper(t *testing.T, k *KafkaServer) *keeper {
	t.Helper()
	id := strings.Trim(unique("bad"), "-_")
	b := &keeper{k: k, name: "keeper " + id, topic: id + "-lines", text: &textFile{path: filepath.Join(t.TempDir(), "in.txt")},
		props: map[string]string{"group.id": id, "config.storage.topic": id + "-configs", "offset.storage.topic": id + "-offsets",
			"status.storage.topic": id + "-status", "offset.flush.interval.ms": "500"}}
	b.text.grow(t, 10)
	b.w = PrivateAnabranch(t, k, AnabranchOptions{Props: b.props})
	b.config = fileSource(b.text.path, b.topic)
	b.w.Create(t, b.name, b.config)
	b.flows(t)
	return b
}

// flows proves that the connector still works.
func (b *keeper) flows(t *testing.T) {
	t.Helper()
	b.text.grow(t, 1)
	waitFor(t, b.w, "a line of the connector beside", 20*time.Second, func() bool {
		return strings.HasSuffix(lastValue(t, b.k, b.topic), itoa6(b.text.n))
	})
	if s := b.w.Status(t, b.name); s.Connector.State != "RUNNING" || len(s.Tasks) != 1 || s.Tasks[0].State != "RUNNING" {
		t.Errorf("the connector beside is %+v", s)
	}
}

// trail is everything that a half-done request would leave.
type trail struct {
	connectors string
	config     string
	ends       int64
}

func (b *keeper) trail(t *testing.T, c *kgo.Client) trail {
	t.Helper()
	ends, err := kadm.NewClient(c).ListEndOffsets(t.Context(), b.props["config.storage.topic"])
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return trail{rest(t, b.w, http.MethodGet, "/connectors", nil, http.StatusOK),
		rest(t, b.w, http.MethodGet, connectorPath(b.name, "/config"), nil, http.StatusOK), n}
}

func (b *keeper) escaped() string { return url.PathEscape(b.name) }
