package transforms

import (
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// extractField is ExtractField (CW-357): one field takes the place of the key or value. With a
// schema the field's value is used where it lies.
type extractField struct {
	side     side
	original string
	path     []string
	fill     bool
	plans    plans[extractFieldPlan]
}

type extractFieldPlan struct {
	steps []int // index of the field at each step
	out   *records.Schema
	err   error
}

func extractFieldClasses() []Class {
	return sided("ExtractField", configs.NewDef(
		configs.Key{Name: "field", Type: configs.StringType, Required: true, Importance: configs.Medium,
			Doc: "The field that becomes the key or value."},
		replaceNullKey(),
		fieldSyntaxKey()),
		func(v *configs.Values, s side) (Transform, error) {
			path, err := fieldPath(v, "field")
			return &extractField{side: s, original: v.Str("field"), path: path, fill: v.Bool(replaceNull)}, err
		})
}

func (t *extractField) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := t.side.get(b, r)
	if s == nil {
		found, err := t.fromMap(b, v)
		if err == nil {
			t.side.set(b, r, nil, found)
		}
		return true, err
	}
	if v.Kind != records.KindStruct && !v.IsNull() {
		return true, notStruct("field extraction", s, v)
	}
	p := t.plans.of(s)
	if p == nil {
		p = t.plans.keep(s, t.plan(s))
	}
	if p.err != nil {
		return true, p.err
	}
	fields := s
	for i, step := range p.steps {
		if v.IsNull() {
			break
		}
		f := fields.Fields[step].Schema
		v = get(b, f, b.Vals[int(v.Off)+step], t.fill || i+1 < len(p.steps))
		fields = f
	}
	t.side.set(b, r, p.out, v)
	return true, nil
}

func (t *extractField) plan(s *records.Schema) *extractFieldPlan {
	p := &extractFieldPlan{out: s}
	for _, name := range t.path {
		if p.out.Type != records.Struct {
			p.err = errLookUp
			return p
		}
		i := p.out.FieldIndex(name)
		if i < 0 {
			p.err = &javaError{illegalArgument, "Unknown field: " + t.original}
			return p
		}
		p.steps = append(p.steps, i)
		p.out = p.out.Fields[i].Schema
	}
	return p
}

func (t *extractField) fromMap(b *records.Batch, v records.Value) (records.Value, error) {
	purpose := "field extraction"
	for _, name := range t.path {
		if v.IsNull() {
			return v, nil
		}
		if v.Kind != records.KindMap {
			return v, notMap(purpose, nil, v)
		}
		v, _ = mapGet(b, v, name)
		purpose = "nested field access"
	}
	return v, nil
}
