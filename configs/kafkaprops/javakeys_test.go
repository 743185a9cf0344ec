package kafkaprops

import (
	"os"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/configs"
)

// javaDefaults are the defaults that are not Java's, with the reason.
var javaDefaults = map[string]string{
	"producer bootstrap.servers":                     "the worker gives it",
	"consumer bootstrap.servers":                     "the worker gives it",
	"admin bootstrap.servers":                        "the worker gives it",
	"producer batch.size":                            "without effect",
	"producer buffer.memory":                         "the budget of the task bounds what is in flight",
	"producer compression.type":                      "lz4 costs less than it saves",
	"producer delivery.timeout.ms":                   "Connect's base has no limit either",
	"producer enable.idempotence":                    "follows acks",
	"producer linger.ms":                             "the sink's own",
	"producer max.in.flight.requests.per.connection": "idempotent producers keep order",
	"producer partitioner.class":                     "empty is null",
	"consumer auto.offset.reset":                     "Connect's base has earliest",
	"consumer max.poll.records":                      "batches are cut by bytes",
	"producer receive.buffer.bytes":                  "left to the system",
	"admin connections.max.idle.ms":                  "one default for all clients",
	"admin enable.metrics.push":                      "without effect",
	"producer key.serializer":                        "the converters write",
	"producer value.serializer":                      "the converters write",
	"consumer key.deserializer":                      "the converters read",
	"consumer value.deserializer":                    "the converters read",
}

// TestDefs_KnowEveryKeyOfJavasClients compares with the definitions in Kafka's own jars.
func TestDefs_KnowEveryKeyOfJavasClients(t *testing.T) {
	data, err := os.ReadFile("../testdata/javakeys.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defs := map[string]*configs.Def{"producer": producerDef(), "consumer": consumerDef(), "admin": clientDef()}
	keys, answers := 0, 0
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		f := strings.Split(line, "\t")
		switch f[0] {
		case "key":
			def := defs[f[1]]
			if def == nil {
				continue
			}
			keys++
			k, ok := def.Key(f[2])
			if !ok {
				t.Errorf("%s does not know %s", f[1], f[2])
				continue
			}
			if string(k.Type) != f[3] {
				t.Errorf("%s %s is %s, in Java %s", f[1], f[2], k.Type, f[3])
			}
			have := "null"
			if k.HasDefault {
				have = k.Default
			}
			if _, wanted := javaDefaults[f[1]+" "+f[2]]; have != f[4] && !wanted {
				t.Errorf("%s %s: default %q, in Java %q", f[1], f[2], have, f[4])
			}
		case "bad":
			for _, set := range strings.Split(f[1], ",") {
				def := defs[set]
				if def == nil {
					continue
				}
				answers++
				_, problems := def.Parse(map[string]string{f[2]: f[3]})
				got := "accepted"
				for _, p := range problems {
					if p.Key == f[2] {
						got = p.Message
					}
				}
				if got != f[4] {
					t.Errorf("%s %s=%q:\n  %s\n  Java: %s", set, f[2], f[3], got, f[4])
				}
			}
		}
	}
	if keys < 300 || answers < 1000 {
		t.Errorf("only %d keys and %d answers were compared", keys, answers)
	}
}
