package transforms

import (
	"slices"

	"github.com/anabranch/anabranch/records"
)

// openHeaders copies the record's headers to the end of the slab, with room for more: ranges
// are shared between records. What is appended then counts after closeHeaders.
func openHeaders(b *records.Batch, r *records.Record, more int) (at int) {
	at = len(b.Headers)
	b.Headers = slices.Grow(b.Headers, int(r.HeaderN)+more)
	b.Headers = append(b.Headers, b.Headers[r.HeaderOff:r.HeaderOff+r.HeaderN]...)
	return at
}

func closeHeaders(b *records.Batch, r *records.Record, at int) {
	r.HeaderOff, r.HeaderN = uint32(at), uint32(len(b.Headers)-at)
}

// copyValue copies a value with all its parts into another batch.
func copyValue(dst, src *records.Batch, v records.Value) records.Value {
	switch v.Kind {
	case records.KindString:
		return dst.AddStringBytes(src.Raw(v))
	case records.KindBytes:
		return dst.AddBytes(src.Raw(v))
	case records.KindArray, records.KindMap, records.KindStruct:
		elems := src.Elems(v)
		off := dst.AddVals(len(elems))
		for i, e := range elems {
			c := copyValue(dst, src, e)
			dst.Vals[int(off)+i] = c
		}
		v.Off = off
	}
	return v
}
