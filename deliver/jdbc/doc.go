// Package jdbc writes Kafka records into relational tables, in place of two Java
// connectors: Confluent's JDBC sink (flat records, SJ-030 to SJ-099) and Debezium's
// (envelopes, flattened records and tombstones with Debezium's semantic types, SJ-110 to
// SJ-194). Databases: PostgreSQL, MySQL and MariaDB, SQLite.
//
// The main types: sink owns the connection, runs on deliver.Blocking's goroutine and
// repeats writes; a writer turns batches into one transaction; a plan says how records of one topic under one pair of schemas become rows of a table; a
// layout is the list of columns that such rows have; a group collects the rows of one
// layout, the last one per key; a dialect knows a database's SQL and a session is one
// connection to it.
//
// Invariants: one Write is one transaction or part of a larger one; a batch is reported
// done only after the commit (1); rows of one key keep their order (4); a value that
// has no faithful form in its column stops the task, naming topic, partition, offset and
// column but never the value (7).
//
// A record that cannot be written is found by itself (SJ-213); Env.Failures decides about it.
//
// It does not keep offsets in the target (SJ-216) or widen types (SJ-217).
package jdbc
