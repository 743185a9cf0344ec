package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/anabranch/anabranch/actors"
	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/deliver"
	deliverkafka "github.com/anabranch/anabranch/deliver/kafka"
	"github.com/anabranch/anabranch/records"
)

// transactionalID is the one of a task's producer (CW-194).
func transactionalID(group, connector string, task int) string {
	return fmt.Sprintf("%s-%s-%d", group, connector, task)
}

func (t *taskEnv) transactionalID() string {
	return transactionalID(t.worker.GroupID, t.connector, t.task)
}

// leaderID is the transactional id of the worker that writes the config topic (CW-194).
func leaderID(group string) string { return "connect-cluster-" + group }

// exactlyOnceProducer sets what cannot be overridden when delivery is exactly-once, and says so as
// Connect does (CW-114).
func exactlyOnceProducer(props map[string]string, id string) (warnings []configs.Problem) {
	for _, must := range []struct{ key, value string }{{kafkaprops.EnableIdempotence, "true"}, {kafkaprops.TransactionalID, id}} {
		given, ok := props[must.key]
		if ok && given != must.value && !(must.key == kafkaprops.EnableIdempotence && strings.EqualFold(given, must.value)) {
			warnings = append(warnings, configs.Problem{Key: must.key, Message: fmt.Sprintf(
				"The value '%s' for the '%s' property will be ignored as it cannot be overridden for connectors when exactly-once source support is enabled. The value '%s' will be used instead.",
				given, must.key, must.value)})
		}
	}
	props[kafkaprops.EnableIdempotence] = "true"
	delete(props, kafkaprops.TransactionalID) // it goes to the sink another way
	return warnings
}

// exactlyOnceOverrides takes what cannot be overridden out of a connector's producer settings.
func (h *herder) exactlyOnceOverrides(props, config map[string]string) []configs.Problem {
	id := transactionalID(h.worker.GroupID, config[configs.NameKey], 0)
	_, idempotence := props[kafkaprops.EnableIdempotence]
	warnings := exactlyOnceProducer(props, id)
	if !idempotence {
		delete(props, kafkaprops.EnableIdempotence)
	}
	for i := range warnings {
		warnings[i].Key = producerOverride + warnings[i].Key
	}
	return warnings
}

// transactions are those of the task's producer.
func (t *taskEnv) transactions(s *kafkaprops.Settings, offsets *offsetTopics) *deliverkafka.Transactions {
	me := work{Connector: t.connector, Task: t.task}
	verify := func(ctx context.Context) error {
		if t.verify == nil {
			return nil
		}
		return t.verify(ctx, me, t.generation)
	}
	return &deliverkafka.Transactions{
		ID: t.transactionalID(), Timeout: s.TransactionTimeout, OffsetsTopic: offsets.topic,
		Before: func(ctx context.Context) error {
			if t.fence != nil {
				if err := t.fence(ctx, t.connector); err != nil {
					return err
				}
			}
			return verify(ctx)
		},
		After: verify,
	}
}

// boundary says where the task's transactions end (CW-273). An interval that comes close to
// transaction.timeout.ms would lose transactions, so that it is cut.
func (t *taskEnv) boundary(v *configs.Values, s *kafkaprops.Settings, offsets *offsetTopics, sink deliver.Transactor) (*actors.Transactions, error) {
	out := &actors.Transactions{Commit: func(ctx context.Context, positions []records.Position) error {
		return offsets.commit(ctx, t.connector, positions, sink)
	}}
	switch v.Word(configs.BoundaryKey) {
	case "poll":
	case "interval":
		out.Interval = t.worker.FlushInterval
		if v.Given(configs.BoundaryIntervalKey) {
			out.Interval = v.Millis(configs.BoundaryIntervalKey)
		}
		if most := s.TransactionTimeout / 2; out.Interval > most {
			t.log.Warn("transactions end earlier than configured, at half of the producer's transaction.timeout.ms", "interval", out.Interval, "used", most)
			out.Interval = most
		}
		out.Interval = max(out.Interval, time.Millisecond)
	default:
		return nil, &javaError{"org.apache.kafka.common.config.ConfigException", noConnectorBoundaries}
	}
	return out, nil
}

// Texts of Connect's checks (CW-277).
const (
	noConnectorBoundaries = "The connector does not support connector-defined transaction boundaries with the given configuration. Please reconfigure it to use a different transaction boundary definition."
	noExactlyOnceWorker   = "This worker does not have exactly-once source support enabled."
	noExactlyOnce         = "The connector does not support exactly-once semantics with the provided configuration."
	unknownExactlyOnce    = "The connector does not implement the API required for preflight validation of exactly-once source support. " +
		"Please consult the documentation for the connector to determine whether it supports exactly-once semantics, " +
		"and then consider reconfiguring the connector to use the value \"requested\" for this property (which will disable this preflight check and allow the connector to be created)."
)

// checkExactlyOnce asks the connector what it can promise (CW-277). A standalone worker does not
// ask, like Connect's; it has no such promise to keep either.
func (h *herder) checkExactlyOnce(v *verdict, config map[string]string) {
	if v.plugin.kind != sourceType || h.worker.Mode == configs.Standalone {
		return
	}
	good := func(key string) bool {
		for _, p := range v.problems {
			if p.Key == key {
				return false
			}
		}
		return true
	}
	if good(configs.ExactlyOnceKey) && v.values.Word(configs.ExactlyOnceKey) == "required" {
		if !h.worker.ExactlyOnceSources() {
			v.add(configs.ExactlyOnceKey, noExactlyOnceWorker)
		}
		if v.plugin.exactlyOnce == nil {
			v.add(configs.ExactlyOnceKey, unknownExactlyOnce)
		} else if !v.plugin.exactlyOnce(config) {
			v.add(configs.ExactlyOnceKey, noExactlyOnce)
		}
	}
	if good(configs.BoundaryKey) && v.values.Word(configs.BoundaryKey) == "connector" {
		v.add(configs.BoundaryKey, noConnectorBoundaries)
	}
	if h.worker.ExactlyOnceSources() {
		return
	}
	for _, k := range []string{configs.BoundaryKey, configs.BoundaryIntervalKey} {
		if v.values.Given(k) {
			v.warnings = append(v.warnings, configs.Problem{Key: k, Message: "configuration " + k +
				" has no effect: without exactly.once.source.support=enabled in the worker file delivery is at least once"})
		}
	}
}
