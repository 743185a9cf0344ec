// Package configs declares, parses and validates configuration the way Kafka's ConfigDef
// does: every key is declared once with type, default, importance, validator, text and
// group. Parsing, the answers of /config/validate, the warning about unknown keys and the
// refusal of keys that we know but do not honour all come from that one declaration.
//
// Nobody reads raw maps after [Def.Parse]; a room turns [Values] into its own typed struct.
// The package imports nothing of ours.
package configs
