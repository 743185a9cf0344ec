package mysql

import (
	"slices"
	"unicode/utf16"
)

// hashOrder returns table ids in the order in which a java.util.HashMap with these keys, put in
// one after the other, lists them: by bucket, and within a bucket by arrival.
func hashOrder(ids []tid) []tid {
	buckets := 16
	for len(ids)*4 > buckets*3 {
		buckets *= 2
	}
	bucket := func(id tid) int {
		var h uint32
		for _, u := range utf16.Encode([]rune(id.String())) {
			h = h*31 + uint32(u)
		}
		return int(h^h>>16) & (buckets - 1)
	}
	out := slices.Clone(ids)
	slices.SortStableFunc(out, func(a, b tid) int { return bucket(a) - bucket(b) })
	return out
}
