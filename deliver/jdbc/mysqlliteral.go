package jdbc

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/anabranch/anabranch/records"
)

// literal appends a value as SQL text; it is only called for values that are not null.
type literal func(dst []byte, s *mysqlSession, c *column, b *records.Batch, v records.Value) ([]byte, error)

var errNotFinite = errors.New("number is not finite, which MySQL cannot store")

// mysqlLiteral picks the literal for a field and the type of the database's column.
func mysqlLiteral(f *field, target tableColumn, fam family) (literal, error) {
	switch k := f.kind; {
	case k == kindInt64 && (f.source == "BIGINT UNSIGNED" || f.source == "BIGINT UNSIGNED ZEROFILL") && target.baseType == "bigint":
		return litUint64, nil
	case k.isInt(), k == kindBool:
		return litInt, nil
	case k == kindDecimal, k == kindVarDecimal:
		return litPlain, nil
	case k == kindFloat32, k == kindFloat64:
		return litFloat, nil
	case k == kindBytes:
		return litBytes, nil
	case k == kindBits:
		return litBits, nil
	case k == kindPoint, k == kindGeometry, k == kindGeography:
		return litGeometry, nil
	case k == kindZonedStamp, k.isInstant(), k.isStamp():
		switch {
		case target.baseType == "timestamp":
			return litTimestamp, nil
		case k == kindZonedStamp && isMySQLText(target.baseType):
			return litText, nil
		}
		return litDatetime, nil
	case k == kindZonedTime && target.baseType == "time":
		return litZonedTime, nil
	case k == kindArray:
		return nil, errMapping
	case k.isText():
		return litText, nil
	}
	return litQuoted, nil
}

func isMySQLText(base string) bool {
	switch base {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		return true
	}
	return false
}

// literal writes a row's value of one column.
func (s *mysqlSession) literal(dst []byte, c *column, lit literal, r *row) ([]byte, error) {
	b, v := c.value(r)
	if v.IsNull() {
		return append(dst, "NULL"...), nil
	}
	return lit(dst, s, c, b, v)
}

func litInt(dst []byte, _ *mysqlSession, _ *column, _ *records.Batch, v records.Value) ([]byte, error) {
	return appendInt(dst, intOf(v)), nil
}

func litUint64(dst []byte, _ *mysqlSession, _ *column, _ *records.Batch, v records.Value) ([]byte, error) {
	// In the source's default mode values beyond the signed range arrive negative.
	return appendUint(dst, v.Num), nil
}

func litPlain(dst []byte, s *mysqlSession, c *column, b *records.Batch, v records.Value) ([]byte, error) {
	return appendText(dst, &c.field, b, v, s.config.zone)
}

func litFloat(dst []byte, _ *mysqlSession, c *column, _ *records.Batch, v records.Value) ([]byte, error) {
	x := v.Float()
	if x-x != 0 {
		return dst, errNotFinite
	}
	if c.kind == kindFloat32 {
		return appendFloat(dst, x, 32), nil
	}
	return appendFloat(dst, x, 64), nil
}

func litQuoted(dst []byte, s *mysqlSession, c *column, b *records.Batch, v records.Value) ([]byte, error) {
	dst = append(dst, '\'')
	dst, err := appendText(dst, &c.field, b, v, s.config.zoneFor(c))
	return append(dst, '\''), err
}

func litText(dst []byte, s *mysqlSession, _ *column, b *records.Batch, v records.Value) ([]byte, error) {
	if v.Kind != records.KindString {
		return dst, errValueShape
	}
	return s.quoteText(dst, b.Raw(v)), nil
}

// quoteText writes a string literal. The connection speaks utf8mb4, in which no byte of a
// longer character looks like a quote or a backslash.
func (s *mysqlSession) quoteText(dst, raw []byte) []byte {
	dst = append(dst, '\'')
	start := 0
	for i, c := range raw {
		switch {
		case c == '\'':
			dst = append(append(dst, raw[start:i]...), '\'', '\'')
			start = i + 1
		case s.escapes && c == '\\':
			dst = append(append(dst, raw[start:i]...), '\\', '\\')
			start = i + 1
		}
	}
	return append(append(dst, raw[start:]...), '\'')
}

func litBytes(dst []byte, _ *mysqlSession, _ *column, b *records.Batch, v records.Value) ([]byte, error) {
	if v.Kind != records.KindBytes {
		return dst, errValueShape
	}
	return append(hex.AppendEncode(append(dst, "x'"...), b.Raw(v)), '\''), nil
}

func litBits(dst []byte, _ *mysqlSession, c *column, b *records.Batch, v records.Value) ([]byte, error) {
	if c.target.baseType != "bit" && c.target.baseType != "tinyint" {
		return litBytes(dst, nil, c, b, v)
	}
	return append(appendBits(append(dst, "b'"...), &c.field, b.Raw(v)), '\''), nil
}

// litGeometry writes MySQL's own format, SRID and WKB: ST_GeomFromWKB would swap the axes of
// geographic systems.
func litGeometry(dst []byte, _ *mysqlSession, c *column, b *records.Batch, v records.Value) ([]byte, error) {
	wkb, srid, err := geometry(&c.field, b, v)
	if err != nil {
		return dst, err
	}
	var head [4]byte
	binary.LittleEndian.PutUint32(head[:], srid)
	dst = hex.AppendEncode(append(dst, "x'"...), head[:])
	return append(hex.AppendEncode(dst, wkb), '\''), nil
}

// litTimestamp writes an instant for a TIMESTAMP column; the session is in UTC.
func litTimestamp(dst []byte, s *mysqlSession, c *column, b *records.Batch, v records.Value) ([]byte, error) {
	at, special, err := stampFrom(c, b, v)
	if err != nil {
		return dst, err
	}
	switch {
	case special > 0:
		at = stamp{sec: maxMySQLTimestamp} // SJ-193
	case special < 0:
		at = stamp{sec: 1}
	case c.kind.isStamp():
		at = at.fromZone(s.config.zone)
	}
	return append(appendStamp(append(dst, '\''), at, ' '), '\''), nil
}

// litDatetime writes a wall clock.
func litDatetime(dst []byte, s *mysqlSession, c *column, b *records.Batch, v records.Value) ([]byte, error) {
	at, special, err := stampFrom(c, b, v)
	if err != nil {
		return dst, err
	}
	switch {
	case special > 0:
		at = stamp{sec: maxMySQLTimestamp}
	case special < 0:
		at = stamp{sec: 1}
	case !c.kind.isStamp():
		at = at.inZone(s.config.zone)
	}
	return append(appendStamp(append(dst, '\''), at, ' '), '\''), nil
}

// litZonedTime writes a time with an offset as the time of day in the configured zone (SJ-182).
func litZonedTime(dst []byte, s *mysqlSession, _ *column, b *records.Batch, v records.Value) ([]byte, error) {
	if v.Kind != records.KindString {
		return dst, errValueShape
	}
	var buf [64]byte
	at, err := parseZoned(append(append(buf[:0], "2000-01-01T"...), b.Raw(v)...))
	if err != nil {
		return dst, errors.New("text is not a time with an offset")
	}
	at = at.inZone(s.config.zone)
	sec := at.sec - floorDiv(at.sec, 86400)*86400
	return append(appendTime(append(dst, '\''), sec*1e9+at.nanos), '\''), nil
}
