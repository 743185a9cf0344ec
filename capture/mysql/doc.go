// Package mysql captures the changes of a MySQL server: a snapshot of the tables first, then
// the binary log, as Debezium 3.6's MySqlConnector does and to the byte.
//
// [New] makes a [Source]. Open connects, checks the server, recovers the table structures
// from the schema history and decides whether a snapshot is due; Read then hands over frames.
// There is no goroutine behind it: Read pulls from the socket, so a slow sink simply lets the
// server wait. Bytes of rows are decoded straight from the packet into a batch by the
// sub-package column; nothing is allocated for a row.
//
// Main pieces: packets (bytes of the MySQL protocol), events (headers and bodies of the
// binlog), cursor (where we are, in Debezium's terms), stream (the loop over events), snapshot
// (locks, structures, rows), emitter (rows to envelope records).
//
// Invariants: 3 (a frame's position is never ahead of its rows), 5 (a DDL is in the history
// before the frame that needs it), 6 (a frame is cut before each DDL).
//
// What it deliberately does not do: no incremental snapshots, no signals, no MariaDB yet; no
// type mapping (see column), no DDL grammar (see schemahistory/ddl).
package mysql
