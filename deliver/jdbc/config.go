package jdbc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anabranch/anabranch/configs"
)

// Connector classes that this package stands in for (SJ-010, SJ-011).
const (
	ConfluentClass = "io.confluent.connect.jdbc.JdbcSinkConnector"
	DebeziumClass  = "io.debezium.connector.jdbc.JdbcSinkConnector"
)

// family is which of the two connectors' rules apply.
type family uint8

const (
	confluent family = iota
	debezium
)

func familyOf(class string) (family, error) {
	switch class {
	case ConfluentClass:
		return confluent, nil
	case DebeziumClass:
		return debezium, nil
	}
	return 0, fmt.Errorf("class %s is not a JDBC sink", class)
}

type insertMode uint8

const (
	modeInsert insertMode = iota
	modeUpsert
	modeUpdate
)

type pkMode uint8

const (
	pkNone pkMode = iota
	pkKafka
	pkKey
	pkValue
	pkHeader
)

var pkNames = map[string]pkMode{"none": pkNone, "kafka": pkKafka, "record_key": pkKey,
	"record_value": pkValue, "record_header": pkHeader}

func (m pkMode) String() string {
	for name, v := range pkNames {
		if v == m {
			return name
		}
	}
	return "?"
}

// config is the parsed configuration of either family.
type config struct {
	family   family
	url      jdbcURL
	user     string
	password configs.Password

	insert      insertMode
	deletes     bool
	truncates   bool
	pk          pkMode
	pkFields    []string
	tableFormat string
	passthrough bool // naming strategy that keeps dots
	create      bool
	evolve      bool
	quoted      bool
	batchRows   int
	include     []fieldPattern // empty = all
	exclude     []fieldPattern

	retries        int
	retryWait      time.Duration
	connects       int
	connectWait    time.Duration
	zone           *time.Location
	dateZone       *time.Location
	nullToDefault  bool
	stampFields    map[string]bool
	stampNanos     bool
	postgisSchema  string
	pkKey, pkField string // the spelling of the keys in messages
}

// fieldPattern is one entry of field.include.list and the like: a field, or topic:field (SJ-126).
type fieldPattern struct{ topic, field string }

func (p fieldPattern) matches(topic, field string) bool {
	return p.field == field && (p.topic == "" || p.topic == topic)
}

func patterns(list []string) []fieldPattern {
	var ps []fieldPattern
	for _, e := range list {
		if topic, f, two := strings.Cut(e, ":"); two {
			ps = append(ps, fieldPattern{strings.TrimSpace(topic), strings.TrimSpace(f)})
		} else {
			ps = append(ps, fieldPattern{"", strings.TrimSpace(e)})
		}
	}
	return ps
}

// writes reports whether a value field is to be written.
func (c *config) writes(topic, name string) bool {
	for _, p := range c.exclude {
		if p.matches(topic, name) {
			return false
		}
	}
	if len(c.include) == 0 {
		return true
	}
	for _, p := range c.include {
		if p.matches(topic, name) {
			return true
		}
	}
	return false
}

// defaultBatchRows is used for a batch.size of 0, which the Java connector reads as "all".
const defaultBatchRows = 3000

// parseConfig turns parsed values into a config.
func parseConfig(class string, v *configs.Values) (*config, error) {
	fam, err := familyOf(class)
	if err != nil {
		return nil, err
	}
	c := &config{family: fam, connects: 1, nullToDefault: false, postgisSchema: "public"}
	switch v.Word(keyInsertMode) {
	case "upsert":
		c.insert = modeUpsert
	case "update":
		c.insert = modeUpdate
	}
	c.deletes = v.Bool(keyDeleteEnabled)
	c.batchRows = int(v.Int(keyBatchSize))
	if c.batchRows <= 0 {
		c.batchRows = defaultBatchRows
	}
	if c.url, err = parseURL(v.Str(keyURL)); err != nil {
		return nil, err
	}
	if fam == confluent {
		// SJ-032: any other connection.<x> is the driver's property <x>.
		def := Definition(class)
		more := v.Prefixed("connection.")
		for _, name := range slices.Sorted(maps.Keys(more)) {
			if _, declared := def.Key("connection." + name); !declared {
				c.url.params = append(c.url.params, urlParam{name, strings.TrimSpace(more[name])})
			}
		}
	}
	c.password = v.Secret(keyPassword)
	zoneKey := keyDBTimezone
	switch fam {
	case confluent:
		c.user = v.Str(keyUser)
		c.pkKey, c.pkField = keyPKMode, keyPKFields
		c.pk = pkNames[v.Word(keyPKMode)]
		c.pkFields = v.List(keyPKFields)
		c.tableFormat = v.Str(keyTableFormat)
		c.create, c.evolve = v.Bool(keyAutoCreate), v.Bool(keyAutoEvolve)
		c.quoted = v.Word(keyQuoteSQL) == "always"
		c.include = patterns(v.List(keyWhitelist))
		c.retries, c.retryWait = int(v.Int(keyMaxRetries)), v.Millis(keyRetryBackoff)
		c.connects, c.connectWait = int(v.Int(keyConnectAttempts)), v.Millis(keyConnectBackoff)
		c.nullToDefault = v.Bool(keyNullToDefault)
		c.stampFields = map[string]bool{}
		for _, f := range v.List(keyStampFields) {
			c.stampFields[f] = true
		}
		c.stampNanos = v.Word(keyStampPrecision) == "nanoseconds"
	case debezium:
		c.user = v.Str(keyUsername)
		c.pkKey, c.pkField = keyPrimaryKeyMode, keyPrimaryKeyFields
		c.pk = pkNames[v.Word(keyPrimaryKeyMode)]
		c.pkFields = configs.SplitList(v.Str(keyPrimaryKeyFields))
		c.tableFormat = v.Str(keyCollectionFormat)
		c.passthrough = strings.HasSuffix(v.Str(keyCollectionNaming), "PassthroughCollectionNamingStrategy")
		c.create = v.Word(keySchemaEvolution) == "basic"
		c.evolve = c.create
		c.quoted = v.Bool(keyQuoteIdentifiers)
		c.truncates = v.Bool(keyTruncateEnabled)
		c.include, c.exclude = patterns(v.List(keyFieldInclude)), patterns(v.List(keyFieldExclude))
		c.retries, c.retryWait = int(v.Int(keyFlushRetries)), v.Millis(keyFlushDelay)
		c.postgisSchema = v.Str(keyPostgis)
		zoneKey = keyUseTimeZone
	}
	if c.zone, err = loadZone(v.Str(zoneKey)); err != nil {
		return nil, fmt.Errorf("%s: %w", zoneKey, err)
	}
	c.dateZone = time.UTC
	if fam == confluent && !strings.EqualFold(v.Str(keyDateTimezone), "UTC") {
		c.dateZone = c.zone
	}
	return c, nil
}

// zoneFor is the zone that a column's values are written in.
func (c *config) zoneFor(col *column) *time.Location {
	if col.kind == kindDate {
		return c.dateZone
	}
	return c.zone
}

// loadZone reads a zone as Java's ZoneId spells it: a region, Z, UTC, GMT or an offset.
func loadZone(name string) (*time.Location, error) {
	switch name {
	case "", "UTC", "Z", "GMT", "Etc/UTC":
		return time.UTC, nil
	}
	if z, err := time.LoadLocation(name); err == nil && name != "Local" {
		return z, nil
	}
	off := strings.TrimPrefix(strings.TrimPrefix(name, "UTC"), "GMT")
	for _, layout := range []string{"-07:00", "-0700", "-07"} {
		if t, err := time.Parse(layout, off); err == nil {
			_, sec := t.Zone()
			if sec == 0 {
				return time.UTC, nil
			}
			return time.FixedZone(off, sec), nil
		}
	}
	return nil, fmt.Errorf("unknown time zone %q", name)
}
