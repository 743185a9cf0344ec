// Package kafkaprops translates the configuration names of Java's Kafka clients, which
// users have in worker files ("producer.", "consumer.", "admin.") and in overrides of
// connectors, into options of franz-go (CW-112 to CW-116, CW-464).
//
// Every name has one of four fates: it is translated; it is accepted with a warning that
// says why it has no effect here; it is refused with a problem that names the key; or it is
// unknown and reported as such. Nothing is ignored in silence.
//
// The package opens no connection and reads no file except the PEM files that are named in
// the configuration.
package kafkaprops
