package kafkaprops

import (
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/anabranch/anabranch/configs"
)

// Names of SASL keys.
const (
	SecurityProtocol = "security.protocol"
	SASLMechanism    = "sasl.mechanism"
	SASLJAASConfig   = "sasl.jaas.config"
	loginHandler     = "sasl.login.callback.handler.class"
)

// saslKeys are those of Java's SaslConfigs but for OAUTHBEARER's own.
func saslKeys() []configs.Key {
	noKerberos := "Kerberos is not supported"
	keys := []configs.Key{
		{Name: SecurityProtocol, Type: configs.StringType, Default: "PLAINTEXT", HasDefault: true,
			Check: configs.AnyCaseWords("SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT")},
		key(SASLMechanism, configs.StringType, "GSSAPI"),
		optional(SASLJAASConfig, configs.PasswordType),
		{Name: loginHandler, Type: configs.ClassType, Refuse: func(class string) string {
			if class == "" || oauthHandlers[class] {
				return ""
			}
			return "Java classes cannot be loaded; Kafka's own OAuthBearerLoginCallbackHandler is built in"
		}},
	}
	keys = append(keys, refused("Java classes cannot be loaded", configs.ClassType, "sasl.client.callback.handler.class", "sasl.login.class")...)
	for _, k := range []configs.Key{optional("sasl.kerberos.service.name", configs.StringType), key("sasl.kerberos.kinit.cmd", configs.StringType, "/usr/bin/kinit"),
		key("sasl.kerberos.min.time.before.relogin", configs.LongType, "60000"),
		key("sasl.kerberos.ticket.renew.jitter", configs.DoubleType, "0.05"), key("sasl.kerberos.ticket.renew.window.factor", configs.DoubleType, "0.8")} {
		k.NoEffect = noKerberos
		keys = append(keys, k)
	}
	return keys
}

// loginModules are the ends of the class names that belong to the mechanisms.
var loginModules = map[string]string{"PLAIN": "PlainLoginModule", "SCRAM-SHA-256": "ScramLoginModule", "SCRAM-SHA-512": "ScramLoginModule",
	oauthMechanism: "OAuthBearerLoginModule"}

func (s *Settings) mechanism(v *configs.Values) sasl.Mechanism {
	name := strings.ToUpper(v.Str(SASLMechanism))
	want, ok := loginModules[name]
	switch {
	case name == "GSSAPI":
		s.problem(SASLMechanism, "GSSAPI (Kerberos) is not supported; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, or TLS with a client certificate (security.protocol=SSL)")
		return nil
	case !ok:
		s.problem(SASLMechanism, "mechanism "+name+" is not supported; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER")
		return nil
	case !v.Given(SASLJAASConfig):
		s.problem(SASLJAASConfig, "it is needed for security.protocol "+v.Str(SecurityProtocol)+"; note that task clients need it with the prefix producer. or consumer. too")
		return nil
	}
	logins, err := ParseJAAS(v.Secret(SASLJAASConfig).Reveal())
	if err != nil {
		s.problem(SASLJAASConfig, err.Error())
		return nil
	}
	if len(logins) != 1 {
		s.problem(SASLJAASConfig, "it contains more than one login module, should be 1 module")
		return nil
	}
	l := logins[0]
	if l.Module != want && !strings.HasSuffix(l.Module, "."+want) {
		s.problem(SASLJAASConfig, "mechanism "+name+" needs the login module "+want)
		return nil
	}
	if name == oauthMechanism {
		return s.oauth(v, l)
	}
	user, pass := l.Options["username"], l.Options["password"]
	if user == "" {
		s.problem(SASLJAASConfig, "no username in it")
		return nil
	}
	if name == "PLAIN" {
		return plain.Auth{User: user, Pass: pass}.AsMechanism()
	}
	// A delegation token is a SCRAM user with a mark (KIP-48).
	auth := scram.Auth{User: user, Pass: pass, IsToken: strings.EqualFold(l.Options["tokenauth"], "true")}
	if name == "SCRAM-SHA-256" {
		return auth.AsSha256Mechanism()
	}
	return auth.AsSha512Mechanism()
}
