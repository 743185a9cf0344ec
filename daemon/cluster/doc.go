// Package cluster makes this worker a member of a group of Kafka Connect workers, ours or
// Java's: Kafka's classic group protocol with protocol type "connect".
//
// Main types: [Member] joins, keeps the session alive and hands work to a [Host] (the herder);
// [Assignor] says as the leader who runs what; [Metadata] and [Assignment] are the bytes on
// the wire; [Signer] signs the requests between workers.
//
// Invariants:
//
//   - A [Work] that a member was given is run by nobody else until the member has said in a
//     JoinGroup that it has stopped it, or its session can have ended at the broker. [Member.Fresh]
//     is the cheap question to ask before anything that others may see is written.
//   - What is revoked is stopped before the next JoinGroup.
//   - [Assignor] is plain: no clock, no I/O, no goroutine, and the same input gives the same
//     output.
//
// What it deliberately does not do: it reads no topic, starts no connector, serves no HTTP, and
// knows no static membership (Connect has none, CW-200).
package cluster
