// Package relational holds what connectors for relational databases share: include and
// exclude lists with Java's regular expressions, topic names, message keys, the envelope and
// the records beside the data (heartbeat, schema change, transaction).
//
// Everything here is decided once, when a connector starts or a table's structure changes;
// nothing is called for each row but the appending functions, which do not allocate.
//
// What it deliberately does not do: no SQL, no log reading, no type mapping, no I/O.
package relational
