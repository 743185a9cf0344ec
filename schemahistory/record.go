package schemahistory

import (
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// AppendRecord appends the JSON that Debezium's Kafka history writes: pretty-printed by
// Jackson's default printer (DM-179..181, DM-500).
func AppendRecord(dst []byte, r *Record) []byte {
	w := writer{b: dst, pretty: true}
	w.record(r)
	return w.b
}

// AppendRecordLine appends the same JSON on one line without blanks, as Debezium's file
// history writes it (DM-190); the line end is not included.
func AppendRecordLine(dst []byte, r *Record) []byte {
	w := writer{b: dst}
	w.record(r)
	return w.b
}

// writer prints JSON as Jackson does: objects on lines of their own, arrays in line.
type writer struct {
	b      []byte
	pretty bool
	depth  int
	fresh  bool // no member or element since the last opening
}

func (w *writer) open(c byte) {
	w.b = append(w.b, c)
	w.fresh = true
	if c == '{' {
		w.depth++
	}
}

func (w *writer) close(c byte) {
	if c == '}' {
		w.depth--
	}
	if w.pretty {
		if c == '}' && !w.fresh {
			w.line()
		} else {
			w.b = append(w.b, ' ')
		}
	}
	w.b = append(w.b, c)
	w.fresh = false
}

func (w *writer) line() {
	w.b = append(w.b, '\n')
	for range w.depth {
		w.b = append(w.b, ' ', ' ')
	}
}

// key starts a member.
func (w *writer) key(name string) {
	if !w.fresh {
		w.b = append(w.b, ',')
	}
	w.fresh = false
	if w.pretty {
		w.line()
	}
	w.b = records.AppendJSONText(w.b, name)
	if w.pretty {
		w.b = append(w.b, ' ', ':', ' ')
	} else {
		w.b = append(w.b, ':')
	}
}

// elem starts an array element.
func (w *writer) elem() {
	if !w.fresh {
		w.b = append(w.b, ',')
	}
	w.fresh = false
	if w.pretty {
		w.b = append(w.b, ' ')
	}
}

func (w *writer) str(key, s string) {
	w.key(key)
	w.b = records.AppendJSONText(w.b, s)
}

// text writes absent text as null, as Debezium does for most attributes (DM-181).
func (w *writer) text(key, s string, present bool) {
	w.key(key)
	if present {
		w.b = records.AppendJSONText(w.b, s)
	} else {
		w.b = append(w.b, "null"...)
	}
}

func (w *writer) num(key string, n int64) {
	w.key(key)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) bool(key string, v bool) {
	w.key(key)
	w.b = strconv.AppendBool(w.b, v)
}

func (w *writer) strs(key string, list []string) {
	w.key(key)
	w.open('[')
	for _, s := range list {
		w.elem()
		w.b = records.AppendJSONText(w.b, s)
	}
	w.close(']')
}

func (w *writer) doc(key string, d records.Doc) {
	w.key(key)
	w.open('{')
	for _, f := range d {
		w.key(f.Key)
		switch v := f.Value.(type) {
		case string:
			w.b = records.AppendJSONText(w.b, v)
		case int64:
			w.b = strconv.AppendInt(w.b, v, 10)
		case int:
			w.b = strconv.AppendInt(w.b, int64(v), 10)
		case int32:
			w.b = strconv.AppendInt(w.b, int64(v), 10)
		case bool:
			w.b = strconv.AppendBool(w.b, v)
		case float64:
			w.b = appendJavaDouble(w.b, v)
		default:
			w.b = append(w.b, "null"...)
		}
	}
	w.close('}')
}

func (w *writer) record(r *Record) {
	w.open('{')
	w.doc("source", r.Source)
	w.doc("position", r.Position)
	if r.TSMillis != 0 {
		w.num("ts_ms", r.TSMillis)
	}
	if r.HasDB {
		w.str("databaseName", r.Database)
	}
	if r.HasSch {
		w.str("schemaName", r.Schema)
	}
	if r.HasDDL {
		w.str("ddl", r.DDL)
	}
	if r.Changes != nil {
		w.key("tableChanges")
		w.open('[')
		for i := range r.Changes {
			w.elem()
			w.change(&r.Changes[i])
		}
		w.close(']')
	}
	w.close('}')
}

func (w *writer) change(c *Change) {
	w.open('{')
	w.str("type", string(c.Type))
	w.str("id", c.ID.Quoted('"'))
	if c.PreviousID != nil {
		w.str("previousId", c.PreviousID.Quoted('"'))
	}
	if c.Table != nil {
		w.key("table")
		w.table(c.Table)
		w.text("comment", c.Table.Comment, c.Table.HasComment)
	}
	w.close('}')
}

func (w *writer) table(t *Table) {
	w.open('{')
	w.text("defaultCharsetName", t.DefaultCharset, t.DefaultCharset != "")
	w.strs("primaryKeyColumnNames", t.PrimaryKey)
	w.key("columns")
	w.open('[')
	for i := range t.Columns {
		w.elem()
		w.column(&t.Columns[i])
	}
	w.close(']')
	w.key("attributes")
	w.open('[')
	for _, a := range t.Attributes {
		w.elem()
		w.open('{')
		w.str("name", a.Name)
		w.str("value", a.Value)
		w.close('}')
	}
	w.close(']')
	w.close('}')
}

func (w *writer) column(c *Column) {
	w.open('{')
	w.str("name", c.Name)
	w.num("jdbcType", int64(c.JDBCType))
	if c.NativeType != nil {
		w.num("nativeType", int64(*c.NativeType))
	}
	w.text("typeName", c.TypeName, c.TypeName != "")
	w.text("typeExpression", c.TypeExpression, c.TypeExpression != "")
	w.text("charsetName", c.CharsetName, c.CharsetName != "")
	if c.Length != nil {
		w.num("length", int64(*c.Length))
	}
	if c.Scale != nil {
		w.num("scale", int64(*c.Scale))
	}
	w.num("position", int64(c.Position))
	w.bool("optional", c.Optional)
	w.bool("autoIncremented", c.AutoIncremented)
	w.bool("generated", c.Generated)
	w.text("comment", c.Comment, c.HasComment)
	w.bool("hasDefaultValue", c.HasDefault)
	if c.Default != nil {
		w.str("defaultValueExpression", *c.Default)
	}
	w.strs("enumValues", c.EnumValues)
	w.close('}')
}

// appendJavaDouble prints a whole float with its ".0", as Java does; offsets hold no others
// in practice.
func appendJavaDouble(dst []byte, f float64) []byte {
	n := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if !strings.Contains(string(dst[n:]), ".") {
		dst = append(dst, '.', '0')
	}
	return dst
}

// Quoted is the dotted form with every part quoted, as Debezium's TableId.toQuotedString
// prints it: marks inside are doubled, and a part that begins or ends with the mark already
// is left alone.
func (id TableID) Quoted(mark byte) string {
	var b []byte
	for _, part := range []string{id.Database, id.Schema} {
		if part != "" {
			b = appendQuoted(b, part, mark)
			b = append(b, '.')
		}
	}
	return string(appendQuoted(b, id.Table, mark))
}

func appendQuoted(b []byte, part string, mark byte) []byte {
	if part == "" {
		return append(b, mark, mark)
	}
	if part[0] == mark || part[len(part)-1] == mark {
		return append(b, part...)
	}
	m := string(mark)
	b = append(b, mark)
	b = append(b, strings.ReplaceAll(part, m, m+m)...)
	return append(b, mark)
}
