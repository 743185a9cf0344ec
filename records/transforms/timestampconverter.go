package transforms

import (
	"math"
	"time"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/records"
	"github.com/anabranch/anabranch/records/javatext"
	"github.com/anabranch/anabranch/records/javatime"
)

// timeForm is one of the ways in which TimestampConverter knows a time.
type timeForm uint8

const (
	formString timeForm = iota
	formUnix
	formDate
	formTime
	formTimestamp
)

var timeForms = map[string]timeForm{"string": formString, "unix": formUnix, "Date": formDate, "Time": formTime, "Timestamp": formTimestamp}

// timestampConverter is TimestampConverter (CW-368).
type timestampConverter struct {
	side      side
	field     string
	target    timeForm
	format    *javatime.Format // nil without a pattern
	precision string
	fill      bool
	plans     plans[timePlan]
}

type timePlan struct {
	out   *records.Schema
	field int // -1 = none of that name
	from  timeForm
	// err is of the schema as a whole, wrong of the converted value, which comes after the value's shape.
	err, wrong error
}

func timestampConverterClasses() []Class {
	return sided("TimestampConverter", configs.NewDef(
		configs.Key{Name: "field", Type: configs.StringType, Default: "", HasDefault: true, Importance: configs.High,
			Doc: "The field with the time; empty for the whole key or value."},
		configs.Key{Name: "target.type", Type: configs.StringType, Required: true, Importance: configs.High,
			Doc: "What the time becomes: string, unix, Date, Time or Timestamp.", Check: configs.Words("string", "unix", "Date", "Time", "Timestamp")},
		configs.Key{Name: "format", Type: configs.StringType, Default: "", HasDefault: true, Importance: configs.Medium,
			Doc: "Pattern of java.text.SimpleDateFormat, in UTC, for times that are strings."},
		configs.Key{Name: "unix.precision", Type: configs.StringType, Default: "milliseconds", HasDefault: true, Importance: configs.Low,
			Doc:   "Unit of times that are numbers: seconds, milliseconds, microseconds or nanoseconds. What is shorter than a millisecond gets lost.",
			Check: configs.Words("nanoseconds", "microseconds", "milliseconds", "seconds")},
		replaceNullKey()), newTimestampConverter)
}

func newTimestampConverter(v *configs.Values, s side) (Transform, error) {
	t := &timestampConverter{side: s, field: v.Str("field"), target: timeForms[v.Str("target.type")], precision: v.Str("unix.precision"), fill: v.Bool(replaceNull)}
	pattern := v.Str("format")
	switch {
	case javatext.Trim(pattern) != "":
		var err error
		if t.format, err = javatime.Compile(pattern); err != nil {
			// Java passes the cause where the value belongs.
			return nil, configErrorf("Invalid value java.lang.IllegalArgumentException: %v for configuration TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: %s", err, pattern)
		}
	case t.target == formString:
		return nil, configErrorf("TimestampConverter requires format option to be specified when using string timestamps")
	}
	return t, nil
}

// schemaOf is the schema of a form.
func schemaOf(f timeForm, optional bool) *records.Schema {
	s := [...]records.Schema{formString: {Type: records.String}, formUnix: {Type: records.Int64},
		formDate: {Type: records.Int32, Name: records.DateName, Version: 1}, formTime: {Type: records.Int32, Name: records.TimeName, Version: 1},
		formTimestamp: {Type: records.Int64, Name: records.TimestampName, Version: 1}}[f]
	s.Optional = optional
	return &s
}

// formOf is the form that a schema says.
func formOf(s *records.Schema) (timeForm, error) {
	switch {
	case s.Name == records.TimestampName:
		return formTimestamp, nil
	case s.Name == records.DateName:
		return formDate, nil
	case s.Name == records.TimeName:
		return formTime, nil
	case s.Type == records.String:
		return formString, nil
	case s.Type == records.Int64:
		return formUnix, nil
	}
	return 0, &javaError{connectException, "Schema " + schemaText(s) + " does not correspond to a known timestamp type format"}
}

func (t *timestampConverter) plan(s *records.Schema) *timePlan {
	p := &timePlan{field: -1}
	if t.field == "" {
		p.out = schemaOf(t.target, s.Optional)
		p.from, p.err = formOf(s)
		return p
	}
	if s.Type != records.Struct {
		p.err = errListFields
		return p
	}
	out := basics(s)
	sb := newStruct(out)
	for i, f := range s.Fields {
		if f.Name != t.field {
			sb.field(f.Name, f.Schema)
			continue
		}
		p.field = i
		p.from, p.wrong = formOf(f.Schema)
		sb.field(f.Name, schemaOf(t.target, f.Schema.Optional))
	}
	out.Optional = s.Optional
	p.out, p.err = out, sb.err
	return p
}

func (t *timestampConverter) Apply(b *records.Batch, r *records.Record) (bool, error) {
	s, v := t.side.get(b, r)
	if s == nil {
		return true, t.schemaless(b, r, v)
	}
	if t.field != "" && v.Kind != records.KindStruct && !v.IsNull() {
		return true, notStruct("converting timestamp formats", s, v)
	}
	p := t.plans.of(s)
	if p == nil {
		p = t.plans.keep(s, t.plan(s))
	}
	if p.err != nil {
		return true, p.err
	}
	if t.field == "" {
		to, err := t.convert(b, v, p.from, p.out)
		if err == nil {
			t.side.set(b, r, p.out, to)
		}
		return true, err
	}
	if v.IsNull() {
		t.side.set(b, r, p.out, v)
		return true, nil
	}
	off := int(b.AddVals(len(s.Fields)))
	for i := range s.Fields {
		e := get(b, s.Fields[i].Schema, b.Vals[int(v.Off)+i], t.fill)
		if i == p.field {
			if p.wrong != nil {
				return true, p.wrong
			}
			var err error
			if e, err = t.convert(b, e, p.from, p.out.Fields[i].Schema); err != nil {
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

func (t *timestampConverter) schemaless(b *records.Batch, r *records.Record, v records.Value) error {
	if v.IsNull() || t.field == "" {
		to, err := t.infer(b, v)
		if err == nil {
			t.side.set(b, r, nil, to)
		}
		return err
	}
	if v.Kind != records.KindMap {
		return notMap("converting timestamp formats", nil, v)
	}
	e, _ := mapGet(b, v, t.field)
	to, err := t.infer(b, e)
	if err != nil {
		return err
	}
	m := mapCopy(b, v, 1)
	mapPut(b, &m, t.field, to) // also where there was none: Java puts a null
	t.side.set(b, r, nil, m)
	return nil
}

// infer converts a value without a schema by its class.
func (t *timestampConverter) infer(b *records.Batch, v records.Value) (records.Value, error) {
	form := formUnix
	switch v.Kind {
	case records.KindNull:
		return v, nil
	case records.KindDate:
		form = formTimestamp
	case records.KindInt64:
	case records.KindString:
		form = formString
	default:
		return v, dataErrorf("TimestampConverter does not support class %s objects as timestamps", records.JavaClass(nil, v))
	}
	return t.convert(b, v, form, nil)
}

// convert turns a time of one form into the target; out nil is a value without a schema, in
// which dates are Java's Date objects.
func (t *timestampConverter) convert(b *records.Batch, v records.Value, from timeForm, out *records.Schema) (records.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	ms := v.Int()
	switch from {
	case formString:
		if t.format == nil {
			return v, errNoFormat
		}
		var ok bool
		if ms, ok = t.format.Parse(string(b.Raw(v)), time.Now()); !ok {
			return v, dataErrorf("Could not parse timestamp: value (%s) does not match pattern (%s)", hidden, t.format)
		}
	case formUnix:
		ms = unixToMillis(ms, t.precision)
	case formDate:
		ms *= dayMillis
	}
	switch t.target {
	case formString:
		off := len(b.Arena)
		b.Arena = t.format.AppendMillis(b.Arena, ms)
		return b.ArenaValue(records.KindString, off), nil
	case formUnix:
		return records.Int64Value(millisToUnix(ms, t.precision)), nil
	case formDate:
		day := floorDay(ms)
		if out != nil {
			return records.Int32Value(int32(day)), nil
		}
		ms = day * dayMillis
	case formTime:
		ms -= floorDay(ms) * dayMillis
		if out != nil {
			return records.Int32Value(int32(ms)), nil
		}
	}
	if out != nil {
		return records.Int64Value(ms), nil
	}
	return records.Value{Kind: records.KindDate, Num: uint64(ms)}, nil
}

var errNoFormat = &javaError{nullPointer, `Cannot invoke "java.text.SimpleDateFormat.parse(String)" because "config.format" is null`}

func floorDay(ms int64) int64 {
	day := ms / dayMillis
	if ms%dayMillis < 0 {
		day--
	}
	return day
}

// unixToMillis and millisToUnix are java.util.concurrent.TimeUnit: they cut towards zero and
// stop at the ends of long.
func unixToMillis(n int64, precision string) int64 {
	switch precision {
	case "seconds":
		return times(n, 1000)
	case "microseconds":
		return n / 1000
	case "nanoseconds":
		return n / 1000000
	}
	return n
}

func millisToUnix(ms int64, precision string) int64 {
	switch precision {
	case "seconds":
		return ms / 1000
	case "microseconds":
		return times(ms, 1000)
	case "nanoseconds":
		return times(ms, 1000000)
	}
	return ms
}

func times(n, by int64) int64 {
	switch {
	case n > math.MaxInt64/by:
		return math.MaxInt64
	case n < math.MinInt64/by:
		return math.MinInt64
	}
	return n * by
}
