package kafkaprops

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/anabranch/anabranch/configs"
)

const storeHint = "only PEM stores are supported yet; convert it (keytool -importkeystore to PKCS12, then openssl pkcs12 -nodes) and set the type to PEM"

func securityKeys() []configs.Key {
	pemOnly := func(name string) configs.Key {
		return configs.Key{Name: name, Type: configs.StringType, Default: "JKS", HasDefault: true}
	}
	keys := []configs.Key{
		{Name: "security.protocol", Type: configs.StringType, Default: "PLAINTEXT", HasDefault: true,
			OneOf: []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}},
		key("sasl.mechanism", configs.StringType, "GSSAPI"),
		optional("sasl.jaas.config", configs.PasswordType),
		pemOnly("ssl.truststore.type"), pemOnly("ssl.keystore.type"),
		optional("ssl.truststore.location", configs.StringType), optional("ssl.truststore.certificates", configs.PasswordType),
		optional("ssl.keystore.location", configs.StringType), optional("ssl.keystore.key", configs.PasswordType),
		optional("ssl.keystore.certificate.chain", configs.PasswordType),
		key("ssl.endpoint.identification.algorithm", configs.StringType, "https"),
		key("ssl.enabled.protocols", configs.ListType, "TLSv1.2,TLSv1.3"),
	}
	keys = append(keys, noEffect("PEM stores have no password", "ssl.truststore.password", "ssl.keystore.password")...)
	keys = append(keys, refused("encrypted private keys are not supported yet; decrypt it with openssl pkcs8", "ssl.key.password")...)
	keys = append(keys, noEffect("Go's TLS chooses it", "ssl.protocol", "ssl.provider", "ssl.cipher.suites", "ssl.keymanager.algorithm",
		"ssl.trustmanager.algorithm", "ssl.secure.random.implementation")...)
	keys = append(keys, refused("Java classes cannot be loaded", "ssl.engine.factory.class", "sasl.client.callback.handler.class",
		"sasl.login.callback.handler.class", "sasl.login.class")...)
	keys = append(keys, noEffect("Kerberos is not supported", "sasl.kerberos.service.name", "sasl.kerberos.kinit.cmd",
		"sasl.kerberos.min.time.before.relogin", "sasl.kerberos.ticket.renew.jitter", "sasl.kerberos.ticket.renew.window.factor")...)
	keys = append(keys, noEffect("OAUTHBEARER is not supported", "sasl.login.connect.timeout.ms", "sasl.login.read.timeout.ms", "sasl.login.refresh.buffer.seconds",
		"sasl.login.refresh.min.period.seconds", "sasl.login.refresh.window.factor", "sasl.login.refresh.window.jitter", "sasl.login.retry.backoff.max.ms", "sasl.login.retry.backoff.ms")...)
	keys = append(keys, refused("OAUTHBEARER is not supported yet", "sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.jwks.endpoint.url",
		"sasl.oauthbearer.expected.audience", "sasl.oauthbearer.expected.issuer", "sasl.oauthbearer.scope.claim.name", "sasl.oauthbearer.sub.claim.name")...)
	return keys
}

func (s *Settings) security(v *configs.Values) {
	protocol := strings.ToUpper(v.Str("security.protocol"))
	timeout := clampMillis(v.Int("socket.connection.setup.timeout.ms"))
	dialer := &net.Dialer{Timeout: timeout}
	if strings.HasSuffix(protocol, "SSL") {
		if cfg := s.tls(v); cfg != nil {
			d := &tls.Dialer{NetDialer: dialer, Config: cfg}
			s.add(kgo.Dialer(d.DialContext))
		}
	} else {
		s.add(kgo.Dialer(dialer.DialContext))
	}
	if strings.HasPrefix(protocol, "SASL") {
		if m := s.mechanism(v); m != nil {
			s.add(kgo.SASL(m))
		}
	}
}

func (s *Settings) mechanism(v *configs.Values) sasl.Mechanism {
	name := strings.ToUpper(v.Str("sasl.mechanism"))
	var want string
	switch name {
	case "PLAIN":
		want = "PlainLoginModule"
	case "SCRAM-SHA-256", "SCRAM-SHA-512":
		want = "ScramLoginModule"
	default:
		s.problem("sasl.mechanism", "mechanism "+name+" is not supported yet; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
		return nil
	}
	if !v.Given("sasl.jaas.config") {
		s.problem("sasl.jaas.config", "it is needed for security.protocol "+v.Str("security.protocol")+"; note that task clients need it with the prefix producer. or consumer. too")
		return nil
	}
	e, err := parseJAAS(v.Secret("sasl.jaas.config").Reveal())
	if err != nil {
		s.problem("sasl.jaas.config", err.Error())
		return nil
	}
	if !strings.HasSuffix(e.module, "."+want) {
		s.problem("sasl.jaas.config", "mechanism "+name+" needs the login module "+want)
		return nil
	}
	if strings.EqualFold(e.options["tokenauth"], "true") {
		s.problem("sasl.jaas.config", "delegation tokens (tokenauth) are not supported yet")
		return nil
	}
	user, pass := e.options["username"], e.options["password"]
	if user == "" {
		s.problem("sasl.jaas.config", "no username in it")
		return nil
	}
	switch name {
	case "PLAIN":
		return plain.Auth{User: user, Pass: pass}.AsMechanism()
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: pass}.AsSha256Mechanism()
	default:
		return scram.Auth{User: user, Pass: pass}.AsSha512Mechanism()
	}
}

func (s *Settings) tls(v *configs.Values) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS13}
	for _, p := range v.List("ssl.enabled.protocols") {
		switch strings.ToUpper(p) {
		case "TLSV1.2":
			cfg.MinVersion = tls.VersionTLS12
		case "TLSV1.3":
		default:
			s.problem("ssl.enabled.protocols", p+" is not supported; use TLSv1.2 and TLSv1.3")
		}
	}
	before := len(s.Problems)
	if text, key := s.pem(v, "ssl.truststore", "ssl.truststore.certificates"); text != nil {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			s.problem(key, "no certificate in PEM form found in it")
		}
	}
	s.keyStore(v, cfg)
	if len(s.Problems) > before {
		return nil
	}
	if v.Str("ssl.endpoint.identification.algorithm") == "" {
		// The chain is still verified; only the host name is not.
		roots := cfg.RootCAs
		cfg.InsecureSkipVerify = true
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: time.Now()}
			for _, c := range cs.PeerCertificates[1:] {
				opts.Intermediates.AddCert(c)
			}
			_, err := cs.PeerCertificates[0].Verify(opts)
			return err
		}
	}
	return cfg
}

// pem returns the text of a store that is given by file or inline, and the key that names it.
func (s *Settings) pem(v *configs.Values, store, inline string) ([]byte, string) {
	location := store + ".location"
	isPEM := strings.EqualFold(v.Str(store+".type"), "PEM")
	switch {
	case v.Given(inline):
		if !isPEM {
			s.problem(store+".type", "must be PEM when "+inline+" is used")
		}
		return []byte(v.Secret(inline).Reveal()), inline
	case v.Str(location) != "":
		if !isPEM {
			s.problem(store+".type", storeHint)
			return nil, location
		}
		text, err := os.ReadFile(v.Str(location))
		if err != nil {
			s.problem(location, err.Error())
			return nil, location
		}
		return text, location
	}
	return nil, ""
}

func (s *Settings) keyStore(v *configs.Values, cfg *tls.Config) {
	text, key := s.pem(v, "ssl.keystore", "ssl.keystore.key")
	if text == nil {
		return
	}
	chain := text
	if v.Given("ssl.keystore.certificate.chain") {
		chain = []byte(v.Secret("ssl.keystore.certificate.chain").Reveal())
	}
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" {
			s.problem(key, "encrypted private keys are not supported yet; decrypt it with openssl pkcs8")
			return
		}
	}
	cert, err := tls.X509KeyPair(chain, text)
	if err != nil {
		s.problem(key, fmt.Sprintf("cannot read key and certificate chain: %v", err))
		return
	}
	cfg.Certificates = []tls.Certificate{cert}
}
