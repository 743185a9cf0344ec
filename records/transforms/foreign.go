package transforms

import "strings"

// foreign says what to use in place of transforms that people know from other jars, by class
// name without $Key and $Value. Those jars cannot run here.
var foreign = map[string]string{
	"io.confluent.connect.transforms.Drop":                   "use ReplaceField with include or exclude for fields, or Filter with a predicate for whole records",
	"io.confluent.connect.transforms.ExtractTopic":           "events of Debezium can be routed by io.debezium.transforms.ExtractNewRecordState with route.by.field, topics by their name with RegexRouter",
	"io.confluent.connect.transforms.Filter":                 "use org.apache.kafka.connect.transforms.Filter with one of the predicates TopicNameMatches, HasHeaderKey, RecordIsTombstone; conditions on fields are not available",
	"io.confluent.connect.transforms.Flatten":                "use org.apache.kafka.connect.transforms.Flatten",
	"io.confluent.connect.transforms.GzipDecompress":         "decompress the values before they are produced",
	"io.confluent.connect.transforms.MessageTimestampRouter": "use TimestampRouter, which takes the record's own timestamp",
	"io.confluent.connect.transforms.ReplaceField":           "use org.apache.kafka.connect.transforms.ReplaceField",
	"io.confluent.connect.transforms.TombstoneHandler":       "use org.apache.kafka.connect.transforms.Filter with the predicate RecordIsTombstone",

	"io.aiven.kafka.connect.transforms.ConcatFields":                "there is no equal; join the fields where they are read",
	"io.aiven.kafka.connect.transforms.ExtractTimestamp":            "there is no equal; the producer's timestamp is kept",
	"io.aiven.kafka.connect.transforms.ExtractTopic":                "events of Debezium can be routed by io.debezium.transforms.ExtractNewRecordState with route.by.field, topics by their name with RegexRouter",
	"io.aiven.kafka.connect.transforms.ExtractTopicFromValueSchema": "use RegexRouter on the topic's name",
	"io.aiven.kafka.connect.transforms.FilterByFieldValue":          "use org.apache.kafka.connect.transforms.Filter with one of the predicates TopicNameMatches, HasHeaderKey, RecordIsTombstone; conditions on fields are not available",
	"io.aiven.kafka.connect.transforms.Hash":                        "use MaskField, or column.mask.hash options of a Debezium source",
	"io.aiven.kafka.connect.transforms.KeyToValue":                  "there is no equal; ValueToKey goes the other way",
	"io.aiven.kafka.connect.transforms.MakeTombstone":               "use ExtractNewRecordState with delete.tombstone.handling.mode for deletes",
	"io.aiven.kafka.connect.transforms.TombstoneHandler":            "use org.apache.kafka.connect.transforms.Filter with the predicate RecordIsTombstone",

	"io.debezium.transforms.ByLogicalTableRouter":              "not available yet; RegexRouter joins the topics of shards as long as their keys do not clash",
	"io.debezium.transforms.ContentBasedRouter":                "not available yet; RegexRouter routes by the topic's name, ExtractNewRecordState with route.by.field by a field",
	"io.debezium.transforms.ExtractChangedRecordState":         "not available yet; ExtractNewRecordState with add.headers=op tells the kind of a change",
	"io.debezium.transforms.Filter":                            "not available yet; use org.apache.kafka.connect.transforms.Filter with a predicate, or the include and exclude lists of the source",
	"io.debezium.transforms.HeaderToValue":                     "not available yet; ExtractNewRecordState with add.fields puts facts of the event into the row",
	"io.debezium.transforms.SchemaChangeEventFilter":           "not available yet; include.schema.changes=false in the source leaves schema changes out",
	"io.debezium.transforms.TimezoneConverter":                 "not available yet; TimestampConverter changes the form of times, which stay in UTC",
	"io.debezium.transforms.outbox.EventRouter":                "not available yet; keep this connector on Kafka Connect until it is",
	"io.debezium.transforms.partitions.PartitionRouting":       "not available yet; message.key.columns in the source chooses the key, which decides the partition",
	"io.debezium.transforms.tracing.ActivateTracingSpan":       "tracing is not available; leave it out",
	"io.debezium.transforms.openlineage.OpenLineage":           "lineage is not available; leave it out",
	"io.debezium.connector.mysql.transforms.ReadToInsertEvent": "not available yet; consumers have to take op=r as op=c",
}

// insteadOf is the way out for a class that does not exist here, "" for a name that is no
// class of another jar.
func insteadOf(class string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(class, "$Key"), "$Value")
	if text, ok := foreign[base]; ok {
		return text
	}
	switch {
	case strings.HasPrefix(class, "io.debezium."):
		return "not available yet; keep this connector on Kafka Connect until it is"
	case strings.Contains(class, ".") && !strings.HasPrefix(class, kafkaPrefix):
		return "classes of other jars cannot run here; GET /connector-plugins?connectorsOnly=false lists what is built in, and what only your class can do belongs before or behind this worker"
	}
	return ""
}
