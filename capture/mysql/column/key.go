package column

import (
	"bytes"

	"github.com/anabranch/anabranch/records"
)

// KeyOf makes the key struct of a row that Row, RowOver, InsertRow or TextRow of the same plan
// put into the same batch, or Null if the table has no key. Call it before the row's values are
// masked or truncated: keys never are (DM-16). Key columns that a filter keeps out of the row
// lie in the slab directly behind the row's fields; that is why only the row value itself, not a copy, will do.
func (t *Table) KeyOf(b *records.Batch, row records.Value) records.Value {
	if t.Key == nil {
		return records.Null
	}
	off := b.AddVals(len(t.KeyFields))
	for i, slot := range t.KeyFields {
		b.Vals[int(off)+i] = b.Vals[int(row.Off)+slot]
	}
	return records.StructAt(off, len(t.KeyFields))
}

// Equal reports whether two values of one batch are the same, deeply: an update whose keys
// differ is split (DM-19), one whose rows do not may be dropped (DM-24).
func (t *Table) Equal(b *records.Batch, a, c records.Value) bool { return equal(b, a, c) }

func equal(b *records.Batch, a, c records.Value) bool {
	if a.Kind != c.Kind {
		return false
	}
	switch a.Kind {
	case records.KindString, records.KindBytes:
		return a.N == c.N && (a.Off == c.Off || bytes.Equal(b.Raw(a), b.Raw(c)))
	case records.KindStruct, records.KindArray, records.KindMap:
		if a.N != c.N {
			return false
		}
		x, y := b.Elems(a), b.Elems(c)
		for i := range x {
			if !equal(b, x[i], y[i]) {
				return false
			}
		}
		return true
	}
	return a.Num == c.Num
}
