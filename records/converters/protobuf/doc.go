// Package protobuf is Confluent's ProtobufConverter (CW-334 to CW-337, CW-345): a zero byte, the id
// of a schema in a registry, the place of the message in that schema, and the message.
//
// A Connect schema becomes a .proto text that is registered, and a plan that writes values by
// field number; a schema of the registry is compiled and becomes a Connect schema and a plan
// that reads. Nothing is looked up by name per record.
//
// As in Confluent's converter with its defaults, a null of a plain field is not written and
// reads as the type's zero; optional.for.nullables=true keeps nulls.
package protobuf
