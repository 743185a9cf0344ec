package avro_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/registry"
	"github.com/anabranch/anabranch/testenv"
	"github.com/anabranch/anabranch/testenv/typed"
)

// foreign are messages whose schemas no Connect worker made.
var foreign = []struct{ name, schema, payload string }{
	{"int", `"int"`, "03"},
	{"string", `"string"`, "066162c3"}, // ends within a character
	{"array of strings", `{"type":"array","items":"string"}`, "03020261000000"},
	{"two blocks", `{"type":"array","items":"int"}`, "0202" + "0204" + "00"},
	{"map", `{"type":"map","values":"long"}`, "0202610a00"},
	{"optional top", `["null","string"]`, "020261"},
	{"optional top, null second", `["int","null"]`, "0008"},
	{"union", `["null","int","string",{"type":"record","name":"n.R","fields":[{"name":"a","type":"int"}]}]`, "0608"},
	{"union without null", `["int","string"]`, "020261"},
	{"enum", `{"type":"enum","name":"n.E","doc":"d","symbols":["A","B"],"default":"A"}`, "02"},
	{"fixed", `{"type":"fixed","name":"n.F","size":2}`, "0102"},
	{"decimal fixed", `{"type":"fixed","name":"n.D","size":3,"logicalType":"decimal","precision":6,"scale":2}`, "ffff01"},
	{"decimal without scale", `{"type":"record","name":"r","fields":[{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":4}}]}`, "040102"},
	{"logical types", `{"type":"record","name":"r","namespace":"n","doc":"rd","fields":[
		{"name":"d","type":{"type":"int","logicalType":"date"},"doc":"fd"},{"name":"t","type":{"type":"int","logicalType":"time-millis"}},
		{"name":"ts","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"tu","type":{"type":"long","logicalType":"timestamp-micros"}},
		{"name":"u","type":{"type":"string","logicalType":"uuid"}},{"name":"x","type":{"type":"int","logicalType":"odd"}}]}`, "0204060802610a"},
	{"defaults", `{"type":"record","name":"r","fields":[{"name":"i","type":"int","default":5},{"name":"l","type":"long","default":6},{"name":"f","type":"float","default":1.1},
		{"name":"s","type":"string","default":"ü"},{"name":"b","type":"boolean","default":true},{"name":"y","type":"bytes","default":"\u00ff\u0000"},
		{"name":"o","type":["null","int"],"default":null},{"name":"p","type":["int","null"],"default":7},{"name":"a","type":{"type":"array","items":"int"},"default":[1,2]},
		{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]},"default":"B"}]}`, "0204" + "0000803f" + "0261" + "01" + "0201" + "00" + "000e" + "00" + "00"},
	{"connect defaults", `{"type":"record","name":"r","fields":[{"name":"i","type":["null",{"type":"int","connect.default":5,"connect.type":"int8"}],"default":null},
		{"name":"j","type":[{"type":"int","connect.default":9,"connect.type":"int16"},"null"],"default":9}]}`, "0206" + "0008"},
	{"properties", `{"type":"record","name":"r","fields":[{"name":"s","type":{"type":"string","avro.java.string":"String","other":"x"}}],"avro.x":"y","connect.doc":"d","connect.version":4,"connect.parameters":{"z":"1","a":"2"}}`, "0261"},
	{"inner union", `{"type":"record","name":"r","fields":[{"name":"u","type":["null","int","long","boolean"],"default":null}]}`, "0601"},
	{"references inside", `{"type":"record","name":"a.R","fields":[{"name":"x","type":{"type":"record","name":"b.I","fields":[{"name":"v","type":"int"}]}},{"name":"y","type":["null","b.I"]}]}`, "020204"},
	{"named error", `{"type":"error","name":"r","fields":[{"name":"s","type":"string"}]}`, "0261"},
	{"empty record", `{"type":"record","name":"r","fields":[]}`, ""},
	{"map entries", `{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":"string"}]}}`, "02" + "040261" + "00"},
	{"anything", anythingText, "00000000" + "020a" + "00000000"},
}

const anythingText = `{"type":"record","name":"Anything","namespace":"io.confluent.connect.avro","fields":[{"name":"boolean","type":["null","boolean"],"default":null},{"name":"bytes","type":["null","bytes"],"default":null},{"name":"double","type":["null","double"],"default":null},{"name":"float","type":["null","float"],"default":null},{"name":"int","type":["null","int"],"default":null},{"name":"long","type":["null","long"],"default":null},{"name":"string","type":["null","string"],"default":null},{"name":"array","type":["null",{"type":"array","items":"Anything"}],"default":null},{"name":"map","type":["null",{"type":"array","items":{"type":"record","name":"MapEntry","fields":[{"name":"key","type":"Anything"},{"name":"value","type":"Anything"}]}}],"default":null}]}`

// knownReading are messages that Apicurio's older copy of AvroData reads in another way.
var knownReading = map[string]string{
	"decimal fixed": "the name of a fixed is not taken for the name of a Decimal any more",
}

func TestJudge_Reading(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a registry and a JVM; not in short mode")
	}
	r := testenv.Registry(t)
	judge := testenv.NewJudge(t, "apicurio-converter")
	topic := testenv.Kafka(t).TopicPrefix(t)
	client, err := registry.NewClient(registry.Config{URLs: []string{r.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	ours := factory(t, false, registry.URLKey, r.URL())()
	b := records.NewBatch(records.Origin{Table: "t"})
	var names []string
	q := testenv.Question{Op: "decode", Class: "io.apicurio.registry.utils.converter.AvroConverter", Use: "value", Config: apicurio(r, topic)}
	add := func(name string, msg []byte) {
		names = append(names, name)
		text := hex.EncodeToString(msg)
		q.Data = append(q.Data, &text)
	}
	for i, f := range foreign {
		// Apicurio's converter loses the schema of whatever is no record.
		if !strings.Contains(f.schema[:min(20, len(f.schema))], "record") && !strings.Contains(f.schema[:min(20, len(f.schema))], "error") {
			f.schema = `{"type":"record","name":"Wrap","fields":[{"name":"v","type":` + f.schema + `}]}`
		}
		id, err := client.Register(t.Context(), topic+"-"+string(rune('a'+i)), registry.Schema{Text: f.schema, Format: registry.Avro}, false)
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		payload, err := hex.DecodeString(f.payload)
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		add(f.name, append(registry.AppendHeader(nil, id), payload...))
	}
	list, values := draw(t, b, randoms()/4)
	for i, s := range list {
		wrap := structOf("Wrap", fld("v", s.schema))
		if msg, _, err := ours.Append(nil, topic, b, wrap, listOf(b, records.KindStruct, values[i])); err == nil {
			add(s.name, msg)
		}
	}
	answer := judge.Ask(t, []testenv.Question{q})[0]
	if answer.Error != nil {
		t.Fatal(answer.Error)
	}
	for i, want := range answer.Results {
		if why, ok := knownReading[names[i]]; ok {
			t.Logf("%s: %s", names[i], why)
			continue
		}
		msg, _ := hex.DecodeString(*q.Data[i])
		schema, v, err := ours.Decode("elsewhere-"+topic, msg, b) // the topic has no subject, so no version
		if want.Error != nil || err != nil {
			if want.Error == nil || err == nil {
				t.Errorf("%s: Java says %v, ours %v", names[i], want.Error, err)
			} else {
				t.Logf("%s: Java says %v, ours %v", names[i], want.Error, err)
			}
			continue
		}
		got, java := typed.Canonical(t, typed.NewValue(b, schema, v)), typed.Canonical(t, want.Value)
		if got != java {
			t.Errorf("%s:\n ours %s\n Java %s", names[i], got, java)
		}
	}
}
