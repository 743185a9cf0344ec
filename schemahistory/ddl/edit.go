package ddl

import (
	"slices"
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

// edit is a table while a statement works on it (TableEditorImpl). Names are compared without
// regard to case.
type edit struct {
	id       schemahistory.TableID
	charset  string
	comment  string
	hasText  bool // the table has a comment
	cols     []schemahistory.Column
	pk       []string
	attrs    []schemahistory.Attribute
	byName   map[string]int // lower-case name to index; nil when stale
	comments bool
}

func newEdit(id schemahistory.TableID, comments bool) *edit {
	return &edit{id: id, comments: comments}
}

func editOf(t *schemahistory.Table, comments bool) *edit {
	return &edit{id: t.ID, charset: t.DefaultCharset, comment: t.Comment, hasText: t.HasComment,
		cols: slices.Clone(t.Columns), pk: slices.Clone(t.PrimaryKey), attrs: t.Attributes, comments: comments}
}

func (e *edit) find(name string) int {
	if e.byName == nil {
		e.byName = make(map[string]int, len(e.cols))
		for i := range e.cols {
			e.byName[strings.ToLower(e.cols[i].Name)] = i
		}
	}
	if i, ok := e.byName[strings.ToLower(name)]; ok {
		return i
	}
	return -1
}

// add puts a column in the place of the one with its name, or at the end.
func (e *edit) add(c schemahistory.Column) {
	if i := e.find(c.Name); i >= 0 {
		e.cols[i] = c
		return
	}
	e.byName[strings.ToLower(c.Name)] = len(e.cols)
	e.cols = append(e.cols, c)
}

func (e *edit) remove(name string) {
	i := e.find(name)
	if i >= 0 {
		name = e.cols[i].Name
		e.cols = slices.Delete(e.cols, i, i+1)
		e.byName = nil
	}
	if k := slices.Index(e.pk, name); k >= 0 {
		e.pk = slices.Delete(e.pk, k, k+1)
	}
}

// move puts a column behind another, or first when after is "" or unknown.
func (e *edit) move(name, after string) {
	i := e.find(name)
	if i < 0 {
		return
	}
	c := e.cols[i]
	e.cols = slices.Delete(e.cols, i, i+1)
	e.byName = nil
	to := 0
	if after != "" {
		to = e.find(after) + 1
	}
	e.cols = slices.Insert(e.cols, to, c)
	e.byName = nil
}

// rename gives a column another name and keeps its place and its part in the key.
func (e *edit) rename(from, to string) {
	i := e.find(from)
	if i < 0 {
		return
	}
	old := e.cols[i].Name
	e.cols[i].Name = to
	e.byName = nil
	for k := range e.pk {
		if e.pk[k] == old {
			e.pk[k] = to
		}
	}
}

// primaryKey sets the key; its columns cannot be null.
func (e *edit) primaryKey(parts []keyPart) {
	pk := make([]string, 0, len(parts))
	for _, p := range parts {
		if p.expr {
			continue
		}
		name := p.name
		if i := e.find(name); i >= 0 {
			c := &e.cols[i]
			name = c.Name
			if c.Optional {
				c.Optional = false
				if c.HasDefault && c.Default == nil {
					c.HasDefault = false
				}
			}
		}
		pk = append(pk, name)
	}
	e.pk = pk
}

// uniqueKey takes a unique index for the key if there is none and no column of it can be null
// (DM-16). It reports whether Debezium looked at it.
func (e *edit) uniqueKey(parts []keyPart) bool {
	if len(e.pk) > 0 {
		return false
	}
	pk := make([]string, 0, len(parts))
	optional := false
	for _, p := range parts {
		i := e.find(p.name)
		if p.expr || i < 0 {
			return false
		}
		optional = optional || e.cols[i].Optional
		pk = append(pk, e.cols[i].Name)
	}
	if !optional {
		e.pk = pk
	}
	return true
}

// convert changes the character set of the table and of every column that has one.
func (e *edit) convert(charset string) {
	e.charset = charset
	for i := range e.cols {
		if e.cols[i].CharsetName != "" {
			e.cols[i].CharsetName = charset
		}
	}
}

// table freezes the edit.
func (e *edit) table() *schemahistory.Table {
	t := &schemahistory.Table{ID: e.id, DefaultCharset: e.charset, PrimaryKey: e.pk, Columns: e.cols,
		Attributes: e.attrs, Comment: e.comment, HasComment: e.hasText}
	for i := range t.Columns {
		c := &t.Columns[i]
		c.Position = i + 1
		fillCharset(c, e.charset)
		if c.Optional && !c.HasDefault {
			c.HasDefault, c.Default = true, nil // also after DROP DEFAULT
		}
	}
	// A key column that does not exist would stop Debezium; here it just leaves the key.
	t.PrimaryKey = slices.DeleteFunc(t.PrimaryKey, func(n string) bool { return e.find(n) < 0 })
	return t
}
