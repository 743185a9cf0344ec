package jdbc

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// mysqlDialect is the dialect of MySQL and MariaDB.
type mysqlDialect struct{}

func (mysqlDialect) name() string { return "MySQL" }

func (mysqlDialect) appendIdent(dst []byte, name string) []byte { return appendQuoted(dst, name, '`') }

// MySQL keeps the case of table names (the file system decides) and ignores that of columns;
// Debezium's connector lower-cases the columns that it makes.
func (mysqlDialect) foldTable(name string) string { return name }
func (mysqlDialect) foldColumn(fam family, name string) string {
	if fam == debezium {
		return strings.ToLower(name)
	}
	return name
}

func (mysqlDialect) tableFrom(parts []string) (tableID, error) {
	switch len(parts) {
	case 1:
		return tableID{name: parts[0]}, nil
	case 2:
		return tableID{schema: parts[0], name: parts[1]}, nil
	}
	return tableID{}, fmt.Errorf("table name %q has three parts, but MySQL knows only database.table", strings.Join(parts, "."))
}

func (mysqlDialect) columnType(c *config, f *field) (string, error) {
	fam := c.family
	precise := func(name string) string {
		n := 6
		if fam == confluent {
			n = 3
			if f.kind == kindInstantMicro || f.kind == kindInstantNano {
				n = 6
			}
		} else if p := f.fractionDigits(); p > 0 && p <= 6 {
			n = p
		}
		return fmt.Sprintf("%s(%d)", name, n)
	}
	switch k := f.kind; k {
	case kindBool:
		return "TINYINT(1)", nil
	case kindInt8:
		return "TINYINT", nil
	case kindInt16:
		return f.unsigned("SMALLINT", "SMALLINT UNSIGNED"), nil
	case kindInt32:
		return f.unsigned("INT", "INT UNSIGNED"), nil
	case kindInt64:
		return f.unsigned("BIGINT", "BIGINT UNSIGNED"), nil
	case kindYear:
		return "YEAR", nil
	case kindFloat32:
		return "FLOAT", nil
	case kindFloat64:
		return "DOUBLE", nil
	case kindString, kindXML, kindInterval, kindUUID, kindLtree:
		// A TEXT cannot be a key (SJ-084, SJ-173).
		if f.key {
			t := f.stringType("", "CHAR", "VARCHAR")
			if t == "" || f.length > maxMySQLKeyText {
				return fmt.Sprintf("VARCHAR(%d)", maxMySQLKeyText), nil
			}
			return t, nil
		}
		if fam == confluent {
			return "TEXT", nil
		}
		return f.stringType("LONGTEXT", "CHAR", "VARCHAR"), nil
	case kindBytes:
		switch {
		case f.key:
			return fmt.Sprintf("VARBINARY(%d)", maxMySQLKeyText), nil
		case fam == confluent:
			return "VARBINARY(1024)", nil
		}
		switch f.source {
		case "TINYBLOB", "MEDIUMBLOB", "BLOB":
			return f.source, nil
		}
		return "LONGBLOB", nil
	case kindDecimal:
		scale := min(max(f.scale, 0), 30)
		digits := 65
		if fam == debezium && f.digits > 0 {
			digits = min(max(f.digits, scale), 65)
		}
		return fmt.Sprintf("DECIMAL(%d,%d)", digits, scale), nil
	case kindVarDecimal:
		return "DECIMAL(65,30)", nil
	case kindDate:
		return "DATE", nil
	case kindTimeMilli, kindTimeMicro, kindTimeNano, kindMicroDuration:
		return precise("TIME"), nil
	case kindStampMilli, kindStampMicro, kindStampNano, kindInstantMilli, kindInstantMicro, kindInstantNano:
		return precise("DATETIME"), nil
	case kindZonedStamp:
		return precise("TIMESTAMP"), nil
	case kindZonedTime:
		return precise("TIME"), nil
	case kindJSON:
		return "JSON", nil
	case kindEnum, kindEnumSet:
		if len(f.allowed) == 0 {
			return "VARCHAR(255)", nil
		}
		t := []byte("ENUM(")
		if k == kindEnumSet {
			t = []byte("SET(")
		}
		for i, w := range f.allowed {
			if i > 0 {
				t = append(t, ',')
			}
			t = appendQuoted(t, strings.ReplaceAll(w, `\`, `\\`), '\'')
		}
		return string(append(t, ')')), nil
	case kindBits:
		if n := f.length; n > 0 && n <= 64 {
			return fmt.Sprintf("BIT(%d)", n), nil
		}
		return "LONGBLOB", nil
	case kindPoint:
		return "POINT", nil
	case kindGeometry, kindGeography:
		return "GEOMETRY", nil
	}
	return "", errNoColumn(f)
}

// maxMySQLKeyText is the length of texts in keys: an index takes 3072 bytes, a character four.
const maxMySQLKeyText = 255

// unsigned keeps a propagated UNSIGNED (SJ-194).
func (f *field) unsigned(signed, unsigned string) string {
	if strings.Contains(f.source, "UNSIGNED") && f.kind == kindInt64 && strings.HasPrefix(f.source, "BIGINT") {
		return unsigned
	}
	return signed
}

func (d mysqlDialect) defaultLiteral(c *config, col *column, sqlType string) (string, bool) {
	switch {
	case strings.HasSuffix(sqlType, "TEXT"), strings.HasSuffix(sqlType, "BLOB"), sqlType == "JSON", sqlType == "GEOMETRY", sqlType == "POINT":
		return "", false // MySQL: cannot have a literal default
	}
	switch col.kind {
	case kindBool:
		if b, _ := col.schema.Default.(bool); b {
			return "1", true
		}
		return "0", true
	case kindBytes:
		p, ok := col.schema.Default.([]byte)
		return fmt.Sprintf("x'%x'", p), ok
	case kindZonedStamp:
		s, _ := col.schema.Default.(string)
		at, err := parseZoned([]byte(s))
		if err != nil || at.sec <= 0 || at.sec > maxMySQLTimestamp {
			return "", false // outside of TIMESTAMP's range
		}
		return "'" + string(appendStamp(nil, at, ' ')) + "'", true // sessions are in UTC
	}
	text, ok := defaultText(c, col)
	switch {
	case !ok:
		return "", false
	case numericKind(col.kind):
		return text, true
	case col.kind == kindBits:
		return "b'" + text + "'", true
	}
	return string(appendQuoted(nil, strings.ReplaceAll(text, `\`, `\\`), '\'')), true
}

const maxMySQLTimestamp = 1<<31 - 1

func (mysqlDialect) alter(fam family, table string, specs []string) []string {
	if fam == debezium {
		return []string{"ALTER TABLE " + table + " ADD COLUMN (" + strings.Join(specs, ", ") + ")"}
	}
	return []string{"ALTER TABLE " + table + " ADD " + strings.Join(specs, ", ADD ")}
}

func (mysqlDialect) classify(err error) errorClass {
	if isRecordError(err) {
		return classFatal
	}
	var me *mysql.MySQLError
	if !errors.As(err, &me) {
		if errors.Is(err, mysql.ErrInvalidConn) {
			return classRetry
		}
		return classifyTransport(err)
	}
	switch me.Number {
	case 1040, 1205, 1213, 2006, 2013, 1053, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1290, 1836, 1927, 3024, 1021, 1041, 1206, 3572, 1317, 1129, 1180:
		return classRetry
	case 1054, 1146, 1136, 1412, 1615:
		return classStale
	case 1048, 1062, 1216, 1217, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1411, 1441, 1451, 1452, 1416, 1525, 1557, 1582, 1586,
		1690, 3140, 3141, 3144, 3156, 3157, 3819, 4025, 1367 + 1000, 1105 + 2000, 3617, 3616, 1873, 1425, 1427:
		return classRow
	}
	return classFatal
}

var (
	mysqlColumn = regexp.MustCompile("(?i)(?:column|field) ['`]?([^' ]+)")
	mysqlQuoted = regexp.MustCompile(`(?i)(value|entry|string)(?:: | )'(?:[^'\\]|\\.|'')*'`)
)

// mysqlColumnOf finds the column in a message; it comes after any quoted value.
func mysqlColumnOf(msg string) string {
	all := mysqlColumn.FindAllStringSubmatch(msg, -1)
	if len(all) == 0 {
		return ""
	}
	name := strings.Trim(all[len(all)-1][1], "`")
	return name[strings.LastIndexAny(name, "`.")+1:]
}

// explain drops what may hold data: values that the server quotes in its messages.
func (mysqlDialect) explain(err error) (text, column, hint string) {
	var me *mysql.MySQLError
	if !errors.As(err, &me) {
		return explainTransport(err)
	}
	text = mysqlQuoted.ReplaceAllString(me.Message, "$1")
	switch me.Number {
	case 1048, 1054, 1264, 1265, 1292, 1364, 1366, 1406, 1411, 3140:
		column = mysqlColumnOf(me.Message)
	case 1062:
		text = "duplicate entry for a unique key"
		if i := strings.LastIndex(me.Message, "for key "); i >= 0 {
			text = "duplicate entry " + me.Message[i:]
		}
	case 1045, 1698:
		hint = hintLogin
	case 1049:
		hint = "check the database name in connection.url"
	case 1044, 1142:
		hint = "grant the connector's user the privilege, or choose another user"
	case 1153:
		hint = "raise the server's max_allowed_packet"
	}
	return fmt.Sprintf("%s (MySQL error %d)", text, me.Number), column, hint
}
