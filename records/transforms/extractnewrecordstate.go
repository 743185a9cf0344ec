package transforms

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
)

// Words of delete.tombstone.handling.mode (DM-194).
const (
	modeTombstone            = "tombstone"
	modeDrop                 = "drop"
	modeRewrite              = "rewrite"
	modeRewriteWithTombstone = "rewrite-with-tombstone"
	modeDeleteToTombstone    = "delete-to-tombstone"
)

const deletedField = "__deleted"

// extractNewRecordState is io.debezium.transforms.ExtractNewRecordState (DM-193..202): the
// envelope is replaced by the row. Without add.fields and outside the rewrite modes a row
// is not touched: the record's value becomes the "after" member as it lies in the slab.
type extractNewRecordState struct {
	mode               string
	addFields          []fieldRef
	addHeaders         []fieldRef
	routeBy            string
	replaceNullDefault bool

	plans map[*records.Schema]*extractPlan

	// Headers of the record before, within one batch; behind says that there is one.
	behind         bool
	lastOff, lastN uint32
}

// fieldRef is one entry of add.fields or add.headers: a member of the envelope or of one of its structs.
type fieldRef struct {
	parent string // "source", "transaction" or "" for the envelope itself
	field  string
	as     string
}

// extractPlan is what one envelope schema leads to. A nil row means the schema is no envelope.
type extractPlan struct {
	before, after, op int
	row               *records.Schema // optional, as in the envelope: the schema of a null row
	out               *records.Schema // what rows leave with
	fields            []boundRef
	headers           []boundRef
	routeBy           int
}

// boundRef is a fieldRef resolved against an envelope schema.
type boundRef struct {
	parent int // index in the envelope, -1 = the envelope itself
	field  int // index in the parent
	as     string
	isOp   bool
	schema *records.Schema
}

func extractNewRecordStateClass() Class {
	notYet := configs.RefuseAny("not supported yet; drop the fields with a column.exclude.list in the source instead")
	text := func(name, def string) configs.Key {
		return configs.Key{Name: name, Type: configs.StringType, Default: def, HasDefault: true, Importance: configs.Low}
	}
	list := func(name string) configs.Key {
		k := text(name, "")
		k.Type = configs.ListType
		return k
	}
	handling := text("delete.tombstone.handling.mode", modeTombstone)
	handling.Importance = configs.Medium
	handling.Doc = "What happens to deletes and tombstones: tombstone keeps a null value for each delete, drop removes both, rewrite writes the old row with __deleted, rewrite-with-tombstone also keeps the tombstone, delete-to-tombstone writes a real tombstone."
	handling.OneOf = []string{modeTombstone, modeDrop, modeRewrite, modeRewriteWithTombstone, modeDeleteToTombstone}
	dropHeader := text("drop.fields.header.name", "")
	dropHeader.Refuse = notYet
	dropKey := configs.Key{Name: "drop.fields.from.key", Type: configs.BooleanType, Default: "false", HasDefault: true, Importance: configs.Low, Refuse: notYet}
	dropCompat := configs.Key{Name: "drop.fields.keep.schema.compatible", Type: configs.BooleanType, Default: "true", HasDefault: true, Importance: configs.Low, Refuse: notYet}
	gone := func(name string) configs.Key {
		return configs.Key{Name: name, Type: configs.StringType, Importance: configs.Low,
			Refuse: configs.RefuseAny("removed from Debezium in 3.2; use delete.tombstone.handling.mode (drop.tombstones=true with delete.handling.mode=drop is \"drop\", rewrite with drop.tombstones=false is \"rewrite-with-tombstone\", none with drop.tombstones=true is \"tombstone\")")}
	}
	return Class{
		Name: "io.debezium.transforms.ExtractNewRecordState",
		Def: configs.NewDef(handling, text("route.by.field", ""), text("add.fields.prefix", "__"), list("add.fields"),
			text("add.headers.prefix", "__"), list("add.headers"),
			configs.Key{Name: "replace.null.with.default", Type: configs.BooleanType, Default: "true", HasDefault: true, Importance: configs.Low},
			dropHeader, dropKey, dropCompat, gone("drop.tombstones"), gone("delete.handling.mode")),
		New: func(v *configs.Values) (Transform, error) {
			t := &extractNewRecordState{mode: v.Word("delete.tombstone.handling.mode"), routeBy: v.Str("route.by.field"),
				replaceNullDefault: v.Bool("replace.null.with.default"), plans: map[*records.Schema]*extractPlan{}}
			var err error
			if t.addFields, err = parseRefs("add.fields", v.Str("add.fields.prefix"), v.List("add.fields")); err != nil {
				return nil, err
			}
			t.addHeaders, err = parseRefs("add.headers", v.Str("add.headers.prefix"), v.List("add.headers"))
			return t, err
		},
	}
}

// parseRefs reads entries of the form field, struct.field and either with :newname (DM-195).
func parseRefs(key, prefix string, entries []string) ([]fieldRef, error) {
	var out []fieldRef
	for _, e := range entries {
		name, as, renamed := strings.Cut(e, ":")
		if e == "" || name == "" || renamed && (as == "" || strings.Contains(as, ":")) {
			return nil, fmt.Errorf("%s: entry %q is not of the form [struct.]field[:newname]", key, e)
		}
		r := fieldRef{field: name}
		parent, field, nested := strings.Cut(name, ".")
		if nested {
			r.parent, r.field = parent, field
			r.as = prefix + parent + "_" + field
		} else {
			r.parent = parentOf(name)
			r.as = prefix + name
		}
		if renamed {
			r.as = prefix + as
		}
		out = append(out, r)
	}
	return out, nil
}

// parentOf says where a name without a dot is looked up (DM-195).
func parentOf(field string) string {
	switch field {
	case "id", "data_collection_order", "total_order":
		return "transaction"
	case "op", "ts_ms", "ts_us", "ts_ns":
		return ""
	}
	return "source"
}

func isEnvelope(s *records.Schema) bool {
	return s != nil && s.Type == records.Struct && strings.HasSuffix(s.Name, ".Envelope")
}

func (t *extractNewRecordState) plan(s *records.Schema) (*extractPlan, error) {
	if p, ok := t.plans[s]; ok {
		return p, nil
	}
	p := &extractPlan{}
	if isEnvelope(s) {
		if err := t.bind(p, s); err != nil {
			return nil, err
		}
	}
	if len(t.plans) >= maxMemo {
		clear(t.plans)
	}
	t.plans[s] = p
	return p, nil
}

func (t *extractNewRecordState) bind(p *extractPlan, env *records.Schema) error {
	p.before, p.after, p.op = env.FieldIndex("before"), env.FieldIndex("after"), env.FieldIndex("op")
	if p.before < 0 || p.after < 0 || p.op < 0 {
		return dataErrorf("schema %s ends in .Envelope but has no before, after and op", env.Name)
	}
	p.row = env.Fields[p.after].Schema
	p.routeBy = -1
	if t.routeBy != "" {
		p.routeBy = p.row.FieldIndex(t.routeBy)
		if p.routeBy < 0 || p.row.Fields[p.routeBy].Schema.Type != records.String {
			return dataErrorf("route.by.field=%s: %s has no STRING field of that name", t.routeBy, p.row.Name)
		}
	}
	p.out = basics(p.row)
	p.out.Fields = append([]records.Field(nil), p.row.Fields...)
	if t.rewrites() {
		p.out.Fields = append(p.out.Fields, records.Field{Name: deletedField, Schema: &records.Schema{Type: records.String, Optional: true}})
	}
	var err error
	if p.fields, err = resolve("add.fields", t.addFields, env); err != nil {
		return err
	}
	for _, r := range p.fields {
		p.out.Fields = append(p.out.Fields, records.Field{Name: r.as, Schema: r.schema})
	}
	p.headers, err = resolve("add.headers", t.addHeaders, env)
	return err
}

func (t *extractNewRecordState) rewrites() bool {
	return t.mode == modeRewrite || t.mode == modeRewriteWithTombstone
}

// resolve finds the fields; one that does not exist is left out, as Debezium does.
func resolve(key string, refs []fieldRef, env *records.Schema) ([]boundRef, error) {
	var out []boundRef
	for _, r := range refs {
		b := boundRef{parent: -1, as: r.as, isOp: r.field == "op"}
		parent := env
		if r.parent != "" {
			b.parent = env.FieldIndex(r.parent)
			if b.parent < 0 || env.Fields[b.parent].Schema.Type != records.Struct {
				return nil, dataErrorf("%s: envelope %s has no struct %q", key, env.Name, r.parent)
			}
			parent = env.Fields[b.parent].Schema
		}
		b.field = parent.FieldIndex(r.field)
		if b.field < 0 {
			// Debezium looks into the envelope itself as a second try.
			if b.field = env.FieldIndex(r.field); b.field < 0 {
				continue
			}
			b.parent, parent = -1, env
		}
		b.schema = basics(parent.Fields[b.field].Schema)
		b.schema.Fields = parent.Fields[b.field].Schema.Fields
		b.schema.Optional = true
		out = append(out, b)
	}
	return out, nil
}

func (r *boundRef) value(b *records.Batch, env records.Value) records.Value {
	v := env
	if r.parent >= 0 {
		if v = b.Elems(env)[r.parent]; v.IsNull() {
			return records.Null
		}
	}
	return b.Elems(v)[r.field]
}

func (t *extractNewRecordState) start(*records.Batch) { t.behind = false }

func (t *extractNewRecordState) Apply(b *records.Batch, r *records.Record) (keep bool, err error) {
	was := *r
	if t.behind && b.Origin.Topic == "" && r.Value.IsNull() && r.ValueSchema == 0 {
		// In a source connector a tombstone shares the headers object of its delete event in
		// Java, so what was added there is seen here too.
		r.HeaderOff, r.HeaderN = t.lastOff, t.lastN
	}
	if keep, err = t.record(b, r); err != nil {
		*r = was
	}
	t.lastOff, t.lastN, t.behind = r.HeaderOff, r.HeaderN, true
	return keep, err
}

func (t *extractNewRecordState) record(b *records.Batch, r *records.Record) (keep bool, err error) {
	p, err := t.plan(b.Schemas[r.ValueSchema])
	if err != nil {
		return false, err
	}
	if r.Value.IsNull() {
		return t.tombstone(b, r), nil
	}
	if p.row == nil {
		return true, nil
	}
	env := r.Value
	if len(p.headers) > 0 {
		t.headers(b, r, p, env)
	}
	members := b.Elems(env)
	after, before := members[p.after], members[p.before]
	switch {
	case !after.IsNull():
		t.route(b, r, p, after)
		t.emit(b, r, p, env, after, "false")
		return true, nil
	case before.IsNull(): // truncate (DM-201)
		return false, nil
	}
	switch t.mode {
	case modeDrop:
		return false, nil
	case modeTombstone:
		r.Value, r.ValueSchema = records.Null, b.SchemaIndex(p.row)
	case modeDeleteToTombstone:
		r.Value, r.ValueSchema = records.Null, 0
	default:
		t.emit(b, r, p, env, before, "true")
	}
	t.route(b, r, p, before)
	return true, nil
}

// tombstone decides about a record that already is one; on it only op can be told (DM-196).
func (t *extractNewRecordState) tombstone(b *records.Batch, r *records.Record) bool {
	if t.mode != modeRewriteWithTombstone {
		return false
	}
	var add []records.Header
	for _, h := range t.addHeaders {
		if h.field == "op" {
			add = append(add, records.Header{Key: h.as, Schema: stringSchema, Value: b.AddString("d")})
		}
	}
	appendHeaders(b, r, add)
	return true
}

var stringSchema = &records.Schema{Type: records.String}

func (t *extractNewRecordState) headers(b *records.Batch, r *records.Record, p *extractPlan, env records.Value) {
	add := make([]records.Header, 0, len(p.headers))
	for i := range p.headers {
		h := &p.headers[i]
		add = append(add, records.Header{Key: h.as, Schema: h.schema, Value: h.value(b, env)})
	}
	appendHeaders(b, r, add)
}

// appendHeaders gives the record a range of its own: ranges are shared between records.
func appendHeaders(b *records.Batch, r *records.Record, add []records.Header) {
	if len(add) == 0 {
		return
	}
	old := append([]records.Header(nil), b.RecordHeaders(r)...)
	r.HeaderOff, r.HeaderN = b.AddHeaders(append(old, add...)...)
}

func (t *extractNewRecordState) route(b *records.Batch, r *records.Record, p *extractPlan, row records.Value) {
	if p.routeBy < 0 {
		return
	}
	if v := b.Elems(row)[p.routeBy]; !v.IsNull() {
		if topic := b.Str(v); strings.TrimSpace(topic) != "" {
			r.Topic = b.TopicIndex(topic)
		}
	}
}

// emit makes row the record's value, followed by __deleted and the added fields.
func (t *extractNewRecordState) emit(b *records.Batch, r *records.Record, p *extractPlan, env, row records.Value, deleted string) {
	r.ValueSchema = b.SchemaIndex(p.out)
	if len(p.out.Fields) == int(row.N) {
		r.Value = row
		return
	}
	off := b.AddVals(len(p.out.Fields))
	dst := b.Vals[off : int(off)+len(p.out.Fields)]
	n := copy(dst, b.Elems(row))
	if t.rewrites() {
		if t.replaceNullDefault {
			fillDefaults(b, p.row, off)
			dst = b.Vals[off : int(off)+len(p.out.Fields)]
		}
		dst[n] = b.AddString(deleted)
		n++
	}
	for i := range p.fields {
		dst[n] = p.fields[i].value(b, env)
		n++
	}
	r.Value = records.StructAt(off, len(p.out.Fields))
}

// fillDefaults replaces nulls by the schema default, which is what Kafka's InsertField does
// with replace.null.with.default (CW-352).
func fillDefaults(b *records.Batch, row *records.Schema, off uint32) {
	for i := range row.Fields {
		s := row.Fields[i].Schema
		if s.Default != nil && b.Vals[int(off)+i].IsNull() {
			b.Vals[int(off)+i] = b.DefaultValue(s)
		}
	}
}
