package converters

import (
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// typeTexts are the words for types in inline schemas (CW-310).
var typeTexts = [...]string{records.Int8: "int8", records.Int16: "int16", records.Int32: "int32",
	records.Int64: "int64", records.Float32: "float", records.Float64: "double", records.Boolean: "boolean",
	records.String: "string", records.Bytes: "bytes", records.Array: "array", records.Map: "map", records.Struct: "struct"}

// appendSchema writes an inline schema; the order of the members is Connect's (CW-309).
// field is the name of the struct member that has this schema, "" at the top and for elements.
func (s *jsonShared) appendSchema(dst []byte, schema *records.Schema, field string) ([]byte, error) {
	return s.appendSchemaOf(dst, schema, field, field != "")
}

func (s *jsonShared) appendSchemaOf(dst []byte, schema *records.Schema, field string, isField bool) ([]byte, error) {
	if schema == nil {
		return append(dst, "null"...), nil
	}
	var err error
	dst = append(dst, `{"type":"`...)
	dst = append(dst, typeTexts[schema.Type]...)
	dst = append(dst, '"')
	switch schema.Type {
	case records.Array:
		dst = append(dst, `,"items":`...)
		if dst, err = s.appendSchema(dst, schema.Elem, ""); err != nil {
			return dst, err
		}
	case records.Map:
		dst = append(dst, `,"keys":`...)
		if dst, err = s.appendSchema(dst, schema.Key, ""); err != nil {
			return dst, err
		}
		dst = append(dst, `,"values":`...)
		if dst, err = s.appendSchema(dst, schema.Elem, ""); err != nil {
			return dst, err
		}
	case records.Struct:
		dst = append(dst, `,"fields":[`...)
		for i := range schema.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			f := &schema.Fields[i]
			if dst, err = s.appendSchemaOf(dst, f.Schema, f.Name, true); err != nil {
				return dst, within(f.Name, err)
			}
		}
		dst = append(dst, ']')
	}
	dst = append(dst, `,"optional":`...)
	dst = strconv.AppendBool(dst, schema.Optional)
	if schema.Name != "" {
		dst = records.AppendJSONString(append(dst, `,"name":`...), schema.Name)
	}
	if schema.Version != 0 {
		dst = strconv.AppendInt(append(dst, `,"version":`...), int64(schema.Version), 10)
	}
	if schema.Doc != "" {
		dst = records.AppendJSONString(append(dst, `,"doc":`...), schema.Doc)
	}
	if len(schema.Params) > 0 {
		dst = append(dst, `,"parameters":{`...)
		for i, p := range schema.Params {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(records.AppendJSONString(dst, p.Key), ':')
			dst = records.AppendJSONString(dst, p.Value)
		}
		dst = append(dst, '}')
	}
	if schema.Default != nil {
		n, err := s.node(schema)
		if err != nil {
			return dst, err
		}
		text, err := n.defaultText(schema)
		if err != nil {
			return dst, err
		}
		dst = append(append(dst, `,"default":`...), text...)
	}
	if isField {
		dst = records.AppendJSONString(append(dst, `,"field":`...), field)
	}
	return append(dst, '}'), nil
}
