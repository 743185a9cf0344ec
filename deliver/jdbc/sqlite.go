package jdbc

import (
	"errors"
	"fmt"
	"strings"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// sqlite is the dialect of SQLite.
type sqlite struct{}

func (sqlite) name() string { return "SQLite" }

func (sqlite) appendIdent(dst []byte, name string) []byte { return appendQuoted(dst, name, '"') }

// SQLite keeps the case of names and compares them without it.
func (sqlite) foldTable(name string) string            { return name }
func (sqlite) foldColumn(_ family, name string) string { return name }

func (sqlite) tableFrom(parts []string) (tableID, error) {
	switch len(parts) {
	case 1:
		return tableID{name: parts[0]}, nil
	case 2:
		if parts[0] == "main" || parts[0] == "temp" {
			return tableID{schema: parts[0], name: parts[1]}, nil
		}
	}
	return tableID{}, fmt.Errorf("table name %q has parts, but SQLite has no schemas", strings.Join(parts, "."))
}

// maxSQLiteDigits is how many digits a NUMERIC column keeps: longer numbers become REAL.
const maxSQLiteDigits = 15

func (sqlite) columnType(c *config, f *field) (string, error) {
	switch k := f.kind; {
	case k.isInt(), k == kindBool:
		return "INTEGER", nil
	case k == kindFloat32, k == kindFloat64:
		return "REAL", nil
	case k == kindDecimal:
		if f.digits > maxSQLiteDigits {
			return "TEXT", nil // NUMERIC would round
		}
		return "NUMERIC", nil
	case k == kindVarDecimal:
		return "TEXT", nil
	case k == kindBytes, k == kindPoint, k == kindGeometry, k == kindGeography:
		return "BLOB", nil
	case k == kindDate, k.isTime(), k.isStamp(), k.isInstant():
		if c.family == confluent {
			return "NUMERIC", nil
		}
		return "TEXT", nil
	case k.isText(), k == kindZonedStamp, k == kindBits:
		return "TEXT", nil
	case k == kindMicroDuration:
		return "INTEGER", nil
	}
	return "", errNoColumn(f)
}

func (d sqlite) defaultLiteral(c *config, col *column, _ string) (string, bool) {
	switch k := col.kind; {
	case k == kindBool:
		if b, _ := col.schema.Default.(bool); b {
			return "1", true
		}
		return "0", true
	case k == kindBytes:
		p, ok := col.schema.Default.([]byte)
		return fmt.Sprintf("x'%x'", p), ok
	case k == kindMicroDuration:
		n, ok := col.schema.Default.(int64)
		return fmt.Sprint(n), ok
	}
	text, ok := defaultText(c, col)
	if ok && numericKind(col.kind) {
		return text, true
	}
	return string(appendQuoted(nil, text, '\'')), ok
}

// alter: SQLite adds one column a statement.
func (sqlite) alter(_ family, table string, specs []string) []string {
	var out []string
	for _, s := range specs {
		out = append(out, "ALTER TABLE "+table+" ADD "+s)
	}
	return out
}

func (sqlite) classify(err error) errorClass {
	if isRecordError(err) {
		return classFatal
	}
	var se *driver.Error
	if !errors.As(err, &se) {
		return classifyTransport(err)
	}
	switch se.Code() & 0xFF {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_INTERRUPT, lib.SQLITE_PROTOCOL:
		return classRetry
	case lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG, lib.SQLITE_RANGE:
		return classRow
	case lib.SQLITE_SCHEMA:
		return classStale
	case lib.SQLITE_ERROR:
		if s := se.Error(); strings.Contains(s, "no such table") || strings.Contains(s, "no such column") || strings.Contains(s, "has no column named") {
			return classStale
		}
	}
	return classFatal
}

func (sqlite) explain(err error) (text, column, hint string) {
	var se *driver.Error
	if !errors.As(err, &se) {
		return explainTransport(err)
	}
	text = se.Error()
	switch se.Code() & 0xFF {
	case lib.SQLITE_CONSTRAINT:
		// "… constraint failed: table.column, table.column (code)"
		if i := strings.LastIndex(text, ": "); i >= 0 && se.Code() != lib.SQLITE_CONSTRAINT_CHECK {
			cols := strings.Fields(text[i+2:])
			if len(cols) > 0 {
				first := strings.TrimSuffix(cols[0], ",")
				column = first[strings.LastIndexByte(first, '.')+1:]
			}
		}
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		hint = "another process writes to the file for long; SQLite takes one writer at a time"
	case lib.SQLITE_CANTOPEN:
		hint = "check the path in connection.url and the rights on its directory"
	case lib.SQLITE_READONLY:
		hint = "make the file writable for the worker"
	case lib.SQLITE_ERROR:
		if strings.Contains(text, "ON CONFLICT clause does not match") {
			hint = "an upsert needs a primary key or unique constraint over exactly the key columns"
		}
	}
	return text, column, hint
}
