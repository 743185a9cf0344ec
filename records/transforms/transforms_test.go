package transforms

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/records"
)

// fixture builds envelopes of a table with two columns; name has the default "none".
type fixture struct {
	b   *records.Batch
	env *records.Schema
}

func newFixture() *fixture {
	str := &records.Schema{Type: records.String}
	opt := &records.Schema{Type: records.String, Optional: true, Default: "none"}
	row := &records.Schema{Type: records.Struct, Optional: true, Name: "s.t.Value", Fields: []records.Field{
		{Name: "id", Schema: &records.Schema{Type: records.Int32}}, {Name: "name", Schema: opt}}}
	source := &records.Schema{Type: records.Struct, Name: "Source", Version: 1, Fields: []records.Field{
		{Name: "db", Schema: str}, {Name: "ts_ms", Schema: &records.Schema{Type: records.Int64}}}}
	tx := &records.Schema{Type: records.Struct, Optional: true, Name: "event.block", Fields: []records.Field{{Name: "id", Schema: str}}}
	env := &records.Schema{Type: records.Struct, Name: "s.t.Envelope", Version: 2, Fields: []records.Field{
		{Name: "before", Schema: row}, {Name: "after", Schema: row}, {Name: "source", Schema: source},
		{Name: "transaction", Schema: tx}, {Name: "op", Schema: str}}}
	b := records.NewBatch(records.Origin{Table: "db.t"})
	return &fixture{b: b, env: env}
}

func (f *fixture) row(id int32, name string) records.Value {
	off := f.b.AddVals(2)
	n := records.Null
	if name != "" {
		n = f.b.AddString(name)
	}
	f.b.Vals[off], f.b.Vals[off+1] = records.Int32Value(id), n
	return records.StructAt(off, 2)
}

func (f *fixture) add(op string, before, after records.Value) {
	src := f.b.AddVals(2)
	f.b.Vals[src], f.b.Vals[src+1] = f.b.AddString("shop"), records.Int64Value(77)
	off := f.b.AddVals(5)
	o := f.b.AddString(op)
	copy(f.b.Vals[off:], []records.Value{before, after, records.StructAt(src, 2), records.Null, o})
	f.b.Records = append(f.b.Records, records.Record{Value: records.StructAt(off, 5), ValueSchema: f.b.SchemaIndex(f.env),
		Topic: f.b.TopicIndex("s.shop.t"), Partition: records.NoPartition, Timestamp: records.NoTimestamp})
}

func (f *fixture) tombstone() {
	f.b.Records = append(f.b.Records, records.Record{Topic: f.b.TopicIndex("s.shop.t")})
}

// show prints a record the way the cases below expect it.
func (f *fixture) show(i int) string {
	r := &f.b.Records[i]
	s := f.b.Schemas[r.ValueSchema]
	var sb strings.Builder
	fmt.Fprintf(&sb, "%s ", f.b.Topics[r.Topic])
	switch {
	case s == nil:
		sb.WriteString("no-schema")
	case s.Optional:
		sb.WriteString(s.Name + "? ")
	default:
		sb.WriteString(s.Name + " ")
	}
	f.value(&sb, s, r.Value)
	for _, h := range f.b.RecordHeaders(r) {
		sb.WriteString(" " + h.Key + "=")
		f.value(&sb, h.Schema, h.Value)
	}
	return sb.String()
}

func (f *fixture) value(sb *strings.Builder, s *records.Schema, v records.Value) {
	switch v.Kind {
	case records.KindNull:
		sb.WriteString("null")
	case records.KindString:
		sb.WriteString(f.b.Str(v))
	case records.KindStruct:
		sb.WriteString("{")
		for i, e := range f.b.Elems(v) {
			if i > 0 {
				sb.WriteString(",")
			}
			sb.WriteString(s.Fields[i].Name + "=")
			f.value(sb, s.Fields[i].Schema, e)
		}
		sb.WriteString("}")
	default:
		fmt.Fprint(sb, v.Int())
	}
}

func TestExtractNewRecordState_ByMode(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  map[string]string
		want []string
	}{
		{"default", nil, []string{
			"s.shop.t s.t.Value {id=1,name=ann}", "s.shop.t s.t.Value {id=1,name=null}", "s.shop.t s.t.Value? null"}},
		{"drop", map[string]string{"delete.tombstone.handling.mode": "drop"}, []string{
			"s.shop.t s.t.Value {id=1,name=ann}", "s.shop.t s.t.Value {id=1,name=null}"}},
		{"rewrite fills defaults", map[string]string{"delete.tombstone.handling.mode": "rewrite"}, []string{
			"s.shop.t s.t.Value {id=1,name=ann,__deleted=false}", "s.shop.t s.t.Value {id=1,name=none,__deleted=false}",
			"s.shop.t s.t.Value {id=1,name=none,__deleted=true}"}},
		{"rewrite-with-tombstone", map[string]string{"delete.tombstone.handling.mode": "rewrite-with-tombstone", "replace.null.with.default": "false", "add.headers": "op"}, []string{
			"s.shop.t s.t.Value {id=1,name=ann,__deleted=false} __op=c", "s.shop.t s.t.Value {id=1,name=null,__deleted=false} __op=u",
			"s.shop.t s.t.Value {id=1,name=null,__deleted=true} __op=d", "s.shop.t no-schemanull __op=d __op=d"}},
		{"delete-to-tombstone", map[string]string{"delete.tombstone.handling.mode": "delete-to-tombstone"}, []string{
			"s.shop.t s.t.Value {id=1,name=ann}", "s.shop.t s.t.Value {id=1,name=null}", "s.shop.t no-schemanull"}},
		{"add fields", map[string]string{"add.fields": "op,source.ts_ms,db:where,id,nothing", "delete.tombstone.handling.mode": "drop"}, []string{
			"s.shop.t s.t.Value {id=1,name=ann,__op=c,__source_ts_ms=77,__where=shop,__id=null}",
			"s.shop.t s.t.Value {id=1,name=null,__op=u,__source_ts_ms=77,__where=shop,__id=null}"}},
		{"route by field", map[string]string{"route.by.field": "name"}, []string{
			"ann s.t.Value {id=1,name=ann}", "s.shop.t s.t.Value {id=1,name=null}", "s.shop.t s.t.Value? null"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture()
			defer f.b.Release()
			f.add("c", records.Null, f.row(1, "ann"))
			f.add("u", f.row(1, "ann"), f.row(1, ""))
			f.add("d", f.row(1, ""), records.Null)
			f.tombstone()
			f.add("t", records.Null, records.Null)
			apply(t, f.b, "io.debezium.transforms.ExtractNewRecordState", c.cfg)
			if len(f.b.Records) != len(c.want) {
				t.Fatalf("%d records, want %d", len(f.b.Records), len(c.want))
			}
			for i := range c.want {
				if got := f.show(i); got != c.want[i] {
					t.Errorf("record %d\n got %s\nwant %s", i, got, c.want[i])
				}
			}
		})
	}
}

func TestExtractNewRecordState_LeavesOtherRecordsAlone(t *testing.T) {
	f := newFixture()
	defer f.b.Release()
	f.env.Name = "io.debezium.connector.common.Heartbeat"
	f.add("c", records.Null, f.row(1, "ann"))
	before := f.show(0)
	apply(t, f.b, "ExtractNewRecordState", nil)
	if got := f.show(0); got != before {
		t.Errorf("got %s, want %s", got, before)
	}
}

func TestRegexRouter(t *testing.T) {
	f := newFixture()
	defer f.b.Release()
	f.add("c", records.Null, f.row(1, "ann"))
	apply(t, f.b, "org.apache.kafka.connect.transforms.RegexRouter", map[string]string{"regex": `([^.]+)\.([^.]+)\.([^.]+)`, "replacement": "$3"})
	if got := f.b.Topics[f.b.Records[0].Topic]; got != "t" {
		t.Errorf("topic %q", got)
	}
}

func apply(t *testing.T, b *records.Batch, class string, cfg map[string]string) {
	t.Helper()
	full := map[string]string{"transforms": "x", "transforms.x.type": class}
	for k, v := range cfg {
		full["transforms.x."+k] = v
	}
	chain, ps := ParseChain(full)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	lane, err := chain.New(records.Strict)
	if err != nil {
		t.Fatal(err)
	}
	if err := lane.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func TestParseChain_NamesTheKey(t *testing.T) {
	for _, c := range []struct {
		cfg map[string]string
		key string
	}{
		{map[string]string{"transforms": "a"}, "transforms.a.type"},
		{map[string]string{"transforms": "a,a", "transforms.a.type": "RegexRouter", "transforms.a.regex": ".", "transforms.a.replacement": "b"}, "transforms"},
		{map[string]string{"transforms": "a", "transforms.a.type": "com.example.Mine"}, "transforms.a.type"},
		{map[string]string{"transforms": "a", "transforms.a.type": "RegexRouter", "transforms.a.replacement": "b"}, "transforms.a.regex"},
		{map[string]string{"transforms": "a", "transforms.a.type": "RegexRouter", "transforms.a.regex": "(", "transforms.a.replacement": "b"}, "transforms.a.regex"},
		{map[string]string{"transforms": "a", "transforms.a.type": "RegexRouter", "transforms.a.regex": "(.)", "transforms.a.replacement": "$2"}, "transforms.a.type"},
		{map[string]string{"transforms": "a", "transforms.a.type": "RegexRouter", "transforms.a.regex": ".", "transforms.a.replacement": "b", "transforms.a.predicate": "p"}, "transforms.a.predicate"},
		{map[string]string{"transforms": "a", "transforms.a.type": "ExtractNewRecordState", "transforms.a.delete.handling.mode": "rewrite"}, "transforms.a.delete.handling.mode"},
		{map[string]string{"transforms": "a", "transforms.a.type": "ExtractNewRecordState", "transforms.a.delete.tombstone.handling.mode": "keep"}, "transforms.a.delete.tombstone.handling.mode"},
	} {
		_, ps := ParseChain(c.cfg)
		if len(ps) == 0 || ps[0].Key != c.key || !strings.Contains(ps[0].Message, strings.TrimPrefix(c.key, "transforms.a.")) && c.key != "transforms.a.type" {
			t.Errorf("%v: %+v, want a problem on %s", c.cfg, ps, c.key)
		}
	}
}

func BenchmarkExtractNewRecordState(b *testing.B) {
	f := newFixture()
	chain, _ := ParseChain(map[string]string{"transforms": "x", "transforms.x.type": "ExtractNewRecordState"})
	lane, _ := chain.New(records.Strict)
	for range 1000 {
		f.add("c", records.Null, f.row(1, "ann"))
	}
	saved := append([]records.Record(nil), f.b.Records...)
	b.ReportAllocs()
	for b.Loop() {
		f.b.Records = append(f.b.Records[:0], saved...)
		if err := lane.Apply(b.Context(), f.b); err != nil {
			b.Fatal(err)
		}
	}
}
