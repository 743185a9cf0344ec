package jdbc

import (
	"regexp"
	"strings"

	"github.com/anabranch/anabranch/configs"
)

// debeziumDef declares SJ-110 to SJ-133.
func debeziumDef() *configs.Def {
	var keys []configs.Key
	url := configs.Key{Name: keyURL, Type: configs.StringType, Required: true, Importance: configs.High, Width: "LONG",
		Display: "Hostname", Doc: "JDBC URL. Its subprotocol picks the database.", Check: checkURL}
	// Debezium requires the user name; SQLite has none, so it is asked for by a check over both keys.
	user := configs.Key{Name: keyUsername, Type: configs.StringType, Importance: configs.High, Width: "SHORT", Display: "User", Doc: "Database user."}
	pass := configs.Key{Name: keyPassword, Type: configs.PasswordType, Importance: configs.High, Width: "SHORT", Display: "Password", Doc: "Password of the database user."}
	prov := text(keyProvider, agroal, configs.Low, "Java class of the connection pool.")
	pool := "a task holds one connection; there is no pool"
	prov.NoEffect = pool
	pmin := number(keyPoolMin, configs.IntType, "5", configs.Low, "Least connections in the pool.")
	pmax := number(keyPoolMax, configs.IntType, "32", configs.Low, "Most connections in the pool.")
	ptime := number(keyPoolTimeout, configs.LongType, "1800", configs.Low, "Idle time of a pooled connection.")
	pinc := number(keyPoolIncrement, configs.IntType, "32", configs.Low, "Connections that the pool adds at a time.")
	pmin.NoEffect, pmax.NoEffect, ptime.NoEffect, pinc.NoEffect = pool, pool, pool, pool
	restart := boolean(keyRestartOnErrors, false, configs.Low, "Whether to reconnect after connection errors.")
	restart.NoEffect = "a lost connection is always made anew, and the transaction that was under way repeated"
	keys = append(keys, grouped("Connection", prov, url, user, pass, pmin, pmax, ptime, pinc, restart)...)

	format := text(keyCollectionFormat, "${topic}", configs.Medium, "Table name; ${topic} stands for the topic with dots as underscores, ${source.x} for a field of the event's source block.")
	format.Aliases = []string{keyTableNameFormat}
	format.Check = checkFormat(isTopicOrSource)
	alt := text(keyTableFormatAlt, "${table}", configs.Medium, "Table name made of ${schema} and ${table}.")
	alt.Refuse = configs.RefuseAny("not built here yet; use collection.name.format")
	naming := configs.Key{Name: keyCollectionNaming, Type: configs.ClassType, Default: defaultNaming, HasDefault: true, Importance: configs.Low,
		Doc: "Strategy that turns topics into table names.", Aliases: []string{"table.naming.strategy"},
		Refuse: configs.RefuseExcept("a Java naming strategy cannot run here; use collection.name.format, RegexRouter, or the Passthrough strategy",
			defaultNaming, passNaming, "io.debezium.connector.jdbc.naming.DefaultTableNamingStrategy")}
	colNaming := configs.Key{Name: keyColumnNaming, Type: configs.ClassType, Default: columnNaming, HasDefault: true, Importance: configs.Low,
		Doc: "Strategy that turns fields into column names.",
		Refuse: configs.RefuseExcept("a Java naming strategy cannot run here; rename fields with ReplaceField",
			columnNaming, "io.debezium.connector.jdbc.naming.DefaultColumnNamingStrategy")}
	evolution := words(text(keySchemaEvolution, "none", configs.Low, "none, or basic to create tables and add columns."), "none", "basic", "validate-only")
	evolution.Refuse = func(s string) string {
		if strings.EqualFold(s, "validate-only") {
			return "not built here yet; use none, which stops at the first column that is missing"
		}
		return ""
	}
	zone := text(keyUseTimeZone, "UTC", configs.Medium, "Zone for temporal values in columns without a zone.")
	zone.Aliases = []string{"database.time_zone"}
	zone.Check = checkZone
	pkFields := configs.Key{Name: keyPrimaryKeyFields, Type: configs.StringType, Importance: configs.Low, Width: "MEDIUM",
		Doc: "Key columns, separated by commas; the meaning depends on primary.key.mode."}
	keys = append(keys, grouped("Connector",
		words(text(keyInsertMode, "insert", configs.Low, "insert, upsert or update."), "insert", "upsert", "update"),
		boolean(keyDeleteEnabled, false, configs.Low, "Whether delete events and tombstones delete rows."),
		boolean(keyTruncateEnabled, false, configs.Low, "Whether truncate events empty the table."),
		format, alt,
		words(text(keyPrimaryKeyMode, "none", configs.High, "Where the key columns come from."), "none", "kafka", "record_key", "record_value", "record_header"),
		pkFields, evolution,
		boolean(keyQuoteIdentifiers, false, configs.Low, "Whether names keep their case; otherwise the database's folding applies."),
		zone)...)
	reduction := boolean(keyReduction, false, configs.Medium, "Whether only the last event of a key in a batch is written.")
	reduction.NoEffect = "upserts and deletes of one key in a batch are always reduced to the last one"
	keyed := text(keyKeyedBatchMode, "passthrough", configs.Medium, "deduplication or passthrough.")
	keyed.OneOf = []string{"deduplication", "passthrough"}
	keyed.NoEffect = reduction.NoEffect
	unnest := boolean(keyUnnest, false, configs.Medium, "Whether PostgreSQL rows are written through UNNEST.")
	unnest.NoEffect = "PostgreSQL rows are always written through UNNEST"
	identity := boolean(keyIdentity, false, configs.Low, "IDENTITY_INSERT on SQL Server.")
	identity.Refuse = configs.RefuseAny("SQL Server is not built here yet")
	cloud := text(keyCloudEvents, `.*CloudEvents\.Envelope$`, configs.Low, "Schema names of CloudEvents.")
	cloud.Check = func(v any) error { _, err := regexp.Compile(v.(string)); return err }
	cloud.Refuse = configs.RefuseAny("CloudEvents are not built here yet; leave the default, with which a CloudEvents record is refused")
	list := func(name, doc string) configs.Key {
		return configs.Key{Name: name, Type: configs.ListType, Default: "", HasDefault: true, Importance: configs.Medium, Doc: doc}
	}
	keys = append(keys, grouped("Connector Advanced", naming, colNaming,
		text(keyPostgis, "public", configs.Low, "Schema of the PostGIS extension."),
		unnest, identity,
		number(keyBatchSize, configs.IntType, "500", configs.Medium, "Rows per statement."),
		reduction, keyed,
		number(keyFlushRetries, configs.IntType, "5", configs.Low, "How often to repeat a write after an error that may pass."),
		number(keyFlushDelay, configs.LongType, "1000", configs.Low, "Wait before a repeated write, in milliseconds."),
		cloud)...)
	keys = append(keys, grouped("Filters",
		list(keyFieldInclude, "Fields to write: field, or topic:field."),
		list(keyFieldExclude, "Fields not to write: field, or topic:field."))...)
	return configs.NewDef(keys...).
		WithPatterns(
			configs.Pattern{Match: configs.Prefix("hibernate."), NoEffect: "there is no Hibernate here"},
			configs.Pattern{Match: func(n string) bool {
				return strings.HasPrefix(n, "column.naming.") || strings.HasPrefix(n, "collection.naming.")
			}, Refuse: func(string, string) string { return "a Java naming strategy cannot run here" }}).
		WithCheck(debeziumChecks)
}

// debeziumChecks are the rules over several keys (SJ-113, SJ-114, SJ-126).
func debeziumChecks(v *configs.Values) []configs.Problem {
	var ps []configs.Problem
	pk := pkNames[v.Word(keyPrimaryKeyMode)]
	if v.Word(keyInsertMode) == "upsert" && !v.Given(keyPrimaryKeyMode) {
		ps = append(ps, problem(keyInsertMode, "upsert", "upserts need key columns: set primary.key.mode"))
	}
	if w := v.Word(keyInsertMode); (w == "upsert" && v.Given(keyPrimaryKeyMode) || w == "update") && pk == pkNone {
		ps = append(ps, problem(keyInsertMode, w, "it needs key columns: set primary.key.mode to something other than none"))
	}
	if v.Bool(keyDeleteEnabled) && (pk == pkNone || pk == pkKafka) {
		ps = append(ps, problem(keyDeleteEnabled, "true", "deletes need the key of the row: set primary.key.mode to record_key, record_value or record_header"))
	}
	if len(v.List(keyFieldInclude)) > 0 && len(v.List(keyFieldExclude)) > 0 {
		ps = append(ps, problem(keyFieldExclude, strings.Join(v.List(keyFieldExclude), ","), "give either field.include.list or field.exclude.list"))
	}
	if !v.Given(keyUsername) && !strings.HasPrefix(v.Str(keyURL), "jdbc:sqlite:") {
		ps = append(ps, configs.Problem{Key: keyUsername, Message: `Missing required configuration "connection.username" which has no default value.`})
	}
	return ps
}
