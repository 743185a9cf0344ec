package avro

import (
	"errors"
	"strings"

	"github.com/anabranch/anabranch/records/converters/registry"
)

// maxFixed bounds a fixed type: a schema from outside must not make us allocate at will.
const maxFixed = 16 << 20

// parse reads a schema. refs are the schemas that it refers to, those that others need first.
func parse(text string, refs ...registry.Named) (*schema, error) {
	p := parser{names: map[string]*schema{}}
	for _, r := range refs {
		if _, err := p.document(r.Text); err != nil {
			return nil, errors.Join(parseError("referenced schema "+r.Name+" is not an Avro schema"), err)
		}
	}
	return p.document(text)
}

type parser struct {
	names map[string]*schema
	depth int
}

func (p *parser) document(text string) (*schema, error) {
	n, err := parseNode(text)
	if err != nil {
		// Registries give primitive schemas as a bare name sometimes.
		if k, ok := primitives[strings.TrimSpace(text)]; ok {
			return &schema{kind: k}, nil
		}
		return nil, parseError("the schema is not JSON: " + err.Error())
	}
	return p.schema(&n, "")
}

func (p *parser) schema(n *node, space string) (*schema, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, parseError("the schema is nested too deeply")
	}
	defer func() { p.depth-- }()
	switch n.kind {
	case textNode:
		return p.named(n.text, space)
	case arrayNode:
		s := &schema{kind: kindUnion}
		seen := map[string]bool{}
		for i := range n.items {
			t, err := p.schema(&n.items[i], space)
			if err != nil {
				return nil, err
			}
			if t.kind == kindUnion {
				return nil, parseError("Nested union")
			}
			if seen[t.typeName()] {
				return nil, parseError("Duplicate in union:" + t.typeName())
			}
			seen[t.typeName()] = true
			s.types = append(s.types, t)
		}
		return s, nil
	case objectNode:
		return p.object(n, space)
	}
	return nil, parseError("No type")
}

// named finds a type by its name.
func (p *parser) named(name, space string) (*schema, error) {
	if k, ok := primitives[name]; ok {
		return &schema{kind: k}, nil
	}
	simple, in := splitName(name, space)
	full := simple
	if in != "" {
		full = in + "." + simple
	}
	if s, ok := p.names[full]; ok {
		return s, nil
	}
	if s, ok := p.names[name]; ok {
		return s, nil
	}
	return nil, parseError("Undefined name: " + full)
}

func (p *parser) object(n *node, space string) (*schema, error) {
	typ := n.get("type")
	if typ == nil {
		return nil, parseError("No type")
	}
	if typ.kind != textNode {
		return p.schema(typ, space) // {"type": {...}}
	}
	s := &schema{isError: typ.text == "error"}
	var err error
	switch typ.text {
	case "record", "error":
		s.kind = kindRecord
		if space, err = p.define(s, n, space); err == nil {
			err = p.fields(s, n, space)
		}
	case "enum":
		s.kind = kindEnum
		if _, err = p.define(s, n, space); err == nil {
			err = p.symbols(s, n)
		}
	case "fixed":
		s.kind = kindFixed
		if _, err = p.define(s, n, space); err == nil {
			size, ok := int64(0), false
			if v := n.get("size"); v != nil {
				size, ok = v.int64()
			}
			if !ok || size < 0 || size > maxFixed {
				err = parseError("Invalid or no size")
			}
			s.size = int(size)
		}
	case "array":
		s.kind = kindArray
		s.elem, err = p.part(n, "items", space)
	case "map":
		s.kind = kindMap
		s.elem, err = p.part(n, "values", space)
	default:
		k, ok := primitives[typ.text]
		if !ok {
			// {"type": "some.Record"} is a reference.
			return p.named(typ.text, space)
		}
		s.kind = k
	}
	if err != nil {
		return nil, err
	}
	own := schemaMembers(s.kind)
	for i := range n.members {
		if !own[n.members[i].name] {
			s.props = append(s.props, n.members[i])
		}
	}
	return s, nil
}

func (p *parser) part(n *node, name, space string) (*schema, error) {
	v := n.get(name)
	if v == nil {
		return nil, parseError("No " + name)
	}
	return p.schema(v, space)
}

// define gives a named type its name and makes it known. It returns the namespace inside it.
func (p *parser) define(s *schema, n *node, space string) (string, error) {
	name := n.get("name")
	if name == nil || name.kind != textNode {
		return "", parseError("No name in schema")
	}
	if own := n.get("namespace"); own != nil && own.kind == textNode {
		space = own.text
	}
	s.name, s.space = splitName(name.text, space)
	if err := checkName(s.name); err != nil {
		return "", err
	}
	s.doc, s.aliases = optionalText(n.get("doc")), texts(n.get("aliases"))
	full := s.fullName()
	if _, dup := p.names[full]; dup {
		return "", parseError("Can't redefine: " + full)
	}
	p.names[full] = s
	return s.space, nil
}

func (p *parser) fields(s *schema, n *node, space string) error {
	list := n.get("fields")
	if list == nil || list.kind != arrayNode {
		return parseError("Record has no fields: " + s.fullName())
	}
	seen := make(map[string]bool, len(list.items))
	for i := range list.items {
		v := &list.items[i]
		name := v.get("name")
		if name == nil || name.kind != textNode {
			return parseError("No field name")
		}
		f := field{name: name.text, doc: optionalText(v.get("doc")), def: v.get("default"), aliases: texts(v.get("aliases"))}
		if err := checkName(f.name); err != nil {
			return err
		}
		if seen[f.name] {
			return parseError("Duplicate field " + f.name + " in record " + s.fullName())
		}
		seen[f.name] = true
		var err error
		if f.schema, err = p.part(v, "type", space); err != nil {
			return within(f.name, err)
		}
		if o := v.get("order"); o != nil && !strings.EqualFold(o.text, "ascending") {
			f.order = strings.ToLower(o.text)
		}
		for j := range v.members {
			if !fieldMembers[v.members[j].name] {
				f.props = append(f.props, v.members[j])
			}
		}
		s.fields = append(s.fields, f)
	}
	return nil
}

func (p *parser) symbols(s *schema, n *node) error {
	list := n.get("symbols")
	if list == nil || list.kind != arrayNode {
		return parseError("Enum has no symbols: " + s.fullName())
	}
	s.symbols = texts(list)
	seen := make(map[string]bool, len(s.symbols))
	for _, sym := range s.symbols {
		if err := checkName(sym); err != nil {
			return err
		}
		if seen[sym] {
			return parseError("Duplicate enum symbol: " + sym)
		}
		seen[sym] = true
	}
	if s.def = optionalText(n.get("default")); s.def != nil && !seen[*s.def] {
		return parseError("The Enum Default: " + *s.def + " is not in the enum symbol set")
	}
	return nil
}

func optionalText(n *node) *string {
	if n == nil || n.kind != textNode {
		return nil
	}
	return &n.text
}

func texts(n *node) []string {
	if n == nil {
		return nil
	}
	var out []string
	for i := range n.items {
		if n.items[i].kind == textNode {
			out = append(out, n.items[i].text)
		}
	}
	return out
}

var (
	commonMembers = set("type", "items", "values", "name", "namespace", "doc", "fields", "size", "symbols", "aliases")
	enumMembers   = set("type", "items", "values", "name", "namespace", "doc", "fields", "size", "symbols", "aliases", "default")
	fieldMembers  = set("default", "doc", "name", "order", "type", "aliases")
)

// schemaMembers are the members that are no properties.
func schemaMembers(k kind) map[string]bool {
	if k == kindEnum {
		return enumMembers
	}
	return commonMembers
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}
