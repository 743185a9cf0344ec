package converters

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// Members of a JSON Schema that carry what Connect knows beyond JSON (CW-346).
const (
	jsTitle       = "title"
	jsDescription = "description"
	jsDefault     = "default"
	jsType        = "type"
	jsOneOf       = "oneOf"
	jsItems       = "items"
	jsProperties  = "properties"
	jsAdditional  = "additionalProperties"
	jsRequired    = "required"
	jsConnectType = "connect.type"
	jsIndex       = "connect.index"
	jsVersion     = "connect.version"
	jsParameters  = "connect.parameters"
	jsMapType     = "map"
	jsKeyField    = "key"
	jsValueField  = "value"
)

// jsonObject is a JSON object under construction.
type jsonObject map[string]any

// schemaText makes the JSON Schema of a Connect schema: the text that is registered. Members
// stand in the order of Java's HashMap, as the library that Confluent's converter uses prints
// them, so that equal schemas have equal text.
func (s *jsonSchemaShared) schemaText(schema *records.Schema) (string, error) {
	o, err := s.schemaObject(schema, -1)
	if err != nil {
		return "", err
	}
	return string(appendHashed(nil, o)), nil
}

func (s *jsonSchemaShared) schemaObject(schema *records.Schema, index int) (jsonObject, error) {
	o := jsonObject{}
	connectType := ""
	switch schema.Type {
	case records.Int8, records.Int16, records.Int32, records.Int64:
		o[jsType], connectType = "integer", strings.ToLower(schema.Type.String())
	case records.Float32, records.Float64:
		o[jsType], connectType = "number", strings.ToLower(schema.Type.String())
	case records.Boolean:
		o[jsType] = "boolean"
	case records.String:
		o[jsType] = "string"
	case records.Bytes:
		o[jsType], connectType = "string", "bytes"
		if schema.IsDecimal() {
			o[jsType] = "number"
		}
	case records.Array:
		items, err := s.schemaObject(schema.Elem, -1)
		if err != nil {
			return nil, err
		}
		o[jsType], o[jsItems] = "array", items
	case records.Map:
		value, err := s.schemaObject(schema.Elem, -1)
		if err != nil {
			return nil, err
		}
		connectType = jsMapType
		if schema.Key.Type == records.String && !schema.Key.Optional {
			o[jsType], o[jsAdditional] = "object", value
			break
		}
		key, err := s.schemaObject(schema.Key, 0)
		if err != nil {
			return nil, err
		}
		if value, err = s.schemaObject(schema.Elem, 1); err != nil {
			return nil, err
		}
		o[jsType] = "array"
		o[jsItems] = jsonObject{jsType: "object", jsProperties: jsonObject{jsKeyField: key, jsValueField: value}}
	case records.Struct:
		props := jsonObject{}
		var required []any
		for i := range schema.Fields {
			f := &schema.Fields[i]
			p, err := s.schemaObject(f.Schema, i)
			if err != nil {
				return nil, within(f.Name, err)
			}
			props[f.Name] = p
			if !f.Schema.Optional {
				required = append(required, f.Name)
			}
		}
		o[jsType] = "object"
		if len(props) > 0 {
			o[jsProperties] = props
		}
		if s.optionalNonRequired && len(required) > 0 {
			o[jsRequired] = required
		}
		if !s.additional {
			o[jsAdditional] = false
		}
	default:
		return nil, dataError("Unsupported schema type " + schema.Type.String())
	}
	if connectType != "" {
		o[jsConnectType] = connectType
	}
	if schema.Name != "" {
		o[jsTitle] = schema.Name
	}
	if schema.Doc != "" {
		o[jsDescription] = schema.Doc
	}
	if schema.Version != 0 {
		o[jsVersion] = schema.Version
	}
	if len(schema.Params) > 0 {
		params := jsonObject{}
		for _, p := range schema.Params {
			params[p.Key] = p.Value
		}
		o[jsParameters] = params
	}
	if d, ok := s.defaultOf(schema); ok && !(schema.Optional && s.ignoreDefault) {
		o[jsDefault] = d
	}
	if schema.Optional {
		inner := o
		o = jsonObject{jsOneOf: []any{jsonObject{jsType: "null"}, inner}}
		if d, ok := inner[jsDefault]; ok {
			delete(inner, jsDefault)
			o[jsDefault] = d
		}
	}
	if index >= 0 {
		o[jsIndex] = index
	}
	return o, nil
}

// defaultOf is a schema's default as JSON.
func (s *jsonSchemaShared) defaultOf(schema *records.Schema) (any, bool) {
	switch d := schema.Default.(type) {
	case nil:
		return nil, false
	case []byte:
		if schema.IsDecimal() && s.json.numeric {
			return rawJSON(records.AppendDecimal(nil, d, decimalScale(schema))), true
		}
		return base64.StdEncoding.EncodeToString(d), true
	case float64:
		bits := 64
		if schema.Type == records.Float32 {
			bits = 32
		}
		return rawJSON(appendJSONFloat(nil, d, bits)), true
	case []any:
		var out []any
		for _, e := range d {
			elem := *schema.Elem
			elem.Default = e
			v, _ := s.defaultOf(&elem)
			out = append(out, v)
		}
		return out, true
	default:
		return d, true
	}
}

// rawJSON is text that is JSON already.
type rawJSON []byte

// appendHashed writes JSON whose objects list their members as a java.util.HashMap does.
func appendHashed(dst []byte, v any) []byte {
	switch x := v.(type) {
	case jsonObject:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		// Members of one bucket come in the order of their making; by name is as good.
		slices.Sort(keys)
		records.JavaOrder(keys)
		dst = append(dst, '{')
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(records.AppendJSONString(dst, []byte(k)), ':')
			dst = appendHashed(dst, x[k])
		}
		return append(dst, '}')
	case []any:
		dst = append(dst, '[')
		for i, e := range x {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendHashed(dst, e)
		}
		return append(dst, ']')
	case string:
		return records.AppendJSONString(dst, []byte(x))
	case rawJSON:
		return append(dst, x...)
	case int:
		return strconv.AppendInt(dst, int64(x), 10)
	case int64:
		return strconv.AppendInt(dst, x, 10)
	case bool:
		return strconv.AppendBool(dst, x)
	default:
		return append(dst, "null"...)
	}
}
