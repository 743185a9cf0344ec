// Package registry is a client of schema registries that speak Confluent's protocol, and
// what the converters of all schema formats have in common: subject names, the choice of
// the schema id, the wire format, keys and errors (ledger rows CW-334 to CW-348).
//
// A [Client] does the calls, [Serde] answers the two questions of a converter: under which
// id is this schema written, and what is the schema of this id. Its answers are kept, so a
// registry that is away is only missed by schemas that nobody has asked for yet.
//
// Errors say whether trying again may help (records.Retriable): a registry that cannot be
// reached or has trouble of its own is retriable, a refused or unknown schema is not (CW-347).
//
// No goroutine outlives a call, connections are not kept: calls are rare.
package registry
