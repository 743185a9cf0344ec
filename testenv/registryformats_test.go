package testenv

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// readFormat reads a topic with Confluent's Python client: JSON Schema (validated by the jsonschema
// package), or Protobuf with a class that protoc makes of the registered schema. A line is
// [key, value] as JSON.
const readFormat = `
import json, os, sys, tempfile
from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.serialization import SerializationContext, MessageField
bootstrap, registry, topic, count, format = sys.argv[1:6]
client = SchemaRegistryClient({"url": registry})

` + protoClass + `
def reader(field):
    subject = topic + "-" + field
    if format == "JSON":
        from confluent_kafka.schema_registry.json_schema import JSONDeserializer
        return JSONDeserializer(None, schema_registry_client=client, conf={"validate": True})
    from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
    from google.protobuf.json_format import MessageToDict
    read = ProtobufDeserializer(proto_class(client, subject), {"use.deprecated.format": False})
    return lambda data, ctx: MessageToDict(read(data, ctx), preserving_proto_field_name=True)

c = Consumer({"bootstrap.servers": bootstrap, "group.id": topic + "-python", "auto.offset.reset": "earliest", "enable.auto.commit": False})
c.subscribe([topic])
key = value = None
n = 0
while n < int(count):
    m = c.poll(60)
    if m is None: raise SystemExit("no message within 60 s after %d" % n)
    if m.error(): raise SystemExit(str(m.error()))
    key, value = key or reader("key"), value or reader("value")
    n += 1
    print(json.dumps([key(m.key(), SerializationContext(topic, MessageField.KEY)), value(m.value(), SerializationContext(topic, MessageField.VALUE))], default=str))
c.close()
`

// protoClass makes a message class of what is registered, as an application's build does.
const protoClass = `
def proto_class(client, subject, message=None):
    import os, tempfile
    from grpc_tools import protoc
    import grpc_tools, google.type.date_pb2
    from google.protobuf import descriptor_pb2, descriptor_pool
    from google.protobuf.message_factory import GetMessageClass
    dir = tempfile.mkdtemp()
    def save(schema, name):
        path = os.path.join(dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").write(schema.schema_str)
        for r in schema.references or []:
            save(client.get_version(r.subject, r.version).schema, r.name)
    save(client.get_latest_version(subject).schema, "root.proto")
    decimal = os.path.join(dir, "confluent/type/decimal.proto")
    os.makedirs(os.path.dirname(decimal), exist_ok=True)
    open(decimal, "w").write('syntax = "proto3"; package confluent.type; message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }')
    open(os.path.join(dir, "confluent/meta.proto"), "w").write(META)
    out = os.path.join(dir, "out")
    common = os.path.dirname(os.path.dirname(os.path.dirname(google.type.date_pb2.__file__)))
    if protoc.main(["protoc", "-I" + dir, "-I" + os.path.join(os.path.dirname(grpc_tools.__file__), "_proto"), "-I" + common, "--include_imports", "--descriptor_set_out=" + out, "root.proto"]) != 0:
        raise SystemExit("protoc refuses\n" + open(os.path.join(dir, "root.proto")).read())
    set = descriptor_pb2.FileDescriptorSet.FromString(open(out, "rb").read())
    pool = descriptor_pool.DescriptorPool()
    for f in set.file: pool.Add(f)
    file = pool.FindFileByName("root.proto")
    return GetMessageClass(file.message_types_by_name[message or set.file[-1].message_type[0].name])

META = '''syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
'''
`

var registryClasses = map[string]string{"JSON": "io.confluent.connect.json.JsonSchemaConverter", "PROTOBUF": "io.confluent.connect.protobuf.ProtobufConverter"}

// useRegistry gives a connector a converter on both sides.
func useRegistry(config map[string]string, class, url string) map[string]string {
	for _, side := range []string{"key", "value"} {
		config[side+".converter"], config[side+".converter.schema.registry.url"] = class, url
	}
	return config
}

func TestRegistryFormats_OthersReadWhatWeWrote(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker, a database and a registry; not in short mode")
	}
	k, r, m := Kafka(t), Registry(t), MySQL(t)
	name, db := m.Database(t)
	for _, stmt := range []string{
		"CREATE TABLE items (id INT PRIMARY KEY, price DECIMAL(10,2) NOT NULL, note VARCHAR(40), kind ENUM('a','b') NOT NULL DEFAULT 'a', day DATE, big BIGINT, ratio DOUBLE, raw VARBINARY(9), flag BOOLEAN NOT NULL DEFAULT TRUE)",
		"INSERT INTO items VALUES (1, 12.50, 'before ü', 'b', '2026-01-02', 9007199254740993, 0.5, x'00ff', FALSE), (2, -0.01, NULL, 'a', NULL, NULL, NULL, NULL, TRUE)",
	} {
		if _, err := db.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	w := PrivateAnabranch(t, k, AnabranchOptions{})
	for format, class := range registryClasses {
		t.Run(format, func(t *testing.T) {
			prefix := strings.Trim(unique("fmt"), "_-")
			config := useRegistry(mysqlSource(m, k, prefix, name), class, r.URL())
			config["time.precision.mode"] = "connect"
			if format == "JSON" {
				// With BASE64 the text contradicts the schema, which says number, as Confluent's does.
				config["value.converter.decimal.format"] = "NUMERIC"
			}
			w.Create(t, prefix, config)
			topic := prefix + "." + name + ".items"
			// The other client does not wait for a topic that is not there yet.
			waitFor(t, w, "rows in the topic", 30*time.Second, func() bool { return len(k.ReadAll(t, topic)) > 0 })
			out := strings.Split(strings.TrimSpace(Python(t, readFormat, "", k.Bootstrap(), r.URL(), topic, "2", format)), "\n")
			for i, want := range []string{
				map[string]string{
					"JSON":     `{"big":9007199254740993,"day":20455,"flag":0,"id":1,"kind":"b","note":"before ü","price":12.5,"ratio":0.5,"raw":"AP8="}`,
					"PROTOBUF": `{"big":"9007199254740993","day":{"day":2,"month":1,"year":2026},"id":1,"kind":"b","note":"before ü","price":{"scale":2,"value":"BOI="},"ratio":0.5,"raw":"AP8="}`,
				}[format],
				map[string]string{
					"JSON":     `{"big":null,"day":null,"flag":1,"id":2,"kind":"a","note":null,"price":-0.01,"ratio":null,"raw":null}`,
					"PROTOBUF": `{"flag":1,"id":2,"kind":"a","price":{"scale":2,"value":"/w=="}}`,
				}[format],
			} {
				var got [2]struct {
					ID    json.Number
					Op    string
					After json.RawMessage
				}
				if err := json.Unmarshal([]byte(out[i]), &got); err != nil {
					t.Fatalf("%v\n%s", err, out[i])
				}
				if after := sorted(t, got[1].After); got[0].ID.String() != fmt.Sprint(i+1) || got[1].Op != "r" || after != want {
					t.Errorf("others read\n%s\nwant after\n%s", out[i], want)
				}
			}
		})
	}
}

// sorted is JSON with sorted names, numbers as they are.
func sorted(t *testing.T, raw []byte) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// writeFormat writes JSON lines with Confluent's serializers. The schema of the values refers to
// one of another subject. The registry's ids and the client's own registration are used.
const writeFormat = protoClass + `
import json, os, sys, tempfile
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, Schema, SchemaReference
from confluent_kafka.serialization import SerializationContext, MessageField
bootstrap, registry, topic, format = sys.argv[1:5]
client = SchemaRegistryClient({"url": registry})
place = topic + "-place"

if format == "AVRO":
    from confluent_kafka.schema_registry.avro import AvroSerializer
    client.register_schema(place, Schema('{"type":"record","name":"Place","namespace":"py","fields":[{"name":"city","type":"string"},{"name":"zip","type":["null","int"],"default":null}]}', "AVRO"))
    write = AvroSerializer(client, Schema('''{"type":"record","name":"V","namespace":"py","fields":[{"name":"id","type":"int"},
      {"name":"name","type":["null","string"],"default":null},{"name":"amount","type":"double"},{"name":"place","type":"py.Place"}]}''', "AVRO", [SchemaReference("py.Place", place, 1)]))
elif format == "JSON":
    from confluent_kafka.schema_registry.json_schema import JSONSerializer
    client.register_schema(place, Schema('{"type":"object","title":"Place","properties":{"city":{"type":"string"},"zip":{"oneOf":[{"type":"null"},{"type":"integer"}]}},"required":["city"]}', "JSON"))
    write = JSONSerializer(Schema('''{"$schema":"http://json-schema.org/draft-07/schema#","title":"V","type":"object","properties":{"id":{"type":"integer"},
      "name":{"oneOf":[{"type":"null"},{"type":"string"}]},"amount":{"type":"number"},"place":{"$ref":"place.json"}},"required":["id","amount","place"]}''', "JSON", [SchemaReference("place.json", place, 1)]), client)
else:
    from grpc_tools import protoc
    from google.protobuf import descriptor_pb2, descriptor_pool
    from google.protobuf.json_format import ParseDict
    from google.protobuf.message_factory import GetMessageClass
    from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
    dir = tempfile.mkdtemp()
    open(os.path.join(dir, place + ".proto"), "w").write('syntax = "proto3"; package py; message Place { string city = 1; optional int32 zip = 2; }')
    open(os.path.join(dir, "v.proto"), "w").write('syntax = "proto3"; package py; import "%s.proto"; message First { int32 x = 1; } message V { int32 id = 1; optional string name = 2; double amount = 3; Place place = 4; }' % place)
    out = os.path.join(dir, "out")
    if protoc.main(["protoc", "-I" + dir, "--include_imports", "--descriptor_set_out=" + out, "v.proto"]) != 0: raise SystemExit("protoc")
    pool = descriptor_pool.DescriptorPool()
    for f in descriptor_pb2.FileDescriptorSet.FromString(open(out, "rb").read()).file: pool.Add(f)
    cls = GetMessageClass(pool.FindMessageTypeByName("py.V"))
    inner = ProtobufSerializer(cls, client, {"use.deprecated.format": False})
    write = lambda v, ctx: inner(ParseDict({k: x for k, x in v.items() if x is not None}, cls()), ctx)

p = Producer({"bootstrap.servers": bootstrap})
for line in sys.stdin:
    p.produce(topic, value=write(json.loads(line), SerializationContext(topic, MessageField.VALUE)))
if p.flush(30) != 0: raise SystemExit("not everything was sent")
latest = client.get_latest_version(topic + "-value").schema
if not latest.references: raise SystemExit("no references are registered")
print(latest.schema_str)
`

func TestRegistryFormats_SinksReadWhatOthersWroteWithReferences(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker, a database and a registry; not in short mode")
	}
	k, r, pg := Kafka(t), Registry(t), Postgres(t)
	name, db := pg.Database(t)
	w := PrivateAnabranch(t, k, AnabranchOptions{})
	var in strings.Builder
	for i := 1; i <= 20; i++ {
		note := `null`
		if i%3 > 0 {
			note = fmt.Sprintf(`"näme %d"`, i)
		}
		fmt.Fprintf(&in, `{"id":%d,"name":%s,"amount":%d.25,"place":{"city":"C%d","zip":%d}}`+"\n", i, note, i, i, 100+i)
	}
	for format, class := range map[string]string{"JSON": registryClasses["JSON"], "PROTOBUF": registryClasses["PROTOBUF"], "AVRO": "io.confluent.connect.avro.AvroConverter"} {
		t.Run(format, func(t *testing.T) {
			topic := strings.Trim(unique("ref"), "_-")
			table := strings.ToLower(format)
			t.Log(Python(t, writeFormat, in.String(), k.Bootstrap(), r.URL(), topic, format))
			w.Create(t, topic+"-sink", map[string]string{
				"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": topic,
				"connection.url":  fmt.Sprintf("jdbc:postgresql://%s:%d/%s", pg.Host(), pg.Port(), name),
				"connection.user": PostgresRoot, "connection.password": PostgresRootPassword, "table.name.format": table,
				"insert.mode": "upsert", "pk.mode": "record_value", "pk.fields": "id", "auto.create": "true",
				"transforms": "flat", "transforms.flat.type": "org.apache.kafka.connect.transforms.Flatten$Value", "transforms.flat.delimiter": "_",
				"key.converter":   "org.apache.kafka.connect.storage.StringConverter",
				"value.converter": class, "value.converter.schema.registry.url": r.URL()})
			p := &avroPipeline{w: w, target: db}
			p.arrives(t, "SELECT count(*) || ' ' || sum(amount) || ' ' || count(name) || ' ' || sum(place_zip) FROM "+table, "20 215 14 2210")
			p.arrives(t, "SELECT name || ' ' || place_city FROM "+table+" WHERE id = 7", "näme 7 C7")
		})
	}
}
