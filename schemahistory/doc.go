// Package schemahistory keeps the history of table structures: what a row meant when it was
// written. It has the model of a table ([Table], [Column], the immutable set [Tables]), the
// JSON form of history records that Debezium reads and writes ([AppendRecord], [ParseRecord]),
// the places where it is kept ([NewKafka], [NewFile], [NewMemory]) and the way back from
// records to structures ([Recover]). Its sub-package ddl reads statements, gtid compares
// positions.
//
// Invariant 5 of the house rests here: a record is durable before anything decoded with it
// leaves the source. What it deliberately does not do: no reading of databases, no knowledge
// of connectors.
package schemahistory
