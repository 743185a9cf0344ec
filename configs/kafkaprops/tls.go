package kafkaprops

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/keystore"
)

// Names of TLS keys.
const (
	keystoreKey   = "ssl.keystore"
	truststoreKey = "ssl.truststore"
	enabledKey    = "ssl.enabled.protocols"
	sslProtocol   = "ssl.protocol"
	cipherSuites  = "ssl.cipher.suites"
	hostCheckKey  = "ssl.endpoint.identification.algorithm"
	clientAuthKey = "ssl.client.auth"
	keyPassword   = "ssl.key.password"
)

var tlsVersions = map[string]uint16{"TLSV1": tls.VersionTLS10, "TLSV1.1": tls.VersionTLS11, "TLSV1.2": tls.VersionTLS12, "TLSV1.3": tls.VersionTLS13}

// tlsKeys are those of Java's SslConfigs.
func tlsKeys() []configs.Key {
	store := func(name string) configs.Key {
		return configs.Key{Name: name, Type: configs.StringType, Default: "JKS", HasDefault: true,
			Refuse: configs.RefuseExcept("a store of this type cannot be read; convert it to PKCS12, JKS or PEM", "JKS", "PKCS12", "PEM")}
	}
	keys := []configs.Key{
		store("ssl.truststore.type"), store("ssl.keystore.type"),
		optional("ssl.truststore.location", configs.StringType), optional("ssl.truststore.certificates", configs.PasswordType),
		optional("ssl.keystore.location", configs.StringType), optional("ssl.keystore.key", configs.PasswordType),
		optional("ssl.keystore.certificate.chain", configs.PasswordType),
		optional("ssl.truststore.password", configs.PasswordType), optional("ssl.keystore.password", configs.PasswordType),
		optional(keyPassword, configs.PasswordType),
		{Name: hostCheckKey, Type: configs.StringType, Default: "https", HasDefault: true, Importance: configs.Low,
			Refuse: configs.RefuseExcept("only https, and empty for no check of the host name, are known", "https", "")},
		{Name: enabledKey, Type: configs.ListType, Default: "TLSv1.2,TLSv1.3", HasDefault: true, Check: configs.ListItems(enabledKey, true)},
		{Name: sslProtocol, Type: configs.StringType, Default: "TLSv1.3", HasDefault: true},
		{Name: cipherSuites, Type: configs.ListType, Default: "", HasDefault: true, Check: configs.ListItems(cipherSuites, true)},
	}
	for _, k := range []configs.Key{key("ssl.keymanager.algorithm", configs.StringType, "SunX509"), key("ssl.trustmanager.algorithm", configs.StringType, "PKIX"),
		optional("ssl.provider", configs.StringType), optional("ssl.secure.random.implementation", configs.StringType)} {
		k.NoEffect = "TLS is Go's here"
		keys = append(keys, k)
	}
	return append(keys, refused("Java classes cannot be loaded", configs.ClassType, "ssl.engine.factory.class")...)
}

// ServerTLS translates the ssl.* keys of a listener, with ssl.client.auth (CW-15, CW-89).
func ServerTLS(props map[string]string) (*tls.Config, []configs.Problem, error) {
	auth := configs.Key{Name: clientAuthKey, Type: configs.StringType, Default: "none", HasDefault: true, Check: configs.Words("required", "requested", "none")}
	v, s := parse(configs.NewDef(append(tlsKeys(), auth)...).WithPatterns(anyOther), only(props, "ssl."))
	cfg := s.tls(v)
	if len(s.Problems) == 0 && len(cfg.Certificates) == 0 {
		s.problem("ssl.keystore.location", "a listener with https needs a key: give ssl.keystore.location, or ssl.keystore.key and ssl.keystore.certificate.chain")
	}
	if len(s.Problems) > 0 {
		return nil, nil, s.Problems
	}
	cfg.InsecureSkipVerify, cfg.VerifyConnection = false, nil
	cfg.ClientCAs, cfg.RootCAs = cfg.RootCAs, nil
	switch v.Str(clientAuthKey) {
	case "required":
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	case "requested":
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return cfg, s.Warnings, nil
}

var anyOther = configs.Pattern{Match: configs.Prefix("ssl.")}

func only(m map[string]string, prefix string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if strings.HasPrefix(k, prefix) {
			out[k] = v
		}
	}
	return out
}

// tls makes the configuration of a client; nil if there are problems.
func (s *Settings) tls(v *configs.Values) *tls.Config {
	before := len(s.Problems)
	cfg := &tls.Config{}
	s.versions(v, cfg)
	s.suites(v, cfg)
	if st, key := s.store(v, truststoreKey, "ssl.truststore.certificates", false); st != nil {
		roots, err := st.Roots()
		if err != nil {
			s.problem(key, err.Error())
		}
		cfg.RootCAs = roots
	}
	if st, key := s.store(v, keystoreKey, "ssl.keystore.key", true); st != nil {
		cert, err := st.Certificate()
		if err != nil {
			s.problem(key, err.Error())
		}
		cfg.Certificates = []tls.Certificate{cert}
		// Java offers its certificate whatever authorities the server names.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	if len(s.Problems) > before {
		return nil
	}
	if v.Str(hostCheckKey) == "" {
		withoutHost(cfg)
	}
	return cfg
}

// withoutHost keeps the check of the chain and drops that of the host name.
func withoutHost(cfg *tls.Config) {
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

func (s *Settings) versions(v *configs.Values, cfg *tls.Config) {
	for _, p := range v.List(enabledKey) {
		version, ok := tlsVersions[strings.ToUpper(p)]
		if !ok {
			s.problem(enabledKey, p+" is not supported; use TLSv1.2 and TLSv1.3")
			return
		}
		if cfg.MinVersion == 0 || version < cfg.MinVersion {
			cfg.MinVersion = version
		}
		cfg.MaxVersion = max(cfg.MaxVersion, version)
	}
	switch p := strings.ToUpper(v.Str(sslProtocol)); p {
	case "TLS", "TLSV1.3":
	default:
		version, ok := tlsVersions[p]
		if !ok {
			s.problem(sslProtocol, v.Str(sslProtocol)+" is not supported; use TLSv1.2 or TLSv1.3")
			return
		}
		cfg.MaxVersion = min(max(cfg.MaxVersion, cfg.MinVersion), version)
		if cfg.MaxVersion == 0 {
			cfg.MaxVersion = version
		}
		cfg.MinVersion = min(cfg.MinVersion, cfg.MaxVersion)
	}
}

// suites takes the cipher suites that Go has under the same names. Those of TLS 1.3 cannot be
// chosen one by one: naming some allows all, naming none forbids that version.
func (s *Settings) suites(v *configs.Values, cfg *tls.Config) {
	names := v.List(cipherSuites)
	if len(names) == 0 {
		return
	}
	known := map[string]uint16{}
	for _, c := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		known[c.Name] = c.ID
	}
	var unknown []string
	three := false
	for _, n := range names {
		id, ok := known[n]
		switch {
		case strings.HasPrefix(n, "TLS_AES_") || strings.HasPrefix(n, "TLS_CHACHA20_"):
			three = true
		case ok:
			cfg.CipherSuites = append(cfg.CipherSuites, id)
		default:
			unknown = append(unknown, n)
		}
	}
	if cfg.CipherSuites == nil && !three {
		s.problem(cipherSuites, "none of these suites is known here; name one such as TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, or leave the key out")
		return
	}
	if unknown != nil {
		s.warn(cipherSuites, "suites that are not known here are left out: "+strings.Join(unknown, ", "))
	}
	if three && cfg.CipherSuites == nil {
		cfg.MinVersion = tls.VersionTLS13
	}
	if !three {
		cfg.MaxVersion = tls.VersionTLS12
	}
	if cfg.MaxVersion != 0 && cfg.MinVersion > cfg.MaxVersion {
		s.problem(cipherSuites, "the suites do not belong to a version of "+enabledKey)
	}
}

// store reads a store that is given by file or inline, and the key that names it; nil if none is.
func (s *Settings) store(v *configs.Values, prefix, inline string, withKeys bool) (*keystore.Store, string) {
	location, password := prefix+".location", prefix+".password"
	isPEM := strings.EqualFold(v.Str(prefix+".type"), "PEM")
	p := keystore.Passwords{Store: v.Secret(password).Reveal(), HasStore: v.Given(password)}
	if withKeys {
		p.Key, p.HasKey = v.Secret(keyPassword).Reveal(), v.Given(keyPassword)
	}
	what := "SSL trust store"
	if withKeys {
		what = "SSL key store"
	}
	var st *keystore.Store
	var err error
	at := location
	switch {
	case v.Given(inline):
		at = inline
		if !isPEM {
			s.problem(prefix+".type", "must be PEM when "+inline+" is used")
			return nil, at
		}
		if v.Str(location) != "" {
			s.problem(location, "Both "+what+" location and separate private key are specified.")
			return nil, at
		}
		var chain []byte
		if withKeys {
			if !v.Given("ssl.keystore.certificate.chain") {
				s.problem("ssl.keystore.certificate.chain", "SSL certificate chain is not specified.")
				return nil, at
			}
			chain = []byte(v.Secret("ssl.keystore.certificate.chain").Reveal())
		}
		st, err = keystore.ReadPEM([]byte(v.Secret(inline).Reveal()), chain, p)
	case withKeys && v.Given("ssl.keystore.certificate.chain"):
		s.problem("ssl.keystore.key", "SSL certificate chain is specified, but private key is not specified")
		return nil, at
	case v.Str(location) != "":
		if isPEM && p.HasStore {
			s.problem(password, what+" password cannot be specified with PEM format")
			return nil, at
		}
		data, readErr := os.ReadFile(v.Str(location))
		switch {
		case readErr != nil:
			err = readErr
		case isPEM:
			st, err = keystore.ReadPEM(data, nil, p)
		default:
			st, err = keystore.Read(data, p, withKeys)
		}
	case p.HasStore && !isPEM:
		s.problem(password, what+" is not specified, but "+what+" password is specified.")
		return nil, at
	default:
		return nil, ""
	}
	if err != nil {
		if at == location && !os.IsNotExist(err) && !errors.Is(err, os.ErrPermission) {
			err = fmt.Errorf("%s of type %s: %w", v.Str(location), v.Str(prefix+".type"), err)
		}
		s.problem(at, err.Error())
		return nil, at
	}
	return st, at
}
