package converters

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// Limits of schemas from a registry.
const (
	maxJSONSchemaDepth = 100
	maxJSONSchemaNodes = 100_000
)

// jsonSchemaParser makes a Connect schema of a JSON Schema.
type jsonSchemaParser struct {
	set   *jsonSchemaShared
	docs  map[string]any // referenced schemas by name, the schema itself under ""
	nodes int
}

// parseJSONSchema reads a schema; refs are the schemas that it may refer to by name.
func (s *jsonSchemaShared) parseJSONSchema(text string, refs map[string]string) (*records.Schema, error) {
	p := &jsonSchemaParser{set: s, docs: map[string]any{}}
	for name, t := range refs {
		doc, err := decodeJSONSchema(t)
		if err != nil {
			return nil, within(name, err)
		}
		p.docs[name] = doc
	}
	doc, err := decodeJSONSchema(text)
	if err != nil {
		return nil, err
	}
	p.docs[""] = doc
	return p.schema(doc, doc, false, 0)
}

func decodeJSONSchema(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return nil, &DataError{Message: "Invalid JSON Schema", Cause: err}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, dataError("Invalid JSON Schema: there is more behind it")
	}
	return doc, nil
}

// schema reads one place; root is the document that local references are resolved in.
func (p *jsonSchemaParser) schema(v, root any, optional bool, depth int) (*records.Schema, error) {
	if p.nodes++; depth > maxJSONSchemaDepth || p.nodes > maxJSONSchemaNodes {
		return nil, dataError("JSON Schema is nested too deeply, or refers to itself")
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, dataError("JSON Schema that is not an object is not supported")
	}
	if ref, ok := o["$ref"].(string); ok {
		target, doc, err := p.resolve(ref, root)
		if err != nil {
			return nil, err
		}
		return p.schema(target, doc, optional, depth+1)
	}
	for _, word := range []string{jsOneOf, "anyOf", "allOf"} {
		if list, ok := o[word].([]any); ok {
			return p.combined(word, o, list, root, optional, depth)
		}
	}
	typ, nullable := typeOf(o)
	out := &records.Schema{Optional: optional || nullable}
	connectType := text(o, jsConnectType)
	var err error
	switch typ {
	case "boolean":
		out.Type = records.Boolean
	case "integer":
		out.Type = integerType(connectType)
	case "number":
		switch connectType {
		case "float32":
			out.Type = records.Float32
		case "bytes":
			out.Type = records.Bytes
		case "int8", "int16", "int32", "int64":
			out.Type = integerType(connectType)
		default:
			out.Type = records.Float64
		}
	case "string":
		out.Type = records.String
		if connectType == "bytes" {
			out.Type = records.Bytes
		}
	case "array":
		err = p.array(out, o, connectType, root, depth)
	case "object":
		err = p.object(out, o, connectType, root, depth)
	case "":
		if enum, ok := o["enum"].([]any); ok && len(enum) > 0 {
			out.Type = records.String
			break
		}
		return nil, dataError("JSON Schema without a type is not supported")
	default:
		return nil, dataError("Unsupported JSON Schema type " + typ)
	}
	if err != nil {
		return nil, err
	}
	return out, p.decorate(out, o)
}

// typeOf returns the one type of a schema; ["T","null"] is an optional T.
func typeOf(o map[string]any) (typ string, nullable bool) {
	switch t := o[jsType].(type) {
	case string:
		return t, false
	case []any:
		for _, e := range t {
			if e == "null" {
				nullable = true
			} else if s, ok := e.(string); ok && typ == "" {
				typ = s
			} else {
				return "a list of types", false
			}
		}
		return typ, nullable
	}
	switch {
	case o[jsProperties] != nil || o[jsAdditional] != nil:
		return "object", false
	case o[jsItems] != nil:
		return "array", false
	}
	return "", false
}

func integerType(connectType string) records.Type {
	switch connectType {
	case "int8":
		return records.Int8
	case "int16":
		return records.Int16
	case "int32":
		return records.Int32
	}
	return records.Int64
}

func text(o map[string]any, key string) string {
	s, _ := o[key].(string)
	return s
}

// combined reads oneOf, anyOf and allOf. One schema beside null is an optional one; several
// are refused, since Connect has no unions.
func (p *jsonSchemaParser) combined(word string, o map[string]any, list []any, root any, optional bool, depth int) (*records.Schema, error) {
	var rest []any
	for _, e := range list {
		if m, ok := e.(map[string]any); ok && m[jsType] == "null" {
			optional = true
			continue
		}
		rest = append(rest, e)
	}
	if len(rest) != 1 {
		return nil, dataError("JSON Schema with " + word + " of " + strconv.Itoa(len(rest)) + " types is not supported; only one type, alone or beside null, can be read")
	}
	out, err := p.schema(rest[0], root, optional, depth+1)
	if err != nil {
		return nil, err
	}
	return out, p.decorate(out, o)
}

func (p *jsonSchemaParser) array(out *records.Schema, o map[string]any, connectType string, root any, depth int) error {
	items, ok := o[jsItems]
	if !ok {
		return dataError("Array schema did not specify the items type")
	}
	if connectType == jsMapType {
		entry, err := p.schema(items, root, false, depth+1)
		if err != nil {
			return err
		}
		k, v := entry.FieldIndex(jsKeyField), entry.FieldIndex(jsValueField)
		if entry.Type != records.Struct || k < 0 || v < 0 {
			return dataError("Map schema has no key and value")
		}
		out.Type, out.Key, out.Elem = records.Map, entry.Fields[k].Schema, entry.Fields[v].Schema
		return nil
	}
	elem, err := p.schema(items, root, false, depth+1)
	out.Type, out.Elem = records.Array, elem
	return err
}

func (p *jsonSchemaParser) object(out *records.Schema, o map[string]any, connectType string, root any, depth int) error {
	props, _ := o[jsProperties].(map[string]any)
	if value, ok := o[jsAdditional].(map[string]any); ok && (connectType == jsMapType || len(props) == 0) {
		elem, err := p.schema(value, root, false, depth+1)
		out.Type, out.Key, out.Elem = records.Map, &records.Schema{Type: records.String}, elem
		return err
	}
	required := map[string]bool{}
	if list, ok := o[jsRequired].([]any); ok {
		for _, e := range list {
			if name, ok := e.(string); ok {
				required[name] = true
			}
		}
	}
	type field struct {
		name  string
		index int64
	}
	var fields []field
	for name, v := range props {
		f := field{name, -1}
		if m, ok := v.(map[string]any); ok {
			if n, ok := m[jsIndex].(json.Number); ok {
				if i, err := n.Int64(); err == nil {
					f.index = i
				}
			}
		}
		fields = append(fields, f)
	}
	// Fields with an index first, the others by name behind them.
	slices.SortFunc(fields, func(a, b field) int {
		switch {
		case a.index >= 0 && b.index >= 0 && a.index != b.index:
			return int(min(max(a.index-b.index, -1), 1))
		case (a.index >= 0) != (b.index >= 0):
			return int(min(max(b.index-a.index, -1), 1))
		}
		return strings.Compare(a.name, b.name)
	})
	out.Type = records.Struct
	for _, f := range fields {
		s, err := p.schema(props[f.name], root, p.set.optionalNonRequired && !required[f.name], depth+1)
		if err != nil {
			return within(f.name, err)
		}
		out.Fields = append(out.Fields, records.Field{Name: f.name, Schema: s})
	}
	return nil
}

// decorate adds name, version, text, parameters and default.
func (p *jsonSchemaParser) decorate(out *records.Schema, o map[string]any) error {
	if s := text(o, jsTitle); s != "" {
		out.Name = s
	}
	if s := text(o, jsDescription); s != "" {
		out.Doc = s
	}
	if n, ok := o[jsVersion].(json.Number); ok {
		v, err := n.Int64()
		if err != nil || v != int64(int32(v)) {
			return dataError("Invalid connect.version in JSON Schema")
		}
		out.Version = int(v)
	}
	if params, ok := o[jsParameters].(map[string]any); ok {
		keys := make([]string, 0, len(params))
		for k := range params {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		records.JavaOrder(keys)
		for _, k := range keys {
			s, ok := params[k].(string)
			if !ok {
				return dataError("Parameter " + k + " in JSON Schema is not text")
			}
			out.Params = append(out.Params, records.Param{Key: k, Value: s})
		}
	}
	if d, ok := o[jsDefault]; ok && !(out.Optional && p.set.ignoreDefault) {
		v, err := p.defaultValue(out, d)
		if err != nil {
			return err
		}
		out.Default = v
	}
	return nil
}

func (p *jsonSchemaParser) defaultValue(s *records.Schema, d any) (any, error) {
	bad := func() (any, error) {
		return nil, dataError("Invalid default of a " + s.Type.String() + " in JSON Schema")
	}
	switch x := d.(type) {
	case nil:
		return nil, nil
	case bool:
		if s.Type == records.Boolean {
			return x, nil
		}
	case json.Number:
		switch s.Type {
		case records.Int8, records.Int16, records.Int32, records.Int64:
			n, err := x.Int64()
			if err != nil {
				return bad()
			}
			return n, nil
		case records.Float32, records.Float64:
			f, err := x.Float64()
			if err != nil {
				return bad()
			}
			return f, nil
		case records.Bytes:
			if !s.IsDecimal() {
				return bad()
			}
			return unscaledOf(x.String(), decimalScale(s))
		}
	case string:
		switch s.Type {
		case records.String:
			return x, nil
		case records.Bytes:
			raw, err := base64.StdEncoding.DecodeString(x)
			if err != nil {
				return bad()
			}
			return raw, nil
		}
	case []any:
		if s.Type != records.Array {
			return bad()
		}
		out := make([]any, len(x))
		for i := range x {
			v, err := p.defaultValue(s.Elem, x[i])
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	}
	return bad()
}

// unscaledOf makes a Decimal's bytes of a JSON number.
func unscaledOf(text string, scale int) ([]byte, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok || scale < 0 || scale > 1000 || len(text) > 1000 {
		return nil, dataError("Invalid default of a Decimal in JSON Schema")
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
	if !r.IsInt() {
		return nil, dataError("The default of a Decimal in JSON Schema has more digits than its scale")
	}
	return records.AppendTwosComplement(nil, r.Num()), nil
}

// resolve finds the target of a reference and the document that it is in.
func (p *jsonSchemaParser) resolve(ref string, root any) (target, doc any, err error) {
	name, pointer, _ := strings.Cut(ref, "#")
	doc = root
	if name != "" {
		var ok bool
		if doc, ok = p.docs[name]; !ok {
			return nil, nil, dataError("JSON Schema refers to " + name + ", which is not among its references in the registry")
		}
	}
	target = doc
	for _, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if part == "" {
			continue
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		m, ok := target.(map[string]any)
		if ok {
			target, ok = m[part]
		}
		if !ok {
			return nil, nil, dataError("JSON Schema refers to " + ref + ", which it does not have")
		}
	}
	return target, doc, nil
}
