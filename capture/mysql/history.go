package mysql

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/schemahistory/gtid"
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
	pollInterval       time.Duration
	attempts           int
}

func newHistorySettings(v *configs.Values) historySettings {
	return historySettings{
		kind: historyKind(v.Str(keyHistory)), servers: v.Str(keyHistoryServers), topic: v.Str(keyHistoryTopic), file: v.Str(keyHistoryFile),
		producer: v.Prefixed(historyPrefix + "producer."), consumer: v.Prefixed(historyPrefix + "consumer."),
		query: v.Millis(historyPrefix + "kafka.query.timeout.ms"), create: v.Millis(historyPrefix + "kafka.create.timeout.ms"),
		pollInterval: v.Millis(historyPrefix + "kafka.recovery.poll.interval.ms"), attempts: int(v.Int(historyPrefix + "kafka.recovery.attempts")),
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

// openHistory makes the store; nothing is connected yet.
func openHistory(s *settings, log *slog.Logger) (schemahistory.Store, error) {
	h := &s.history
	switch h.kind {
	case historyFile:
		return schemahistory.NewFile(h.file, log), nil
	case historyMemory:
		return schemahistory.NewMemory(), nil
	}
	servers := map[string]string{kafkaprops.BootstrapServers: h.servers, kafkaprops.ClientID: s.prefix + "-schemahistory"}
	producer := kafkaprops.Client(kafkaprops.Merge(servers, sharedOnly(h.producer))).WithPrefix(historyPrefix + "producer.")
	consumer := kafkaprops.Client(kafkaprops.Merge(servers, sharedOnly(h.consumer))).WithPrefix(historyPrefix + "consumer.")
	for _, set := range []*kafkaprops.Settings{producer, consumer} {
		if len(set.Problems) > 0 {
			return nil, &capture.Error{Op: "read configuration of schema history", Subject: h.topic, Cause: set.Problems}
		}
		for _, w := range set.Warnings {
			log.Warn("schema history: " + w.Message)
		}
	}
	return schemahistory.NewKafka(schemahistory.KafkaOptions{Topic: h.topic, Servers: h.servers, Producer: producer.Opts, Consumer: consumer.Opts,
		PollInterval: h.pollInterval, Attempts: h.attempts, QueryTimeout: h.query, CreateTimeout: h.create, Log: log}), nil
}

// sharedOnly drops the keys about batching, serializers and groups: the history decides those
// itself, as Debezium does.
func sharedOnly(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		switch k {
		case "acks", "retries", "batch.size", "linger.ms", "buffer.memory", "max.block.ms", "key.serializer", "value.serializer", "compression.type",
			"key.deserializer", "value.deserializer", "group.id", "auto.offset.reset", "enable.auto.commit", "fetch.min.bytes", "session.timeout.ms",
			"max.request.size", "delivery.timeout.ms", "enable.idempotence", "max.in.flight.requests.per.connection", "max.poll.records", "isolation.level",
			"default.api.timeout.ms", "max.partition.fetch.bytes", "fetch.max.wait.ms", "heartbeat.interval.ms", "max.poll.interval.ms":
			continue
		}
		out[k] = v
	}
	return out
}

// recover rebuilds the structures as they were at the stored offset (DM-183).
func (src *Source) recover(ctx context.Context, at *cursor) error {
	stop := at.offset()
	src.v.historyState.Store(historyRecovering)
	src.v.recoveryBegan.Store(time.Now().UnixMilli())
	byGTID := at.gtids != nil && src.sv.gtid && !src.s.gtidIgnore
	tables, stats, err := schemahistory.Recover(ctx, src.store, src.s.partition(), stop, schemahistory.RecoverOptions{
		Order: recoveryOrder(src.s, byGTID), Parser: src.parser, FoldCase: src.sv.lowerCase != 0, SkipUnparseable: src.s.skipBadDDL, Log: src.log})
	if err != nil {
		return historyError("recover schema history", src.s.history.name(), err)
	}
	if tables.Len() == 0 && stats.Records == stats.Foreign {
		return errNoHistory(src.s)
	}
	src.log.Info("schema history recovered", "tables", tables.Len(), "records", stats.Records, "applied", stats.Applied, "later", stats.Later, "foreign", stats.Foreign)
	src.v.historyRecovered(int64(stats.Records-stats.Foreign), int64(stats.Applied))
	src.tables = tables
	return nil
}

// recoveryOrder decides which records belong to the past. A statement's record carries the
// GTIDs before it, so with equal sets the statement itself will be read again from the log:
// applying it now as well would rename or move columns twice. Debezium does that.
func recoveryOrder(s *settings, byGTID bool) schemahistory.AtOrBefore {
	keep := s.gtidSource()
	order := schemahistory.MySQLOrder(func(uuid string) bool { return keep(gtid.Source{UUID: uuid}) })
	return func(recorded, desired records.Doc) (bool, error) {
		if !byGTID {
			recorded, desired = without(recorded, offGTIDs), without(desired, offGTIDs)
			before, err := order(recorded, desired)
			if _, known := recorded.Get(offServerID); err != nil || before || known {
				return before, err
			}
			// A snapshot's records name no server, so only times were compared: our clock's with the
			// server's. The place in the log does not depend on clocks.
			return order(recorded, without(desired, offServerID))
		}
		before, err := order(recorded, desired)
		if err != nil || !before {
			return before, err
		}
		if _, snap := recorded.Get(offSnapshot); snap || recorded.Str(offGTIDs) == "" {
			return true, nil
		}
		a, err := gtid.Parse(recorded.Str(offGTIDs))
		if err != nil {
			return false, err
		}
		b, err := gtid.Parse(desired.Str(offGTIDs))
		if err != nil {
			return false, err
		}
		return !a.Equal(b), nil
	}
}

func without(d records.Doc, key string) records.Doc {
	out := make(records.Doc, 0, len(d))
	for _, f := range d {
		if f.Key != key {
			out = append(out, f)
		}
	}
	return out
}
