package rest

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anabranch/anabranch/configs"
)

// front serves a server without a herder, as the main listener does.
func front(t *testing.T, p Public, auth Authenticator) http.Handler {
	t.Helper()
	s := &Server{opts: Options{Log: slog.New(slog.DiscardHandler), Authenticate: auth}}
	s.handle("GET /connectors", func(request) (int, any, error) { return http.StatusOK, []string{}, nil })
	s.handle("POST /connectors", func(request) (int, any, error) { return http.StatusOK, []string{}, nil })
	s.handle("PUT /connectors/{name}/fence", func(request) (int, any, error) { return http.StatusNoContent, nil, nil })
	h, err := p.Wrap(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Seen on Connect 4.3.1 with the same keys.
func TestPublic_CORSAnswersAsConnect(t *testing.T) {
	h := front(t, Public{AllowOrigin: "http://a.example,https://*.b.example", AllowMethods: "GET,PUT, DELETE"}, nil)
	const preflight = "Access-Control-Request-Method"
	for _, c := range []struct {
		method, origin, asks string
		allowed, methods     string
	}{
		{"GET", "", "", "", ""},
		{"GET", "http://a.example", "", "http://a.example", ""},
		{"GET", "HTTP://A.EXAMPLE", "", "HTTP://A.EXAMPLE", ""},
		{"GET", "http://x.b.example", "", "", ""},
		{"GET", "https://x.b.example", "", "", ""}, // a regular expression, not a glob
		{"GET", "https://b.example", "", "https://b.example", ""},
		{"GET", "http://evil http://a.example", "", "http://evil http://a.example", ""},
		{"OPTIONS", "http://a.example", "PUT", "http://a.example", "GET,PUT,DELETE"},
		{"OPTIONS", "http://a.example", "POST", "http://a.example", "GET,PUT,DELETE"},
		{"OPTIONS", "http://a.example", "", "http://a.example", ""},
		{"OPTIONS", "http://evil.example", "PUT", "", ""},
	} {
		headers := []string{"Origin", c.origin}
		if c.asks != "" {
			headers = append(headers, preflight, c.asks)
		}
		w := ask(h, c.method, "/connectors", headers...)
		got := w.Header()
		if w.Code != 200 || got.Get("Vary") != "Origin" || got.Get("Access-Control-Allow-Origin") != c.allowed || got.Get("Access-Control-Allow-Methods") != c.methods {
			t.Errorf("%+v: %d %v", c, w.Code, got)
		}
		if c.methods != "" && (got.Get("Access-Control-Allow-Headers") != "Content-Type" || got.Get("Access-Control-Max-Age") != "60" || got.Get("Allow") != "POST,GET,OPTIONS" && got.Get("Allow") != "HEAD,POST,GET,OPTIONS") {
			t.Errorf("%+v: %v", c, got)
		}
	}
	h = front(t, Public{AllowOrigin: "*"}, nil)
	if got := ask(h, "OPTIONS", "/connectors", "Origin", "null", preflight, "PUT").Header(); got.Get("Access-Control-Allow-Origin") != "null" || got.Get("Access-Control-Allow-Methods") != "HEAD,POST,GET" {
		t.Errorf("%v", got)
	}
	if got := ask(front(t, Public{}, nil), "GET", "/connectors", "Origin", "http://a.example").Header(); got.Get("Vary") != "" || got.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without the key: %v", got)
	}
	if _, err := (Public{AllowOrigin: "http://(a"}).Wrap(h); err == nil || !strings.Contains(err.Error(), "access.control.allow.origin") {
		t.Errorf("%v", err)
	}
}

func TestPublic_ResponseHeaders(t *testing.T) {
	rules := []configs.HeaderRule{{Add: true, Name: "X-A", Value: "one"}, {Name: "Cache-Control", Value: "no-cache, no-store"},
		{Date: true, Name: "Expires", Millis: 3600_000}, {Add: true, Name: "X-A", Value: "two"}}
	for _, path := range []string{"/connectors", "/nope"} {
		got := ask(front(t, Public{Headers: rules}, nil), "GET", path).Header()
		at, err := time.Parse(http.TimeFormat, got.Get("Expires"))
		if err != nil || time.Until(at) < 59*time.Minute || time.Until(at) > 61*time.Minute {
			t.Errorf("Expires: %s", got.Get("Expires"))
		}
		if !slices.Equal(got.Values("X-A"), []string{"one", "two"}) || got.Get("Cache-Control") != "no-cache, no-store" {
			t.Errorf("%v", got)
		}
	}
}

// Seen on Connect 4.3.1 with its basic auth extension.
func TestServer_BasicAuthAnswersAsConnect(t *testing.T) {
	auth := func(user, password string, ok bool) bool { return ok && user == "alice" && password == "al:ice" }
	h := front(t, Public{}, auth)
	for _, c := range []struct {
		method, path, header string
		code                 int
		body, contentType    string
	}{
		{"GET", "/connectors", "", 401, "User cannot access the resource.", "application/json"},
		{"GET", "/connectors", "Basic YWxpY2U6YWw6aWNl", 200, "[]", "application/json"},
		{"GET", "/connectors", "basic YWxpY2U6YWw6aWNl", 200, "[]", "application/json"},
		{"GET", "/connectors", "Basic YWxpY2U6d3Jvbmc=", 401, "User cannot access the resource.", "application/json"},
		{"GET", "/connectors", "Bearer x", 401, "User cannot access the resource.", "application/json"},
		{"GET", "/connectors", "Basic", 401, "User cannot access the resource.", "application/json"},
		{"GET", "/connectors", "Basic !!!", 500, `{"error_code":500,"message":"Illegal base64 character 21"}`, "application/json"},
		{"OPTIONS", "/connectors", "", 401, "User cannot access the resource.", "text/plain"},
		{"GET", "/nope", "", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`, ""},
		{"PUT", "/connectors/x/fence", "", 204, "", ""},
	} {
		w := ask(h, c.method, c.path, "Authorization", c.header)
		if w.Code != c.code || w.Body.String() != c.body || w.Header().Get("Content-Type") != c.contentType {
			t.Errorf("%s %s %q: %d %s %v", c.method, c.path, c.header, w.Code, w.Body, w.Header())
		}
	}
}

func TestPublic_AccessLogIsNCSA(t *testing.T) {
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	h := front(t, Public{Access: log}, nil)
	r := httptest.NewRequest("GET", "/nope?a=b", nil)
	r.RemoteAddr = "10.0.0.7:1234"
	r.Header.Set("User-Agent", "curl/7 \"x\"\nlevel=ERROR")
	h.ServeHTTP(httptest.NewRecorder(), r)
	line := out.String()
	for _, want := range []string{`10.0.0.7 - - [`, ` +0000] \"GET /nope?a=b HTTP/1.1\" 404 49 \"\" \"curl/7 _x__level=ERROR\" `} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	if strings.Count(line, "\n") != 1 {
		t.Errorf("more than one line: %q", line)
	}
}
