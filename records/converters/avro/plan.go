package avro

import (
	"strconv"

	"github.com/anabranch/anabranch/records"
)

// maxBranches bounds unions, so that a branch's number is one byte.
const maxBranches = 64

// encoderOf plans how values of s are written with the Avro schema to, which is its own or
// one of the registry's. nil is schemaless.
func (o *options) encoderOf(s *records.Schema, to *schema) (*encoder, error) {
	if s == nil {
		if !isAnything(to) {
			return nil, data("a value without a schema cannot be written with the schema of the registry")
		}
		return &encoder{op: encAny}, nil
	}
	e, err := o.plan(s, to, 0)
	if err == nil && to.kind == kindBytes {
		e.op = encRaw // KafkaAvroSerializer leaves out the length when there is nothing else
	}
	return &e, err
}

func (o *options) plan(s *records.Schema, to *schema, depth int) (encoder, error) {
	if depth > maxDepth {
		return encoder{}, data("the schema is nested too deeply")
	}
	if to.kind == kindUnion {
		return o.planUnion(s, to, depth)
	}
	e := encoder{kind: kindOf[s.Type]}
	fail := func() (encoder, error) {
		return e, data("a value of type " + s.Type.String() + " cannot be written as " + to.typeName())
	}
	switch to.kind {
	case kindBoolean:
		e.op = encBool
		if s.Type != records.Boolean {
			return fail()
		}
	case kindInt:
		e.op = encInt
		if s.Type > records.Int32 {
			return fail()
		}
	case kindLong:
		e.op = encInt
		if s.Type > records.Int64 {
			return fail()
		}
	case kindFloat:
		e.op = encFloat
		if s.Type != records.Float32 {
			return fail()
		}
	case kindDouble:
		e.op = encDouble
		if s.Type != records.Float64 && s.Type != records.Float32 {
			return fail()
		}
	case kindString:
		e.op = encBytes
		if s.Type != records.String {
			return fail()
		}
	case kindBytes:
		e.op = encBytes
		if s.Type != records.Bytes {
			return fail()
		}
	case kindFixed:
		e.op, e.size, e.signed = encFixed, to.size, isDecimal(s)
		if s.Type != records.Bytes {
			return fail()
		}
	case kindEnum:
		e.op, e.name, e.symbols = encEnum, to.fullName(), make(map[string]int, len(to.symbols))
		for i, sym := range to.symbols {
			e.symbols[sym] = i
		}
		if s.Type != records.String {
			return fail()
		}
	case kindArray:
		switch {
		case s.Type == records.Map && isMapEntry(to.elem) && len(to.elem.fields) == 2:
			return o.planEntries(e, s, to, depth)
		case s.Type != records.Array:
			return fail()
		}
		elem, err := o.planElem(s.Elem, to.elem, depth)
		e.op, e.parts = encArray, []encoder{elem}
		return e, within("[]", err)
	case kindMap:
		if s.Type != records.Map || s.Key.Type != records.String {
			return fail()
		}
		elem, err := o.planElem(s.Elem, to.elem, depth)
		e.op, e.parts = encMap, []encoder{{op: encBytes, kind: records.KindString}, elem}
		return e, within("[]", err)
	case kindRecord:
		if s.Type != records.Struct || isUnion(s) {
			return fail()
		}
		return o.planRecord(e, s, to, depth)
	default:
		return fail()
	}
	return e, nil
}

// planElem plans an element, which may have no schema.
func (o *options) planElem(s *records.Schema, to *schema, depth int) (encoder, error) {
	if s == nil {
		return encoder{op: encAny}, nil
	}
	return o.plan(s, to, depth+1)
}

func (o *options) planEntries(e encoder, s *records.Schema, to *schema, depth int) (encoder, error) {
	if to.elem.fields[0].name != keyField || to.elem.fields[1].name != valueField {
		return e, data("the registry's schema has map entries of another form")
	}
	key, err := o.planElem(s.Key, to.elem.fields[0].schema, depth)
	if err != nil {
		return e, within(keyField, err)
	}
	elem, err := o.planElem(s.Elem, to.elem.fields[1].schema, depth)
	e.op, e.parts = encEntries, []encoder{key, elem}
	return e, within(valueField, err)
}

// planRecord pairs the fields of a record with the members of a struct by name. What the
// registry's schema has more must have a default, what it has less is left out.
func (o *options) planRecord(e encoder, s *records.Schema, to *schema, depth int) (encoder, error) {
	e.op, e.size = encStruct, len(s.Fields)
	e.parts = make([]encoder, 0, len(to.fields))
	at := make(map[string]int, len(s.Fields))
	for i := range s.Fields {
		at[o.scrubName(s.Fields[i].Name)] = i
	}
	for i := range to.fields {
		f := &to.fields[i]
		from, ok := at[f.name]
		if !ok {
			raw, err := defaultBytes(f.schema, f.def)
			if err != nil {
				return e, within(f.name, err)
			}
			e.parts = append(e.parts, encoder{from: -1, onNull: raw, name: f.name})
			continue
		}
		fs := s.Fields[from].Schema
		p, err := o.plan(fs, f.schema, depth+1)
		if err != nil {
			return e, within(f.name, err)
		}
		p.from, p.name = from, s.Fields[from].Name
		// A struct gives a null member as its default (CW-314), unless told otherwise.
		if fs.Default != nil && !o.ignoreNullDef {
			b := records.NewBatch(records.Origin{Table: "default"})
			if p.onNull, err = p.append(nil, b, b.DefaultValue(fs)); err != nil {
				p.onNull = nil
			}
			b.Release()
		}
		e.parts = append(e.parts, p)
	}
	e.steps = make([]step, len(e.parts))
	for i := range e.parts {
		p := &e.parts[i]
		e.steps[i] = step{from: int32(p.from), op: p.op, kind: p.kind, hasHead: p.hasHead, head: p.head}
		if len(p.onNull) == 1 {
			e.steps[i].shortNull, e.steps[i].null = true, p.onNull[0]
		}
	}
	return e, nil
}

// planUnion plans a value that is a branch of a union, or a struct that stands for one.
func (o *options) planUnion(s *records.Schema, to *schema, depth int) (encoder, error) {
	if len(to.types) > maxBranches {
		return encoder{}, data("unions of more than " + strconv.Itoa(maxBranches) + " types are not supported")
	}
	var onNull []byte
	for i, t := range to.types {
		if t.kind == kindNull && s.Optional {
			onNull = []byte{byte(i << 1)}
		}
	}
	if isUnion(s) {
		return o.planUnionStruct(s, to, onNull, depth)
	}
	var first error
	for pass := range 2 { // a branch that is just the type, then one that can hold it
		for i, t := range to.types {
			if t.kind == kindNull || pass == 0 && !sameType(s, t) {
				continue
			}
			e, err := o.plan(s, t, depth+1)
			if err != nil {
				if first == nil {
					first = err
				}
				continue
			}
			e.hasHead, e.head, e.onNull = true, byte(i<<1), onNull
			return e, nil
		}
	}
	if first == nil {
		first = data("a value of type " + s.Type.String() + " fits no type of the union")
	}
	return encoder{}, first
}

// sameType reports whether a branch has the very type that s maps to.
func sameType(s *records.Schema, t *schema) bool {
	switch t.kind {
	case kindInt:
		return s.Type <= records.Int32
	case kindLong:
		return s.Type == records.Int64
	case kindFloat:
		return s.Type == records.Float32
	case kindDouble:
		return s.Type == records.Float64
	case kindRecord:
		return s.Type == records.Struct && (s.Name == t.fullName() || s.Name == "" || len(s.Name) > 0 && s.Name == t.propText(propName))
	case kindEnum:
		name, ok := s.Param(enumParam)
		if !ok {
			name, ok = s.Param(generalEnum)
		}
		return ok && name == t.fullName()
	case kindFixed:
		size, ok := isFixed(s)
		return ok && size == t.size
	case kindString:
		return s.Type == records.String
	case kindBytes:
		return s.Type == records.Bytes
	}
	return true
}

func (o *options) planUnionStruct(s *records.Schema, to *schema, onNull []byte, depth int) (encoder, error) {
	e := encoder{op: encUnion, kind: records.KindStruct, size: len(s.Fields), onNull: onNull}
	branch := 0
	for i := range s.Fields {
		f := &s.Fields[i]
		for branch < len(to.types) && to.types[branch].kind == kindNull {
			branch++
		}
		at := branch
		if at >= len(to.types) || !o.isBranch(f, to.types[at], at) {
			at = -1
			for j, t := range to.types { // the registry's schema may have another order
				if t.kind != kindNull && o.isBranch(f, t, j) {
					at = j
				}
			}
		}
		branch++
		if at < 0 {
			return e, within(f.Name, data("the union has no such type"))
		}
		p, err := o.plan(f.Schema, to.types[at], depth+1)
		if err != nil {
			return e, within(f.Name, err)
		}
		p.hasHead, p.head, p.from, p.name = true, byte(at<<1), i, f.Name
		e.parts = append(e.parts, p)
	}
	return e, nil
}

// isBranch reports whether a member of a union's struct stands for a type.
func (o *options) isBranch(f *records.Field, t *schema, at int) bool {
	return f.Name == o.branchName(t, at) || o.generalized || sameType(f.Schema, t)
}
