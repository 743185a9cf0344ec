package transforms

import (
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// valueToKey is ValueToKey (CW-370): fields of the value become the key.
type valueToKey struct {
	fields []string
	fill   bool
	plans  plans[replacePlan]
}

func valueToKeyClass() Class {
	return Class{Name: kafkaPrefix + "ValueToKey",
		Def: configs.NewDef(
			configs.Key{Name: "fields", Type: configs.ListType, Required: true, Importance: configs.High, Check: distinct("fields", false),
				Doc: "Fields of the value that make up the key, in this order."},
			replaceNullKey()),
		New: func(v *configs.Values) (Transform, error) {
			return &valueToKey{fields: v.List("fields"), fill: v.Bool(replaceNull)}, nil
		}}
}

func (t *valueToKey) plan(s *records.Schema) *replacePlan {
	p := &replacePlan{}
	sb := newStruct(&records.Schema{})
	for _, name := range t.fields {
		i := s.FieldIndex(name)
		if i < 0 {
			p.err = dataErrorf("Field does not exist: %s", name)
			return p
		}
		sb.field(name, s.Fields[i].Schema)
		p.from = append(p.from, i)
	}
	p.out, p.err = sb.schema, sb.err
	return p
}

func (t *valueToKey) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := valueSide.get(b, r)
	if s == nil {
		if v.Kind != records.KindMap {
			return true, notMap("copying fields from value to key", nil, v)
		}
		m := records.Value{Kind: records.KindMap, Off: b.AddVals(2 * len(t.fields))}
		for _, name := range t.fields {
			e, _ := mapGet(b, v, name)
			mapPut(b, &m, name, e)
		}
		keySide.set(b, r, nil, m)
		return true, nil
	}
	if v.Kind != records.KindStruct {
		return true, notStruct("copying fields from value to key", s, v)
	}
	p := t.plans.of(s)
	if p == nil {
		p = t.plans.keep(s, t.plan(s))
	}
	if p.err != nil {
		return true, p.err
	}
	off := b.AddVals(len(p.from))
	for i, from := range p.from {
		e := get(b, p.out.Fields[i].Schema, b.Vals[int(v.Off)+from], t.fill)
		if err := put(b, &p.out.Fields[i], e); err != nil {
			return true, err
		}
		b.Vals[int(off)+i] = e
	}
	keySide.set(b, r, p.out, records.StructAt(off, len(p.from)))
	return true, nil
}
