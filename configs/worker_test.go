package configs

import (
	"strings"
	"testing"
	"time"
)

// The keys of connect-distributed.properties as Kafka ships it.
const distributedFile = `
# shipped sample
bootstrap.servers=localhost:9092
group.id=connect-cluster
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=true
value.converter.schemas.enable=true
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
#offset.storage.partitions=25
config.storage.topic=connect-configs
config.storage.replication.factor=1
status.storage.topic=connect-status
status.storage.replication.factor=1
status.storage.min.insync.replicas=1
#status.storage.partitions=5
offset.flush.interval.ms=10000
#listeners=HTTP://:8083
plugin.path=
`

func TestNewWorker_TakesKafkasSampleFiles(t *testing.T) {
	raw, err := ParseProperties([]byte(distributedFile))
	if err != nil {
		t.Fatal(err)
	}
	mode, err := ModeOf(raw)
	if err != nil || mode != Distributed {
		t.Fatal(mode, err)
	}
	w, err := NewWorker(mode, raw)
	if err != nil {
		t.Fatal(err)
	}
	if w.GroupID != "connect-cluster" || w.OffsetTopic.Partitions != 25 || w.ConfigTopic.Partitions != 1 ||
		w.StatusTopic.Settings["min.insync.replicas"] != "1" || w.FlushInterval != 10*time.Second || w.Listeners[0].Address() != ":8083" {
		t.Errorf("%+v", w)
	}
	mode, err = ModeOf(map[string]string{"offset.storage.file.filename": "/tmp/connect.offsets"})
	if err != nil || mode != Standalone {
		t.Fatal(mode, err)
	}
}

func TestNewWorker_RefusesWhatItDoesNotHonour(t *testing.T) {
	base := func() map[string]string {
		return map[string]string{
			"bootstrap.servers": "x:1", "key.converter": "a", "value.converter": "b",
			"offset.storage.file.filename": "/tmp/o",
		}
	}
	for _, c := range []struct{ key, value, want string }{
		{"listeners", "ftp://:1", `Listener protocol must be either "http" or "https".`},
		{"listeners", "http://host", "Listener doesn't have the right format (protocol://hostname:port)."},
		{"listeners", "", "Invalid value for listeners, at least one URL is expected, ex: http://localhost:8080,https://localhost:8443."},
		{"listeners", "http://:1,,http://:2", "Empty URL found when parsing listeners list."},
		{"admin.listeners", "http://:1,,", "Configuration 'admin.listeners' values must not be empty."},
		{"bootstrap.servers", "", "Configuration 'bootstrap.servers' must not be empty. Valid values include: any non-empty value"},
		{"rest.extension.classes", "a.B", "Java classes cannot be loaded"},
		{"rest.advertised.listener", "ftp", "String must be one of (case insensitive): HTTP, HTTPS"},
		{"ssl.client.auth", "maybe", "Invalid value maybe for configuration ssl.client.auth: String must be one of: required, requested, none"},
		{"connector.client.config.override.policy", "Foo", "which name matches Foo"},
		{"response.http.headers.config", "x", "Invalid format of header config 'x'. Expected: '[action] [header name]:[header value]'"},
		{"response.http.headers.config", "set x", "Invalid format of header name and header value pair 'x'. Expected: '[header name]:[header value]'"},
		{"response.http.headers.config", "put X-A: b", "Invalid header config action: 'put'. Expected one of [set, add, setDate, addDate]"},
		{"response.http.headers.config", "set X A: b", "Invalid header name 'X A'. The '[header name]' cannot contain whitespace"},
		{"response.http.headers.config", "add X: a, b", "Invalid format of header config 'b'. Expected: '[action] [header name]:[header value]'"},
		{"response.http.headers.config", `add X-A: b, "set Cache-Control: no-cache, no-store", setDate Expires: 31540000000`, ""},
		{"offset.flush.interval.ms", "soon", "Invalid value soon for configuration offset.flush.interval.ms: Not a number of type LONG"},
		{"key.converter", "", ""},
	} {
		raw := base()
		raw[c.key] = c.value
		_, err := NewWorker(Standalone, raw)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s=%s: %v", c.key, c.value, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: got %v", c.key, c.value, err)
		}
	}
	raw := base()
	delete(raw, "value.converter")
	if _, err := NewWorker(Standalone, raw); err == nil || !strings.Contains(err.Error(), `Missing required configuration "value.converter"`) {
		t.Errorf("got %v", err)
	}
}
