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
		w.StatusTopic.Settings["min.insync.replicas"] != "1" || w.FlushInterval != 10*time.Second || w.Listen[0] != ":8083" {
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
		{"listeners", "https://:8443", "https listeners"},
		{"listeners", "ftp://:1", "scheme"},
		{"rest.extension.classes", "a.B", "rest.extension.classes"},
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
	delete(base(), "key.converter")
	raw := base()
	delete(raw, "value.converter")
	if _, err := NewWorker(Standalone, raw); err == nil || !strings.Contains(err.Error(), `Missing required configuration "value.converter"`) {
		t.Errorf("got %v", err)
	}
}
