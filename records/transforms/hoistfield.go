package transforms

import (
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// hoistField is HoistField (CW-361): the key or value becomes the only field of a struct or map.
type hoistField struct {
	side  side
	field string
	plans plans[hoistPlan]
}

type hoistPlan struct {
	out *records.Schema
	err error
}

func hoistFieldClasses() []Class {
	return sided("HoistField", configs.NewDef(
		configs.Key{Name: "field", Type: configs.StringType, Required: true, Importance: configs.Medium,
			Doc: "Name of the one field of the new struct or map."}),
		func(v *configs.Values, s side) (Transform, error) {
			return &hoistField{side: s, field: v.Str("field")}, nil
		})
}

func (t *hoistField) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := t.side.get(b, r)
	if s == nil {
		m := records.Value{Kind: records.KindMap, Off: b.AddVals(2)}
		mapPut(b, &m, t.field, v)
		t.side.set(b, r, nil, m)
		return true, nil
	}
	p := t.plans.of(s)
	if p == nil {
		sb := newStruct(&records.Schema{})
		sb.field(t.field, s)
		p = t.plans.keep(s, &hoistPlan{sb.schema, sb.err})
	}
	if p.err != nil {
		return true, p.err
	}
	if err := put(b, &p.out.Fields[0], v); err != nil {
		return true, err
	}
	off := b.AddVals(1)
	b.Vals[off] = v
	t.side.set(b, r, p.out, records.StructAt(off, 1))
	return true, nil
}
