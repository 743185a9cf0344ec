package transforms

import (
	"slices"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// headerFrom is HeaderFrom (CW-360): fields are copied or moved to headers.
type headerFrom struct {
	side    side
	fields  []string
	headers []string
	move    bool
	purpose string
	fill    bool
	plans   plans[headerPlan]
}

type headerPlan struct {
	out    *records.Schema // of what is left, with move
	rest   []int
	fields []int // -1 for one that is not there
	err    error
}

func headerFromClasses() []Class {
	list := func(name, doc string) configs.Key {
		return configs.Key{Name: name, Type: configs.ListType, Required: true, Importance: configs.High, Doc: doc, Check: configs.NotEmpty}
	}
	return sided("HeaderFrom", configs.NewDef(
		list("fields", "Fields whose values become headers."),
		list("headers", "Names of the headers, in the order of fields."),
		configs.Key{Name: "operation", Type: configs.StringType, Required: true, Importance: configs.High,
			Doc: "move takes the fields away, copy leaves them.", Check: configs.Words("move", "copy")},
		replaceNullKey()),
		func(v *configs.Values, s side) (Transform, error) {
			t := &headerFrom{side: s, fields: v.List("fields"), headers: v.List("headers"), move: v.Str("operation") == "move",
				purpose: "header " + v.Str("operation"), fill: v.Bool(replaceNull)}
			if len(t.fields) != len(t.headers) {
				return nil, configErrorf("'fields' config must have the same number of elements as 'headers' config.")
			}
			return t, nil
		})
}

func (t *headerFrom) plan(s *records.Schema) *headerPlan {
	p := &headerPlan{out: s}
	if t.move {
		sb := newStruct(basics(s))
		for i, f := range s.Fields {
			if !slices.Contains(t.fields, f.Name) {
				sb.field(f.Name, f.Schema)
				p.rest = append(p.rest, i)
			}
		}
		p.out, p.err = sb.schema, sb.err
	}
	for _, name := range t.fields {
		p.fields = append(p.fields, s.FieldIndex(name))
	}
	return p
}

func (t *headerFrom) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := t.side.get(b, r)
	if s == nil {
		return true, t.fromMap(b, r, v)
	}
	if v.Kind != records.KindStruct {
		return true, notStruct(t.purpose, s, v)
	}
	p := t.plans.of(s)
	if p == nil {
		p = t.plans.keep(s, t.plan(s))
	}
	if p.err != nil {
		return true, p.err
	}
	left := v
	if t.move {
		off := b.AddVals(len(p.rest))
		for i, from := range p.rest {
			f := &s.Fields[from]
			e := get(b, f.Schema, b.Vals[int(v.Off)+from], t.fill)
			if err := put(b, f, e); err != nil {
				return true, err
			}
			b.Vals[int(off)+i] = e
		}
		left = records.StructAt(off, len(p.rest))
	}
	at := openHeaders(b, r, len(p.fields))
	for i, from := range p.fields {
		if from < 0 {
			return true, errNoHeaderField
		}
		f := s.Fields[from].Schema
		e := get(b, f, b.Vals[int(v.Off)+from], t.fill)
		if e.IsNull() && !f.Optional {
			return true, dataErrorf("A null value requires an optional schema but was %s", schemaText(f))
		}
		b.Headers = append(b.Headers, records.Header{Key: t.headers[i], Schema: f, Value: e})
	}
	closeHeaders(b, r, at)
	t.side.set(b, r, p.out, left)
	return true, nil
}

var errNoHeaderField = &javaError{nullPointer, `Cannot invoke "org.apache.kafka.connect.data.Field.schema()" because the return value of "org.apache.kafka.connect.data.Schema.field(String)" is null`}

func (t *headerFrom) fromMap(b *records.Batch, r *records.Record, v records.Value) error {
	if v.Kind != records.KindMap {
		return notMap(t.purpose, nil, v)
	}
	at := openHeaders(b, r, len(t.fields))
	for i, name := range t.fields {
		e, _ := mapGet(b, v, name)
		b.Headers = append(b.Headers, records.Header{Key: t.headers[i], Value: e})
	}
	closeHeaders(b, r, at)
	if !t.move {
		return nil
	}
	m := records.Value{Kind: records.KindMap, Off: b.AddVals(2 * int(v.N))}
	for i := uint32(0); i < v.N; i++ {
		k, e := b.Vals[v.Off+2*i], b.Vals[v.Off+2*i+1]
		if k.Kind == records.KindString && t.takes(b.Raw(k)) {
			continue
		}
		b.Vals[m.Off+2*m.N], b.Vals[m.Off+2*m.N+1] = k, e
		m.N++
	}
	t.side.set(b, r, nil, m)
	return nil
}

func (t *headerFrom) takes(name []byte) bool {
	for _, f := range t.fields {
		if f == string(name) {
			return true
		}
	}
	return false
}
