package mysql

import (
	"slices"
	"unicode/utf16"
)

// hashOrder returns table ids in the order in which a java.util.HashMap with these keys, put in
// one after the other, lists them: by bucket, and within a bucket by arrival.
func hashOrder(ids []tid) []tid {
	buckets := javaBuckets(len(ids))
	bucket := func(id tid) int { return javaBucket(id.String(), buckets) }
	out := slices.Clone(ids)
	slices.SortStableFunc(out, func(a, b tid) int { return bucket(a) - bucket(b) })
	return out
}

// javaBuckets is the size of a java.util.HashMap's table after n puts.
func javaBuckets(n int) int {
	buckets := 16
	for n*4 > buckets*3 {
		buckets *= 2
	}
	return buckets
}

// javaBucket is the bucket of a String key in a table of that size.
func javaBucket(key string, buckets int) int {
	var h uint32
	for _, u := range utf16.Encode([]rune(key)) {
		h = h*31 + uint32(u)
	}
	return int(h^h>>16) & (buckets - 1)
}
