package jdbc

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/anabranch/anabranch/configs"
)

// Keys of both families.
const (
	keyURL           = "connection.url"
	keyPassword      = "connection.password"
	keyInsertMode    = "insert.mode"
	keyDeleteEnabled = "delete.enabled"
	keyBatchSize     = "batch.size"
)

// Keys of the Confluent family (SJ-030 to SJ-054).
const (
	keyUser            = "connection.user"
	keyCredentials     = "jdbc.credentials.provider.class"
	keyDialect         = "dialect.name"
	keyConnectAttempts = "connection.attempts"
	keyConnectBackoff  = "connection.backoff.ms"
	keyTableTypes      = "table.types"
	keyTableFormat     = "table.name.format"
	keyPKMode          = "pk.mode"
	keyPKFields        = "pk.fields"
	keyWhitelist       = "fields.whitelist"
	keyAutoCreate      = "auto.create"
	keyAutoEvolve      = "auto.evolve"
	keyQuoteSQL        = "quote.sql.identifiers"
	keyMaxRetries      = "max.retries"
	keyRetryBackoff    = "retry.backoff.ms"
	keyDBTimezone      = "db.timezone"
	keyDateTimezone    = "date.timezone"
	keyStampFields     = "timestamp.fields.list"
	keyStampPrecision  = "timestamp.precision.mode"
	keyCalendar        = "date.calendar.system"
	keyNullToDefault   = "replace.null.with.default"
	keyHoldlock        = "mssql.use.merge.holdlock"
	keyStringColumn    = "string.output.value.column.name"
	keyTrimLog         = "trim.sensitive.log"
)

// Keys of Debezium's connector (SJ-110 to SJ-133).
const (
	keyUsername         = "connection.username"
	keyProvider         = "connection.provider"
	keyPoolMin          = "connection.pool.min_size"
	keyPoolMax          = "connection.pool.max_size"
	keyPoolTimeout      = "connection.pool.timeout"
	keyPoolIncrement    = "connection.pool.acquire_increment"
	keyRestartOnErrors  = "connection.restart.on.errors"
	keyTruncateEnabled  = "truncate.enabled"
	keyPrimaryKeyMode   = "primary.key.mode"
	keyPrimaryKeyFields = "primary.key.fields"
	keyCollectionFormat = "collection.name.format"
	keyTableNameFormat  = "table.name.format" // older alias of collection.name.format
	keyTableFormatAlt   = "collection.table.format"
	keyCollectionNaming = "collection.naming.strategy"
	keyColumnNaming     = "column.naming.strategy"
	keySchemaEvolution  = "schema.evolution"
	keyQuoteIdentifiers = "quote.identifiers"
	keyUseTimeZone      = "use.time.zone"
	keyReduction        = "use.reduction.buffer"
	keyKeyedBatchMode   = "keyed.message.batch.mode"
	keyFieldInclude     = "field.include.list"
	keyFieldExclude     = "field.exclude.list"
	keyFlushRetries     = "flush.max.retries"
	keyFlushDelay       = "flush.retry.delay.ms"
	keyPostgis          = "dialect.postgres.postgis.schema"
	keyUnnest           = "dialect.postgres.unnest.insert.enabled"
	keyIdentity         = "dialect.sqlserver.identity.insert"
	keyCloudEvents      = "cloud.events.schema.name.pattern"
)

const (
	defaultNaming = "io.debezium.sink.naming.DefaultCollectionNamingStrategy"
	passNaming    = "io.debezium.sink.naming.PassthroughCollectionNamingStrategy"
	columnNaming  = "io.debezium.sink.naming.DefaultColumnNamingStrategy"
	credentials   = "io.confluent.connect.jdbc.util.DefaultJdbcCredentialsProvider"
	agroal        = "org.hibernate.agroal.internal.AgroalConnectionProvider"
)

// Definition returns the keys of a connector class (SJ section 1.1 and 2.1), or nil for a
// class that is not a JDBC sink.
func Definition(class string) *configs.Def {
	switch class {
	case ConfluentClass:
		return confluentDef()
	case DebeziumClass:
		return debeziumDef()
	}
	return nil
}

func checkURL(v any) error {
	_, err := parseURL(v.(string))
	return err
}

func checkZone(v any) error {
	_, err := loadZone(v.(string))
	return err
}

func text(name, def string, imp configs.Importance, doc string) configs.Key {
	return configs.Key{Name: name, Type: configs.StringType, Default: def, HasDefault: true, Importance: imp, Doc: doc}
}

func number(name string, t configs.Type, def string, imp configs.Importance, doc string) configs.Key {
	return configs.Key{Name: name, Type: t, Default: def, HasDefault: true, Importance: imp, Doc: doc, Check: configs.AtLeast(0)}
}

func boolean(name string, def bool, imp configs.Importance, doc string) configs.Key {
	return configs.Key{Name: name, Type: configs.BooleanType, Default: fmt.Sprint(def), HasDefault: true, Importance: imp, Doc: doc}
}

func words(k configs.Key, ws ...string) configs.Key { k.OneOf = ws; return k }

func grouped(group string, keys ...configs.Key) []configs.Key {
	for i := range keys {
		keys[i].Group, keys[i].Order = group, i+1
		if keys[i].Width == "" {
			keys[i].Width = "MEDIUM"
		}
	}
	return keys
}

var unsafeName = regexp.MustCompile(`\$\{(?:[^}]*)\}`)

// checkFormat refuses placeholders that would reach the database as they stand.
func checkFormat(allowed func(string) bool) func(any) error {
	return func(v any) error {
		s := v.(string)
		if s == "" {
			return fmt.Errorf("String may not be empty")
		}
		for _, p := range unsafeName.FindAllString(s, -1) {
			if !allowed(p) {
				return fmt.Errorf("unknown placeholder %s", p)
			}
		}
		return nil
	}
}

func isTopic(p string) bool { return p == "${topic}" }

func isTopicOrSource(p string) bool { return isTopic(p) || strings.HasPrefix(p, "${source.") }

// problem makes a finding in the words of Kafka's ConfigException.
func problem(key, value, why string) configs.Problem {
	return configs.Problem{Key: key, Message: fmt.Sprintf("Invalid value %s for configuration %s: %s", value, key, why)}
}
