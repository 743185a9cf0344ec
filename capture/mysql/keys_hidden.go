package mysql

import (
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/configs"
)

// hiddenKeys are keys that Debezium reads but does not show in validate answers: they carry
// no group (DM-56, DM-59, DM-62, DM-109, DM-186).
func hiddenKeys() []configs.Key {
	str, integer, long, boolean, list := configs.StringType, configs.IntType, configs.LongType, configs.BooleanType, configs.ListType
	key := func(name string, t configs.Type, def string, doc string) configs.Key {
		return configs.Key{Name: name, Type: t, Default: def, HasDefault: def != "" || t == configs.StringType, Importance: configs.Low, Doc: doc}
	}
	check := func(k configs.Key, fn func(any) error) configs.Key { k.Check = fn; return k }
	words := func(k configs.Key, ws ...string) configs.Key { k.OneOf = ws; return k }
	refused := func(k configs.Key, why string) configs.Key { k.Refuse = refuse(why); return k }
	idle := func(k configs.Key, why string) configs.Key { k.NoEffect = why; return k }

	heartbeat := check(key("topic.heartbeat.prefix", str, "__debezium-heartbeat", "First part of the heartbeat topic's name."), topicPart)
	heartbeat.Aliases = []string{"heartbeat.topics.prefix"}
	threads := "it only matters with parallel or incremental snapshots"
	return []configs.Key{
		words(key("binary.handling.mode", str, "bytes", "How binary columns are written: bytes, base64, base64-url-safe or hex."), "bytes", "base64", "base64-url-safe", "hex"),
		words(key("event.converting.failure.handling.mode", str, "warn", "What to do with a value that cannot be converted: fail, warn or skip."), "fail", "warn", "skip"),
		words(key("field.name.adjustment.mode", str, "none", "How field names are made fit for Avro."), "none", "avro", "avro_unicode"),
		key("unavailable.value.placeholder", str, "__debezium_unavailable_value", "Stands for a value that the binlog left out."),
		key("skip.messages.without.change", boolean, "false", "Whether updates that change no captured column are left out."),
		check(key("topic.delimiter", str, ".", "Between the parts of topic names."), topicPart),
		heartbeat,
		check(key("topic.heartbeat.name", str, "", "Whole name of the heartbeat topic."), topicPart),
		check(key("topic.transaction", str, "transaction", "Last part of the transaction topic's name."), topicPart),
		idle(key("topic.cache.size", integer, "10000", "How many topic names the Java connector remembers."), "names are made once per table here"),
		idle(key("poll.dispatch.interval.ms", long, "0", "How often the Java connector hands over."), "records are handed over as soon as they are read"),
		idle(key("queue.provider.type", str, "memory", "Queue of the Java connector."), "there is no queue here"),
		refused(key("snapshot.locking.mode.custom.name", str, "", "Name of a custom lock."), "Java locks cannot be loaded; use snapshot.locking.mode=minimal, extended or none"),
		refused(key("read.only", boolean, "false", "Whether signals work without writing to the database."), "signals and incremental snapshots are not built yet"),
		idle(key("snapshot.isolation.mode", str, "", "Not an option of MySQL."), "MySQL snapshots always use REPEATABLE READ"),
		refused(key("resolve.create.table.like.schema", boolean, "false", "Whether CREATE TABLE LIKE is resolved."), "it is always resolved here; remove the key"),
		idle(key("internal.offset.activity.monitor.interval.ms", long, "600000", "Watch over idle offsets in the Java connector."), "idle sources advance their offset here"),
		refused(key("internal.custom.retriable.exception", str, "", "Messages of errors to retry."), "Java exception texts do not exist here; connection errors are retried anyway"),
		idle(key("signal.emit.failure.max.retries", integer, "0", "Retries of signal answers."), "signals are not built yet"),
		idle(key("signal.emit.failure.backoff.ms", long, "10000", "Wait between them."), "signals are not built yet"),
		refused(key("signal.kafka.topic", str, "", "Topic of the Kafka signal channel."), "signals are not built yet"),
		refused(key("signal.kafka.bootstrap.servers", str, "", "Brokers of the Kafka signal channel."), "signals are not built yet"),
		idle(key("signal.kafka.groupId", str, "kafka-signal", "Group of the Kafka signal channel."), "signals are not built yet"),
		idle(key("signal.kafka.poll.timeout.ms", integer, "100", "Poll time of the Kafka signal channel."), "signals are not built yet"),
		idle(key("signal.file", str, "file-signals.txt", "File of the file signal channel."), "signals are not built yet"),
		refused(key("incremental.snapshot.mode", str, "", "Not an option of MySQL."), threads),
		refused(key("memory.optimization", str, "off", "Memory mode of Debezium 3.7."), "structures are always kept in the compact form here; remove the key"),

		check(key(keyHistoryTopic, str, "", "Topic of the schema history; one partition, kept for ever, used by this connector alone."), topicPart),
		key(keyHistoryServers, str, "", "Brokers of the schema history topic."),
		key(historyPrefix+"kafka.recovery.poll.interval.ms", integer, "100", "How long one read of the history may find nothing."),
		key(historyPrefix+"kafka.recovery.attempts", integer, "100", "How many such reads in a row end recovery."),
		key(historyPrefix+"kafka.query.timeout.ms", long, "3000", "How long questions to the brokers may take."),
		key(historyPrefix+"kafka.create.timeout.ms", long, "30000", "How long making the topic may take."),
		idle(key(historyPrefix+"kafka.buffer.batch.size", integer, "1024", "How many records a snapshot buffers."), "a snapshot's records are written in one batch"),
		key(keyHistoryFile, str, "", "File of FileSchemaHistory."),
		idle(key(historyPrefix+"name", str, "", "Name of the history in logs."), "logs name the connector"),
		idle(key(historyPrefix+"memory.optimization", str, "off", "Memory mode of Debezium 3.7."), "structures are always kept in the compact form here"),
		check(key(ddlFilterKey, str, "", "Statements that leave no trace, as regular expressions."), relational.CheckPatterns),
		idle(key("internal."+historyPrefix+"prefer.ddl", boolean, "false", "Whether recovery reads DDL instead of structures."), "recovery always prefers the stored structures"),
		idle(key("internal."+historyPrefix+"connector.class", str, "", "Set by Debezium itself."), "it is internal to the Java connector"),
		idle(key("internal."+historyPrefix+"connector.id", str, "", "Set by Debezium itself."), "it is internal to the Java connector"),
		refused(key("errors.deadletterqueue.topic.name", str, "", "For sink connectors."), "it belongs to sink connectors; remove the key"),
		refused(list0(list), "offsets of sources cannot be given by configuration; use PATCH /connectors/{name}/offsets"),
	}
}

// ddlFilterKey is SchemaHistory.DDL_FILTER (DM-129).
const ddlFilterKey = "internal.schema.history.internal.ddl.filter"

func list0(t configs.Type) configs.Key {
	return configs.Key{Name: "internal.initial.offsets", Type: t, Importance: configs.Low, Doc: "Not an option of Debezium."}
}
