package protobuf

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// Parameters of Connect schemas that the mapping keeps.
const (
	tagParam    = "io.confluent.connect.protobuf.Tag"
	unionPrefix = "io.confluent.connect.protobuf.Union"
	connectType = "connect.type"
	defaultName = "ConnectDefault"
)

// maxDepth bounds the nesting of messages.
const maxDepth = 100

// message is one message of the text that is registered.
type message struct {
	name   string
	fields []field
	nested []*message
	of     *records.Schema // what it was made of
	plan   *structPlan
}

// field is one field of a message.
type field struct {
	name   string
	typ    string // as it stands in the text
	number int
	label  string // "", "repeated", "optional"
	params [][2]string
	doc    string
	oneof  string
}

// builder makes the messages of one Connect schema.
type builder struct {
	set      *options
	imports  map[string]bool
	nameless int
	pkg      string
}

// fromConnect makes the text and the plan for writing. The root must be a struct.
func (o *options) fromConnect(s *records.Schema) (text, fullName string, plan *structPlan, err error) {
	if s == nil || s.Type != records.Struct {
		what := "without a schema"
		if s != nil {
			what = "of type " + s.Type.String()
		}
		return "", "", nil, data("Protobuf needs a Struct, but the value is %s; use StringConverter or another converter for such values", what)
	}
	b := &builder{set: o, imports: map[string]bool{}}
	name := s.Name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		b.pkg, name = name[:i], name[i+1:]
	}
	if b.pkg != "" {
		parts := strings.Split(b.pkg, ".")
		for i := range parts {
			if parts[i], err = b.identifier(parts[i]); err != nil {
				return "", "", nil, err
			}
		}
		b.pkg = strings.Join(parts, ".")
	}
	root, err := b.message(nil, name, s, 0)
	if err != nil {
		return "", "", nil, err
	}
	fullName = root.name
	if b.pkg != "" {
		fullName = b.pkg + "." + root.name
	}
	return b.text(root), fullName, root.plan, nil
}

// identifier checks a name, or makes it one that Protobuf allows.
func (b *builder) identifier(name string) (string, error) {
	ok := name != ""
	var sb strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '_', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c >= '0' && c <= '9' && i > 0:
		default:
			ok = false
			if c >= '0' && c <= '9' {
				sb.WriteString("x")
			} else {
				c = '_'
			}
		}
		sb.WriteByte(c)
	}
	if ok {
		return name, nil
	}
	if !b.set.scrub || name == "" {
		return "", data("%q cannot be a name in Protobuf; set scrub.invalid.names=true to replace what is not allowed", name)
	}
	return sb.String(), nil
}

// message makes the message of a struct; parent nil is the root.
func (b *builder) message(parent *message, name string, s *records.Schema, depth int) (*message, error) {
	if depth > maxDepth {
		return nil, data("the schema is nested more than %d deep", maxDepth)
	}
	if name == "" {
		b.nameless++
		name = defaultName + strconv.Itoa(b.nameless)
	}
	name, err := b.identifier(name)
	if err != nil {
		return nil, err
	}
	if parent != nil {
		for _, m := range parent.nested {
			if m.name == name && sameStruct(m.of, s) {
				return m, nil
			}
		}
		for again := 2; taken(parent, name); again++ {
			name = strings.TrimRight(name, "0123456789") + strconv.Itoa(again)
		}
	}
	m := &message{name: name, of: s, plan: &structPlan{}}
	if parent != nil {
		parent.nested = append(parent.nested, m)
	}
	number := 0
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Schema.Type == records.Struct && strings.HasPrefix(f.Schema.Name, unionPrefix+".") {
			if err := b.union(m, f, &number, depth); err != nil {
				return nil, fmt.Errorf("field %s: %w", f.Name, err)
			}
			continue
		}
		number++
		fp, err := b.field(m, f.Name, f.Schema, tagOf(f.Schema, number), "", depth)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		m.plan.fields = append(m.plan.fields, fp)
	}
	return m, nil
}

func sameStruct(a, b *records.Schema) bool {
	if a == b {
		return true
	}
	x, y := *a, *b
	x.Optional, y.Optional, x.Default, y.Default, x.Doc, y.Doc, x.Params, y.Params = false, false, nil, nil, "", "", nil, nil
	return x.Equal(&y)
}

func taken(m *message, name string) bool {
	for _, n := range m.nested {
		if n.name == name {
			return true
		}
	}
	return false
}

// tagOf is the number that a field had where it was read, or the next one.
func tagOf(s *records.Schema, next int) int {
	if text, ok := s.Param(tagParam); ok {
		if n, err := strconv.Atoi(text); err == nil && n > 0 {
			return n
		}
	}
	return next
}

// union writes a struct that was read from a oneof as one again.
func (b *builder) union(m *message, f *records.Field, number *int, depth int) error {
	name, err := b.identifier(strings.TrimPrefix(f.Schema.Name, unionPrefix+"."))
	if err != nil {
		return err
	}
	up := fieldPlan{kind: kindUnion}
	for i := range f.Schema.Fields {
		sub := &f.Schema.Fields[i]
		*number++
		fp, err := b.field(m, sub.Name, sub.Schema, tagOf(sub.Schema, *number), name, depth)
		if err != nil {
			return err
		}
		fp.presence = true
		up.members = append(up.members, fp)
	}
	m.plan.fields = append(m.plan.fields, up)
	return nil
}

func (b *builder) field(m *message, name string, s *records.Schema, number int, oneof string, depth int) (fieldPlan, error) {
	name, err := b.identifier(name)
	if err != nil {
		return fieldPlan{}, err
	}
	f := field{name: name, number: number, doc: s.Doc, oneof: oneof}
	var p fieldPlan
	switch {
	case s.Type == records.Array:
		f.label = "repeated"
		if p, err = b.value(m, &f, name, s.Elem, depth); err != nil {
			return p, err
		}
		if p.kind == kindList || p.kind == kindMap {
			return p, data("lists of lists and of maps cannot be written in Protobuf; put a struct between them")
		}
		elem := p
		p = fieldPlan{kind: kindList, elem: &elem}
	default:
		if p, err = b.value(m, &f, name, s, depth); err != nil {
			return p, err
		}
		if p.kind != kindMessage && p.kind != kindMap && b.set.optional && s.Optional && oneof == "" {
			f.label, p.presence = "optional", true
		}
	}
	p.number = uint64(number)
	p.name = name
	p.required = !s.Optional && s.Default == nil
	m.fields = append(m.fields, f)
	return p, nil
}

// value plans one value and says in f how its type is called.
func (b *builder) value(m *message, f *field, name string, s *records.Schema, depth int) (fieldPlan, error) {
	param := func(k, v string) { f.params = append(f.params, [2]string{k, v}) }
	known := func(file, typ string, k kind) (fieldPlan, error) {
		b.imports[file] = true
		f.typ = "." + typ
		return fieldPlan{kind: k, presence: true}, nil
	}
	switch s.Type {
	case records.Int8, records.Int16:
		param(connectType, strings.ToLower(s.Type.String()))
		f.typ = "int32"
		return fieldPlan{kind: kindVarint, want: kindOf(s.Type)}, nil
	case records.Int32:
		switch s.Name {
		case records.DateName:
			return known("google/type/date.proto", dateMessage, kindDate)
		case records.TimeName:
			return known("google/type/timeofday.proto", timeMessage, kindTime)
		}
		f.typ = "int32"
		return fieldPlan{kind: kindVarint, want: records.KindInt32}, nil
	case records.Int64:
		if s.Name == records.TimestampName {
			return known("google/protobuf/timestamp.proto", timestampMessage, kindTimestamp)
		}
		f.typ = "int64"
		return fieldPlan{kind: kindVarint, want: records.KindInt64}, nil
	case records.Float32:
		f.typ = "float"
		return fieldPlan{kind: kindFloat, want: records.KindFloat32}, nil
	case records.Float64:
		f.typ = "double"
		return fieldPlan{kind: kindDouble, want: records.KindFloat64}, nil
	case records.Boolean:
		f.typ = "bool"
		return fieldPlan{kind: kindVarint, want: records.KindBool}, nil
	case records.String:
		f.typ = "string"
		return fieldPlan{kind: kindBytes, want: records.KindString}, nil
	case records.Bytes:
		if s.IsDecimal() {
			scale, _ := s.Param(records.ScaleParam)
			n, err := strconv.Atoi(scale)
			if err != nil {
				return fieldPlan{}, data("Invalid Decimal schema: scale parameter not found.")
			}
			if precision, ok := s.Param(records.PrecisionParam); ok {
				param("precision", precision)
			}
			param("scale", scale)
			p, err := known("confluent/type/decimal.proto", decimalMessage, kindDecimal)
			p.scale = n
			return p, err
		}
		f.typ = "bytes"
		return fieldPlan{kind: kindBytes, want: records.KindBytes}, nil
	case records.Struct:
		full := s.Name
		sub, err := b.message(m, full[strings.LastIndexByte(full, '.')+1:], s, depth+1)
		if err != nil {
			return fieldPlan{}, err
		}
		f.typ = sub.name
		return fieldPlan{kind: kindMessage, message: sub.plan, presence: true}, nil
	case records.Map:
		if f.oneof != "" || f.label == "repeated" {
			return fieldPlan{}, data("a map cannot stand here in Protobuf; put a struct around it")
		}
		kf, vf := field{}, field{}
		k, err := b.value(m, &kf, name, s.Key, depth)
		if err != nil {
			return k, err
		}
		switch kf.typ {
		case "int32", "int64", "bool", "string":
		default:
			return k, data("maps with keys of type %s cannot be written in Protobuf", s.Key.Type)
		}
		v, err := b.value(m, &vf, name, s.Elem, depth)
		if err != nil {
			return v, err
		}
		if v.kind == kindList || v.kind == kindMap {
			return v, data("maps of lists and of maps cannot be written in Protobuf; put a struct between them")
		}
		f.typ = "map<" + kf.typ + ", " + vf.typ + ">"
		k.number, v.number, k.required, v.required = 1, 2, true, !s.Elem.Optional
		return fieldPlan{kind: kindMap, key: &k, elem: &v}, nil
	case records.Array:
		return fieldPlan{kind: kindList}, nil // refused by the caller
	}
	return fieldPlan{}, data("Unsupported schema type %s", s.Type)
}

func kindOf(t records.Type) records.Kind {
	if t == records.Int8 {
		return records.KindInt8
	}
	return records.KindInt16
}

// text renders the file.
func (b *builder) text(root *message) string {
	var sb strings.Builder
	sb.WriteString("syntax = \"proto3\";\n")
	if b.pkg != "" {
		sb.WriteString("package " + b.pkg + ";\n")
	}
	body := &strings.Builder{}
	b.write(body, root, "")
	files := make([]string, 0, len(b.imports))
	for f := range b.imports {
		files = append(files, f)
	}
	sort.Strings(files)
	sb.WriteString("\n")
	for _, f := range files {
		sb.WriteString("import \"" + f + "\";\n")
	}
	if len(files) > 0 {
		sb.WriteString("\n")
	}
	return sb.String() + body.String()
}

func (b *builder) write(sb *strings.Builder, m *message, indent string) {
	sb.WriteString(indent + "message " + m.name + " {\n")
	in := indent + "  "
	oneofs := map[string]bool{}
	for i := range m.fields {
		f := &m.fields[i]
		if f.oneof == "" {
			b.writeField(sb, f, in)
			continue
		}
		if oneofs[f.oneof] {
			continue
		}
		oneofs[f.oneof] = true
		sb.WriteString(in + "oneof " + f.oneof + " {\n")
		for j := i; j < len(m.fields); j++ {
			if m.fields[j].oneof == f.oneof {
				b.writeField(sb, &m.fields[j], in+"  ")
			}
		}
		sb.WriteString(in + "}\n")
	}
	for _, n := range m.nested {
		sb.WriteString("\n")
		b.write(sb, n, in)
	}
	sb.WriteString(indent + "}\n")
}

func (b *builder) writeField(sb *strings.Builder, f *field, in string) {
	sb.WriteString(in)
	if f.label != "" {
		sb.WriteString(f.label + " ")
	}
	fmt.Fprintf(sb, "%s %s = %d", f.typ, f.name, f.number)
	if f.doc != "" || len(f.params) > 0 {
		b.imports["confluent/meta.proto"] = true
		sb.WriteString(" [(confluent.field_meta) = {\n")
		if f.doc != "" {
			sb.WriteString(in + "  doc: " + quote(f.doc))
			if len(f.params) > 0 {
				sb.WriteString(",")
			}
			sb.WriteString("\n")
		}
		if len(f.params) > 0 {
			sb.WriteString(in + "  params: [\n")
			for i, p := range f.params {
				sb.WriteString(in + "    {\n" + in + "      key: " + quote(p[0]) + ",\n" + in + "      value: " + quote(p[1]) + "\n" + in + "    }")
				if i < len(f.params)-1 {
					sb.WriteString(",")
				}
				sb.WriteString("\n")
			}
			sb.WriteString(in + "  ]\n")
		}
		sb.WriteString(in + "}]")
	}
	sb.WriteString(";\n")
}

// quote writes a string literal of Protobuf's text; other characters than plain ASCII as bytes.
func quote(s string) string {
	var sb strings.Builder
	sb.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			sb.WriteByte('\\')
			sb.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&sb, "\\%03o", c)
		default:
			sb.WriteByte(c)
		}
	}
	sb.WriteByte('"')
	return sb.String()
}
