package jdbc

import (
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// kind is what a column's values mean, worked out once per schema. The dialects choose
// column types and encoders by it.
type kind uint8

const (
	kindNone kind = iota
	kindBool
	kindInt8
	kindInt16
	kindInt32
	kindInt64
	kindFloat32
	kindFloat64
	kindString
	kindBytes
	kindDecimal       // Connect Decimal: unscaled bytes, scale in the schema
	kindVarDecimal    // Debezium VariableScaleDecimal: struct of scale and bytes
	kindDate          // days since 1970-01-01
	kindTimeMilli     // time of day; MySQL's may be negative or beyond a day
	kindTimeMicro     //
	kindTimeNano      //
	kindStampMilli    // wall clock, counted as if it were UTC
	kindStampMicro    //
	kindStampNano     //
	kindInstantMilli  // a point in time (Connect Timestamp in the Confluent family)
	kindInstantMicro  // SJ-049
	kindInstantNano   //
	kindZonedStamp    // ISO 8601 text with offset
	kindZonedTime     // ISO 8601 text with offset
	kindJSON          //
	kindUUID          //
	kindEnum          //
	kindEnumSet       //
	kindBits          // little-endian bytes, length in the schema
	kindYear          //
	kindXML           //
	kindMicroDuration // microseconds
	kindInterval      // ISO 8601 text
	kindPoint         // struct x, y, wkb, srid
	kindGeometry      // struct wkb, srid
	kindGeography     //
	kindLtree         //
	kindArray         // of scalars
)

// isText is true for the kinds whose value is a string as it stands.
func (k kind) isText() bool {
	switch k {
	case kindString, kindZonedTime, kindJSON, kindUUID, kindEnum, kindEnumSet, kindXML, kindInterval, kindLtree:
		return true
	}
	return false
}

func (k kind) isInt() bool { return k >= kindInt8 && k <= kindInt64 || k == kindYear }

func (k kind) isTime() bool { return k >= kindTimeMilli && k <= kindTimeNano }

func (k kind) isStamp() bool { return k >= kindStampMilli && k <= kindStampNano }

func (k kind) isInstant() bool { return k >= kindInstantMilli && k <= kindInstantNano }

// Schema parameters that Debezium's column and datatype propagation adds (SJ-194).
const (
	paramSourceType    = "__debezium.source.column.type"
	paramSourceLength  = "__debezium.source.column.length"
	paramSourceScale   = "__debezium.source.column.scale"
	paramSourceCharset = "__debezium.source.column.character_set"
	paramAllowed       = "allowed"
	paramLength        = "length"
)

// Debezium's semantic type names (SJ-170 to SJ-191).
var debeziumKinds = map[string]kind{
	"io.debezium.time.Date":                 kindDate,
	"io.debezium.time.Time":                 kindTimeMilli,
	"io.debezium.time.MicroTime":            kindTimeMicro,
	"io.debezium.time.NanoTime":             kindTimeNano,
	"io.debezium.time.Timestamp":            kindStampMilli,
	"io.debezium.time.MicroTimestamp":       kindStampMicro,
	"io.debezium.time.NanoTimestamp":        kindStampNano,
	"io.debezium.time.ZonedTimestamp":       kindZonedStamp,
	"io.debezium.time.ZonedTime":            kindZonedTime,
	"io.debezium.time.Year":                 kindYear,
	"io.debezium.time.MicroDuration":        kindMicroDuration,
	"io.debezium.time.Interval":             kindInterval,
	"io.debezium.data.Json":                 kindJSON,
	"io.debezium.data.Uuid":                 kindUUID,
	"io.debezium.data.Enum":                 kindEnum,
	"io.debezium.data.EnumSet":              kindEnumSet,
	"io.debezium.data.Bits":                 kindBits,
	"io.debezium.data.Xml":                  kindXML,
	"io.debezium.data.Ltree":                kindLtree,
	"io.debezium.data.VariableScaleDecimal": kindVarDecimal,
	"io.debezium.data.geometry.Point":       kindPoint,
	"io.debezium.data.geometry.Geometry":    kindGeometry,
	"io.debezium.data.geometry.Geography":   kindGeography,
	records.DateName:                        kindDate,
	records.TimeName:                        kindTimeMilli,
	records.TimestampName:                   kindStampMilli,
	records.DecimalName:                     kindDecimal,
}

var confluentKinds = map[string]kind{
	records.DateName:      kindDate,
	records.TimeName:      kindTimeMilli,
	records.TimestampName: kindInstantMilli,
	records.DecimalName:   kindDecimal,
}

// kindOf classifies a schema; kindNone means that it has no column form.
func kindOf(fam family, s *records.Schema) kind {
	if s.Name != "" {
		named := confluentKinds
		if fam == debezium {
			named = debeziumKinds
		}
		if k, ok := named[s.Name]; ok && baseFits(k, s) {
			return k
		}
	}
	switch s.Type {
	case records.Int8:
		return kindInt8
	case records.Int16:
		return kindInt16
	case records.Int32:
		return kindInt32
	case records.Int64:
		return kindInt64
	case records.Float32:
		return kindFloat32
	case records.Float64:
		return kindFloat64
	case records.Boolean:
		return kindBool
	case records.String:
		return kindString
	case records.Bytes:
		return kindBytes
	case records.Array:
		if s.Elem != nil {
			switch kindOf(fam, s.Elem) {
			case kindNone, kindArray, kindVarDecimal, kindPoint, kindGeometry, kindGeography, kindBits, kindBytes:
			default:
				return kindArray
			}
		}
	}
	return kindNone
}

// baseFits guards against a semantic name on a type that it does not belong to.
func baseFits(k kind, s *records.Schema) bool {
	switch k {
	case kindDate, kindYear:
		return s.Type == records.Int32 || s.Type == records.Int64
	case kindTimeMilli:
		return s.Type == records.Int32 || s.Type == records.Int64
	case kindTimeMicro, kindTimeNano, kindStampMilli, kindStampMicro, kindStampNano, kindInstantMilli, kindMicroDuration:
		return s.Type == records.Int64
	case kindBits, kindDecimal:
		return s.Type == records.Bytes
	case kindVarDecimal:
		return s.Type == records.Struct && s.FieldIndex("scale") >= 0 && s.FieldIndex("value") >= 0
	case kindPoint, kindGeometry, kindGeography:
		return s.Type == records.Struct && s.FieldIndex("wkb") >= 0
	default:
		return s.Type == records.String
	}
}

// field is one field of a record as the sink sees it.
type field struct {
	name     string
	kind     kind
	schema   *records.Schema
	key      bool
	optional bool
	scale    int      // kindDecimal
	digits   int      // kindDecimal: precision, 0 = unknown
	length   int      // kindBits, and propagated lengths; 0 = unknown
	decimals int      // propagated scale: the fractional digits of temporal types; -1 = unknown
	source   string   // propagated type in upper case, "" = none
	utf8     bool     // propagated character set is a utf8 one
	allowed  []string // kindEnum, kindEnumSet
	elem     *field   // kindArray
	// members are the positions of a struct's parts that the encoders need.
	wkb, srid, x, y, unscaled, scaleAt int
}

func newField(fam family, name string, s *records.Schema, key bool) field {
	f := field{name: name, schema: s, key: key, optional: s.Optional, kind: kindOf(fam, s), decimals: -1}
	num := func(p string) int {
		t, ok := s.Param(p)
		if !ok {
			return -1
		}
		n, err := strconv.Atoi(strings.TrimSpace(t))
		if err != nil {
			return -1
		}
		return n
	}
	if t, ok := s.Param(records.ScaleParam); ok {
		f.scale, _ = strconv.Atoi(strings.TrimSpace(t)) // may be negative
	}
	f.digits = max(num(records.PrecisionParam), 0)
	if fam == debezium {
		f.length = max(num(paramSourceLength), 0)
		f.decimals = num(paramSourceScale)
		t, _ := s.Param(paramSourceType)
		f.source = strings.ToUpper(t)
		cs, _ := s.Param(paramSourceCharset)
		f.utf8 = strings.HasPrefix(strings.ToLower(cs), "utf8")
	}
	switch f.kind {
	case kindBits:
		f.length = max(num(paramLength), 0)
	case kindEnum, kindEnumSet:
		if t, ok := s.Param(paramAllowed); ok && t != "" {
			f.allowed = splitAllowed(t)
		}
	case kindArray:
		e := newField(fam, name, s.Elem, false)
		f.elem = &e
	case kindVarDecimal:
		f.scaleAt, f.unscaled = s.FieldIndex("scale"), s.FieldIndex("value")
	case kindPoint, kindGeometry, kindGeography:
		f.wkb, f.srid, f.x, f.y = s.FieldIndex("wkb"), s.FieldIndex("srid"), s.FieldIndex("x"), s.FieldIndex("y")
	}
	return f
}

// splitAllowed splits Debezium's "allowed" parameter, in which a comma inside a word is
// written as backslash comma.
func splitAllowed(t string) []string {
	var words []string
	var w strings.Builder
	for i := 0; i < len(t); i++ {
		switch {
		case t[i] == '\\' && i+1 < len(t):
			i++
			w.WriteByte(t[i])
		case t[i] == ',':
			words = append(words, w.String())
			w.Reset()
		default:
			w.WriteByte(t[i])
		}
	}
	return append(words, w.String())
}
