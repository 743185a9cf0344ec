// Package sourcetest is the contract suite that every capture.Source passes: it resumes where
// it was told to, repeats at most but never leaves a gap, returns at once when it is cancelled
// while it waits, and can be closed whatever happened before.
//
// A connector describes itself with a [Fixture] and calls [Run] in a test. Changes are numbers
// that the fixture writes into its system and finds again in the records; the suite knows
// nothing else about the source.
//
// What it deliberately does not do: no look into records (that is for golden tests), no speed.
package sourcetest
