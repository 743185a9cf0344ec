// Package kafka reads topics in a consumer group: it is the source of every sink connector.
//
// One Read returns one frame with one batch: records of one topic-partition in order, decoded
// by the connector's converters. The lane is "topic-partition". Positions of different
// partitions are independent; a position is what Connect's REST shows:
// {"kafka_topic","kafka_partition"} and {"kafka_offset": the next offset to read}. Commit is
// the consumer group's commit.
//
// Back-pressure is simply not reading: the client keeps the session alive in the background
// and stops fetching when its own buffer is full. A rebalance waits until everything that was
// polled has been handed over; then the hook of [Source.OnRevoke] drains the lanes and commits
// before the partitions are given away (CW-283).
//
// A paused source keeps polling and fetches nothing, so that it stays a member (CW-252, pause.go).
//
// What it deliberately does not do: transforms, retries of records, its own offset store.
package kafka
