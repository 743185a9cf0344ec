package schemahistory

import (
	"slices"
	"strings"
)

// Tables is an immutable set of table structures. Every change returns a new set that shares
// what did not change, so a reader may keep an old version for as long as it likes and a
// version costs a slice, not a copy of the tables.
type Tables struct {
	foldCase bool
	// dbs is sorted by key; each database's slice is sorted by key and never written after
	// it was published.
	dbs []database
	n   int
}

type database struct {
	key    string
	tables []entry
}

type entry struct {
	key   string
	table *Table
}

// NewTables returns an empty set. foldCase compares names without regard to case, as
// Debezium does when lower_case_table_names is not 0 (Tables, tableIdCaseInsensitive).
func NewTables(foldCase bool) *Tables { return &Tables{foldCase: foldCase} }

// FoldCase tells how names are compared.
func (t *Tables) FoldCase() bool { return t.foldCase }

// Len is the number of tables.
func (t *Tables) Len() int { return t.n }

func (t *Tables) keys(id TableID) (string, string) {
	db, name := id.Database, id.Table
	if id.Schema != "" {
		name = id.Schema + "\x00" + name
	}
	if t.foldCase {
		return strings.ToLower(db), strings.ToLower(name)
	}
	return db, name
}

func findDB(dbs []database, key string) (int, bool) {
	return slices.BinarySearchFunc(dbs, key, func(d database, k string) int { return strings.Compare(d.key, k) })
}

func findTable(es []entry, key string) (int, bool) {
	return slices.BinarySearchFunc(es, key, func(e entry, k string) int { return strings.Compare(e.key, k) })
}

// Get returns a table, nil if it is not known.
func (t *Tables) Get(id TableID) *Table {
	db, name := t.keys(id)
	i, ok := findDB(t.dbs, db)
	if !ok {
		return nil
	}
	j, ok := findTable(t.dbs[i].tables, name)
	if !ok {
		return nil
	}
	return t.dbs[i].tables[j].table
}

// All calls fn for every table, ordered by database and name, until it returns false.
func (t *Tables) All(fn func(*Table) bool) {
	for _, d := range t.dbs {
		for _, e := range d.tables {
			if !fn(e.table) {
				return
			}
		}
	}
}

// Clone returns the set itself: it is immutable.
func (t *Tables) Clone() *Tables { return t }

// Put returns a set with a table added or replaced. The table must not be changed afterwards.
func (t *Tables) Put(table *Table) *Tables {
	db, name := t.keys(table.ID)
	n := t.n
	i, ok := findDB(t.dbs, db)
	if !ok {
		d := database{key: db, tables: []entry{{name, table}}}
		return &Tables{t.foldCase, insert(t.dbs, i, d), n + 1}
	}
	old := t.dbs[i].tables
	var es []entry
	if j, ok := findTable(old, name); ok {
		es = slices.Clone(old)
		es[j] = entry{name, table}
	} else {
		es = insert(old, j, entry{name, table})
		n++
	}
	dbs := slices.Clone(t.dbs)
	dbs[i].tables = es
	return &Tables{t.foldCase, dbs, n}
}

// Remove returns a set without a table.
func (t *Tables) Remove(id TableID) *Tables {
	db, name := t.keys(id)
	i, ok := findDB(t.dbs, db)
	if !ok {
		return t
	}
	j, ok := findTable(t.dbs[i].tables, name)
	if !ok {
		return t
	}
	if len(t.dbs[i].tables) == 1 {
		return &Tables{t.foldCase, without(t.dbs, i), t.n - 1}
	}
	dbs := slices.Clone(t.dbs)
	dbs[i].tables = without(t.dbs[i].tables, j)
	return &Tables{t.foldCase, dbs, t.n - 1}
}

// RemoveDatabase returns a set without the tables of a database.
func (t *Tables) RemoveDatabase(db string) *Tables {
	if t.foldCase {
		db = strings.ToLower(db)
	}
	i, ok := findDB(t.dbs, db)
	if !ok {
		return t
	}
	return &Tables{t.foldCase, without(t.dbs, i), t.n - len(t.dbs[i].tables)}
}

// Rename returns a set in which a table has another name; unknown tables change nothing.
func (t *Tables) Rename(from, to TableID) *Tables {
	old := t.Get(from)
	if old == nil {
		return t
	}
	c := *old
	c.ID = to
	return t.Remove(from).Put(&c)
}

// Apply returns the set after a change, as Debezium's recovery applies it (DM-183): a table
// replaces what has its name, a rename removes the previous name first.
func (t *Tables) Apply(c Change) *Tables {
	switch {
	case c.Type == Drop:
		return t.Remove(c.ID)
	case c.Table == nil:
		return t
	case c.PreviousID != nil:
		return t.Remove(*c.PreviousID).Put(c.Table)
	}
	return t.Put(c.Table)
}

func insert[T any](s []T, i int, v T) []T {
	out := make([]T, 0, len(s)+1)
	out = append(out, s[:i]...)
	out = append(out, v)
	return append(out, s[i:]...)
}

func without[T any](s []T, i int) []T {
	out := make([]T, 0, len(s)-1)
	out = append(out, s[:i]...)
	return append(out, s[i+1:]...)
}
