package jdbc

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/deliver"
)

func TestDefinition_Problems(t *testing.T) {
	pg := "jdbc:postgresql://h/db"
	for _, c := range []struct {
		name  string
		class string
		kv    []string
		keys  []string // that have a problem
		says  string
	}{
		{"url missing", ConfluentClass, nil, []string{"connection.url"}, "Missing required"},
		{"url of no kind", ConfluentClass, []string{"connection.url", "http://x"}, []string{"connection.url"}, "JDBC URL"},
		{"deletes without key", ConfluentClass, []string{"connection.url", pg, "delete.enabled", "true"}, []string{"delete.enabled", "pk.mode"}, "record_key"},
		{"upsert without key", ConfluentClass, []string{"connection.url", pg, "insert.mode", "upsert"}, []string{"insert.mode"}, "pk.mode"},
		{"kafka with two names", ConfluentClass, []string{"connection.url", pg, "pk.mode", "kafka", "pk.fields", "a,b"}, []string{"pk.fields"}, "three"},
		{"unknown mode", ConfluentClass, []string{"connection.url", pg, "insert.mode", "merge"}, []string{"insert.mode"}, "insert, upsert, update"},
		{"unknown zone", ConfluentClass, []string{"connection.url", pg, "db.timezone", "Mars"}, []string{"db.timezone"}, "unknown time zone"},
		{"credentials class", ConfluentClass, []string{"connection.url", pg, "jdbc.credentials.provider.class", "com.x.Y"}, []string{"jdbc.credentials.provider.class"}, "cannot run here"},
		{"oracle dialect", ConfluentClass, []string{"connection.url", pg, "dialect.name", "OracleDatabaseDialect"}, []string{"dialect.name"}, "not built"},
		{"dialect of another database", ConfluentClass, []string{"connection.url", pg, "dialect.name", "MySqlDatabaseDialect"}, []string{"dialect.name"}, "another database"},
		{"negative batch", ConfluentClass, []string{"connection.url", pg, "batch.size", "-1"}, []string{"batch.size"}, "at least 0"},
		{"placeholder", ConfluentClass, []string{"connection.url", pg, "table.name.format", "${table}"}, []string{"table.name.format"}, "placeholder"},
		{"upsert without mode", DebeziumClass, []string{"connection.url", pg, "connection.username", "u", "insert.mode", "upsert"}, []string{"insert.mode"}, "primary.key.mode"},
		{"user missing", DebeziumClass, []string{"connection.url", pg}, []string{"connection.username"}, "Missing required"},
		{"both filters", DebeziumClass, []string{"connection.url", pg, "connection.username", "u", "field.include.list", "a", "field.exclude.list", "b"}, []string{"field.exclude.list"}, "either"},
		{"validate-only", DebeziumClass, []string{"connection.url", pg, "connection.username", "u", "schema.evolution", "validate-only"}, []string{"schema.evolution"}, "not built"},
		{"naming class", DebeziumClass, []string{"connection.url", pg, "connection.username", "u", "collection.naming.strategy", "com.x.Y"}, []string{"collection.naming.strategy"}, "cannot run here"},
		{"sql server", DebeziumClass, []string{"connection.url", "jdbc:sqlserver://h", "connection.username", "u"}, []string{"connection.url"}, "not supported here yet"},
		{"good", DebeziumClass, []string{"connection.url", pg, "connection.username", "u", "insert.mode", "upsert", "primary.key.mode", "record_key", "delete.enabled", "true",
			"table.name.format", "x_${topic}", "hibernate.c3p0.idle_test_period", "1", "use.reduction.buffer", "true"}, nil, ""},
		{"good sqlite", DebeziumClass, []string{"connection.url", "jdbc:sqlite:x"}, nil, ""},
	} {
		raw := map[string]string{}
		for i := 0; i < len(c.kv); i += 2 {
			raw[c.kv[i]] = c.kv[i+1]
		}
		_, ps := Definition(c.class).Parse(raw)
		var keys []string
		for _, p := range ps {
			keys = append(keys, p.Key)
		}
		if strings.Join(keys, " ") != strings.Join(c.keys, " ") || !strings.Contains(ps.Error(), c.says) {
			t.Errorf("%s: problems on %v: %v; want on %v saying %q", c.name, keys, ps, c.keys, c.says)
		}
	}
	if Definition("x.Y") != nil {
		t.Error("a definition for an unknown class")
	}
}

func TestDefinition_AliasOfTableFormat(t *testing.T) {
	v := conf(t, DebeziumClass, "connection.url", "jdbc:sqlite:x", "table.name.format", "a_${topic}")
	c, err := parseConfig(DebeziumClass, v)
	if err != nil || c.tableFormat != "a_${topic}" {
		t.Errorf("%v, %v", c, err)
	}
}

func TestValidate_OpensAConnection(t *testing.T) {
	ctx := context.Background()
	onBoth(t, func(t *testing.T, s *server, class string) {
		if ps := Validate(ctx, class, conf(t, class, s.settings(class)...)); len(ps) != 0 {
			t.Errorf("good configuration: %v", ps)
		}
		if s.name == "sqlite" {
			return
		}
		kv := s.settings(class, "connection.password", "a-wrong-secret")
		ps := Validate(ctx, class, conf(t, class, kv...))
		if s.name == "mysql" && (len(ps) != 3 || ps[0].Key != "connection.url" || ps[2].Key != "connection.password") {
			t.Errorf("wrong password: %v", ps)
		}
		for _, p := range ps {
			if strings.Contains(p.Message, "a-wrong-secret") {
				t.Errorf("shows the password: %s", p.Message)
			}
		}
		kv = s.settings(class, "connection.url", strings.Replace(s.url, s.url[strings.LastIndex(s.url, ":"):], ":1/x", 1))
		ps = Validate(ctx, class, conf(t, class, kv...))
		if len(ps) != 1 || ps[0].Key != "connection.url" || !strings.Contains(ps[0].Message, "refused") {
			t.Errorf("nobody listens: %v", ps)
		}
	})
	ps := Validate(ctx, ConfluentClass, conf(t, ConfluentClass, "connection.url", "jdbc:sqlite:/no/such/dir/x.db"))
	if len(ps) != 1 || !strings.Contains(ps[0].Message, "check the path") {
		t.Errorf("no directory: %v", ps)
	}
}

func TestOpen_TriesAgain(t *testing.T) {
	s, err := New(conf(t, ConfluentClass, "connection.url", "jdbc:postgresql://127.0.0.1:1/x", "connection.attempts", "2", "connection.backoff.ms", "1"), ConfluentClass, deliver.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = s.Open(ctx)
	if err == nil || !deliver.Retriable(err) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
}

func TestConfig_DriverProperties(t *testing.T) {
	c, err := parseConfig(ConfluentClass, conf(t, ConfluentClass, "connection.url", "jdbc:postgresql://h/db", "connection.sslmode", "disable", "connection.currentSchema", "dwh"))
	if err != nil {
		t.Fatal(err)
	}
	pc, err := pgConfig(c, quiet{})
	if err != nil || pc.TLSConfig != nil || pc.RuntimeParams["search_path"] != "dwh" {
		t.Errorf("%+v, %v", pc, err)
	}
}
