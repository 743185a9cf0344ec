package kafka

import (
	"context"
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topicMaker creates missing topics before the first record goes to them (CW-269).
type topicMaker struct {
	cl    *kgo.Client
	rules *TopicCreation

	mu    sync.RWMutex // guards the field below
	known map[string]struct{}
}

func newTopicMaker(cl *kgo.Client, rules *TopicCreation) *topicMaker {
	return &topicMaker{cl: cl, rules: rules, known: map[string]struct{}{}}
}

// ensure returns when the topic exists or when creating it is left to the broker.
func (t *topicMaker) ensure(ctx context.Context, topic string) error {
	if t.rules == nil {
		return nil
	}
	t.mu.RLock()
	_, ok := t.known[topic]
	t.mu.RUnlock()
	if ok {
		return nil
	}
	if err := t.create(ctx, topic); err != nil {
		return classify("create topic", topic, err)
	}
	t.mu.Lock()
	t.known[topic] = struct{}{}
	t.mu.Unlock()
	return nil
}

func (t *topicMaker) create(ctx context.Context, topic string) error {
	adm := kadm.NewClient(t.cl)
	details, err := adm.ListTopics(ctx, topic)
	if err != nil {
		return err
	}
	if d := details[topic]; d.Err == nil && len(d.Partitions) > 0 {
		return nil
	} else if d.Err != nil && !errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
		return d.Err
	}
	g, err := t.rules.group(topic)
	if err != nil {
		return err
	}
	_, err = adm.CreateTopic(ctx, g.Partitions, g.ReplicationFactor, g.Configs, topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}
