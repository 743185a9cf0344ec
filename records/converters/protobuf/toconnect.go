package protobuf

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/converters/registry"
)

// Parameters of Connect schemas that are made of enums.
const enumParam = "io.confluent.connect.protobuf.Type.Enum"

// maxSchemaText bounds schemas from a registry; a text is compiled in memory.
const maxSchemaText = 4 << 20

// file is a compiled schema of the registry and the plans for those of its messages that came.
type file struct {
	root  protoreflect.FileDescriptor
	set   *options
	mu    sync.Mutex          // guards plans
	plans map[string]*reading // by message indexes as they stand in front of a message
}

// known returns the plan for a message's place, nil if it has not come yet.
func (f *file) known(place []byte) *reading {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.plans[string(place)]
}

// keep stores a plan, or returns what another lane has stored: one schema pointer for all.
func (f *file) keep(place []byte, r *reading) *reading {
	f.mu.Lock()
	defer f.mu.Unlock()
	if other := f.plans[string(place)]; other != nil {
		return other
	}
	f.plans[string(place)] = r
	return r
}

// reading is how one message is read.
type reading struct {
	schema *records.Schema
	plan   *messagePlan
}

// compile compiles a schema with what it refers to.
func compile(set *options, main registry.Schema, refs []registry.Named) (f *file, err error) {
	const name = "\x00schema.proto" // a name that no import can have
	texts := sources{name: main.Text}
	size := len(main.Text)
	for _, r := range refs {
		texts[r.Name] = r.Text
		size += len(r.Text)
	}
	if size > maxSchemaText {
		return nil, data("the schema is larger than %d MiB", maxSchemaText>>20)
	}
	for path, text := range known {
		if _, own := texts[path]; !own {
			texts[path] = text
		}
	}
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(texts), MaxParallelism: 1}
	files, err := c.Compile(context.Background(), name)
	if err != nil {
		return nil, data("Invalid Protobuf schema: %s", strings.ReplaceAll(err.Error(), name, "schema"))
	}
	return &file{root: linker.Files(files)[0], set: set, plans: map[string]*reading{}}, nil
}

// at returns the plan for the message at the indexes.
func (f *file) at(indexes []int) (*reading, error) {
	messages := f.root.Messages()
	var m protoreflect.MessageDescriptor
	for _, i := range indexes {
		if i < 0 || i >= messages.Len() {
			return nil, data("the schema has no message at index %d", i)
		}
		m = messages.Get(i)
		messages = m.Messages()
	}
	if m == nil {
		return nil, data("the schema has no message")
	}
	c := &connecter{set: f.set}
	plan, schema, err := c.message(m)
	if err != nil {
		return nil, err
	}
	return &reading{schema: schema, plan: plan}, nil
}

// connecter makes Connect schemas and plans of descriptors.
type connecter struct {
	set  *options
	open []protoreflect.FullName // messages being made, against recursion
}

func (c *connecter) message(m protoreflect.MessageDescriptor) (*messagePlan, *records.Schema, error) {
	if slices.Contains(c.open, m.FullName()) {
		return nil, nil, data("message %s contains itself, which a Connect schema cannot", m.FullName())
	}
	if len(c.open) > maxDepth {
		return nil, nil, data("messages are nested more than %d deep", maxDepth)
	}
	c.open = append(c.open, m.FullName())
	defer func() { c.open = c.open[:len(c.open)-1] }()
	s := &records.Schema{Type: records.Struct, Name: string(m.Name())}
	p := &messagePlan{byNumber: map[uint64]*readPlan{}}
	unions := map[protoreflect.Name]int{}
	fields := m.Fields()
	for i := range fields.Len() {
		d := fields.Get(i)
		rp, fs, err := c.field(d)
		if err != nil {
			return nil, nil, err
		}
		p.byNumber[uint64(d.Number())] = rp
		if o := d.ContainingOneof(); o != nil && !o.IsSynthetic() {
			at, seen := unions[o.Name()]
			if !seen {
				at = len(s.Fields)
				unions[o.Name()] = at
				name := string(o.Name())
				if c.set.indexForUnions {
					name += "_" + strconv.Itoa(o.Index())
				}
				s.Fields = append(s.Fields, records.Field{Name: name, Schema: &records.Schema{Type: records.Struct, Optional: true, Name: unionPrefix + "." + string(o.Name())}})
			}
			u := s.Fields[at].Schema
			rp.at, rp.member = at, len(u.Fields)+1
			fs.Optional = true
			u.Fields = append(u.Fields, records.Field{Name: string(d.Name()), Schema: fs})
			continue
		}
		rp.at = len(s.Fields)
		s.Fields = append(s.Fields, records.Field{Name: string(d.Name()), Schema: fs})
	}
	p.fields = make([]zero, len(s.Fields))
	for _, rp := range p.byNumber {
		switch {
		case rp.member > 0:
			p.fields[rp.at].members = len(s.Fields[rp.at].Schema.Fields)
		case rp.repeated:
			p.fields[rp.at].list = true
		case rp.entry != nil:
			p.fields[rp.at].isMap = true
		default:
			p.fields[rp.at].value = rp.zero
			if name, ok := rp.enum[0]; ok && !rp.presence {
				p.enums = append(p.enums, enumZero{rp.at, name})
			}
		}
	}
	return p, s, nil
}

// field plans one field and makes its schema.
func (c *connecter) field(d protoreflect.FieldDescriptor) (*readPlan, *records.Schema, error) {
	if d.IsMap() {
		k, ks, err := c.value(d.MapKey())
		if err != nil {
			return nil, nil, err
		}
		v, vs, err := c.value(d.MapValue())
		if err != nil {
			return nil, nil, err
		}
		s := &records.Schema{Type: records.Map, Key: ks, Elem: vs, Optional: true}
		c.decorate(s, d)
		s.Optional = !c.set.optional
		k.at, v.at = 0, 1
		return &readPlan{kind: kindMap, entry: &messagePlan{byNumber: map[uint64]*readPlan{1: k, 2: v}, fields: []zero{{value: k.zero}, {value: v.zero}}}}, s, nil
	}
	p, s, err := c.value(d)
	if err != nil {
		return nil, nil, err
	}
	if d.IsList() {
		p.repeated = true
		s = &records.Schema{Type: records.Array, Elem: s, Optional: !c.set.optional}
		c.decorate(s, d)
		return p, s, nil
	}
	c.decorate(s, d)
	switch {
	case c.set.optional:
		s.Optional = d.HasOptionalKeyword() || d.Kind() == protoreflect.MessageKind
	default:
		s.Optional = d.Cardinality() != protoreflect.Required && (c.set.optionalProto2 || d.ParentFile().Syntax() != protoreflect.Proto2)
	}
	if d.HasPresence() {
		p.zero, p.presence = records.Null, true
		if !s.Optional && d.Cardinality() != protoreflect.Required {
			s.Optional = true // it can be missing
		}
	}
	return p, s, nil
}

// decorate adds the field's number and what its options say.
func (c *connecter) decorate(s *records.Schema, d protoreflect.FieldDescriptor) {
	s.Params = append(s.Params, records.Param{Key: tagParam, Value: strconv.Itoa(int(d.Number()))})
	if doc := metaOf(d).doc; doc != "" {
		s.Doc = doc
	}
}

// value makes the schema and plan of one value of a field.
func (c *connecter) value(d protoreflect.FieldDescriptor) (*readPlan, *records.Schema, error) {
	p := &readPlan{}
	s := &records.Schema{}
	set := func(t records.Type, k kind, z records.Value) { s.Type, p.kind, p.zero, p.as = t, k, z, z.Kind }
	meta := metaOf(d)
	switch d.Kind() {
	case protoreflect.BoolKind:
		set(records.Boolean, kindVarint, records.BoolValue(false))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		switch meta.params[connectType] {
		case "int8":
			set(records.Int8, kindVarint, records.Int8Value(0))
		case "int16":
			set(records.Int16, kindVarint, records.Int16Value(0))
		default:
			set(records.Int32, kindVarint, records.Int32Value(0))
		}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind,
		protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		set(records.Int64, kindVarint, records.Int64Value(0))
	case protoreflect.FloatKind:
		set(records.Float32, kindFloat, records.Float32Value(0))
	case protoreflect.DoubleKind:
		set(records.Float64, kindDouble, records.Float64Value(0))
	case protoreflect.StringKind:
		set(records.String, kindBytes, records.Value{Kind: records.KindString})
	case protoreflect.BytesKind:
		set(records.Bytes, kindBytes, records.Value{Kind: records.KindBytes})
	case protoreflect.EnumKind:
		if c.set.intForEnums {
			set(records.Int32, kindVarint, records.Int32Value(0))
			break
		}
		set(records.String, kindVarint, records.Null)
		e := d.Enum()
		s.Params = append(s.Params, records.Param{Key: enumParam, Value: string(e.Name())})
		p.enum = map[int32]string{}
		for i := range e.Values().Len() {
			v := e.Values().Get(i)
			s.Params = append(s.Params, records.Param{Key: enumParam + "." + string(v.Name()), Value: strconv.Itoa(int(v.Number()))})
			if _, twice := p.enum[int32(v.Number())]; !twice {
				p.enum[int32(v.Number())] = string(v.Name())
			}
		}
	case protoreflect.MessageKind:
		return c.messageValue(d, p, s, meta)
	default:
		return nil, nil, data("fields of type %s are not supported", d.Kind())
	}
	p.wire = d.Kind()
	return p, s, nil
}

func (c *connecter) messageValue(d protoreflect.FieldDescriptor, p *readPlan, s *records.Schema, meta fieldMeta) (*readPlan, *records.Schema, error) {
	p.wire = protoreflect.MessageKind
	logical := func(t records.Type, name string, k kind) {
		s.Type, s.Name, s.Version, p.kind = t, name, 1, k
	}
	switch d.Message().FullName() {
	case decimalMessage:
		logical(records.Bytes, records.DecimalName, kindDecimal)
		scale := meta.params["scale"]
		if scale == "" {
			scale = "0"
		}
		n, err := strconv.Atoi(scale)
		if err != nil {
			return nil, nil, data("field %s: the scale of a Decimal is not a number", d.FullName())
		}
		p.scale = n
		s.Params = append(s.Params, records.Param{Key: records.ScaleParam, Value: scale})
		if precision := meta.params["precision"]; precision != "" {
			s.Params = append(s.Params, records.Param{Key: records.PrecisionParam, Value: precision})
		}
	case dateMessage:
		logical(records.Int32, records.DateName, kindDate)
	case timeMessage:
		logical(records.Int32, records.TimeName, kindTime)
	case timestampMessage:
		logical(records.Int64, records.TimestampName, kindTimestamp)
	default:
		plan, schema, err := c.message(d.Message())
		if err != nil {
			return nil, nil, err
		}
		p.kind, p.message = kindMessage, plan
		return p, schema, nil
	}
	return p, s, nil
}

// fieldMeta is the confluent.field_meta of a field.
type fieldMeta struct {
	doc    string
	params map[string]string
}

func metaOf(d protoreflect.FieldDescriptor) fieldMeta {
	out := fieldMeta{params: map[string]string{}}
	if d.Options() == nil {
		return out
	}
	d.Options().ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.FullName() != "confluent.field_meta" {
			return true
		}
		m := v.Message()
		fields := m.Descriptor().Fields()
		if doc := fields.ByName("doc"); doc != nil {
			out.doc = m.Get(doc).String()
		}
		if params := fields.ByName("params"); params != nil {
			m.Get(params).Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				out.params[k.String()] = v.String()
				return true
			})
		}
		return false
	})
	return out
}
