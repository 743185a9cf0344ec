package transforms

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/testenv"
	"github.com/anabranch/anabranch/testenv/typed"
)

// settings are the configurations with which each class meets every sample.
func settings() map[string][]map[string]string {
	m := map[string][]map[string]string{}
	add := func(class string, kv ...string) {
		cfg := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			cfg[kv[i]] = kv[i+1]
		}
		m[class] = append(m[class], cfg)
	}
	const fill = "replace.null.with.default"
	types := []string{"int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"}
	for _, to := range types {
		add("Cast", "spec", to)
		var fields []string
		for _, f := range []string{"i8", "i16", "i32", "i64", "f32", "f64", "b", "dec", "date", "time", "ts"} {
			fields = append(fields, f+":"+to)
		}
		add("Cast", "spec", strings.Join(fields, ","))
		add("Cast", "spec", "s:"+to, fill, "false")
		add("Cast", "spec", "x:"+to)
		add("Cast", "spec", "id:"+to+", list : "+strings.ToUpper(to))
	}
	add("Cast", "spec", "i32:string,f64:string,none:int8", fill, "false")
	add("Cast", "spec", "list:string")
	add("Cast", "spec", "in:string")
	for _, bad := range []string{"", "foo", "a:foo", "a:b:c", "int8,int16", "a:int8,int16", "a:", ":int8", "a:bytes", "array", "a:int8,,b:int8", "a:int8,a:int16"} {
		add("Cast", "spec", bad)
	}
	add("Cast")
	for _, f := range []string{"i32", "s", "in", "maybe", "none", "id", "in.x", "list", ""} {
		add("ExtractField", "field", f)
		add("ExtractField", "field", f, fill, "false")
	}
	for _, f := range []string{"in.x", "in.`y.z`", "maybe.deep.`a`b`", "maybe.x", "in.none", "i32.x", "none.x", "in.", "`in.x`", "in.deep.list", "`in`.x.", "`in", "`a\\`", "`in\\`.x`", "a..b", "maybe.`y.z`"} {
		add("ExtractField", "field", f, "field.syntax.version", "v2", fill, fmt.Sprint(len(f)%2 == 0))
	}
	add("ExtractField", "field", "x", "field.syntax.version", "V3")
	add("ExtractField")
	add("Flatten")
	add("Flatten", "delimiter", "_")
	add("Flatten", "delimiter", "")
	for _, op := range []string{"move", "copy"} {
		add("HeaderFrom", "fields", "i32,s", "headers", "H1,H2", "operation", op)
		add("HeaderFrom", "fields", "i32,s,in,list", "headers", "H1,H2,H2,h1", "operation", op, fill, "false")
		add("HeaderFrom", "fields", "id,i64", "headers", "H1,H2", "operation", op)
		add("HeaderFrom", "fields", "none", "headers", "H1", "operation", op)
		add("HeaderFrom", "fields", "i8", "headers", "H1", "operation", op)
	}
	add("HeaderFrom", "fields", "a,b", "headers", "x", "operation", "copy")
	add("HeaderFrom", "fields", "", "headers", "x", "operation", "copy")
	add("HeaderFrom", "fields", "a", "headers", "x", "operation", "COPY")
	add("HeaderFrom", "fields", "a", "operation", "copy")
	add("HoistField", "field", "magic")
	add("HoistField", "field", "")
	add("HoistField")
	add("InsertField", "topic.field", "t", "partition.field", "p!", "timestamp.field", "ts2?", "static.field", "st", "static.value", "x")
	add("InsertField", "topic.field", "t!", "timestamp.field", "ts2!", fill, "false")
	add("InsertField", "offset.field", "off", "partition.field", "p")
	add("InsertField", "topic.field", "s")
	add("InsertField", "topic.field", "n", "static.field", "n", "static.value", "x")
	add("InsertField", "static.field", "!", "static.value", "")
	add("InsertField", "static.field", "id", "static.value", "é😀")
	add("InsertField")
	add("InsertField", "static.value", "x")
	for _, f := range []string{"i8,i16,i32,i64,f32,f64,b,s", "dec,date,time,ts", "list", "x", "in", "m", "id,nothing,none", "s", "b", "in.x", "maybe"} {
		add("MaskField", "fields", f)
		add("MaskField", "fields", f, fill, "false")
		add("MaskField", "fields", f, "replacement", "12")
		if f != "i8,i16,i32,i64,f32,f64,b,s" { // which of several errors comes first is up to Java's HashSet
			add("MaskField", "fields", f, "replacement", "secret")
		}
	}
	add("MaskField", "fields", "i8,i16,i32,i64,f32,f64,s,id", "replacement", "-1e3", fill, "false")
	add("MaskField", "fields", "i8,i16,i32,i64,f32,f64,s,id", "replacement", "99999999999999999999.75")
	add("MaskField", "fields", "")
	add("MaskField", "fields", "a", "replacement", "")
	add("ReplaceField", "exclude", "i8,s,in")
	add("ReplaceField", "include", "i8,s,in,i32")
	add("ReplaceField", "include", "i8,s,in,i32", "exclude", "s", fill, "false")
	add("ReplaceField", "renames", "i8:I8,s:S")
	add("ReplaceField", "renames", "i32:s", "exclude", "i32")
	add("ReplaceField", "renames", "none:i8")
	add("ReplaceField", "renames", "in:maybe", "exclude", "in")
	add("ReplaceField", "renames", "i8:f64,f64:i8")
	add("ReplaceField", "renames", "a")
	add("ReplaceField", "renames", "a:b:c")
	add("ReplaceField", "renames", "a:")
	add("ReplaceField", "include", "a,,b")
	add("ReplaceField", "include", "none")
	add("ReplaceField")
	add("SetSchemaMetadata", "schema.name", "new.Name")
	add("SetSchemaMetadata", "schema.version", "12", fill, "false")
	add("SetSchemaMetadata", "schema.name", "", "schema.version", "1")
	add("SetSchemaMetadata", "schema.version", "x")
	add("SetSchemaMetadata")
	for _, target := range []string{"string", "unix", "Date", "Time", "Timestamp"} {
		for i, f := range []string{"", "i64", "ts", "date", "time", "s", "none", "i32", "id"} {
			precision := []string{"milliseconds", "seconds", "microseconds", "nanoseconds"}[i%4]
			add("TimestampConverter", "target.type", target, "field", f, "format", "yyyy-MM-dd HH:mm:ss", "unix.precision", precision, fill, fmt.Sprint(i%2 == 0))
		}
		add("TimestampConverter", "target.type", target, "format", "yyyy-MM-dd", "unix.precision", "nanoseconds")
		add("TimestampConverter", "target.type", target, "unix.precision", "seconds")
		add("TimestampConverter", "target.type", target, "field", "s")
		add("TimestampConverter", "target.type", target, "field", "s", "format", "yyyy-MM-dd")
	}
	add("TimestampConverter", "target.type", "date")
	add("TimestampConverter", "target.type", "string", "format", "nope")
	add("TimestampConverter", "target.type", "unix", "unix.precision", "s")
	add("TimestampConverter")
	add("DropHeaders", "headers", "h1")
	add("DropHeaders", "headers", "h1, h2,keep")
	add("DropHeaders", "headers", "none")
	add("DropHeaders", "headers", "")
	add("DropHeaders")
	add("Filter")
	for _, lit := range []string{"text", "12", "1.5", "true", "null", "", "[1,2,300]", `{"a":1,"b":2.5}`, "2020-01-05", "2020-01-05T10:11:12.123Z", "10:11:12.123Z", "99999999999999999999", "[1,\"a\"]", "{}", "[]", " 12 "} {
		add("InsertHeader", "header", "h1", "value.literal", lit)
	}
	add("InsertHeader", "header", "")
	add("RegexRouter", "regex", `([^.]+)\.([^.]+)\.([^.]+)`, "replacement", "$3-$1")
	add("RegexRouter", "regex", `.*`, "replacement", "x\\$")
	add("RegexRouter", "regex", `orders`, "replacement", "y")
	add("TimestampRouter")
	add("TimestampRouter", "topic.format", "${timestamp}/${topic}/${topic}", "timestamp.format", "yyyy-'W'ww EEE")
	for _, f := range []string{"i8", "s,i32", "i8,none", "in,maybe", "id", "s"} {
		add("ValueToKey", "fields", f)
		add("ValueToKey", "fields", f, fill, "false")
	}
	add("ValueToKey", "fields", "")
	add("predicates.TopicNameMatches", "pattern", `db\..*s`)
	add("predicates.TopicNameMatches", "pattern", `shop`)
	add("predicates.TopicNameMatches", "pattern", ``)
	add("predicates.HasHeaderKey", "name", "h2")
	add("predicates.HasHeaderKey", "name", "none")
	add("predicates.HasHeaderKey", "name", "")
	add("predicates.HasHeaderKey")
	add("predicates.RecordIsTombstone")
	return m
}

// classesOf lists the classes of a name: with $Key and $Value, or as it is.
func classesOf(name string) []string {
	if _, ok := classByName(kafkaPrefix + name + "$Key"); ok {
		return []string{kafkaPrefix + name + "$Key", kafkaPrefix + name + "$Value"}
	}
	return []string{kafkaPrefix + name}
}

// ours is what our class does with the question.
func ours(t *testing.T, q *testenv.Question, in []sample) testenv.Answer {
	t.Helper()
	if c, ok := predicateByName(q.Class); ok {
		vals, ps := c.Def.Parse(q.Config)
		if len(ps) > 0 {
			return testenv.Answer{Error: &testenv.JavaError{Class: configException, Message: ps[0].Message}}
		}
		p, err := c.New(vals)
		if err != nil {
			return testenv.Answer{Error: javaErrorOf(err)}
		}
		var a testenv.Answer
		for i := range in {
			b := in[i].batch()
			yes, err := p.Test(b, &b.Records[0])
			a.Results = append(a.Results, testenv.JudgeCase{Yes: yes, Error: javaErrorOf(err)})
			b.Release()
		}
		return a
	}
	c, ok := classByName(q.Class)
	if !ok {
		t.Fatalf("no class %s", q.Class)
	}
	vals, ps := c.Def.Parse(q.Config)
	if len(ps) > 0 {
		return testenv.Answer{Error: &testenv.JavaError{Class: configException, Message: ps[0].Message}}
	}
	tr, err := c.New(vals)
	if err != nil {
		return testenv.Answer{Error: javaErrorOf(err)}
	}
	var a testenv.Answer
	for i := range in {
		b := in[i].batch()
		if s, ok := tr.(starter); ok {
			s.start(b)
		}
		r := &b.Records[0]
		was := *r
		keep, err := tr.Apply(b, r)
		switch {
		case err != nil:
			if *r != was {
				t.Errorf("%s %v: a failed record was changed", q.Class, q.Config)
			}
			a.Results = append(a.Results, testenv.JudgeCase{Error: javaErrorOf(err)})
		case !keep:
			a.Results = append(a.Results, testenv.JudgeCase{Dropped: true})
		default:
			a.Results = append(a.Results, testenv.JudgeCase{Record: typed.NewRecord(b, r)})
		}
		b.Release()
	}
	return a
}

func javaErrorOf(err error) *testenv.JavaError {
	if err == nil {
		return nil
	}
	j := &testenv.JavaError{Class: fmt.Sprintf("%T", err), Message: err.Error()}
	if c, ok := err.(interface{ JavaClass() string }); ok {
		j.Class = c.JavaClass()
	}
	return j
}

// Java's texts that hold values of the record, which ours do not.
var rowData = []struct{ with, without string }{
	{`(?s)^Value \(.*\) was out of range`, "Value (" + hidden + ") was out of range"},
	{`(?s): value \(.*\) does not match pattern`, ": value (" + hidden + ") does not match pattern"},
	{`(?s)^Timestamp missing on record: .*`, "Timestamp missing on record: " + hidden},
	{`InsertField\$InsertionSpec@[0-9a-f]+`, "InsertionSpec"},
}

func withoutRowData(e *testenv.JavaError) *testenv.JavaError {
	if e == nil {
		return nil
	}
	for _, p := range rowData {
		e.Message = regexp.MustCompile(p.with).ReplaceAllString(e.Message, p.without)
	}
	return e
}

// compare asks both and reports where they differ; it returns how many records were compared.
func compare(t *testing.T, j *testenv.Judge, qs []testenv.Question, in [][]sample) int {
	t.Helper()
	for i := range qs {
		qs[i].Op = "transform"
		for n := range in[i] {
			b := in[i][n].batch()
			qs[i].Records = append(qs[i].Records, typed.NewRecord(b, &b.Records[0]))
			b.Release()
		}
	}
	count, differ := 0, 0
	for i, java := range j.Ask(t, qs) {
		mine := ours(t, &qs[i], in[i])
		show := func(what string, mine, java any) {
			if differ++; differ > 40 {
				t.Fatal("and more")
			}
			t.Errorf("%s %v%.600s\n ours %.900v\n java %.900v", strings.TrimPrefix(qs[i].Class, kafkaPrefix), qs[i].Config, what, mine, java)
		}
		if mine.Error != nil || java.Error != nil {
			count++
			if mine.Error.String() != withoutRowData(java.Error).String() {
				show("", mine.Error, java.Error)
			}
			continue
		}
		for n := range java.Results {
			count++
			m, jv := mine.Results[n], java.Results[n]
			withoutRowData(jv.Error)
			if got, want := outcome(t, &m), outcome(t, &jv); got != want && !keptDifference(&jv) && !anyOrder(&qs[i], &m, &jv) {
				show(" of "+typed.Canonical(t, qs[i].Records[n]), got, want)
			}
		}
	}
	return count
}

// keptDifference knows what Java makes and its own converters then refuse: a decimal of
// another scale than its schema's, a date beyond what Java's calendar counts.
func keptDifference(java *testenv.JudgeCase) bool {
	if java.Error != nil && java.Error.Message == "Kafka Connect Date type should not have any time fields set to non-zero values." {
		return true
	}
	return java.Record != nil && strings.Contains(fmt.Sprint(java.Record.Key, java.Record.Value), "[decimal ")
}

// anyOrder knows that of several fields that fail in a record without a schema it is up to
// Java's HashMap which one is named.
func anyOrder(q *testenv.Question, mine, java *testenv.JudgeCase) bool {
	if mine.Error != nil && java.Error == nil && strings.Contains(mine.Error.Message, ": class java.util.Date for field") {
		return true // a rename over an excluded field of another date type: ours does not guess
	}
	return mine.Error != nil && java.Error != nil && mine.Error.Class == java.Error.Class &&
		strings.Contains(q.Config["fields"]+q.Config["spec"], ",")
}

func outcome(t *testing.T, c *testenv.JudgeCase) string {
	switch {
	case c.Error != nil:
		return c.Error.String()
	case c.Dropped:
		return "dropped"
	case c.Record != nil:
		return typed.Canonical(t, c.Record)
	}
	return fmt.Sprint(c.Yes)
}

// Every class of Kafka with every setting and every sample does what the Java class does.
func TestTransforms_EqualJava(t *testing.T) {
	j := testenv.NewJudge(t)
	var qs []testenv.Question
	var in [][]sample
	all := samples()
	seen := map[string]bool{}
	for name, list := range settings() {
		for _, class := range classesOf(name) {
			seen[class] = true
			for _, cfg := range list {
				qs, in = append(qs, testenv.Question{Class: class, Config: cfg}), append(in, all)
			}
		}
	}
	for _, c := range Classes() {
		if strings.HasPrefix(c.Name, kafkaPrefix) && !seen[c.Name] {
			t.Errorf("%s is not compared", c.Name)
		}
	}
	t.Logf("%d records compared", compare(t, j, qs, in))
}

// Every definition is Java's: names, types, defaults, importance and order.
func TestDefinitions_EqualJava(t *testing.T) {
	j := testenv.NewJudge(t)
	type named struct {
		name string
		keys []testenv.JudgeKey
	}
	var ourDefs []named
	var qs []testenv.Question
	for _, c := range Classes() {
		if strings.HasPrefix(c.Name, kafkaPrefix) {
			ourDefs = append(ourDefs, named{c.Name, keysOf(c.Def)})
		}
	}
	for _, c := range PredicateClasses() {
		ourDefs = append(ourDefs, named{c.Name, keysOf(c.Def)})
	}
	for _, d := range ourDefs {
		qs = append(qs, testenv.Question{Op: "definition", Class: d.name})
	}
	for i, a := range j.Ask(t, qs) {
		mine := ourDefs[i].keys
		if len(mine) != len(a.Keys) {
			t.Errorf("%s: %d keys, Java %d", ourDefs[i].name, len(mine), len(a.Keys))
			continue
		}
		for n := range a.Keys {
			a.Keys[n].Order = 0 // -1 in Java, which nobody sees: it counts anew inside of a connector
			if got, want := typed.Canonical(t, mine[n]), typed.Canonical(t, a.Keys[n]); got != want {
				t.Errorf("%s\n ours %s\n java %s", ourDefs[i].name, got, want)
			}
		}
	}
	if n := slices.IndexFunc(qs, func(q testenv.Question) bool { return strings.HasSuffix(q.Class, "Filter") }); n < 0 {
		t.Error("no Filter")
	}
}

func keysOf(d *configs.Def) []testenv.JudgeKey {
	var out []testenv.JudgeKey
	for _, k := range d.Keys() {
		key := testenv.JudgeKey{Name: k.Name, Type: string(k.Type), Required: k.Required, Importance: string(k.Importance), Width: "NONE", Display: k.Name}
		if k.HasDefault {
			text := k.Default
			key.Default = &text
		}
		out = append(out, key)
	}
	return out
}
