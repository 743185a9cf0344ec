package kafkaprops

import (
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs"
)

// Names of keys that others ask for.
const (
	BootstrapServers = "bootstrap.servers"
	ClientID         = "client.id"
)

// prometheusOnly is why keys of Java's metrics have no effect.
const prometheusOnly = "metrics are served for Prometheus on /metrics"

// clientKeys are the keys that all Java clients share, with Kafka's types and checks.
func clientKeys() []configs.Key {
	long, num32, str := configs.LongType, configs.IntType, configs.StringType
	zero := configs.AtLeast(0)
	keys := []configs.Key{
		{Name: BootstrapServers, Type: configs.ListType, Default: "localhost:9092", HasDefault: true, Check: configs.ListItems(BootstrapServers, false)},
		key(ClientID, str, ""),
		num("metadata.max.age.ms", long, "300000", zero),
		num("connections.max.idle.ms", long, "540000", nil),
		num("request.timeout.ms", num32, "30000", zero),
		num("retry.backoff.ms", long, "100", zero), num("retry.backoff.max.ms", long, "1000", zero),
		num("socket.connection.setup.timeout.ms", long, "10000", nil),
		num("send.buffer.bytes", num32, "131072", configs.AtLeast(-1)), num("receive.buffer.bytes", num32, "65536", configs.AtLeast(-1)),
		{Name: "client.dns.lookup", Type: str, Default: "use_all_dns_ips", HasDefault: true,
			Check:  configs.Words("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"),
			Refuse: configs.RefuseExcept("only use_all_dns_ips is supported", "use_all_dns_ips")},
	}
	keys = append(keys, securityKeys()...)
	keys = append(keys, without("retry.backoff.ms and retry.backoff.max.ms rule reconnects too",
		num("reconnect.backoff.ms", long, "50", zero), num("reconnect.backoff.max.ms", long, "1000", zero))...)
	keys = append(keys, without("socket.connection.setup.timeout.ms is not grown", num("socket.connection.setup.timeout.max.ms", long, "30000", nil))...)
	keys = append(keys, without("the client falls back to bootstrap.servers by itself when no known broker answers",
		num("metadata.recovery.strategy", str, "rebootstrap", configs.AnyCaseWords("rebootstrap", "none")),
		num("metadata.recovery.rebootstrap.trigger.ms", long, "300000", zero))...)
	keys = append(keys, without(prometheusOnly, list("metric.reporters", "org.apache.kafka.common.metrics.JmxReporter"),
		num("metrics.num.samples", num32, "2", configs.AtLeast(1)), num("metrics.recording.level", str, "INFO", configs.Words("INFO", "DEBUG", "TRACE")),
		num("metrics.sample.window.ms", long, "30000", zero), optional("auto.include.jmx.reporter", configs.BooleanType),
		key("enable.metrics.push", configs.BooleanType, "true"))...)
	keys = append(keys, without("Java classes cannot be loaded", optional("security.providers", str))...)
	keys = append(keys, without("the providers of the worker have resolved its variables", list("config.providers", ""))...)
	return keys
}

// Knows families of keys that are for others.
func clientPatterns() []configs.Pattern {
	return []configs.Pattern{{Match: configs.Prefix("metrics.context."), NoEffect: prometheusOnly},
		{Match: configs.Prefix("config.providers."), NoEffect: "the providers of the worker have resolved its variables"},
		{Match: configs.Prefix("confluent.monitoring."), NoEffect: "Java classes cannot be loaded"}}
}

// clientDef is that of Java's AdminClientConfig.
func clientDef() *configs.Def {
	return configs.NewDef(clientKeys()...).WithPatterns(clientPatterns()...).
		With(without("requests are retried while the caller waits",
			num("retries", configs.IntType, "2147483647", configs.Between(0, 2147483647)), num("default.api.timeout.ms", configs.IntType, "60000", configs.AtLeast(0)))...).
		With(configs.Key{Name: "bootstrap.controllers", Type: configs.ListType, Default: "", HasDefault: true, Check: configs.ListItems("bootstrap.controllers", true),
			Refuse: configs.RefuseAny("controllers are not asked; use bootstrap.servers")})
}

// ClientDef declares the keys of admin clients, for validation.
func ClientDef() *configs.Def { return clientDef() }

// Client translates the keys that all clients share; for admin clients.
func Client(props map[string]string) *Settings {
	v, s := parse(clientDef(), props)
	s.client(v)
	return s
}

// Duration limits: Java uses Int.MAX and Long.MAX for "no limit".
const noLimit = 1 << 31

func (s *Settings) client(v *configs.Values) {
	s.add(kgo.SeedBrokers(v.List(BootstrapServers)...))
	if id := v.Str(ClientID); id != "" {
		s.add(kgo.ClientID(id))
	}
	maxAge := clampMillis(v.Int("metadata.max.age.ms"))
	// The client's own minimum of 5 s between metadata requests would delay the first event
	// to a new topic, and the recovery after a broker's restart, by as much.
	s.add(kgo.MetadataMaxAge(maxAge), kgo.MetadataMinAge(min(maxAge, 250*time.Millisecond)))
	if idle := v.Int("connections.max.idle.ms"); idle > 0 {
		s.add(kgo.ConnIdleTimeout(clampMillis(idle)))
	}
	s.add(kgo.RequestTimeoutOverhead(min(max(clampMillis(v.Int("request.timeout.ms")), 100*time.Millisecond), 15*time.Minute)),
		kgo.RetryBackoffFn(backoff(v.Millis("retry.backoff.ms"), v.Millis("retry.backoff.max.ms"))))
	s.security(v)
}

func clampMillis(ms int64) time.Duration {
	return time.Duration(min(max(ms, 1), int64(24*time.Hour/time.Millisecond))) * time.Millisecond
}

// backoff doubles from the first wait to the longest one with a fifth of jitter, as the Java
// clients do (KIP-580).
func backoff(first, longest time.Duration) func(int) time.Duration {
	first = max(first, time.Millisecond)
	longest = max(longest, first)
	return func(fails int) time.Duration {
		d := longest
		if shift := max(fails-1, 0); shift < 20 {
			d = min(first<<shift, longest)
		}
		return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
	}
}
