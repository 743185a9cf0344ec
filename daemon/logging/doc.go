// Package logging is the log of the process: text for people on stderr, with levels that can
// be changed while it runs (CW-61 to CW-65).
//
// There is one root level. A logger named connector.<name> sets the level of the lines that
// carry that connector. Any other name, such as a Java package that an operator knows, can
// only make the log more verbose: the lowest level of those and of root counts.
package logging
