// Package store keeps what a worker must not forget: connector configurations, source
// offsets and statuses, in exactly the formats of Kafka Connect (CW section 3), so that a
// Java worker can go on where we stopped and the other way round.
//
// A [Log] is where records live: a Kafka topic, a file or memory. [Configs], [Offsets] and
// [Statuses] give the records their meaning and are the same over every Log. The package
// decides nothing: what runs, and when, is the herder's.
package store
