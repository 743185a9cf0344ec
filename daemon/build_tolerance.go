package daemon

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/daemon/tolerance"
	deliverkafka "github.com/anabranch/anabranch/deliver/kafka"
)

// tolerance makes what decides about the failing records of one incarnation of the task. Only sink
// connectors have a dead letter queue (CW-298).
func (t *taskEnv) tolerance(v *configs.Values, registerer prometheus.Registerer) (*tolerance.Operator, error) {
	p := tolerance.Parts{Connector: t.connector, Task: t.task, Log: t.log, Counters: t.counters, Metrics: registerer}
	if p.Counters == nil {
		p.Counters = &tolerance.Counters{}
	}
	if t.plugin.kind == sinkType {
		if topic := strings.TrimSpace(v.Str(configs.DLQTopicKey)); topic != "" {
			queue, err := t.deadLetters(topic, int16(v.Int(configs.DLQReplicationKey)))
			if err != nil {
				return nil, err
			}
			p.Queue, p.Headers = queue, v.Bool(configs.DLQHeadersKey)
		}
	}
	return tolerance.New(tolerance.Parse(v), p), nil
}

// deadLetters makes the dead letter queue with the clients that Connect gives it (CW-116).
func (t *taskEnv) deadLetters(topic string, replication int16) (*deliverkafka.DeadLetters, error) {
	props := t.clientProps("producer", producerOverride)
	props[kafkaprops.ClientID] = t.clientID("dlq-producer", "producer", producerOverride)
	producer := kafkaprops.Producer(props)
	stats := t.clients.New(javametrics.ProducerClient, props[kafkaprops.ClientID])
	if len(producer.Problems) > 0 {
		return nil, producer.Problems
	}
	props = kafkaprops.Merge(commonClientProps(t.worker), kafkaprops.Below(t.worker.Raw, "admin."), kafkaprops.Below(t.config, adminOverride))
	props[kafkaprops.ClientID] = t.clientID("dlq-adminclient", "admin", adminOverride)
	admin := kafkaprops.Client(props)
	if len(admin.Problems) > 0 {
		return nil, admin.Problems
	}
	if t.worker.Mode == configs.Embedded {
		replication = 1 // it is one broker
	}
	return deliverkafka.NewDeadLetters(deliverkafka.DeadLetterConfig{Topic: topic, ReplicationFactor: replication,
		Producer: producer, Admin: admin.Opts, Log: t.log, Stats: stats}), nil
}

// clientID is Connect's name for a client, unless the user gives one.
func (t *taskEnv) clientID(kind, prefix, override string) string {
	for _, key := range []map[string]string{kafkaprops.Below(t.config, override), kafkaprops.Below(t.worker.Raw, prefix+".")} {
		if id := key[kafkaprops.ClientID]; id != "" {
			return id
		}
	}
	return fmt.Sprintf("connector-%s-%s-%d", kind, t.connector, t.task)
}
