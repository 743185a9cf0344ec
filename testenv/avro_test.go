package testenv

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// readAvro reads a topic with Confluent's Python client, which decodes with fastavro.
const readAvro = `
import json, sys
from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import SerializationContext, MessageField
bootstrap, registry, topic, count = sys.argv[1:5]
avro = AvroDeserializer(SchemaRegistryClient({"url": registry}))
c = Consumer({"bootstrap.servers": bootstrap, "group.id": topic + "-python", "auto.offset.reset": "earliest", "enable.auto.commit": False})
c.subscribe([topic])
n = 0
while n < int(count):
    m = c.poll(30)
    if m is None: raise SystemExit("no message within 30 s after %d" % n)
    if m.error(): raise SystemExit(str(m.error()))
    n += 1
    print(json.dumps([avro(m.key(), SerializationContext(topic, MessageField.KEY)), avro(m.value(), SerializationContext(topic, MessageField.VALUE))], default=str))
c.close()
`

// writeAvro writes the JSON lines of its input with Confluent's Python client.
const writeAvro = `
import json, sys
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import SerializationContext, MessageField
bootstrap, registry, topic = sys.argv[1:4]
client = SchemaRegistryClient({"url": registry})
key = AvroSerializer(client, '{"type":"record","name":"K","namespace":"py","fields":[{"name":"id","type":"int"}]}')
value = AvroSerializer(client, '''{"type":"record","name":"V","namespace":"py","fields":[{"name":"id","type":"int"},
  {"name":"name","type":["null","string"],"default":null},{"name":"kind","type":{"type":"enum","name":"Kind","symbols":["RED","BLUE"]}},
  {"name":"amount","type":"double"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}''')
p = Producer({"bootstrap.servers": bootstrap})
for line in sys.stdin:
    r = json.loads(line)
    p.produce(topic, key=key({"id": r["id"]}, SerializationContext(topic, MessageField.KEY)), value=value(r, SerializationContext(topic, MessageField.VALUE)))
if p.flush(30) != 0: raise SystemExit("not everything was sent")
`

// avroPipeline is MySQL -> Kafka with AvroConverter -> PostgreSQL on a registry of its own.
type avroPipeline struct {
	k      *KafkaServer
	r      *RegistryServer
	w      *ConnectWorker
	prefix string
	db     *sql.DB
	target *sql.DB
}

func newAvroPipeline(t *testing.T) *avroPipeline {
	t.Helper()
	p := &avroPipeline{k: Kafka(t), r: PrivateRegistry(t, RegistryOptions{})}
	m, pg := MySQL(t), Postgres(t)
	p.prefix = strings.Trim(unique("avro"), "_-")
	p.w = PrivateAnabranch(t, p.k, AnabranchOptions{Props: map[string]string{"offset.flush.interval.ms": "500"}})
	var name, target string
	name, p.db = m.Database(t)
	target, p.target = pg.Database(t)
	p.exec(t, "CREATE TABLE items (id INT PRIMARY KEY, price DECIMAL(10,2) NOT NULL, note VARCHAR(40), kind ENUM('a','b') NOT NULL DEFAULT 'a', at DATETIME(6), big BIGINT UNSIGNED, flag BOOLEAN NOT NULL DEFAULT TRUE)")
	p.exec(t, "INSERT INTO items VALUES (1, 12.50, 'before ü', 'b', '2026-01-02 03:04:05.123456', 18446744073709551615, FALSE), (2, -0.01, NULL, 'a', NULL, NULL, TRUE)")
	p.r.Stop(t) // it is away when the connectors start
	source := mysqlSource(m, p.k, p.prefix, name)
	p.converters(source)
	p.put(t, p.prefix+"-source", source)
	sink := map[string]string{
		"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": p.topic(name),
		"connection.url":  fmt.Sprintf("jdbc:postgresql://%s:%d/%s", pg.Host(), pg.Port(), target),
		"connection.user": PostgresRoot, "connection.password": PostgresRootPassword, "table.name.format": "items",
		"insert.mode": "upsert", "pk.mode": "record_key", "delete.enabled": "true", "auto.create": "true", "auto.evolve": "true",
		"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState"}
	p.converters(sink)
	p.put(t, p.prefix+"-sink", sink)
	return p
}

func (p *avroPipeline) topic(db string) string { return p.prefix + "." + db + ".items" }

func (p *avroPipeline) exec(t *testing.T, stmt string, args ...any) {
	t.Helper()
	if _, err := p.db.ExecContext(t.Context(), stmt, args...); err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
}

// converters lets a connector use AvroConverter and try for a while when the registry is away.
func (p *avroPipeline) converters(config map[string]string) {
	for _, side := range []string{"key", "value"} {
		config[side+".converter"] = "io.confluent.connect.avro.AvroConverter"
		config[side+".converter.schema.registry.url"] = p.r.URL()
		config[side+".converter.max.retries"] = "0"
	}
	config["errors.retry.timeout"], config["errors.retry.delay.max.ms"] = "120000", "500"
}

// put creates a connector without waiting for its tasks to run: the registry may be away.
func (p *avroPipeline) put(t *testing.T, name string, config map[string]string) {
	t.Helper()
	code, body, err := p.w.Call(t.Context(), http.MethodPut, connectorPath(name, "/config"), config)
	if err != nil || code >= 300 {
		t.Fatalf("create %s: %d %s %v", name, code, body, err)
	}
}

// arrives waits until a query of the target gives this text.
func (p *avroPipeline) arrives(t *testing.T, query, want string) {
	t.Helper()
	last := ""
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := poll(ctx, func() (bool, error) {
		var got sql.NullString
		if err := p.target.QueryRowContext(ctx, query).Scan(&got); err != nil {
			last = err.Error()
			return false, nil
		}
		last = got.String
		return last == want, nil
	}); err != nil {
		_, body, _ := p.w.Call(t.Context(), http.MethodGet, "/connectors?expand=status", nil)
		t.Fatalf("%s gives %q, want %q; status %s; log %s\n%s", query, last, want, body, p.w.Log(), tail(p.w.Log()))
	}
}

// running fails the test if a task has failed.
func (p *avroPipeline) running(t *testing.T) {
	t.Helper()
	for _, name := range []string{p.prefix + "-source", p.prefix + "-sink"} {
		for _, task := range p.w.Status(t, name).Tasks {
			if task.State != "RUNNING" {
				t.Errorf("%s is %s: %s", name, task.State, task.Trace)
			}
		}
	}
}

func TestAvro_PipelineOutlivesItsRegistry(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker, two databases and a registry; not in short mode")
	}
	p := newAvroPipeline(t)
	p.retries(t, 1)
	p.running(t)
	p.r.Start(t)
	const rows = "SELECT string_agg(id || ' ' || price || ' ' || coalesce(note, '-') || ' ' || kind, ', ' ORDER BY id) FROM items"
	p.arrives(t, rows, "1 12.50 before ü b, 2 -0.01 - a")

	// A schema that is known needs no registry, a new one waits for it. Nothing is lost.
	p.r.Stop(t)
	p.exec(t, "UPDATE items SET note = 'away' WHERE id = 2")
	p.arrives(t, rows, "1 12.50 before ü b, 2 -0.01 away a")
	p.exec(t, "ALTER TABLE items ADD COLUMN extra INT")
	p.exec(t, "INSERT INTO items (id, price, extra) VALUES (3, 1, 7)")
	p.exec(t, "DELETE FROM items WHERE id = 1")
	for i := 4; i < 20; i++ {
		p.exec(t, "INSERT INTO items (id, price, note, extra) VALUES (?, 2, 'waits', ?)", i, i)
	}
	p.retries(t, 1+p.retried(t))
	p.r.Start(t)
	p.arrives(t, "SELECT count(*) || ' ' || sum(extra) || ' ' || count(extra) FROM items", "18 191 17")
	p.running(t)

	// What we wrote is read by others.
	db := ""
	if err := p.db.QueryRowContext(t.Context(), "SELECT database()").Scan(&db); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(Python(t, readAvro, "", p.k.Bootstrap(), p.r.URL(), p.topic(db), "21")), "\n")
	var first [2]map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	after, _ := first[1]["after"].(map[string]any)
	if first[0]["id"] != 1.0 || after["note"] != "before ü" || after["price"] != "12.50" || after["kind"] != "b" || first[1]["op"] != "r" {
		t.Errorf("others read %v", first)
	}
}

// retried is how often the source's records were tried again.
func (p *avroPipeline) retried(t *testing.T) int {
	t.Helper()
	_, body, err := p.w.Call(t.Context(), http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "anabranch_record_errors_retries_total{") && strings.Contains(line, p.prefix+"-source") {
			if n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64); err == nil {
				return int(n)
			}
		}
	}
	return 0
}

// retries waits until there were so many.
func (p *avroPipeline) retries(t *testing.T, n int) {
	t.Helper()
	waitFor(t, p.w, "the source to try again", 30*time.Second, func() bool { return p.retried(t) >= n })
}

func TestAvro_ReadsWhatOthersWrote(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker, a database and a registry; not in short mode")
	}
	k, r, pg := Kafka(t), Registry(t), Postgres(t)
	topic := strings.Trim(unique("pyavro"), "_-")
	var in strings.Builder
	for i := 1; i <= 50; i++ {
		name := `null`
		if i%3 > 0 {
			name = fmt.Sprintf(`"näme %d"`, i)
		}
		fmt.Fprintf(&in, `{"id":%d,"name":%s,"kind":"BLUE","amount":%d.25,"at":1700000000123}`+"\n", i, name, i)
	}
	Python(t, writeAvro, in.String(), k.Bootstrap(), r.URL(), topic)
	name, db := pg.Database(t)
	w := PrivateAnabranch(t, k, AnabranchOptions{})
	w.Create(t, topic+"-sink", map[string]string{
		"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": topic,
		"connection.url":  fmt.Sprintf("jdbc:postgresql://%s:%d/%s", pg.Host(), pg.Port(), name),
		"connection.user": PostgresRoot, "connection.password": PostgresRootPassword, "table.name.format": "py",
		"insert.mode": "upsert", "pk.mode": "record_key", "auto.create": "true",
		"key.converter": "io.confluent.connect.avro.AvroConverter", "key.converter.schema.registry.url": r.URL(),
		"value.converter": "io.confluent.connect.avro.AvroConverter", "value.converter.schema.registry.url": r.URL()})
	p := &avroPipeline{w: w, target: db}
	p.arrives(t, "SELECT count(*) || ' ' || sum(amount) || ' ' || count(name) || ' ' || min(kind) || ' ' || max(at) FROM py",
		"50 1287.5 34 BLUE 2023-11-14 22:13:20.123")
	p.arrives(t, "SELECT name FROM py WHERE id = 7", "näme 7")
}
