package converters

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/anabranch/anabranch/records"
)

// hanging is a registry that takes every request and never answers. asked gets a value for each.
func hanging(t testing.TB) (url string, asked chan struct{}) {
	asked = make(chan struct{}, 100)
	over := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}))
	t.Cleanup(sync.OnceFunc(func() { close(over); srv.Close() }))
	return srv.URL, asked
}

func TestAsker_GivesUpWithItsContext(t *testing.T) {
	url, asked := hanging(t)
	for class, data := range map[string]string{
		AvroClass: "\x00\x00\x00\x00\x01a", ApicurioAvroClass: "\x00\x00\x00\x00\x00\x00\x00\x00\x01a", ExtJSONClass: `{"schemaId":1,"payload":1}`,
		JSONSchemaClass: "\x00\x00\x00\x00\x01{}", ProtobufClass: "\x00\x00\x00\x00\x01\x00",
	} {
		cfg := map[string]string{"schema.registry.url": url}
		if class == ApicurioAvroClass || class == ExtJSONClass {
			cfg = map[string]string{"apicurio.registry.url": url + "/apis/registry/v2", "apicurio.registry.auto-register": "true", "apicurio.registry.headers.enabled": "false"}
		}
		make, err := New(class, cfg, false)
		if err != nil {
			t.Fatal(err)
		}
		b := records.NewBatch(records.Origin{})
		s := sch(records.Struct)
		s.Name, s.Fields = "n.S", []records.Field{{Name: "a", Schema: sch(records.Int32)}}
		off := b.AddVals(1)
		b.Vals[off] = records.Int32Value(1)
		for what, call := range map[string]func(c Converter) error{
			"writing": func(c Converter) error {
				_, _, err := c.Append(nil, "t", b, s, records.StructAt(off, 1))
				return err
			},
			"reading": func(c Converter) error { _, _, err := c.Decode("t", []byte(data), b); return err },
		} {
			c := make()
			askers := Askers(c)
			if len(askers) != 1 {
				t.Fatalf("%s is no Asker", class)
			}
			ctx, cancel := context.WithCancel(t.Context())
			askers[0].Until(ctx)
			done := beside(func() error { return call(c) })
			<-asked
			cancel()
			if err := <-done; !records.Retriable(err) { // the test's own time limit is shorter than the client's 60 s
				t.Errorf("%s %s: %v", class, what, err)
			}
		}
		b.Release()
	}
}

// beside runs f beside the test.
func beside(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}
