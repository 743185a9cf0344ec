package mysql

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/schemahistory"
)

// Classes of the schema history that are known (DM-186, DM-190).
type historyStore uint8

const (
	historyUnknown historyStore = iota
	historyKafka
	historyFile
	historyMemory
)

// historyKind tells the store from Debezium's class name.
func historyKind(class string) historyStore {
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "KafkaSchemaHistory":
		return historyKafka
	case "FileSchemaHistory":
		return historyFile
	case "MemorySchemaHistory":
		return historyMemory
	}
	return historyUnknown
}

// refuseHistory is the Refuse of schema.history.internal.
func refuseHistory(class string) string {
	if historyKind(class) == historyUnknown {
		return "this store is not built yet; use io.debezium.storage.kafka.history.KafkaSchemaHistory or io.debezium.storage.file.history.FileSchemaHistory"
	}
	return ""
}

// historySettings are the schema.history.internal.* keys.
type historySettings struct {
	kind               historyStore
	servers, topic     string
	producer, consumer map[string]string
	file               string
	query, create      time.Duration
}

func newHistorySettings(v *configs.Values) historySettings {
	return historySettings{
		kind: historyKind(v.Str(keyHistory)), servers: v.Str(keyHistoryServers), topic: v.Str(keyHistoryTopic), file: v.Str(keyHistoryFile),
		producer: v.Prefixed(historyPrefix + "producer."), consumer: v.Prefixed(historyPrefix + "consumer."),
		query: v.Millis(historyPrefix + "kafka.query.timeout.ms"), create: v.Millis(historyPrefix + "kafka.create.timeout.ms"),
	}
}

// historyError wraps an error of the store: brokers come back, so it may be tried again.
func historyError(op, subject string, err error) error {
	if capture.Retriable(err) {
		return err
	}
	return &capture.Error{Op: op, Subject: subject, Cause: err, CanRetry: true,
		Hint: "check that the schema history's brokers are up and that the topic may be read and written"}
}

// record makes a history record for an event at the cursor's present place.
func (s *settings) record(c *cursor, e historyEvent, now time.Time) schemahistory.Record {
	changes := e.changes
	if changes == nil {
		changes = []schemahistory.Change{}
	}
	return schemahistory.Record{Source: s.partition(), Position: c.offset(), TSMillis: now.UnixMilli(),
		Database: e.database, HasDB: e.hasDB, DDL: e.ddl, HasDDL: true, Changes: changes}
}

// historyEvent is the part of a DDL event that history and schema-change topic share.
type historyEvent struct {
	database string
	hasDB    bool
	ddl      string
	changes  []schemahistory.Change
}

// errNoHistory is the most-seen error of Debezium (DM-185, DM-237), with the ways out.
func errNoHistory(s *settings) error {
	return &capture.Error{Op: "recover schema history", Subject: s.history.name(),
		Cause: fmt.Errorf("the db history topic is missing or holds nothing of %q, though an offset is stored", s.prefix),
		Hint:  "if the topic or topic.prefix was changed, change it back; if the tables did not change since the stored offset, set snapshot.mode=recovery once"}
}

// name tells where the history is.
func (h *historySettings) name() string {
	switch h.kind {
	case historyKafka:
		return "topic " + h.topic
	case historyFile:
		return "file " + h.file
	}
	return "memory"
}

// appendHistory makes records durable (invariant 5).
func appendHistory(ctx context.Context, store schemahistory.Store, s *settings, recs []schemahistory.Record) error {
	if len(recs) == 0 {
		return nil
	}
	if err := store.Append(ctx, recs...); err != nil {
		if c := cancelled(ctx); c != nil {
			return c
		}
		return historyError("write schema history", s.history.name(), err)
	}
	return nil
}
