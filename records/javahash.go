package records

import (
	"slices"
	"unicode/utf16"
)

// JavaHash is String.hashCode.
func JavaHash(s string) uint32 {
	var h uint32
	ascii := true
	for i := 0; i < len(s); i++ {
		ascii = ascii && s[i] < 0x80
		h = h*31 + uint32(s[i])
	}
	if ascii {
		return h
	}
	h = 0
	for _, u := range utf16.Encode([]rune(s)) {
		h = h*31 + uint32(u)
	}
	return h
}

// JavaBuckets is the size of the table of a java.util.HashMap that n keys were put into one
// after the other.
func JavaBuckets(n int) int {
	buckets := 16
	for n*4 > buckets*3 {
		buckets *= 2
	}
	return buckets
}

// JavaBucket is the place of a String key in a HashMap's table of that size. A HashMap lists
// its keys by bucket, those of one bucket as they came.
func JavaBucket(key string, buckets int) int {
	h := JavaHash(key)
	return int(h^h>>16) & (buckets - 1)
}

// JavaOrder sorts keys that were put one after the other as a java.util.HashMap lists them.
func JavaOrder(keys []string) {
	buckets := JavaBuckets(len(keys))
	slices.SortStableFunc(keys, func(a, b string) int { return JavaBucket(a, buckets) - JavaBucket(b, buckets) })
}
