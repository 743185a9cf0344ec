package kafkaprops

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestProducer_ProblemsNameTheKey(t *testing.T) {
	for name, c := range map[string]struct {
		props map[string]string
		key   string
	}{
		"acks":               {map[string]string{"acks": "2"}, "acks"},
		"idempotent acks=1":  {map[string]string{"acks": "1", "enable.idempotence": "true"}, "acks"},
		"in flight":          {map[string]string{"max.in.flight.requests.per.connection": "6"}, "max.in.flight.requests.per.connection"},
		"compression":        {map[string]string{"compression.type": "brotli"}, "compression.type"},
		"number":             {map[string]string{"linger.ms": "soon"}, "linger.ms"},
		"partitioner":        {map[string]string{"partitioner.class": "com.example.P"}, "partitioner.class"},
		"transactions":       {map[string]string{"transactional.id": "x"}, "transactional.id"},
		"jks":                {map[string]string{"security.protocol": "SSL", "ssl.truststore.location": "/x.jks"}, "ssl.truststore.location"},
		"store type":         {map[string]string{"security.protocol": "SSL", "ssl.truststore.type": "BCFKS"}, "ssl.truststore.type"},
		"password, no store": {map[string]string{"security.protocol": "SSL", "ssl.truststore.password": "secret"}, "ssl.truststore.password"},
		"password of PEM":    {map[string]string{"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.location": "/x", "ssl.truststore.password": "secret"}, "ssl.truststore.password"},
		"kerberos":           {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}, "sasl.mechanism"},
		"suites":             {map[string]string{"security.protocol": "SSL", "ssl.cipher.suites": "NO_SUCH"}, "ssl.cipher.suites"},
		"engine":             {map[string]string{"security.protocol": "SSL", "ssl.engine.factory.class": "a.B"}, "ssl.engine.factory.class"},
		"assertion":          {map[string]string{"sasl.oauthbearer.assertion.file": "/x"}, "sasl.oauthbearer.assertion.file"},
		"handler":            {map[string]string{"sasl.login.callback.handler.class": "a.B"}, "sasl.login.callback.handler.class"},
		"no such file":       {map[string]string{"security.protocol": "SSL", "ssl.truststore.location": "/none.pem", "ssl.truststore.type": "PEM"}, "ssl.truststore.location"},
		"no mechanism":       {map[string]string{"security.protocol": "SASL_SSL"}, "sasl.mechanism"},
		"no jaas":            {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}, "sasl.jaas.config"},
		"bad jaas":           {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": "x"}, "sasl.jaas.config"},
		"wrong module": {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
			"sasl.jaas.config": `org.apache.kafka.common.security.scram.ScramLoginModule required username="a" password="secret";`}, "sasl.jaas.config"},
	} {
		s := Producer(c.props)
		if len(s.Problems) != 1 || s.Problems[0].Key != c.key || !strings.Contains(s.Problems[0].Message, c.key) {
			t.Errorf("%s: %v", name, s.Problems)
		}
		if strings.Contains(s.Problems.Error(), "secret") {
			t.Errorf("%s: the problem shows the password", name)
		}
	}
	s := Producer(map[string]string{"acks": "2"}).WithPrefix("producer.override.")
	if s.Problems[0].Key != "producer.override.acks" || !strings.Contains(s.Problems[0].Message, "producer.override.acks") {
		t.Errorf("prefix: %v", s.Problems)
	}
}

func TestProducer_WarningsSayWhy(t *testing.T) {
	s := Producer(map[string]string{"batch.size": "1", "no.such.key": "x", "interceptor.classes": "x", "max.in.flight.requests.per.connection": "1"})
	if len(s.Problems) > 0 {
		t.Fatal(s.Problems)
	}
	var text strings.Builder
	for _, w := range s.Warnings {
		text.WriteString(w.Key + ": " + w.Message + "\n")
	}
	for _, want := range []string{"batch.size: ", "no.such.key: unknown configuration", "interceptor.classes: ", "max.in.flight.requests.per.connection: "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no warning %q in:\n%s", want, text.String())
		}
	}
}

// optValue asks a client for what an option became.
func optValue(t *testing.T, s *Settings, opt any) any {
	t.Helper()
	if len(s.Problems) > 0 {
		t.Fatal(s.Problems)
	}
	cl, err := kgo.NewClient(append(s.Opts, s.GroupOpts()...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	return cl.OptValue(opt)
}

func TestProducer_Translates(t *testing.T) {
	for _, c := range []struct {
		props map[string]string
		opt   any
		want  any
	}{
		{nil, kgo.RequiredAcks, kgo.AllISRAcks()},
		{nil, kgo.DisableIdempotentWrite, false},
		{map[string]string{"acks": "1"}, kgo.RequiredAcks, kgo.LeaderAck()},
		{map[string]string{"acks": "1"}, kgo.DisableIdempotentWrite, true},
		{map[string]string{"enable.idempotence": "false"}, kgo.DisableIdempotentWrite, true},
		{map[string]string{"enable.idempotence": "false", "max.in.flight.requests.per.connection": "3"}, kgo.MaxProduceRequestsInflightPerBroker, 3},
		{map[string]string{"delivery.timeout.ms": "5000"}, kgo.RecordDeliveryTimeout, 5 * time.Second},
		{nil, kgo.RecordDeliveryTimeout, time.Duration(0)},
		{map[string]string{"request.timeout.ms": "7000"}, kgo.ProduceRequestTimeout, 7 * time.Second},
		{map[string]string{"client.id": "x"}, kgo.ClientID, "x"},
		{map[string]string{"metadata.max.age.ms": "60000"}, kgo.MetadataMaxAge, time.Minute},
	} {
		if got := optValue(t, Producer(c.props), c.opt); got != c.want {
			t.Errorf("%v: %v, want %v", c.props, got, c.want)
		}
	}
	s := Producer(map[string]string{"linger.ms": "7", "buffer.memory": "1000", "max.request.size": "2000000"})
	if s.Linger != 7*time.Millisecond || s.BufferBytes != 1000 || s.MaxRequestBytes != 2000000 {
		t.Errorf("%+v", s)
	}
	if Producer(nil).Linger >= 0 {
		t.Error("no linger.ms is not the same as 0")
	}
	if Producer(map[string]string{"linger.ms": "0"}).Linger != 0 {
		t.Error("linger.ms=0 is not kept")
	}
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		optValue(t, Producer(map[string]string{"compression.type": codec}), kgo.ClientID)
	}
}

func TestConsumer_Translates(t *testing.T) {
	s := Consumer(map[string]string{"group.id": "g", "max.poll.records": "10", "isolation.level": "read_committed"})
	s.Opts = append(s.Opts, kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"))
	if s.GroupID != "g" || s.MaxPollRecords != 10 {
		t.Errorf("%+v", s)
	}
	if got := optValue(t, s, kgo.FetchIsolationLevel); got != int8(1) {
		t.Errorf("isolation is %v", got)
	}
	for key, bad := range map[string]string{"auto.offset.reset": "LATEST", "group.protocol": "consumer", "partition.assignment.strategy": "com.example.A", "isolation.level": "x"} {
		if s := Consumer(map[string]string{key: bad}); len(s.Problems) != 1 || s.Problems[0].Key != key {
			t.Errorf("%s=%s: %v", key, bad, s.Problems)
		}
	}
	for _, good := range []string{"earliest", "latest", "none", "by_duration:P1D"} {
		if s := Consumer(map[string]string{"auto.offset.reset": good}); len(s.Problems) > 0 {
			t.Error(s.Problems)
		}
	}
	if s := Consumer(map[string]string{"session.timeout.ms": "1000", "heartbeat.interval.ms": "2000"}); len(s.Problems) != 1 {
		t.Error("heartbeat above the session timeout is accepted")
	}
}

func ping(s *Settings) error {
	cl, err := kgo.NewClient(s.Opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return cl.Ping(ctx)
}

func TestSASL_AgainstABroker(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "p"), kfake.Superuser("SCRAM-SHA-256", "u", "p"), kfake.Superuser("SCRAM-SHA-512", "u", "p"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for mech, module := range map[string]string{"PLAIN": "plain.PlainLoginModule", "SCRAM-SHA-256": "scram.ScramLoginModule", "SCRAM-SHA-512": "scram.ScramLoginModule"} {
		for pass, ok := range map[string]bool{"p": true, "wrong": false} {
			s := Client(map[string]string{"bootstrap.servers": strings.Join(c.ListenAddrs(), ","), "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mech,
				"sasl.jaas.config": "org.apache.kafka.common.security." + module + ` required username="u" password="` + pass + `";`})
			if len(s.Problems) > 0 {
				t.Fatal(s.Problems)
			}
			if err := ping(s); (err == nil) != ok {
				t.Errorf("%s with password %s: %v", mech, pass, err)
			}
		}
	}
}

// certificate makes a self-signed certificate for a name.
func certificate(t *testing.T, name string) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	if ip := net.ParseIP(name); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func TestTLS_AgainstABroker(t *testing.T) {
	for host, c := range map[string]struct{ strict, lenient bool }{"127.0.0.1": {true, true}, "elsewhere.example.org": {false, true}} {
		certPEM, keyPEM := certificate(t, host)
		pair, err := tls.X509KeyPair(certPEM, keyPEM)
		if err != nil {
			t.Fatal(err)
		}
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		file := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(file, certPEM, 0o600); err != nil {
			t.Fatal(err)
		}
		base := map[string]string{"bootstrap.servers": strings.Join(cluster.ListenAddrs(), ","), "security.protocol": "SSL", "ssl.truststore.type": "PEM", "retry.backoff.ms": "10"}
		for name, p := range map[string]struct {
			props map[string]string
			ok    bool
		}{
			"file":                        {map[string]string{"ssl.truststore.location": file}, c.strict},
			"inline":                      {map[string]string{"ssl.truststore.certificates": string(certPEM)}, c.strict},
			"no host check":               {map[string]string{"ssl.truststore.location": file, "ssl.endpoint.identification.algorithm": ""}, c.lenient},
			"system roots":                {map[string]string{}, false},
			"no host check, system roots": {map[string]string{"ssl.endpoint.identification.algorithm": ""}, false},
			"with a key":                  {map[string]string{"ssl.truststore.location": file, "ssl.keystore.type": "PEM", "ssl.keystore.key": string(keyPEM), "ssl.keystore.certificate.chain": string(certPEM)}, c.strict},
		} {
			s := Client(Merge(base, p.props))
			if len(s.Problems) > 0 {
				t.Fatal(name, s.Problems)
			}
			if err := ping(s); (err == nil) != p.ok {
				t.Errorf("%s, %s: %v", host, name, err)
			}
		}
	}
}

func TestLZ4_FramesAreReadable(t *testing.T) {
	src := bytes.Repeat([]byte("some row with columns and columns,"), 10000)
	for _, level := range []int{1, 9, 17} {
		out, codec := newLZ4(level).Compress(&bytes.Buffer{}, src)
		if codec != kgo.CodecLz4 || len(out) > len(src)/4 {
			t.Fatalf("level %d: codec %v, %d bytes", level, codec, len(out))
		}
		var back bytes.Buffer
		if _, err := back.ReadFrom(lz4.NewReader(bytes.NewReader(out))); err != nil || !bytes.Equal(back.Bytes(), src) {
			t.Fatalf("level %d: %v", level, err)
		}
	}
}

func TestMergeAndBelow(t *testing.T) {
	worker := map[string]string{"producer.acks": "1", "producer.linger.ms": "5", "consumer.x": "y"}
	got := Merge(map[string]string{"acks": "all"}, Below(worker, "producer."), map[string]string{"linger.ms": "9"})
	if got["acks"] != "1" || got["linger.ms"] != "9" || len(got) != 2 {
		t.Error(got)
	}
}
