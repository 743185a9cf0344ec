package daemon

import (
	"context"
	"fmt"
	"maps"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/capture"
	capturekafka "github.com/anabranch/anabranch/capture/kafka"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/configs/javaregex"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/daemon/tolerance"
	"github.com/anabranch/anabranch/deliver"
)

// sinkFunc makes a sink; it does not connect.
type sinkFunc func(v *configs.Values, env deliver.Env) (deliver.Sink, error)

// sinkParts is the build function of a sink connector: a consumer, and the sink. Its offsets
// are the commits of the consumer group.
func sinkParts(makeSink sinkFunc) func(t taskEnv) (actors.Parts, error) {
	return func(t taskEnv) (actors.Parts, error) {
		v, err := t.values()
		if err != nil {
			return actors.Parts{}, err
		}
		registerer := t.registerer()
		failures, err := t.tolerance(v, registerer)
		if err != nil {
			return actors.Parts{}, err
		}
		source, err := t.consumer(v, failures, capture.Env{Connector: t.connector, TaskID: t.task, Log: t.log, Metrics: registerer, Version: t.plugin.version})
		if err != nil {
			return actors.Parts{}, err
		}
		chain, err := t.chain(failures)
		if err != nil {
			return actors.Parts{}, err
		}
		env := deliver.Env{Connector: t.connector, TaskID: t.task, Log: t.log, Metrics: registerer}
		if failures.TakesErrant() {
			env.Failures = failures
		}
		sink, err := makeSink(v, env)
		if err != nil {
			return actors.Parts{}, err
		}
		return actors.Parts{Source: source, Sink: sink, NewChain: chain, Tolerance: failures, MaxRetries: restartsUnlimited, RetryWaitMillis: restartWaitMillis}, nil
	}
}

// consumer makes the Kafka source of a sink connector, from the worker's consumer.* and the
// connector's consumer.override.* (CW-112, CW-115).
func (t *taskEnv) consumer(v *configs.Values, failures *tolerance.Operator, env capture.Env) (capture.Source, error) {
	props := t.clientProps("consumer", consumerOverride)
	s := kafkaprops.Consumer(props)
	if len(s.Problems) > 0 {
		return nil, s.Problems
	}
	cfg := capturekafka.FromSettings(s, t.connector)
	cfg.Stats = t.clients.New(javametrics.ConsumerClient, props[kafkaprops.ClientID])
	if t.active != nil {
		cfg.Active = func(topic string) { t.active.UseTopic(t.connector, t.task, topic) }
	}
	cfg.Failures, cfg.KeepConsumed, cfg.BeforeCommit = failures, failures.KeepsRecords(), failures.BeforeCommit
	if id := fmt.Sprintf("connector-consumer-%s-%d", t.connector, t.task); t.evict != nil && props[kafkaprops.ClientID] == id {
		cfg.BeforeJoin = func(ctx context.Context) { t.evict(ctx, cfg.Group, id) }
	}
	cfg.Topics = v.List(configs.TopicsKey)
	if pattern := v.Str(configs.TopicsRegexKey); pattern != "" {
		re, err := javaregex.Compile(pattern, false)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", configs.TopicsRegexKey, err)
		}
		cfg.TopicPattern = re
	}
	var err error
	if cfg.NewKey, err = t.converter(configs.KeyConverterKey); err != nil {
		return nil, fmt.Errorf("key converter: %w", err)
	}
	if cfg.NewValue, err = t.converter(configs.ValueConverterKey); err != nil {
		return nil, fmt.Errorf("value converter: %w", err)
	}
	if cfg.NewHeader, err = t.converter(configs.HeaderConverterKey); err != nil {
		return nil, fmt.Errorf("header converter: %w", err)
	}
	return capturekafka.New(cfg, env), nil
}

// copies makes n tasks with the connector's own configuration, as sinks do whose work is
// divided by the consumer group.
func copies(config map[string]string, n int) ([]map[string]string, error) {
	out := make([]map[string]string, n)
	for i := range out {
		out[i] = maps.Clone(config)
	}
	return out, nil
}
