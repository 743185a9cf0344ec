// Package converters turns Connect values into the bytes of Kafka records and back, in
// the formats of Kafka Connect's own converters (ledger section 6).
//
// A [Converter] appends to a byte slice and decodes into a batch's slab. What depends on
// the schema is compiled once per *records.Schema: field names, the inline schema of
// JsonConverter and the text of defaults are byte blocks afterwards, so that appending a
// row allocates nothing. The compiled plans are kept by pointer; a schema is immutable once
// it is reachable from a batch (invariant 6).
//
// A Converter belongs to one goroutine. [New] returns a factory, which may be shared: the
// converters that it makes share the schemas that they have read, so that all lanes of a
// topic see one pointer per schema.
//
// What it deliberately does not do: no schema registry, no topic names, no tolerance for
// errors (that is the task's), no guessing: data that does not fit the schema is an error,
// also where Jackson would silently read a zero (invariant 7). No row data is put into errors.
package converters
