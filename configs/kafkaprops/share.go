package kafkaprops

import (
	"crypto/tls"
	"errors"
	"strings"

	"github.com/anabranch/anabranch/configs"
)

// TLSKeys are the keys about TLS, for clients of other servers that take Java's names: a
// schema registry's "schema.registry.ssl.*".
func TLSKeys() []configs.Key {
	var out []configs.Key
	for _, k := range securityKeys() {
		if strings.HasPrefix(k.Name, "ssl.") {
			out = append(out, k)
		}
	}
	return out
}

// TLS makes a TLS configuration from "ssl.*" keys, as for a Kafka client.
func TLS(props map[string]string) (*tls.Config, *Settings) {
	v, s := parse(configs.NewDef(TLSKeys()...), props)
	if len(s.Problems) > 0 {
		return nil, s
	}
	return s.tls(v), s
}

// Login returns user and password of a sasl.jaas.config.
func Login(jaas string) (user, password string, err error) {
	e, err := parseJAAS(jaas)
	if err != nil {
		return "", "", err
	}
	if e.options["username"] == "" {
		return "", "", errors.New("no username in it")
	}
	return e.options["username"], e.options["password"], nil
}
