package column

import (
	"strings"

	"github.com/anabranch/anabranch/records"
)

// Names of Debezium's semantic types, all version 1 in 3.6 (DM section 3.4).
const (
	bitsName           = "io.debezium.data.Bits"
	enumName           = "io.debezium.data.Enum"
	enumSetName        = "io.debezium.data.EnumSet"
	jsonName           = "io.debezium.data.Json"
	vectorName         = "io.debezium.data.FloatVector"
	pointName          = "io.debezium.data.geometry.Point"
	geometryName       = "io.debezium.data.geometry.Geometry"
	dateName           = "io.debezium.time.Date"
	isoDateName        = "io.debezium.time.IsoDate"
	isoTimeName        = "io.debezium.time.IsoTime"
	isoTimestampName   = "io.debezium.time.IsoTimestamp"
	microTimeName      = "io.debezium.time.MicroTime"
	nanoTimeName       = "io.debezium.time.NanoTime"
	timestampName      = "io.debezium.time.Timestamp"
	microTimestampName = "io.debezium.time.MicroTimestamp"
	nanoTimestampName  = "io.debezium.time.NanoTimestamp"
	zonedTimestampName = "io.debezium.time.ZonedTimestamp"
	yearName           = "io.debezium.time.Year"
	allowedParam       = "allowed"
	lengthParam        = "length"
)

func plain(t records.Type) *records.Schema { return &records.Schema{Type: t} }

func named(t records.Type, name string, params ...records.Param) *records.Schema {
	return &records.Schema{Type: t, Name: name, Version: 1, Params: params}
}

func decimalSchema(precision, scale int) *records.Schema {
	return named(records.Bytes, records.DecimalName,
		records.Param{Key: records.ScaleParam, Value: itoa(scale)},
		records.Param{Key: records.PrecisionParam, Value: itoa(precision)})
}

// fieldSchema makes the schema of a column without optionality, doc and default; nil for a
// type that cannot be converted.
func (t *Table) fieldSchema(pl *plan) *records.Schema {
	switch pl.kind {
	case kindBool, kindBit:
		return plain(records.Boolean)
	case kindTiny:
		return plain(records.Int16) // INT8 only from 3.7 on (DM-06)
	case kindSmall:
		if pl.unsigned {
			return plain(records.Int32)
		}
		return plain(records.Int16)
	case kindMedium:
		return plain(records.Int32)
	case kindInt:
		if pl.unsigned {
			return plain(records.Int64)
		}
		return plain(records.Int32)
	case kindBig:
		if pl.unsigned && t.mode.bigintPrecise {
			return decimalSchema(20, 0)
		}
		return plain(records.Int64)
	case kindFloat32:
		return plain(records.Float32)
	case kindFloat64:
		return plain(records.Float64)
	case kindDecimal:
		switch t.mode.decimal {
		case decimalDouble:
			return plain(records.Float64)
		case decimalString:
			return plain(records.String)
		}
		return decimalSchema(pl.length, pl.scale)
	case kindBits:
		return named(records.Bytes, bitsName, records.Param{Key: lengthParam, Value: itoa(pl.length)})
	case kindText:
		return plain(records.String)
	case kindBinary:
		if t.mode.binary != binaryBytes {
			return plain(records.String)
		}
		return plain(records.Bytes)
	case kindEnum:
		return named(records.String, enumName, records.Param{Key: allowedParam, Value: strings.Join(pl.options, ",")})
	case kindSet:
		return named(records.String, enumSetName, records.Param{Key: allowedParam, Value: strings.Join(pl.options, ",")})
	case kindJSON:
		return named(records.String, jsonName)
	case kindVector:
		s := named(records.Array, vectorName)
		s.Elem = plain(records.Float32)
		return s
	case kindYear:
		return named(records.Int32, yearName)
	case kindTimestamp:
		return named(records.String, zonedTimestampName)
	case kindPoint:
		s := named(records.Struct, pointName)
		s.Doc = "Geometry (POINT)"
		s.Fields = []records.Field{{Name: "x", Schema: plain(records.Float64)}, {Name: "y", Schema: plain(records.Float64)},
			{Name: "wkb", Schema: &records.Schema{Type: records.Bytes, Optional: true}},
			{Name: "srid", Schema: &records.Schema{Type: records.Int32, Optional: true}}}
		return s
	case kindGeometry:
		s := named(records.Struct, geometryName)
		s.Doc, s.Optional = "Geometry", true
		s.Fields = []records.Field{{Name: "wkb", Schema: plain(records.Bytes)},
			{Name: "srid", Schema: &records.Schema{Type: records.Int32, Optional: true}}}
		return s
	}
	return t.temporalSchema(pl)
}

func (t *Table) temporalSchema(pl *plan) *records.Schema {
	m := t.mode.time
	switch pl.kind {
	case kindDate:
		switch m {
		case timeConnect:
			return named(records.Int32, records.DateName)
		case timeISO:
			return named(records.String, isoDateName)
		}
		return named(records.Int32, dateName)
	case kindTime:
		switch m {
		case timeConnect:
			return named(records.Int32, records.TimeName)
		case timeISO:
			return named(records.String, isoTimeName)
		case timeNanos:
			return named(records.Int64, nanoTimeName)
		}
		return named(records.Int64, microTimeName)
	case kindDatetime:
		switch m {
		case timeConnect:
			return named(records.Int64, records.TimestampName)
		case timeISO:
			return named(records.String, isoTimestampName)
		case timeMicros:
			return named(records.Int64, microTimestampName)
		case timeNanos:
			return named(records.Int64, nanoTimestampName)
		}
		if pl.length <= 3 {
			return named(records.Int64, timestampName)
		}
		return named(records.Int64, microTimestampName)
	}
	return nil
}
