package jdbc

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgres is the dialect of PostgreSQL.
type postgres struct{}

func (postgres) name() string { return "PostgreSQL" }

func (postgres) appendIdent(dst []byte, name string) []byte { return appendQuoted(dst, name, '"') }

func (postgres) foldTable(name string) string            { return strings.ToLower(name) }
func (postgres) foldColumn(_ family, name string) string { return strings.ToLower(name) }

// appendQuoted writes name between quotes, doubling those inside.
func appendQuoted(dst []byte, name string, quote byte) []byte {
	dst = append(dst, quote)
	for i := 0; i < len(name); i++ {
		if name[i] == quote {
			dst = append(dst, quote)
		}
		dst = append(dst, name[i])
	}
	return append(dst, quote)
}

// maxPostgresName is NAMEDATALEN-1.
const maxPostgresName = 63

func (postgres) tableFrom(parts []string) (tableID, error) {
	var id tableID
	switch len(parts) {
	case 1:
		id = tableID{name: parts[0]}
	case 2:
		id = tableID{schema: parts[0], name: parts[1]}
	default:
		id = tableID{catalog: parts[0], schema: parts[1], name: parts[2]}
	}
	if len(id.name) > maxPostgresName {
		id.name = strings.ToValidUTF8(id.name[:maxPostgresName], "")
	}
	return id, nil
}

func (postgres) columnType(c *config, f *field) (string, error) {
	fam := c.family
	precise := func(name string) string {
		if fam == confluent {
			return name
		}
		n := 6
		if p := f.fractionDigits(); p > 0 && p <= 6 {
			n = p
		}
		return name + "(" + strconv.Itoa(n) + ")"
	}
	switch k := f.kind; k {
	case kindBool:
		return "BOOLEAN", nil
	case kindInt8, kindInt16:
		return "SMALLINT", nil
	case kindInt32, kindYear:
		return "INT", nil
	case kindInt64:
		return "BIGINT", nil
	case kindFloat32:
		return "REAL", nil
	case kindFloat64:
		return "DOUBLE PRECISION", nil
	case kindString, kindEnum, kindEnumSet:
		return f.stringType("TEXT", "CHAR", "VARCHAR"), nil
	case kindBytes:
		return "BYTEA", nil
	case kindDecimal:
		// Without a precision the type stays unbounded: no digit may be lost.
		if fam == confluent || f.digits == 0 || f.digits > 1000 || f.scale < 0 || f.scale > f.digits {
			return "DECIMAL", nil
		}
		return fmt.Sprintf("DECIMAL(%d,%d)", f.digits, f.scale), nil
	case kindVarDecimal:
		return "DECIMAL", nil
	case kindDate:
		return "DATE", nil
	case kindTimeMilli, kindTimeMicro, kindTimeNano:
		return precise("TIME"), nil
	case kindStampMilli, kindStampMicro, kindStampNano, kindInstantMilli, kindInstantMicro, kindInstantNano:
		return precise("TIMESTAMP"), nil
	case kindZonedStamp:
		return precise("TIMESTAMPTZ"), nil
	case kindZonedTime:
		return precise("TIMETZ"), nil
	case kindJSON:
		if f.source == "JSONB" {
			return "JSONB", nil
		}
		return "JSON", nil
	case kindUUID:
		return "UUID", nil
	case kindXML:
		return "XML", nil
	case kindLtree:
		return "LTREE", nil
	case kindMicroDuration, kindInterval:
		return "INTERVAL", nil
	case kindBits:
		if f.length > 0 {
			return fmt.Sprintf("BIT(%d)", f.length), nil
		}
		return "BIT VARYING", nil
	case kindPoint:
		return "POINT", nil
	case kindGeometry:
		return string(appendQuoted(nil, c.postgisSchema, '"')) + ".geometry", nil
	case kindGeography:
		return string(appendQuoted(nil, c.postgisSchema, '"')) + ".geography", nil
	case kindArray:
		e := newField(fam, f.name, f.schema.Elem, false)
		t, err := postgres{}.columnType(c, &e)
		return t + "[]", err
	}
	return "", errNoColumn(f)
}

func errNoColumn(f *field) error {
	return fmt.Errorf("field type %s has no column type", describeType(f.schema))
}

// fractionDigits is the propagated precision of a temporal type, 0 if unknown (SJ-179).
func (f *field) fractionDigits() int {
	if f.decimals >= 0 {
		return f.decimals
	}
	return f.length
}

// stringType is the type of a text, by its propagated type where there is one (SJ-174).
func (f *field) stringType(free, char, varchar string) string {
	switch f.source {
	case "CHAR", "CHARACTER", "BPCHAR", "NCHAR":
		return fmt.Sprintf("%s(%d)", char, max(f.length, 1))
	case "VARCHAR", "VARCHAR2", "CHARACTER VARYING", "NVARCHAR", "NVARCHAR2":
		if f.length > 0 {
			return fmt.Sprintf("%s(%d)", varchar, f.length)
		}
	}
	return free
}

func (d postgres) defaultLiteral(c *config, col *column, sqlType string) (string, bool) {
	switch col.kind {
	case kindBool:
		if b, _ := col.schema.Default.(bool); b {
			return "TRUE", true
		}
		return "FALSE", true
	case kindBytes:
		p, ok := col.schema.Default.([]byte)
		return fmt.Sprintf(`'\x%x'`, p), ok
	}
	text, ok := defaultText(c, col)
	if !ok {
		return "", false
	}
	if numericKind(col.kind) {
		return text, true
	}
	if col.kind == kindBits {
		return "B" + string(appendQuoted(nil, text, '\'')), true
	}
	return string(appendQuoted(nil, text, '\'')), true
}

func (postgres) alter(_ family, table string, specs []string) []string {
	return []string{"ALTER TABLE " + table + " ADD COLUMN " + strings.Join(specs, ", ADD COLUMN ")}
}

func (postgres) classify(err error) errorClass {
	if isRecordError(err) {
		return classFatal
	}
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return classifyTransport(err)
	}
	switch code := pe.Code; {
	case len(code) != 5:
		return classFatal
	case code == "42703", code == "42P01", code == "42804", code == "0A000" && strings.Contains(pe.Message, "cached plan"), code == "26000":
		return classStale
	case code == "21000":
		return classRow // two keys that we take for different are equal to the database
	case strings.HasPrefix(code, "22"), strings.HasPrefix(code, "23"):
		return classRow
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"), strings.HasPrefix(code, "57P0"),
		strings.HasPrefix(code, "40"), code == "55P03", code == "25006", code == "57014", code == "XX000":
		return classRetry
	}
	return classFatal
}

var quotedText = regexp.MustCompile(`"[^"]*"`)

// explain drops what may hold data: the detail, and in data exceptions the quoted value.
func (postgres) explain(err error) (text, column, hint string) {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return explainTransport(err)
	}
	text = pe.Message
	if strings.HasPrefix(pe.Code, "22") {
		text = quotedText.ReplaceAllString(text, "a value")
		if i := strings.Index(text, ": "); i > 0 {
			text = text[:i]
		}
	}
	text += " (SQLSTATE " + pe.Code + ")"
	switch pe.Code {
	case "42P10":
		hint = "an upsert needs a primary key or unique constraint over exactly the key columns"
	case "42501":
		hint = "grant the connector's user the privilege, or choose another user"
	case "28P01", "28000":
		hint = hintLogin
	case "3D000":
		hint = "check the database name in connection.url"
	case "3F000":
		hint = "create the schema, or change the table name format"
	}
	return text, pe.ColumnName, hint
}
