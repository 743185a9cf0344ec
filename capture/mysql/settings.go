package mysql

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/anabranch/anabranch/capture/mysql/column"
	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/schemahistory"
	"github.com/anabranch/anabranch/schemahistory/ddl"
)

// builtinDatabases belong to the server (table.ignore.builtin, DM-42).
var builtinDatabases = []string{"mysql", "performance_schema", "sys", "information_schema"}

// settings is the configuration in typed form; nobody looks at raw keys after it was made.
type settings struct {
	prefix string // topic.prefix

	host, user        string
	port              int
	password          configs.Password
	serverID          uint32
	sslMode           string
	sslTrust, sslKeys string
	connectTimeout    time.Duration
	queryTimeout      time.Duration
	keepAlive         time.Duration // 0 = off
	netWriteTimeout   int64
	netReadTimeout    int64
	initialStatements []string

	snapshotMode    string
	lockingMode     string
	lockTimeout     time.Duration
	snapshotDelay   time.Duration
	streamingDelay  time.Duration
	snapshotTables  relational.Patterns
	snapshotOrder   string
	selectOverrides map[string]string // db.table -> SELECT
	checkPosition   bool

	filters       relational.FilterConfig
	topics        relational.Topics
	keys          relational.KeyMap
	columns       column.Options
	schemaAdjust  relational.Adjuster
	maxBatch      int
	queueSize     int64         // max.queue.size, for metrics only
	skip          map[byte]bool // skipped.operations
	skipUnchanged bool
	tombstones    bool
	schemaChanges bool
	txMetadata    bool
	headers       bool
	query         bool
	heartbeat     time.Duration
	comments      bool

	inconsistent    string // inconsistent.schema.handling.mode
	skipBadDDL      bool
	ddlFilter       []*regexp.Regexp // nil: Debezium's default
	gtidIncludes    string
	gtidExcludes    string
	gtidFilterRows  bool
	gtidIgnore      bool
	guardrailMax    int
	guardrailAction string

	history historySettings
}

// newSettings reads a parsed configuration.
func newSettings(v *configs.Values) (*settings, error) {
	text := func(key string) string { s, _ := v.Raw(key); return s } // lists as users wrote them: commas may be escaped
	s := &settings{
		prefix: v.Str(keyTopicPrefix), host: v.Str(keyHostname), user: v.Str(keyUser), port: int(v.Int(keyPort)),
		password: v.Secret(keyPassword), serverID: uint32(v.Int(keyServerID)), sslMode: v.Word(keySSLMode),
		sslTrust: v.Str("database.ssl.truststore"), sslKeys: v.Str("database.ssl.keystore"),
		connectTimeout: v.Millis("connect.timeout.ms"), queryTimeout: v.Millis("database.query.timeout.ms"),
		netWriteTimeout: v.Int("binlog.net.write.timeout"), netReadTimeout: v.Int("binlog.net.read.timeout"),
		initialStatements: splitStatements(v.Str("database.initial.statements")),
		snapshotMode:      v.Word(keySnapshotMode), lockingMode: v.Word(keyLockingMode), lockTimeout: v.Millis("snapshot.lock.timeout.ms"),
		snapshotDelay: v.Millis("snapshot.delay.ms"), streamingDelay: v.Millis("streaming.delay.ms"),
		snapshotOrder: v.Word("snapshot.tables.order.by.row.count"), checkPosition: v.Bool("internal.log.position.check.enable"),
		filters: relational.FilterConfig{
			DatabaseInclude: text("database.include.list"), DatabaseExclude: text("database.exclude.list"),
			TableInclude: text("table.include.list"), TableExclude: text("table.exclude.list"),
			ColumnInclude: text("column.include.list"), ColumnExclude: text("column.exclude.list"),
			Builtin: builtinDatabases, IgnoreBuiltin: v.Bool("table.ignore.builtin"),
			StoreOnlyCapturedTables:    v.Bool(historyPrefix + "store.only.captured.tables.ddl"),
			StoreOnlyCapturedDatabases: v.Bool(historyPrefix + "store.only.captured.databases.ddl"),
		},
		topics: relational.Topics{Prefix: v.Str(keyTopicPrefix), Delimiter: v.Str("topic.delimiter"),
			HeartbeatPrefix: v.Str("topic.heartbeat.prefix"), HeartbeatName: v.Str("topic.heartbeat.name"), TransactionName: v.Str("topic.transaction")},
		maxBatch: int(v.Int("max.batch.size")), queueSize: v.Int("max.queue.size"), skip: map[byte]bool{}, skipUnchanged: v.Bool("skip.messages.without.change"),
		tombstones: v.Bool("tombstones.on.delete"), schemaChanges: v.Bool("include.schema.changes"),
		txMetadata: v.Bool("provide.transaction.metadata"), headers: v.Bool("extended.headers.enabled"), query: v.Bool("include.query"),
		heartbeat: v.Millis("heartbeat.interval.ms"), comments: v.Bool("include.schema.comments"),
		inconsistent: v.Word("inconsistent.schema.handling.mode"), skipBadDDL: v.Bool(historyPrefix + "skip.unparseable.ddl"),
		gtidIncludes: text("gtid.source.includes"), gtidExcludes: v.Str("gtid.source.excludes"),
		gtidFilterRows: v.Bool("gtid.source.filter.dml.events"), gtidIgnore: v.Bool("gtid.ignore.on.recovery"),
		guardrailMax: int(v.Int("guardrail.collections.max")), guardrailAction: v.Word("guardrail.collections.limit.action"),
		history: newHistorySettings(v),
	}
	switch s.snapshotMode { // names that older releases knew (DM-08)
	case "schema_only":
		s.snapshotMode = modeNoData
	case "schema_only_recovery":
		s.snapshotMode = modeRecovery
	}
	if v.Bool("connect.keep.alive") {
		s.keepAlive = v.Millis("connect.keep.alive.interval.ms")
	}
	for _, op := range v.List("skipped.operations") {
		if op != "" && !strings.EqualFold(op, "none") {
			s.skip[strings.ToLower(op)[0]] = true
		}
	}
	var err error
	if s.snapshotTables, err = relational.ParsePatterns(text("snapshot.include.collection.list")); err != nil {
		return nil, fmt.Errorf("read snapshot.include.collection.list: %w", err)
	}
	if s.keys, err = relational.ParseKeyMap(v.Str("message.key.columns")); err != nil {
		return nil, fmt.Errorf("read message.key.columns: %w", err)
	}
	if s.schemaAdjust, err = relational.NewAdjuster(v.Str("schema.name.adjustment.mode"), true); err != nil {
		return nil, err
	}
	fields, err := relational.NewAdjuster(fieldMode(v), false)
	if err != nil {
		return nil, err
	}
	if s.selectOverrides, err = readOverrides(v); err != nil {
		return nil, err
	}
	if text := v.Str(ddlFilterKey); text != "" {
		if s.ddlFilter, err = ddl.CompileFilter(text); err != nil {
			return nil, fmt.Errorf("read %s: %w", ddlFilterKey, err)
		}
	}
	for _, list := range []string{s.gtidIncludes, s.gtidExcludes} {
		if _, err := parseGTIDSources(list); err != nil {
			return nil, fmt.Errorf("read gtid.source.includes or gtid.source.excludes: %w", err)
		}
	}
	s.columns = column.Options{
		Decimal: v.Str("decimal.handling.mode"), TimePrecision: v.Str("time.precision.mode"), BigintUnsigned: v.Str("bigint.unsigned.handling.mode"),
		Binary: v.Str("binary.handling.mode"), TimeAdjuster: v.Bool("enable.time.adjuster"), ConvertFailure: v.Str("event.converting.failure.handling.mode"),
		Placeholder: v.Str("unavailable.value.placeholder"), IncludeComments: s.comments,
		FieldName: fields, SchemaName: s.schemaAdjust,
	}
	return s, nil
}

// fieldMode switches field names to avro by itself when a converter of Confluent's or
// Apicurio's is configured and nothing else is said (DM-28).
func fieldMode(v *configs.Values) string {
	if v.Given("field.name.adjustment.mode") {
		return v.Str("field.name.adjustment.mode")
	}
	for _, k := range []string{"key.converter", "value.converter"} {
		c, _ := v.Raw(k)
		switch strings.TrimSpace(c) {
		case "io.confluent.connect.avro.AvroConverter", "io.apicurio.registry.utils.converter.AvroConverter":
			return "avro"
		}
	}
	return "none"
}

func readOverrides(v *configs.Values) (map[string]string, error) {
	m := map[string]string{}
	for _, name := range configs.SplitList(v.Str(overridesKey)) {
		sel, ok := v.Raw(overridesKey + "." + name)
		if !ok || strings.TrimSpace(sel) == "" {
			return nil, fmt.Errorf("%s names %s, but %s.%s is missing", overridesKey, name, overridesKey, name)
		}
		m[name] = sel
	}
	return m, nil
}

// splitStatements splits at single semicolons; two stand for one (database.initial.statements).
func splitStatements(s string) []string {
	var out []string
	var sb strings.Builder
	flush := func() {
		if t := strings.TrimSpace(sb.String()); t != "" {
			out = append(out, t)
		}
		sb.Reset()
	}
	for i := 0; i < len(s); i++ {
		if s[i] != ';' {
			sb.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == ';' {
			sb.WriteByte(';')
			i++
			continue
		}
		flush()
	}
	flush()
	return out
}

// newRunID is a fresh UUID for the runId header (DM-23).
func newRunID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // crypto/rand never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// Snapshot modes (DM-94).
const (
	modeInitial     = "initial"
	modeInitialOnly = "initial_only"
	modeNoData      = "no_data"
	modeWhenNeeded  = "when_needed"
	modeAlways      = "always"
	modeRecovery    = "recovery"
)

// streams reports whether the mode goes on to the binlog.
func (s *settings) streams() bool { return s.snapshotMode != modeInitialOnly }

// tableID is short for the id of a table of this connector.
func tableID(db, table string) schemahistory.TableID {
	return schemahistory.TableID{Database: db, Table: table}
}

// tid is short for a table's id.
type tid = schemahistory.TableID
