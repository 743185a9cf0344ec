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

// clientKeys are the keys that all Java clients share.
func clientKeys() []configs.Key {
	keys := []configs.Key{
		{Name: BootstrapServers, Type: configs.ListType, Default: "localhost:9092", HasDefault: true, Check: configs.NotEmpty},
		key(ClientID, configs.StringType, ""),
		optional("client.rack", configs.StringType),
		{Name: "metadata.max.age.ms", Type: configs.LongType, Default: "300000", HasDefault: true, Check: configs.AtLeast(1)},
		{Name: "connections.max.idle.ms", Type: configs.LongType, Default: "540000", HasDefault: true},
		{Name: "request.timeout.ms", Type: configs.IntType, Default: "30000", HasDefault: true, Check: configs.AtLeast(1)},
		{Name: "retry.backoff.ms", Type: configs.LongType, Default: "100", HasDefault: true, Check: configs.AtLeast(0)},
		{Name: "retry.backoff.max.ms", Type: configs.LongType, Default: "1000", HasDefault: true, Check: configs.AtLeast(0)},
		{Name: "socket.connection.setup.timeout.ms", Type: configs.LongType, Default: "10000", HasDefault: true, Check: configs.AtLeast(1)},
		{Name: "client.dns.lookup", Type: configs.StringType, Default: "use_all_dns_ips", HasDefault: true,
			OneOf:  []string{"use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"},
			Refuse: configs.RefuseExcept("only use_all_dns_ips is supported", "use_all_dns_ips")},
	}
	keys = append(keys, securityKeys()...)
	keys = append(keys, noEffect("socket buffers are left to the operating system", "send.buffer.bytes", "receive.buffer.bytes")...)
	keys = append(keys, noEffect("retry.backoff.ms and retry.backoff.max.ms rule reconnects too", "reconnect.backoff.ms", "reconnect.backoff.max.ms")...)
	keys = append(keys, noEffect("socket.connection.setup.timeout.ms is not grown", "socket.connection.setup.timeout.max.ms")...)
	keys = append(keys, noEffect("the client falls back to bootstrap.servers by itself when no known broker answers", "metadata.recovery.strategy", "metadata.recovery.rebootstrap.trigger.ms")...)
	keys = append(keys, noEffect("metrics are served for Prometheus on /metrics", "metric.reporters", "metrics.num.samples", "metrics.recording.level",
		"metrics.sample.window.ms", "auto.include.jmx.reporter", "enable.metrics.push")...)
	keys = append(keys, noEffect("Java classes cannot be loaded", "interceptor.classes", "security.providers")...)
	return keys
}

// Knows families of keys that are for others.
func clientPatterns() []configs.Pattern {
	return []configs.Pattern{{Match: configs.Prefix("metrics.context."), NoEffect: "metrics are served for Prometheus on /metrics"},
		{Match: configs.Prefix("confluent.monitoring."), NoEffect: "Java classes cannot be loaded"}}
}

// Client translates the keys that all clients share; for admin clients.
func Client(props map[string]string) *Settings {
	def := configs.NewDef(clientKeys()...).WithPatterns(clientPatterns()...).
		With(noEffect("requests are retried while the caller waits", "retries", "default.api.timeout.ms")...)
	v, s := parse(def, props)
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
	if rack := v.Str("client.rack"); rack != "" {
		s.add(kgo.Rack(rack))
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
