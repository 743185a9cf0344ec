package ddl

import (
	"math"
	"strconv"
	"strings"
)

// java.sql.Types numbers that Debezium's MySQL parser uses.
const (
	jdbcBit         = -7
	jdbcBigint      = -5
	jdbcVarbinary   = -3
	jdbcBinary      = -2
	jdbcNchar       = -15
	jdbcNvarchar    = -9
	jdbcChar        = 1
	jdbcNumeric     = 2
	jdbcDecimal     = 3
	jdbcInteger     = 4
	jdbcSmallint    = 5
	jdbcFloat       = 6
	jdbcReal        = 7
	jdbcDouble      = 8
	jdbcVarchar     = 12
	jdbcBoolean     = 16
	jdbcDate        = 91
	jdbcTime        = 92
	jdbcTimestamp   = 93
	jdbcOther       = 1111
	jdbcBlob        = 2004
	jdbcTimestampTZ = 2014
)

// dataType is what a column's type says.
type dataType struct {
	name    string
	jdbc    int
	length  *int
	scale   *int
	charset string
	enum    []string
	serial  bool
}

// shape is how the text after a type's name goes on.
type shape uint8

const (
	bare      shape = iota
	integer         // (n) SIGNED UNSIGNED ZEROFILL
	decimal         // (p[,s]) and signs
	sized           // (n)
	fraction        // (n) kept even if it is 0
	text            // (n) and character set
	values          // ('a','b') and character set
	nationals       // (n) BINARY
)

type typeRow struct {
	jdbc  int
	shape shape
}

// simpleTypes are the types whose name is one word.
var simpleTypes = map[string]typeRow{
	"TINYINT": {jdbcSmallint, integer}, "INT1": {jdbcSmallint, integer},
	"SMALLINT": {jdbcSmallint, integer}, "INT2": {jdbcSmallint, integer},
	"MEDIUMINT": {jdbcInteger, integer}, "INT3": {jdbcInteger, integer}, "MIDDLEINT": {jdbcInteger, integer},
	"INT": {jdbcInteger, integer}, "INTEGER": {jdbcInteger, integer}, "INT4": {jdbcInteger, integer},
	"BIGINT": {jdbcBigint, integer}, "INT8": {jdbcBigint, integer},
	"REAL": {jdbcReal, decimal}, "DOUBLE": {jdbcDouble, decimal}, "FLOAT8": {jdbcDouble, decimal},
	"FLOAT": {jdbcFloat, decimal}, "FLOAT4": {jdbcFloat, decimal},
	"DECIMAL": {jdbcDecimal, decimal}, "DEC": {jdbcDecimal, decimal}, "FIXED": {jdbcDecimal, decimal},
	"NUMERIC": {jdbcNumeric, decimal}, "NUMBER": {jdbcDecimal, decimal},
	"BIT": {jdbcBit, sized}, "BOOL": {jdbcBoolean, bare}, "BOOLEAN": {jdbcBoolean, bare},
	"CHAR": {jdbcChar, text}, "CHARACTER": {jdbcChar, text}, "VARCHAR": {jdbcVarchar, text},
	"VARCHARACTER": {jdbcVarchar, text}, "VARCHAR2": {jdbcVarchar, text},
	"TINYTEXT": {jdbcVarchar, text}, "TEXT": {jdbcVarchar, text}, "MEDIUMTEXT": {jdbcVarchar, text},
	"LONGTEXT": {jdbcVarchar, text}, "CLOB": {jdbcVarchar, text},
	"NVARCHAR": {jdbcNvarchar, nationals}, "NCHAR": {jdbcNchar, nationals},
	"BINARY": {jdbcBinary, sized}, "VARBINARY": {jdbcVarbinary, sized},
	"TINYBLOB": {jdbcBlob, bare}, "BLOB": {jdbcBlob, sized}, "MEDIUMBLOB": {jdbcBlob, bare}, "LONGBLOB": {jdbcBlob, bare},
	"DATE": {jdbcDate, bare}, "TIME": {jdbcTime, fraction}, "DATETIME": {jdbcTimestamp, fraction},
	"TIMESTAMP": {jdbcTimestampTZ, fraction}, "YEAR": {jdbcInteger, integer},
	"ENUM": {jdbcChar, values}, "SET": {jdbcChar, values},
	"JSON": {jdbcOther, bare}, "VECTOR": {jdbcOther, sized}, "SERIAL": {jdbcBigint, bare},
	"GEOMETRY": {jdbcOther, bare}, "GEOMETRYCOLLECTION": {jdbcOther, bare}, "GEOMCOLLECTION": {jdbcOther, bare},
	"POINT": {jdbcOther, bare}, "MULTIPOINT": {jdbcOther, bare}, "LINESTRING": {jdbcOther, bare},
	"MULTILINESTRING": {jdbcOther, bare}, "POLYGON": {jdbcOther, bare}, "MULTIPOLYGON": {jdbcOther, bare},
}

// mariaTypes are the types that only MariaDB has.
var mariaTypes = map[string]typeRow{
	"UUID": {jdbcOther, bare}, "INET4": {jdbcOther, bare}, "INET6": {jdbcOther, bare},
	"XMLTYPE": {jdbcVarchar, text}, "RAW": {jdbcVarbinary, sized},
}

// dataType reads a column's type. Names are kept as written, in upper case (DM-181).
func (r *reader) dataType() (*dataType, error) {
	if t := r.tok(); t.kind != tokWord {
		return nil, r.fail("a column type is missing")
	}
	switch {
	case r.isWord("NATIONAL"), r.isWord("NCHAR"):
		return r.national()
	case r.isWord("LONG"):
		return r.long()
	}
	word := strings.ToUpper(r.text(r.tok()))
	row, ok := simpleTypes[word]
	if !ok && r.p.opts.Flavor == MariaDB {
		row, ok = mariaTypes[word]
	}
	if !ok {
		return nil, r.fail("unknown column type")
	}
	r.next()
	d := &dataType{name: word, jdbc: row.jdbc}
	switch {
	case word == "DOUBLE" && r.accept("PRECISION"):
		d.name = "DOUBLE PRECISION"
	case (word == "CHAR" || word == "CHARACTER") && r.accept("VARYING"):
		d.name, d.jdbc = word+" VARYING", jdbcVarchar
	case word == "SERIAL":
		d.name, d.serial = "BIGINT UNSIGNED", true
	}
	var err error
	switch row.shape {
	case integer, decimal, sized:
		err = r.dimensions(d, row.shape == decimal)
	case fraction:
		err = r.fraction(d)
	case text:
		if err = r.dimensions(d, false); err == nil {
			err = r.charsetOption(d)
		}
	case nationals:
		err = r.nationalTail(d)
	case values:
		err = r.values(d)
	}
	if err != nil {
		return nil, err
	}
	if row.shape == integer || row.shape == decimal {
		r.signs(d)
	}
	switch d.jdbc {
	case jdbcDecimal, jdbcNumeric: // DECIMAL is DECIMAL(10,0)
		if d.length == nil {
			d.length = ptr(10)
		}
		if d.scale == nil {
			d.scale = ptr(0)
		}
	case jdbcBit:
		if d.length == nil {
			d.length = ptr(1)
		}
	case jdbcNchar:
		if d.length == nil {
			d.length = ptr(1)
		}
	}
	return d, nil
}

func ptr[T any](v T) *T { return &v }

// dimensions reads (n) or (n,m).
func (r *reader) dimensions(d *dataType, two bool) error {
	if !r.acceptMark('(') {
		return nil
	}
	t := r.tok()
	if t.kind != tokNumber && t.kind != tokHex {
		return r.fail("a length is missing")
	}
	d.length = ptr(parseLength(r.text(t)))
	r.next()
	if two && r.acceptMark(',') {
		n, err := strconv.Atoi(r.text(r.tok()))
		if err != nil {
			return r.fail("a scale is missing")
		}
		d.scale = &n
		r.next()
	}
	if r.isWord("CHAR") || r.isWord("BYTE") { // Oracle mode of MariaDB
		r.next()
	}
	if !r.acceptMark(')') {
		return r.fail("a closing parenthesis is missing")
	}
	return nil
}

func (r *reader) fraction(d *dataType) error {
	if !r.acceptMark('(') {
		return nil
	}
	n, err := strconv.Atoi(r.text(r.tok()))
	if err != nil {
		return r.fail("a precision is missing")
	}
	d.length = &n
	r.next()
	if !r.acceptMark(')') {
		return r.fail("a closing parenthesis is missing")
	}
	return nil
}

// parseLength follows Debezium: nothing below 1 (then 10), nothing above 2^31-1, fractions are cut.
func parseLength(s string) int {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || strings.HasPrefix(s, "0x") {
			return 10
		}
		n = math.MaxInt32
		if f < math.MaxInt32 {
			n = int64(f)
		}
	}
	if n <= 0 {
		return 10
	}
	return int(min(n, math.MaxInt32))
}

// signs reads SIGNED, UNSIGNED and ZEROFILL; ZEROFILL means UNSIGNED, too.
func (r *reader) signs(d *dataType) {
	sign, fill := "", false
	for {
		switch {
		case r.accept("SIGNED"):
			sign = " SIGNED"
		case r.accept("UNSIGNED"):
			sign = " UNSIGNED"
		case r.accept("ZEROFILL"):
			fill = true
		default:
			if fill {
				sign = " UNSIGNED ZEROFILL"
			}
			d.name += sign
			return
		}
	}
}

// charsetOption reads what may follow a text type: a character set and BINARY in any order.
func (r *reader) charsetOption(d *dataType) error {
	bin, alias := false, false
	for {
		switch {
		case r.accept("BINARY"):
			bin = true
		case r.acceptAny("ASCII", "UNICODE", "BYTE"):
			// Debezium reads these, with BINARY beside them, and makes nothing of them (DM-502).
			alias = true
		case d.charset == "" && r.acceptCharset():
			var err error
			if d.charset, err = r.charsetName(); err != nil {
				return err
			}
		case r.isWord("COMPRESSED") && r.p.opts.Flavor == MariaDB:
			r.next()
		default:
			if bin && !alias && !strings.HasSuffix(d.name, " BINARY") {
				d.name += " BINARY"
			}
			return nil
		}
	}
}

// values reads the list of ENUM and SET. The texts keep their quotes (DM-181).
func (r *reader) values(d *dataType) error {
	if !r.acceptMark('(') {
		return r.fail("a list of values is missing")
	}
	for {
		switch t := r.tok(); t.kind {
		case tokString:
			d.enum = append(d.enum, r.raw(t))
		case tokHex, tokBin, tokNString:
			d.enum = append(d.enum, r.text(t))
		case tokWord: // _utf8'a'
			if r.peek(1).kind != tokString {
				return r.fail("a value is missing")
			}
			r.next()
			d.enum = append(d.enum, r.raw(r.tok()))
		default:
			return r.fail("a value is missing")
		}
		r.next()
		if r.acceptMark(')') {
			break
		}
		if !r.acceptMark(',') {
			return r.fail("a comma is missing")
		}
	}
	d.length = ptr(1)
	if d.name == "SET" {
		d.length = ptr(2*len(d.enum) - 1)
	}
	quoted := r.i
	if err := r.charsetOption(d); err != nil {
		return err
	}
	// Here Debezium leaves quotes around the name of a character set, and forgets the values
	// of a type with BINARY.
	for _, t := range r.toks[quoted:r.i] {
		if t.kind == tokString || t.kind == tokQuoted {
			d.charset = r.raw(t)
		}
	}
	if strings.HasSuffix(d.name, " BINARY") {
		d.enum = nil
	}
	return nil
}

// national reads NATIONAL CHAR, NCHAR and their relatives; the name is kept in the long form.
func (r *reader) national() (*dataType, error) {
	d := &dataType{jdbc: jdbcNchar, charset: "utf8"}
	first := strings.ToUpper(r.text(r.tok()))
	r.next()
	switch {
	case r.accept("VARCHAR"), r.accept("VARCHARACTER"):
		d.name, d.jdbc = first+" VARCHAR", jdbcNvarchar
	case r.accept("CHAR"):
		d.name = first + " CHAR"
	case r.accept("CHARACTER"):
		d.name = first + " CHARACTER"
	default:
		d.name = first
	}
	if r.accept("VARYING") {
		d.name, d.jdbc = d.name+" VARYING", jdbcNvarchar
	}
	err := r.nationalTail(d)
	if err == nil && d.jdbc == jdbcNchar && d.length == nil {
		d.length = ptr(1)
	}
	return d, err
}

func (r *reader) nationalTail(d *dataType) error {
	d.charset = "utf8" // always, whatever the table has
	if err := r.dimensions(d, false); err != nil {
		return err
	}
	if !r.accept("BINARY") {
		return nil
	}
	// Debezium loses the NATIONAL of these, and takes NATIONAL CHAR for BINARY.
	switch d.name {
	case "NATIONAL CHAR", "NATIONAL CHARACTER":
		d.name, d.jdbc, d.charset = "BINARY", jdbcBinary, ""
	case "NATIONAL VARCHAR", "NATIONAL VARCHARACTER":
		d.name, d.jdbc, d.charset = strings.TrimPrefix(d.name, "NATIONAL "), jdbcVarchar, ""
	}
	d.name += " BINARY"
	return nil
}

// long reads LONG, LONG VARCHAR and LONG VARBINARY.
func (r *reader) long() (*dataType, error) {
	r.next()
	d := &dataType{name: "LONG", jdbc: jdbcVarchar}
	switch {
	case r.accept("VARBINARY"):
		return &dataType{name: "LONG VARBINARY", jdbc: jdbcBlob}, nil
	case r.accept("BYTE"):
		return &dataType{name: "LONG", jdbc: jdbcBlob}, nil
	case r.isWord("VARCHAR"), r.isWord("VARCHARACTER"):
		d.name = "LONG " + strings.ToUpper(r.text(r.tok()))
		r.next()
	case r.accept("CHAR", "VARYING"):
		d.name = "LONG CHAR VARYING"
	case r.accept("CHARACTER", "VARYING"):
		d.name = "LONG CHARACTER VARYING"
	}
	return d, r.charsetOption(d)
}
