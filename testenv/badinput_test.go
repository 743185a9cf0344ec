package testenv

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const secretPassword = "hunter2-never-shown"

// why answers differ from the real worker's. Each is wanted, and listed for users in
// docs/compatibility.md.
const (
	cw500 = "CW-500: Debezium 3.6.1 ends in a null pointer on create; its own validate has the errors that we show"
	cw509 = "CW-509: Connect takes tasks.max=2 for MySQL and never runs a task"
	known = "we know what we do not honour and refuse it; the Java connector does honour it"
	early = "found when the connector is created; Connect finds it when the task starts"
	body  = "a limit of ours; Connect has none"
	nulls = "Connect stores a null that validate refuses, unless the key is required"
	none  = "no such plugin on the test's worker"
)

func TestBadInput(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a broker, a database and Kafka Connect; not in short mode")
	}
	k, m, peer := Kafka(t), MySQL(t), Connect(t)
	b := newKeeper(t, k)
	admin := k.Client(t)
	before := b.trail(t, admin)
	for _, r := range badRequests(b, m, k) {
		t.Run(r.name, func(t *testing.T) {
			if r.method == "" {
				r.method = http.MethodPost
			}
			if r.path == "" {
				r.path = "/connectors"
			}
			ours := ask(t, b.w.URL(), &r)
			r.judgeOurs(t, ours)
			if after := b.trail(t, admin); after != before {
				t.Errorf("the request left something behind: %+v, before %+v", after, before)
				before = after
			}
			if r.connect != notSent {
				r.judgePeer(t, ours, ask(t, peer.URL(), &r))
			}
			if t.Failed() {
				t.Logf("ours: %d %.500s", ours.status, ours.raw)
			}
		})
	}
	b.flows(t)
	rest(t, b.w, http.MethodGet, "/health", nil, http.StatusOK)
	rest(t, b.w, http.MethodDelete, "/connectors/"+b.escaped(), nil, http.StatusNoContent)
}

func badRequests(b *keeper, m *MySQLServer, k *KafkaServer) []badRequest {
	config := func(base map[string]string, pairs ...string) map[string]any {
		c := with(base, pairs...)
		for key, v := range c {
			if v == "\x00" {
				delete(c, key)
			}
		}
		return map[string]any{"name": "bad-one", "config": c}
	}
	const gone = "\x00"
	file := fileSource(b.text.path, b.topic+"-other")
	sink := fileSink(b.text.path+".out", b.topic)
	mysql := with(mysqlSource(m, k, "badinput", "nothing"), "database.password", secretPassword)
	good := mysqlSource(m, k, "badinput", "nothing")
	jdbc := map[string]string{"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": b.topic,
		"connection.url": "jdbc:postgresql://127.0.0.1:1/none", "connection.user": "u", "connection.password": secretPassword}
	self := "/connectors/" + b.escaped()
	return []badRequest{
		// Bodies.
		{name: "broken JSON", body: `{"name":`, status: 500, says: []string{"JSON"}},
		{name: "broken JSON in the middle", body: `{"name":"x",,"config":{}}`, status: 500, says: []string{"JSON"}},
		{name: "no body", status: 500},
		{name: "null", body: "null", status: 500},
		{name: "array", body: "[]", status: 500},
		{name: "string", body: `"x"`, status: 500},
		{name: "unknown field", body: `{"name":"x","config":{},"tasks":1}`, status: 500, says: []string{"tasks"}},
		{name: "no config", body: `{"name":"x"}`, status: 500, says: []string{"config"}},
		{name: "config is null", body: `{"name":"x","config":null}`, status: 500, says: []string{"config"}},
		{name: "config is an array", body: `{"name":"x","config":[]}`, status: 500},
		{name: "config is a string", body: `{"name":"x","config":"a=b"}`, status: 500},
		{name: "value is an object", body: `{"name":"x","config":{"connector.class":"FileStreamSource","topic":{"a":1}}}`, status: 500, says: []string{"topic"}},
		{name: "value is an array", body: `{"name":"x","config":{"connector.class":"FileStreamSource","topic":["a"]}}`, status: 500, says: []string{"topic"}},
		{name: "value is null", body: `{"name":"bad-one","config":{"connector.class":"FileStreamSource","topic":"t","file":null}}`, status: 400, says: []string{"Null value"}, connect: notSent, differs: nulls},
		{name: "name is an object", body: `{"name":{},"config":{"connector.class":"FileStreamSource","topic":"t"}}`, status: 500, says: []string{"name"}},
		{name: "bad initial_state", body: `{"name":"x","config":{"connector.class":"FileStreamSource","topic":"t"},"initial_state":"UP"}`, status: 500, says: []string{"initial_state"}},
		{name: "initial_state is a number", body: `{"name":"x","config":{"connector.class":"FileStreamSource","topic":"t"},"initial_state":7}`, status: 500, says: []string{"initial_state"}, connect: notSent},
		{name: "wrong content type", body: "name=x", contentType: "application/x-www-form-urlencoded", status: 415, says: []string{"HTTP 415 Unsupported Media Type"}},
		{name: "text", body: `{}`, contentType: "text/plain", status: 415, says: []string{"HTTP 415 Unsupported Media Type"}},
		{name: "no content type", body: `{}`, contentType: "-", status: 415, says: []string{"HTTP 415 Unsupported Media Type"}},
		{name: "huge body", body: `{"name":"x","config":{"a":"` + strings.Repeat("x", 17<<20) + `"}}`, status: 500, says: []string{"too large"}, connect: notSent, differs: body},

		// Names.
		{name: "empty name", body: map[string]any{"name": "", "config": file}, status: 400, says: []string{"name"}},
		{name: "blank name", body: map[string]any{"name": "  ", "config": file}, status: 400, says: []string{"name"}},
		{name: "no name", body: map[string]any{"config": file}, status: 400, says: []string{"name"}},
		{name: "control character in the name", body: map[string]any{"name": "a\u0007b", "config": file}, status: 400, says: []string{"name", "7"}},
		{name: "another name in the config", body: map[string]any{"name": "a", "config": with(file, "name", "b")}, status: 400, says: []string{"(b)", "(a)"}},
		{name: "taken name", body: map[string]any{"name": b.name, "config": file}, status: 409, says: []string{"Connector " + b.name + " already exists"}, connect: notSent},
		{name: "taken name, given twice", body: `{"name":"x","name":` + quote(b.name) + `,"config":{"connector.class":"FileStreamSource","topic":"t"}}`, status: 409, says: []string{"already exists"}, connect: notSent},

		// Classes.
		{name: "no class", body: config(file, "connector.class", gone), status: 400, says: []string{"contains no connector type"}},
		{name: "unknown class", body: config(file, "connector.class", "com.example.Nothing"), status: 400, says: []string{"com.example.Nothing", "available connectors"}},
		{name: "empty class", body: config(file, "connector.class", ""), status: 400, says: []string{"available connectors"}},

		// Connector keys of everybody.
		{name: "tasks.max is a word", body: config(file, "tasks.max", "many"), status: 400, says: []string{"tasks.max", "many"}},
		{name: "tasks.max is 0", body: config(file, "tasks.max", "0"), status: 400, says: []string{"tasks.max", "at least 1"}},
		{name: "tasks.max is a float", body: config(file, "tasks.max", "1.5"), status: 400, says: []string{"tasks.max"}},
		{name: "tasks.max overflows", body: config(file, "tasks.max", "9999999999"), status: 400, says: []string{"tasks.max"}},
		{name: "errors.tolerance is a guess", body: config(file, "errors.tolerance", "some"), status: 400, says: []string{"errors.tolerance", "none", "all"}},
		{name: "unknown converter", body: config(file, "value.converter", "com.example.Xml"), status: 400, says: []string{"value.converter", "com.example.Xml"}},
		{name: "unknown transform", body: config(file, "transforms", "a", "transforms.a.type", "com.example.Nothing"), status: 400, says: []string{"transforms.a.type"}},
		{name: "transform without a type", body: config(file, "transforms", "a"), status: 400, says: []string{"transforms.a.type"}},
		{name: "bad regex in a transform", body: config(file, "transforms", "a", "transforms.a.type", "org.apache.kafka.connect.transforms.RegexRouter", "transforms.a.regex", "(", "transforms.a.replacement", "x"), status: 400, says: []string{"regex"}},
		{name: "missing key of a transform", body: config(file, "transforms", "a", "transforms.a.type", "org.apache.kafka.connect.transforms.RegexRouter", "transforms.a.regex", "x"), status: 400, says: []string{"replacement"}},
		{name: "transform alias twice", body: config(file, "transforms", "a,a", "transforms.a.type", "org.apache.kafka.connect.transforms.RegexRouter", "transforms.a.regex", "x", "transforms.a.replacement", "y"), status: 400, says: []string{"transforms", "uplicate"}},
		{name: "bad producer override", body: config(file, "producer.override.acks", "some"), status: 400, says: []string{"producer.override.acks"}, connect: notSent, differs: early},

		// FileStream.
		{name: "file source without a topic", body: config(file, "topic", gone), status: 400, says: []string{"topic"}},
		{name: "file source with a bad number", body: config(file, "batch.size", "x"), status: 400, says: []string{"batch.size"}},
		{name: "sink without topics", body: config(sink, "topics", gone), status: 400, says: []string{"topics"}},
		{name: "sink with both kinds of topics", body: config(sink, "topics.regex", "x.*"), status: 400, says: []string{"topics", "topics.regex"}},
		{name: "sink with a bad regex", body: config(sink, "topics", gone, "topics.regex", "("), status: 400, says: []string{"topics.regex"}},

		// MySQL.
		{name: "MySQL without topic.prefix", body: config(mysql, "topic.prefix", gone), status: 400, says: []string{"topic.prefix"}, connect: 500, differs: cw500},
		{name: "MySQL with a bad topic.prefix", body: config(mysql, "topic.prefix", "a b/c"), status: 400, says: []string{"topic.prefix"}, connect: 500, differs: cw500},
		{name: "MySQL without a host", body: config(mysql, "database.hostname", gone), status: 400, says: []string{"database.hostname"}, connect: 500, differs: cw500},
		{name: "MySQL without a server id", body: config(mysql, "database.server.id", gone), status: 400, says: []string{"database.server.id"}, connect: 500, differs: cw500},
		{name: "MySQL without a user", body: config(mysql, "database.user", gone), status: 400, says: []string{"database.user"}, connect: 500, differs: cw500},
		{name: "MySQL port is a word", body: config(mysql, "database.port", "mysql"), status: 400, says: []string{"database.port", "mysql"}, connect: 500, differs: cw500},
		{name: "MySQL port is negative", body: config(mysql, "database.port", "-1"), status: 400, says: []string{"database.port"}, connect: 500, differs: cw500},
		{name: "MySQL wrong password", body: config(mysql), status: 400, says: []string{"Access denied", "database.password"}, connect: 500, differs: cw500},
		{name: "MySQL unreachable", body: config(mysql, "database.port", "1"), status: 400, says: []string{"Unable to connect", "database.hostname", "database.port"}, connect: 500, differs: cw500},
		{name: "MySQL unknown host", body: config(mysql, "database.hostname", "no-such-host.invalid"), status: 400, says: []string{"no-such-host.invalid", "database.hostname"}, connect: 500, differs: cw500},
		{name: "MySQL without the history's brokers", body: config(mysql, "schema.history.internal.kafka.bootstrap.servers", gone), status: 400, says: []string{"schema.history.internal.kafka.bootstrap.servers"}, connect: 500, differs: cw500},
		{name: "MySQL without the history's topic", body: config(mysql, "schema.history.internal.kafka.topic", gone), status: 400, says: []string{"schema.history.internal.kafka.topic"}, connect: 500, differs: cw500},
		{name: "MySQL bad regex", body: config(mysql, "table.include.list", "shop.("), status: 400, says: []string{"table.include.list"}, connect: 500, differs: cw500},
		{name: "MySQL include and exclude", body: config(mysql, "database.exclude.list", "x"), status: 400, says: []string{"database.exclude.list", "database.include.list"}, connect: 500, differs: cw500},
		{name: "MySQL include and exclude of tables", body: config(mysql, "table.include.list", "a.b", "table.exclude.list", "a.c"), status: 400, says: []string{"table.exclude.list", "table.include.list"}, connect: 500, differs: cw500},
		{name: "MySQL include and exclude of columns", body: config(mysql, "column.include.list", "a.b.c", "column.exclude.list", "a.c.d"), status: 400, says: []string{"column.exclude.list", "column.include.list"}, connect: 500, differs: cw500},
		{name: "MySQL unknown snapshot mode", body: config(mysql, "snapshot.mode", "sometimes"), status: 400, says: []string{"snapshot.mode", "initial"}, connect: 500, differs: cw500},
		{name: "MySQL unknown decimal mode", body: config(mysql, "decimal.handling.mode", "float"), status: 400, says: []string{"decimal.handling.mode"}, connect: 500, differs: cw500},
		{name: "MySQL queue smaller than batch", body: config(mysql, "max.batch.size", "100", "max.queue.size", "10"), status: 400, says: []string{"max.queue.size"}, connect: 500, differs: cw500},
		{name: "MySQL batch size is not a number", body: config(mysql, "max.batch.size", "2k"), status: 400, says: []string{"max.batch.size"}, connect: 500, differs: cw500},
		{name: "MySQL two tasks", body: config(good, "tasks.max", "2"), status: 400, says: []string{"tasks.max"}, connect: notSent, differs: cw509},
		{name: "MySQL known, not honoured", body: config(good, "snapshot.max.threads", "4"), status: 400, says: []string{"snapshot.max.threads", "not built yet"}, connect: notSent, differs: known},
		{name: "MySQL many errors at once", body: config(mysql, "database.port", "x", "snapshot.mode", "y", "max.batch.size", "z"), status: 400,
			says: []string{"4 error(s)", "database.port", "snapshot.mode", "max.batch.size", "/config/validate"}, connect: 500, differs: cw500},

		// JDBC.
		{name: "JDBC without a url", body: config(jdbc, "connection.url", gone), status: 400, says: []string{"connection.url"}, connect: notSent, differs: none},
		{name: "JDBC with another database", body: config(jdbc, "connection.url", "jdbc:oracle:thin:@x"), status: 400, says: []string{"connection.url", "oracle"}, connect: notSent, differs: none},
		{name: "JDBC with a broken url", body: config(jdbc, "connection.url", "postgres//x"), status: 400, says: []string{"connection.url"}, connect: notSent, differs: none},
		{name: "JDBC with a bad mode", body: config(jdbc, "insert.mode", "merge"), status: 400, says: []string{"insert.mode", "upsert"}, connect: notSent, differs: none},
		{name: "JDBC deletes without keys", body: config(jdbc, "delete.enabled", "true", "pk.mode", "none"), status: 400, says: []string{"delete.enabled", "pk.mode"}, connect: notSent, differs: none},
		{name: "JDBC bad number", body: config(jdbc, "batch.size", "all"), status: 400, says: []string{"batch.size"}, connect: notSent, differs: none},

		// Changing what is there.
		{name: "PUT nothing", method: "PUT", path: self + "/config", body: `{}`, status: 400, says: []string{"no connector type"}},
		{name: "PUT broken", method: "PUT", path: self + "/config", body: `{"a":`, status: 500},
		{name: "PUT an array", method: "PUT", path: self + "/config", body: `[]`, status: 500},
		{name: "PUT another name", method: "PUT", path: self + "/config", body: with(file, "name", "other"), status: 400, says: []string{"(other)", "(" + b.name + ")"}},
		{name: "PUT a bad value", method: "PUT", path: self + "/config", body: with(file, "batch.size", "x"), status: 400, says: []string{"batch.size"}},
		{name: "PUT an unknown class", method: "PUT", path: self + "/config", body: with(file, "connector.class", "Nothing"), status: 400, says: []string{"Nothing"}},
		{name: "PATCH to something bad", method: "PATCH", path: self + "/config", body: `{"tasks.max":"none"}`, status: 400, says: []string{"tasks.max"}, connect: notSent},
		{name: "PATCH nothing there", method: "PATCH", path: "/connectors/not-there/config", body: `{}`, status: 404, says: []string{"Connector not-there not found"}},
		{name: "offsets while running", method: "PATCH", path: self + "/offsets", body: `{"offsets":[{"partition":{"filename":"x"},"offset":{"position":1}}]}`, status: 400, says: []string{"STOPPED"}, connect: notSent},
		{name: "no offsets", method: "PATCH", path: self + "/offsets", body: `{"offsets":[]}`, status: 400, says: []string{"offsets"}},
		{name: "offsets broken", method: "PATCH", path: self + "/offsets", body: `{"offsets":`, status: 500},
		{name: "reset while running", method: "DELETE", path: self + "/offsets", status: 400, says: []string{"STOPPED"}, connect: notSent},

		// Paths and methods.
		{name: "unknown path", method: "GET", path: "/nope", status: 404, says: []string{"HTTP 404 Not Found"}},
		{name: "unknown connector", method: "GET", path: "/connectors/not-there", status: 404, says: []string{"Connector not-there not found"}},
		{name: "unknown connector's status", method: "GET", path: "/connectors/not-there/status", status: 404, says: []string{"No status found for connector not-there"}},
		{name: "pause of an unknown one", method: "PUT", path: "/connectors/not-there/pause", status: 404, says: []string{"Unknown connector not-there"}},
		{name: "restart of an unknown one", method: "POST", path: "/connectors/not-there/restart", status: 404, says: []string{"Unknown connector: not-there"}},
		{name: "delete of an unknown one", method: "DELETE", path: "/connectors/not-there", status: 404, says: []string{"Connector not-there not found"}},
		{name: "task is a word", method: "GET", path: self + "/tasks/x/status", status: 404, says: []string{"HTTP 404 Not Found"}},
		{name: "task is not there", method: "POST", path: self + "/tasks/9/restart", status: 404, says: []string{"Unknown task"}, connect: notSent},
		{name: "wrong method on the list", method: "DELETE", path: "/connectors", status: 405, says: []string{"HTTP 405 Method Not Allowed"}},
		{name: "wrong method on a connector", method: "POST", path: "/connectors/x", status: 405, says: []string{"HTTP 405 Method Not Allowed"}, body: `{}`},
		{name: "wrong method on pause", method: "GET", path: "/connectors/x/pause", status: 405, says: []string{"HTTP 405 Method Not Allowed"}},
		{name: "double slash", method: "GET", path: "//connectors", status: 400, connect: notSent},
		{name: "nothing acceptable", method: "GET", path: "/connectors", accept: "text/html", status: 406, says: []string{"HTTP 406 Not Acceptable"}},

		// Validation, which never creates anything.
		{name: "validate broken", method: "PUT", path: "/connector-plugins/FileStreamSource/config/validate", body: `{`, status: 500},
		{name: "validate without a class", method: "PUT", path: "/connector-plugins/FileStreamSource/config/validate", body: `{"topic":"a"}`, status: 500, says: []string{"no connector type"}},
		{name: "validate another class", method: "PUT", path: "/connector-plugins/FileStreamSink/config/validate", body: file, status: 400, says: []string{"does not match"}},
		{name: "validate an unknown class", method: "PUT", path: "/connector-plugins/Nothing/config/validate", body: `{"connector.class":"Nothing"}`, status: 500, says: []string{"Nothing"}},
		{name: "log level", method: "PUT", path: "/admin/loggers/root", body: `{"level":"LOUD"}`, status: 404, says: []string{"LOUD"}},
	}
}

func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return strconv.Quote(s)
	}
	return string(raw)
}
