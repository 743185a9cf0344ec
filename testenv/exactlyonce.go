package testenv

import "slices"

// ExactlyOnce reports what a consumer of committed records must never see under exactly-once
// delivery: an event twice, and a key whose events do not go forward in the source's log.
// Gaps show in [NoGap].
func ExactlyOnce(events []Event) error {
	type place struct {
		partition int32
		position  []int64
	}
	newest := map[string]place{}
	var f faults
	for _, e := range events {
		id := e.Topic + "\x00" + e.Key
		last, known := newest[id]
		switch {
		case !known:
		case last.partition != e.Partition:
			f.add("%v: the key was in partition %d before", e, last.partition)
		case slices.Equal(e.Position, last.position):
			f.add("%v: delivered twice in a row", e)
		case slices.Compare(e.Position, last.position) < 0:
			f.add("%v: delivered again, or late: %v was there before", e, last.position)
			continue
		}
		newest[id] = place{e.Partition, e.Position}
	}
	return f.err("exactly once")
}
