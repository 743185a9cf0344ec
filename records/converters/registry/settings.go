package registry

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
)

// Settings are the parsed keys of Def.
type Settings struct {
	Client       Config
	IsKey        bool
	Strategy     Strategy
	AutoRegister bool
	UseLatest    bool
	LatestStrict bool
	UseID        int64 // -1 = none
	IDStrict     bool
	Normalize    bool
	MaxSchemas   int           // per subject
	LatestSize   int           // subjects
	LatestTTL    time.Duration // negative = for ever
	Artifact     string        // the one subject of all schemas, "" = as Strategy says
}

// Read makes Settings of a configuration that Def (or a definition with its keys) has parsed.
func Read(v *configs.Values, isKey bool) (Settings, configs.Problems) {
	var problems configs.Problems
	problem := func(key, why string) {
		problems = append(problems, configs.Problem{Key: key, Message: "Invalid configuration " + key + ": " + why})
	}
	s := Settings{IsKey: isKey, AutoRegister: v.Bool(AutoRegisterKey), UseLatest: v.Bool(UseLatestKey), LatestStrict: v.Bool(LatestStrictKey),
		UseID: v.Int(UseSchemaIDKey), IDStrict: v.Bool(IDStrictKey), Normalize: v.Bool(NormalizeKey), MaxSchemas: int(v.Int(MaxSchemasKey)),
		LatestSize: int(v.Int(LatestCacheSizeKey)), LatestTTL: time.Duration(v.Int(LatestCacheTTLKey)) * time.Second}
	strategy := ValueStrategyKey
	if isKey {
		strategy = KeyStrategyKey
	}
	s.Strategy, _ = strategyOf(v.Str(strategy))
	c := &s.Client
	c.URLs = v.List(URLKey)
	if len(c.URLs) == 0 {
		problem(URLKey, "no address is given")
	}
	for _, u := range c.URLs {
		if strings.HasPrefix(u, "mock://") {
			problem(URLKey, "mock registries exist inside a Java process only")
		} else if !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
			problem(URLKey, "an address must look like http://host:8081")
		}
	}
	c.ConnectTimeout, c.ReadTimeout = millis(v, ConnectTimeoutKey), millis(v, ReadTimeoutKey)
	c.Retries, c.RetryWait, c.MaxRetryWait = int(v.Int(MaxRetriesKey)), millis(v, RetryWaitKey), millis(v, MaxRetryWaitKey)
	if host := v.Str(ProxyHostKey); host != "" {
		port := v.Int(ProxyPortKey)
		if port < 1 || port > 65535 {
			problem(ProxyPortKey, "proxy.host needs a port")
		}
		c.Proxy = net.JoinHostPort(host, strconv.FormatInt(port, 10))
	}
	if h := v.Prefixed(headerPrefix); len(h) > 0 {
		c.Headers = h
	}
	readLogin(v, c, problem)
	cfg, tls := kafkaprops.TLS(kafkaprops.Below(v.Prefixed(sslPrefix), ""))
	problems = append(problems, tls.WithPrefix(sslPrefix).Problems...)
	c.TLS = cfg
	return s, problems
}

func readLogin(v *configs.Values, c *Config, problem func(key, why string)) {
	token := v.Secret(BearerTokenKey)
	source := strings.ToUpper(v.Str(BasicAuthSourceKey))
	if v.Str(BearerSourceKey) != "" {
		if v.Given(BasicAuthSourceKey) {
			problem(BearerSourceKey, "there can be a bearer token or a user, not both")
		}
		if token.Reveal() == "" {
			problem(BearerTokenKey, "it is needed for "+BearerSourceKey)
		}
		c.Token = token
		return
	}
	switch source {
	case "USER_INFO":
		info := v.Secret(OldBasicAuthUserKey).Reveal()
		if info == "" {
			info = v.Secret(BasicAuthUserKey).Reveal()
		}
		user, password, ok := strings.Cut(info, ":")
		if !ok || user == "" {
			problem(BasicAuthUserKey, "it must be user:password")
		}
		c.User, c.Password = user, configs.NewPassword(password)
	case "SASL_INHERIT":
		user, password, err := kafkaprops.Login(v.Secret(jaasKey).Reveal())
		if err != nil {
			problem(jaasKey, "SASL_INHERIT needs the converter's own sasl.jaas.config: "+err.Error())
		}
		c.User, c.Password = user, configs.NewPassword(password)
	}
}

func millis(v *configs.Values, key string) time.Duration {
	return time.Duration(v.Int(key)) * time.Millisecond
}
