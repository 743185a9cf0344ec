package avro

import (
	"bytes"
	"slices"

	"github.com/anabranch/anabranch/records"
)

// pair is an entry of a map on its way through a java.util.HashMap, which is what AvroData makes
// of every map with string keys before it is written, and of every one that it reads. The order of
// entries is visible in the bytes.
type pair struct {
	bucket     int
	key, value records.Value
}

// javaOrder appends the entries in the order of a HashMap. Of equal keys the last value counts.
func javaOrder(dst []pair, b *records.Batch, kv []records.Value) []pair {
	buckets := records.JavaBuckets(len(kv) / 2)
	for i := 0; i+1 < len(kv); i += 2 {
		dst = append(dst, pair{bucket: javaBucket(b.Raw(kv[i]), buckets), key: kv[i], value: kv[i+1]})
	}
	slices.SortStableFunc(dst, func(x, y pair) int { return x.bucket - y.bucket })
	out := dst[:0]
	run := 0                 // where the present bucket begins
	var index map[string]int // of a bucket that somebody has filled on purpose
	for _, p := range dst {
		if len(out) > 0 && out[len(out)-1].bucket != p.bucket {
			run, index = len(out), nil
		}
		key := b.Raw(p.key)
		at := -1
		if len(out)-run < 32 {
			for i := run; i < len(out); i++ {
				if bytes.Equal(b.Raw(out[i].key), key) {
					at = i
				}
			}
		} else {
			if index == nil {
				index = map[string]int{}
				for i := run; i < len(out); i++ {
					index[string(b.Raw(out[i].key))] = i
				}
			}
			if i, ok := index[string(key)]; ok {
				at = i
			} else {
				index[string(key)] = len(out)
			}
		}
		if at >= 0 {
			out[at].value = p.value
			continue
		}
		out = append(out, p)
	}
	return out
}

// javaBucket is records.JavaBucket for bytes; it allocates for keys beyond ASCII only.
func javaBucket(key []byte, buckets int) int {
	var h uint32
	for _, c := range key {
		if c >= 0x80 {
			return records.JavaBucket(string(key), buckets)
		}
		h = h*31 + uint32(c)
	}
	return int(h^h>>16) & (buckets - 1)
}
