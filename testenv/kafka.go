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
	"github.com/twmb/franz-go/pkg/kerr"
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
	Heap string // -Xmx, 512m if empty
	// JVM are further flags. Ours make it start quickly; for a benchmark give
	// -XX:TieredStopAtLevel=4 to have it run at full speed once it is warm.
	JVM   []string
	Props map[string]string // over our server.properties
	// Listeners are further listeners: name to security protocol. Their settings go into
	// Props below "listener.name.<name>.".
	Listeners map[string]string
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
// partition and offset. Only committed records are returned; a topic that is not there yet holds nothing.
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
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, nil
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

// Listener is the address of one of KafkaOptions.Listeners.
func (k *KafkaServer) Listener(name string) string { return k.rec.addr(name) }

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
		"broker.session.timeout.ms":       "2000",
		"broker.heartbeat.interval.ms":    "500",
		"auto.create.topics.enable":       "true",
		"num.partitions":                  "1",
		"message.max.bytes":               "10485760",
		"replica.fetch.max.bytes":         "10485760",
		"controlled.shutdown.max.retries": "1",
	}
	for _, name := range slices.Sorted(maps.Keys(o.Listeners)) {
		at := strings.ToUpper(name) + "://" + r.addr(name)
		props["listeners"] += "," + at
		props["advertised.listeners"] += "," + at
		props["listener.security.protocol.map"] += "," + strings.ToUpper(name) + ":" + o.Listeners[name]
	}
	maps.Copy(props, o.Props)
	return props
}

func kafkaPlan(o KafkaOptions) *plan {
	p := &plan{
		part:   "kafka",
		print:  kafkaVersion + " " + pomPrint("kafka"),
		ports:  append([]string{"client", "controller"}, slices.Sorted(maps.Keys(o.Listeners))...),
		within: time.Minute,
		stop:   syscall.SIGTERM,
		launch: func(ctx context.Context, r *record) (command, error) {
			jvm := append([]string{"-XX:TieredStopAtLevel=1"}, o.JVM...)
			return javaCommand(ctx, r.Dir, cmp.Or(o.Heap, kafkaHeap), jvm, "kafka.Kafka", filepath.Join(r.Dir, "server.properties"))
		},
		answers: kafkaAnswers,
		use: func(r *record) (string, []string) {
			return r.addr("client"), []string{"bootstrap.servers=" + r.addr("client")}
		},
		image: func(r *record) image { return kafkaImage(o.props(r), cmp.Or(o.Heap, kafkaHeap)) },
	}
	p.prepare = func(ctx context.Context, r *record) error {
		props := o.props(r)
		if err := writeProps(filepath.Join(r.Dir, "server.properties"), props); err != nil {
			return err
		}
		return formatKafka(ctx, p, r, props["log.dirs"])
	}
	return p
}

// formatKafka gives the broker its formatted log directory. Formatting costs a JVM
// start, so its result is kept and copied. It holds the cluster id, the node id and
// the metadata version; a plan that changes one of them formats for itself.
func formatKafka(ctx context.Context, p *plan, r *record, dataDir string) error {
	release, err := lock(ctx, "kafka-template")
	if err != nil {
		return err
	}
	defer release()
	dir, err := jars(ctx, "kafka")
	if err != nil {
		return err
	}
	template := filepath.Join(Root(), "templates", "format-"+filepath.Base(dir))
	if !exists(template) {
		cmd, err := javaCommand(ctx, r.Dir, kafkaHeap, nil, "kafka.tools.StorageTool", "format",
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
		if err := copyTree(ctx, dataDir, template+".part"); err != nil {
			return err
		}
		if err := os.Rename(template+".part", template); err != nil {
			return err
		}
	} else if err := copyTree(ctx, template, dataDir); err != nil {
		return err
	}
	archive, err := classArchive(ctx)
	if err != nil || exists(archive) {
		return err
	}
	if err := archiveClasses(ctx, p, r, archive); err != nil {
		return fmt.Errorf("archive the classes of Kafka: %w", err)
	}
	if err := removeTree(dataDir); err != nil {
		return err
	}
	return copyTree(ctx, template, dataDir)
}

// classArchive is the file with Kafka's classes as this JVM has them in memory after
// loading and checking. With it the broker starts in half the time. It depends on the
// jars and on the JVM; one that does not fit is ignored by the JVM, not an error.
func classArchive(ctx context.Context) (string, error) {
	bin, err := java(ctx)
	if err != nil {
		return "", err
	}
	if bin, err = filepath.EvalSymlinks(bin); err != nil {
		return "", err
	}
	info, err := os.Stat(bin)
	if err != nil {
		return "", err
	}
	dir, err := jars(ctx, "kafka")
	if err != nil {
		return "", err
	}
	jvm := shortHash(bin, info.ModTime().UTC().String())
	return filepath.Join(Root(), "templates", filepath.Base(dir)+"-"+jvm+".jsa"), nil
}

// archiveClasses starts the broker once, so that the JVM writes at its end what it has
// loaded.
func archiveClasses(ctx context.Context, p *plan, r *record, archive string) error {
	cmd, err := p.launch(ctx, r)
	if err != nil {
		return err
	}
	part := archive + ".part"
	if err := removeStale(part); err != nil {
		return err
	}
	cmd.args = append([]string{"-XX:ArchiveClassesAtExit=" + part}, cmd.args...)
	trial := *r
	s := &Server{plan: p, rec: &trial}
	if trial.PID, err = spawn(cmd, r.Log); err != nil {
		return err
	}
	st, _ := readStat(trial.PID)
	trial.Birth = st.birth
	if err := s.await(ctx); err != nil {
		return errors.Join(err, s.halt(ctx, syscall.SIGKILL))
	}
	if err := s.halt(ctx, p.stop); err != nil {
		return err
	}
	if !exists(part) {
		return nil // a JVM that cannot do it, see the log; we do without
	}
	return os.Rename(part, archive)
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
func javaCommand(ctx context.Context, dir, heap string, jvm []string, main string, args ...string) (command, error) {
	bin, err := java(ctx)
	if err != nil {
		return command{}, err
	}
	classes, err := jars(ctx, "kafka")
	if err != nil {
		return command{}, err
	}
	archive, err := classArchive(ctx)
	if err != nil {
		return command{}, err
	}
	line := []string{
		"-Xmx" + heap, "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
	}
	if exists(archive) {
		line = append(line, "-XX:SharedArchiveFile="+archive)
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
