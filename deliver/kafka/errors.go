package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/deliver"
)

const kafkaErrors = "org.apache.kafka.common.errors."

// produceError tells where a record should have gone and how large it was, never what was in it.
func (s *Sink) produceError(r *kgo.Record, err error) *deliver.Error {
	subject := "topic " + r.Topic
	size := int64(len(r.Key) + len(r.Value))
	if r.Partition >= 0 {
		subject = fmt.Sprintf("%s partition %d", subject, r.Partition)
	}
	e := classify("write record to", subject, err)
	if errors.Is(err, kerr.MessageTooLarge) && s.cfg.MaxRequestBytes > 0 {
		e.Hint = fmt.Sprintf("the record has %d bytes, max.request.size is %d: raise producer.override.max.request.size, and max.message.bytes of the topic", size, s.cfg.MaxRequestBytes)
	}
	return e
}

// fatal are errors that trying again does not help, with the class that Java would name and a way out.
var fatal = []struct {
	err   *kerr.Error
	class string
	hint  string
}{
	{kerr.MessageTooLarge, "RecordTooLargeException", "raise max.request.size of the producer and max.message.bytes of the topic"},
	{kerr.RecordListTooLarge, "RecordBatchTooLargeException", "raise segment.bytes of the topic"},
	{kerr.TopicAuthorizationFailed, "TopicAuthorizationException", "grant the connector's principal Write and Describe, and Create if the topic is to be created, on the topic"},
	{kerr.ClusterAuthorizationFailed, "ClusterAuthorizationException", "grant the connector's principal IdempotentWrite on the cluster (brokers before 2.8), or set producer.override.enable.idempotence=false"},
	{kerr.SaslAuthenticationFailed, "SaslAuthenticationException", "check sasl.mechanism and sasl.jaas.config; task producers take them with the prefix producer. or producer.override."},
	{kerr.InvalidTopicException, "InvalidTopicException", "the topic name is not legal: letters, digits, dots, underscores and hyphens, at most 249"},
	{kerr.InvalidRecord, "InvalidRecordException", "a topic with cleanup.policy=compact takes no records without a key; look at message.key.columns"},
	{kerr.InvalidTimestamp, "InvalidTimestampException", "look at message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic"},
	{kerr.UnsupportedForMessageFormat, "UnsupportedForMessageFormatException", ""},
	{kerr.InvalidRequiredAcks, "InvalidRequiredAcksException", "acks must be all, 1 or 0"},
	{kerr.PolicyViolation, "PolicyViolationException", "the broker's create.topic.policy refuses the topic; look at topic.creation.default.*"},
	{kerr.InvalidReplicationFactor, "InvalidReplicationFactorException", "the cluster has fewer brokers than topic.creation.default.replication.factor; -1 takes the broker's default"},
	{kerr.InvalidPartitions, "InvalidPartitionsException", "look at topic.creation.default.partitions"},
	{kerr.ProducerFenced, "ProducerFencedException", "another worker runs this task now; if that is not so, restart the task"},
	// A transaction whose time was over shows like this too (CW-275).
	{kerr.InvalidProducerEpoch, "InvalidProducerEpochException", "another worker runs this task now, or its transaction took longer than transaction.timeout.ms: raise producer.override.transaction.timeout.ms, lower transaction.boundary.interval.ms or use transaction.boundary=poll, then restart the task"},
	{kerr.TransactionalIDAuthorizationFailed, "TransactionalIdAuthorizationException", "grant the connector's principal Write and Describe on its transactional ids, GROUPID-NAME-TASK"},
	{kerr.InvalidTransactionTimeout, "InvalidTxnTimeoutException", "transaction.timeout.ms is larger than the broker's transaction.max.timeout.ms"},
	{kerr.InvalidConfig, "InvalidConfigurationException", "look at the topic configurations below topic.creation.default."},
}

// classify makes an Error of what the client says. In steady state an error of Kafka is
// retriable unless it is known to come back.
func classify(op, subject string, err error) *deliver.Error {
	e := &deliver.Error{Op: op, Subject: subject, Cause: err, CanRetry: true}
	for i := range fatal {
		if f := &fatal[i]; errors.Is(err, f.err) {
			e.CanRetry, e.Class, e.Hint = false, kafkaErrors+f.class, f.hint
			return e
		}
	}
	var ke *kerr.Error
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		e.Class = kafkaErrors + "UnknownTopicOrPartitionException"
		e.Hint = "the topic does not exist and the broker did not create it: create it, or set topic.creation.default.replication.factor and topic.creation.default.partitions"
	case errors.Is(err, kgo.ErrClientClosed), errors.Is(err, context.Canceled):
		e.Cause = errors.New("the sink was closed before the broker answered")
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries), errors.Is(err, context.DeadlineExceeded):
		e.Class = kafkaErrors + "TimeoutException"
		e.Hint = "no broker answered in time; check that bootstrap.servers and the brokers' advertised.listeners can be reached from here"
	case errors.As(err, &ke):
		e.CanRetry = ke.Retriable
	default:
		e.Hint = "check that bootstrap.servers and the brokers' advertised.listeners can be reached from here"
	}
	return e
}
