package avro

import (
	"strings"
	"unicode"
)

// kind is an Avro type.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindRecord
	kindEnum
	kindArray
	kindMap
	kindUnion
	kindFixed
)

var kindNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"record", "enum", "array", "map", "union", "fixed"}

func (k kind) String() string { return kindNames[k] }

func (k kind) named() bool { return k == kindRecord || k == kindEnum || k == kindFixed }

var primitives = map[string]kind{"null": kindNull, "boolean": kindBoolean, "int": kindInt, "long": kindLong,
	"float": kindFloat, "double": kindDouble, "bytes": kindBytes, "string": kindString}

// schema is an Avro schema. It is not changed once it is complete.
type schema struct {
	kind    kind
	name    string // of named types, without the namespace
	space   string // "" = none
	isError bool   // a record of type "error"
	doc     *string
	fields  []field
	symbols []string
	def     *string // default symbol of an enum
	size    int     // of a fixed
	elem    *schema // items of an array, values of a map
	types   []*schema
	props   []member
	aliases []string
}

// field is a field of a record.
type field struct {
	name    string
	schema  *schema
	doc     *string
	def     *node
	order   string // "" = ascending
	aliases []string
	props   []member
}

// fullName is the name with the namespace.
func (s *schema) fullName() string {
	if s.space == "" {
		return s.name
	}
	return s.space + "." + s.name
}

// typeName is what tells the branches of a union apart.
func (s *schema) typeName() string {
	if s.kind.named() {
		return s.fullName()
	}
	return s.kind.String()
}

func (s *schema) prop(name string) *node {
	for i := range s.props {
		if s.props[i].name == name {
			return &s.props[i].value
		}
	}
	return nil
}

// propText is a property that is a string, "" if it is none.
func (s *schema) propText(name string) string {
	if p := s.prop(name); p != nil && p.kind == textNode {
		return p.text
	}
	return ""
}

// addProp adds a property. As in Avro, one that is there keeps its value.
func (s *schema) addProp(name string, v node) {
	if s.prop(name) == nil {
		s.props = append(s.props, member{name, v})
	}
}

func (s *schema) fieldIndex(name string) int {
	for i := range s.fields {
		if s.fields[i].name == name {
			return i
		}
	}
	return -1
}

// nullBranch returns the place of null in a union of null and one other type, and the other type.
func (s *schema) nullBranch() (at int, other *schema, ok bool) {
	if s.kind != kindUnion || len(s.types) != 2 {
		return 0, nil, false
	}
	switch {
	case s.types[0].kind == kindNull && s.types[1].kind != kindNull:
		return 0, s.types[1], true
	case s.types[1].kind == kindNull && s.types[0].kind != kindNull:
		return 1, s.types[0], true
	}
	return 0, nil, false
}

// splitName takes a name with or without a namespace apart.
func splitName(name, space string) (string, string) {
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		return name[dot+1:], name[:dot]
	}
	return name, space
}

// checkName refuses what Avro's Java library refuses. Namespaces are not checked there.
func checkName(name string) error {
	for i, r := range name {
		switch {
		case r == '_' || unicode.IsLetter(r) || (i > 0 && unicode.IsDigit(r)):
		case i == 0:
			return parseError("Illegal initial character: " + name)
		default:
			return parseError("Illegal character in: " + name)
		}
	}
	if name == "" {
		return parseError("Empty name")
	}
	return nil
}
