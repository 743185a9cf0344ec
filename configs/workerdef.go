package configs

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// BasicAuthExtension is the one REST extension there is (CW-14).
const BasicAuthExtension = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"

// The algorithms that Java's KeyGenerator and Mac know and that are of use for signing.
var (
	macAlgorithms = []string{"HmacMD5", "HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512", "HmacSHA512/224", "HmacSHA512/256",
		"HmacSHA3-224", "HmacSHA3-256", "HmacSHA3-384", "HmacSHA3-512"}
	noJVM = "the algorithm is not supported by this JVM; the supported algorithms are: "
)

func macAlgorithm(val any) error {
	list, ok := val.([]string)
	if !ok {
		list = []string{fmt.Sprint(val)}
	}
	for _, s := range list {
		if !slices.ContainsFunc(macAlgorithms, func(m string) bool { return strings.EqualFold(m, s) }) {
			return fmt.Errorf("%s[%s]", noJVM, strings.Join(macAlgorithms, ", "))
		}
	}
	return nil
}

func verificationAlgorithms(val any) error {
	if list, _ := val.([]string); len(list) == 0 {
		return fmt.Errorf("At least one signature verification algorithm must be provided")
	}
	return macAlgorithm(val)
}

// replicationCheck and partitionsCheck are those of TopicAdmin's ConfigDefs.
func replicationCheck(val any) error {
	if i, ok := val.(int64); ok && i != -1 && i <= 0 {
		return fmt.Errorf("Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default")
	}
	return nil
}

func partitionsCheck(val any) error {
	if i, ok := val.(int64); ok && i != -1 && i <= 0 {
		return fmt.Errorf("Number of partitions must be positive, or -1 to use the broker's default")
	}
	return nil
}

func extensionsCheck(val any) error {
	for _, class := range val.([]string) {
		if class != BasicAuthExtension && class != "BasicAuthSecurityRestExtension" {
			return fmt.Errorf("Java classes cannot be loaded; the basic auth extension (%s) is built in, for others put a proxy in front", BasicAuthExtension)
		}
	}
	return nil
}

func protocolCheck(val any) error {
	switch val {
	case "eager", "compatible", "sessioned":
		return nil
	}
	return fmt.Errorf("Invalid Connect protocol compatibility")
}

// WorkerDef is the definition of the worker file for a mode (CW 2.1, 2.2).
func WorkerDef(mode Mode) *Def {
	str := func(name, def string) Key {
		return Key{Name: name, Type: StringType, Default: def, HasDefault: true}
	}
	list := func(name, def string) Key { return Key{Name: name, Type: ListType, Default: def, HasDefault: true} }
	long := func(name, def string) Key { return Key{Name: name, Type: LongType, Default: def, HasDefault: true} }
	flag := func(name, def string) Key {
		return Key{Name: name, Type: BooleanType, Default: def, HasDefault: true}
	}
	null := func(name string, t Type) Key { return Key{Name: name, Type: t} }
	none := func(k Key, why string) Key { k.NoEffect = why; return k }
	check := func(k Key, fn func(any) error) Key { k.Check = fn; return k }
	documented := func(k Key, doc string) Key { k.Doc = doc; return k }

	d := NewDef(
		Key{Name: BootstrapServersKey, Type: ListType, Required: true, Check: ListItems(BootstrapServersKey, false)},
		Key{Name: KeyConverterKey, Type: ClassType, Required: true},
		Key{Name: ValueConverterKey, Type: ClassType, Required: true},
		Key{Name: HeaderConverterKey, Type: ClassType, Default: "org.apache.kafka.connect.storage.SimpleHeaderConverter", HasDefault: true},
		none(null(KeyConverterKey+".plugin.version", StringType), onePluginVersion),
		none(null(ValueConverterKey+".plugin.version", StringType), onePluginVersion),
		none(null(HeaderConverterKey+".plugin.version", StringType), onePluginVersion),
		none(null("plugin.path", ListType), "all plugins are compiled in"),
		none(check(str("plugin.discovery", "hybrid_warn"), AnyCaseWords("only_scan", "service_load", "hybrid_warn", "hybrid_fail")), "all plugins are compiled in"),
		long(flushIntervalKey, "60000"), long(flushTimeoutKey, "5000"), long(shutdownTimeoutKey, "5000"),
		check(list(listenersKey, "http://:8083"), listenersCheck),
		null(advertisedHostKey, StringType), null(advertisedPortKey, IntType),
		check(null(advertisedListenerKey, StringType), AnyCaseWords("http", "https")),
		check(null(adminListenersKey, ListType), adminListenersCheck),
		str(allowOriginKey, ""), str(allowMethodsKey, ""),
		check(list(restExtensionsKey, ""), extensionsCheck),
		check(str(responseHeadersKey, ""), headerRulesCheck),
		none(null("rest.host.name", StringType), "removed in Kafka 3.0; use listeners"),
		none(null("rest.port", IntType), "removed in Kafka 3.0; use listeners"),
		str(overridePolicyKey, "All"),
		flag(topicCreationKey, "true"), flag(topicTrackingKey, "true"), flag(topicTrackingResetKey, "true"),
		list(ProvidersKey, ""),
		check(str("client.dns.lookup", "use_all_dns_ips"), Words("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only")),
		check(long(metricsSampleKey, "30000"), AtLeast(0)),
		check(Key{Name: metricsSamplesKey, Type: IntType, Default: "2", HasDefault: true}, AtLeast(1)),
		documented(check(str(metricExporterKey, "0.20"), Words("0.20", "1.0")), "The jmx_exporter whose names are wanted: 1.0 takes _total and _info away from the ends of names, 0.20 keeps them."),
		documented(list(MetricNamesKey, "connect-default,debezium"), "Sets of metric names on /metrics beside our own: connect-default, debezium, jmx-example, strimzi, confluent, or paths of jmx_exporter configuration files (.yml); none for none."),
		none(check(str("metrics.recording.level", "INFO"), Words("INFO", "DEBUG")), metricsElsewhere),
		none(check(list("metric.reporters", "org.apache.kafka.common.metrics.JmxReporter"), ListItems("metric.reporters", true)), metricsElsewhere),
		none(null("internal.key.converter", ClassType), internalConverterRemoved), none(null("internal.value.converter", ClassType), internalConverterRemoved),
		check(str("ssl.client.auth", "none"), Words("required", "requested", "none")),
	)
	switch mode {
	case Standalone:
		d = d.With(Key{Name: OffsetFileKey, Type: StringType, Required: true}, exactlyOnceElsewhere())
	case Embedded:
		d = d.With(distributedKeys(exactlyOnceElsewhere())...)
	default:
		d = d.With(distributedKeys(exactlyOnceKey())...)
	}
	return d.WithPatterns(Pattern{Match: func(string) bool { return true },
		Doc: "settings of clients, converters and connectors; kept as they are (CW-73)"})
}

// distributedKeys are those of DistributedConfig alone (CW 2.2).
func distributedKeys(exactlyOnce Key) []Key {
	num := func(name, def string, t Type, check func(any) error) Key {
		return Key{Name: name, Type: t, Default: def, HasDefault: true, Check: check}
	}
	limit := Between(0, 2147483647)
	return []Key{
		{Name: GroupIDKey, Type: StringType, Required: true},
		{Name: ConfigTopicKey, Type: StringType, Required: true}, num(configReplicationKey, "3", ShortType, replicationCheck),
		{Name: OffsetTopicKey, Type: StringType, Required: true}, num(offsetPartitionsKey, "25", IntType, partitionsCheck), num(offsetReplicationKey, "3", ShortType, replicationCheck),
		{Name: StatusTopicKey, Type: StringType, Required: true}, num(statusPartitionsKey, "5", IntType, partitionsCheck), num(statusReplicationKey, "3", ShortType, replicationCheck),
		num("session.timeout.ms", "10000", IntType, nil), num("heartbeat.interval.ms", "3000", IntType, nil),
		num("rebalance.timeout.ms", "60000", IntType, nil), num("scheduled.rebalance.max.delay.ms", "300000", IntType, limit),
		num("connect.protocol", "sessioned", StringType, protocolCheck),
		num("retry.backoff.ms", "100", LongType, AtLeast(0)), num("retry.backoff.max.ms", "1000", LongType, AtLeast(0)),
		num("worker.sync.timeout.ms", "3000", IntType, nil), num("worker.unsync.backoff.ms", "300000", IntType, nil),
		exactlyOnce,
		num("client.id", "", StringType, nil),
		num("inter.worker.key.ttl.ms", "3600000", IntType, limit),
		num("inter.worker.key.generation.algorithm", "HmacSHA256", StringType, macAlgorithm),
		{Name: "inter.worker.key.size", Type: IntType},
		num("inter.worker.signature.algorithm", "HmacSHA256", StringType, macAlgorithm),
		num("inter.worker.verification.algorithms", "HmacSHA256", ListType, verificationAlgorithms),
	}
}

func membershipOf(v *Values) Membership {
	return Membership{
		Protocol:       v.Word("connect.protocol"),
		SessionTimeout: v.Millis("session.timeout.ms"), HeartbeatInterval: v.Millis("heartbeat.interval.ms"), RebalanceWithin: v.Millis("rebalance.timeout.ms"),
		MaxDelay: v.Millis("scheduled.rebalance.max.delay.ms"), SyncTimeout: v.Millis("worker.sync.timeout.ms"), UnsyncBackoff: v.Millis("worker.unsync.backoff.ms"),
		RetryBackoff: v.Millis("retry.backoff.ms"), RetryBackoffMax: v.Millis("retry.backoff.max.ms"),
	}
}

// smallestKeyBits is the least that Java's key generators for MACs make.
const smallestKeyBits = 40

func signingOf(v *Values) (Signing, error) {
	s := Signing{
		KeyTTL: time.Duration(v.Int("inter.worker.key.ttl.ms")) * time.Millisecond, KeyAlgorithm: v.Str("inter.worker.key.generation.algorithm"),
		SignatureAlgorithm: v.Str("inter.worker.signature.algorithm"), KeyBits: int(v.Int("inter.worker.key.size")),
		VerificationAlgorithms: v.List("inter.worker.verification.algorithms"),
	}
	if v.Given("inter.worker.key.size") && s.KeyBits < smallestKeyBits {
		return s, Problem{"inter.worker.key.size", fmt.Sprintf("Unable to create key generator with algorithm %s and key size %d: Key length must be at least %d bits",
			s.KeyAlgorithm, s.KeyBits, smallestKeyBits)}
	}
	if !slices.Contains(s.VerificationAlgorithms, s.SignatureAlgorithm) {
		return s, invalid("inter.worker.signature.algorithm", s.SignatureAlgorithm, "Signature algorithm must be present in inter.worker.verification.algorithms list")
	}
	return s, nil
}
