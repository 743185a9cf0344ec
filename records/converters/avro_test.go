package converters

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// avroServer is a registry as far as a converter of Avro needs one.
func avroServer(t testing.TB) string {
	var mu sync.Mutex
	var texts []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost {
			var body struct{ Schema string }
			raw, _ := io.ReadAll(r.Body)
			if json.Unmarshal(raw, &body) != nil {
				w.WriteHeader(http.StatusUnprocessableEntity)
				return
			}
			id := len(texts) + 1
			for i, known := range texts {
				if known == body.Schema {
					id = i + 1
				}
			}
			if id > len(texts) {
				texts = append(texts, body.Schema)
			}
			fmt.Fprintf(w, `{"id":%d,"version":%d}`, id, id)
			return
		}
		var id int
		if _, err := fmt.Sscanf(r.URL.Path, "/schemas/ids/%d", &id); err != nil || id < 1 || id > len(texts) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"schema": texts[id-1]})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAvro_OnePointerPerID(t *testing.T) {
	f, err := New("AvroConverter", map[string]string{"schema.registry.url": avroServer(t)}, false)
	if err != nil {
		t.Fatal(err)
	}
	batch, s, v := envelope()
	msg, isNull, err := f().Append(nil, "t", batch, s, v)
	if err != nil || isNull || len(msg) == 0 || f().Class() != AvroClass {
		t.Fatal(err, isNull, msg)
	}
	in := records.NewBatch(records.Origin{})
	one, _, err := f().Decode("t", msg, in)
	if err != nil {
		t.Fatal(err)
	}
	two, w, err := f().Decode("t", msg, in)
	if err != nil || one != two {
		t.Errorf("%p and %p, %v", one, two, err)
	}
	// What was read is written again under the same id.
	again, _, err := f().Append(nil, "t", in, two, w)
	if err != nil || string(again) != string(msg) {
		t.Errorf("%v\n%x\n%x", err, again, msg)
	}
	// An equal schema at another address gets the same id.
	if same, _, err := f().Append(nil, "t", batch, s.Clone(), v); err != nil || string(same) != string(msg) {
		t.Errorf("%v\n%x\n%x", err, same, msg)
	}
	for _, bad := range []string{"", "x", "\x00\x00\x00\x00\x01", string(msg[:20]), "\x00\x00\x00\x00\x63aaaa"} {
		_, _, err := f().Decode("t", []byte(bad), in)
		if err == nil || !strings.HasPrefix(err.Error(), "Failed to deserialize data for topic t to Avro:") || records.Retriable(err) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAvro_Nulls(t *testing.T) {
	f, err := New(AvroClass, map[string]string{"schema.registry.url": "http://127.0.0.1:1"}, true)
	if err != nil {
		t.Fatal(err)
	}
	b := records.NewBatch(records.Origin{})
	c := f()
	for _, s := range []*records.Schema{nil, {Type: records.Struct, Optional: true}} {
		if out, isNull, err := c.Append(nil, "t", b, s, records.Null); err != nil || !isNull || len(out) > 0 {
			t.Error(out, isNull, err)
		}
	}
	if _, _, err := c.Append(nil, "t", b, &records.Schema{Type: records.String}, records.Null); err == nil {
		t.Error("a null that may not be is written")
	}
	if s, v, err := c.Decode("t", nil, b); s != nil || !v.IsNull() || err != nil {
		t.Error(s, v, err)
	}
	// Nobody is there: trying again may help.
	if _, _, err := c.Append(nil, "t", b, nil, records.Int64Value(1)); !records.Retriable(err) {
		t.Error(err)
	}
}

func TestAvro_KeysAreChecked(t *testing.T) {
	for name, cfg := range map[string]map[string]string{
		"no address": {}, "a word": {"schema.registry.url": "registry:8081"}, "mock": {"schema.registry.url": "mock://x"},
		"number": {"schema.registry.url": "http://x", "max.schemas.per.subject": "many"},
	} {
		_, err := New(AvroClass, cfg, true)
		var ps configs.Problems
		if ps, _ = err.(configs.Problems); len(ps) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(AvroClass, map[string]string{"schema.registry.url": "http://a:1,http://b:2", "schemas.enable": "true"}, true); err != nil {
		t.Error(err)
	}
}

func benchAvro(b *testing.B, decode bool) {
	batch, s, v := envelope()
	f, err := New(AvroClass, map[string]string{"schema.registry.url": avroServer(b)}, false)
	if err != nil {
		b.Fatal(err)
	}
	c := f()
	buf, _, err := c.Append(nil, "t", batch, s, v)
	if err != nil {
		b.Fatal(err)
	}
	msg := append([]byte{}, buf...)
	in := records.NewBatch(records.Origin{})
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if !decode {
			buf, _, _ = c.Append(buf[:0], "t", batch, s, v)
			continue
		}
		in.Arena, in.Vals = in.Arena[:0], in.Vals[:0]
		if _, _, err := c.Decode("t", msg, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAvroAppend_Envelope13(b *testing.B) { benchAvro(b, false) }
func BenchmarkAvroDecode_Envelope13(b *testing.B) { benchAvro(b, true) }
