package ddl

import (
	"slices"
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

// applyOps makes the table that ALTER TABLE leaves behind.
//
// Debezium applies the steps one after the other; the server reads all of them first, then
// takes the old columns in their order (dropped, changed and renamed ones under their old
// names) and at last places the added and moved ones. Mostly both lead to the same columns.
// Then Debezium's result counts, because its finer points (flags that survive, NULL in keys)
// are in its history. Where the columns differ, as for two columns that swap their names,
// rows can only be read with the server's result (DM-521).
func (r *reader) applyOps(t *schemahistory.Table, ops []op) (*edit, *Error) {
	srv, sound, err := r.applyServer(t, ops)
	seq := r.applySequence(t, ops)
	if seq != nil && (err != nil || !sound || sameColumns(seq.cols, srv.cols)) {
		return seq, nil
	}
	if err != nil {
		return nil, err
	}
	return srv, nil
}

func sameColumns(a, b []schemahistory.Column) bool {
	return slices.EqualFunc(a, b, func(x, y schemahistory.Column) bool {
		return x.Name == y.Name && x.TypeName == y.TypeName && x.JDBCType == y.JDBCType && equalInt(x.Length, y.Length) &&
			equalInt(x.Scale, y.Scale) && slices.Equal(x.EnumValues, y.EnumValues)
	})
}

func equalInt(a, b *int) bool { return a == b || a != nil && b != nil && *a == *b }

// changed builds the column that MODIFY or CHANGE leaves in the place of old, under its old name.
func (o *op) changed(old schemahistory.Column, comments bool) (schemahistory.Column, bool) {
	c := schemahistory.Column{Name: o.name, Optional: true}
	if o.kind == opChange {
		c = old
		c.HasDefault, c.Default, c.Length, c.Scale = false, nil, nil, nil
	} else if o.kind == opModify {
		c.Name = o.name
	}
	primary, _ := o.def.apply(&c, comments, false)
	return c, primary
}

// applySequence is Debezium's way; nil when it would fail.
func (r *reader) applySequence(t *schemahistory.Table, ops []op) *edit {
	e := editOf(t, r.p.opts.IncludeComments)
	for i := range ops {
		o := &ops[i]
		at := -1
		if o.name != "" {
			at = e.find(o.name)
		}
		switch o.kind {
		case opAdd:
			if o.tolerant && at >= 0 {
				continue
			}
			c := schemahistory.Column{Name: o.name, Optional: true}
			primary, _ := o.def.apply(&c, e.comments, o.listed)
			if primary {
				e.pk = []string{o.name}
			}
			e.add(c)
			if o.place {
				e.move(o.name, o.after)
			}
		case opModify, opChange:
			if at < 0 {
				if o.tolerant {
					continue
				}
				return nil
			}
			c, primary := o.changed(e.cols[at], e.comments)
			if primary {
				e.pk = []string{c.Name}
			}
			if c.Name != e.cols[at].Name { // MODIFY in another case than the column has
				e.cols[at].Name = c.Name
				e.byName = nil
			}
			e.add(c)
			if o.newName != c.Name {
				if k := e.find(o.newName); k >= 0 && k != at {
					return nil
				}
				e.rename(c.Name, o.newName)
			}
			if o.place {
				e.move(o.newName, o.after)
			}
		case opRenameColumn:
			if at < 0 {
				if o.tolerant {
					continue
				}
				return nil
			}
			if k := e.find(o.newName); k >= 0 && k != at {
				return nil
			}
			e.rename(o.name, o.newName)
		case opDrop:
			e.remove(o.name)
		default:
			r.applyOther(e, o)
		}
	}
	return e
}

// applyOther applies the steps that do not change which columns there are.
func (r *reader) applyOther(e *edit, o *op) {
	switch o.kind {
	case opKey:
		o.key.apply(e)
	case opDropPrimary:
		e.pk = nil
	case opDefault:
		if i := e.find(o.name); i >= 0 {
			setDefault(&e.cols[i], o.value)
		}
	case opConvert:
		e.convert(o.charset)
	case opRenameTable:
		e.id = o.table
	case opComment:
		if e.comments {
			e.comment, e.hasText = o.comment, true
		}
	}
}

func setDefault(c *schemahistory.Column, a *attr) {
	c.HasDefault, c.Default = a != nil, nil
	if a != nil && a.value {
		c.Default = &a.text
	}
}

// applyServer is the server's way (mysql_prepare_alter_table). sound is false when the server
// would refuse the result: a column placed after one that does not exist, a name twice.
func (r *reader) applyServer(t *schemahistory.Table, ops []op) (e *edit, sound bool, err *Error) {
	e, sound = editOf(t, r.p.opts.IncludeComments), true
	byOld := map[string]*op{} // what happens to an old column
	dropped := map[string]bool{}
	for i := range ops {
		o := &ops[i]
		switch o.kind {
		case opDrop:
			dropped[strings.ToLower(o.name)] = true
		case opModify, opChange, opRenameColumn:
			if e.find(o.name) < 0 && !o.tolerant {
				er := r.fail("the column is not known")
				er.Offset, er.Near = r.toks[o.offset].start, ""
				return nil, false, er
			}
			byOld[strings.ToLower(o.name)] = o
		case opConvert:
			e.convert(o.charset)
		case opDefault:
			if k := e.find(o.name); k >= 0 {
				setDefault(&e.cols[k], o.value)
			}
		}
	}
	old := e.cols
	moved := map[*op]schemahistory.Column{}
	renamed := map[string]string{}
	var primary string
	cols := make([]schemahistory.Column, 0, len(old)+len(ops))
	for _, c := range old {
		key := strings.ToLower(c.Name)
		if dropped[key] {
			e.pk = slices.DeleteFunc(e.pk, func(n string) bool { return n == c.Name })
			continue
		}
		o := byOld[key]
		if o == nil {
			cols = append(cols, c)
			continue
		}
		was := c.Name
		if o.kind != opRenameColumn {
			var p bool
			if c, p = o.changed(c, e.comments); p {
				primary = o.newName
			}
		}
		c.Name = o.newName
		renamed[was] = c.Name
		if o.place {
			moved[o] = c
			continue
		}
		cols = append(cols, c)
	}
	for i, n := range e.pk {
		if to, ok := renamed[n]; ok {
			e.pk[i] = to
		}
	}
	for i := range ops {
		o := &ops[i]
		var c schemahistory.Column
		switch {
		case o.kind == opAdd:
			if o.tolerant && slices.ContainsFunc(cols, func(x schemahistory.Column) bool { return strings.EqualFold(x.Name, o.name) }) {
				continue
			}
			c = schemahistory.Column{Name: o.name, Optional: true}
			if p, _ := o.def.apply(&c, e.comments, o.listed); p {
				primary = o.name
			}
		case o.place:
			var ok bool
			if c, ok = moved[o]; !ok {
				continue
			}
		default:
			continue
		}
		at := len(cols)
		if o.place {
			at = 0
			if o.after != "" {
				at = 1 + slices.IndexFunc(cols, func(x schemahistory.Column) bool { return strings.EqualFold(x.Name, o.after) })
				sound = sound && at > 0
			}
		}
		cols = slices.Insert(cols, at, c)
	}
	e.cols, e.byName = cols, nil
	e.find("")
	sound = sound && len(e.byName) == len(cols)
	if primary != "" {
		e.pk = []string{primary}
	}
	for i := range ops {
		switch ops[i].kind {
		case opConvert, opDefault:
		default:
			r.applyOther(e, &ops[i])
		}
	}
	return e, sound, nil
}
