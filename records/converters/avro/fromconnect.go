package avro

import (
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// fromConnect makes the Avro schema of a Connect schema (CW-342, CW-343). What it puts where
// decides the schema's text, and so its id.
func (o *options) fromConnect(s *records.Schema) (*schema, error) {
	if s == nil {
		return anything(), nil
	}
	m := &mapper{options: o}
	return m.schema(s, false)
}

// mapper holds what one schema's mapping has seen.
type mapper struct {
	*options
	defaults int // unnamed records so far
	known    []mapped
	depth    int
}

// mapped is a named type that was mapped: a second use is a reference.
type mapped struct {
	from *records.Schema
	to   *schema
}

func isUnion(s *records.Schema) bool {
	if s.Type != records.Struct {
		return false
	}
	_, general := s.Param(generalUnion)
	return general || s.Name == unionName
}

func isEnum(s *records.Schema) bool {
	if s.Type != records.String {
		return false
	}
	_, general := s.Param(generalEnum)
	_, own := s.Param(enumParam)
	return general || own
}

// isFixed returns the size of a schema that came from a fixed.
func isFixed(s *records.Schema) (int, bool) {
	if s.Type != records.Bytes || s.Name == "" {
		return 0, false
	}
	text, ok := s.Param(fixedParam)
	size, err := strconv.Atoi(text)
	return size, ok && err == nil && size >= 0
}

// isDecimal ignores case, as AvroData does.
func isDecimal(s *records.Schema) bool {
	return s.Type == records.Bytes && strings.EqualFold(s.Name, records.DecimalName)
}

// required returns s itself or a copy that is not optional.
func required(s *records.Schema) *records.Schema {
	if !s.Optional {
		return s
	}
	c := s.Clone()
	c.Optional = false
	return c
}

// schema maps s. plain leaves out the union with null.
func (m *mapper) schema(s *records.Schema, plain bool) (*schema, error) {
	if m.depth++; m.depth > maxDepth {
		return nil, data("the schema is nested too deeply")
	}
	defer func() { m.depth-- }()
	if s == nil {
		return anything(), nil
	}
	switch {
	case isUnion(s):
		return m.union(s)
	case s.Type == records.Struct && s.Optional:
		inner, err := m.schema(required(s), false)
		if err != nil {
			return nil, err
		}
		if plain { // a branch of a union was made required before
			return inner, nil
		}
		return &schema{kind: kindUnion, types: []*schema{{kind: kindNull}, inner}}, nil
	}
	for i := range m.known {
		if k := &m.known[i]; k.from == s || !s.Optional && k.from.Equal(s) {
			return k.to, nil
		}
	}
	out, err := m.base(s)
	if err != nil {
		return nil, err
	}
	if m.metaData {
		m.annotate(out, s)
	}
	m.logical(out, s)
	for _, p := range s.Params {
		if strings.HasPrefix(p.Key, avroParamPrefix) {
			out.addProp(p.Key, textOf(p.Value))
		}
	}
	if s.Optional && !plain {
		null := &schema{kind: kindNull}
		if s.Default != nil {
			return &schema{kind: kindUnion, types: []*schema{out, null}}, nil
		}
		return &schema{kind: kindUnion, types: []*schema{null, out}}, nil
	}
	if !s.Optional && s.Type != records.Struct {
		m.known = append(m.known, mapped{s, out})
	}
	return out, nil
}

func (m *mapper) union(s *records.Schema) (*schema, error) {
	u := &schema{kind: kindUnion}
	if s.Optional {
		u.types = append(u.types, &schema{kind: kindNull})
	}
	seen := map[string]bool{}
	for i := range s.Fields {
		t, err := m.schema(required(s.Fields[i].Schema), true)
		if err != nil {
			return nil, within(s.Fields[i].Name, err)
		}
		if t.kind == kindUnion {
			return nil, parseError("Nested union")
		}
		if seen[t.typeName()] {
			return nil, parseError("Duplicate in union:" + t.typeName())
		}
		seen[t.typeName()] = true
		u.types = append(u.types, t)
	}
	return u, nil
}

// base maps the type, without annotations.
func (m *mapper) base(s *records.Schema) (*schema, error) {
	switch s.Type {
	case records.Int8, records.Int16, records.Int32:
		return &schema{kind: kindInt}, nil
	case records.Int64:
		return &schema{kind: kindLong}, nil
	case records.Float32:
		return &schema{kind: kindFloat}, nil
	case records.Float64:
		return &schema{kind: kindDouble}, nil
	case records.Boolean:
		return &schema{kind: kindBoolean}, nil
	case records.String:
		if (m.generalized || m.enhanced) && isEnum(s) {
			return m.enum(s)
		}
		return &schema{kind: kindString}, nil
	case records.Bytes:
		return m.bytes(s)
	case records.Array:
		elem, err := m.schema(s.Elem, false)
		if err != nil {
			return nil, within("[]", err)
		}
		return &schema{kind: kindArray, elem: elem}, nil
	case records.Map:
		return m.mapOf(s)
	case records.Struct:
		return m.record(s)
	}
	return nil, data("Unknown schema type: " + s.Type.String())
}

// nameOf returns namespace and name of a named type.
func (m *mapper) nameOf(s *records.Schema) (space, name string) {
	if s.Name != "" {
		return m.split(s.Name)
	}
	m.defaults++
	if m.defaults > 1 {
		return namespace, defaultName + strconv.Itoa(m.defaults)
	}
	return namespace, defaultName
}

func (m *mapper) enum(s *records.Schema) (*schema, error) {
	param := m.enumParamName()
	full, _ := s.Param(param)
	e := &schema{kind: kindEnum}
	for _, p := range s.Params {
		if sym, ok := strings.CutPrefix(p.Key, param+"."); ok {
			e.symbols = append(e.symbols, sym)
		}
	}
	_, name := m.nameOf(s)
	if m.discardDoc {
		e.doc = param2(s, enumDocParam)
	} else {
		e.doc, e.def = param2(s, avroEnumDoc+name), param2(s, avroEnumDef+name)
	}
	e.name, e.space = splitName(full, "")
	if err := checkName(e.name); err != nil {
		return nil, err
	}
	for _, sym := range e.symbols {
		if err := checkName(sym); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func param2(s *records.Schema, key string) *string {
	if v, ok := s.Param(key); ok {
		return &v
	}
	return nil
}

func (m *mapper) bytes(s *records.Schema) (*schema, error) {
	out := &schema{kind: kindBytes}
	if size, ok := isFixed(s); ok {
		out.kind, out.size = kindFixed, size
		out.space, out.name = m.nameOf(s)
		if err := checkName(out.name); err != nil {
			return nil, err
		}
	}
	if isDecimal(s) {
		scale, precision, err := decimalOf(s)
		if err != nil {
			return nil, err
		}
		out.addProp(propScale, intOf(int64(scale)))
		out.addProp(propPrecision, intOf(int64(precision)))
	}
	return out, nil
}

func decimalOf(s *records.Schema) (scale, precision int, err error) {
	text, _ := s.Param(records.ScaleParam)
	if scale, err = strconv.Atoi(text); err != nil {
		return 0, 0, data("a Decimal needs a number as its parameter scale")
	}
	precision = anyPrecision
	if text, ok := s.Param(records.PrecisionParam); ok {
		if precision, err = strconv.Atoi(text); err != nil {
			return 0, 0, data("the parameter " + records.PrecisionParam + " must be a number")
		}
	}
	return scale, precision, nil
}

// stringKeys reports whether a map becomes an Avro map. Others become a list of entries.
func (o *options) stringKeys(s *records.Schema) bool {
	return s.Key != nil && s.Key.Type == records.String && (!s.Key.Optional || o.optionalMapKeys)
}

func (m *mapper) mapOf(s *records.Schema) (*schema, error) {
	if m.stringKeys(s) {
		elem, err := m.schema(s.Elem, false)
		if err != nil {
			return nil, within("[]", err)
		}
		return &schema{kind: kindMap, elem: elem}, nil
	}
	entry := &schema{kind: kindRecord, name: mapEntry, space: namespace}
	if s.Name != "" {
		entry.space, entry.name = m.nameOf(s)
		if err := checkName(entry.name); err != nil {
			return nil, err
		}
		entry.addProp(propInternal, textOf(mapEntry))
	}
	for _, part := range []records.Field{{Name: keyField, Schema: s.Key}, {Name: valueField, Schema: s.Elem}} {
		if err := m.addField(entry, part.Name, part.Schema, nil); err != nil {
			return nil, within(part.Name, err)
		}
	}
	return &schema{kind: kindArray, elem: entry}, nil
}

func (m *mapper) record(s *records.Schema) (*schema, error) {
	r := &schema{kind: kindRecord}
	r.space, r.name = m.nameOf(s)
	if err := checkName(r.name); err != nil {
		return nil, err
	}
	if m.discardDoc {
		r.doc = param2(s, recordDocParam)
	} else {
		r.doc = param2(s, avroRecordDoc)
	}
	seen := make(map[string]bool, len(s.Fields))
	for i := range s.Fields {
		f := &s.Fields[i]
		var doc *string
		if !m.discardDoc {
			doc = param2(s, avroFieldDoc+f.Name)
		}
		name := m.scrubName(f.Name)
		if err := checkName(name); err != nil {
			return nil, within(f.Name, err)
		}
		if seen[name] {
			return nil, parseError("Duplicate field " + name + " in record " + r.fullName())
		}
		seen[name] = true
		if err := m.addField(r, name, f.Schema, doc); err != nil {
			return nil, within(f.Name, err)
		}
	}
	m.known = append(m.known, mapped{s, r})
	return r, nil
}

func (m *mapper) addField(r *schema, name string, s *records.Schema, doc *string) error {
	t, err := m.schema(s, false)
	if err != nil {
		return err
	}
	f := field{name: name, schema: t, doc: doc}
	if s != nil {
		switch {
		case s.Default != nil:
			if def, ok := defaultOf(s, s.Default); ok {
				f.def = &def
			}
		case s.Optional:
			f.def = &node{}
		}
		if m.discardDoc {
			f.doc = nil
			if s.Doc != "" {
				f.doc = &s.Doc
			}
		}
	}
	r.fields = append(r.fields, f)
	return nil
}

// annotate adds the connect.* properties, in AvroData's order.
func (m *mapper) annotate(out *schema, s *records.Schema) {
	if s.Doc != "" {
		out.addProp(propDoc, textOf(s.Doc))
	}
	if s.Version != 0 {
		out.addProp(propVersion, intOf(int64(s.Version)))
	}
	params := node{kind: objectNode}
	fieldDefault := false
	for _, p := range s.Params {
		if p.Key == avroFieldDef && !m.discardDoc {
			fieldDefault = true
			continue
		}
		params.set(p.Key, textOf(p.Value))
	}
	if len(params.members) > 0 {
		out.addProp(propParams, params)
	}
	if s.Default != nil && !fieldDefault {
		if def, ok := defaultOf(s, s.Default); ok {
			out.addProp(propDefault, def)
		}
	}
	if s.Name != "" {
		out.addProp(propName, textOf(s.Name))
	}
	switch s.Type {
	case records.Int8:
		out.addProp(propType, textOf(typeInt8))
	case records.Int16:
		out.addProp(propType, textOf(typeInt16))
	}
}

// logical adds Avro's own mark of a logical type.
func (m *mapper) logical(out *schema, s *records.Schema) {
	name := ""
	switch {
	case isDecimal(s):
		name = "decimal"
	case strings.EqualFold(s.Name, records.DateName):
		name = "date"
	case strings.EqualFold(s.Name, records.TimeName):
		name = "time-millis"
	case strings.EqualFold(s.Name, records.TimestampName):
		name = "timestamp-millis"
	}
	if name != "" {
		out.addProp(propLogical, textOf(name))
	}
}

// defaultOf writes a default. FLOAT32 has its own digits as of Avro 1.12; before, a field's default
// went through a double (1.100000023841858 instead of 1.1).
func defaultOf(s *records.Schema, v any) (node, bool) {
	switch v := v.(type) {
	case bool:
		return node{kind: boolNode, bool: v}, true
	case int64:
		return intOf(v), true
	case float64:
		size := 64
		if s.Type == records.Float32 {
			size = 32
		}
		return node{kind: numberNode, text: string(records.AppendFloat(nil, v, size))}, true
	case string:
		return textOf(v), true
	case []byte:
		return textOf(latin1(v)), true
	case []any:
		n := node{kind: arrayNode}
		for _, e := range v {
			item, ok := defaultOf(s.Elem, e)
			if !ok {
				return node{}, false
			}
			n.items = append(n.items, item)
		}
		return n, true
	case nil:
		return node{}, true
	}
	return node{}, false
}

// latin1 gives each byte the character of its number, as Avro writes bytes in JSON.
func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}
