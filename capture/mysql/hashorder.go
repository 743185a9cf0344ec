package mysql

import (
	"slices"

	"github.com/anabranch/anabranch/records"
)

// hashOrder returns table ids in the order in which a java.util.HashMap with these keys, put in
// one after the other, lists them: by bucket, and within a bucket by arrival.
func hashOrder(ids []tid) []tid {
	buckets := records.JavaBuckets(len(ids))
	bucket := func(id tid) int { return records.JavaBucket(id.String(), buckets) }
	out := slices.Clone(ids)
	slices.SortStableFunc(out, func(a, b tid) int { return bucket(a) - bucket(b) })
	return out
}
