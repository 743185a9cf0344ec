package transforms

import (
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// setSchemaMetadata is SetSchemaMetadata (CW-367): another name or version for the schema.
type setSchemaMetadata struct {
	side    side
	name    *string
	version *int
	fill    bool
	plans   plans[metadataPlan]
}

type metadataPlan struct {
	out      *records.Schema
	defaults bool // a field has one, so that nulls may have to be filled
	err      error
}

func setSchemaMetadataClasses() []Class {
	return sided("SetSchemaMetadata", configs.NewDef(
		configs.Key{Name: "schema.name", Type: configs.StringType, Importance: configs.High, Doc: "Name that the schema gets."},
		configs.Key{Name: "schema.version", Type: configs.IntType, Importance: configs.High, Doc: "Version that the schema gets."},
		replaceNullKey()),
		func(v *configs.Values, s side) (Transform, error) {
			t := &setSchemaMetadata{side: s, fill: v.Bool(replaceNull)}
			if name, ok := v.Get("schema.name").(string); ok {
				t.name = &name
			}
			if version, ok := v.Get("schema.version").(int64); ok {
				n := int(version)
				t.version = &n
			}
			if t.name == nil && t.version == nil {
				return nil, configErrorf("Neither schema name nor version configured")
			}
			return t, nil
		})
}

func (t *setSchemaMetadata) plan(s *records.Schema) *metadataPlan {
	p := &metadataPlan{out: s.Clone()}
	if s.Type != records.Struct {
		p.err = errListFields // Java's SetSchemaMetadata knows structs only
		return p
	}
	if t.name != nil {
		p.out.Name = *t.name
	}
	if t.version != nil {
		p.out.Version = *t.version
	}
	for _, f := range s.Fields {
		p.defaults = p.defaults || f.Schema.Default != nil
	}
	return p
}

func (t *setSchemaMetadata) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := t.side.get(b, r)
	switch {
	case s == nil && v.IsNull():
		return true, nil
	case s == nil:
		return true, dataErrorf("Schema required for [updating schema metadata]")
	}
	p := t.plans.of(s)
	if p == nil {
		p = t.plans.keep(s, t.plan(s))
	}
	if p.err != nil {
		return true, p.err
	}
	if v.Kind != records.KindStruct {
		t.side.set(b, r, p.out, v)
		return true, nil
	}
	if p.defaults && t.fill {
		off := b.AddVals(int(v.N))
		copy(b.Vals[off:], b.Elems(v))
		fillDefaults(b, s, off)
		v.Off = off
	}
	for i := range s.Fields {
		if err := put(b, &s.Fields[i], b.Vals[int(v.Off)+i]); err != nil {
			return true, err
		}
	}
	t.side.set(b, r, p.out, v)
	return true, nil
}
