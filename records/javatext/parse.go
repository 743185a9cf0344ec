package javatext

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/anabranch/anabranch/records"
)

// parser reads a text the way Connect's Values.parseString does,
// including what looks odd: a leading number wins over the text behind it up to the next
// delimiter, one trailing comma is tolerated, commas between map entries are optional.
type parser struct {
	text string
	pos  int
	b    *records.Batch
	deep int
}

// errNotParsed makes a list or map fall back to being a string.
var errNotParsed = errors.New("not parseable")

// item is a parsed value; schema nil with a null value is a null.
type item struct {
	schema *records.Schema
	v      records.Value
}

var schemas = map[records.Type]*records.Schema{
	records.Int8: {Type: records.Int8}, records.Int16: {Type: records.Int16}, records.Int32: {Type: records.Int32},
	records.Int64: {Type: records.Int64}, records.Float32: {Type: records.Float32}, records.Float64: {Type: records.Float64},
	records.Boolean: {Type: records.Boolean},
}

var (
	requiredString  = &records.Schema{Type: records.String}
	dateSchema      = &records.Schema{Type: records.Int32, Name: records.DateName, Version: 1}
	timeSchema      = &records.Schema{Type: records.Int32, Name: records.TimeName, Version: 1}
	timestampSchema = &records.Schema{Type: records.Int64, Name: records.TimestampName, Version: 1}
)

// ParseValue adds the value that a text looks like to b's slab (Values.parseString, CW-329 to
// CW-332); the schema is nil for null.
func ParseValue(b *records.Batch, text string) (*records.Schema, records.Value) {
	p := parser{text: text, b: b}
	if text == "" {
		return requiredString, b.AddString("")
	}
	it, err := p.parse(false)
	if err != nil {
		it = p.whole()
	}
	return it.schema, it.v
}

func (p *parser) whole() item {
	return item{requiredString, p.b.AddUTF8([]byte(p.text))}
}

// token returns the next token and the position behind it: a delimiter, or the text up to
// the next delimiter that no backslash escapes.
func (p *parser) token(at int) (tok string, end int) {
	escaped := false
	for i := at; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			escaped = !escaped
		case ':', ',', '{', '}', '[', ']', '"':
			if !escaped {
				if i > at {
					return p.text[at:i], i
				}
				return p.text[at : at+1], at + 1
			}
			escaped = false
		default:
			escaped = false
		}
	}
	return p.text[at:], len(p.text)
}

// accept consumes the next token if it is want; blanks around it do not count.
func (p *parser) accept(want string) bool {
	if p.pos >= len(p.text) {
		return false
	}
	at := p.pos
	tok, end := p.token(at)
	for Trim(tok) == "" && end < len(p.text) {
		tok, end = p.token(end)
	}
	if Trim(tok) != want {
		return false
	}
	p.pos = end
	return true
}

func (p *parser) acceptWord(want string, embedded bool) bool {
	at := p.pos
	if p.accept(want) {
		if embedded || p.pos >= len(p.text) {
			return true
		}
		p.pos = at
	}
	return false
}

func (p *parser) parse(embedded bool) (item, error) {
	if p.pos >= len(p.text) {
		return item{}, nil
	}
	if embedded && p.accept(`"`) {
		return p.quoted(), nil
	}
	switch {
	case p.acceptWord("null", embedded):
		return item{}, nil
	case p.acceptWord("true", embedded):
		return item{schemas[records.Boolean], records.BoolValue(true)}, nil
	case p.acceptWord("false", embedded):
		return item{schemas[records.Boolean], records.BoolValue(false)}, nil
	}
	start, failed := p.pos, false
	if p.deep < maxDepth {
		p.deep++
		var it item
		err := errNotParsed
		if p.accept("[") {
			failed = true
			it, err = p.list()
		} else if p.accept("{") {
			failed = true
			it, err = p.mapping()
		}
		p.deep--
		if err == nil {
			return it, nil
		}
		p.pos = start
	}
	// Connect has peeked the first token that is not blank by now, unless a list or map failed.
	tok, end := p.token(p.pos)
	for !failed && Trim(tok) == "" && end < len(p.text) {
		tok, end = p.token(end)
	}
	p.pos = end
	if trimmed := Trim(tok); trimmed != "" {
		return p.scalar(trimmed, embedded)
	}
	return item{requiredString, p.b.AddUTF8([]byte(tok))}, nil
}

func (p *parser) scalar(tok string, embedded bool) (item, error) {
	digit := tok[0]-'0' <= 9
	if digit {
		// A time is cut into five tokens by its colons.
		end, n := p.pos, 0
		for ; n < 4 && end < len(p.text); n++ {
			_, end = p.token(end)
		}
		if n == 4 {
			if it, ok := p.temporal(tok + p.text[p.pos:end]); ok {
				p.pos = end
				return it, nil
			}
		}
		if it, ok := p.temporal(tok); ok {
			return it, nil
		}
	}
	if digit || tok[0] == '+' || tok[0] == '-' {
		if it, ok := p.number(tok); ok {
			return it, nil
		}
	}
	if embedded {
		return item{}, errNotParsed
	}
	return p.whole(), nil
}

// quoted reads up to the closing quote; escapes stay as they are.
func (p *parser) quoted() item {
	var sb strings.Builder
	for p.pos < len(p.text) {
		if p.accept(`"`) {
			break
		}
		tok, end := p.token(p.pos)
		sb.WriteString(tok)
		p.pos = end
	}
	if it, ok := p.temporal(sb.String()); ok {
		return it
	}
	return item{requiredString, p.b.AddUTF8([]byte(sb.String()))}
}

func (p *parser) list() (item, error) {
	var m schemaMerger
	var vals []records.Value
	for p.pos < len(p.text) {
		if p.accept("]") {
			s := &records.Schema{Type: records.Array, Elem: m.common}
			if !m.align(vals, 0, 1) {
				return item{}, errNotParsed
			}
			return item{s, p.slab(records.KindArray, vals, 1)}, nil
		}
		if p.accept(",") {
			return item{}, errNotParsed
		}
		it, err := p.parse(true)
		if err != nil {
			return item{}, err
		}
		m.merge(it.schema)
		vals = append(vals, it.v)
		at := p.pos
		if p.accept("]") {
			p.pos = at
		} else if !p.accept(",") {
			return item{}, errNotParsed
		}
	}
	return item{}, errNotParsed
}

func (p *parser) mapping() (item, error) {
	var keys, values schemaMerger
	var vals []records.Value
	for p.pos < len(p.text) {
		if p.accept("}") {
			s := &records.Schema{Type: records.Map, Key: keys.common, Elem: values.common}
			if keys.common == nil {
				s.Elem = nil
			}
			if !keys.align(vals, 0, 2) || s.Elem != nil && !values.align(vals, 1, 2) {
				return item{}, errNotParsed
			}
			return item{s, p.slab(records.KindMap, vals, 2)}, nil
		}
		if p.accept(",") {
			return item{}, errNotParsed
		}
		k, err := p.parse(true)
		if err != nil || k.v.IsNull() || !p.accept(":") {
			return item{}, errNotParsed
		}
		v, err := p.parse(true)
		if err != nil {
			return item{}, err
		}
		p.accept(",")
		keys.merge(k.schema)
		values.merge(v.schema)
		vals = append(vals, k.v, v.v)
	}
	return item{}, errNotParsed
}

func (p *parser) slab(k records.Kind, vals []records.Value, per int) records.Value {
	off := p.b.AddVals(len(vals))
	copy(p.b.Vals[off:], vals)
	return records.Value{Kind: k, Off: off, N: uint32(len(vals) / per)}
}

// temporal recognises dates, times and timestamps by their length (CW-330).
func (p *parser) temporal(tok string) (item, bool) {
	tok = strings.ReplaceAll(tok, `\:`, ":")
	switch utf8.RuneCountInString(tok) {
	case len("2006-01-02"):
		if f, ok := fields(tok, "--"); ok {
			days := time.Date(f[0], time.Month(f[1]), f[2], 0, 0, 0, 0, time.UTC).Unix() / 86400
			return item{dateSchema, records.Int32Value(int32(days))}, true
		}
	case len("15:04:05.000Z"):
		if f, ok := fields(tok, "::.Z"); ok {
			ms := ((f[0]*60+f[1])*60+f[2])*1000 + f[3]
			return item{timeSchema, records.Int32Value(int32(ms))}, true
		}
	case len("2006-01-02T15:04:05.000Z"):
		if f, ok := fields(tok, "--T::.Z"); ok {
			t := time.Date(f[0], time.Month(f[1]), f[2], f[3], f[4], f[5], 0, time.UTC)
			return item{timestampSchema, records.Int64Value(t.UnixMilli() + int64(f[6]))}, true
		}
	}
	return item{}, false
}

// fields reads numbers with the given separators between them. A separator at the end of
// the pattern must be there; text behind the last number is ignored otherwise.
func fields(s, separators string) (f [8]int, ok bool) {
	for n := 0; ; n++ {
		digits := 0
		for digits < len(s) && s[digits]-'0' <= 9 {
			digits++
		}
		if digits == 0 || digits > 9 {
			return f, false
		}
		f[n], _ = strconv.Atoi(s[:digits])
		s = s[digits:]
		if n == len(separators) {
			return f, true
		}
		if s == "" || s[0] != separators[n] {
			return f, false
		}
		s = s[1:]
		if separators[n] == 'Z' {
			return f, true
		}
	}
}

// number reads what BigDecimal reads and takes the smallest type that holds it (CW-331).
func (p *parser) number(tok string) (item, bool) {
	unscaled, scale, ok := ParseDecimal(tok)
	if !ok {
		return item{}, false
	}
	whole := new(big.Int).Set(unscaled)
	isWhole := true
	if scale < 0 {
		whole.Mul(whole, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-scale)), nil))
	} else if scale > 0 {
		rest := new(big.Int)
		whole.QuoRem(whole, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil), rest)
		isWhole = rest.Sign() == 0
	}
	if isWhole && whole.IsInt64() {
		i := whole.Int64()
		switch {
		case i == int64(int8(i)):
			return item{schemas[records.Int8], records.Int8Value(int8(i))}, true
		case i == int64(int16(i)):
			return item{schemas[records.Int16], records.Int16Value(int16(i))}, true
		case i == int64(int32(i)):
			return item{schemas[records.Int32], records.Int32Value(int32(i))}, true
		}
		return item{schemas[records.Int64], records.Int64Value(i)}, true
	}
	if scale != 0 {
		if f, _ := strconv.ParseFloat(tok, 32); !math.IsInf(f, 0) {
			return item{schemas[records.Float32], records.Float32Value(float32(f))}, true
		}
		if f, _ := strconv.ParseFloat(tok, 64); !math.IsInf(f, 0) {
			return item{schemas[records.Float64], records.Float64Value(f)}, true
		}
	}
	s := &records.Schema{Type: records.Bytes, Name: records.DecimalName, Version: 1,
		Params: []records.Param{{Key: records.ScaleParam, Value: strconv.Itoa(scale)}}}
	off := len(p.b.Arena)
	p.b.Arena = records.AppendTwosComplement(p.b.Arena, unscaled)
	return item{s, p.b.ArenaValue(records.KindBytes, off)}, true
}

// schemaMerger finds the type that holds all elements (CW-332).
type schemaMerger struct {
	common *records.Schema
	failed bool
}

func (m *schemaMerger) merge(s *records.Schema) {
	switch {
	case s == nil || m.failed:
	case m.common == nil:
		m.common = s
	case m.common.Type != s.Type && isPlainNumber(m.common) && isPlainNumber(s):
		if s.Type > m.common.Type { // the constants are in order of width
			m.common = s
		}
	case !m.common.Equal(s):
		m.common, m.failed = nil, true
	}
}

func isPlainNumber(s *records.Schema) bool {
	return s.Name == "" && s.Type >= records.Int8 && s.Type <= records.Float64
}

// align widens every step-th value from first on to the common type. False if there is a
// null among them: common types are required ones.
func (m *schemaMerger) align(vals []records.Value, first, step int) bool {
	if m.common == nil {
		return true
	}
	for i := first; i < len(vals); i += step {
		v := &vals[i]
		if v.IsNull() {
			return false
		}
		if !isPlainNumber(m.common) {
			continue
		}
		f := v.Float()
		isFloat := v.Kind == records.KindFloat32 || v.Kind == records.KindFloat64
		if !isFloat {
			f = float64(v.Int())
		}
		switch m.common.Type {
		case records.Float32:
			*v = records.Float32Value(float32(f))
		case records.Float64:
			*v = records.Float64Value(f)
		default:
			v.Kind = kindOfType[m.common.Type]
		}
	}
	return true
}

// Trim is Java's String.trim (CW-461).
func Trim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

var kindOfType = map[records.Type]records.Kind{records.Int8: records.KindInt8, records.Int16: records.KindInt16,
	records.Int32: records.KindInt32, records.Int64: records.KindInt64}

// maxDepth is where Java's stack would end, by and large.
const maxDepth = 1000
