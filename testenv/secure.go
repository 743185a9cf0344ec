package testenv

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Names of the listeners of a [SecureKafka] and its user.
const (
	ListenerSASL  = "sasl"  // SASL_SSL with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and unsecured OAUTHBEARER
	ListenerOAuth = "oauth" // SASL_SSL with OAUTHBEARER whose tokens a JWKS endpoint vouches for; only with SecureOptions.JWKS
	ListenerMTLS  = "mtls"  // SSL with client certificates required

	SecureUser     = "alice"
	SecurePassword = "alice-secret"
	StorePassword  = "store-secret"
	KeyPassword    = "key-secret" // of the JKS key store
)

// SecureOptions shape a SecureKafka.
type SecureOptions struct {
	JWKS  string // URL
	Props map[string]string
}

// SecureKafka is a broker with listeners that ask for TLS and passwords, and the files that
// clients need, made by the JDK's keytool.
type SecureKafka struct {
	*KafkaServer
	Dir string
}

// NewSecureKafka starts one for this test alone.
func NewSecureKafka(t testing.TB, o SecureOptions) *SecureKafka {
	t.Helper()
	s := &SecureKafka{Dir: t.TempDir()}
	ctx, cancel := patience(t, time.Minute)
	defer cancel()
	s.stores(ctx, t)
	own := func(listener string, extra map[string]string) map[string]string {
		p := map[string]string{
			"ssl.keystore.location": s.File("server.p12"), "ssl.keystore.type": "PKCS12", "ssl.keystore.password": StorePassword,
			"ssl.truststore.location": s.File("trust.p12"), "ssl.truststore.type": "PKCS12", "ssl.truststore.password": StorePassword,
		}
		for k, v := range extra {
			p[k] = v
		}
		out := map[string]string{}
		for k, v := range p {
			out["listener.name."+listener+"."+k] = v
		}
		return out
	}
	const security = "org.apache.kafka.common.security."
	props := own(ListenerSASL, map[string]string{
		"sasl.enabled.mechanisms":               "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"plain.sasl.jaas.config":                security + `plain.PlainLoginModule required user_` + SecureUser + `="` + SecurePassword + `";`,
		"scram-sha-256.sasl.jaas.config":        security + "scram.ScramLoginModule required;",
		"scram-sha-512.sasl.jaas.config":        security + "scram.ScramLoginModule required;",
		"oauthbearer.sasl.jaas.config":          security + `oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
		"oauthbearer.connections.max.reauth.ms": "3600000",
	})
	listeners := map[string]string{ListenerSASL: "SASL_SSL", ListenerMTLS: "SSL"}
	for k, v := range own(ListenerMTLS, map[string]string{"ssl.client.auth": "required"}) {
		props[k] = v
	}
	var jvm []string
	if o.JWKS != "" {
		listeners[ListenerOAuth] = "SASL_SSL"
		for k, v := range own(ListenerOAuth, map[string]string{
			"sasl.enabled.mechanisms":                        "OAUTHBEARER",
			"oauthbearer.sasl.jaas.config":                   security + "oauthbearer.OAuthBearerLoginModule required;",
			"oauthbearer.sasl.server.callback.handler.class": security + "oauthbearer.OAuthBearerValidatorCallbackHandler",
			"oauthbearer.sasl.oauthbearer.jwks.endpoint.url": o.JWKS,
			"oauthbearer.sasl.oauthbearer.expected.audience": "kafka",
			"sasl.oauthbearer.jwks.endpoint.url":             o.JWKS,
			"sasl.oauthbearer.expected.audience":             "kafka",
		}) {
			props[k] = v
		}
		jvm = append(jvm, "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+o.JWKS)
	}
	for k, v := range o.Props {
		props[k] = v
	}
	s.KafkaServer = PrivateKafka(t, KafkaOptions{JVM: jvm, Props: props, Listeners: listeners})
	adm := kadm.NewClient(s.Client(t))
	for _, m := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		altered, err := adm.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: SecureUser, Mechanism: m, Iterations: 4096, Password: SecurePassword}})
		if err == nil {
			err = altered.Error()
		}
		if err != nil {
			t.Fatalf("testenv: make SCRAM user: %v", err)
		}
	}
	return s
}

// File is the path of one of the files: server.p12, trust.p12, trust.jks, ca.pem, client.p12,
// client.jks, client.crt (PEM).
func (s *SecureKafka) File(name string) string { return filepath.Join(s.Dir, name) }

// stores makes an authority, and keys of broker and client that it signs.
func (s *SecureKafka) stores(ctx context.Context, t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("keytool"); err != nil {
		t.Skip("keytool is missing:", err)
	}
	keytool := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(ctx, "keytool", append([]string{"-J-XX:TieredStopAtLevel=1"}, args...)...)
		cmd.Dir = s.Dir
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("testenv: keytool %v: %v\n%s", args, err, text)
		}
	}
	key := func(file, storeType, alias, name, keyPass string) {
		keytool("-genkeypair", "-keystore", file, "-storetype", storeType, "-storepass", StorePassword, "-keypass", keyPass, "-alias", alias,
			"-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN="+name, "-validity", "3650", "-ext", "bc=ca:true")
	}
	sign := func(file, storeType, alias, keyPass string) {
		keytool("-certreq", "-keystore", file, "-storetype", storeType, "-storepass", StorePassword, "-keypass", keyPass, "-alias", alias, "-file", alias+".csr")
		keytool("-gencert", "-keystore", "ca.p12", "-storepass", StorePassword, "-alias", "ca", "-infile", alias+".csr", "-outfile", alias+".crt", "-rfc",
			"-validity", "3650", "-ext", "san=dns:localhost,ip:127.0.0.1")
		keytool("-importcert", "-noprompt", "-keystore", file, "-storetype", storeType, "-storepass", StorePassword, "-alias", "ca", "-file", "ca.pem")
		keytool("-importcert", "-noprompt", "-keystore", file, "-storetype", storeType, "-storepass", StorePassword, "-keypass", keyPass, "-alias", alias, "-file", alias+".crt")
	}
	key("ca.p12", "PKCS12", "ca", "authority", StorePassword)
	keytool("-exportcert", "-rfc", "-keystore", "ca.p12", "-storepass", StorePassword, "-alias", "ca", "-file", "ca.pem")
	for _, f := range []struct{ file, kind string }{{"trust.p12", "PKCS12"}, {"trust.jks", "JKS"}} {
		keytool("-importcert", "-noprompt", "-keystore", f.file, "-storetype", f.kind, "-storepass", StorePassword, "-alias", "ca", "-file", "ca.pem")
	}
	key("server.p12", "PKCS12", "server", "broker", StorePassword)
	sign("server.p12", "PKCS12", "server", StorePassword)
	key("client.p12", "PKCS12", "client", "worker", StorePassword)
	sign("client.p12", "PKCS12", "client", StorePassword)
	keytool("-importkeystore", "-srckeystore", "client.p12", "-srcstorepass", StorePassword, "-srcalias", "client", "-srckeypass", StorePassword,
		"-destkeystore", "client.jks", "-deststoretype", "JKS", "-deststorepass", StorePassword, "-destkeypass", KeyPassword)
}
