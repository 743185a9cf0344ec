package configs

import (
	"os"
	"strings"
	"testing"
)

// clientOnly reports keys of the worker that its Kafka clients judge (configs/kafkaprops has the
// same test for them).
func clientOnly(name string) bool {
	for _, p := range []string{"sasl.", "ssl.", "security."} {
		if strings.HasPrefix(name, p) && name != "ssl.client.auth" {
			return true
		}
	}
	switch name {
	case "connections.max.idle.ms", "metadata.max.age.ms", "metadata.recovery.rebootstrap.trigger.ms", "metadata.recovery.strategy", "receive.buffer.bytes",
		"reconnect.backoff.max.ms", "reconnect.backoff.ms", "request.timeout.ms", "retry.backoff.max.ms", "retry.backoff.ms", "send.buffer.bytes",
		"socket.connection.setup.timeout.max.ms", "socket.connection.setup.timeout.ms":
		return true
	}
	return false
}

// TestWorkerDef_AnswersAsConnects compares with the definitions in Kafka's own jars.
func TestWorkerDef_AnswersAsConnects(t *testing.T) {
	data, err := os.ReadFile("testdata/javakeys.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defs := map[string]*Def{"distributed": WorkerDef(Distributed), "standalone": WorkerDef(Standalone)}
	keys, answers := 0, 0
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		f := strings.Split(line, "\t")
		if clientOnly(f[2]) {
			continue
		}
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
			have := "null"
			if k.HasDefault {
				have = k.Default
			} else if k.Required {
				have = "-"
			}
			if string(k.Type) != f[3] || have != f[4] {
				t.Errorf("%s %s is %s with default %q, in Java %s with %q", f[1], f[2], k.Type, have, f[3], f[4])
			}
		case "bad":
			for _, set := range strings.Split(f[1], ",") {
				def := defs[set]
				if def == nil || f[2] == "listeners" && f[3] != "" || f[2] == "plugin.path" { // which is not used here, so it cannot be wrong
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
	if keys < 80 || answers < 100 {
		t.Errorf("only %d keys and %d answers were compared", keys, answers)
	}
}
