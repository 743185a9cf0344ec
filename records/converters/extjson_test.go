package converters

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/testenv"
	"github.com/anabranch/anabranch/testenv/typed"
)

// With the same keys Apicurio's ExtJsonConverter and ours write the same messages, ids included,
// and read the same from them.
func TestExtJSON_AsJava(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a registry and a JVM; not in short mode")
	}
	r, j := testenv.Registry(t), testenv.NewJudge(t, "apicurio-converter")
	prefix := testenv.Kafka(t).TopicPrefix(t)
	v3 := strings.TrimSuffix(r.NativeURL(), "v2") + "v3"
	values := judgedValues(typed.Generator{Rand: rand.New(rand.NewPCG(3, 9))}, 60)
	b := records.NewBatch(records.Origin{Table: "judge"})
	defer b.Release()
	var q testenv.Question
	var kept []judged
	var in []records.Value
	for _, v := range values {
		if v.schema == nil && v.value != nil {
			continue
		}
		val := typed.Add(b, v.schema, v.value)
		kept, in = append(kept, v), append(in, val)
		q.Values = append(q.Values, typed.NewValue(b, v.schema, val))
	}
	for name, c := range map[string]struct{ java, ours map[string]string }{
		"defaults":       {},
		"numbers, v3":    {java: map[string]string{DecimalFormat: "NUMERIC"}, ours: map[string]string{"apicurio.registry.url": v3}},
		"other ids":      {java: map[string]string{"apicurio.registry.use-id": "contentId", "apicurio.registry.headers.enabled": "true", ReplaceNullWithDefault: "false"}},
		"the topic only": {java: map[string]string{"apicurio.registry.artifact-resolver-strategy": "io.apicurio.registry.serde.strategy.SimpleTopicIdStrategy"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := map[string]string{"apicurio.registry.url": r.NativeURL(), "apicurio.registry.auto-register": "true", "apicurio.registry.artifact.group-id": prefix + strings.ReplaceAll(name, " ", "")}
			for k, v := range c.java {
				cfg[k] = v
			}
			java := map[string]string{}
			for k, v := range cfg {
				java[k] = v
			}
			for k, v := range c.ours {
				cfg[k] = v
			}
			q.Op, q.Class, q.Config, q.Use = "encode", ExtJSONClass, java, "value"
			ours := use{ExtJSONClass, cfg, "value"}.converter(t)
			read := testenv.Question{Op: "decode", Class: ExtJSONClass, Config: java, Use: "value"}
			var at []int
			messages := map[int][]byte{}
			answer := j.Ask(t, []testenv.Question{q})[0]
			if answer.Error != nil {
				t.Fatal(answer.Error)
			}
			for i, want := range answer.Results {
				got, null, err := ours.Append(nil, "topic", b, kept[i].schema, in[i])
				switch {
				case kept[i].schema != nil && kept[i].value == nil:
					// Java fails on null itself (NullPointerException).
					if err != nil && kept[i].schema.Optional {
						t.Errorf("%v: %v", kept[i], err)
					}
				case want.Error != nil || err != nil:
					if want.Error == nil || err == nil {
						t.Errorf("%v: Java %v, ours %v", kept[i], want.Error, err)
					}
				case null || want.Data == nil:
					if !null || want.Data != nil {
						t.Errorf("%v: null on one side", kept[i])
					}
				default:
					raw, _ := hex.DecodeString(*want.Data)
					if string(got) != string(raw) && !hasMap(kept[i].value) {
						t.Errorf("%v:\n ours %s\n Java %s", kept[i], got, raw)
					}
					text := hex.EncodeToString(got)
					// Two differences on purpose are JsonConverter's: it reads infinities as 0, decimals with another scale.
					if messages[i] = got; !odd(kept[i].value) && cfg[DecimalFormat] == "" {
						read.Data = append(read.Data, &text)
					}
					at = append(at, i)
				}
			}
			if len(at) < 20 {
				t.Fatalf("only %d of %d were written", len(at), len(kept))
			}
			for i, want := range j.Ask(t, []testenv.Question{read})[0].Results {
				msg, _ := hex.DecodeString(*read.Data[i])
				s, v, err := ours.Decode("topic", msg, b)
				if err != nil || want.Error != nil {
					if err == nil || want.Error == nil {
						t.Errorf("read %s: Java %v, ours %v", msg, want.Error, err)
					}
					continue
				}
				if mine, theirs := typed.Canonical(t, typed.NewValue(b, s, v)), typed.Canonical(t, want.Value); mine != theirs {
					t.Errorf("read %s\n ours %s\n Java %s", msg, mine, theirs)
				}
			}
			// Without registering: found by content.
			delete(cfg, "apicurio.registry.auto-register")
			last := at[len(at)-1]
			if got, _, err := (use{ExtJSONClass, cfg, "value"}).converter(t).Append(nil, "topic", b, kept[last].schema, in[last]); err != nil || string(got) != string(messages[last]) {
				t.Errorf("looked up: %s %v, want %s", got, err, messages[last])
			}
		})
	}
}

// odd reports floats that JSON has no numbers for.
func odd(v any) bool {
	switch x := v.(type) {
	case float32:
		return odd(float64(x))
	case float64:
		return math.IsInf(x, 0) || math.IsNaN(x)
	case typed.Pairs:
		return odd([]any(x))
	case []any:
		return slices.ContainsFunc(x, odd)
	}
	return false
}

// extServer hands out the schema of a string for every id.
func extServer(t testing.TB) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"type":"string","optional":true}`)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/apis/registry/v2"
}

func TestExtJSON_ReadsAnyOrderAndRefusesOthers(t *testing.T) {
	c := use{ExtJSONClass, map[string]string{"apicurio.registry.url": extServer(t)}, "value"}.converter(t)
	b := records.NewBatch(records.Origin{})
	defer b.Release()
	for text, want := range map[string]string{
		`{"payload":"a","schemaId":1}`: "a", ` { "schemaId" : 2 , "x":[1,{}], "payload" : "b" } `: "b", `{"schemaId":1,"payload":"a","schemaId":2,"payload":"c"}`: "c",
	} {
		if s, v, err := c.Decode("t", []byte(text), b); err != nil || s == nil || b.Str(v) != want {
			t.Errorf("%s: %v %v", text, v, err)
		}
	}
	if s, v, err := c.Decode("t", []byte(`{"schemaId":1,"payload":null}`), b); err != nil || s == nil || !v.IsNull() {
		t.Error(s, v, err)
	}
	for _, text := range []string{``, `1`, `{}`, `{"schemaId":1}`, `{"payload":"a"}`, `{"schemaId":"1","payload":"a"}`, `{"schemaId":-1,"payload":"a"}`, `{"schemaId":1.5,"payload":"a"}`,
		`{"schemaId":4294967296,"payload":"a"}`, `{"schemaId":1,"payload":5}`, `{"schemaId":1,"payload":"a"}x`, `{"schemaId":1,"payload":"a"`} {
		if _, _, err := c.Decode("t", []byte(text), b); err == nil || records.Retriable(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := New(ExtJSONClass, map[string]string{"apicurio.registry.url": "http://x/apis/registry/v2", "apicurio.registry.artifact-resolver-strategy": "io.apicurio.registry.serde.avro.strategy.RecordIdStrategy"}, false); err == nil {
		t.Error("a strategy for Avro is accepted")
	}
}

func TestHint_NamesWhatToUse(t *testing.T) {
	for class, want := range map[string]string{
		"io.apicurio.registry.utils.converter.ProtobufConverter":                              "ccompat/v7",
		"com.amazonaws.services.schemaregistry.kafkaconnect.AWSKafkaAvroConverter":            AvroClass,
		"com.amazonaws.services.schemaregistry.kafkaconnect.protobuf.ProtobufSchemaConverter": ProtobufClass,
	} {
		if _, err := New(class, nil, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", class, err)
		}
	}
	if got := string(rawPairs([]byte(`"\ud83d\uDE00 \\uD83D\uDE00 \uD83D \u0001"`))); got != `"😀 \\uD83D\uDE00 \uD83D \u0001"` {
		t.Error(got)
	}
	if Hint("com.acme.X") != "" {
		t.Error("a hint for an unknown class")
	}
}

func FuzzExtJSON(f *testing.F) {
	f.Add(`{"schemaId":1,"payload":"a"}`)
	f.Add(`{"payload":"a","x":{},"schemaId":2}`)
	make, err := New(ExtJSONClass, map[string]string{"apicurio.registry.url": extServer(f)}, false)
	if err != nil {
		f.Fatal(err)
	}
	c := make()
	f.Fuzz(func(t *testing.T, text string) {
		b := records.NewBatch(records.Origin{})
		defer b.Release()
		_, _, _ = c.Decode("t", []byte(text), b)
	})
}
