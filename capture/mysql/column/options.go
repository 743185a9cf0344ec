package column

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Options are the connector's settings that change how columns look or are read. Modes are the
// words of the connector configuration; "" is the default.
type Options struct {
	Decimal         string              // decimal.handling.mode: precise, double, string (DM-54)
	TimePrecision   string              // time.precision.mode: adaptive_time_microseconds, connect, isostring, microseconds, nanoseconds (DM-108)
	BigintUnsigned  string              // bigint.unsigned.handling.mode: long, precise (DM-141)
	Binary          string              // binary.handling.mode: bytes, base64, base64-url-safe, hex (DM-54)
	TimeAdjuster    bool                // enable.time.adjuster: two-digit years become 1970 to 2069 (DM-156)
	ConvertFailure  string              // event.converting.failure.handling.mode: warn, fail, skip (DM-173)
	ServerCharset   string              // charset of text columns whose table names none
	ServerZone      *time.Location      // session zone of the text protocol; nil = UTC, as doc.go asks for
	Placeholder     string              // unavailable.value.placeholder (DM-54); "" is Debezium's default, "hex:" allows raw bytes
	IncludeComments bool                // include.schema.comments: column comments become schema docs (DM-20)
	FieldName       func(string) string // field.name.adjustment.mode; nil = names as they are (DM-40)
	SchemaName      func(string) string // schema.name.adjustment.mode; nil = names as they are (DM-40)
	// Warn is told about columns and values that could not be converted. It gets no row data.
	// It may be called once a row: limiting the rate is the caller's affair. nil = nobody listens.
	Warn func(msg string, args ...any)
}

const defaultPlaceholder = "__debezium_unavailable_value"

type decimalMode uint8

const (
	decimalPrecise decimalMode = iota
	decimalDouble
	decimalString
)

type timeMode uint8

const (
	timeAdaptiveMicros timeMode = iota
	timeConnect
	timeISO
	timeMicros
	timeNanos
)

type binaryMode uint8

const (
	binaryBytes binaryMode = iota
	binaryBase64
	binaryBase64URL
	binaryHex
)

type failureMode uint8

const (
	failWarn failureMode = iota
	failStop
	failSkip
)

// modes is Options with the words looked up.
type modes struct {
	decimal       decimalMode
	time          timeMode
	bigintPrecise bool
	binary        binaryMode
	failure       failureMode
	adjust        bool
	zone          *time.Location
	placeholder   []byte
	warn          func(msg string, args ...any)
}

func word[T any](key, val string, words map[string]T, def T) (T, error) {
	if val == "" {
		return def, nil
	}
	if v, ok := words[strings.ToLower(strings.TrimSpace(val))]; ok {
		return v, nil
	}
	return def, fmt.Errorf("%s: value %q is not supported", key, val)
}

func (o *Options) modes() (modes, error) {
	var m modes
	var err error
	if m.decimal, err = word("decimal.handling.mode", o.Decimal, map[string]decimalMode{
		"precise": decimalPrecise, "double": decimalDouble, "string": decimalString}, decimalPrecise); err != nil {
		return m, err
	}
	if m.time, err = word("time.precision.mode", o.TimePrecision, map[string]timeMode{
		"adaptive_time_microseconds": timeAdaptiveMicros, "connect": timeConnect, "isostring": timeISO,
		"microseconds": timeMicros, "nanoseconds": timeNanos}, timeAdaptiveMicros); err != nil {
		return m, err
	}
	if m.bigintPrecise, err = word("bigint.unsigned.handling.mode", o.BigintUnsigned, map[string]bool{
		"long": false, "precise": true}, false); err != nil {
		return m, err
	}
	if m.binary, err = word("binary.handling.mode", o.Binary, map[string]binaryMode{
		"bytes": binaryBytes, "base64": binaryBase64, "base64-url-safe": binaryBase64URL, "hex": binaryHex}, binaryBytes); err != nil {
		return m, err
	}
	if m.failure, err = word("event.converting.failure.handling.mode", o.ConvertFailure, map[string]failureMode{
		"warn": failWarn, "fail": failStop, "skip": failSkip}, failWarn); err != nil {
		return m, err
	}
	m.adjust, m.zone, m.warn = o.TimeAdjuster, o.ServerZone, o.Warn
	if m.zone == time.UTC {
		m.zone = nil
	}
	if m.warn == nil {
		m.warn = func(string, ...any) {}
	}
	switch {
	case o.Placeholder == "":
		m.placeholder = []byte(defaultPlaceholder)
	case strings.HasPrefix(o.Placeholder, "hex:"):
		if m.placeholder, err = hex.DecodeString(o.Placeholder[len("hex:"):]); err != nil {
			return m, fmt.Errorf("unavailable.value.placeholder: %w", err)
		}
	default:
		m.placeholder = []byte(o.Placeholder)
	}
	return m, nil
}
