// Package ddl reads the data definition statements of MySQL and MariaDB and applies them to
// a set of table structures, so that rows of the binlog can be decoded with the structure
// they were written with (DM-122). It also says what each statement leaves behind in
// Debezium's schema history and schema-change topic, to the byte (DM-179..181, DM-504, DM-505).
//
// [New] makes a [Parser], which remembers what Debezium's parser remembers between
// statements: the default character sets of databases and a few session variables.
// [Parser.Parse] takes one statement (or several, separated by semicolons) and the current
// tables, and returns a [Result]: the new tables, and one [Event] for each record that
// Debezium would write. The tables that were passed in are never changed.
//
// The reader is tolerant by design: it understands names, columns, types, nullability,
// defaults, keys, character sets and renames, and skips every other clause up to the next
// comma or the end of the statement. What it cannot read it reports as an [Error] with the
// offset of the offending token, so that the caller can stop for a captured table and only
// note it for others. It never panics and always terminates.
//
// What it deliberately does not do: no validation of statements that the server has already
// accepted, no views, no routines, no execution of anything, no I/O, no goroutines.
package ddl
