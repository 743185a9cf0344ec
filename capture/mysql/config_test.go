package mysql

import (
	"strings"
	"testing"

	"github.com/anabranch/anabranch/capture"
	"github.com/anabranch/anabranch/configs"
)

func TestDefinition_IssueJSONIsAccepted(t *testing.T) {
	v, ps := Definition().Parse(map[string]string{
		"connector.class": Class, "database.hostname": "mysql-host", "database.port": "3306", "database.user": "debezium", "database.password": "secret",
		"database.server.id": "1", "topic.prefix": "myapp", "database.include.list": "mydb",
		"schema.history.internal.kafka.bootstrap.servers": "kafka:9092", "schema.history.internal.kafka.topic": "schema-changes"})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	s, err := newSettings(v)
	if err != nil {
		t.Fatal(err)
	}
	if s.serverID != 1 || s.snapshotMode != modeInitial || s.lockingMode != "minimal" || !s.headers || !s.tombstones || !s.skip['t'] || s.maxBatch != 2048 {
		t.Errorf("%+v", s)
	}
}

func TestDefinition_DefaultsAreGood(t *testing.T) {
	for _, k := range Definition().Keys() {
		if k.Doc == "" || k.Importance == "" {
			t.Errorf("%s has no doc or importance", k.Name)
		}
		if !k.HasDefault || k.Name == keyHistory { // the Kafka history asks for its topic
			continue
		}
		if _, ps := Definition().Parse(minimal(map[string]string{k.Name: k.Default})); len(ps) > 0 && k.Default != "" {
			t.Errorf("%s: its own default is refused: %v", k.Name, ps)
		}
	}
}

func TestDefinition_Problems(t *testing.T) {
	for name, c := range map[string]struct {
		set      map[string]string
		key, has string
	}{
		"no prefix":            {map[string]string{"topic.prefix": ""}, "topic.prefix", "required"},
		"bad prefix":           {map[string]string{"topic.prefix": "a b"}, "topic.prefix", "invalid format"},
		"port is no number":    {map[string]string{"database.port": "x"}, "database.port", "Not a number"},
		"server id 0":          {map[string]string{"database.server.id": "0"}, "database.server.id", "server id"},
		"both table lists":     {map[string]string{"table.include.list": "a", "table.exclude.list": "b"}, "table.exclude.list", "already specified"},
		"bad pattern":          {map[string]string{"table.include.list": "("}, "table.include.list", "regular expression"},
		"unknown mode":         {map[string]string{"snapshot.mode": "sometimes"}, "snapshot.mode", "must be one of"},
		"mode not built":       {map[string]string{"snapshot.mode": "custom"}, "snapshot.mode", "not built"},
		"mode without meaning": {map[string]string{"snapshot.mode": "never"}, "snapshot.mode", "not built"},
		"masking":              {map[string]string{"column.mask.with.5.chars": "a.b.c"}, "column.mask.with.5.chars", "not built"},
		"parallel snapshot":    {map[string]string{"snapshot.max.threads": "4"}, "snapshot.max.threads", "not built"},
		"adaptive time":        {map[string]string{"time.precision.mode": "adaptive"}, "time.precision.mode", "no longer supported"},
		"two tasks":            {map[string]string{"tasks.max": "2"}, "tasks.max", "single connector task"},
		"small queue":          {map[string]string{"max.queue.size": "10"}, "max.queue.size", "larger"},
		"kafka history":        {map[string]string{"schema.history.internal": "io.debezium.storage.kafka.history.KafkaSchemaHistory"}, "schema.history.internal.kafka.topic", "required"},
		"foreign history":      {map[string]string{"schema.history.internal": "io.debezium.storage.redis.history.RedisSchemaHistory"}, "schema.history.internal", "not built"},
		"java key store":       {map[string]string{"database.ssl.truststore": "/etc/ts.jks"}, "database.ssl.truststore", "PEM"},
		"bad operations":       {map[string]string{"skipped.operations": "x"}, "skipped.operations", "invalid operation"},
	} {
		t.Run(name, func(t *testing.T) {
			_, ps := Definition().Parse(minimal(c.set))
			for _, p := range ps {
				if p.Key == c.key && strings.Contains(p.Message, c.has) {
					return
				}
			}
			t.Errorf("problems %v; want one on %s with %q", ps, c.key, c.has)
		})
	}
}

func TestDefinition_WarnsAboutUnknownAndIdleKeys(t *testing.T) {
	v, ps := Definition().Parse(minimal(map[string]string{"datbase.port": "1", "poll.interval.ms": "5"}))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	found := map[string]bool{}
	for _, w := range v.Warnings {
		found[w.Key] = true
	}
	if !found["datbase.port"] || !found["poll.interval.ms"] {
		t.Errorf("warnings %v", v.Warnings)
	}
}

func TestSettings_OldNames(t *testing.T) {
	for old, want := range map[string]string{"schema_only": modeNoData, "schema_only_recovery": modeRecovery} {
		v, ps := Definition().Parse(minimal(map[string]string{"snapshot.mode": old}))
		if len(ps) > 0 {
			t.Fatal(ps)
		}
		if s, err := newSettings(v); err != nil || s.snapshotMode != want {
			t.Errorf("%s: %v %v", old, s, err)
		}
	}
}

func TestSplitStatements(t *testing.T) {
	got := splitStatements(" SET a=1; SET b=';;' ;; ;SELECT 1;")
	if len(got) != 3 || got[1] != "SET b=';' ;" {
		t.Errorf("%q", got)
	}
}

func TestTaskConfigs(t *testing.T) {
	if _, err := TaskConfigs(minimal(nil), 2); err == nil {
		t.Error("two tasks must be an error")
	}
	if c, err := TaskConfigs(minimal(nil), 1); err != nil || len(c) != 1 || c[0]["topic.prefix"] != "app" {
		t.Error(c, err)
	}
}

func TestNew_MariaDBIsRefused(t *testing.T) {
	if _, err := New(minimal(map[string]string{"connector.class": MariaDBClass}), capture.Env{}); err == nil {
		t.Error("MariaDB is not there yet and must say so")
	}
}

func TestRetries(t *testing.T) {
	v, _ := Definition().Parse(minimal(map[string]string{"errors.max.retries": "3"}))
	if n, ms := Retries(v); n != 3 || ms != 10000 {
		t.Error(n, ms)
	}
}

func TestValidate_NamesTheHost(t *testing.T) {
	v, ps := Definition().Parse(minimal(map[string]string{"database.hostname": "127.0.0.1", "database.port": "1", "connection.validation.timeout.ms": "5000"}))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	got := Validate(t.Context(), v)
	if len(got) != 1 || got[0].Key != "database.hostname" || !strings.HasPrefix(got[0].Message, "Unable to connect: ") {
		t.Errorf("%v", got)
	}
	var _ []configs.Problem = got
}
