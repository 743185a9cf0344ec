package column

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Wire types of the binlog (enum_field_types).
const (
	typeTiny       = 1
	typeShort      = 2
	typeLong       = 3
	typeFloat      = 4
	typeDouble     = 5
	typeNull       = 6
	typeTimestamp  = 7
	typeLongLong   = 8
	typeInt24      = 9
	typeDate       = 10
	typeTime       = 11
	typeDatetime   = 12
	typeYear       = 13
	typeNewDate    = 14
	typeVarchar    = 15
	typeBit        = 16
	typeTimestamp2 = 17
	typeDatetime2  = 18
	typeTime2      = 19
	typeVector     = 242
	typeJSON       = 245
	typeNewDecimal = 246
	typeEnum       = 247
	typeSet        = 248
	typeTinyBlob   = 249
	typeMediumBlob = 250
	typeLongBlob   = 251
	typeBlob       = 252
	typeVarString  = 253
	typeString     = 254
	typeGeometry   = 255
)

var typeNames = map[byte]string{typeTiny: "TINY", typeShort: "SHORT", typeLong: "LONG", typeFloat: "FLOAT", typeDouble: "DOUBLE",
	typeNull: "NULL", typeTimestamp: "TIMESTAMP (old)", typeLongLong: "LONGLONG", typeInt24: "INT24", typeDate: "DATE", typeTime: "TIME (old)",
	typeDatetime: "DATETIME (old)", typeYear: "YEAR", typeNewDate: "NEWDATE", typeVarchar: "VARCHAR", typeBit: "BIT",
	typeTimestamp2: "TIMESTAMP", typeDatetime2: "DATETIME", typeTime2: "TIME", typeVector: "VECTOR", typeJSON: "JSON",
	typeNewDecimal: "DECIMAL", typeEnum: "ENUM", typeSet: "SET", typeTinyBlob: "TINYBLOB", typeMediumBlob: "MEDIUMBLOB",
	typeLongBlob: "LONGBLOB", typeBlob: "BLOB", typeVarString: "VAR_STRING", typeString: "STRING", typeGeometry: "GEOMETRY"}

// TableMap is a parsed TABLE_MAP event. It is reused: ParseTableMap overwrites it, and a body
// equal to the last one costs a comparison and nothing else.
type TableMap struct {
	TableID  uint64
	Flags    uint16
	Schema   string
	Table    string
	Types    []byte   // wire type by column; ENUM and SET are already told from STRING
	Meta     []uint16 // wire metadata by column, as little-endian number
	Nullable []byte   // bitmap

	// The optional metadata block, present as the server's binlog_row_metadata says (DM-122).
	// Nothing here is needed to decode: the plan knows it from the DDL.
	Unsigned       []byte     // bitmap by column, nil if absent
	Names          []string   // FULL only
	EnumValues     [][]string // FULL only, in the order of the ENUM columns
	SetValues      [][]string // FULL only, in the order of the SET columns
	DefaultCharset uint64     // collation id of most character columns, 0 if absent
	Charsets       []uint64   // collation ids by character column, nil if absent; exceptions of DefaultCharset are merged
	PrimaryKey     []uint64   // column indexes, FULL only
	Invisible      []byte     // bitmap by column where 1 is visible, FULL only

	raw []byte
}

// metaSize is the bytes of metadata that a wire type has.
func metaSize(t byte) int {
	switch t {
	case typeFloat, typeDouble, typeBlob, typeTinyBlob, typeMediumBlob, typeLongBlob, typeJSON, typeGeometry, typeVector,
		typeTimestamp2, typeDatetime2, typeTime2:
		return 1
	case typeVarchar, typeBit, typeNewDecimal, typeEnum, typeSet, typeVarString, typeString:
		return 2
	}
	return 0
}

// ParseTableMap parses the body of a TABLE_MAP event: everything after the common header,
// without the checksum. The body is copied where it is kept.
func ParseTableMap(m *TableMap, body []byte) error {
	if len(m.raw) > 0 && bytes.Equal(m.raw, body) {
		return nil
	}
	m.raw = m.raw[:0]
	if err := m.parse(body); err != nil {
		return fmt.Errorf("parse TABLE_MAP event: %w", err)
	}
	m.raw = append(m.raw, body...)
	return nil
}

func (m *TableMap) parse(p []byte) error {
	if len(p) < 8 {
		return errShort
	}
	m.TableID = uint64(binary.LittleEndian.Uint32(p)) | uint64(binary.LittleEndian.Uint16(p[4:]))<<32
	m.Flags = binary.LittleEndian.Uint16(p[6:])
	p = p[8:]
	var err error
	if m.Schema, p, err = cstring(p, m.Schema); err != nil {
		return err
	}
	if m.Table, p, err = cstring(p, m.Table); err != nil {
		return err
	}
	count, n := lenenc(p)
	if n == 0 || count > uint64(len(p)-n) {
		return errLength
	}
	p = p[n:]
	m.Types = append(m.Types[:0], p[:count]...)
	p = p[count:]
	size, n := lenenc(p)
	if n == 0 || size > uint64(len(p)-n) {
		return errLength
	}
	meta := p[n : n+int(size)]
	p = p[n+int(size):]
	m.Meta = m.Meta[:0]
	for i, t := range m.Types {
		k := metaSize(t)
		if len(meta) < k {
			return errShort
		}
		var v uint16
		switch {
		case k == 1:
			v = uint16(meta[0])
		case k == 2:
			v = uint16(meta[0]) | uint16(meta[1])<<8
		}
		if t == typeString && (meta[0] == typeEnum || meta[0] == typeSet) {
			m.Types[i] = meta[0] // the real type hides in the metadata; the other byte is the width
			v = uint16(meta[1])
		}
		m.Meta = append(m.Meta, v)
		meta = meta[k:]
	}
	nb := (int(count) + 7) / 8
	if len(p) < nb {
		return errShort
	}
	m.Nullable = append(m.Nullable[:0], p[:nb]...)
	return m.parseOptional(p[nb:])
}

// Kinds of optional metadata fields (Table_map_log_event::Optional_metadata_field_type).
const (
	optSignedness           = 1
	optDefaultCharset       = 2
	optColumnCharset        = 3
	optColumnName           = 4
	optSetValue             = 5
	optEnumValue            = 6
	optSimplePrimaryKey     = 8
	optPrimaryKeyWithPrefix = 9
	optColumnVisibility     = 12
)

func (m *TableMap) parseOptional(p []byte) error {
	m.Unsigned, m.Names, m.EnumValues, m.SetValues = nil, nil, nil, nil
	m.DefaultCharset, m.Charsets, m.PrimaryKey, m.Invisible = 0, nil, nil, nil
	for len(p) > 0 {
		size, n := lenenc(p[1:])
		if n == 0 || size > uint64(len(p)-1-n) {
			return errLength
		}
		f := p[1+n : 1+n+int(size)]
		var err error
		switch p[0] {
		case optSignedness:
			err = m.parseSignedness(f)
		case optDefaultCharset:
			err = m.parseDefaultCharset(f)
		case optColumnCharset:
			m.Charsets, err = ints(f)
		case optColumnName:
			m.Names, err = lenStrings(f)
		case optSetValue:
			m.SetValues, err = valueLists(f)
		case optEnumValue:
			m.EnumValues, err = valueLists(f)
		case optSimplePrimaryKey:
			m.PrimaryKey, err = ints(f)
		case optPrimaryKeyWithPrefix:
			var pairs []uint64
			pairs, err = ints(f)
			for i := 0; i+1 < len(pairs); i += 2 {
				m.PrimaryKey = append(m.PrimaryKey, pairs[i])
			}
		case optColumnVisibility:
			m.Invisible = append([]byte(nil), f...)
		}
		if err != nil {
			return err
		}
		p = p[1+n+int(size):]
	}
	return nil
}

// parseSignedness spreads the bitmap, which has a bit for each numeric column only and its
// first bit on top, over all columns.
func (m *TableMap) parseSignedness(f []byte) error {
	m.Unsigned = make([]byte, (len(m.Types)+7)/8)
	n := 0
	for i, t := range m.Types {
		switch t {
		case typeTiny, typeShort, typeInt24, typeLong, typeLongLong, typeFloat, typeDouble, typeNewDecimal, typeYear:
		default:
			continue
		}
		if n/8 >= len(f) {
			return errShort
		}
		if f[n/8]&(0x80>>(n%8)) != 0 {
			m.Unsigned[i/8] |= 1 << (i % 8)
		}
		n++
	}
	return nil
}

// parseDefaultCharset reads the default and its exceptions and writes the result out by
// character column.
func (m *TableMap) parseDefaultCharset(f []byte) error {
	v, err := ints(f)
	if err != nil || len(v) == 0 {
		return err
	}
	m.DefaultCharset = v[0]
	for _, t := range m.Types {
		switch t {
		case typeString, typeVarString, typeVarchar, typeBlob:
			m.Charsets = append(m.Charsets, v[0])
		}
	}
	for i := 1; i+1 < len(v); i += 2 {
		if v[i] < uint64(len(m.Charsets)) {
			m.Charsets[v[i]] = v[i+1]
		}
	}
	return nil
}

// cstring reads a length byte, the text and its zero byte; the old string is kept if it is the same.
func cstring(p []byte, old string) (string, []byte, error) {
	if len(p) < 1 || len(p) < int(p[0])+2 {
		return "", nil, errShort
	}
	s := p[1 : 1+int(p[0])]
	p = p[int(p[0])+2:]
	if string(s) == old {
		return old, p, nil
	}
	return string(s), p, nil
}

// lenenc reads a length-encoded integer and returns the bytes that it takes, 0 if it is broken.
func lenenc(p []byte) (uint64, int) {
	if len(p) == 0 {
		return 0, 0
	}
	switch p[0] {
	case 0xfc:
		if len(p) >= 3 {
			return uint64(binary.LittleEndian.Uint16(p[1:])), 3
		}
	case 0xfd:
		if len(p) >= 4 {
			return uint64(p[1]) | uint64(p[2])<<8 | uint64(p[3])<<16, 4
		}
	case 0xfe:
		if len(p) >= 9 {
			return binary.LittleEndian.Uint64(p[1:]), 9
		}
	case 0xfb, 0xff:
	default:
		return uint64(p[0]), 1
	}
	return 0, 0
}

func ints(p []byte) ([]uint64, error) {
	var out []uint64
	for len(p) > 0 {
		v, n := lenenc(p)
		if n == 0 {
			return nil, errLength
		}
		out, p = append(out, v), p[n:]
	}
	return out, nil
}

func lenString(p []byte) (string, []byte, error) {
	size, n := lenenc(p)
	if n == 0 || size > uint64(len(p)-n) {
		return "", nil, errLength
	}
	return string(p[n : n+int(size)]), p[n+int(size):], nil
}

func lenStrings(p []byte) ([]string, error) {
	var out []string
	for len(p) > 0 {
		s, rest, err := lenString(p)
		if err != nil {
			return nil, err
		}
		out, p = append(out, s), rest
	}
	return out, nil
}

func valueLists(p []byte) ([][]string, error) {
	var out [][]string
	for len(p) > 0 {
		count, n := lenenc(p)
		if n == 0 || count > uint64(len(p)) {
			return nil, errLength
		}
		p = p[n:]
		list := make([]string, 0, count)
		for ; count > 0; count-- {
			s, rest, err := lenString(p)
			if err != nil {
				return nil, err
			}
			list, p = append(list, s), rest
		}
		out = append(out, list)
	}
	return out, nil
}
