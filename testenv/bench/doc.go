// Package bench measures Anabranch beside the real Debezium on the real Kafka Connect: same
// machine, same run, same servers, one after the other in turns. It is a program, not a test:
// nothing here passes or fails by a clock. `make bench` runs it; docs/benchmarks.md says how
// to read and repeat it.
//
// Main types: [Bench] holds the servers and the contenders; a scenario is a method of it that
// adds figures to the [Report]. [Stage] stands in for a test, because testenv's servers are
// made for tests.
//
// Rules that all scenarios keep:
//
//  1. Who is measured, and who is not: the worker process alone counts for processor time and
//     memory. Broker, database and this program are the same for all contenders. What broker
//     and database needed in the meantime is shown beside, to see who is the limit.
//  2. Time comes from one clock that no contender owns: topics are made with LogAppendTime, so
//     the broker says when a record arrived.
//  3. Contenders take turns, and the order rotates from round to round. The first round is
//     thrown away: the JVMs of Connect and the broker compile in it.
//  4. Every figure is a median with its smallest and largest value.
package bench
