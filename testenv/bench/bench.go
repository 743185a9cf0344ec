package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/testenv"
)

// The two forms of a record's value: JsonConverter without and with its schema.
const (
	schemaless = "schemaless"
	inline     = "schemas"
)

// contender is one of those that are compared.
type contender struct {
	name   string
	worker *testenv.ConnectWorker
	config map[string]string // what it has beyond the common configuration of a connector
}

// Bench holds the servers of a run.
type Bench struct {
	o          Options
	out        io.Writer
	kafka      *testenv.KafkaServer
	mysql      *testenv.MySQLServer
	db         *sql.DB
	database   string
	client     *kgo.Client
	admin      *kadm.Client
	contenders []*contender
	report     *Report
	serial     int
}

// tuning is what issue and documentation call a tuned Debezium.
var tuning = map[string]string{
	"max.batch.size": "8192", "max.queue.size": "32768", "poll.interval.ms": "5",
	"producer.override.batch.size": "1048576", "producer.override.linger.ms": "20",
}

// Run measures and prints. It reports whether every scenario came to its end.
func Run(ctx context.Context, o Options, out io.Writer) bool {
	return NewStage(ctx, "bench", out).Run(func(s *Stage) {
		b := &Bench{o: o, out: out, report: newReport(o)}
		b.open(s)
		for _, sc := range []struct {
			name string
			run  func(*Stage)
		}{
			{"start", b.start}, {"stream", b.stream}, {"snapshot", b.snapshot},
			{"latency", b.latency}, {"memory", b.memory}, {"sink", b.sink},
		} {
			if o.runs(sc.name) && ctx.Err() == nil {
				s.Sub(sc.name, sc.run)
				b.report.print(out, sc.name)
			}
		}
		b.report.finish(s, out)
	})
}

// open starts the servers, all for this run alone.
func (b *Bench) open(s *Stage) {
	full := []string{"-XX:TieredStopAtLevel=4"}
	b.kafka = testenv.PrivateKafka(s, testenv.KafkaOptions{Heap: "1g", JVM: full, Props: map[string]string{
		// A deleted topic gives its space back at once: a run writes gigabytes.
		"log.segment.delete.delay.ms": "500", "log.retention.check.interval.ms": "5000",
	}})
	b.mysql = testenv.PrivateMySQL(s)
	b.database, b.db = b.mysql.Database(s)
	b.client = b.kafka.Client(s)
	b.admin = kadm.NewClient(b.client)
	// The first question after a group makes the broker create the topic of groups: no
	// contender shall be the one that waits for it.
	s.until("the group coordinator", 50*time.Millisecond, time.Minute, func() bool {
		groups, err := b.admin.DescribeGroups(s.ctx, "bench")
		return err == nil && (groups["bench"].Err == nil || errors.Is(groups["bench"].Err, kerr.GroupIDNotFound))
	})
	if b.o.has(Default) || b.o.has(Tuned) {
		w := testenv.PrivateConnect(s, b.kafka, testenv.ConnectOptions{Heap: peerHeap, JVM: slices.Concat(peerJVM, b.o.PeerJVM), Props: stock})
		if b.o.has(Default) {
			b.contenders = append(b.contenders, &contender{Default, w, nil})
		}
		if b.o.has(Tuned) {
			b.contenders = append(b.contenders, &contender{Tuned, w, tuning})
		}
	}
	if b.o.has(Ours) {
		w := testenv.PrivateAnabranch(s, b.kafka, testenv.AnabranchOptions{Props: stock})
		b.contenders = append(b.contenders, &contender{Ours, w, nil})
	}
	s.Logf("servers run; broker log %s", b.kafka.Log())
	for _, c := range b.contenders {
		s.Logf("%s: pid %d, %s, log %s", c.name, c.worker.PID(), c.worker.URL(), c.worker.Log())
	}
}

// stock undoes what testenv changes for quick tests.
var stock = map[string]string{"offset.flush.interval.ms": "60000"}

// What Kafka's own start script gives to Connect, over testenv's flags for quick tests.
const peerHeap = "2g"

var peerJVM = []string{"-Xms256m", "-XX:-UseSerialGC", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"}

// rounds calls f for every contender in turn, round after round; the order rotates. In the
// rounds that do not count, counts is false.
func (b *Bench) rounds(s *Stage, f func(round int, counts bool, c *contender)) {
	turns(s, b.contenders, b.o.Warm, b.o.Runs, f)
}

func turns[T any](s *Stage, all []T, warm, runs int, f func(round int, counts bool, one T)) {
	for round := range warm + runs {
		for i := range all {
			if s.ctx.Err() != nil {
				s.Fatalf("interrupted")
			}
			f(round, round >= warm, all[(i+round)%len(all)])
		}
	}
}

// workers are the contenders that have a process of their own.
func (b *Bench) workers() []*contender {
	var out []*contender
	for _, c := range b.contenders {
		if n := len(out); n == 0 || out[n-1].worker != c.worker {
			out = append(out, c)
		}
	}
	return out
}

// source is the configuration of a MySQL connector, and the topic of the table orders.
func (b *Bench) source(c *contender, variant string) (name, topic string, config map[string]string) {
	b.serial++
	name = fmt.Sprintf("%s%d", c.name, b.serial)
	withSchemas := strconv.FormatBool(variant == inline)
	config = map[string]string{
		"connector.class":   "io.debezium.connector.mysql.MySqlConnector",
		"database.hostname": b.mysql.Host(), "database.port": strconv.Itoa(b.mysql.Port()),
		"database.user": testenv.MySQLUser, "database.password": testenv.MySQLPassword,
		"database.server.id": strconv.Itoa(70000 + b.serial), "topic.prefix": name,
		"database.include.list":                                     b.database,
		"schema.history.internal.kafka.bootstrap.servers":           b.kafka.Bootstrap(),
		"schema.history.internal.kafka.topic":                       name + "-history",
		"schema.history.internal.store.only.captured.databases.ddl": "true",
		"key.converter":   "org.apache.kafka.connect.json.JsonConverter",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter",

		"key.converter.schemas.enable": withSchemas, "value.converter.schemas.enable": withSchemas,
	}
	if b.o.Codec != "" {
		config["producer.override.compression.type"] = b.o.Codec
	}
	maps.Copy(config, c.config)
	return name, name + "." + b.database + ".orders", config
}

// makeTopic creates a topic whose timestamps are the broker's.
func (b *Bench) makeTopic(s *Stage, topic string, more map[string]*string) {
	config := map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")}
	maps.Copy(config, more)
	if _, err := b.admin.CreateTopic(s.ctx, 1, 1, config, topic); err != nil {
		s.Fatalf("create topic %s: %v", topic, err)
	}
}

// drop removes a connector and all its topics, and lets the broker finish with them.
func (b *Bench) drop(s *Stage, c *contender, name string) {
	c.worker.Delete(s, name)
	list, err := b.admin.ListTopics(s.ctx)
	if err != nil {
		s.Fatalf("list topics: %v", err)
	}
	var topics []string
	for topic := range list {
		if topic == name || topic == name+"-history" || strings.HasPrefix(topic, name+".") {
			topics = append(topics, topic)
		}
	}
	if len(topics) > 0 {
		if _, err := b.admin.DeleteTopics(s.ctx, topics...); err != nil {
			s.Fatalf("delete topics %v: %v", topics, err)
		}
	}
	s.rest(1500 * time.Millisecond)
}

// end is the end offset of a topic of one partition.
func (b *Bench) end(s *Stage, topic string) int64 {
	ends, err := b.admin.ListEndOffsets(s.ctx, topic)
	if err != nil {
		s.Fatalf("list end offsets of %s: %v", topic, err)
	}
	o, _ := ends.Lookup(topic, 0)
	if o.Err != nil {
		s.Fatalf("list end offsets of %s: %v", topic, o.Err)
	}
	return o.Offset
}

// appended is when the record at an offset reached the broker.
func (b *Bench) appended(s *Stage, topic string, offset int64) time.Time {
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(b.kafka.Bootstrap()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(offset)}}))
	if err != nil {
		s.Fatalf("read %s at %d: %v", topic, offset, err)
	}
	defer c.Close()
	for {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			s.Fatalf("read %s at %d: %v", topic, offset, err)
		}
		for _, r := range fetches.Records() {
			if r.Offset >= offset {
				return r.Timestamp
			}
		}
	}
}

// spent reads the processor time of the contender, the broker and MySQL.
func (b *Bench) spent(s *Stage, c *contender) usage {
	var u usage
	for pid, into := range map[int]*time.Duration{c.worker.PID(): &u.worker, b.kafka.PID(): &u.broker, b.mysql.PID(): &u.database} {
		t, err := processor(pid)
		if err != nil {
			s.Fatalf("processor time: %v", err)
		}
		*into = t
	}
	return u
}

func (b *Bench) exec(s *Stage, stmts ...string) {
	for _, stmt := range stmts {
		if _, err := b.db.ExecContext(s.ctx, stmt); err != nil {
			s.Fatalf("%.100s: %v", stmt, err)
		}
	}
}
