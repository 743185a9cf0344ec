package kafkaprops

import (
	"slices"

	"github.com/anabranch/anabranch/configs"
)

// The importance of keys in Kafka's own definitions, which answers of validate show (CW-53,
// CW-55). Those in neither list are of medium importance.
var (
	highKeys = []string{
		"bootstrap.controllers", "bootstrap.servers", "buffer.memory", "compression.type", "fetch.min.bytes", "group.id", "group.protocol",
		"heartbeat.interval.ms", "key.deserializer", "key.serializer", "max.partition.fetch.bytes", "retries", "sasl.oauthbearer.expected.audience",
		"sasl.oauthbearer.expected.issuer", "session.timeout.ms", "ssl.key.password", "ssl.keystore.certificate.chain", "ssl.keystore.key",
		"ssl.keystore.location", "ssl.keystore.password", "ssl.truststore.certificates", "ssl.truststore.location", "ssl.truststore.password",
		"value.deserializer", "value.serializer",
	}
	lowKeys = []string{
		"acks", "auto.commit.interval.ms", "check.crcs", "client.rack", "config.providers", "enable.idempotence", "enable.metrics.push",
		"fetch.max.wait.ms", "interceptor.classes", "internal.throw.on.fetch.stable.offset.unsupported", "max.in.flight.requests.per.connection",
		"metadata.max.age.ms", "metadata.max.idle.ms", "metadata.recovery.rebootstrap.trigger.ms", "metadata.recovery.strategy", "metric.reporters",
		"metrics.num.samples", "metrics.recording.level", "metrics.sample.window.ms", "partitioner.adaptive.partitioning.enable",
		"partitioner.availability.timeout.ms", "reconnect.backoff.max.ms", "reconnect.backoff.ms", "retry.backoff.max.ms", "retry.backoff.ms",
		"sasl.kerberos.kinit.cmd", "sasl.kerberos.min.time.before.relogin", "sasl.kerberos.ticket.renew.jitter", "sasl.kerberos.ticket.renew.window.factor",
		"sasl.login.connect.timeout.ms", "sasl.login.read.timeout.ms", "sasl.login.refresh.buffer.seconds", "sasl.login.refresh.min.period.seconds",
		"sasl.login.refresh.window.factor", "sasl.login.refresh.window.jitter", "sasl.login.retry.backoff.max.ms", "sasl.login.retry.backoff.ms",
		"sasl.oauthbearer.assertion.claim.exp.seconds", "sasl.oauthbearer.assertion.claim.nbf.seconds", "sasl.oauthbearer.clock.skew.seconds",
		"sasl.oauthbearer.header.urlencode", "sasl.oauthbearer.jwks.endpoint.refresh.ms", "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
		"sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "sasl.oauthbearer.scope.claim.name", "sasl.oauthbearer.sub.claim.name", "security.providers",
		"ssl.cipher.suites", "ssl.endpoint.identification.algorithm", "ssl.engine.factory.class", "ssl.keymanager.algorithm",
		"ssl.secure.random.implementation", "ssl.trustmanager.algorithm", "transaction.timeout.ms", "transaction.two.phase.commit.enable",
		"transactional.id",
	}
)

// Defaults of Kafka's clients where ours are others or where there is none (CW-55).
var (
	producerDefaults = map[string]string{"buffer.memory": "33554432", "compression.type": "none", "batch.size": "16384", "linger.ms": "5",
		"delivery.timeout.ms": "120000", "receive.buffer.bytes": "32768", "max.in.flight.requests.per.connection": "5", "enable.idempotence": "true"}
	consumerDefaults = map[string]string{"auto.offset.reset": "latest", "max.poll.records": "500",
		"partition.assignment.strategy": "class org.apache.kafka.clients.consumer.RangeAssignor,class org.apache.kafka.clients.consumer.CooperativeStickyAssignor"}
	adminDefaults = map[string]string{"bootstrap.servers": "", "enable.metrics.push": "false", "connections.max.idle.ms": "300000"}
)

// ShownProducer, ShownConsumer and ShownClient are the definitions as Kafka's clients have them,
// for answers of validate; the values of these keys still mean what our definitions say.
func ShownProducer() *configs.Def { return asKafka(producerDef(), producerDefaults) }

// ShownConsumer is as ShownProducer.
func ShownConsumer() *configs.Def { return asKafka(consumerDef(), consumerDefaults) }

// ShownClient is as ShownProducer, for the admin client.
func ShownClient() *configs.Def { return asKafka(clientDef(), adminDefaults) }

func asKafka(d *configs.Def, defaults map[string]string) *configs.Def {
	return d.Map(func(k configs.Key) configs.Key {
		k.Importance = configs.Medium
		switch {
		case slices.Contains(highKeys, k.Name):
			k.Importance = configs.High
		case slices.Contains(lowKeys, k.Name):
			k.Importance = configs.Low
		}
		if text, ok := defaults[k.Name]; ok {
			k.Default, k.HasDefault = text, true
		}
		k.Recommended, k.Group, k.Width, k.Order, k.Display = nil, "", "", 0, k.Name
		return k
	})
}
