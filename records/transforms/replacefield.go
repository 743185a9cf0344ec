package transforms

import (
	"slices"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// replaceField is ReplaceField (CW-366): fields are left out and renamed. What comes out of a
// schema is a list of columns to copy.
type replaceField struct {
	side    side
	exclude []string
	include []string
	renames map[string]string
	back    map[string]string
	fill    bool
	plans   plans[replacePlan]
}

type replacePlan struct {
	out  *records.Schema
	from []int // the column of each field
	err  error
	// Two fields can exchange their contents by a rename and an excluded field; then the class may not fit.
	wrong []string // class of each field's value if it is another than the schema's, else ""
	// lost are the fields whose content's old name is not there, which is an error when their turn comes.
	lost []string
}

func replaceFieldClasses() []Class {
	list := func(name, alias, doc string, check func(any) error) configs.Key {
		k := configs.Key{Name: name, Type: configs.ListType, HasDefault: true, Importance: configs.Medium, Doc: doc, Check: check}
		if alias != "" {
			k.Aliases = []string{alias}
		}
		return k
	}
	return sided("ReplaceField", configs.NewDef(
		list("exclude", "blacklist", "Fields to leave out; it wins over include.", distinct("exclude", true)),
		list("include", "whitelist", "Fields to keep; empty keeps all.", distinct("include", true)),
		list("renames", "", "Pairs old:new of names.", func(v any) error {
			_, err := parseRenames(v.([]string))
			return err
		}),
		replaceNullKey()),
		func(v *configs.Values, s side) (Transform, error) {
			t := &replaceField{side: s, exclude: v.List("exclude"), include: v.List("include"), back: map[string]string{}, fill: v.Bool(replaceNull)}
			var err error
			t.renames, err = parseRenames(v.List("renames"))
			for old, name := range t.renames {
				t.back[name] = old
			}
			return t, err
		})
}

func parseRenames(pairs []string) (map[string]string, error) {
	m := map[string]string{}
	for _, p := range pairs {
		parts := javaSplit(p)
		if len(parts) != 2 {
			return nil, configs.WholeText("%s", "Invalid value "+javaList(pairs)+" for configuration renames: Invalid rename mapping: "+p)
		}
		m[parts[0]] = parts[1]
	}
	return m, nil
}

// javaSplit is String.split(":"), which drops empty parts at the end.
func javaSplit(s string) []string {
	parts := strings.Split(s, ":")
	if len(parts) == 1 {
		return parts
	}
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// javaList is List.toString.
func javaList(list []string) string { return "[" + strings.Join(list, ", ") + "]" }

// distinct checks a list as Kafka's ValidList.anyNonDuplicateValues does.
func distinct(key string, mayBeEmpty bool) func(any) error {
	items := configs.ListItems(key, mayBeEmpty)
	return func(v any) error {
		list := v.([]string)
		for i, s := range list {
			if slices.Contains(list[:i], s) {
				return configs.WholeText("Configuration '%s' values must not be duplicated.", key)
			}
		}
		return items(v)
	}
}

func (t *replaceField) keeps(name string) bool {
	return !slices.Contains(t.exclude, name) && (len(t.include) == 0 || slices.Contains(t.include, name))
}

func (t *replaceField) renamed(name string) string {
	if to, ok := t.renames[name]; ok {
		return to
	}
	return name
}

func (t *replaceField) plan(s *records.Schema) *replacePlan {
	p := &replacePlan{}
	sb := newStruct(basics(s))
	for _, f := range s.Fields {
		if t.keeps(f.Name) {
			sb.field(t.renamed(f.Name), f.Schema)
		}
	}
	if p.err = sb.err; p.err != nil {
		return p
	}
	p.out = sb.schema
	p.wrong, p.lost = make([]string, len(p.out.Fields)), make([]string, len(p.out.Fields))
	for i, f := range p.out.Fields {
		name := f.Name
		if old, ok := t.back[name]; ok {
			name = old
		}
		from := s.FieldIndex(name)
		p.from = append(p.from, from)
		if from < 0 {
			p.lost[i] = name
			continue
		}
		if source := s.Fields[from].Schema; !sameClass(source, f.Schema) {
			p.wrong[i] = records.JavaClass(source, records.Value{Kind: kindOf(source.Type)})
		}
	}
	return p
}

// sameClass says whether values of one schema have the Java class that the other demands.
func sameClass(a, b *records.Schema) bool {
	return a == b || a.Type == b.Type && (a.Type != records.Struct || a.Equal(b)) &&
		records.JavaClass(a, records.Value{Kind: kindOf(a.Type)}) == records.JavaClass(b, records.Value{Kind: kindOf(b.Type)})
}

// kindOf is the kind of the values of a type: the constants stand in the same order.
func kindOf(t records.Type) records.Kind { return records.Kind(t) }

func (t *replaceField) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := t.side.get(b, r)
	switch {
	case v.IsNull():
		return true, nil
	case s == nil:
		return true, t.fromMap(b, r, v)
	case v.Kind != records.KindStruct:
		return true, notStruct("field replacement", s, v)
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
		if from < 0 {
			return true, dataErrorf("%s is not a valid field name", p.lost[i])
		}
		e := get(b, s.Fields[from].Schema, b.Vals[int(v.Off)+from], t.fill)
		if p.wrong[i] != "" && !e.IsNull() {
			if s.Fields[from].Schema.Type == records.Struct && p.out.Fields[i].Schema.Type == records.Struct {
				return true, dataErrorf("Struct schemas do not match.")
			}
			return true, wrongClass(p.out.Fields[i].Schema, p.wrong[i], `field: "`+p.out.Fields[i].Name+`"`)
		}
		if err := put(b, &p.out.Fields[i], e); err != nil {
			return true, err
		}
		b.Vals[int(off)+i] = e
	}
	t.side.set(b, r, p.out, records.StructAt(off, len(p.from)))
	return true, nil
}

func (t *replaceField) fromMap(b *records.Batch, r *records.Record, v records.Value) error {
	if v.Kind != records.KindMap {
		return notMap("field replacement", nil, v)
	}
	m := records.Value{Kind: records.KindMap, Off: b.AddVals(2 * int(v.N))}
	order := t.order(b, v)
	for n := range v.N {
		i := n
		if order != nil {
			i = order[n]
		}
		k, e := b.Vals[v.Off+2*i], b.Vals[v.Off+2*i+1]
		if k.Kind != records.KindString {
			continue
		}
		name := b.Raw(k)
		if !t.keepsRaw(name) {
			continue
		}
		if to, ok := t.renames[string(name)]; ok {
			mapPut(b, &m, to, e)
			continue
		}
		if len(t.renames) > 0 {
			if _, at := mapGet(b, m, string(name)); at >= 0 {
				b.Vals[int(m.Off)+at+1] = e
				continue
			}
		}
		b.Vals[m.Off+2*m.N], b.Vals[m.Off+2*m.N+1] = k, e
		m.N++
	}
	t.side.set(b, r, nil, m)
	return nil
}

// order is the order in which Java's HashMap lists the entries, which decides what stays when
// a new name meets an old one; nil if none does.
func (t *replaceField) order(b *records.Batch, v records.Value) []uint32 {
	meet := false
	for old, name := range t.renames {
		_, a := mapGet(b, v, old)
		_, c := mapGet(b, v, name)
		meet = meet || a >= 0 && c >= 0
	}
	if !meet {
		return nil
	}
	var keys []string
	at := map[string]uint32{}
	for i := range v.N {
		if k := b.Vals[v.Off+2*i]; k.Kind == records.KindString {
			name := b.Str(k)
			keys = append(keys, name)
			at[name] = i
		} else {
			return nil
		}
	}
	records.JavaOrder(keys)
	order := make([]uint32, len(keys))
	for i, name := range keys {
		order[i] = at[name]
	}
	return order
}

func (t *replaceField) keepsRaw(name []byte) bool {
	in := len(t.include) == 0
	for _, s := range t.include {
		in = in || s == string(name)
	}
	for _, s := range t.exclude {
		in = in && s != string(name)
	}
	return in
}
