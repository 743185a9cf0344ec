package kafka

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/anabranch/anabranch/capture"
)

type (
	kmsgCommitRequest  = kmsg.OffsetCommitRequest
	kmsgCommitResponse = kmsg.OffsetCommitResponse
)

const kafkaErrors = "org.apache.kafka.common.errors."

// fatal are errors that trying again does not help, with the class that Java would name and a way out.
var fatal = []struct {
	err   *kerr.Error
	class string
	hint  string
}{
	{kerr.TopicAuthorizationFailed, "TopicAuthorizationException", "grant the connector's principal Read and Describe on the topic"},
	{kerr.GroupAuthorizationFailed, "GroupAuthorizationException", "grant the connector's principal Read on the consumer group, or choose another one with consumer.override.group.id"},
	{kerr.ClusterAuthorizationFailed, "ClusterAuthorizationException", ""},
	{kerr.SaslAuthenticationFailed, "SaslAuthenticationException", "check sasl.mechanism and sasl.jaas.config; sink tasks take them with the prefix consumer. or consumer.override."},
	{kerr.InvalidTopicException, "InvalidTopicException", "check topics"},
	{kerr.InvalidGroupID, "InvalidGroupIdException", "check consumer.override.group.id"},
	{kerr.InvalidSessionTimeout, "InvalidSessionTimeoutException", "session.timeout.ms must lie between the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"},
	{kerr.InconsistentGroupProtocol, "InconsistentGroupProtocolException", "another program uses this consumer group with another assignor or protocol"},
	{kerr.FencedInstanceID, "FencedInstanceIdException", "another member uses the same group.instance.id"},
	{kerr.OffsetOutOfRange, "OffsetOutOfRangeException", "the topic no longer has the committed offset and auto.offset.reset=none; reset the offsets of the connector, or set it to earliest"},
	{kerr.OffsetMetadataTooLarge, "OffsetMetadataTooLarge", ""},
}

func classify(op, subject string, err error) *capture.Error {
	e := &capture.Error{Op: op, Subject: subject, Cause: err, CanRetry: true}
	for i := range fatal {
		if f := &fatal[i]; errors.Is(err, f.err) {
			e.CanRetry, e.Class, e.Hint = false, kafkaErrors+f.class, f.hint
			return e
		}
	}
	switch {
	case errors.Is(err, kgo.ErrClientClosed), errors.Is(err, context.Canceled):
	case errors.Is(err, context.DeadlineExceeded):
		e.Class = kafkaErrors + "TimeoutException"
		e.Hint = "check that bootstrap.servers and the brokers' advertised.listeners can be reached from here"
	}
	return e
}
