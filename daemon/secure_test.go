package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/testenv"
)

// TestSecureBroker_WholeWorker runs a worker on a broker that asks for TLS and passwords: the
// unprefixed keys for the internal topics, the prefixed ones for tasks; without the prefixed
// ones tasks fail, as in Connect (CW-111).
func TestSecureBroker_WholeWorker(t *testing.T) {
	if os.Getenv("ANABRANCH_LONG") == "" {
		t.Skip("it starts a broker and two workers; set ANABRANCH_LONG=1 (configs/kafkaprops tests the clients alone)")
	}
	k := testenv.NewSecureKafka(t, testenv.SecureOptions{})
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	scram := map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "ssl.truststore.location": k.File("trust.jks"), "ssl.truststore.password": testenv.StorePassword,
		"sasl.jaas.config": `org.apache.kafka.common.security.scram.ScramLoginModule required username="` + testenv.SecureUser + `" password="` + testenv.SecurePassword + `";`}
	bearer := map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "ssl.truststore.location": k.File("trust.p12"), "ssl.truststore.type": "PKCS12",
		"ssl.truststore.password": testenv.StorePassword, "sasl.jaas.config": `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="alice";`}
	worker := func(name string, more map[string]map[string]string) (string, *process) {
		t.Helper()
		port := freePort(t)
		lines := []string{"bootstrap.servers=" + k.Listener(testenv.ListenerSASL), "group.id=" + name, "config.storage.topic=" + name + "-c", "offset.storage.topic=" + name + "-o",
			"status.storage.topic=" + name + "-s", "config.storage.replication.factor=1", "offset.storage.replication.factor=1", "status.storage.replication.factor=1",
			"offset.storage.partitions=1", "status.storage.partitions=1", "key.converter=org.apache.kafka.connect.storage.StringConverter", "value.converter=org.apache.kafka.connect.storage.StringConverter",
			fmt.Sprintf("listeners=http://127.0.0.1:%d", port)}
		for prefix, keys := range more {
			for key, value := range keys {
				lines = append(lines, prefix+key+"="+value)
			}
		}
		file := filepath.Join(dir, name+".properties")
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p := spawn(t, nil, "run", file)
		url := fmt.Sprintf("http://127.0.0.1:%d", port)
		waitFor(t, "worker "+name, func() bool { return healthy(url) })
		return url, p
	}
	source := `{"connector.class":"FileStreamSource","file":"` + in + `","topic":"lines"}`

	url, p := worker("whole", map[string]map[string]string{"": scram, "producer.": scram, "consumer.": bearer})
	for name, config := range map[string]string{"source": source, "sink": `{"connector.class":"FileStreamSink","file":"` + out + `","topics":"lines"}`} {
		if code, body := get(t, "PUT", url+"/connectors/"+name+"/config", config); code != 201 {
			t.Fatalf("%d %s", code, body)
		}
	}
	waitFor(t, "the line in the sink's file", func() bool {
		data, _ := os.ReadFile(out)
		return string(data) == "hello\n"
	})
	stop(t, p)

	url, p = worker("forgotten", map[string]map[string]string{"": scram})
	if code, body := get(t, "PUT", url+"/connectors/source/config", source); code != 201 {
		t.Fatalf("%d %s", code, body)
	}
	// The task's plain text goes to a port that speaks TLS.
	waitFor(t, "a task that cannot connect", func() bool {
		_, body := get(t, "GET", url+"/connectors/source/status", "")
		return strings.Contains(body, `"trace"`) && strings.Contains(body, "kafka")
	})
	stop(t, p)
}

func stop(t *testing.T, p *process) {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.exit(t)
	for _, secret := range []string{testenv.SecurePassword, testenv.StorePassword} {
		if strings.Contains(p.out.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}
