// Package tolerance decides about records that cannot be processed, for one task: errors.tolerance,
// errors.retry.*, errors.log.* and the counters of Connect's task-error-metrics (CW-288 to CW-298).
// It follows RetryWithToleranceOperator, LogReporter and DeadLetterQueueReporter.
//
// An [Operator] lives as long as one incarnation of a task and is its records.Failures. The
// dead letter queue is a producer that it is given: letters are sent while the task goes on,
// [Operator.BeforeCommit] waits for those sent so far (invariant 2), and one that cannot be written
// ends the task, so that nothing is committed behind it.
//
// What differs from Connect, on purpose: a retriable error that outlives its time fails the task
// unless it is tolerated (CW-291); a failed letter ends the task instead of being lost; a stop
// leaves the record that is being tried again for the next start instead of dropping it; the log
// never shows content of records.
package tolerance
