package schemahistory

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Every version must stay what it was while later versions come and go.
func TestTables_VersionsArePersistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fold := rapid.Bool().Draw(t, "fold")
		key := func(id TableID) string {
			if fold {
				return strings.ToLower(id.String())
			}
			return id.String()
		}
		draw := func() TableID {
			return TableID{Database: rapid.SampledFrom([]string{"a", "A", "b"}).Draw(t, "db"), Table: rapid.SampledFrom([]string{"t", "T", "u", "v", "x"}).Draw(t, "table")}
		}
		type version struct {
			tables *Tables
			model  map[string]*Table
		}
		versions := []version{{NewTables(fold), map[string]*Table{}}}
		for n := range rapid.IntRange(1, 30).Draw(t, "steps") {
			last := versions[len(versions)-1]
			model := map[string]*Table{}
			for k, v := range last.model {
				model[k] = v
			}
			next := last.tables
			id := draw()
			switch rapid.IntRange(0, 4).Draw(t, "op") {
			case 0, 1:
				tb := &Table{ID: id, DefaultCharset: fmt.Sprint(n)}
				next, model[key(id)] = next.Put(tb), tb
			case 2:
				next = next.Remove(id)
				delete(model, key(id))
			case 3:
				to := draw()
				next = next.Rename(id, to)
				if old := model[key(id)]; old != nil {
					delete(model, key(id))
					c := *old
					c.ID = to
					model[key(to)] = &c
				}
			case 4:
				next = next.RemoveDatabase(id.Database)
				for k, v := range model {
					if v.ID.Database == id.Database || fold && strings.EqualFold(v.ID.Database, id.Database) {
						delete(model, k)
					}
				}
			}
			versions = append(versions, version{next, model})
		}
		for _, v := range versions {
			if v.tables.Len() != len(v.model) {
				t.Fatalf("%d tables, want %d", v.tables.Len(), len(v.model))
			}
			seen := 0
			v.tables.All(func(tb *Table) bool {
				seen++
				if m := v.model[key(tb.ID)]; m == nil || m.ID != tb.ID || m.DefaultCharset != tb.DefaultCharset {
					t.Fatalf("%v is %+v, want %+v", tb.ID, tb, m)
				}
				return true
			})
			if seen != len(v.model) {
				t.Fatalf("saw %d of %d", seen, len(v.model))
			}
		}
	})
}

func TestTables_Apply(t *testing.T) {
	a, b := TableID{Database: "d", Table: "a"}, TableID{Database: "d", Table: "b"}
	s := NewTables(false).Apply(Change{Type: Create, ID: a, Table: &Table{ID: a}})
	s = s.Apply(Change{Type: Alter, ID: b, PreviousID: &a, Table: &Table{ID: b}})
	if s.Get(a) != nil || s.Get(b) == nil {
		t.Error("rename left the old name")
	}
	if s = s.Apply(Change{Type: Drop, ID: b}); s.Len() != 0 {
		t.Error("drop left the table")
	}
}

func TestTables_GetDoesNotAllocate(t *testing.T) {
	id := TableID{Database: "d", Table: "a"}
	s := NewTables(false).Put(&Table{ID: id})
	if n := testing.AllocsPerRun(100, func() { s.Get(id) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
