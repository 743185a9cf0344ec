// Package records is the data model that every other room speaks: schemas in
// Kafka Connect's type system, rows as tagged values in a slab, batches of rows,
// frames of batches and the positions that come with them.
//
// A [Batch] holds the records of one lane (one table, one topic-partition). Its
// values live in two slabs without pointers: [Batch.Vals] for the elements of
// structs, arrays and maps, [Batch.Arena] for the bytes of strings and blobs. A
// [Value] refers to them by offset, so the garbage collector never walks a row
// and a batch of thousands of rows costs a handful of allocations, all of which
// are reused through [NewBatch] and [Batch.Release].
//
// What it deliberately does not do: no I/O, no conversion to a wire format (see
// records/converters), no schema inference, no goroutines. The root package
// imports nothing of ours.
package records
