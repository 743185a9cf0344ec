package schemahistory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/anabranch/anabranch/records"
)

// ErrInvalidRecord marks a history record without source or position; readers skip it (DM-179).
var ErrInvalidRecord = errors.New("schema history record without source or position")

// ParseRecord reads one record in any layout. Unknown members are ignored.
func ParseRecord(data []byte) (Record, error) {
	var raw struct {
		Source       json.RawMessage   `json:"source"`
		Position     json.RawMessage   `json:"position"`
		TSMillis     any               `json:"ts_ms"`
		DatabaseName *string           `json:"databaseName"`
		SchemaName   *string           `json:"schemaName"`
		DDL          *string           `json:"ddl"`
		TableChanges []json.RawMessage `json:"tableChanges"`
	}
	var r Record
	if err := unmarshal(data, &raw); err != nil {
		return r, fmt.Errorf("parse schema history record: %w", err)
	}
	var ok1, ok2 bool
	r.Source, ok1 = parseDoc(raw.Source)
	r.Position, ok2 = parseDoc(raw.Position)
	if !ok1 || !ok2 {
		return r, ErrInvalidRecord
	}
	if n, ok := raw.TSMillis.(json.Number); ok {
		r.TSMillis, _ = n.Int64() // a time that is no number counts as absent
	}
	if raw.DatabaseName != nil {
		r.Database, r.HasDB = *raw.DatabaseName, true
	}
	if raw.SchemaName != nil {
		r.Schema, r.HasSch = *raw.SchemaName, true
	}
	if raw.DDL != nil {
		r.DDL, r.HasDDL = *raw.DDL, true
	}
	if raw.TableChanges != nil {
		r.Changes = make([]Change, 0, len(raw.TableChanges))
		for _, m := range raw.TableChanges {
			c, err := parseChange(m)
			if err != nil {
				return r, fmt.Errorf("parse schema history record: %w", err)
			}
			r.Changes = append(r.Changes, c)
		}
	}
	return r, nil
}

func unmarshal(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

// parseDoc keeps the order of the members; nested values are not expected in offsets and are
// kept as their JSON text.
func parseDoc(data json.RawMessage) (records.Doc, bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		return nil, false
	}
	doc := records.Doc{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, false
		}
		var m json.RawMessage
		if err := d.Decode(&m); err != nil {
			return nil, false
		}
		doc = append(doc, records.DocField{Key: k.(string), Value: scalar(m)})
	}
	if _, err := d.Token(); err != nil && err != io.EOF {
		return nil, false
	}
	return doc, true
}

func scalar(m json.RawMessage) any {
	var v any
	if unmarshal(m, &v) != nil {
		return nil
	}
	switch x := v.(type) {
	case json.Number:
		if i, err := x.Int64(); err == nil {
			return i
		}
		f, _ := x.Float64() // a number too large for a float is infinite, which no offset means
		return f
	case string, bool, nil:
		return x
	}
	return string(m)
}

type jsonColumn struct {
	Name            string       `json:"name"`
	JDBCType        json.Number  `json:"jdbcType"`
	NativeType      *json.Number `json:"nativeType"`
	TypeName        *string      `json:"typeName"`
	TypeExpression  *string      `json:"typeExpression"`
	CharsetName     *string      `json:"charsetName"`
	Length          *json.Number `json:"length"`
	Scale           *json.Number `json:"scale"`
	Position        json.Number  `json:"position"`
	Optional        bool         `json:"optional"`
	AutoIncremented bool         `json:"autoIncremented"`
	Generated       bool         `json:"generated"`
	Comment         *string      `json:"comment"`
	HasDefault      bool         `json:"hasDefaultValue"`
	Default         *string      `json:"defaultValueExpression"`
	EnumValues      []string     `json:"enumValues"`
}

type jsonTable struct {
	DefaultCharset *string      `json:"defaultCharsetName"`
	PrimaryKey     []string     `json:"primaryKeyColumnNames"`
	Columns        []jsonColumn `json:"columns"`
	Attributes     []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"attributes"`
	Comment *string `json:"comment"` // where some releases put it; Debezium reads it here, too
}

func parseChange(data []byte) (Change, error) {
	var raw struct {
		Type       string     `json:"type"`
		ID         string     `json:"id"`
		PreviousID *string    `json:"previousId"`
		Table      *jsonTable `json:"table"`
		Comment    *string    `json:"comment"`
	}
	if err := unmarshal(data, &raw); err != nil {
		return Change{}, err
	}
	c := Change{Type: ChangeType(raw.Type)}
	if c.Type != Create && c.Type != Alter && c.Type != Drop {
		return c, fmt.Errorf("unknown change type %.32q", raw.Type)
	}
	var err error
	if c.ID, err = ParseTableID(raw.ID); err != nil {
		return c, err
	}
	if raw.PreviousID != nil {
		id, err := ParseTableID(*raw.PreviousID)
		if err != nil {
			return c, err
		}
		c.PreviousID = &id
	}
	if raw.Table == nil {
		if c.Type != Drop {
			return c, fmt.Errorf("%s of table %s without its structure", c.Type, c.ID)
		}
		return c, nil
	}
	if c.Type == Drop {
		return c, nil
	}
	c.Table = raw.Table.build(c.ID)
	if raw.Comment != nil {
		c.Table.Comment, c.Table.HasComment = *raw.Comment, true
	}
	return c, nil
}

func (j *jsonTable) build(id TableID) *Table {
	t := &Table{ID: id, PrimaryKey: j.PrimaryKey, Columns: make([]Column, 0, len(j.Columns))}
	if j.DefaultCharset != nil {
		t.DefaultCharset = *j.DefaultCharset
	}
	if j.Comment != nil {
		t.Comment, t.HasComment = *j.Comment, true
	}
	for _, a := range j.Attributes {
		t.Attributes = append(t.Attributes, Attribute{a.Name, a.Value})
	}
	for i := range j.Columns {
		jc := &j.Columns[i]
		c := Column{
			Name: jc.Name, JDBCType: jsonInt(jc.JDBCType), NativeType: optNumber(jc.NativeType),
			TypeName: deref(jc.TypeName), TypeExpression: deref(jc.TypeExpression), CharsetName: deref(jc.CharsetName),
			Length: optNumber(jc.Length), Scale: optNumber(jc.Scale), Position: jsonInt(jc.Position),
			Optional: jc.Optional, AutoIncremented: jc.AutoIncremented, Generated: jc.Generated,
			Comment: deref(jc.Comment), HasComment: jc.Comment != nil,
			HasDefault: jc.HasDefault || jc.Default != nil, Default: jc.Default, EnumValues: jc.EnumValues,
		}
		if c.Position == 0 {
			c.Position = i + 1
		}
		t.Columns = append(t.Columns, c)
	}
	return t
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func jsonInt(n json.Number) int {
	i, err := n.Int64()
	if err != nil || i > math.MaxInt32 || i < math.MinInt32 {
		return 0
	}
	return int(i)
}

func optNumber(n *json.Number) *int {
	if n == nil {
		return nil
	}
	i := jsonInt(*n)
	return &i
}

// ParseTableID reads a dotted name whose parts may be quoted with ", ' or `: db.table, or
// db.schema.table (TableId.parse with the catalog before the schema).
func ParseTableID(text string) (TableID, error) {
	var parts []string
	var part []byte
	for i := 0; ; {
		part = part[:0]
		if i < len(text) && strings.IndexByte("\"'`", text[i]) >= 0 {
			mark := text[i]
			i++
			for {
				if i >= len(text) {
					return TableID{}, fmt.Errorf("table name %.80q has an open quote", text)
				}
				if text[i] == mark {
					if i+1 < len(text) && text[i+1] == mark {
						part = append(part, mark)
						i += 2
						continue
					}
					i++
					break
				}
				part = append(part, text[i])
				i++
			}
		} else {
			for i < len(text) && text[i] != '.' {
				part = append(part, text[i])
				i++
			}
		}
		parts = append(parts, string(part))
		if i >= len(text) {
			break
		}
		if text[i] != '.' {
			return TableID{}, fmt.Errorf("table name %.80q cannot be split", text)
		}
		i++
	}
	switch len(parts) {
	case 1:
		return TableID{Table: parts[0]}, nil
	case 2:
		return TableID{Database: parts[0], Table: parts[1]}, nil
	case 3:
		return TableID{Database: parts[0], Schema: parts[1], Table: parts[2]}, nil
	}
	return TableID{}, fmt.Errorf("table name %.80q has %d parts", text, len(parts))
}
