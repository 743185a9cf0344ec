package avro_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/avro"
	"github.com/anabranch/anabranch/testenv"
	"github.com/anabranch/anabranch/testenv/typed"
)

func apicurioFactory(t testing.TB, cfg map[string]string) func() *avro.Converter {
	t.Helper()
	v, problems := avro.ApicurioDef().Parse(cfg)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	f, problems := avro.NewApicurio(v, false)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return f
}

// With the same keys Apicurio's converter and ours write the same messages, ids included.
func TestJudge_ApicurioWhole(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a registry and a JVM; not in short mode")
	}
	r := testenv.Registry(t)
	judge := testenv.NewJudge(t, "apicurio-converter")
	prefix := testenv.Kafka(t).TopicPrefix(t)
	v3 := strings.TrimSuffix(r.NativeURL(), "v2") + "v3"
	for name, c := range map[string]struct {
		java map[string]string
		ours map[string]string // over java's
	}{
		"as Confluent":   {java: apicurio(r, prefix+"a")},
		"global ids":     {java: apicurio(r, prefix+"b", "apicurio.registry.use-id", "globalId")},
		"eight bytes":    {java: apicurio(r, prefix+"c", "apicurio.registry.as-confluent", "false")},
		"by record":      {java: apicurio(r, prefix+"d", "apicurio.registry.artifact-resolver-strategy", "io.apicurio.registry.serde.avro.strategy.RecordIdStrategy")},
		"one artifact":   {java: apicurio(r, prefix+"e", "apicurio.registry.artifact.artifact-id", "the-one")},
		"the newer API":  {java: apicurio(r, prefix+"f"), ours: map[string]string{"apicurio.registry.url": v3}},
		"the topic only": {java: apicurio(r, prefix+"g", "apicurio.registry.artifact-resolver-strategy", "io.apicurio.registry.serde.strategy.SimpleTopicIdStrategy")},
	} {
		t.Run(name, func(t *testing.T) {
			ourCfg := map[string]string{}
			for _, m := range []map[string]string{c.java, c.ours} {
				for k, v := range m {
					ourCfg[k] = v
				}
			}
			ours := apicurioFactory(t, ourCfg)()
			b := records.NewBatch(records.Origin{Table: "t"})
			list, values := draw(t, b, 0)
			q := testenv.Question{Op: "encode", Class: avro.ApicurioClass, Use: "value", Config: c.java}
			keep := 0
			for i := range list {
				// One in four is enough but for the first; records only where names count.
				if name != "as Confluent" && i%4 > 0 || known[list[i].name] != "" || name == "by record" && list[i].schema.Type != records.Struct {
					continue
				}
				list[keep], values[keep] = list[i], values[i]
				keep++
				q.Values = append(q.Values, typed.NewValue(b, list[i].schema, values[i]))
			}
			answer := judge.Ask(t, []testenv.Question{q})[0]
			if answer.Error != nil {
				t.Fatal(answer.Error)
			}
			for i, want := range answer.Results {
				got, _, err := ours.Append(nil, "topic", b, list[i].schema, values[i])
				if want.Error != nil || err != nil {
					if want.Error == nil || err == nil {
						t.Errorf("%s: Java %v, ours %v", list[i].name, want.Error, err)
					}
					continue
				}
				if hex.EncodeToString(got) != *want.Data {
					t.Errorf("%s:\n ours %x\n Java %s", list[i].name, got, *want.Data)
				}
				schema, v, err := ours.Decode("topic", got, b)
				if err != nil || schema == nil || v.Kind == records.KindNull {
					t.Errorf("%s: read back %v %v", list[i].name, schema, err)
				}
			}

			// Without registering: found by content, then as the latest.
			delete(ourCfg, "apicurio.registry.auto-register")
			first := answer.Results[0]
			if got, _, err := apicurioFactory(t, ourCfg)().Append(nil, "topic", b, list[0].schema, values[0]); err != nil || hex.EncodeToString(got) != *first.Data {
				t.Errorf("looked up: %x %v, want %s", got, err, *first.Data)
			}
			if name == "by record" {
				ourCfg["apicurio.registry.find-latest"] = "true"
				if got, _, err := apicurioFactory(t, ourCfg)().Append(nil, "topic", b, list[0].schema, values[0]); err != nil || hex.EncodeToString(got) != *first.Data {
					t.Errorf("latest: %x %v, want %s", got, err, *first.Data)
				}
			}
		})
	}
}

func TestApicurio_Refused(t *testing.T) {
	for name, cfg := range map[string]map[string]string{
		"headers by default": {},
		"headers":            {"apicurio.registry.headers.enabled": "true"},
		"an id handler":      {"apicurio.registry.id-handler": "io.apicurio.registry.serde.Legacy4ByteIdHandler"},
		"OAuth":              {"apicurio.auth.client.id": "x"},
		"another API":        {"apicurio.registry.url": "http://x/apis/ccompat/v7"},
		"a strategy":         {"apicurio.registry.artifact-resolver-strategy": "com.acme.Names"},
		"JSON":               {"apicurio.registry.avro.encoding": "JSON"},
	} {
		all := map[string]string{"apicurio.registry.url": "http://x:8080/apis/registry/v2", "apicurio.registry.headers.enabled": "false"}
		for k, v := range cfg {
			all[k] = v
		}
		if name == "headers by default" {
			delete(all, "apicurio.registry.headers.enabled")
		}
		if _, problems := avro.ApicurioDef().Parse(all); len(problems) == 0 {
			t.Errorf("%s: accepted", name)
		}
	}
}
