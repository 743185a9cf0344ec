package daemon

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/deliver"
	"github.com/anabranch/anabranch/records"
)

// offsetTopics is where the offsets of one source connector are: in the worker's topic, or in one
// of its own besides. It implements actors.OffsetStore.
type offsetTopics struct {
	worker *store.Offsets
	own    *store.OwnOffsets // nil: the worker's alone
	topic  string            // the one that counts; "" if it is none
	fresh  func() error      // see buildEnv; nil is always
}

// connectorOffsets finds the offset topics of a connector (CW-146, CW-178). client are the settings
// of the clients that its own topic is reached with. With exactly-once delivery the producer of the
// task writes the offsets, so the topic is where that one writes.
func connectorOffsets(w *configs.Worker, worker *store.Offsets, config, client map[string]string, log *slog.Logger) (*offsetTopics, error) {
	o := &offsetTopics{worker: worker}
	if w.Mode != configs.Distributed {
		return o, nil // CW-146
	}
	o.topic = w.OffsetTopic.Name
	given := config[configs.OwnOffsetsTopicKey]
	if given != "" {
		o.topic = given
	} else if !w.ExactlyOnceSources() {
		return o, nil
	}
	if o.topic == w.OffsetTopic.Name && sameServers(w.Bootstrap, configs.SplitList(client[kafkaprops.BootstrapServers])) {
		return o, nil
	}
	known := map[string]string{}
	producer, consumer := kafkaprops.ProducerDef(), kafkaprops.ConsumerDef()
	for k, v := range client {
		if producer.Knows(k) && consumer.Knows(k) {
			known[k] = v
		}
	}
	s := kafkaprops.Client(known)
	if len(s.Problems) > 0 {
		return nil, s.Problems
	}
	topic := w.OffsetTopic
	topic.Name = o.topic
	own := store.NewKafkaLog(topic, false, s.Opts, log)
	level := kafkaprops.Merge(kafkaprops.Below(w.Raw, "consumer."), kafkaprops.Below(config, consumerOverride))[kafkaprops.IsolationLevel]
	if w.ExactlyOnceSources() || level != "read_uncommitted" {
		own.ReadCommitted() // CW-157
	}
	o.own = store.NewOwnOffsets(own, worker, log)
	return o, nil
}

func sameServers(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// offsetTopics are those of the task's connector.
func (t *taskEnv) offsetTopics() (*offsetTopics, error) {
	o, err := connectorOffsets(t.worker, t.offsets, t.config, t.clientProps("producer", producerOverride), t.log)
	if err == nil {
		o.fresh = t.fresh
	}
	return o, err
}

// Load implements actors.OffsetStore.
func (o *offsetTopics) Load(ctx context.Context, connector string) ([]records.Position, error) {
	if o.own != nil {
		return o.own.Load(ctx, connector)
	}
	return o.worker.Load(ctx, connector)
}

// ready is nil as long as nobody else can have the tasks: a process that was paused for longer
// than its session finds out before it writes.
func (o *offsetTopics) ready() error {
	if o.fresh == nil {
		return nil
	}
	return o.fresh()
}

// Store implements actors.OffsetStore.
func (o *offsetTopics) Store(ctx context.Context, connector string, positions []records.Position) error {
	if err := o.ready(); err != nil {
		return err
	}
	if o.own != nil {
		return o.own.Store(ctx, connector, positions)
	}
	return o.worker.Store(ctx, connector, positions)
}

// commit hands the positions to a transaction, in the order of Store.
func (o *offsetTopics) commit(ctx context.Context, connector string, positions []records.Position, sink deliver.Transactor) error {
	if err := o.ready(); err != nil {
		return err
	}
	encode := o.worker.Records
	if o.own != nil {
		encode = o.own.Records
		if err := o.own.Before(ctx, connector, positions); err != nil {
			return err
		}
	}
	encoded := encode(connector, positions)
	recs := make([]deliver.OffsetRecord, len(encoded))
	for i, r := range encoded {
		recs[i] = deliver.OffsetRecord{Topic: o.topic, Key: r.Key, Value: r.Value}
	}
	if err := sink.Commit(ctx, recs); err != nil {
		return err
	}
	if o.own != nil {
		o.own.After(connector, positions)
	}
	return nil
}

func (o *offsetTopics) close(log *slog.Logger) {
	if o.own != nil {
		if err := o.own.Close(); err != nil {
			log.Debug("close offsets topic", "topic", o.topic, keyErr, err)
		}
	}
}

// withOffsets closes the connector's own offsets after its sink: nothing is stored any more then.
type withOffsets struct {
	deliver.Sink
	own *store.OwnOffsets
}

// Close implements deliver.Sink.
func (s *withOffsets) Close() error {
	err := s.Sink.Close()
	if closeErr := s.own.Close(); err == nil {
		err = closeErr
	}
	return err
}

// sourceOffsets are the offset topics of a source connector, for requests. Whoever gets them
// closes them.
func (h *herder) sourceOffsets(c store.Connector) (*offsetTopics, error) {
	config, err := h.worker.Providers.Resolve(maps.Clone(c.Config))
	if err != nil {
		return nil, err
	}
	client := kafkaprops.Merge(map[string]string{kafkaprops.BootstrapServers: h.worker.Raw[configs.BootstrapServersKey], kafkaprops.ClientID: "connector-consumer-" + c.Name},
		kafkaprops.Below(h.worker.Raw, "producer."), kafkaprops.Below(config, producerOverride))
	return connectorOffsets(h.worker, h.offsets, config, client, h.log)
}
