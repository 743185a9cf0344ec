package transforms

import "github.com/anabranch/anabranch/records"

// structBuilder makes a struct schema with SchemaBuilder's rules. The first error stays.
type structBuilder struct {
	schema *records.Schema
	names  map[string]bool
	err    error
}

func newStruct(s *records.Schema) *structBuilder {
	s.Type = records.Struct
	return &structBuilder{schema: s, names: map[string]bool{}}
}

func (sb *structBuilder) field(name string, s *records.Schema) {
	switch {
	case sb.err != nil:
		return
	case name == "":
		sb.err = &javaError{schemaBuilderException, "fieldName cannot be null."}
	case sb.names[name]:
		sb.err = &javaError{schemaBuilderException, "Cannot create field because of field name duplication " + name}
	}
	sb.names[name] = true
	sb.schema.Fields = append(sb.schema.Fields, records.Field{Name: name, Schema: s})
}

// get is Struct.get, or with fill false Struct.getWithoutDefault (CW-352).
func get(b *records.Batch, s *records.Schema, v records.Value, fill bool) records.Value {
	if fill && v.Kind == records.KindNull && s.Default != nil {
		return b.DefaultValue(s)
	}
	return v
}

// put is the check that Struct.put makes of a field's new value. It allocates only for errors.
func put(b *records.Batch, f *records.Field, v records.Value) error {
	if v.Kind <= records.KindBytes && v.Kind != records.KindNull && f.Schema.Type <= records.Bytes {
		return nil // the usual case: a plain value
	}
	if valid(b, f.Schema, v) {
		return nil
	}
	return invalid(b, f.Schema, v, `field: "`+f.Name+`"`)
}

func valid(b *records.Batch, s *records.Schema, v records.Value) bool {
	if v.IsNull() {
		return s.Optional
	}
	switch v.Kind {
	case records.KindStruct:
		if s.Type != records.Struct || len(s.Fields) != int(v.N) {
			return false
		}
		for i, e := range b.Elems(v) {
			f := s.Fields[i].Schema
			if e.IsNull() {
				if !f.Optional && f.Default == nil {
					return false
				}
			} else if e.Kind > records.KindBytes && !valid(b, f, e) {
				return false
			}
		}
	case records.KindArray:
		if s.Type != records.Array || s.Elem == nil {
			return s.Type == records.Array && v.N == 0
		}
		for _, e := range b.Elems(v) {
			if !valid(b, s.Elem, e) {
				return false
			}
		}
	case records.KindMap:
		if s.Type != records.Map || s.Key == nil || s.Elem == nil {
			return s.Type == records.Map && v.N == 0
		}
		kv := b.Elems(v)
		for i := 0; i < len(kv); i += 2 {
			if !valid(b, s.Key, kv[i]) || !valid(b, s.Elem, kv[i+1]) {
				return false
			}
		}
	}
	return true
}

// invalid says why a value is not valid (ConnectSchema.validateValue).
func invalid(b *records.Batch, s *records.Schema, v records.Value, where string) error {
	if v.IsNull() {
		return dataErrorf("Invalid value: null used for required %s, schema type: %s", where, s.Type)
	}
	switch {
	case v.Kind == records.KindStruct && s.Type == records.Struct:
		if len(s.Fields) != int(v.N) {
			break
		}
		for i, e := range b.Elems(v) {
			f := &s.Fields[i]
			if !(e.IsNull() && (f.Schema.Optional || f.Schema.Default != nil)) && !valid(b, f.Schema, e) {
				return invalid(b, f.Schema, e, `field: "`+f.Name+`"`)
			}
		}
	case v.Kind == records.KindArray && s.Type == records.Array:
		where = "element of array " + where
		for _, e := range b.Elems(v) {
			if s.Elem == nil {
				return dataErrorf("No schema defined for %s", where)
			}
			if !valid(b, s.Elem, e) {
				return invalid(b, s.Elem, e, where)
			}
		}
	case v.Kind == records.KindMap && s.Type == records.Map:
		kv := b.Elems(v)
		for i := 0; i < len(kv); i += 2 {
			for n, e := range [...]*records.Schema{s.Key, s.Elem} {
				at := [...]string{"key of map ", "value of map "}[n] + where
				if e == nil {
					return dataErrorf("No schema defined for %s", at)
				}
				if !valid(b, e, kv[i+n]) {
					return invalid(b, e, kv[i+n], at)
				}
			}
		}
	}
	return wrongClass(s, records.JavaClass(nil, v), where)
}

// wrongClass is the error of a value whose Java class does not fit its schema.
func wrongClass(s *records.Schema, class, where string) error {
	name := ""
	if s.Name != "" {
		name = ` "` + s.Name + `"`
	}
	return dataErrorf("Invalid Java object for schema%s with type %s: class %s for %s", name, s.Type, class, where)
}

// mapGet finds the value of a key in a map without a schema.
func mapGet(b *records.Batch, m records.Value, key string) (v records.Value, at int) {
	kv := b.Elems(m)
	for i := 0; i < len(kv); i += 2 {
		if kv[i].Kind == records.KindString && string(b.Raw(kv[i])) == key {
			return kv[i+1], i
		}
	}
	return records.Null, -1
}

// mapCopy copies a map, with room for more entries behind it.
func mapCopy(b *records.Batch, m records.Value, more int) records.Value {
	off := b.AddVals(2 * (int(m.N) + more))
	copy(b.Vals[off:], b.Elems(m))
	return records.Value{Kind: records.KindMap, Off: off, N: m.N}
}

// mapPut sets an entry of a map that mapCopy made, in one of the places kept for more.
func mapPut(b *records.Batch, m *records.Value, key string, v records.Value) {
	if _, at := mapGet(b, *m, key); at >= 0 {
		b.Vals[int(m.Off)+at+1] = v
		return
	}
	k := b.AddString(key)
	at := int(m.Off + 2*m.N)
	b.Vals[at], b.Vals[at+1] = k, v
	m.N++
}
