package store

import (
	"errors"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
)

func isUnknownTopic(err error) bool { return errors.Is(err, kerr.UnknownTopicOrPartition) }
func isTopicExists(err error) bool  { return errors.Is(err, kerr.TopicAlreadyExists) }

func isReplicationFactor(err error) bool {
	return errors.Is(err, kerr.InvalidReplicationFactor)
}

// isTransient reports whether trying again may help: the broker is starting or away.
func isTransient(err error) bool {
	var network net.Error
	return kerr.IsRetriable(err) || errors.As(err, &network)
}
