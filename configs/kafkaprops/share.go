package kafkaprops

import (
	"crypto/tls"
	"errors"

	"github.com/anabranch/anabranch/configs"
)

// TLSKeys are the keys about TLS, for clients of other servers that take Java's names: a
// schema registry's "schema.registry.ssl.*".
func TLSKeys() []configs.Key { return tlsKeys() }

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
	modules, err := ParseJAAS(jaas)
	switch {
	case err != nil:
		return "", "", err
	case len(modules) != 1:
		return "", "", errors.New("it contains more than one login module, should be 1 module")
	}
	o := modules[0].Options
	if o["username"] == "" {
		return "", "", errors.New("no username in it")
	}
	return o["username"], o["password"], nil
}
