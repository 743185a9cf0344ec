package avro

import (
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// text is the schema as Avro's Schema.toString writes it. The registry finds the id by it, so
// the order of all members counts: type, name, namespace, doc, fields or symbols or items,
// default, properties in the order they were added, aliases. A named type is written out where
// it comes first and named afterwards.
func (s *schema) text() (string, error) {
	w := texter{names: map[string]*schema{}}
	if err := w.schema(s); err != nil {
		return "", err
	}
	return string(w.dst), nil
}

type texter struct {
	dst   []byte
	names map[string]*schema
	space string // what names without a namespace belong to
	depth int
}

func (w *texter) lit(s string) { w.dst = append(w.dst, s...) }

func (w *texter) str(s string) { w.dst = records.AppendJSONText(w.dst, s) }

// reference writes the name of a type that was written before.
func (w *texter) reference(s *schema) (bool, error) {
	full := s.fullName()
	known, ok := w.names[full]
	if !ok {
		w.names[full] = s
		return false, nil
	}
	if known != s && !sameNamed(known, s) {
		return false, parseError("Can't redefine: " + full)
	}
	if s.space == w.space && s.space != "" && primitives[s.name] == 0 && s.name != "null" {
		full = s.name
	}
	w.str(full)
	return true, nil
}

// sameNamed compares two definitions by what they look like.
func sameNamed(a, b *schema) bool {
	x, errA := a.text()
	y, errB := b.text()
	return errA == nil && errB == nil && x == y
}

func (w *texter) schema(s *schema) error {
	if w.depth++; w.depth > maxDepth {
		return parseError("the schema is nested too deeply")
	}
	defer func() { w.depth-- }()
	switch {
	case s.kind == kindUnion:
		w.lit("[")
		for i, t := range s.types {
			if i > 0 {
				w.lit(",")
			}
			if err := w.schema(t); err != nil {
				return err
			}
		}
		w.lit("]")
		return nil
	case s.kind.named():
		if done, err := w.reference(s); done || err != nil {
			return err
		}
	case len(s.props) == 0 && s.elem == nil:
		w.str(s.kind.String())
		return nil
	}
	name := s.kind.String()
	if s.isError {
		name = "error"
	}
	w.lit(`{"type":`)
	w.str(name)
	outer := w.space
	if s.kind.named() {
		w.lit(`,"name":`)
		w.str(s.name)
		if s.space != w.space {
			w.lit(`,"namespace":`)
			w.str(s.space)
		}
		if s.doc != nil {
			w.lit(`,"doc":`)
			w.str(*s.doc)
		}
	}
	switch s.kind {
	case kindRecord:
		w.space = s.space
		if err := w.fields(s.fields); err != nil {
			return err
		}
		w.space = outer
	case kindEnum:
		w.lit(`,"symbols":[`)
		for i, sym := range s.symbols {
			if i > 0 {
				w.lit(",")
			}
			w.str(sym)
		}
		w.lit("]")
		if s.def != nil {
			w.lit(`,"default":`)
			w.str(*s.def)
		}
	case kindFixed:
		w.lit(`,"size":`)
		w.dst = strconv.AppendInt(w.dst, int64(s.size), 10)
	case kindArray, kindMap:
		if s.kind == kindArray {
			w.lit(`,"items":`)
		} else {
			w.lit(`,"values":`)
		}
		if err := w.schema(s.elem); err != nil {
			return err
		}
	}
	w.tail(s.props, s.aliases)
	w.lit("}")
	return nil
}

func (w *texter) fields(fields []field) error {
	w.lit(`,"fields":[`)
	for i := range fields {
		f := &fields[i]
		if i > 0 {
			w.lit(",")
		}
		w.lit(`{"name":`)
		w.str(f.name)
		w.lit(`,"type":`)
		if err := w.schema(f.schema); err != nil {
			return within(f.name, err)
		}
		if f.doc != nil {
			w.lit(`,"doc":`)
			w.str(*f.doc)
		}
		if f.def != nil {
			w.lit(`,"default":`)
			w.dst = f.def.append(w.dst)
		}
		if f.order != "" {
			w.lit(`,"order":`)
			w.str(f.order)
		}
		// Other than for types, the aliases come before the properties.
		w.tail(nil, f.aliases)
		w.tail(f.props, nil)
		w.lit("}")
	}
	w.lit("]")
	return nil
}

func (w *texter) tail(props []member, aliases []string) {
	for i := range props {
		w.lit(",")
		w.str(props[i].name)
		w.lit(":")
		w.dst = props[i].value.append(w.dst)
	}
	if len(aliases) > 0 {
		w.lit(`,"aliases":[`)
		for i, a := range aliases {
			if i > 0 {
				w.lit(",")
			}
			w.str(a)
		}
		w.lit("]")
	}
}
