package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// Object is a JSON object whose members keep their order.
type Object []Member

// Member is one member of an Object. Its value is nil, bool, string, int, int64, float64,
// [json.Number] (written as it is), an Object, a map[string]string, []any or []string.
type Member struct {
	Key   string
	Value any
}

// Get returns the value of a member; of a key given twice the last wins, as in Jackson.
func (o Object) Get(key string) (any, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Key == key {
			return o[i].Value, true
		}
	}
	return nil, false
}

// Str returns a string member, "" if it is absent or of another type.
func (o Object) Str(key string) string {
	v, _ := o.Get(key)
	s, _ := v.(string)
	return s
}

// Int returns an integer member.
func (o Object) Int(key string) (int64, bool) {
	v, _ := o.Get(key)
	i, ok := v.(int64)
	return i, ok
}

// Marshal returns the compact text of a value.
func Marshal(v any) []byte { return Append(nil, v) }

// Append appends the compact text of a value. A type that is not in the list at Member panics:
// it is a programming error.
func Append(dst []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, x)
	case string:
		return records.AppendJSONString(dst, x)
	case int:
		return strconv.AppendInt(dst, int64(x), 10)
	case int32:
		return strconv.AppendInt(dst, int64(x), 10)
	case int64:
		return strconv.AppendInt(dst, x, 10)
	case float64:
		return appendDouble(dst, x)
	case json.Number:
		return append(dst, x...)
	case Object:
		dst = append(dst, '{')
		for i, m := range x {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(records.AppendJSONString(dst, m.Key), ':')
			dst = Append(dst, m.Value)
		}
		return append(dst, '}')
	case map[string]string:
		dst = append(dst, '{')
		for i, k := range HashOrder(keysOf(x)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(records.AppendJSONString(dst, k), ':')
			dst = records.AppendJSONString(dst, x[k])
		}
		return append(dst, '}')
	case []any:
		return appendList(dst, x)
	case []string:
		return appendList(dst, x)
	case []Object:
		return appendList(dst, x)
	}
	panic(fmt.Sprintf("jsontext: no JSON form for %T", v))
}

func appendList[T any](dst []byte, list []T) []byte {
	dst = append(dst, '[')
	for i, e := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = Append(dst, e)
	}
	return append(dst, ']')
}

// appendDouble appends a float64 as Double.toString prints it (CW-304).
func appendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	case f == 0:
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		return append(dst, "0.0"...)
	}
	if a := math.Abs(f); a >= 1e-3 && a < 1e7 {
		at := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
		if !bytes.ContainsRune(dst[at:], '.') {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	e := bytes.IndexByte([]byte(text), 'e')
	mantissa, exponent := text[:e], text[e+1:]
	dst = append(dst, mantissa...)
	if !bytes.ContainsRune([]byte(mantissa), '.') {
		dst = append(dst, ".0"...)
	}
	n, _ := strconv.Atoi(exponent) // FormatFloat always writes a number here
	return strconv.AppendInt(append(dst, 'E'), int64(n), 10)
}

// Parse reads the first JSON value of data; what follows is ignored, as Jackson does by
// default. Objects become Object, arrays []any, integers int64, all other numbers
// [json.Number] with their text.
func Parse(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return v, err
}

// maxDepth keeps hostile input from using up the stack; Jackson's limit is the same.
const maxDepth = 1000

func parseValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("document nesting depth exceeds the maximum allowed (%d)", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch x := t.(type) {
	case json.Delim:
		if x == '{' {
			o := Object{}
			for d.More() {
				key, err := d.Token()
				if err != nil {
					return nil, err
				}
				v, err := parseValue(d, depth+1)
				if err != nil {
					return nil, err
				}
				o = append(o, Member{key.(string), v}) // the decoder only accepts strings here
			}
			_, err := d.Token()
			return o, err
		}
		list := []any{}
		for d.More() {
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Number:
		if i, err := strconv.ParseInt(string(x), 10, 64); err == nil && x != "-0" { // as text it keeps its sign
			return i, nil
		}
		return x, nil
	default:
		return t, nil
	}
}

// keysOf returns the keys in a stable order; it decides only between keys of one bucket.
func keysOf(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
