// Package kafka writes batches to Kafka topics: it is the sink of every source connector.
//
// A batch is encoded as a whole by the connector's converters into one block of memory and
// then released; franz-go keeps pieces of the block until the broker has acknowledged them.
// When all records of the batch are acknowledged, its Done is called once and the block goes
// back to a pool. Memory is bounded by a budget of encoded bytes, which is the only place
// where Write waits (buffer.memory).
//
// Invariants: records of one lane keep their order (one idempotent producer per task); Done
// with nil means that every record of the batch is acknowledged (acks=all unless the user
// asked for less); after the first error nothing more is accepted, so that the task rewinds.
//
// With [Transactions] the sink is a deliver.Transactor: Commit writes source offsets behind the records
// and ends the transaction of both.
//
// What it deliberately does not do: decide when a transaction ends, topic tracking, transforms.
package kafka
