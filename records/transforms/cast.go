package transforms

import (
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/javatext"
)

// cast is Cast (CW-355): fields, or the whole key or value, become another plain type.
type cast struct {
	side  side
	spec  *castSpec
	fill  bool
	plans plans[castPlan]
}

// castSpec is the parsed spec: a type for everything, or types of fields.
type castSpec struct {
	whole  records.Type // Invalid = fields
	fields []castField
}

type castField struct {
	name string
	to   records.Type
}

type castPlan struct {
	out *records.Schema
	to  []records.Type // for each field, Invalid = stays
	err error
}

const castTypes = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING"

func castClasses() []Class {
	return sided("Cast", configs.NewDef(
		configs.Key{Name: "spec", Type: configs.ListType, Required: true, Importance: configs.High,
			Doc: "Pairs field:type, or one type for the whole key or value. Types: int8, int16, int32, int64, float32, float64, boolean, string.",
			Check: func(v any) error {
				list := v.([]string)
				if len(list) == 0 {
					return configs.WholeText("Must specify at least one field to cast.")
				}
				_, err := parseCasts(list)
				return err
			}},
		replaceNullKey()),
		func(v *configs.Values, s side) (Transform, error) {
			spec, err := parseCasts(v.List("spec"))
			return &cast{side: s, spec: spec, fill: v.Bool(replaceNull)}, err
		})
}

// typeNames are Schema.Type's constants.
var typeNames = map[string]records.Type{"INT8": records.Int8, "INT16": records.Int16, "INT32": records.Int32, "INT64": records.Int64,
	"FLOAT32": records.Float32, "FLOAT64": records.Float64, "BOOLEAN": records.Boolean, "STRING": records.String, "BYTES": records.Bytes,
	"ARRAY": records.Array, "MAP": records.Map, "STRUCT": records.Struct}

func parseCasts(list []string) (*castSpec, error) {
	spec := &castSpec{}
	for _, pair := range list {
		parts := javaSplit(pair)
		if len(parts) == 0 || len(parts) > 2 { // Java runs out of an array for the first
			return nil, configs.WholeText("%s", "Invalid value "+javaList(list)+" for configuration renames: Invalid rename mapping: "+pair)
		}
		to, err := castType(parts[len(parts)-1])
		if err != nil {
			return nil, err
		}
		if len(parts) == 1 {
			spec.whole = to
		} else {
			spec.set(javatext.Trim(parts[0]), to)
		}
	}
	if spec.whole != records.Invalid && len(list) > 1 {
		return nil, configs.WholeText("Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec")
	}
	return spec, nil
}

func castType(text string) (records.Type, error) {
	text = javatext.Trim(text)
	upper := strings.ToUpper(text)
	t, ok := typeNames[upper]
	switch {
	case !ok:
		// Java passes the cause where the value belongs.
		return t, configs.WholeText("%s", "Invalid value java.lang.IllegalArgumentException: No enum constant org.apache.kafka.connect.data.Schema.Type."+
			upper+" for configuration Invalid type found in casting spec: "+text)
	case t > records.String:
		return t, configs.WholeText("%s", "Cast transformation does not support casting to "+upper+"; supported types are "+castTypes+"]")
	}
	return t, nil
}

func (c *castSpec) set(name string, to records.Type) {
	for i := range c.fields {
		if c.fields[i].name == name {
			c.fields[i].to = to
			return
		}
	}
	c.fields = append(c.fields, castField{name, to})
}

func (c *castSpec) of(name string) records.Type {
	for i := range c.fields {
		if c.fields[i].name == name {
			return c.fields[i].to
		}
	}
	return records.Invalid
}

func (t *cast) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := t.side.get(b, r)
	if v.IsNull() {
		return true, nil
	}
	if s == nil {
		return true, t.schemaless(b, r, v)
	}
	p := t.plans.of(s)
	if p == nil {
		p = t.plans.keep(s, t.plan(s))
	}
	if p.err != nil {
		return true, p.err
	}
	if t.spec.whole != records.Invalid {
		to, err := castValue(b, s, v, t.spec.whole)
		if err == nil {
			t.side.set(b, r, p.out, to)
		}
		return true, err
	}
	if v.Kind != records.KindStruct {
		return true, notStruct("cast types", s, v)
	}
	off := int(b.AddVals(len(s.Fields)))
	for i := range s.Fields {
		f := s.Fields[i].Schema
		e := get(b, f, b.Vals[int(v.Off)+i], t.fill)
		if to := p.to[i]; to != records.Invalid && !e.IsNull() {
			var err error
			if e, err = castValue(b, f, e, to); err != nil {
				return true, err
			}
		}
		if err := put(b, &p.out.Fields[i], e); err != nil {
			return true, err
		}
		b.Vals[off+i] = e
	}
	t.side.set(b, r, p.out, records.StructAt(uint32(off), len(s.Fields)))
	return true, nil
}

func (t *cast) schemaless(b *records.Batch, r *records.Record, v records.Value) error {
	if t.spec.whole != records.Invalid {
		to, err := castValue(b, nil, v, t.spec.whole)
		if err == nil {
			t.side.set(b, r, nil, to)
		}
		return err
	}
	if v.Kind != records.KindMap {
		return notMap("cast types", nil, v)
	}
	m := mapCopy(b, v, len(t.spec.fields))
	for _, f := range t.spec.fields {
		e, _ := mapGet(b, v, f.name)
		if !e.IsNull() {
			var err error
			if e, err = castValue(b, nil, e, f.to); err != nil {
				return err
			}
		}
		mapPut(b, &m, f.name, e) // also where there was none: Java puts a null
	}
	t.side.set(b, r, nil, m)
	return nil
}

func (t *cast) plan(s *records.Schema) *castPlan {
	p := &castPlan{}
	if t.spec.whole != records.Invalid {
		p.out = &records.Schema{Type: t.spec.whole, Name: s.Name, Version: s.Version, Doc: s.Doc, Params: s.Params, Optional: s.Optional}
		p.err = castDefault(s, p.out)
		return p
	}
	if s.Type != records.Struct {
		p.err = errListFields
		return p
	}
	out := basics(s)
	sb := newStruct(out)
	p.to = make([]records.Type, len(s.Fields))
	for i, f := range s.Fields {
		to := t.spec.of(f.Name)
		if p.to[i] = to; to == records.Invalid {
			sb.field(f.Name, f.Schema)
			continue
		}
		n := &records.Schema{Type: to, Optional: f.Schema.Optional}
		if err := castDefault(f.Schema, n); err != nil {
			p.err = err
			return p
		}
		sb.field(f.Name, n)
	}
	out.Optional = s.Optional
	p.out, p.err = out, sb.err
	return p
}

// castDefault gives out the default of s in its own type.
func castDefault(s, out *records.Schema) error {
	if s.Default == nil {
		return nil
	}
	b := records.NewBatch(records.Origin{Table: "default"})
	defer b.Release()
	v, err := castValue(b, s, b.DefaultValue(s), out.Type)
	if err != nil {
		return err
	}
	switch out.Name {
	case records.DateName, records.TimeName, records.TimestampName, records.DecimalName:
		// A schema of this name takes dates and decimals only.
		return &javaError{schemaBuilderException, "Invalid default value"}
	}
	out.Default = defaultOf(b, v)
	return nil
}

// defaultOf is a plain value in the form that Schema.Default has.
func defaultOf(b *records.Batch, v records.Value) any {
	switch v.Kind {
	case records.KindBool:
		return v.Bool()
	case records.KindFloat32, records.KindFloat64:
		return v.Float()
	case records.KindString:
		return b.Str(v)
	}
	return v.Int()
}
