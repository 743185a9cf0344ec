package daemon

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/testenv"
)

// markers make secrets that can be found again.
type markers struct {
	provided, literal []string
}

func (m *markers) lit() string {
	s := fmt.Sprintf("LITERAL%dMARKER", len(m.literal))
	m.literal = append(m.literal, s)
	return s
}

// find returns the markers in a text.
func (m *markers) find(text string, literals bool) []string {
	var out []string
	for _, s := range m.provided {
		if strings.Contains(text, s) {
			out = append(out, s)
		}
	}
	for _, s := range m.literal {
		if literals && strings.Contains(text, s) {
			out = append(out, s)
		}
	}
	return out
}

// TestSecrets_AreNowhere plants secrets in every place that takes one, also where things go wrong, and
// looks for them in answers, logs, statuses, metrics and the internal topics. What a provider gave
// must be nowhere; a password that a configuration spells out may only be in the configuration itself.
func TestSecrets_AreNowhere(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs a broker")
	}
	k := testenv.Kafka(t)
	mysql := testenv.MySQL(t)
	host, port, _ := strings.Cut(mysql.Addr(), ":")
	dir := t.TempDir()
	m := &markers{}
	var file strings.Builder
	for i := range 24 {
		s := fmt.Sprintf("PROVIDED%dMARKER", i)
		m.provided = append(m.provided, s)
		fmt.Fprintf(&file, "k%d=%s\n", i, s)
	}
	secrets := filepath.Join(dir, "secrets.properties")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secrets, file.String())
	n := -1
	variable := func() string { n++; return fmt.Sprintf("${file:%s:k%d}", secrets, n) }
	prefix := k.TopicPrefix(t)
	rest := freePort(t)
	trust, err := filepath.Abs(stores + "trust.p12")
	if err != nil {
		t.Fatal(err)
	}
	jaas := func(password string) string {
		return `org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"` + password + `\";`
	}
	worker := filepath.Join(dir, "worker.properties")
	write(worker, strings.Join([]string{
		"bootstrap.servers=" + k.Bootstrap(), "group.id=" + prefix,
		"config.storage.topic=" + prefix + "-c", "offset.storage.topic=" + prefix + "-o", "status.storage.topic=" + prefix + "-s",
		"config.storage.replication.factor=1", "offset.storage.replication.factor=1", "status.storage.replication.factor=1",
		"offset.storage.partitions=1", "status.storage.partitions=1",
		"key.converter=" + jsonConverterName, "value.converter=" + jsonConverterName,
		fmt.Sprintf("listeners=http://127.0.0.1:%d", rest),
		"config.providers=file", "config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider",
		// For tasks only: the worker's own clients reach the broker without.
		"consumer.sasl.jaas.config=" + strings.ReplaceAll(jaas(m.lit()), `\`, ``), "producer.ssl.key.password=" + m.lit(),
		"admin.sasl.jaas.config=" + variable(), "no.such.key=" + variable(), "ssl.truststore.password=" + m.lit(), "ssl.truststore.location=" + trust,
	}, "\n")+"\n")
	p := spawn(t, nil, "run", worker)
	base := fmt.Sprintf("http://127.0.0.1:%d", rest)
	waitFor(t, "worker", func() bool {
		select {
		case <-p.done:
			t.Fatalf("the worker has ended: %s", p.out)
		default:
		}
		return healthy(base)
	})

	mysqlWith := func(host, port, password string) string {
		return fmt.Sprintf(`"connector.class":"io.debezium.connector.mysql.MySqlConnector","database.hostname":"%s","database.port":"%s","database.user":"dbz","database.password":"%s",
"database.server.id":"991","topic.prefix":"%s","schema.history.internal.kafka.bootstrap.servers":"%s","schema.history.internal.kafka.topic":"%s-h","connect.timeout.ms":"2000"`,
			host, port, password, prefix, k.Bootstrap(), prefix)
	}
	sinkWith := func(url, password string) string {
		return `"connector.class":"io.confluent.connect.jdbc.JdbcSinkConnector","topics":"` + prefix + `","connection.url":"` + url + `","connection.user":"u","connection.password":"` + password + `"`
	}
	fileWith := func(more string) string {
		return `"connector.class":"FileStreamSource","file":"` + worker + `","topic":"` + prefix + `-t",` + more
	}
	sasl := func(jaas string) string {
		return `"producer.override.security.protocol":"SASL_PLAINTEXT","producer.override.sasl.mechanism":"PLAIN","producer.override.sasl.jaas.config":"` + jaas + `"`
	}
	configs := map[string]string{
		"wrong-password":      mysqlWith(host, port, m.lit()),
		"wrong-provided":      mysqlWith(host, port, variable()),
		"unreachable":         mysqlWith("127.0.0.1", "1", variable()),
		"bad-host":            mysqlWith(variable(), "1", m.lit()),
		"bad-number":          mysqlWith(host, variable(), m.lit()),
		"sink-unreachable":    sinkWith("jdbc:postgresql://127.0.0.1:1/db?sslpassword="+m.lit()+"&password="+m.lit(), m.lit()),
		"sink-bad-url":        sinkWith("jdbc:nosuch://"+variable()+":"+variable()+"/x?password="+m.lit(), m.lit()),
		"sink-userinfo":       sinkWith("jdbc:mysql://root:"+m.lit()+"@127.0.0.1:1/%zz", variable()),
		"sasl-to-plain":       fileWith(sasl(jaas(m.lit()))),
		"sasl-provided":       fileWith(sasl(variable())),
		"sasl-bad":            fileWith(sasl(`a.B required password=` + m.lit() + `!x;`)),
		"sasl-inner-variable": fileWith(sasl(jaas(variable()))),
		"store-password": fileWith(`"producer.override.security.protocol":"SSL","producer.override.ssl.truststore.type":"PKCS12","producer.override.ssl.truststore.location":"` + trust +
			`","producer.override.ssl.truststore.password":"` + m.lit() + `"`),
		"store-inline": fileWith(`"producer.override.security.protocol":"SSL","producer.override.ssl.keystore.type":"PEM","producer.override.ssl.keystore.key":"` + m.lit() + `","producer.override.ssl.keystore.certificate.chain":"` + variable() + `"`),
		"oauth": fileWith(`"producer.override.security.protocol":"SASL_PLAINTEXT","producer.override.sasl.mechanism":"OAUTHBEARER","producer.override.sasl.oauthbearer.token.endpoint.url":"http://127.0.0.1:1/` + variable() + `",
"producer.override.sasl.oauthbearer.client.credentials.client.id":"a","producer.override.sasl.oauthbearer.client.credentials.client.secret":"` + m.lit() + `","producer.override.sasl.jaas.config":"org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"`),
		"unknown-key":   fileWith(`"my.password":"` + variable() + `","tasks.max":"` + variable() + `"`),
		"unknown-class": `"connector.class":"` + variable() + `"`,
		"no-class":      `"database.password":"` + m.lit() + `"`,
		"plain":         fileWith(`"batch.size":"` + variable() + `"`),
		"transform":     fileWith(`"transforms":"a","transforms.a.type":"org.apache.kafka.connect.transforms.RegexRouter","transforms.a.regex":"(` + variable() + `","transforms.a.replacement":"x"`),
	}
	if n >= len(m.provided) {
		t.Fatalf("%d variables are used", n+1)
	}
	seen := map[string]int{}
	check := func(where, text string, literals bool) {
		t.Helper()
		if found := m.find(text, literals); found != nil {
			t.Errorf("%s shows %v:\n%.1500s", where, found, text)
		}
	}
	for _, name := range sortedKeys(configs) {
		body := "{" + configs[name] + "}"
		class := "FileStreamSource"
		for _, c := range []string{"MySqlConnector", "JdbcSinkConnector"} {
			if strings.Contains(body, "."+c) {
				class = c
			}
		}
		code, text := get(t, "PUT", base+"/connector-plugins/"+class+"/config/validate", `{"name":"`+name+`",`+body[1:])
		seen[fmt.Sprint("validate ", code)]++
		// Values of keys that are no passwords are shown, as they were sent.
		check(name+": validate", text, !strings.HasPrefix(name, "sink-") && name != "sasl-bad" && !strings.Contains(name, "inline"))
		code, text = get(t, "PUT", base+"/connectors/"+url.PathEscape(name)+"/config", body)
		seen[fmt.Sprint("create ", code)]++
		t.Logf("%s: %d", name, code)
		check(name+": create", text, code >= 300 && name != "no-class")
	}
	for _, name := range []string{"sasl-to-plain", "sasl-inner-variable", "oauth"} {
		waitFor(t, "a status of "+name, func() bool {
			code, text := get(t, "GET", base+"/connectors/"+name+"/status", "")
			return code == http.StatusOK && (name != "oauth" || strings.Contains(text, `"trace"`))
		})
	}
	for _, path := range []string{"/connectors?expand=status", "/admin/loggers", "/metrics", "/connector-plugins"} {
		_, text := get(t, "GET", base+path, "")
		check(path, text, true)
	}
	for _, path := range []string{"/connectors?expand=info", "/connectors/plain/config", "/connectors/plain/tasks", "/connectors/sasl-provided"} {
		_, text := get(t, "GET", base+path, "")
		check(path, text, false)
	}
	get(t, "POST", base+"/connectors/sasl-to-plain/restart?includeTasks=true", "")
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.exit(t)
	check("log", p.out.String(), true)
	for topic, literals := range map[string]bool{"-c": false, "-o": true, "-s": true} {
		for _, r := range k.ReadAll(t, prefix+topic) {
			check("topic "+topic, string(r.Key)+string(r.Value), literals)
		}
	}
	t.Log(seen)
	if seen["create 201"] < 3 || seen["create 400"] < 5 {
		t.Errorf("the cases no longer cover both ways: %v", seen)
	}
}

func healthy(base string) bool {
	res, err := http.Get(base + "/health")
	if err != nil {
		return false
	}
	_ = res.Body.Close() // the status is enough
	return res.StatusCode == http.StatusOK
}
