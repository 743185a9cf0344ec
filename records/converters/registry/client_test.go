package registry

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
)

func serde(t testing.TB, isKey bool, cfg map[string]string) *Serde {
	t.Helper()
	v, problems := Def().Parse(cfg)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, problems := Read(v, isKey)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	d, err := NewSerde(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustRead(Schema) error { return nil }

// nobody is an address where nothing listens.
func nobody(t testing.TB) string {
	s := httptest.NewServer(nil)
	s.Close()
	return s.URL
}

const (
	recordA  = `{"type":"record","name":"A","namespace":"n","fields":[{"name":"a","type":"int"}]}`
	recordAB = `{"type":"record","name":"A","namespace":"n","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","int"],"default":null}]}`
	recordB  = `{"type":"record","name":"A","namespace":"n","fields":[{"name":"b","type":"int"}]}`
)

func avro(text string) Schema { return Schema{Text: text, Format: Avro} }

func TestRegistry_RealOne(t *testing.T) {
	r := testenv.Registry(t)
	ctx := t.Context()
	topic := testenv.Kafka(t).TopicPrefix(t)
	d := serde(t, false, map[string]string{URLKey: r.URL()})
	subject, err := d.Subject(topic, "n.A")
	if err != nil || subject != topic+"-value" {
		t.Fatal(subject, err)
	}
	first, err := d.Choose(ctx, subject, avro(recordA), mustRead)
	if err != nil || first.ID == 0 || first.Other != nil {
		t.Fatalf("%+v %v", first, err)
	}
	if again, err := serde(t, false, map[string]string{URLKey: r.URL(), AutoRegisterKey: "false"}).Choose(ctx, subject, avro(recordA), mustRead); err != nil || again.ID != first.ID {
		t.Errorf("looked up %+v %v, registered %+v", again, err, first)
	}
	if err := d.client.(*Client).SetCompatibility(ctx, subject, "BACKWARD"); err != nil {
		t.Fatal(err)
	}
	if l, err := d.client.(*Client).Compatibility(ctx, subject); err != nil || l != "BACKWARD" {
		t.Errorf("level %q %v", l, err)
	}
	if ok, err := d.client.(*Client).Compatible(ctx, subject, avro(recordB)); err != nil || ok {
		t.Errorf("compatible %v %v", ok, err)
	}
	second, err := d.Choose(ctx, subject, avro(recordAB), mustRead)
	if err != nil || second.ID == first.ID {
		t.Fatalf("%+v %v", second, err)
	}
	l, err := d.Latest(ctx, subject)
	if err != nil || l.ID != second.ID || l.Version != 2 || l.Text != recordAB {
		t.Errorf("latest %+v %v", l, err)
	}
	s, err := d.ByID(ctx, first.ID, subject)
	if err != nil || s.Text != recordA || s.Format != Avro {
		t.Errorf("by id %+v %v", s, err)
	}
	if v, err := d.VersionOf(ctx, subject, first.ID, s); err != nil || v != 1 {
		t.Errorf("version %d %v", v, err)
	}

	for _, c := range []struct {
		name, want string
		err        error
	}{
		{"incompatible", "error code: 409", second2(d.Choose(ctx, subject, avro(recordB), mustRead))},
		{"not a schema", "error code: 422", second2(d.Choose(ctx, subject, avro(`{"type":"recrd"}`), mustRead))},
		{"unknown id", "error code: 40403", second2(d.ByID(ctx, 1<<30, ""))},
		{"unknown subject", "error code: 40401", second2(serde(t, false, map[string]string{URLKey: r.URL(), AutoRegisterKey: "false"}).
			Choose(ctx, topic+"-other", avro(recordA), mustRead))},
		{"no such API", "/apis/ccompat/v7", second2(serde(t, false, map[string]string{URLKey: strings.TrimSuffix(r.URL(), "/v7")}).ByID(ctx, 1, ""))},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, c.err, c.want)
			continue
		}
		var e *Error
		if records.Retriable(c.err) || !errors.As(c.err, &e) || e.JavaClass() != dataExceptionClass {
			t.Errorf("%s: %v must not be retriable", c.name, c.err)
		}
	}

	// use.latest.version and use.schema.id write with another schema than the own.
	for key, value := range map[string]string{UseLatestKey: "true", UseSchemaIDKey: itoa(int(second.ID))} {
		d := serde(t, false, map[string]string{URLKey: r.URL(), AutoRegisterKey: "false", key: value})
		c, err := d.Choose(ctx, subject, avro(recordA), mustRead)
		if err != nil || c.ID != second.ID || c.Other == nil || c.Other.Text != recordAB {
			t.Errorf("%s: %+v %v", key, c, err)
		}
		if _, err := d.Choose(ctx, subject, avro(recordB), func(Schema) error { return errors.New("field a is missing") }); err == nil || !strings.Contains(err.Error(), "field a is missing") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func second2[T any](_ T, err error) error { return err }

func TestClient_AwayIsRetriable(t *testing.T) {
	d := serde(t, false, map[string]string{URLKey: nobody(t), MaxRetriesKey: "1", RetryWaitKey: "1"})
	_, err := d.Choose(t.Context(), "s", avro(recordA), mustRead)
	var e *Error
	if !records.Retriable(err) || !errors.As(err, &e) || e.JavaClass() != retriableExceptionClass {
		t.Errorf("%v", err)
	}
	if f := (&Failure{Message: "Failed to serialize Avro data from topic T :", Cause: err}); !records.Retriable(f) || f.JavaClass() != retriableExceptionClass {
		t.Errorf("%v", f)
	}
}

// fake answers as a registry does, and lets a test look at requests.
func fake(t testing.TB, look func(w http.ResponseWriter, r *http.Request) (handled bool)) *httptest.Server {
	s := httptest.NewServer(handler(look))
	t.Cleanup(s.Close)
	return s
}

func handler(look func(http.ResponseWriter, *http.Request) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !look(w, r) {
			io.WriteString(w, `{"id":7}`)
		}
	}
}

func TestClient_FailsOverAndStays(t *testing.T) {
	var asked atomic.Int32
	s := fake(t, func(http.ResponseWriter, *http.Request) bool { asked.Add(1); return false })
	broken := fake(t, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(503)
		io.WriteString(w, `{"error_code":50003,"message":"not the leader"}`)
		return true
	})
	d := serde(t, true, map[string]string{URLKey: nobody(t) + "," + broken.URL + "," + s.URL, MaxRetriesKey: "0"})
	for _, text := range []string{recordA, recordB, recordA} {
		if c, err := d.Choose(t.Context(), "s", avro(text), mustRead); err != nil || c.ID != 7 {
			t.Fatal(c, err)
		}
	}
	if n := asked.Load(); n != 2 { // the third is known
		t.Errorf("asked %d times", n)
	}
	if at := d.client.(*Client).first.Load(); at != 2 {
		t.Errorf("begins with address %d", at)
	}
}

func TestClient_RefusedIsNotAskedElsewhere(t *testing.T) {
	first := fake(t, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(409)
		io.WriteString(w, `{"error_code":409,"message":"incompatible"}`)
		return true
	})
	second := fake(t, func(http.ResponseWriter, *http.Request) bool { t.Error("asked the second"); return false })
	d := serde(t, true, map[string]string{URLKey: first.URL + "," + second.URL})
	if _, err := d.Choose(t.Context(), "s", avro(recordA), mustRead); err == nil || records.Retriable(err) || !strings.Contains(err.Error(), "incompatible; error code: 409") {
		t.Error(err)
	}
}

func TestClient_RetriesTrouble(t *testing.T) {
	var n atomic.Int32
	s := fake(t, func(w http.ResponseWriter, _ *http.Request) bool {
		if n.Add(1) < 3 {
			w.WriteHeader(500)
			return true
		}
		return false
	})
	d := serde(t, true, map[string]string{URLKey: s.URL, RetryWaitKey: "1"})
	if c, err := d.Choose(t.Context(), "s", avro(recordA), mustRead); err != nil || c.ID != 7 || n.Load() != 3 {
		t.Error(c, err, n.Load())
	}
}

func TestClient_Logins(t *testing.T) {
	for name, c := range map[string]struct {
		url  string // user:password@ in it
		cfg  map[string]string
		want map[string]string
	}{
		"in the address": {"u:p@", nil, map[string]string{"Authorization": "Basic dTpw"}},
		"user info":      {"", map[string]string{BasicAuthSourceKey: "USER_INFO", BasicAuthUserKey: "u:p"}, map[string]string{"Authorization": "Basic dTpw"}},
		"older name":     {"", map[string]string{BasicAuthSourceKey: "USER_INFO", OldBasicAuthUserKey: "u:p"}, map[string]string{"Authorization": "Basic dTpw"}},
		"inherited": {"", map[string]string{BasicAuthSourceKey: "SASL_INHERIT",
			"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";`}, map[string]string{"Authorization": "Basic dTpw"}},
		"token":   {"", map[string]string{BearerSourceKey: "STATIC_TOKEN", BearerTokenKey: "t"}, map[string]string{"Authorization": "Bearer t"}},
		"headers": {"", map[string]string{"request.header.X-Tenant": "blue"}, map[string]string{"X-Tenant": "blue", "Authorization": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake(t, func(_ http.ResponseWriter, r *http.Request) bool {
				for k, v := range c.want {
					if got := r.Header.Get(k); got != v {
						t.Errorf("%s is %q", k, got)
					}
				}
				return false
			})
			cfg := map[string]string{URLKey: "http://" + c.url + strings.TrimPrefix(s.URL, "http://")}
			for k, v := range c.cfg {
				cfg[k] = v
			}
			if _, err := serde(t, true, cfg).Choose(t.Context(), "s", avro(recordA), mustRead); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestClient_ErrorsShowNoPassword(t *testing.T) {
	d := serde(t, true, map[string]string{URLKey: "http://user:hush@" + strings.TrimPrefix(nobody(t), "http://"), MaxRetriesKey: "0"})
	if _, err := d.Choose(t.Context(), "s", avro(recordA), mustRead); err == nil || strings.Contains(err.Error(), "hush") {
		t.Error(err)
	}
}

func TestClient_TLSByPEMStore(t *testing.T) {
	s := httptest.NewTLSServer(handler(func(http.ResponseWriter, *http.Request) bool { return false }))
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := map[string]string{URLKey: s.URL, MaxRetriesKey: "0"}
	if _, err := serde(t, true, cfg).ByID(t.Context(), 1, ""); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	cfg["schema.registry.ssl.truststore.type"], cfg["schema.registry.ssl.truststore.location"] = "PEM", file
	if _, err := serde(t, true, cfg).ByID(t.Context(), 1, ""); err != nil {
		t.Error(err)
	}
	cfg["schema.registry.ssl.truststore.location"] = file + ".none"
	if _, problems := Def().Parse(cfg); len(problems) != 1 || problems[0].Key != "schema.registry.ssl.truststore.location" {
		t.Error(problems)
	}
}

func TestClient_ThroughAProxy(t *testing.T) {
	proxy := fake(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Host != "registry.invalid:8081" {
			t.Errorf("asked for %s", r.URL)
		}
		return false
	})
	host, port, _ := strings.Cut(strings.TrimPrefix(proxy.URL, "http://"), ":")
	d := serde(t, true, map[string]string{URLKey: "http://registry.invalid:8081", ProxyHostKey: host, ProxyPortKey: port})
	if _, err := d.Choose(t.Context(), "s", avro(recordA), mustRead); err != nil {
		t.Error(err)
	}
}

func TestClient_AnswersAreBounded(t *testing.T) {
	s := fake(t, func(w http.ResponseWriter, _ *http.Request) bool {
		io.WriteString(w, `{"schema":"`)
		for range 20 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				break
			}
		}
		return true
	})
	if _, err := serde(t, true, map[string]string{URLKey: s.URL}).ByID(t.Context(), 1, ""); err == nil || records.Retriable(err) {
		t.Error(err)
	}
}

func TestClient_EndsWithItsContext(t *testing.T) {
	stop := make(chan struct{})
	s := fake(t, func(http.ResponseWriter, *http.Request) bool { <-stop; return false })
	defer close(stop)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := serde(t, true, map[string]string{URLKey: s.URL}).ByID(ctx, 1, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestCache_AsksOnceAndForgetsErrors(t *testing.T) {
	c := newCache[int, int](4)
	var asked atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if v, err := c.get(t.Context(), 1, func() (int, error) { asked.Add(1); return 5, nil }); v != 5 || err != nil {
				t.Error(v, err)
			}
		})
	}
	wg.Wait()
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	bad := errors.New("away")
	if _, err := c.get(t.Context(), 2, func() (int, error) { return 0, bad }); err != bad {
		t.Error(err)
	}
	if v, err := c.get(t.Context(), 2, func() (int, error) { return 6, nil }); v != 6 || err != nil {
		t.Error(v, err)
	}
	for i := range 100 {
		c.get(t.Context(), i, func() (int, error) { return i, nil })
	}
	if len(c.known) > 4 {
		t.Errorf("%d are kept", len(c.known))
	}
}

// One lane that ends must not fail the others that wait for its answer.
func TestCache_WhoGivesUpDoesNotSpeakForOthers(t *testing.T) {
	c := newCache[int, int](4)
	mine, giveUp := context.WithCancel(t.Context())
	asking := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := c.get(mine, 1, func() (int, error) { close(asking); <-mine.Done(); return 0, mine.Err() }); err == nil {
			t.Error("an answer without asking")
		}
	})
	<-asking
	wg.Go(func() {
		if v, err := c.get(t.Context(), 1, func() (int, error) { return 5, nil }); v != 5 || err != nil {
			t.Error(v, err)
		}
	})
	ended, end := context.WithCancel(t.Context())
	end()
	// Waits for nobody, or asks in vain if the first is gone already.
	if _, err := c.get(ended, 1, func() (int, error) { return 0, ended.Err() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	giveUp()
	wg.Wait()
}

func TestStrategies(t *testing.T) {
	for _, c := range []struct {
		class  string
		isKey  bool
		record string
		want   string
	}{
		{"io.confluent.kafka.serializers.subject.TopicNameStrategy", true, "n.A", "t-key"},
		{"TopicNameStrategy", false, "", "t-value"},
		{"io.confluent.kafka.serializers.subject.RecordNameStrategy", false, "n.A", "n.A"},
		{"io.confluent.kafka.serializers.subject.TopicRecordNameStrategy", true, "n.A", "t-n.A"},
		{"io.confluent.kafka.serializers.subject.RecordNameStrategy", false, "", ""},
	} {
		s, ok := strategyOf(c.class)
		if got, err := s.Subject("t", c.isKey, c.record); !ok || got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v: %q %v", c, got, err)
		}
	}
}

func TestKeys_Refused(t *testing.T) {
	for key, value := range map[string]string{
		"context.name.strategy": "com.acme.Context", "value.subject.name.strategy": "com.acme.Subject", "schema.reflection": "true",
		"bearer.auth.credentials.source": "OAUTHBEARER", "bearer.auth.issuer.endpoint.url": "http://x", "rule.executors": "a",
		"value.schema.id.serializer": "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer",
		"use.latest.with.metadata":   "a=b", "schema.registry.url": "", "basic.auth.credentials.source": "FILE", "max.retries": "-1",
	} {
		cfg := map[string]string{URLKey: "http://x"}
		cfg[key] = value
		if _, problems := Def().Parse(cfg); len(problems) == 0 {
			t.Errorf("%s=%s is accepted", key, value)
		}
	}
}

func TestHeader(t *testing.T) {
	got := AppendHeader(nil, 0x01020304)
	if string(got) != "\x00\x01\x02\x03\x04" {
		t.Errorf("%x", got)
	}
	if id, rest, err := SplitHeader(append(got, 'x')); err != nil || id != 0x01020304 || string(rest) != "x" {
		t.Error(id, rest, err)
	}
	for _, bad := range []string{"", "\x00\x01\x02\x03", "{}", "\x01\x00\x00\x00\x01x"} {
		if _, _, err := SplitHeader([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
