import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.text.ParsePosition;
import java.text.SimpleDateFormat;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;
import java.util.concurrent.Callable;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.ConnectSchema;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.HeaderConverter;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/**
 * Answers what the real classes of Kafka Connect do: a JSON request a line on standard input, a
 * JSON answer a line on standard output. testenv/judge.go speaks to it and says what is in them.
 */
public class Judge {
    static final ObjectMapper JSON = new ObjectMapper();
    static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    public static void main(String[] args) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode answer = NODES.objectNode();
            try {
                answer(JSON.readTree(line), answer);
            } catch (Throwable e) {
                answer.set("error", error(e));
            }
            out.write(JSON.writeValueAsString(answer));
            out.write('\n');
            if (!in.ready()) {
                out.flush();
            }
        }
        out.flush();
    }

    static ObjectNode error(Throwable e) {
        ObjectNode n = NODES.objectNode();
        n.put("class", e.getClass().getName());
        n.put("message", String.valueOf(e.getMessage()));
        return n;
    }

    static void answer(JsonNode q, ObjectNode answer) throws Exception {
        switch (q.get("op").asText()) {
            case "transform":
                transform(q, answer);
                return;
            case "definition":
                definition(q, answer);
                return;
            case "validate":
                validate(q, answer);
                return;
            case "encode":
                encode(q, answer);
                return;
            case "decode":
                decode(q, answer);
                return;
            case "bench":
                bench(q, answer);
                return;
            case "format": {
                SimpleDateFormat f = new SimpleDateFormat(q.get("text").asText());
                f.setTimeZone(TimeZone.getTimeZone("UTC"));
                answer.put("text", f.format(new java.util.Date(q.get("millis").asLong())));
                return;
            }
            case "parse": {
                SimpleDateFormat f = new SimpleDateFormat(q.get("text").asText());
                f.setTimeZone(TimeZone.getTimeZone("UTC"));
                ParsePosition end = new ParsePosition(0);
                java.util.Date d = f.parse(q.get("input").asText(), end);
                if (d == null || end.getIndex() == 0) { // as parse(String)
                    answer.putNull("millis");
                } else {
                    answer.put("millis", d.getTime());
                }
                return;
            }
            default:
                throw new IllegalArgumentException("unknown op");
        }
    }

    // Classes

    static Object make(JsonNode q) throws Exception {
        return Class.forName(q.get("class").asText()).getDeclaredConstructor().newInstance();
    }

    static Map<String, String> config(JsonNode q) {
        Map<String, String> config = new LinkedHashMap<>();
        q.get("config").properties().forEach(e -> config.put(e.getKey(), e.getValue().asText()));
        return config;
    }

    static ConfigDef definitionOf(Object o) {
        if (o instanceof Transformation) {
            return ((Transformation<?>) o).config();
        }
        return o instanceof Predicate ? ((Predicate<?>) o).config() : ((HeaderConverter) o).config();
    }

    static void definition(JsonNode q, ObjectNode answer) throws Exception {
        ArrayNode keys = answer.putArray("keys");
        for (ConfigDef.ConfigKey k : definitionOf(make(q)).configKeys().values()) {
            ObjectNode n = keys.addObject();
            n.put("name", k.name);
            n.put("type", k.type.toString());
            n.put("required", !k.hasDefault());
            n.put("default", k.hasDefault() && k.defaultValue != null ? ConfigDef.convertToString(k.defaultValue, k.type) : null);
            n.put("importance", k.importance.toString());
            n.put("group", k.group);
            n.put("order", k.orderInGroup);
            n.put("width", k.width.toString());
            n.put("display", k.displayName);
        }
    }

    static void validate(JsonNode q, ObjectNode answer) throws Exception {
        ArrayNode keys = answer.putArray("keys");
        for (ConfigValue v : definitionOf(make(q)).validate(config(q))) {
            ObjectNode n = keys.addObject();
            n.put("name", v.name());
            ArrayNode errors = n.putArray("errors");
            v.errorMessages().forEach(errors::add);
            ArrayNode words = n.putArray("recommended");
            v.recommendedValues().forEach(w -> words.add(String.valueOf(w)));
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static void transform(JsonNode q, ObjectNode answer) throws Exception {
        Object o = make(q);
        ArrayNode results = NODES.arrayNode();
        if (o instanceof Predicate) {
            ((Predicate<?>) o).configure(config(q));
        } else {
            ((Transformation<?>) o).configure(config(q));
        }
        for (JsonNode r : q.get("records")) {
            ObjectNode result = results.addObject();
            try {
                if (o instanceof Predicate) {
                    result.put("yes", ((Predicate) o).test(record(r)));
                    continue;
                }
                ConnectRecord<?> done = (ConnectRecord<?>) ((Transformation) o).apply(record(r));
                if (done == null) {
                    result.put("dropped", true);
                } else {
                    result.set("record", node(done));
                }
            } catch (Exception e) {
                result.set("error", error(e));
            }
        }
        answer.set("results", results);
    }

    // Converters

    static Object converter(JsonNode q) throws Exception {
        Object o = make(q);
        Map<String, String> config = config(q);
        String use = q.get("use").asText();
        if (use.equals("header")) {
            config.put("converter.type", "header");
            ((HeaderConverter) o).configure(config);
        } else {
            ((Converter) o).configure(config, use.equals("key"));
        }
        return o;
    }

    static void encode(JsonNode q, ObjectNode answer) throws Exception {
        Object c = converter(q);
        ArrayNode results = answer.putArray("results");
        for (JsonNode v : q.get("values")) {
            ObjectNode result = results.addObject();
            try {
                Schema schema = schema(v.get("schema"));
                Object value = value(schema, v.get("value"));
                byte[] data = q.get("use").asText().equals("header")
                    ? ((HeaderConverter) c).fromConnectHeader("topic", "header", schema, value)
                    : ((Converter) c).fromConnectData("topic", new RecordHeaders(), schema, value);
                result.put("data", data == null ? null : hex(data));
            } catch (Exception e) {
                result.set("error", error(e));
            }
        }
    }

    static void decode(JsonNode q, ObjectNode answer) throws Exception {
        Object c = converter(q);
        ArrayNode results = answer.putArray("results");
        for (JsonNode v : q.get("data")) {
            ObjectNode result = results.addObject();
            try {
                byte[] data = v.isNull() ? null : unhex(v.asText());
                SchemaAndValue sv = q.get("use").asText().equals("header")
                    ? ((HeaderConverter) c).toConnectHeader("topic", "header", data)
                    : ((Converter) c).toConnectData("topic", new RecordHeaders(), data);
                if (sv == null) { // a header that says null
                    sv = SchemaAndValue.NULL;
                }
                result.set("schema", node(sv.schema()));
                result.set("value", node(sv.schema(), sv.value()));
            } catch (Exception e) {
                result.set("error", error(e));
            }
        }
    }

    /** What was made last: it must not be optimized away. */
    static volatile Object made;

    static void bench(JsonNode q, ObjectNode answer) throws Exception {
        Converter c = (Converter) converter(q);
        JsonNode v = q.get("values").get(0);
        Schema schema = schema(v.get("schema"));
        Object value = value(schema, v.get("value"));
        RecordHeaders headers = new RecordHeaders();
        byte[] data = c.fromConnectData("topic", headers, schema, value);
        answer.put("text", hex(data));
        rates(q, answer.putArray("write"), () -> c.fromConnectData("topic", headers, schema, value));
        rates(q, answer.putArray("read"), () -> c.toConnectData("topic", headers, data));
    }

    /** Calls a second of this thread's own processor time, so that other load does not count. */
    static void rates(JsonNode q, ArrayNode out, Callable<Object> call) throws Exception {
        ThreadMXBean clock = ManagementFactory.getThreadMXBean();
        long round = q.get("millis").asLong() * 1_000_000;
        int warm = q.get("warm").asInt();
        for (int i = 0; i < warm + q.get("rounds").asInt(); i++) {
            long start = clock.getCurrentThreadCpuTime();
            long took;
            long n = 0;
            do {
                for (int j = 0; j < 500; j++) {
                    made = call.call();
                }
                n += 500;
                took = clock.getCurrentThreadCpuTime() - start;
            } while (took < round);
            if (i >= warm) {
                out.add(n * 1e9 / took);
            }
        }
    }

    // Records

    static ConnectRecord<?> record(JsonNode n) {
        ConnectHeaders headers = new ConnectHeaders();
        for (JsonNode h : n.get("headers")) {
            Schema s = schema(h.get("schema"));
            headers.add(h.get("key").asText(), new SchemaAndValue(s, value(s, h.get("value"))));
        }
        Schema ks = schema(n.get("keySchema"));
        Schema vs = schema(n.get("valueSchema"));
        Object key = value(ks, n.get("key"));
        Object value = value(vs, n.get("value"));
        String topic = n.get("topic").asText();
        Integer partition = n.get("partition").isNull() ? null : n.get("partition").asInt();
        Long timestamp = n.get("timestamp").isNull() ? null : n.get("timestamp").asLong();
        if (n.get("sink").asBoolean()) {
            return new SinkRecord(topic, partition, ks, key, vs, value, n.get("offset").asLong(), timestamp,
                TimestampType.CREATE_TIME, headers);
        }
        return new SourceRecord(Map.of(), Map.of(), topic, partition, ks, key, vs, value, timestamp, headers);
    }

    static ObjectNode node(ConnectRecord<?> r) {
        ObjectNode n = NODES.objectNode();
        n.put("sink", r instanceof SinkRecord);
        n.put("topic", r.topic());
        n.put("partition", r.kafkaPartition());
        n.set("keySchema", node(r.keySchema()));
        n.set("key", node(r.keySchema(), r.key()));
        n.set("valueSchema", node(r.valueSchema()));
        n.set("value", node(r.valueSchema(), r.value()));
        n.put("timestamp", r.timestamp());
        n.put("offset", r instanceof SinkRecord ? ((SinkRecord) r).kafkaOffset() : 0);
        ArrayNode headers = n.putArray("headers");
        for (Header h : r.headers()) {
            ObjectNode hn = headers.addObject();
            hn.put("key", h.key());
            hn.set("schema", node(h.schema()));
            hn.set("value", node(h.schema(), h.value()));
        }
        return n;
    }

    // Schemas

    static String text(JsonNode n, String key) {
        JsonNode v = n.get(key);
        return v == null || v.isNull() ? null : v.asText();
    }

    static Schema schema(JsonNode n) {
        if (n == null || n.isNull()) {
            return null;
        }
        Schema.Type type = Schema.Type.valueOf(n.get("type").asText());
        Schema key = schema(n.get("key"));
        Schema elem = schema(n.get("elem"));
        List<Field> fields = null;
        if (type == Schema.Type.STRUCT) {
            fields = new ArrayList<>();
            for (JsonNode f : n.get("fields")) {
                fields.add(new Field(f.get("name").asText(), fields.size(), schema(f.get("schema"))));
            }
        }
        Map<String, String> params = null;
        if (n.has("params")) {
            params = new LinkedHashMap<>();
            for (JsonNode p : n.get("params")) {
                params.put(p.get(0).asText(), p.get(1).asText());
            }
        }
        Integer version = n.has("version") ? n.get("version").asInt() : null;
        boolean optional = n.has("optional") && n.get("optional").asBoolean();
        ConnectSchema plain = new ConnectSchema(type, optional, null, text(n, "name"), version, text(n, "doc"), params, fields, key, elem);
        Object def = value(plain, n.get("default"));
        return new ConnectSchema(type, optional, def, text(n, "name"), version, text(n, "doc"), params, fields, key, elem);
    }

    static JsonNode node(Schema s) {
        if (s == null) {
            return NODES.nullNode();
        }
        ObjectNode n = NODES.objectNode();
        n.put("type", s.type().toString());
        if (s.isOptional()) {
            n.put("optional", true);
        }
        if (s.name() != null) {
            n.put("name", s.name());
        }
        if (s.version() != null) {
            n.put("version", s.version());
        }
        if (s.doc() != null) {
            n.put("doc", s.doc());
        }
        if (s.parameters() != null && !s.parameters().isEmpty()) {
            ArrayNode ps = n.putArray("params");
            s.parameters().forEach((k, v) -> ps.addArray().add(k).add(v));
        }
        if (s.defaultValue() != null) {
            n.set("default", node(s, s.defaultValue()));
        }
        if (s.type() == Schema.Type.STRUCT) {
            ArrayNode fs = n.putArray("fields");
            for (Field f : s.fields()) {
                ObjectNode fn = fs.addObject();
                fn.put("name", f.name());
                fn.set("schema", node(f.schema()));
            }
        }
        if (s.type() == Schema.Type.MAP) {
            n.set("key", node(s.keySchema()));
        }
        if (s.type() == Schema.Type.MAP || s.type() == Schema.Type.ARRAY) {
            n.set("elem", node(s.valueSchema()));
        }
        return n;
    }

    // Values: null or [kind, content], as the base type of their logical type

    static Object value(Schema s, JsonNode n) {
        if (n == null || n.isNull()) {
            return null;
        }
        JsonNode c = n.get(1);
        String name = s == null || s.name() == null ? "" : s.name();
        switch (n.get(0).asText()) {
            case "b":
                return c.asBoolean();
            case "i8":
                return Byte.valueOf(c.asText());
            case "i16":
                return Short.valueOf(c.asText());
            case "i32": {
                int i = Integer.parseInt(c.asText());
                if (name.equals(Date.LOGICAL_NAME)) {
                    return Date.toLogical(s, i);
                }
                return name.equals(Time.LOGICAL_NAME) ? new java.util.Date(i) : (Object) i;
            }
            case "i64": {
                long i = Long.parseLong(c.asText());
                return name.equals(Timestamp.LOGICAL_NAME) ? new java.util.Date(i) : (Object) i;
            }
            case "date":
                return new java.util.Date(Long.parseLong(c.asText()));
            case "f32":
                return (float) Double.longBitsToDouble(Long.parseUnsignedLong(c.asText(), 16));
            case "f64":
                return Double.longBitsToDouble(Long.parseUnsignedLong(c.asText(), 16));
            case "s":
                return c.asText();
            case "x": {
                byte[] data = unhex(c.asText());
                return name.equals(Decimal.LOGICAL_NAME) ? Decimal.toLogical(s, data) : (Object) data;
            }
            case "list": {
                List<Object> list = new ArrayList<>();
                for (JsonNode e : c) {
                    list.add(value(s == null ? null : s.valueSchema(), e));
                }
                return list;
            }
            case "map": {
                Map<Object, Object> map = new HashMap<>();
                for (JsonNode e : c) {
                    map.put(value(s == null ? null : s.keySchema(), e.get(0)), value(s == null ? null : s.valueSchema(), e.get(1)));
                }
                return map;
            }
            case "struct": {
                // Not by put, which refuses what a connector may still hand over: the array behind it.
                Struct struct = new Struct(s);
                try {
                    java.lang.reflect.Field values = Struct.class.getDeclaredField("values");
                    values.setAccessible(true);
                    Object[] array = (Object[]) values.get(struct);
                    for (int i = 0; i < c.size(); i++) {
                        array[i] = value(s.fields().get(i).schema(), c.get(i));
                    }
                } catch (ReflectiveOperationException e) {
                    throw new IllegalStateException(e);
                }
                return struct;
            }
            default:
                throw new IllegalArgumentException("unknown kind " + n.get(0));
        }
    }

    static JsonNode pair(String kind, String content) {
        return NODES.arrayNode().add(kind).add(content);
    }

    static JsonNode node(Schema s, Object v) {
        String name = s == null || s.name() == null ? "" : s.name();
        if (v == null) {
            return NODES.nullNode();
        } else if (v instanceof Boolean) {
            return NODES.arrayNode().add("b").add((Boolean) v);
        } else if (v instanceof Byte) {
            return pair("i8", v.toString());
        } else if (v instanceof Short) {
            return pair("i16", v.toString());
        } else if (v instanceof Integer) {
            return pair("i32", v.toString());
        } else if (v instanceof Long) {
            return pair("i64", v.toString());
        } else if (v instanceof Float) {
            return pair("f32", Long.toHexString(Double.doubleToLongBits((Float) v)));
        } else if (v instanceof Double) {
            return pair("f64", Long.toHexString(Double.doubleToLongBits((Double) v)));
        } else if (v instanceof String) {
            return pair("s", (String) v);
        } else if (v instanceof byte[]) {
            return pair("x", hex((byte[]) v));
        } else if (v instanceof ByteBuffer) {
            ByteBuffer b = ((ByteBuffer) v).duplicate();
            byte[] data = new byte[b.remaining()];
            b.get(data);
            return pair("x", hex(data));
        } else if (v instanceof BigDecimal) {
            BigDecimal d = (BigDecimal) v;
            if (name.equals(Decimal.LOGICAL_NAME) && String.valueOf(d.scale()).equals(s.parameters().get(Decimal.SCALE_FIELD))) {
                return pair("x", hex(d.unscaledValue().toByteArray()));
            }
            return pair("decimal", d.toString());
        } else if (v instanceof BigInteger) {
            return pair("integer", v.toString());
        } else if (v instanceof java.util.Date) {
            long ms = ((java.util.Date) v).getTime();
            switch (name) {
                case Date.LOGICAL_NAME:
                    return pair("i32", Integer.toString(Date.fromLogical(s, (java.util.Date) v)));
                case Time.LOGICAL_NAME:
                    return pair("i32", Integer.toString((int) ms));
                case Timestamp.LOGICAL_NAME:
                    return pair("i64", Long.toString(ms));
                default:
                    return pair("date", Long.toString(ms));
            }
        } else if (v instanceof List) {
            ArrayNode list = NODES.arrayNode();
            for (Object e : (List<?>) v) {
                list.add(node(s == null ? null : s.valueSchema(), e));
            }
            return NODES.arrayNode().add("list").add(list);
        } else if (v instanceof Map) {
            ArrayNode map = NODES.arrayNode();
            for (Map.Entry<?, ?> e : ((Map<?, ?>) v).entrySet()) {
                map.addArray().add(node(s == null ? null : s.keySchema(), e.getKey())).add(node(s == null ? null : s.valueSchema(), e.getValue()));
            }
            return NODES.arrayNode().add("map").add(map);
        } else if (v instanceof Struct) {
            Struct struct = (Struct) v;
            if (s == null || !struct.schema().equals(s)) {
                return pair("foreign", struct.toString());
            }
            ArrayNode fields = NODES.arrayNode();
            for (Field f : s.fields()) {
                fields.add(node(f.schema(), struct.getWithoutDefault(f.name())));
            }
            return NODES.arrayNode().add("struct").add(fields);
        }
        return pair("unknown", v.getClass().getName());
    }

    static String hex(byte[] data) {
        StringBuilder sb = new StringBuilder();
        for (byte b : data) {
            sb.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
        }
        return sb.toString();
    }

    static byte[] unhex(String text) {
        byte[] data = new byte[text.length() / 2];
        for (int i = 0; i < data.length; i++) {
            data[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
        }
        return data;
    }
}
