package kafkaprops_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/configs/keystore"
	"github.com/anabranch/anabranch/testenv"
)

const (
	security     = "org.apache.kafka.common.security."
	clientSecret = "endpoint-secret"
)

// issuer is an OAuth server: a token endpoint and the keys that brokers verify tokens with.
type issuer struct {
	*httptest.Server
	key    *rsa.PrivateKey
	tokens atomic.Int64
	scopes atomic.Value
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		enc := base64.RawURLEncoding
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","alg":"RS256","use":"sig","kid":"k","n":%q,"e":%q}]}`,
			enc.EncodeToString(key.N.Bytes()), enc.EncodeToString(big.NewInt(int64(key.E)).Bytes()))
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, ok := r.BasicAuth()
		if !ok || id != "app" || secret != clientSecret || r.FormValue("grant_type") != "client_credentials" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":"invalid_client","error_description":"not %s"}`, secret)
			return
		}
		i.tokens.Add(1)
		i.scopes.Store(r.FormValue("scope"))
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":3600}`, i.token())
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token() string {
	enc := base64.RawURLEncoding
	claims, _ := json.Marshal(map[string]any{"sub": "app", "aud": "kafka", "scope": []string{"all"}, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()})
	text := enc.EncodeToString([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + enc.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + enc.EncodeToString(sig)
}

// pemKey writes the client's key as PEM, and with its chain into one file.
func pemKey(t *testing.T, k *testenv.SecureKafka) (key, chain string, file string) {
	t.Helper()
	data, err := os.ReadFile(k.File("client.p12"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := keystore.Read(data, keystore.Passwords{Store: testenv.StorePassword, HasStore: true}, true)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(s.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	crt, err := os.ReadFile(k.File("client.crt"))
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "client.pem")
	if err := os.WriteFile(file, append([]byte(key), crt...), 0o600); err != nil {
		t.Fatal(err)
	}
	return key, string(crt), file
}

// roundTrip lists topics as an admin, writes a record as a producer and reads it as a consumer.
func roundTrip(t *testing.T, props map[string]string, topic string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	open := func(s *kafkaprops.Settings, opts ...kgo.Opt) (*kgo.Client, error) {
		if len(s.Problems) > 0 {
			return nil, s.Problems
		}
		return kgo.NewClient(append(append([]kgo.Opt{kgo.RequestRetries(2), kgo.RetryTimeout(5 * time.Second)}, s.Opts...), opts...)...)
	}
	admin, err := open(kafkaprops.Client(props))
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := admin.Ping(ctx); err != nil {
		return err
	}
	if _, err := kadm.NewClient(admin).CreateTopic(ctx, 1, 1, nil, topic); err != nil {
		return err
	}
	producer, err := open(kafkaprops.Producer(props))
	if err != nil {
		return err
	}
	defer producer.Close()
	if err := producer.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("hello")}).FirstErr(); err != nil {
		return err
	}
	s := kafkaprops.Consumer(kafkaprops.Merge(props, map[string]string{"group.id": topic}))
	consumer, err := open(s, append(s.GroupOpts(), kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic))...)
	if err != nil {
		return err
	}
	defer consumer.Close()
	fetches := consumer.PollRecords(ctx, 1)
	if err := fetches.Err(); err != nil {
		return err
	}
	if n := fetches.NumRecords(); n != 1 {
		return fmt.Errorf("%d records", n)
	}
	return nil
}

// TestSecurity_AgainstABroker runs the clients against Kafka's own listeners, with stores that
// the JDK's keytool made.
func TestSecurity_AgainstABroker(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a broker")
	}
	oauth := newIssuer(t)
	k := testenv.NewSecureKafka(t, testenv.SecureOptions{JWKS: oauth.URL + "/jwks"})
	key, chain, pemFile := pemKey(t, k)
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(oauth.token()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	trust := map[string]string{"ssl.truststore.location": k.File("trust.p12"), "ssl.truststore.type": "PKCS12", "ssl.truststore.password": testenv.StorePassword}
	on := func(listener, protocol string, more ...map[string]string) map[string]string {
		return kafkaprops.Merge(append([]map[string]string{{"bootstrap.servers": k.Listener(listener), "security.protocol": protocol}}, more...)...)
	}
	login := func(mechanism, module, options string) map[string]string {
		return map[string]string{"sasl.mechanism": mechanism, "sasl.jaas.config": security + module + " required " + options + ";"}
	}
	user := func(mechanism, module, password string) map[string]string {
		return login(mechanism, module, `username="`+testenv.SecureUser+`" password="`+password+`"`)
	}
	const scram, plain, bearer = "scram.ScramLoginModule", "plain.PlainLoginModule", "oauthbearer.OAuthBearerLoginModule"
	endpoint := map[string]string{"sasl.oauthbearer.token.endpoint.url": oauth.URL + "/token",
		"sasl.login.callback.handler.class": security + "oauthbearer.OAuthBearerLoginCallbackHandler"}
	for _, c := range []struct {
		name  string
		props map[string]string
		fails string // part of the error
	}{
		{"TLS, PKCS12", on("mtls", "SSL", trust, map[string]string{"ssl.keystore.location": k.File("client.p12"), "ssl.keystore.type": "PKCS12",
			"ssl.keystore.password": testenv.StorePassword, "ssl.key.password": testenv.StorePassword}), ""},
		{"TLS, JKS", on("mtls", "SSL", map[string]string{"ssl.truststore.location": k.File("trust.jks"), "ssl.keystore.location": k.File("client.jks"),
			"ssl.keystore.password": testenv.StorePassword, "ssl.key.password": testenv.KeyPassword}), ""},
		{"TLS 1.2, PEM files", on("mtls", "SSL", map[string]string{"ssl.truststore.location": k.File("ca.pem"), "ssl.truststore.type": "PEM",
			"ssl.keystore.location": pemFile, "ssl.keystore.type": "PEM", "ssl.protocol": "TLSv1.2", "ssl.enabled.protocols": "TLSv1.2",
			"ssl.cipher.suites": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}), ""},
		{"TLS, inline PEM", on("mtls", "SSL", map[string]string{"ssl.truststore.certificates": text(t, k.File("ca.pem")), "ssl.truststore.type": "PEM",
			"ssl.keystore.key": key, "ssl.keystore.certificate.chain": chain, "ssl.keystore.type": "PEM"}), ""},
		{"TLS without the client's key", on("mtls", "SSL", trust), "certificate"},
		{"TLS without the authority", on("sasl", "SASL_SSL", user("PLAIN", plain, testenv.SecurePassword)), "unknown authority"},
		{"PLAIN", on("sasl", "SASL_SSL", trust, user("PLAIN", plain, testenv.SecurePassword)), ""},
		{"PLAIN, wrong password", on("sasl", "SASL_SSL", trust, user("PLAIN", plain, "wrong-secret")), "SASL_AUTHENTICATION_FAILED"},
		{"SCRAM-SHA-256", on("sasl", "SASL_SSL", trust, user("SCRAM-SHA-256", scram, testenv.SecurePassword)), ""},
		{"SCRAM-SHA-512", on("sasl", "SASL_SSL", trust, user("SCRAM-SHA-512", scram, testenv.SecurePassword)), ""},
		{"SCRAM, wrong password", on("sasl", "SASL_SSL", trust, user("SCRAM-SHA-512", scram, "wrong-secret")), "SASL_AUTHENTICATION_FAILED"},
		{"unsecured OAUTHBEARER", on("sasl", "SASL_SSL", trust, login("OAUTHBEARER", bearer, `unsecuredLoginStringClaim_sub="alice" unsecuredLoginListClaim_scope=",a,b" unsecuredLoginNumberClaim_n="1"`)), ""},
		{"client credentials in the login module", on("oauth", "SASL_SSL", trust, endpoint, login("OAUTHBEARER", bearer, `clientId="app" clientSecret="`+clientSecret+`" scope="all of it"`)), ""},
		{"client credentials in keys", on("oauth", "SASL_SSL", trust, endpoint, login("OAUTHBEARER", bearer, ""),
			map[string]string{"sasl.oauthbearer.client.credentials.client.id": "app", "sasl.oauthbearer.client.credentials.client.secret": clientSecret}), ""},
		{"token in a file", on("oauth", "SASL_SSL", trust, login("OAUTHBEARER", bearer, ""), map[string]string{"sasl.oauthbearer.token.endpoint.url": "file://" + tokenFile}), ""},
		{"wrong client secret", on("oauth", "SASL_SSL", trust, endpoint, login("OAUTHBEARER", bearer, `clientId="app" clientSecret="wrong-secret"`)), "answered 401: invalid_client"},
		{"plain text to a TLS port", on("sasl", "SASL_PLAINTEXT", user("PLAIN", plain, testenv.SecurePassword)), "TLS"},
		{"wrong store password", on("sasl", "SASL_SSL", user("PLAIN", plain, testenv.SecurePassword), trust, map[string]string{"ssl.truststore.password": "wrong-secret"}), "keystore password was incorrect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := roundTrip(t, c.props, k.TopicPrefix(t))
			switch {
			case c.fails == "" && err != nil:
				t.Error(err)
			case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
				t.Errorf("%v, want %s", err, c.fails)
			}
			if err != nil && strings.Contains(err.Error(), "-secret") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		// Three clients in each of two cases, and each asks once.
		if n := oauth.tokens.Load(); n != 6 {
			t.Errorf("%d tokens were asked for, want 6", n)
		}
	})
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
