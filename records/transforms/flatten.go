package transforms

import (
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// flatten is Flatten (CW-359): the fields of inner structs or maps come to the top, with the
// names on the way to them joined. Arrays stay whole.
type flatten struct {
	side      side
	delimiter string
	plans     plans[flattenPlan]
	name      []byte // of the map entry at hand
}

type flattenPlan struct {
	out  *records.Schema
	from [][]int // way to each field
	err  error
}

func flattenClasses() []Class {
	return sided("Flatten", configs.NewDef(
		configs.Key{Name: "delimiter", Type: configs.StringType, Default: ".", HasDefault: true, Importance: configs.Medium,
			Doc: "What stands between the names that make up a field's name."}),
		func(v *configs.Values, s side) (Transform, error) {
			return &flatten{side: s, delimiter: v.Str("delimiter")}, nil
		})
}

func (t *flatten) plan(s *records.Schema) *flattenPlan {
	if s.Type != records.Struct {
		return &flattenPlan{err: errListFields}
	}
	p := &flattenPlan{}
	sb := newStruct(basics(s))
	t.addFields(p, sb, s, "", s.Optional, nil)
	p.out = sb.schema
	if p.err == nil {
		p.err = sb.err
	}
	return p
}

func (t *flatten) addFields(p *flattenPlan, sb *structBuilder, s *records.Schema, prefix string, optional bool, way []int) {
	for i, f := range s.Fields {
		if p.err != nil || sb.err != nil {
			return
		}
		name := f.Name
		if prefix != "" {
			name = prefix + t.delimiter + f.Name
		}
		here := append(append([]int(nil), way...), i)
		optional := optional || f.Schema.Optional
		switch f.Schema.Type {
		case records.Struct:
			t.addFields(p, sb, f.Schema, name, optional, here)
		case records.Map:
			p.err = dataErrorf("Flatten transformation does not support %s for record with schemas (for field %s).", f.Schema.Type, name)
		default:
			out := basics(f.Schema)
			out.Optional, out.Default = optional, f.Schema.Default
			sb.field(name, out)
			p.from = append(p.from, here)
		}
	}
}

func (t *flatten) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := t.side.get(b, r)
	switch {
	case v.IsNull():
		return true, nil
	case s == nil:
		return true, t.fromMap(b, r, v)
	case v.Kind != records.KindStruct:
		return true, notStruct("flattening", s, v)
	}
	p := t.plans.of(s)
	if p == nil {
		p = t.plans.keep(s, t.plan(s))
	}
	if p.err != nil {
		return true, p.err
	}
	off := int(b.AddVals(len(p.from)))
	for i, way := range p.from {
		e, schema := v, s
		for _, step := range way {
			if e.IsNull() {
				break
			}
			schema = schema.Fields[step].Schema
			e = b.Vals[int(e.Off)+step]
			if e.IsNull() && schema.Default != nil { // always, whatever replace.null.with.default says elsewhere (CW-352)
				e = b.DefaultValue(schema)
			}
		}
		if !e.IsNull() || schema == nil || reached(b, v, way) {
			if err := put(b, &p.out.Fields[i], e); err != nil {
				return true, err
			}
		}
		b.Vals[off+i] = e
	}
	t.side.set(b, r, p.out, records.StructAt(uint32(off), len(p.from)))
	return true, nil
}

// reached says whether the struct that holds the field is there. A field whose struct is not
// is never put, so that nobody checks it.
func reached(b *records.Batch, v records.Value, way []int) bool {
	for _, step := range way[:len(way)-1] {
		if v = b.Vals[int(v.Off)+step]; v.IsNull() {
			return false
		}
	}
	return true
}

func (t *flatten) fromMap(b *records.Batch, r *records.Record, v records.Value) error {
	if v.Kind != records.KindMap {
		return notMap("flattening", nil, v)
	}
	m := records.Value{Kind: records.KindMap, Off: b.AddVals(2 * leaves(b, v))}
	t.name = t.name[:0]
	if err := t.addEntries(b, &m, v); err != nil {
		return err
	}
	t.side.set(b, r, nil, m)
	return nil
}

// leaves counts what is not a map.
func leaves(b *records.Batch, m records.Value) (n int) {
	for i := uint32(0); i < m.N; i++ {
		if e := b.Vals[m.Off+2*i+1]; e.Kind == records.KindMap {
			n += leaves(b, e)
		} else {
			n++
		}
	}
	return n
}

func (t *flatten) addEntries(b *records.Batch, m *records.Value, from records.Value) error {
	prefix := len(t.name)
	for i := uint32(0); i < from.N; i++ {
		k, e := b.Vals[from.Off+2*i], b.Vals[from.Off+2*i+1]
		if prefix > 0 {
			t.name = append(t.name, t.delimiter...)
		}
		t.name = append(t.name, b.Raw(k)...)
		switch e.Kind {
		case records.KindMap:
			if err := t.addEntries(b, m, e); err != nil {
				return err
			}
		case records.KindDate:
			return dataErrorf("Flatten transformation was passed a value of type class java.util.Date which is not supported by Connect's data API")
		default:
			if _, at := mapGet(b, *m, string(t.name)); at >= 0 {
				b.Vals[int(m.Off)+at+1] = e
				break
			}
			b.Vals[m.Off+2*m.N], b.Vals[m.Off+2*m.N+1] = b.AddStringBytes(t.name), e
			m.N++
		}
		t.name = t.name[:prefix]
	}
	return nil
}
