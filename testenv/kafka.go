package testenv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	kafkaVersion   = "4.3.1"
	kafkaClusterID = "dGVzdGVudmNsdXN0ZXJpZA"
	kafkaHeap      = "512m"
)

// KafkaServer is one Kafka broker in KRaft mode.
type KafkaServer struct{ *Server }

// KafkaOptions shape a private broker.
type KafkaOptions struct {
	Heap  string            // -Xmx, 512m if empty
	JVM   []string          // further JVM flags
	Props map[string]string // over our server.properties
}

// Kafka returns the shared broker.
func Kafka(t testing.TB) *KafkaServer {
	t.Helper()
	return &KafkaServer{kafkaPlan(KafkaOptions{}).common(t)}
}

// PrivateKafka starts a broker for this test alone.
func PrivateKafka(t testing.TB, opts ...KafkaOptions) *KafkaServer {
	t.Helper()
	var o KafkaOptions
	if len(opts) > 0 {
		o = opts[0]
	}
	return &KafkaServer{kafkaPlan(o).private(t)}
}

// Bootstrap is the value for bootstrap.servers.
func (k *KafkaServer) Bootstrap() string { return k.rec.addr("client") }

// Brokers is Bootstrap as franz-go takes it.
func (k *KafkaServer) Brokers() []string { return []string{k.Bootstrap()} }

// TopicPrefix returns a name that no other test uses, good as topic.prefix, topic
// name, group id or connector name.
func (k *KafkaServer) TopicPrefix(t testing.TB) string { return unique(slug(t)) }

// Client opens a client on this broker and closes it at the test's end.
func (k *KafkaServer) Client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(k.Bootstrap())}, opts...)...)
	if err != nil {
		t.Fatalf("testenv: kafka client: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// ReadAll returns what the topics hold at the moment of the call, ordered by topic,
// partition and offset. Only committed records are returned.
func (k *KafkaServer) ReadAll(t testing.TB, topics ...string) []*kgo.Record {
	t.Helper()
	ctx, cancel := patience(t, time.Minute)
	defer cancel()
	recs, err := k.readAll(ctx, topics)
	if err != nil {
		t.Fatalf("testenv: read %v from %s: %v", topics, k.Bootstrap(), err)
	}
	return recs
}

func (k *KafkaServer) readAll(ctx context.Context, topics []string) ([]*kgo.Record, error) {
	admin, err := kgo.NewClient(kgo.SeedBrokers(k.Bootstrap()))
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	starts, err := kadm.NewClient(admin).ListStartOffsets(ctx, topics...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, err
	}
	ends, err := kadm.NewClient(admin).ListCommittedOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	from := map[string]map[int32]kgo.Offset{}
	left := map[string]map[int32]int64{}
	open := 0
	ends.Each(func(o kadm.ListedOffset) {
		start, _ := starts.Lookup(o.Topic, o.Partition)
		if o.Offset <= start.Offset {
			return
		}
		if from[o.Topic] == nil {
			from[o.Topic], left[o.Topic] = map[int32]kgo.Offset{}, map[int32]int64{}
		}
		from[o.Topic][o.Partition] = kgo.NewOffset().At(start.Offset)
		left[o.Topic][o.Partition] = o.Offset
		open++
	})
	if open == 0 {
		return nil, nil
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Bootstrap()), kgo.ConsumePartitions(from),
		// Control records are kept for their offsets: a transaction's marker is often
		// the last thing in a partition, and without it we would wait for ever.
		kgo.KeepControlRecords(), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var recs []*kgo.Record
	for open > 0 {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, wanted := left[r.Topic][r.Partition]
			if !wanted {
				return
			}
			if r.Offset < end && !r.Attrs.IsControl() {
				recs = append(recs, r)
			}
			if r.Offset+1 >= end {
				delete(left[r.Topic], r.Partition)
				open--
			}
		})
	}
	slices.SortStableFunc(recs, func(a, b *kgo.Record) int {
		if c := strings.Compare(a.Topic, b.Topic); c != 0 {
			return c
		}
		if a.Partition != b.Partition {
			return int(a.Partition) - int(b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	return recs, nil
}

func (o KafkaOptions) props(r *record) map[string]string {
	props := map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          "1",
		"controller.quorum.voters":                         "1@" + r.addr("controller"),
		"controller.listener.names":                        "CONTROLLER",
		"listeners":                                        "PLAINTEXT://" + r.addr("client") + ",CONTROLLER://" + r.addr("controller"),
		"advertised.listeners":                             "PLAINTEXT://" + r.addr("client"),
		"listener.security.protocol.map":                   "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs":                                         filepath.Join(r.Dir, "data"),
		"offsets.topic.replication.factor":                 "1",
		"offsets.topic.num.partitions":                     "4", // 50 by default, which only costs start-up time
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"transaction.state.log.num.partitions":             "4",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"share.coordinator.state.topic.num.partitions":     "1",
		"default.replication.factor":                       "1",
		"min.insync.replicas":                              "1",
		"group.initial.rebalance.delay.ms":                 "0",
		"group.min.session.timeout.ms":                     "1000",
		// A killed broker is let in again only when its old session is over: 9 s by default.
		"broker.session.timeout.ms":       "3000",
		"broker.heartbeat.interval.ms":    "500",
		"auto.create.topics.enable":       "true",
		"num.partitions":                  "1",
		"message.max.bytes":               "10485760",
		"replica.fetch.max.bytes":         "10485760",
		"controlled.shutdown.max.retries": "1",
	}
	maps.Copy(props, o.Props)
	return props
}

func kafkaPlan(o KafkaOptions) *plan {
	return &plan{
		part:   "kafka",
		print:  kafkaVersion + " " + pomPrint("kafka"),
		ports:  []string{"client", "controller"},
		within: time.Minute,
		stop:   syscall.SIGTERM,
		prepare: func(ctx context.Context, r *record) error {
			props := o.props(r)
			if err := writeProps(filepath.Join(r.Dir, "server.properties"), props); err != nil {
				return err
			}
			return formatKafka(ctx, r, props)
		},
		launch: func(ctx context.Context, r *record) (command, error) {
			return javaCommand(ctx, r.Dir, o.Heap, kafkaHeap, o.JVM, "kafka.Kafka", filepath.Join(r.Dir, "server.properties"))
		},
		answers: kafkaAnswers,
		use: func(r *record) (string, []string) {
			return r.addr("client"), []string{"bootstrap.servers=" + r.addr("client")}
		},
		image: func(r *record) image { return kafkaImage(o.props(r), cmp.Or(o.Heap, kafkaHeap)) },
	}
}

// formatKafka gives the broker its formatted log directory. Formatting costs a JVM
// start, so its result is kept and copied. It holds the cluster id, the node id and
// the metadata version; a plan that changes one of them formats for itself.
func formatKafka(ctx context.Context, r *record, props map[string]string) error {
	dir, err := jars(ctx, "kafka")
	if err != nil {
		return err
	}
	template := filepath.Join(Root(), "templates", "kafka-"+filepath.Base(dir))
	release, err := lock(ctx, "kafka-template")
	if err != nil {
		return err
	}
	defer release()
	if !exists(template) {
		cmd, err := javaCommand(ctx, r.Dir, "", "128m", nil, "kafka.tools.StorageTool", "format",
			"-t", kafkaClusterID, "-c", filepath.Join(r.Dir, "server.properties"))
		if err != nil {
			return err
		}
		if _, err := run(ctx, cmd); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(template), 0o755); err != nil {
			return err
		}
		if err := copyTree(ctx, props["log.dirs"], template+".part"); err != nil {
			return err
		}
		return os.Rename(template+".part", template)
	}
	return copyTree(ctx, template, props["log.dirs"])
}

func kafkaAnswers(ctx context.Context, r *record) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(r.addr("client")), kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer c.Close()
	brokers, err := kadm.NewClient(c).ListBrokers(ctx)
	if err != nil {
		return err
	}
	if len(brokers) == 0 {
		return errors.New("no broker has registered yet")
	}
	return nil
}

// javaCommand builds the command of a main class on Kafka's class path.
func javaCommand(ctx context.Context, dir, heap, defaultHeap string, jvm []string, main string, args ...string) (command, error) {
	bin, err := java(ctx)
	if err != nil {
		return command{}, err
	}
	classes, err := jars(ctx, "kafka")
	if err != nil {
		return command{}, err
	}
	line := []string{
		"-Xmx" + cmp.Or(heap, defaultHeap), "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
	}
	line = append(line, jvm...)
	line = append(line, "-cp", filepath.Join(classes, "*"), main)
	return command{path: bin, args: append(line, args...), dir: dir}, nil
}

func writeProps(path string, props map[string]string) error {
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	for _, k := range slices.Sorted(maps.Keys(props)) {
		fmt.Fprintf(&b, "%s=%s\n", k, escape.Replace(props[k]))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
