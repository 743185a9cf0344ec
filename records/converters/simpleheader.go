package converters

import (
	"encoding/base64"
	"strconv"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/javatext"
)

// simpleHeader is Connect's SimpleHeaderConverter (CW-328 to CW-333): text out, and in
// whatever the text looks like.
type simpleHeader struct{}

func (c *simpleHeader) Class() string { return SimpleHeaderClass }

func (c *simpleHeader) Append(dst []byte, _ string, b *records.Batch, s *records.Schema, v records.Value) ([]byte, bool, error) {
	if v.IsNull() {
		return dst, true, nil
	}
	start := len(dst)
	dst, err := appendHeaderText(dst, b, s, v, false)
	if err != nil {
		return dst[:start], false, err
	}
	return dst, false, nil
}

// appendHeaderText writes a value; inside lists, maps and structs text is quoted.
func appendHeaderText(dst []byte, b *records.Batch, s *records.Schema, v records.Value, embedded bool) ([]byte, error) {
	var err error
	switch v.Kind {
	case records.KindString:
		if embedded {
			return appendHeaderQuoted(dst, b.Raw(v)), nil
		}
		return append(dst, b.Raw(v)...), nil
	case records.KindBytes:
		if s != nil && s.IsDecimal() {
			return records.AppendDecimal(dst, b.Raw(v), decimalScale(s)), nil
		}
		if embedded {
			return appendBase64(dst, b.Raw(v)), nil
		}
		return base64.StdEncoding.AppendEncode(dst, b.Raw(v)), nil
	case records.KindInt32, records.KindInt64:
		if t, ok := logicalTime(s, v); ok {
			return javatext.AppendTime(dst, t.UnixMilli()), nil
		}
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case records.KindDate:
		return javatext.AppendTime(dst, v.Int()), nil
	case records.KindArray:
		dst = append(dst, '[')
		for i, e := range b.Elems(v) {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendHeaderText(dst, b, elemSchema(s), e, true); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case records.KindMap:
		kv := b.Elems(v)
		dst = append(dst, '{')
		for i := 0; i < len(kv); i += 2 {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendHeaderText(dst, b, keySchema(s), kv[i], true); err != nil {
				return dst, err
			}
			dst = append(dst, ':')
			if dst, err = appendHeaderText(dst, b, elemSchema(s), kv[i+1], true); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	case records.KindStruct:
		if s == nil || len(s.Fields) != int(v.N) {
			return dst, dataError("Mismatching schema.")
		}
		dst = append(dst, '{')
		for i, e := range b.Elems(v) {
			if i > 0 {
				dst = append(dst, ',')
			}
			f := &s.Fields[i]
			dst = append(appendHeaderQuoted(dst, []byte(f.Name)), ':')
			if e.IsNull() && f.Schema.Default != nil { // Struct.get puts the default (CW-302)
				e = b.DefaultValue(f.Schema)
			}
			if dst, err = appendHeaderText(dst, b, f.Schema, e, true); err != nil {
				return dst, within(f.Name, err)
			}
		}
		return append(dst, '}'), nil
	}
	return appendJavaText(dst, b, s, v) // null, booleans, numbers
}

func appendHeaderQuoted(dst, p []byte) []byte {
	dst = append(dst, '"')
	for _, c := range p {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

var (
	requiredString = &records.Schema{Type: records.String}
)

func (c *simpleHeader) Decode(_ string, data []byte, b *records.Batch) (*records.Schema, records.Value, error) {
	if data == nil {
		return nil, records.Null, nil
	}
	if len(data) == 0 {
		return requiredString, b.AddStringBytes(data), nil
	}
	s, v := javatext.ParseValue(b, string(data))
	return s, v, nil
}
