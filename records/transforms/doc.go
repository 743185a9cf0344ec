// Package transforms holds the single message transforms and predicates, one file per class,
// named after it. What depends on a schema is planned once per schema pointer, what is left
// per record moves columns in the batch's slab. Equal input schemas give the same output
// schema, so that converters and sinks can cache by pointer too. No transform sees a map;
// the "maps" of records without a schema are runs of keys and values in the slab.
//
// An error says the Java class of the exception that Kafka's transform throws, and its text
// without the record's values. A record that failed is as it was.
//
// The package does not know where errors go: records.Failures decides (CW-349). It does not
// run classes of other jars; foreign.go says what to use in their place.
package transforms
