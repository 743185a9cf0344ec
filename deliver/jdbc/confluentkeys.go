package jdbc

import (
	"fmt"

	"github.com/anabranch/anabranch/configs"
)

// confluentDef declares SJ-030 to SJ-055.
func confluentDef() *configs.Def {
	var keys []configs.Key
	url := configs.Key{Name: keyURL, Type: configs.StringType, Required: true, Importance: configs.High, Width: "LONG",
		Doc: "JDBC URL. Its subprotocol picks the database.", Check: checkURL}
	pass := configs.Key{Name: keyPassword, Type: configs.PasswordType, Importance: configs.High, Doc: "Password; overrides one inside the URL."}
	user := configs.Key{Name: keyUser, Type: configs.StringType, Importance: configs.High, Doc: "User; overrides one inside the URL."}
	cred := configs.Key{Name: keyCredentials, Type: configs.ClassType, Default: credentials, HasDefault: true, Importance: configs.Low,
		Doc:    "Java class that hands out credentials.",
		Refuse: configs.RefuseAny("a Java credentials provider cannot run here; set connection.user and connection.password, if need be through a config provider")}
	dial := text(keyDialect, "", configs.Low, "Database dialect, for URLs whose subprotocol does not tell.")
	dial.Refuse = func(s string) string {
		switch s {
		case "PostgreSqlDatabaseDialect", "MySqlDatabaseDialect", "SqliteDatabaseDialect":
			return ""
		}
		return "this dialect is not built here yet; leave it out for PostgreSQL, MySQL, MariaDB and SQLite, which the URL tells"
	}
	attempts := number(keyConnectAttempts, configs.IntType, "3", configs.Low, "How often to try to connect.")
	attempts.Check = configs.AtLeast(1)
	keys = append(keys, grouped("Connection", url, user, pass, cred, dial, attempts,
		number(keyConnectBackoff, configs.LongType, "10000", configs.Low, "Wait between attempts to connect, in milliseconds."))...)

	keys = append(keys, grouped("Writes",
		words(text(keyInsertMode, "insert", configs.High, "insert, upsert or update."), "insert", "upsert", "update"),
		number(keyBatchSize, configs.IntType, "3000", configs.Medium, "Rows per statement."),
		boolean(keyDeleteEnabled, false, configs.Medium, "Whether a null value deletes the row of its key. Needs pk.mode=record_key."),
	)...)

	list := func(name string, imp configs.Importance, doc string) configs.Key {
		return configs.Key{Name: name, Type: configs.ListType, Default: "", HasDefault: true, Importance: imp, Doc: doc}
	}
	format := text(keyTableFormat, "${topic}", configs.Medium, "Table name; ${topic} stands for the topic. Dots separate schema and table.")
	format.Check = checkFormat(isTopic)
	zone := text(keyDBTimezone, "UTC", configs.Medium, "Zone in which Timestamp values are written to columns without a zone.")
	zone.Check = checkZone
	dateZone := words(text(keyDateTimezone, "DB_TIMEZONE", configs.Medium, "Zone that decides the day of Date values."), "DB_TIMEZONE", "UTC")
	types := configs.Key{Name: keyTableTypes, Type: configs.ListType, Default: "TABLE", HasDefault: true, Importance: configs.Low,
		Doc: "Kinds of table to write to.", OneOf: []string{"TABLE", "PARTITIONED TABLE", "VIEW"},
		NoEffect: "any table, partitioned table or view of the name is written to"}
	calendar := words(text(keyCalendar, "LEGACY", configs.Medium, "Calendar of dates before 1582."), "LEGACY", "PROLEPTIC_GREGORIAN")
	calendar.NoEffect = "dates are always written as they are, in the proleptic Gregorian calendar"
	strCol := text(keyStringColumn, "record_value", configs.Medium, "Column for records whose value is a plain string.")
	strCol.Refuse = configs.RefuseAny("plain string values are not supported yet; use records with a schema")
	holdlock := boolean(keyHoldlock, true, configs.Low, "HOLDLOCK in SQL Server's MERGE.")
	holdlock.NoEffect = "it concerns SQL Server only"
	keys = append(keys, grouped("Data Mapping", format,
		words(text(keyPKMode, "none", configs.High, "Where the key columns come from."), "none", "kafka", "record_key", "record_value"),
		list(keyPKFields, configs.Medium, "Key columns; the meaning depends on pk.mode."),
		list(keyWhitelist, configs.Medium, "Value fields to write; empty writes all. Key columns are always written."),
		zone, dateZone,
		list(keyStampFields, configs.Medium, "INT64 fields to be written as timestamps."),
		words(text(keyStampPrecision, "microseconds", configs.Medium, "Unit of the fields in timestamp.fields.list."), "microseconds", "nanoseconds"),
		calendar, types, strCol)...)
	keys = append(keys, grouped("DDL Support",
		boolean(keyAutoCreate, false, configs.Medium, "Whether to create missing tables."),
		boolean(keyAutoEvolve, false, configs.Medium, "Whether to add missing columns."),
		words(text(keyQuoteSQL, "always", configs.Medium, "always keeps the case of names; never lets the database fold it."), "always", "never"),
		holdlock)...)
	trim := boolean(keyTrimLog, false, configs.Low, "Whether to keep row data out of the log.")
	trim.NoEffect = "row data never reaches the log here"
	keys = append(keys, grouped("Retries",
		number(keyMaxRetries, configs.IntType, "10", configs.Medium, "How often to repeat a write after an error that may pass."),
		number(keyRetryBackoff, configs.IntType, "3000", configs.Medium, "Wait before a repeated write, in milliseconds."),
		boolean(keyNullToDefault, true, configs.Medium, "Whether null in an optional field with a default is written as the default."),
		trim)...)
	return configs.NewDef(keys...).
		WithPatterns(
			configs.Pattern{Match: configs.Prefix("jdbc.credentials.provider."),
				Refuse: func(string, string) string { return "a Java credentials provider cannot run here" }},
			configs.Pattern{Match: configs.Prefix("connection."), Doc: "Driver properties (SJ-032)."}).
		WithCheck(confluentChecks)
}

// confluentChecks are the rules over several keys (SJ-038, SJ-066, SJ-053).
func confluentChecks(v *configs.Values) []configs.Problem {
	var ps []configs.Problem
	pk := pkNames[v.Word(keyPKMode)]
	fields := v.List(keyPKFields)
	if v.Bool(keyDeleteEnabled) && pk != pkKey {
		why := "deletes need the key of the row: set pk.mode=record_key"
		ps = append(ps, problem(keyDeleteEnabled, "true", why), problem(keyPKMode, v.Str(keyPKMode), why))
	}
	if v.Word(keyInsertMode) == "upsert" && pk == pkNone {
		ps = append(ps, problem(keyInsertMode, "upsert", "upserts need key columns: set pk.mode to record_key, record_value or kafka"))
	}
	if v.Word(keyInsertMode) == "update" && pk == pkNone {
		ps = append(ps, problem(keyInsertMode, "update", "updates need key columns: set pk.mode to record_key, record_value or kafka"))
	}
	if name := v.Str(keyDialect); name != "" {
		scheme := map[string]string{"PostgreSqlDatabaseDialect": "postgresql", "MySqlDatabaseDialect": "mysql", "SqliteDatabaseDialect": "sqlite"}[name]
		if u, err := parseURL(v.Str(keyURL)); err == nil && u.scheme != scheme && !(scheme == "mysql" && u.scheme == "mariadb") {
			ps = append(ps, problem(keyDialect, name, "connection.url is of another database: jdbc:"+u.scheme))
		}
	}
	if pk == pkKafka && len(fields) != 0 && len(fields) != 3 {
		ps = append(ps, problem(keyPKFields, fmt.Sprint(fields), "pk.mode=kafka needs no names or exactly three: for topic, partition and offset"))
	}
	return ps
}
