package kafkaprops

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/anabranch/anabranch/configs"
)

const (
	oauthMechanism = "OAUTHBEARER"
	tokenEndpoint  = "sasl.oauthbearer.token.endpoint.url"
	jwtRetriever   = "sasl.oauthbearer.jwt.retriever.class"
	oauthPackage   = "org.apache.kafka.common.security.oauthbearer."

	tokenWithin   = 10 * time.Second // connect, and read, when the keys do not say
	tokenTries    = 10 * time.Second // how long one login tries before the connection fails
	maxTokenBytes = 1 << 20
)

// oauthHandlers are Kafka's callback handlers that ask an endpoint, under their old and new names.
var oauthHandlers = map[string]bool{
	oauthPackage + "OAuthBearerLoginCallbackHandler":         true,
	oauthPackage + "secured.OAuthBearerLoginCallbackHandler": true,
}

func oauthKeys() []configs.Key {
	str, long, num := configs.StringType, configs.LongType, configs.IntType
	keys := []configs.Key{
		optional(tokenEndpoint, str), optional("sasl.oauthbearer.scope", str),
		optional("sasl.oauthbearer.client.credentials.client.id", str), optional("sasl.oauthbearer.client.credentials.client.secret", configs.PasswordType),
		key("sasl.oauthbearer.header.urlencode", configs.BooleanType, "false"),
		{Name: jwtRetriever, Type: configs.ClassType, Default: oauthPackage + "DefaultJwtRetriever", HasDefault: true,
			Refuse: configs.RefuseExcept("only the Default, ClientCredentials and File JwtRetriever of Kafka are built in",
				oauthPackage+"DefaultJwtRetriever", oauthPackage+"ClientCredentialsJwtRetriever", oauthPackage+"FileJwtRetriever")},
		optional("sasl.login.connect.timeout.ms", num), optional("sasl.login.read.timeout.ms", num),
		key("sasl.login.retry.backoff.ms", long, "100"), key("sasl.login.retry.backoff.max.ms", long, "10000"),
		{Name: "sasl.login.refresh.window.factor", Type: configs.DoubleType, Default: "0.8", HasDefault: true, Check: configs.BetweenFloats(0.5, 1)},
		{Name: "sasl.login.refresh.window.jitter", Type: configs.DoubleType, Default: "0.05", HasDefault: true, Check: configs.BetweenFloats(0, 0.25)},
		{Name: "sasl.login.refresh.min.period.seconds", Type: configs.ShortType, Default: "60", HasDefault: true, Check: configs.Between(0, 900)},
		{Name: "sasl.login.refresh.buffer.seconds", Type: configs.ShortType, Default: "300", HasDefault: true, Check: configs.Between(0, 3600)},
	}
	ofBroker := "the broker judges the token"
	for _, k := range []configs.Key{
		key("sasl.oauthbearer.clock.skew.seconds", num, "30"), key("sasl.oauthbearer.expected.audience", configs.ListType, ""),
		optional("sasl.oauthbearer.expected.issuer", str), optional("sasl.oauthbearer.jwks.endpoint.url", str),
		key("sasl.oauthbearer.jwks.endpoint.refresh.ms", long, "3600000"), key("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", long, "100"),
		key("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", long, "10000"),
		key("sasl.oauthbearer.scope.claim.name", str, "scope"), key("sasl.oauthbearer.sub.claim.name", str, "sub"),
		key("sasl.oauthbearer.jwt.validator.class", configs.ClassType, oauthPackage+"DefaultJwtValidator"),
	} {
		k.NoEffect = ofBroker
		keys = append(keys, k)
	}
	noAssertion := "assertions (the jwt-bearer grant) are not supported; use the client credentials grant"
	for _, k := range []configs.Key{
		{Name: "sasl.oauthbearer.assertion.algorithm", Type: str, Default: "RS256", HasDefault: true, Check: configs.AnyCaseWords("ES256", "RS256")},
		optional("sasl.oauthbearer.assertion.claim.aud", str), optional("sasl.oauthbearer.assertion.claim.iss", str), optional("sasl.oauthbearer.assertion.claim.sub", str),
		{Name: "sasl.oauthbearer.assertion.claim.exp.seconds", Type: num, Default: "300", HasDefault: true, Check: configs.Between(0, 86400)},
		{Name: "sasl.oauthbearer.assertion.claim.nbf.seconds", Type: num, Default: "60", HasDefault: true, Check: configs.Between(0, 3600)},
		key("sasl.oauthbearer.assertion.claim.jti.include", configs.BooleanType, "false"),
		optional("sasl.oauthbearer.assertion.file", str), optional("sasl.oauthbearer.assertion.private.key.file", str),
		optional("sasl.oauthbearer.assertion.private.key.passphrase", configs.PasswordType), optional("sasl.oauthbearer.assertion.template.file", str),
	} {
		k.Refuse = configs.RefuseAny(noAssertion)
		keys = append(keys, k)
	}
	return keys
}

// oauth makes the mechanism: a token from an endpoint or a file, or one without a signature
// that says what the options of the login module say, which is Java's default.
func (s *Settings) oauth(v *configs.Values, l LoginModule) sasl.Mechanism {
	extensions := map[string]string{}
	endpoint := v.Str(tokenEndpoint)
	if !oauthHandlers[v.Str(loginHandler)] && endpoint == "" {
		for name, value := range l.Options {
			if e, ok := strings.CutPrefix(name, "unsecuredLoginExtension_"); ok {
				extensions[e] = value
			}
		}
		if _, err := unsecuredToken(l.Options, time.Now()); err != nil {
			s.problem(SASLJAASConfig, err.Error())
			return nil
		}
		return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
			token, err := unsecuredToken(l.Options, time.Now())
			return oauth.Auth{Token: token, Extensions: extensions}, err
		})
	}
	for name, value := range l.Options {
		if e, ok := strings.CutPrefix(name, "extension_"); ok {
			extensions[e] = value
		}
	}
	u, err := url.Parse(endpoint)
	switch {
	case endpoint == "":
		s.problem(tokenEndpoint, "it is needed for "+v.Str(loginHandler))
		return nil
	case err != nil || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "file":
		s.problem(tokenEndpoint, "it must be a URL with https, http or file")
		return nil
	case u.User != nil:
		s.problem(tokenEndpoint, "put the credentials into sasl.oauthbearer.client.credentials.client.id and .secret")
		return nil
	}
	t := &tokenSource{now: time.Now, extensions: extensions,
		factor: v.Get("sasl.login.refresh.window.factor").(float64), jitter: v.Get("sasl.login.refresh.window.jitter").(float64),
		minPeriod: time.Duration(v.Int("sasl.login.refresh.min.period.seconds")) * time.Second,
		buffer:    time.Duration(v.Int("sasl.login.refresh.buffer.seconds")) * time.Second,
		backoff:   backoff(v.Millis("sasl.login.retry.backoff.ms"), v.Millis("sasl.login.retry.backoff.max.ms"))}
	if u.Scheme == "file" {
		t.fetch = func(context.Context) (string, error) { return fileToken(u.Path) }
		return oauth.Oauth(t.auth)
	}
	ask := &clientCredentials{endpoint: endpoint, encode: v.Bool("sasl.oauthbearer.header.urlencode"),
		id: orOption(v.Str("sasl.oauthbearer.client.credentials.client.id"), l, "clientId"), scope: orOption(v.Str("sasl.oauthbearer.scope"), l, "scope"),
		secret: orOption(v.Secret("sasl.oauthbearer.client.credentials.client.secret").Reveal(), l, "clientSecret")}
	if ask.id == "" || ask.secret == "" {
		s.problem(SASLJAASConfig, "the client credentials grant needs sasl.oauthbearer.client.credentials.client.id and .secret, or the options clientId and clientSecret")
		return nil
	}
	tlsConfig, given := TLS(only(l.Options, "ssl.")) // options of the login module, as in Java
	if len(given.Problems) > 0 {
		s.problem(SASLJAASConfig, given.Problems.Error())
		return nil
	}
	ask.client = tokenClient(tlsConfig, v)
	t.fetch = ask.fetch
	return oauth.Oauth(t.auth)
}

func orOption(given string, l LoginModule, name string) string {
	if given != "" {
		return given
	}
	return l.Options[name]
}

func tokenClient(cfg *tls.Config, v *configs.Values) *http.Client {
	connect, read := tokenWithin, tokenWithin
	if ms := v.Millis("sasl.login.connect.timeout.ms"); ms > 0 {
		connect = ms
	}
	if ms := v.Millis("sasl.login.read.timeout.ms"); ms > 0 {
		read = ms
	}
	return &http.Client{
		Timeout: connect + read,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: connect}).DialContext, TLSClientConfig: cfg,
			TLSHandshakeTimeout: connect, ResponseHeaderTimeout: read, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// tokenSource keeps a token for as long as Java would before it logs in anew.
type tokenSource struct {
	fetch             func(context.Context) (string, error)
	now               func() time.Time
	extensions        map[string]string
	factor, jitter    float64
	minPeriod, buffer time.Duration
	backoff           func(int) time.Duration
	mu                sync.Mutex // guards the fields below, and lets one caller ask for all
	token             string
	renewAt           time.Time
	expires           time.Time
}

func (t *tokenSource) auth(ctx context.Context) (oauth.Auth, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.token == "" || now.After(t.renewAt) {
		token, err := t.retrying(ctx)
		switch {
		case err == nil:
			if err := t.take(token, now); err != nil {
				return oauth.Auth{}, err
			}
		case t.token == "" || now.After(t.expires):
			return oauth.Auth{}, fmt.Errorf("get OAUTHBEARER token: %w", err)
		}
	}
	return oauth.Auth{Token: t.token, Extensions: t.extensions}, nil
}

// retrying asks again after failures that may pass.
func (t *tokenSource) retrying(ctx context.Context) (string, error) {
	until := t.now().Add(tokenTries)
	for try := 1; ; try++ {
		token, err := t.fetch(ctx)
		var final *finalError
		if err == nil || errors.As(err, &final) || ctx.Err() != nil {
			return token, err
		}
		wait := t.backoff(try)
		if t.now().Add(wait).After(until) {
			return "", err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", err
		}
	}
}

// take reads a token's times and decides when the next one is due.
func (t *tokenSource) take(token string, now time.Time) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("get OAUTHBEARER token: the endpoint's token is not a JWT of three parts")
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil || claims.Exp == 0 {
		return errors.New("get OAUTHBEARER token: the endpoint's token has no claim exp that can be read")
	}
	t.token, t.expires = token, time.UnixMilli(int64(claims.Exp*1000))
	left := t.expires.Sub(now)
	due := now.Add(time.Duration(float64(left) * (t.factor + t.jitter*rand.Float64())))
	// The token is renewed before the buffer, unless that would come too soon after the last time.
	if late := t.expires.Add(-t.buffer); due.After(late) && left > t.minPeriod+t.buffer {
		due = late
	}
	if soon := now.Add(t.minPeriod); due.Before(soon) && left > t.minPeriod {
		due = soon
	}
	t.renewAt = due
	return nil
}

// finalError is a failure that does not pass by trying again.
type finalError struct{ error }

// clientCredentials asks an endpoint for a token (RFC 6749, 4.4).
type clientCredentials struct {
	endpoint, id, secret, scope string
	encode                      bool
	client                      *http.Client
}

func (c *clientCredentials) fetch(ctx context.Context) (string, error) {
	form := "grant_type=client_credentials"
	if scope := strings.TrimSpace(c.scope); scope != "" {
		form += "&scope=" + url.QueryEscape(scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form))
	if err != nil {
		return "", &finalError{errors.New("the endpoint's URL is not valid")}
	}
	id, secret := c.id, c.secret
	if c.encode {
		id, secret = url.QueryEscape(id), url.QueryEscape(secret)
	}
	req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cache-Control", "no-cache")
	res, err := c.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask the token endpoint: %w (check %s)", err, tokenEndpoint)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxTokenBytes))
	if err != nil {
		return "", fmt.Errorf("read the token endpoint's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated {
		err := fmt.Errorf("the token endpoint answered %d%s (check client id, secret and scope)", res.StatusCode, oauthError(body))
		if res.StatusCode >= 400 && res.StatusCode < 500 && res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusRequestTimeout {
			return "", &finalError{err}
		}
		return "", err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		IDToken     string `json:"id_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", &finalError{errors.New("the token endpoint's answer is not the JSON that it should be")}
	}
	if token := strings.TrimSpace(answer.AccessToken); token != "" {
		return token, nil
	}
	if token := strings.TrimSpace(answer.IDToken); token != "" {
		return token, nil
	}
	return "", &finalError{errors.New("the token endpoint's answer has neither access_token nor id_token")}
}

// oauthError is the error code of an answer, which RFC 6749 limits to harmless words; the
// description is left out, it may repeat what was sent.
func oauthError(body []byte) string {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil || e.Error == "" || len(e.Error) > 60 || strings.ContainsFunc(e.Error, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return ""
	}
	return ": " + e.Error
}

func fileToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", &finalError{fmt.Errorf("read token file: %w", err)}
	}
	return strings.TrimSpace(string(data)), nil
}

// unsecuredToken makes a token without a signature from the options of the login module
// (OAuthBearerUnsecuredLoginCallbackHandler).
func unsecuredToken(options map[string]string, now time.Time) (string, error) {
	principal := "sub"
	if n := strings.TrimSpace(options["unsecuredLoginPrincipalClaimName"]); n != "" {
		principal = n
	}
	lifetime := int64(3600)
	if text, ok := options["unsecuredLoginLifetimeSeconds"]; ok {
		var err error
		if lifetime, err = strconv.ParseInt(text, 10, 64); err != nil {
			return "", errors.New("unsecuredLoginLifetimeSeconds must be a whole number")
		}
	}
	seconds := float64(now.UnixMilli()) / 1000
	claims := map[string]any{"iat": seconds, "exp": seconds + float64(lifetime)}
	names := make([]string, 0, len(options))
	for n := range options {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if c, ok := strings.CutPrefix(n, "unsecuredLoginStringClaim_"); ok {
			claims[c] = options[n]
		}
		if c, ok := strings.CutPrefix(n, "unsecuredLoginNumberClaim_"); ok {
			f, err := strconv.ParseFloat(options[n], 64)
			if err != nil {
				return "", fmt.Errorf("%s must be a number", n)
			}
			claims[c] = f
		}
		if c, ok := strings.CutPrefix(n, "unsecuredLoginListClaim_"); ok {
			list := []string{}
			if text := options[n]; len(text) > 1 { // its first character separates the items
				list = strings.Split(text[1:], text[:1])
			}
			claims[c] = list
		}
	}
	if p, _ := claims[principal].(string); p == "" {
		return "", fmt.Errorf("no principal for the token: give unsecuredLoginStringClaim_%s, or %s for a token from an endpoint", principal, tokenEndpoint)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", errors.New("its claims cannot be written")
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"none"}`)) + "." + enc.EncodeToString(body) + ".", nil
}
