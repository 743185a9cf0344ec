package avro

import (
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/anabranch/anabranch/records"
)

// reader maps Avro schemas to Connect's (CW-344).
type reader struct {
	*options
	unions *atomic.Int64 // numbers of generalized unions
	open   map[*schema]bool
	depth  int
}

// toConnect makes the Connect schema of an Avro schema. version is what the registry counts,
// for schemas that do not say connect.version; 0 = none. nil means schemaless.
func (o *options) toConnect(s *schema, version int, unions *atomic.Int64) (*records.Schema, error) {
	if isAnything(s) {
		return nil, nil
	}
	r := &reader{options: o, unions: unions, open: map[*schema]bool{}}
	return r.schema(s, false, nil, nil, version)
}

// schema maps s. def and doc are a record field's own.
func (r *reader) schema(s *schema, optional bool, def *node, doc *string, version int) (*records.Schema, error) {
	if r.depth++; r.depth > maxDepth {
		return nil, data("the schema is nested too deeply")
	}
	defer func() { r.depth-- }()
	if r.open[s] {
		return nil, data("recursive schemas are not supported: " + s.fullName() + " contains itself")
	}
	r.open[s] = true
	defer delete(r.open, s)
	if s.kind == kindUnion {
		if len(s.types) == 1 && r.flattenSingle {
			return r.schema(s.types[0], false, nil, doc, 0)
		}
		if _, other, ok := s.nullBranch(); ok {
			return r.schema(other, true, nil, doc, 0)
		}
	}
	out, err := r.base(s)
	if err != nil {
		return nil, err
	}
	r.docs(out, s, doc)
	if err := setVersion(out, s, version); err != nil {
		return nil, err
	}
	if err := r.params(out, s); err != nil {
		return nil, err
	}
	own := s.prop(propDefault)
	if def == nil {
		def = own
	} else if !r.discardDoc && r.metaData && own == nil {
		setParam(out, avroFieldDef, "true")
	}
	if def != nil {
		if v, ok := defaultFrom(out, s, def); ok {
			out.Default = v
		}
	}
	if err := setName(out, s); err != nil {
		return nil, err
	}
	if optional {
		out.Optional = true
	}
	return out, nil
}

func (r *reader) base(s *schema) (*records.Schema, error) {
	connectType, logical := s.propText(propType), s.propText(propLogical)
	hasType, hasLogical := s.prop(propType) != nil, s.prop(propLogical) != nil && s.prop(propLogical).kind == textNode
	out := &records.Schema{}
	switch s.kind {
	case kindBoolean:
		out.Type = records.Boolean
	case kindBytes, kindFixed:
		out.Type = records.Bytes
		if strings.EqualFold(logical, "decimal") {
			if err := asDecimal(out, s); err != nil {
				return nil, err
			}
		}
		if s.kind == kindFixed {
			setParam(out, fixedParam, strconv.Itoa(s.size))
		}
	case kindDouble:
		out.Type = records.Float64
	case kindFloat:
		out.Type = records.Float32
	case kindInt:
		out.Type = records.Int32
		switch {
		case strings.EqualFold(logical, "date"):
			out.Name, out.Version = records.DateName, 1
		case strings.EqualFold(logical, "time-millis"):
			out.Name, out.Version = records.TimeName, 1
		case hasLogical || !hasType:
		case connectType == typeInt8:
			out.Type = records.Int8
		case connectType == typeInt16:
			out.Type = records.Int16
		default:
			return nil, data("Connect type annotation for Avro int field is null")
		}
	case kindLong:
		out.Type = records.Int64
		if strings.EqualFold(logical, "timestamp-millis") {
			out.Name, out.Version = records.TimestampName, 1
		}
	case kindString:
		out.Type = records.String
	case kindArray:
		return out, r.list(out, s)
	case kindMap:
		elem, err := r.schema(s.elem, false, nil, nil, 0)
		if err != nil {
			return nil, within("[]", err)
		}
		out.Type, out.Key, out.Elem = records.Map, &records.Schema{Type: records.String}, elem
	case kindRecord:
		return out, r.record(out, s)
	case kindEnum:
		r.enum(out, s)
	case kindUnion:
		return out, r.union(out, s)
	case kindNull:
		return nil, data("Standalone null schemas are not supported by this converter")
	}
	return out, nil
}

func asDecimal(out *records.Schema, s *schema) error {
	scale := int64(0)
	if n := s.prop(propScale); n != nil {
		scale, _ = n.int64()
	}
	out.Name, out.Version = records.DecimalName, 1
	setParam(out, records.ScaleParam, strconv.FormatInt(scale, 10))
	if n := s.prop(propPrecision); n != nil && n.kind != nullNode {
		p, ok := n.int64()
		if !ok {
			return data("precision property must be a JSON Integer. https://avro.apache.org/docs/1.9.1/spec.html#Decimal")
		}
		if p != anyPrecision {
			setParam(out, records.PrecisionParam, strconv.FormatInt(p, 10))
		}
	}
	return nil
}

// isMapEntry recognises the entries of a map whose keys are not strings.
func isMapEntry(s *schema) bool {
	return s.kind == kindRecord && (s.space == namespace && s.name == mapEntry || s.propText(propInternal) == mapEntry)
}

func (r *reader) list(out *records.Schema, s *schema) error {
	if !isMapEntry(s.elem) {
		elem, err := r.schema(s.elem, false, nil, nil, 0)
		if err != nil {
			return within("[]", err)
		}
		out.Type, out.Elem = records.Array, elem
		return nil
	}
	k, v := s.elem.fieldIndex(keyField), s.elem.fieldIndex(valueField)
	if len(s.elem.fields) != 2 || k < 0 || v < 0 {
		return data("Found map encoded as array of key-value pairs, but array elements do not match the expected format.")
	}
	out.Type = records.Map
	var err error
	if out.Key, err = r.schema(s.elem.fields[k].schema, false, nil, nil, 0); err != nil {
		return within(keyField, err)
	}
	if out.Elem, err = r.schema(s.elem.fields[v].schema, false, nil, nil, 0); err != nil {
		return within(valueField, err)
	}
	return nil
}

func (r *reader) record(out *records.Schema, s *schema) error {
	out.Type = records.Struct
	docs := !r.discardDoc && r.metaData
	if docs && s.doc != nil {
		setParam(out, avroRecordDoc, *s.doc)
	}
	out.Fields = make([]records.Field, 0, len(s.fields))
	for i := range s.fields {
		f := &s.fields[i]
		if docs && f.doc != nil {
			setParam(out, avroFieldDoc+f.name, *f.doc)
		}
		t, err := r.schema(f.schema, false, f.def, f.doc, 0)
		if err != nil {
			return within(f.name, err)
		}
		out.Fields = append(out.Fields, records.Field{Name: f.name, Schema: t})
	}
	return nil
}

func (r *reader) enum(out *records.Schema, s *schema) {
	out.Type = records.String
	if r.metaData {
		if s.doc != nil {
			if r.discardDoc {
				setParam(out, enumDocParam, *s.doc)
			} else {
				setParam(out, avroEnumDoc+s.name, *s.doc)
			}
		}
		if !r.discardDoc && s.def != nil {
			setParam(out, avroEnumDef+s.name, *s.def)
		}
	}
	param := r.enumParamName()
	setParam(out, param, s.fullName())
	for i, sym := range s.symbols {
		if r.generalized {
			setParam(out, param+"."+sym, strconv.Itoa(i))
		} else {
			setParam(out, param+"."+sym, sym)
		}
	}
}

func (r *reader) union(out *records.Schema, s *schema) error {
	out.Type, out.Name = records.Struct, unionName
	if r.generalized {
		out.Name = generalPrefix + strconv.FormatInt(r.unions.Add(1)-1, 10)
		setParam(out, generalUnion, out.Name)
	}
	seen := map[string]bool{}
	for i, t := range s.types {
		if t.kind == kindNull {
			out.Optional = true
			continue
		}
		name := r.branchName(t, i)
		if seen[name] {
			return data("Multiple union schemas map to the Connect union field name")
		}
		seen[name] = true
		f, err := r.schema(t, true, nil, nil, 0)
		if err != nil {
			return within(name, err)
		}
		out.Fields = append(out.Fields, records.Field{Name: name, Schema: f})
	}
	return nil
}

// branchName is the field of a union's struct that stands for one of its types.
func (o *options) branchName(s *schema, at int) string {
	switch {
	case o.generalized:
		return generalField + strconv.Itoa(at)
	case !s.kind.named():
		return s.kind.String()
	case o.enhanced:
		return s.fullName()
	}
	return o.scrubName(s.name)
}

func (r *reader) docs(out *records.Schema, s *schema, doc *string) {
	own := s.propText(propDoc)
	if !r.discardDoc {
		if r.metaData {
			out.Doc = own
		}
		return
	}
	switch {
	case doc != nil:
		out.Doc = *doc
	case s.doc != nil:
		out.Doc = *s.doc
	default:
		out.Doc = own
	}
	if r.metaData && s.doc != nil {
		setParam(out, recordDocParam, *s.doc)
	}
}

func setVersion(out *records.Schema, s *schema, registered int) error {
	version := int64(registered)
	if n := s.prop(propVersion); n != nil && n.kind != nullNode {
		var ok bool
		if version, ok = n.int64(); !ok {
			return data("Invalid Connect version found")
		}
	}
	switch {
	case version <= 0:
	case out.Version == 0:
		out.Version = int(version)
	case int64(out.Version) != version:
		return data("Mismatched versions: version already added to SchemaBuilder (" + strconv.Itoa(out.Version) +
			") differs from version in source schema (" + strconv.FormatInt(version, 10) + ")")
	}
	return nil
}

func (r *reader) params(out *records.Schema, s *schema) error {
	if n := s.prop(propParams); r.metaData && n != nil && n.kind != nullNode {
		if n.kind != objectNode {
			return data("Expected JSON object for schema parameters")
		}
		for i := range n.members {
			if n.members[i].value.kind != textNode {
				return data("Expected schema parameter values to be strings: " + n.members[i].name)
			}
			setParam(out, n.members[i].name, n.members[i].value.text)
		}
	}
	for i := range s.props {
		if p := &s.props[i]; strings.HasPrefix(p.name, avroParamPrefix) {
			setParam(out, p.name, p.value.plain())
		}
	}
	return nil
}

// plain is a value as Java's toString shows it, as far as properties have such values.
func (n *node) plain() string {
	if n.kind == textNode {
		return n.text
	}
	return string(n.append(nil))
}

func setParam(s *records.Schema, key, value string) {
	for i := range s.Params {
		if s.Params[i].Key == key {
			s.Params[i].Value = value
			return
		}
	}
	s.Params = append(s.Params, records.Param{Key: key, Value: value})
}

func setName(out *records.Schema, s *schema) error {
	name := ""
	if n := s.prop(propName); n != nil && n.kind != nullNode {
		if n.kind != textNode {
			return data("Invalid schema name")
		}
		name = n.text
	} else if s.kind == kindRecord || s.kind == kindEnum || s.kind == kindFixed && out.Name != records.DecimalName {
		name = s.fullName()
	}
	switch {
	case name == "" || strings.HasPrefix(name, namespace+"."+defaultName):
	case out.Name == "":
		out.Name = name
	case out.Name != name:
		return data("Mismatched names: name already added to SchemaBuilder (" + out.Name + ") differs from name in source schema (" + name + ")")
	}
	return nil
}

// defaultFrom reads a default; false if it is none that fits. Defaults of structs and maps are
// left out: nothing here speaks of them.
func defaultFrom(out *records.Schema, s *schema, n *node) (any, bool) {
	switch s.kind {
	case kindInt, kindLong:
		i, ok := n.int64()
		if !ok {
			f, err := strconv.ParseFloat(n.text, 64)
			if n.kind != numberNode || err != nil || f != float64(int64(f)) {
				return nil, false
			}
			i = int64(f)
		}
		return i, fitsInt(out.Type, i)
	case kindFloat, kindDouble:
		f, err := strconv.ParseFloat(n.text, 64)
		if n.kind != numberNode || err != nil {
			return nil, false
		}
		if s.kind == kindFloat {
			f = float64(float32(f))
		}
		return f, true
	case kindBoolean:
		return n.bool, n.kind == boolNode
	case kindString:
		return n.text, n.kind == textNode
	case kindEnum:
		return n.text, n.kind == textNode && contains(s.symbols, n.text)
	case kindBytes, kindFixed:
		if n.kind != textNode {
			return nil, false
		}
		var b []byte
		for _, r := range n.text {
			if r > 0xFF {
				return nil, false
			}
			b = append(b, byte(r))
		}
		return append([]byte{}, b...), s.kind == kindBytes || len(b) == s.size
	case kindArray:
		if n.kind != arrayNode || out.Type != records.Array {
			return nil, false
		}
		list := make([]any, 0, len(n.items))
		for i := range n.items {
			e := out.Elem
			inner := s.elem
			if inner.kind == kindUnion {
				if len(inner.types) == 0 {
					return nil, false
				}
				inner = inner.types[0] // defaults are of the first type
			}
			if n.items[i].kind == nullNode && e.Optional {
				list = append(list, nil)
				continue
			}
			v, ok := defaultFrom(e, inner, &n.items[i])
			if !ok {
				return nil, false
			}
			list = append(list, v)
		}
		return list, true
	}
	return nil, false
}

func fitsInt(t records.Type, i int64) bool {
	switch t {
	case records.Int8:
		return i == int64(int8(i))
	case records.Int16:
		return i == int64(int16(i))
	case records.Int32:
		return i == int64(int32(i))
	}
	return true
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
