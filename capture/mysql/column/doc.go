// Package column knows what a MySQL column looks like as a Connect field and how its values
// get from a binlog row image, or from a row of the text protocol, into a records.Batch.
//
// A [Table] is the plan of one table version: schemas, defaults, charsets and conversions are
// settled once in [NewTable]. [Table.Bind] joins the plan with the wire types of a TABLE_MAP
// event ([TableMap]) into a [Decoder], whose Row allocates nothing. [Table.TextRow] does the
// same for a snapshot's SELECT. Both give what Debezium's MySQL connector gives (DM section
// 3.4), including the places where its snapshot and its stream differ.
//
// What it deliberately does not do: no I/O, no envelope, no filters, no masking, no DDL.
//
// # Session settings for the text protocol
//
// The connection that runs the snapshot SELECT must have
//
//	SET NAMES utf8mb4            -- the server converts every text column; binary stays as it is
//	SET time_zone = '+00:00'     -- TIMESTAMP text is then UTC, unambiguous at the end of summer time
//
// and use the text protocol (COM_QUERY). Debezium lets the server convert as well
// (characterSetResults=UTF-8), so a byte that MySQL's latin1 knows but Java's windows-1252
// does not reads differently in its snapshot and in its stream; so it does here.
package column
