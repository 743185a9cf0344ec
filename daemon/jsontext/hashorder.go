package jsontext

import (
	"math"
	"sort"

	"github.com/anabranch/anabranch/records"
)

// HashOrder returns keys in the order in which a java.util.HashMap with its default load
// factor iterates over them when they are put in the given order (CW-174).
func HashOrder(keys []string) []string {
	out := append([]string(nil), keys...)
	records.JavaOrder(out)
	return out
}

// CopyOrder is HashOrder for a map that was made as a copy of one with size entries, after
// which the keys were changed.
func CopyOrder(size int, keys []string) []string {
	return hashOrder(roundUp(int(float32(size)/0.75+1)), keys)
}

// HashOrderOf sorts things as Java lists them that were put into a HashMap made for so many
// entries, by the hashCode of each; 0 entries is a map that nobody sized.
func HashOrderOf[T any](list []T, entries int, hash func(T) uint32) []T {
	capacity := 16
	if entries > 0 {
		capacity = roundUp(entries)
	}
	mask := grown(capacity, len(list)) - 1
	out := append([]T(nil), list...)
	sort.SliceStable(out, func(i, j int) bool { return bucket(hash(out[i]), mask) < bucket(hash(out[j]), mask) })
	return out
}

func hashOrder(capacity int, keys []string) []string {
	mask := grown(capacity, len(keys)) - 1
	out := append([]string(nil), keys...)
	sort.SliceStable(out, func(i, j int) bool {
		return bucket(records.JavaHash(out[i]), mask) < bucket(records.JavaHash(out[j]), mask)
	})
	return out
}

// grown is the capacity of a map after n entries were put.
func grown(capacity, n int) int {
	for n*4 > capacity*3 {
		capacity *= 2
	}
	return capacity
}

// roundUp is the least power of two that is not less than n.
func roundUp(n int) int {
	capacity := 1
	for capacity < n {
		capacity *= 2
	}
	return capacity
}

func bucket(h uint32, mask int) uint32 { return (h ^ h>>16) & uint32(mask) }

// HashCode is Java's hashCode of a value that JSON can have outside of lists and objects; those
// give 0.
func HashCode(v any) uint32 {
	switch x := v.(type) {
	case string:
		return records.JavaHash(x)
	case bool:
		if x {
			return 1231
		}
		return 1237
	case int64:
		return uint32(uint64(x) ^ uint64(x)>>32)
	case float64:
		bits := math.Float64bits(x)
		return uint32(bits ^ bits>>32)
	}
	return 0
}
