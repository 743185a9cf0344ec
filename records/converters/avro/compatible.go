package avro

// readable tells why data written with w cannot be read with r, by Avro's rules of resolution;
// nil if it can. use.latest.version and use.schema.id ask it.
func readable(w, r *schema) error {
	return (&resolver{seen: map[[2]*schema]bool{}}).check(w, r)
}

type resolver struct {
	seen  map[[2]*schema]bool
	depth int
}

func (c *resolver) check(w, r *schema) error {
	if c.depth++; c.depth > maxDepth {
		return data("the schema is nested too deeply")
	}
	defer func() { c.depth-- }()
	pair := [2]*schema{w, r}
	if c.seen[pair] {
		return nil
	}
	c.seen[pair] = true
	if w.kind == kindUnion {
		for _, t := range w.types {
			if err := c.check(t, r); err != nil {
				return err
			}
		}
		return nil
	}
	if r.kind == kindUnion {
		for _, t := range r.types {
			if (&resolver{seen: map[[2]*schema]bool{}, depth: c.depth}).check(w, t) == nil {
				return nil
			}
		}
		return data("no type of the union reads " + w.typeName())
	}
	if w.kind != r.kind {
		if promotes(w.kind, r.kind) {
			return nil
		}
		return data(w.typeName() + " cannot be read as " + r.typeName())
	}
	switch w.kind {
	case kindArray, kindMap:
		return within("[]", c.check(w.elem, r.elem))
	case kindFixed:
		if w.name != r.name || w.size != r.size {
			return data("fixed " + w.fullName() + " cannot be read as " + r.fullName())
		}
	case kindEnum:
		if w.name != r.name {
			return data("enum " + w.fullName() + " cannot be read as " + r.fullName())
		}
		for _, sym := range w.symbols {
			if !contains(r.symbols, sym) && r.def == nil {
				return data("enum " + r.fullName() + " has no symbol " + sym)
			}
		}
	case kindRecord:
		return c.record(w, r)
	}
	return nil
}

func (c *resolver) record(w, r *schema) error {
	if w.name != r.name {
		return data("record " + w.fullName() + " cannot be read as " + r.fullName())
	}
	for i := range r.fields {
		f := &r.fields[i]
		at := w.fieldIndex(f.name)
		if at < 0 {
			for _, a := range f.aliases {
				if at = w.fieldIndex(a); at >= 0 {
					break
				}
			}
		}
		if at < 0 {
			if f.def == nil {
				return within(f.name, data("the field has no default and is not in what is written"))
			}
			continue
		}
		if err := c.check(w.fields[at].schema, f.schema); err != nil {
			return within(f.name, err)
		}
	}
	return nil
}

// promotes reports whether a reader of another type takes a value.
func promotes(w, r kind) bool {
	switch w {
	case kindInt:
		return r == kindLong || r == kindFloat || r == kindDouble
	case kindLong:
		return r == kindFloat || r == kindDouble
	case kindFloat:
		return r == kindDouble
	case kindString:
		return r == kindBytes
	case kindBytes:
		return r == kindString
	}
	return false
}
