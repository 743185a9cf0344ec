package mysql

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/anabranch/anabranch/capture/relational"
	"github.com/anabranch/anabranch/configs"
)

// Class is the connector class in users' JSON; MariaDBClass is the sister that shares most of
// the code but is not switched on yet.
const (
	Class        = "io.debezium.connector.mysql.MySqlConnector"
	MariaDBClass = "io.debezium.connector.mariadb.MariaDbConnector"
)

// Configuration keys that are read by name; spelling as in Debezium.
const (
	keyTopicPrefix    = "topic.prefix"
	keyHostname       = "database.hostname"
	keyPort           = "database.port"
	keyUser           = "database.user"
	keyPassword       = "database.password"
	keyServerID       = "database.server.id"
	keySSLMode        = "database.ssl.mode"
	keySnapshotMode   = "snapshot.mode"
	keyLockingMode    = "snapshot.locking.mode"
	keyTasksMax       = "tasks.max"
	historyPrefix     = "schema.history.internal."
	keyHistory        = "schema.history.internal"
	keyHistoryServers = "schema.history.internal.kafka.bootstrap.servers"
	keyHistoryTopic   = "schema.history.internal.kafka.topic"
	keyHistoryFile    = "schema.history.internal.file.filename"
	overridesKey      = "snapshot.select.statement.overrides"
)

// Groups of keys as Debezium names them in validate answers.
const (
	groupMySQL     = "MySQL"
	groupConnector = "Connector"
	groupHistory   = "History Storage"
	groupEvents    = "Events"
)

var (
	snapshotModes = []string{"initial", "initial_only", "no_data", "schema_only", "when_needed", "always", "recovery", "schema_only_recovery"}
	lockingModes  = []string{"minimal", "extended", "none"}
)

// Definition returns every key that Debezium 3.6's MySQL connector knows, with its type,
// default, importance and group; values that are not honoured yet are refused with the way
// out (DM-51..63, DM-105..110, DM-186).
func Definition() *configs.Def {
	keys := append(connectionKeys(), connectorKeys()...)
	keys = append(keys, eventKeys()...)
	keys = append(keys, hiddenKeys()...)
	return configs.NewDef(keys...).WithPatterns(patterns()...).WithCheck(crossCheck)
}

func refuse(why string) func(string) string {
	return func(v string) string {
		if v == "" {
			return ""
		}
		return why
	}
}

func refuseWord(word, why string) func(string) string {
	return func(v string) string {
		if strings.EqualFold(v, word) {
			return why
		}
		return ""
	}
}

func refuseClass(why string, simple ...string) func(string) string {
	return func(v string) string {
		for _, s := range simple {
			if v == "" || strings.HasSuffix(v, "."+s) {
				return ""
			}
		}
		return why
	}
}

func refuseStore(v string) string {
	l := strings.ToLower(v)
	for _, ext := range []string{".jks", ".p12", ".pfx", ".keystore", ".truststore"} {
		if strings.HasSuffix(l, ext) {
			return "Java key stores are not read yet; export it to a PEM file, for instance with keytool -exportcert -rfc"
		}
	}
	return ""
}

func topicPart(val any) error {
	if s, ok := val.(string); ok && !relational.ValidTopicPart(s) {
		return fmt.Errorf("%s has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)", s)
	}
	return nil
}

func serverID(val any) error {
	if i, ok := val.(int64); ok && (i < 1 || i > 1<<32-1) {
		return fmt.Errorf("a server id is a number from 1 to %d", uint32(1<<32-1))
	}
	return nil
}

func skippedOps(val any) error {
	list, _ := val.([]string)
	for _, op := range list {
		switch strings.ToLower(op) {
		case "c", "u", "d", "t", "r":
		case "none":
			if len(list) > 1 {
				return fmt.Errorf("\"none\" cannot be specified along with other skipped operations")
			}
		default:
			return fmt.Errorf("invalid operation %q; use c, u, d, t, r or none", op)
		}
	}
	return nil
}

func keyMap(val any) error {
	s, _ := val.(string)
	_, err := relational.ParseKeyMap(s)
	return err
}

func crossCheck(v *configs.Values) []configs.Problem {
	var ps []configs.Problem
	add := func(key, format string, args ...any) {
		ps = append(ps, configs.Problem{Key: key, Message: fmt.Sprintf(format, args...)})
	}
	for _, k := range []string{keyTopicPrefix, keyHostname, keyUser, keyServerID} {
		if text, _ := v.Raw(k); strings.TrimSpace(text) == "" {
			add(k, "The '%s' value is invalid: A value is required", k)
		}
	}
	for _, pair := range [][2]string{{"database.include.list", "database.exclude.list"}, {"table.include.list", "table.exclude.list"},
		{"column.include.list", "column.exclude.list"}, {"gtid.source.includes", "gtid.source.excludes"}} {
		in, _ := v.Raw(pair[0])
		out, _ := v.Raw(pair[1])
		if in != "" && out != "" {
			add(pair[1], "The '%s' value is invalid: \"%s\" is already specified", pair[1], pair[0])
		}
	}
	if v.Int("max.queue.size") <= v.Int("max.batch.size") {
		add("max.queue.size", "The 'max.queue.size' value is invalid: must be larger than max.batch.size (%d)", v.Int("max.batch.size"))
	}
	switch historyKind(v.Str(keyHistory)) {
	case historyKafka:
		for _, k := range []string{keyHistoryTopic, keyHistoryServers} {
			if v.Str(k) == "" {
				add(k, "The '%s' value is invalid: A value is required", k)
			}
		}
	case historyFile:
		if v.Str(keyHistoryFile) == "" {
			add(keyHistoryFile, "The '%s' value is invalid: A value is required", keyHistoryFile)
		}
	}
	if text, given := v.Raw(keyTasksMax); given && strings.TrimSpace(text) != "1" && strings.TrimSpace(text) != "" {
		add(keyTasksMax, "%s", tooManyTasks)
	}
	return ps
}

// tooManyTasks is the text for tasks.max above 1 (DM-51, DM-509): Debezium throws as well.
const tooManyTasks = "Only a single connector task may be started: a binlog is one stream; set tasks.max to 1"

var (
	maskPattern     = regexp.MustCompile(`^column\.mask\.with\.\d+\.chars$`)
	hashPattern     = regexp.MustCompile(`^column\.mask\.hash\.(v2\.)?[^.]+\.with\.salt\..+$`)
	truncatePattern = regexp.MustCompile(`^column\.truncate\.to\.\d+\.chars$`)
)

// patterns are families of keys whose names carry parameters (DM-63, DM-110, DM-186).
func patterns() []configs.Pattern {
	notYet := func(what string) func(string, string) string {
		return func(string, string) string { return what }
	}
	return []configs.Pattern{
		{Match: maskPattern.MatchString, Refuse: notYet("masking is not built yet; use MaskField or remove the key"), Doc: "Columns shown as asterisks."},
		{Match: hashPattern.MatchString, Refuse: notYet("hashing is not built yet; remove the key"), Doc: "Columns shown as a hash."},
		{Match: truncatePattern.MatchString, Refuse: notYet("truncation is not built yet; remove the key"), Doc: "Columns cut to a length."},
		{Match: configs.Prefix(overridesKey + "."), Doc: "The SELECT of a table in snapshot.select.statement.overrides."},
		{Match: configs.Prefix(historyPrefix + "producer."), Doc: "Kafka client settings of the schema history's producer."},
		{Match: configs.Prefix(historyPrefix + "consumer."), Doc: "Kafka client settings of the schema history's consumer."},
		{Match: configs.Prefix("snapshot.max.threads.multiplier."), NoEffect: "it only matters with snapshot.max.threads above 1", Doc: "Chunks per thread of one table."},
		{Match: configs.Prefix("signal.consumer."), NoEffect: "signals are not built yet", Doc: "Kafka client settings of the signal channel."},
		{Match: configs.Prefix("driver."), Refuse: driverSetting, Doc: "Settings of the JDBC driver."},
	}
}

// driverSetting accepts those settings of MySQL's JDBC driver that are already what happens here.
func driverSetting(name, value string) string {
	switch strings.ToLower(strings.TrimPrefix(name, "driver.")) {
	case "connectiontimezone", "servertimezone":
		if v := strings.ToUpper(value); v == "UTC" || v == "SERVER" || v == "+00:00" || v == "GMT" {
			return ""
		}
		return "snapshot timestamps are always read in UTC here; remove the key"
	case "useunicode", "characterencoding", "allowpublickeyretrieval", "usessl", "sslmode":
		return ""
	}
	return "no JDBC driver is used here; remove the key"
}
