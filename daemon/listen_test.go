package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/keystore"
	"github.com/anabranch/anabranch/daemon/rest"
)

const stores = "../configs/keystore/testdata/"

func workerOf(t *testing.T, more map[string]string) *configs.Worker {
	t.Helper()
	raw := map[string]string{"bootstrap.servers": "127.0.0.1:1", "key.converter": jsonConverterName, "value.converter": jsonConverterName, "offset.storage.file.filename": "/none"}
	w, err := configs.NewWorker(configs.Standalone, configs.Overlay(raw, more))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// open serves the routes of a worker that has no herder.
func open(t *testing.T, w *configs.Worker, routes rest.Options) *front {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	f, err := listen(w, "", log)
	if err != nil {
		t.Fatal(err)
	}
	servers, err := f.servers(w, routes, log)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	n := 0
	for _, s := range servers {
		for _, l := range s.listeners {
			n++
			go func() { done <- s.Serve(l) }()
		}
	}
	t.Cleanup(func() {
		for _, s := range servers {
			_ = s.Close()
		}
		for range n {
			<-done
		}
	})
	return f
}

func clientWith(t *testing.T, withKey bool) *http.Client {
	t.Helper()
	data, err := os.ReadFile(stores + "key.p12")
	if err != nil {
		t.Fatal(err)
	}
	s, err := keystore.Read(data, keystore.Passwords{Store: "storepw", HasStore: true}, true)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := s.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{RootCAs: x509.NewCertPool()}
	cfg.RootCAs.AddCert(s.Keys[0].Chain[0])
	if withKey {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}}
}

func TestListen_HTTPSWithClientKeys(t *testing.T) {
	p12 := map[string]string{"ssl.keystore.location": stores + "key.p12", "ssl.keystore.type": "PKCS12", "ssl.keystore.password": "storepw",
		"ssl.truststore.location": stores + "trust.jks", "ssl.truststore.password": "storepw"}
	for _, c := range []struct {
		name          string
		keys          map[string]string
		without, with bool
	}{
		{"none", map[string]string{}, true, true},
		{"requested", map[string]string{"ssl.client.auth": "requested"}, true, true},
		{"required", map[string]string{"ssl.client.auth": "required"}, false, true},
		// Any key with the prefix makes the bare ones not count at all.
		{"prefix wins as a whole", map[string]string{"ssl.client.auth": "required", "listeners.https.ssl.keystore.location": stores + "key.p12",
			"listeners.https.ssl.keystore.password": "storepw"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := workerOf(t, configs.Overlay(p12, c.keys, map[string]string{"listeners": "https://127.0.0.1:0,http://127.0.0.1:0"}))
			f := open(t, w, rest.Options{})
			for withKey, ok := range map[bool]bool{false: c.without, true: c.with} {
				res, err := clientWith(t, withKey).Get("https://" + f.main[0].Addr().String() + "/nope")
				if (err == nil) != ok {
					t.Errorf("client with a key %v: %v", withKey, err)
				}
				if err == nil {
					_ = res.Body.Close()
				}
			}
			if got := advertised(w, f.main); got != "http://"+f.main[1].Addr().String()+"/" {
				t.Errorf("advertised %s", got)
			}
			// The client for other workers has the same settings.
			client, err := workerClient(w)
			if err != nil {
				t.Fatal(err)
			}
			if c.name == "required" {
				res, err := client.Get("https://" + f.main[0].Addr().String() + "/nope")
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
			}
		})
	}
}

func TestListen_RefusesHTTPSWithoutAKey(t *testing.T) {
	for _, c := range []struct {
		keys map[string]string
		want string
	}{
		{map[string]string{}, "ssl.keystore.location: a listener with https needs a key"},
		{map[string]string{"ssl.keystore.location": stores + "key.jks", "ssl.keystore.password": "wrongpw"}, "keystore password was incorrect"},
		{map[string]string{"listeners.https.ssl.keystore.location": "/none"}, "listeners.https: Invalid configuration ssl.keystore.location: open /none"},
	} {
		_, err := listen(workerOf(t, configs.Overlay(c.keys, map[string]string{"listeners": "https://127.0.0.1:0"})), "", slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wrongpw") {
			t.Errorf("%v: %v", c.keys, err)
		}
	}
}

type oneLogger struct{}

func (oneLogger) Levels() []rest.LoggerLevel {
	return []rest.LoggerLevel{{Name: "root", Level: "INFO"}}
}
func (oneLogger) Known(string) bool                   { return true }
func (oneLogger) Set(string, string) ([]string, bool) { return nil, false }

func TestListen_AdminListeners(t *testing.T) {
	get := func(url string) int {
		t.Helper()
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	nobody := func(string, string, bool) bool { return false }
	routes := rest.Options{Loggers: oneLogger{}, Authenticate: nobody}
	f := open(t, workerOf(t, map[string]string{"listeners": "http://127.0.0.1:0", "admin.listeners": "http://127.0.0.1:0"}), routes)
	main, admin := "http://"+f.main[0].Addr().String(), "http://"+f.admin[0].Addr().String()
	for url, code := range map[string]int{main + "/admin/loggers": 404, admin + "/admin/loggers": 200, admin + "/connectors": 404, main + "/connectors": 401} {
		if got := get(url); got != code {
			t.Errorf("%s: %d, want %d", url, got, code)
		}
	}
	f = open(t, workerOf(t, map[string]string{"listeners": "http://127.0.0.1:0"}), rest.Options{Loggers: oneLogger{}})
	if got := get("http://" + f.main[0].Addr().String() + "/admin/loggers"); got != 200 {
		t.Errorf("without the key: %d", got)
	}
}

func TestAdvertised(t *testing.T) {
	listeners := "https://127.0.0.1:0,http://localhost:0,http://127.0.0.1:0"
	keys := map[string]string{"ssl.keystore.location": stores + "key.p12", "ssl.keystore.password": "storepw", "listeners": listeners}
	f, err := listen(workerOf(t, keys), "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	port := func(i int) string { _, p, _ := strings.Cut(f.main[i].Addr().String(), ":"); return p }
	for _, c := range []struct {
		more map[string]string
		want string
	}{
		{nil, "http://localhost:" + port(1) + "/"},
		{map[string]string{"rest.advertised.listener": "HTTPS"}, "https://127.0.0.1:" + port(0) + "/"},
		{map[string]string{"rest.advertised.host.name": "w1.example", "rest.advertised.port": "99"}, "http://w1.example:99/"},
		{map[string]string{"rest.advertised.host.name": "::1"}, "http://[::1]:" + port(1) + "/"},
	} {
		if got := advertised(workerOf(t, configs.Overlay(keys, c.more)), f.main); got != c.want {
			t.Errorf("%v: %s, want %s", c.more, got, c.want)
		}
	}
	if got := workerID("http://[::1]:99/"); got != "[::1]:99" {
		t.Error(got)
	}
}

func TestLogins(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	users := write("users", "alice=al:ice\nb\\u00f6b=p\\u00e4ss\n")
	file := write("login", `KafkaConnect { org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required file="`+users+`"; };
KafkaClient { org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p"; };`)
	basic := map[string]string{"rest.extension.classes": configs.BasicAuthExtension}
	t.Setenv("KAFKA_OPTS", "-Xmx1g -Djava.security.auth.login.config="+file)
	w := workerOf(t, configs.Overlay(basic, map[string]string{"security.protocol": "SASL_SSL", "producer.security.protocol": "SASL_SSL", "producer.sasl.jaas.config": "own"}))
	logins, err := readLogins(w)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := authenticator(w, logins)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user, password string
		sent, ok       bool
	}{{"alice", "al:ice", true, true}, {"böb", "päss", true, true}, {"alice", "", true, false}, {"", "", false, false}, {"carol", "x", true, false}} {
		if auth(c.user, c.password, c.sent) != c.ok {
			t.Errorf("%+v", c)
		}
	}
	addClientLogin(w, logins)
	if !strings.Contains(w.Raw["sasl.jaas.config"], `username="u"`) || w.Raw["producer.sasl.jaas.config"] != "own" || w.Raw["consumer.sasl.jaas.config"] != "" {
		t.Errorf("logins went to the wrong clients")
	}
	t.Setenv("KAFKA_OPTS", "")
	for _, c := range []struct{ text, want string }{
		{"", "the basic auth extension needs the entry KafkaConnect"},
		{"KafkaConnect { a.LdapLoginModule required; };", "Java classes cannot be loaded"},
		{"KafkaConnect { a.PropertyFileLoginModule required; };", "Property Credentials file must be specified"},
		{"KafkaConnect { a.PropertyFileLoginModule required file=\"/none\"; };", "/none"},
		{"KafkaConnect {", "a } is missing"},
	} {
		w := workerOf(t, configs.Overlay(basic, map[string]string{"java.security.auth.login.config": write("bad", c.text)}))
		logins, err := readLogins(w)
		if err == nil {
			_, err = authenticator(w, logins)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
	w = workerOf(t, configs.Overlay(basic, map[string]string{"java.security.auth.login.config": write("e",
		`KafkaConnect { a.PropertyFileLoginModule required file="`+write("empty", "# nobody\n")+`"; };`)}))
	if logins, err = readLogins(w); err != nil {
		t.Fatal(err)
	}
	if auth, err = authenticator(w, logins); err != nil || !auth("", "", false) {
		t.Errorf("an empty file keeps people out: %v", err)
	}
}
