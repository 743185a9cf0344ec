package kafkaprops

import (
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs"
)

// Names of producer keys.
const (
	Acks              = "acks"
	EnableIdempotence = "enable.idempotence"
	MaxRequestSize    = "max.request.size"
	BufferMemory      = "buffer.memory"
	LingerMS          = "linger.ms"
	TransactionalID   = "transactional.id"
	maxInFlight       = "max.in.flight.requests.per.connection"
	compressionType   = "compression.type"
	partitionerClass  = "partitioner.class"

	transactionTimeout = "transaction.timeout.ms"
)

// DefaultCompression is what tasks use when neither worker nor connector says otherwise: it
// costs less than it saves (libraries.md 2.4).
const DefaultCompression = "lz4"

var partitioners = map[string]func(adaptive, ignoreKeys bool) kgo.Partitioner{
	"": uniform,
	"org.apache.kafka.clients.producer.internals.DefaultPartitioner": uniform,
	"org.apache.kafka.clients.producer.UniformStickyPartitioner":     func(a, _ bool) kgo.Partitioner { return uniform(a, true) },
	"org.apache.kafka.clients.producer.RoundRobinPartitioner":        func(bool, bool) kgo.Partitioner { return kgo.RoundRobinPartitioner() },
}

func uniform(adaptive, ignoreKeys bool) kgo.Partitioner {
	// Java's batch.size default is the number of bytes after which keyless records change partition.
	return kgo.UniformBytesPartitioner(64<<10, adaptive, !ignoreKeys, nil)
}

func producerDef() *configs.Def {
	num32, long, str := configs.IntType, configs.LongType, configs.StringType
	zero := configs.AtLeast(0)
	keys := append(clientKeys(),
		num(Acks, str, "all", configs.Words("all", "-1", "0", "1")),
		optional(EnableIdempotence, configs.BooleanType),
		configs.Key{Name: maxInFlight, Type: num32, Check: configs.AtLeast(1)},
		num(compressionType, str, DefaultCompression, configs.Words("none", "gzip", "snappy", "lz4", "zstd")),
		num("compression.gzip.level", num32, "-1", gzipLevel), num("compression.lz4.level", num32, "9", configs.Between(1, 17)),
		num("compression.zstd.level", num32, "3", configs.Between(-131072, 22)),
		configs.Key{Name: LingerMS, Type: long, Check: zero},
		num(MaxRequestSize, num32, "1048576", zero),
		configs.Key{Name: BufferMemory, Type: long, Check: zero},
		num("delivery.timeout.ms", num32, "2147483647", zero), num("retries", num32, "2147483647", configs.Between(0, 2147483647)),
		configs.Key{Name: partitionerClass, Type: configs.ClassType, Default: "", HasDefault: true},
		key("partitioner.ignore.keys", configs.BooleanType, "false"),
		key("partitioner.adaptive.partitioning.enable", configs.BooleanType, "true"),
		configs.Key{Name: TransactionalID, Type: str, Check: nonEmptyName, Refuse: configs.RefuseAny("transactions are the worker's: set exactly.once.source.support=enabled in the worker file")},
	)
	keys = append(keys, without("batches grow with the load up to max.request.size by themselves; linger.ms can hold them back", configs.Key{Name: "batch.size", Type: num32, Check: zero})...)
	keys = append(keys, without("a full buffer holds back the source, without a limit in time", num("max.block.ms", long, "60000", zero))...)
	keys = append(keys, without("metadata of topics is kept while the task runs", num("metadata.max.idle.ms", long, "300000", configs.AtLeast(5000)))...)
	keys = append(keys, without("the partition with the least waiting records is preferred instead", num("partitioner.availability.timeout.ms", long, "0", zero))...)
	keys = append(keys, without("the converters of the connector write the bytes", optional("key.serializer", configs.ClassType), optional("value.serializer", configs.ClassType))...)
	keys = append(keys, num(transactionTimeout, num32, "60000", nil))
	keys = append(keys, without("transactions end by themselves", key("transaction.two.phase.commit.enable", configs.BooleanType, "false"))...)
	keys = append(keys, without("Java classes cannot be loaded", list("interceptor.classes", ""))...)
	return configs.NewDef(keys...).WithPatterns(clientPatterns()...)
}

func nonEmptyName(val any) error { return configs.NonEmptyString(val) }

// gzipLevel is GzipCompression's check: -1 is the library's own.
func gzipLevel(val any) error {
	if i, ok := val.(int64); ok && i != -1 && (i < 1 || i > 9) {
		return fmt.Errorf("Value must be between 1 and 9 or equal to -1")
	}
	return nil
}

// ProducerDef declares the keys of task producers, for validation.
func ProducerDef() *configs.Def { return producerDef() }

// Producer translates the configuration of a task's producer. Defaults are those of this
// program: acks=all, idempotent, lz4, records are retried for as long as the task runs
// (Connect's own base has the same acks and no limit in time, CW-113).
func Producer(props map[string]string) *Settings {
	v, s := parse(producerDef(), props)
	s.client(v)

	acks := v.Word(Acks)
	all := acks == "all" || acks == "-1"
	idempotent := all
	if v.Given(EnableIdempotence) {
		idempotent = v.Bool(EnableIdempotence)
		if idempotent && !all {
			s.problem(Acks, "must be all for an idempotent producer; set enable.idempotence=false or acks=all")
		}
	}
	switch {
	case all:
		s.add(kgo.RequiredAcks(kgo.AllISRAcks()))
	case acks == "1":
		s.add(kgo.RequiredAcks(kgo.LeaderAck()))
	default:
		s.add(kgo.RequiredAcks(kgo.NoAck()))
		s.Warnings = append(s.Warnings, configs.Problem{Key: Acks, Message: "acks=0 can lose records without notice"})
	}
	inFlight := v.Int(maxInFlight)
	switch {
	case !idempotent:
		s.add(kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(int(max(inFlight, 1))))
	case inFlight > 5:
		s.problem(maxInFlight, "must be at most 5 for an idempotent producer")
	case inFlight > 0 && inFlight != 5:
		s.Warnings = append(s.Warnings, configs.Problem{Key: maxInFlight,
			Message: "configuration " + maxInFlight + " has no effect: an idempotent producer keeps the order with 5 requests in flight"})
	}
	s.compression(v)

	s.MaxRequestBytes = v.Int(MaxRequestSize)
	s.add(kgo.ProducerBatchMaxBytes(int32(min(max(s.MaxRequestBytes, 512), 1<<30))))
	s.add(kgo.BrokerMaxWriteBytes(int32(min(max(100<<20, s.MaxRequestBytes+1<<20), 1<<30+1<<20))))
	s.BufferBytes = v.Int(BufferMemory)
	s.TransactionTimeout = max(clampMillis(v.Int(transactionTimeout)), time.Millisecond)
	if v.Given(LingerMS) {
		s.Linger = min(clampMillis(v.Int(LingerMS)), v.Millis(LingerMS))
	}
	s.add(kgo.ProduceRequestTimeout(clampMillis(v.Int("request.timeout.ms"))))
	if t := v.Int("delivery.timeout.ms"); t < noLimit-1 {
		s.add(kgo.RecordDeliveryTimeout(max(clampMillis(t), 1e9)))
	}
	if r := v.Int("retries"); r < noLimit-1 {
		s.add(kgo.RecordRetries(int(r)))
	}
	if p, ok := partitioners[v.Str(partitionerClass)]; ok {
		s.partitioner = p(v.Bool("partitioner.adaptive.partitioning.enable"), v.Bool("partitioner.ignore.keys"))
	} else {
		s.problem(partitionerClass, "Java classes cannot be loaded; leave it out for the default (murmur2 of the key) or use org.apache.kafka.clients.producer.RoundRobinPartitioner")
	}
	return s
}

// Partitioner chooses the partition of records that do not bring one (Producer).
func (s *Settings) Partitioner() kgo.Partitioner {
	if s.partitioner == nil {
		return uniform(true, false)
	}
	return s.partitioner
}

func (s *Settings) compression(v *configs.Values) {
	level := func(c kgo.CompressionCodec, name string) kgo.CompressionCodec {
		if v.Given("compression." + name + ".level") {
			return c.WithLevel(int(v.Int("compression." + name + ".level")))
		}
		return c
	}
	var c kgo.CompressionCodec
	switch name := strings.ToLower(v.Str(compressionType)); name {
	case "gzip":
		c = level(kgo.GzipCompression(), name)
	case "snappy":
		c = kgo.SnappyCompression()
	case "zstd":
		c = level(kgo.ZstdCompression(), name)
	case "none":
		c = kgo.NoCompression()
	default:
		l := javaLZ4Default
		if v.Given("compression.lz4.level") {
			l = int(v.Int("compression.lz4.level"))
		}
		s.add(kgo.WithCompressor(newLZ4(l)))
		return
	}
	s.add(kgo.ProducerBatchCompression(c, kgo.NoCompression()))
}
