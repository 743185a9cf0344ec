package daemon

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/deliver"
	deliverkafka "github.com/anabranch/anabranch/deliver/kafka"
	"github.com/anabranch/anabranch/records"
)

// Restarts after retriable failures, for connectors that have no keys of their own for it.
const (
	restartsUnlimited = -1
	restartWaitMillis = 10_000
	maxRetriesKey     = "errors.max.retries"                  // DM-58
	retryWaitKey      = "retriable.restart.connector.wait.ms" // DM-58
)

// sourceFunc makes a source; it does not connect.
type sourceFunc func(v *configs.Values, env capture.Env) (capture.Source, error)

// sourceParts is the build function of a source connector: the source, and a producer.
func sourceParts(makeSource sourceFunc) func(t taskEnv) (actors.Parts, error) {
	return func(t taskEnv) (actors.Parts, error) {
		v, err := t.values()
		if err != nil {
			return actors.Parts{}, err
		}
		registerer := t.registerer()
		offsets, err := t.offsetTopics()
		if err != nil {
			return actors.Parts{}, err
		}
		failures, err := t.tolerance(v, registerer)
		if err != nil {
			return actors.Parts{}, err
		}
		sink, transactions, err := t.producer(failures, registerer, v, offsets)
		if err != nil {
			return actors.Parts{}, err
		}
		chain, err := t.chain(failures)
		if err != nil {
			return actors.Parts{}, err
		}
		source, err := makeSource(v, capture.Env{Connector: t.connector, TaskID: t.task, Log: t.log, Metrics: registerer, Version: t.plugin.version})
		if err != nil {
			return actors.Parts{}, err
		}
		p := actors.Parts{Source: source, Sink: sink, NewChain: chain, Tolerance: failures, Offsets: offsets, Transactions: transactions, MaxRetries: restartsUnlimited, RetryWaitMillis: restartWaitMillis}
		t.retries(v, &p)
		return p, nil
	}
}

// retries takes the limits of restarts from connectors that have keys for them.
func (t *taskEnv) retries(v *configs.Values, p *actors.Parts) {
	def := t.plugin.definition()
	if _, ok := def.Key(maxRetriesKey); ok {
		p.MaxRetries = int(v.Int(maxRetriesKey))
	}
	if _, ok := def.Key(retryWaitKey); ok {
		p.RetryWaitMillis = v.Int(retryWaitKey)
	}
}

// registerer gives a task's series its labels.
func (t *taskEnv) registerer() prometheus.Registerer {
	return t.metrics.New(t.connector, fmt.Sprint(t.task))
}

// producer makes the Kafka sink of a source connector. The settings come from the worker's
// producer.* and the connector's producer.override.* (CW-112, CW-113).
func (t *taskEnv) producer(failures records.Failures, registerer prometheus.Registerer, v *configs.Values, offsets *offsetTopics) (deliver.Sink, *actors.Transactions, error) {
	props := t.clientProps("producer", producerOverride)
	if t.worker.ExactlyOnceSources() {
		for _, w := range exactlyOnceProducer(props, t.transactionalID()) {
			t.log.Warn(w.Message, "key", w.Key)
		}
	}
	s := kafkaprops.Producer(props)
	if len(s.Problems) > 0 {
		return nil, nil, s.Problems
	}
	cfg := deliverkafka.FromSettings(s)
	cfg.Stats = t.clients.New(javametrics.ProducerClient, props[kafkaprops.ClientID])
	cfg.Failures, cfg.SkipRefused = failures, v.Str(configs.ToleranceKey) == "all"
	var err error
	if cfg.NewKey, err = t.converter(configs.KeyConverterKey); err != nil {
		return nil, nil, fmt.Errorf("key converter: %w", err)
	}
	if cfg.NewValue, err = t.converter(configs.ValueConverterKey); err != nil {
		return nil, nil, fmt.Errorf("value converter: %w", err)
	}
	if cfg.NewHeader, err = t.converter(configs.HeaderConverterKey); err != nil {
		return nil, nil, fmt.Errorf("header converter: %w", err)
	}
	if cfg.Topics, err = topicCreation(t.worker, t.config); err != nil {
		return nil, nil, err
	}
	var transactions *actors.Transactions
	if t.worker.ExactlyOnceSources() {
		cfg.Transactions = t.transactions(s, offsets)
	}
	kafka := deliverkafka.New(cfg, deliver.Env{Connector: t.connector, TaskID: t.task, Log: t.log, Metrics: registerer})
	if cfg.Transactions != nil {
		if transactions, err = t.boundary(v, s, offsets, kafka); err != nil {
			return nil, nil, err
		}
	}
	var sink deliver.Sink = kafka
	if offsets.own != nil {
		sink = &withOffsets{sink, offsets.own}
	}
	if t.explain != nil {
		sink = &explainedSink{sink, t.explain}
	}
	if t.active != nil {
		sink = &topicWatch{sink, t.active, t.connector, t.task}
	}
	return sink, transactions, nil
}

// clientProps overlays the settings of one of the task's Kafka clients: what Connect sets, then
// the worker's prefix, then the connector's override.
func (t *taskEnv) clientProps(kind, override string) map[string]string {
	base := map[string]string{
		kafkaprops.BootstrapServers: t.worker.Raw[configs.BootstrapServersKey],
		kafkaprops.ClientID:         fmt.Sprintf("connector-%s-%s-%d", kind, t.connector, t.task),
	}
	if base[kafkaprops.BootstrapServers] == "" {
		delete(base, kafkaprops.BootstrapServers)
	}
	return kafkaprops.Merge(base, kafkaprops.Below(t.worker.Raw, kind+"."), kafkaprops.Below(t.config, override))
}

// topicCreation reads the rules for new topics (CW-92, CW-141). The embedded broker forgets
// topics that create themselves, so there they are always created by request.
func topicCreation(w *configs.Worker, config map[string]string) (*deliverkafka.TopicCreation, error) {
	rules, problems := deliverkafka.ParseTopicCreation(config)
	switch {
	case len(problems) > 0:
		return nil, problems
	case !w.TopicCreation:
		rules = nil
	}
	if rules == nil && w.Mode == configs.Embedded {
		rules = &deliverkafka.TopicCreation{Default: deliverkafka.TopicGroup{Name: "default", Partitions: 1, ReplicationFactor: 1}}
	}
	return rules, nil
}
