// Package avro is Confluent's AvroConverter: Connect values as Avro in the wire format of
// schema registries, and back (ledger rows CW-334 to CW-348).
//
// Writing: the Connect schema is mapped to an Avro schema (fromconnect.go), whose text
// (text.go) the registry knows by an id; then an encoder is compiled, which walks the slab
// and appends. Reading: the schema of the id is parsed (parse.go), mapped to a Connect schema
// (toconnect.go), and a decoder is compiled, which fills the slab. Both are found by pointer
// or id afterwards; nothing is allocated per row.
//
// The text must be what Confluent's AvroData and Avro's Schema.toString make, property by
// property: another text is another schema, and a subject with compatibility rules would see
// a new version the day the converter changes.
//
// What it deliberately does not do: no schema evolution while reading (Connect reads with the
// writer's schema too), no recursive schemas but Anything, no rules of data contracts.
package avro
