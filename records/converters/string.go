package converters

import (
	"slices"
	"strconv"
	"time"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/javatime"
)

var optionalString = &records.Schema{Type: records.String, Optional: true}

// stringConverter is Connect's StringConverter: Java's toString of the value (CW-323).
type stringConverter struct{}

func (c *stringConverter) Class() string { return StringClass }

func (c *stringConverter) Append(dst []byte, _ string, b *records.Batch, schema *records.Schema, v records.Value) ([]byte, bool, error) {
	if v.IsNull() {
		return dst, true, nil
	}
	start := len(dst)
	dst, err := appendJavaText(dst, b, schema, v)
	if err != nil {
		return dst[:start], false, err
	}
	return dst, false, nil
}

func (c *stringConverter) Decode(_ string, data []byte, b *records.Batch) (*records.Schema, records.Value, error) {
	if data == nil {
		return optionalString, records.Null, nil
	}
	return optionalString, b.AddUTF8(data), nil
}

// dateText is java.util.Date.toString in UTC.
var dateText = func() *javatime.Format {
	f, err := javatime.Compile("EEE MMM dd HH:mm:ss 'UTC' y")
	if err != nil {
		panic(err)
	}
	return f
}()

// appendJavaText appends what String.valueOf prints for Connect's Java object.
func appendJavaText(dst []byte, b *records.Batch, s *records.Schema, v records.Value) ([]byte, error) {
	var err error
	switch v.Kind {
	case records.KindNull:
		return append(dst, "null"...), nil
	case records.KindString:
		return append(dst, b.Raw(v)...), nil
	case records.KindBool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case records.KindInt8, records.KindInt16, records.KindInt32, records.KindInt64:
		if t, ok := logicalTime(s, v); ok {
			return dateText.AppendMillis(dst, t.UnixMilli()), nil
		}
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case records.KindDate:
		return dateText.AppendMillis(dst, v.Int()), nil
	case records.KindFloat32:
		return records.AppendFloat(dst, v.Float(), 32), nil
	case records.KindFloat64:
		return records.AppendFloat(dst, v.Float(), 64), nil
	case records.KindBytes:
		if s != nil && s.IsDecimal() {
			return records.AppendDecimal(dst, b.Raw(v), decimalScale(s)), nil
		}
		// Java prints the identity of the array or buffer, which says nothing; its shape is
		// kept without the hash, so that the output is at least the same on every run.
		return append(dst, "[B"...), nil
	case records.KindArray:
		dst = append(dst, '[')
		for i, e := range b.Elems(v) {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			if dst, err = appendJavaText(dst, b, elemSchema(s), e); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case records.KindMap:
		kv := b.Elems(v)
		var few [16]bucketed
		dst = append(dst, '{')
		for i, p := range inJavaOrder(few[:0], b, kv) {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			if dst, err = appendJavaText(dst, b, keySchema(s), kv[p.at]); err != nil {
				return dst, err
			}
			dst = append(dst, '=')
			if dst, err = appendJavaText(dst, b, elemSchema(s), kv[p.at+1]); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	case records.KindStruct:
		if s == nil || len(s.Fields) != int(v.N) {
			return dst, dataError("Mismatching schema.")
		}
		dst = append(dst, "Struct{"...)
		first := true
		for i, e := range b.Elems(v) {
			if e.IsNull() {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(append(dst, s.Fields[i].Name...), '=')
			if dst, err = appendJavaText(dst, b, s.Fields[i].Schema, e); err != nil {
				return dst, within(s.Fields[i].Name, err)
			}
		}
		return append(dst, '}'), nil
	}
	return dst, dataError("a " + kindName(v.Kind) + " has no text form")
}

// bucketed is an entry of a map, by the place of its key, and its bucket in a java.util.HashMap.
type bucketed struct{ bucket, at int }

// inJavaOrder appends the entries of a map in the order in which a HashMap lists them: converters
// read maps into one, and its text shows that.
func inJavaOrder(dst []bucketed, b *records.Batch, kv []records.Value) []bucketed {
	buckets := records.JavaBuckets(len(kv) / 2)
	for i := 0; i+1 < len(kv); i += 2 {
		dst = append(dst, bucketed{javaBucket(b, kv[i], buckets), i})
	}
	slices.SortStableFunc(dst, func(x, y bucketed) int { return x.bucket - y.bucket })
	return dst
}

func javaBucket(b *records.Batch, key records.Value, buckets int) int {
	var h uint32
	switch key.Kind {
	case records.KindString:
		return records.JavaBucket(b.Str(key), buckets)
	case records.KindInt8, records.KindInt16, records.KindInt32:
		h = uint32(key.Int())
	case records.KindInt64:
		h = uint32(key.Int()) ^ uint32(key.Int()>>32)
	case records.KindBool:
		if h = 1237; key.Bool() {
			h = 1231
		}
	}
	return int(h^h>>16) & (buckets - 1)
}

func elemSchema(s *records.Schema) *records.Schema {
	if s == nil {
		return nil
	}
	return s.Elem
}

func keySchema(s *records.Schema) *records.Schema {
	if s == nil {
		return nil
	}
	return s.Key
}

func decimalScale(s *records.Schema) int {
	text, _ := s.Param(records.ScaleParam)
	n, _ := strconv.Atoi(text)
	return n
}

// logicalTime returns the time of a value of one of Connect's date types.
func logicalTime(s *records.Schema, v records.Value) (time.Time, bool) {
	if s == nil {
		return time.Time{}, false
	}
	switch s.Name {
	case records.DateName:
		return time.UnixMilli(v.Int() * 86400000).UTC(), true
	case records.TimeName, records.TimestampName:
		return time.UnixMilli(v.Int()).UTC(), true
	}
	return time.Time{}, false
}
