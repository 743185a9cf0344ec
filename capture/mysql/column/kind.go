package column

import (
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

// kind is what a column means, whatever its spelling. It follows the two steps of Debezium's
// BinlogValueConverters: type names first, then the JDBC type that the DDL parser gave.
type kind uint8

const (
	kindUnknown kind = iota
	kindBool
	kindTiny
	kindSmall
	kindMedium
	kindInt
	kindBig
	kindFloat32
	kindFloat64
	kindDecimal
	kindBit  // BIT(1)
	kindBits // BIT(n>1)
	kindText
	kindBinary // all of BINARY, VARBINARY, BLOB
	kindEnum
	kindSet
	kindJSON
	kindDate
	kindTime
	kindDatetime
	kindTimestamp
	kindYear
	kindPoint
	kindGeometry
	kindVector
)

// Numbers of java.sql.Types that the MySQL parser hands out.
const (
	jdbcBit           = -7
	jdbcTinyint       = -6
	jdbcBigint        = -5
	jdbcLongVarbinary = -4
	jdbcVarbinary     = -3
	jdbcBinary        = -2
	jdbcLongVarchar   = -1
	jdbcChar          = 1
	jdbcNumeric       = 2
	jdbcDecimal       = 3
	jdbcInteger       = 4
	jdbcSmallint      = 5
	jdbcFloat         = 6
	jdbcReal          = 7
	jdbcDouble        = 8
	jdbcVarchar       = 12
	jdbcBoolean       = 16
	jdbcDate          = 91
	jdbcTime          = 92
	jdbcTimestamp     = 93
	jdbcBlob          = 2004
	jdbcClob          = 2005
	jdbcNClob         = 2011
	jdbcTimestampTZ   = 2014
	jdbcNVarchar      = -9
	jdbcNChar         = -15
	jdbcLongNVarchar  = -16
)

// classify returns the kind of a column and whether it is unsigned.
func classify(c *schemahistory.Column) (k kind, unsigned bool) {
	name := strings.ToUpper(strings.TrimSpace(c.TypeName))
	if i := strings.IndexByte(name, '('); i >= 0 {
		name = strings.TrimSpace(name[:i])
	}
	base := name
	if s, ok := strings.CutSuffix(base, " ZEROFILL"); ok {
		base, unsigned = s, true // ZEROFILL implies UNSIGNED
	}
	if s, ok := strings.CutSuffix(base, " UNSIGNED"); ok {
		base, unsigned = s, true
	}
	switch base {
	case "JSON":
		return kindJSON, false
	case "POINT":
		return kindPoint, false
	case "GEOMETRY", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
		"GEOMETRYCOLLECTION", "GEOMCOLLECTION":
		return kindGeometry, false
	case "YEAR":
		return kindYear, false
	case "ENUM":
		return kindEnum, false
	case "SET":
		return kindSet, false
	case "VECTOR":
		return kindVector, false
	case "FLOAT":
		if c.Scale == nil && length(c) <= 24 {
			return kindFloat32, unsigned
		}
		return kindFloat64, unsigned
	}
	switch c.JDBCType {
	case jdbcBit:
		if length(c) > 1 {
			return kindBits, false
		}
		return kindBit, false
	case jdbcBoolean:
		return kindBool, false
	case jdbcTinyint:
		return kindTiny, unsigned
	case jdbcSmallint:
		switch base {
		case "TINYINT", "INT1", "TINYINT SIGNED", "INT1 SIGNED":
			return kindTiny, unsigned
		}
		return kindSmall, unsigned
	case jdbcInteger:
		switch strings.TrimSuffix(base, " SIGNED") {
		case "MEDIUMINT", "INT3", "MIDDLEINT":
			return kindMedium, unsigned
		}
		return kindInt, unsigned
	case jdbcBigint:
		return kindBig, unsigned
	case jdbcReal:
		return kindFloat32, unsigned
	case jdbcFloat, jdbcDouble:
		return kindFloat64, unsigned
	case jdbcNumeric, jdbcDecimal:
		return kindDecimal, unsigned
	case jdbcChar, jdbcVarchar, jdbcLongVarchar, jdbcClob, jdbcNChar, jdbcNVarchar, jdbcLongNVarchar, jdbcNClob:
		return kindText, false
	case jdbcBinary, jdbcVarbinary, jdbcLongVarbinary, jdbcBlob:
		return kindBinary, false
	case jdbcDate:
		return kindDate, false
	case jdbcTime:
		return kindTime, false
	case jdbcTimestamp:
		return kindDatetime, false
	case jdbcTimestampTZ:
		return kindTimestamp, false
	}
	return kindUnknown, false
}

// length is the column's length or precision, -1 if the definition names none: Debezium's
// Column.length().
func length(c *schemahistory.Column) int {
	if c.Length == nil {
		return -1
	}
	return *c.Length
}

func scale(c *schemahistory.Column) int {
	if c.Scale == nil {
		return 0
	}
	return *c.Scale
}

// spelling is how a column's type reads in a message.
func spelling(c *schemahistory.Column) string {
	s := c.TypeName
	if c.Length != nil {
		s += "(" + itoa(*c.Length)
		if c.Scale != nil {
			s += "," + itoa(*c.Scale)
		}
		s += ")"
	}
	return s
}

// enumOptions turns the quoted values of an ENUM or SET definition into the texts that events
// carry: commas escaped by a backslash, quotes undone (DM-148, DM-503).
func enumOptions(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		if n := len(v); n >= 2 && v[0] == v[n-1] && (v[0] == '\'' || v[0] == '"' || v[0] == '`') {
			v = v[1 : n-1]
		}
		v = strings.ReplaceAll(v, ",", `\,`)
		v = strings.ReplaceAll(v, `\'`, `'`)
		out[i] = strings.ReplaceAll(v, "''", "'")
	}
	return out
}
