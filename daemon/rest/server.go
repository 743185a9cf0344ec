package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/anabranch/anabranch/daemon/jsontext"
)

const (
	requestWithin = 90 * time.Second // CW-07
	healthWithin  = 10 * time.Second
	maxBody       = 16 << 20
	jsonType      = "application/json"
)

// Options says what a Server serves besides the herder's routes.
type Options struct {
	Herder  Herder
	Log     *slog.Logger
	Version string // Kafka's version, which clients switch features on by (CW-16)
	Commit  string
	Metrics http.Handler // GET /metrics; nil is 404
	Loggers Loggers      // /admin/loggers; nil is 404 (CW-65)
	// Client asks other workers; nil is one without TLS settings. It follows no redirects.
	Client *http.Client
	// Scrub takes secrets out of the messages of errors; nil changes nothing.
	Scrub func(string) string
	// Authenticate asks for a user; nil lets everybody in (CW-14).
	Authenticate Authenticator
	// TopicTracking and TopicTrackingReset are the worker's topic.tracking keys (CW-40, CW-41).
	TopicTracking, TopicTrackingReset bool
}

// Server answers requests. It is an http.Handler.
type Server struct {
	opts   Options
	routes router
}

// request is one call of a route.
type request struct {
	*http.Request
	w http.ResponseWriter
}

// base is the address that the client asked.
func (r request) base() string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// route answers a request: a status with a body (nil is empty), or an error.
type route func(r request) (status int, body any, err error)

// NewServer makes the routes.
func NewServer(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Scrub == nil {
		o.Scrub = func(s string) string { return s }
	}
	if o.Client == nil {
		o.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	s := &Server{opts: o}
	s.add("GET /", s.root, requestWithin, false)
	s.add("GET /health", s.health, healthWithin, false)
	s.connectorRoutes()
	s.taskRoutes()
	s.internalRoutes()
	s.offsetRoutes()
	s.pluginRoutes()
	s.loggerRoutes()
	s.metricsRoute()
	return s
}

// NewAdmin makes the routes of admin.listeners: log levels, and the metrics. There is no
// authentication there, as in Connect (CW-65).
func NewAdmin(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Authenticate = nil
	if o.Scrub == nil {
		o.Scrub = func(s string) string { return s }
	}
	s := &Server{opts: o}
	s.loggerRoutes()
	s.metricsRoute()
	return s
}

func (s *Server) metricsRoute() {
	if s.opts.Metrics == nil {
		return
	}
	s.routes.handle(http.MethodGet, "/metrics", func(w http.ResponseWriter, r *http.Request) {
		if s.authorized(w, r) {
			s.opts.Metrics.ServeHTTP(w, r)
		}
	})
}

// handle adds a route. Its requests may take 90 s (CW-07).
func (s *Server) handle(pattern string, fn route) { s.add(pattern, fn, requestWithin, true) }

// add adds a route; typed says whether the type of a body is looked at, which requests between
// workers, the root and the health check go without.
func (s *Server) add(pattern string, fn route, within time.Duration, typed bool) {
	method, path, _ := strings.Cut(pattern, " ")
	s.routes.handle(method, path, func(w http.ResponseWriter, hr *http.Request) {
		ctx, cancel := context.WithTimeout(hr.Context(), within)
		defer cancel()
		if status := refused(hr, typed); status != 0 {
			s.bare(w, status)
			return
		}
		if !s.authorized(w, hr) {
			return
		}
		kept := &keptBody{ReadCloser: hr.Body}
		hr = hr.WithContext(ctx)
		hr.Body = kept
		status, body, err := fn(request{hr, w})
		if elsewhere := (*Elsewhere)(nil); errors.As(err, &elsewhere) {
			if err = s.forward(request{hr, w}, kept, elsewhere); err == nil {
				return
			}
		}
		if err != nil {
			status, message := statusOf(err)
			message = s.opts.Scrub(message)
			if status == http.StatusInternalServerError {
				s.opts.Log.Error("request ended in an error", "method", hr.Method, "path", hr.URL.Path, "err", err)
			}
			write(w, status, errorBody(status, message))
			return
		}
		if body == nil {
			w.WriteHeader(status)
			return
		}
		write(w, status, jsontext.Marshal(body))
	})
}

// refused is the status of a request whose headers do not fit a route, 0 if they do (CW-06,
// CW-502). The type of a body counts even where there is no body.
func refused(r *http.Request, typed bool) int {
	if ct := r.Header.Get("Content-Type"); ct != "" && typed {
		t, ok := mediaType(ct)
		switch {
		case !ok:
			return http.StatusBadRequest
		case t != jsonType && t != "application/*" && t != "*/*":
			return http.StatusUnsupportedMediaType
		}
	}
	if !acceptsJSON(r) {
		return http.StatusNotAcceptable
	}
	return 0
}

// mediaType reads type/subtype in lower case.
func mediaType(text string) (string, bool) {
	t, _, err := mime.ParseMediaType(text)
	if err != nil || strings.Count(t, "/") != 1 || strings.ContainsAny(t, ", ") {
		return "", false
	}
	return t, true
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; there is nobody to tell
}

// routerText is the message of an answer that no route gave (CW-02).
func routerText(status int) string {
	text := http.StatusText(status)
	if status == http.StatusRequestURITooLong {
		text = "URI Too Long"
	}
	return fmt.Sprintf("HTTP %d %s", status, text)
}

// bare answers with what the router of Connect says, which has no Content-Type (CW-502).
func (s *Server) bare(w http.ResponseWriter, status int) {
	body := errorBody(status, routerText(status))
	w.Header()["Content-Type"] = nil
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.RequestURI == "*" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	segments, status := segmentsOf(rawPath(r))
	if status == 0 && r.Method == http.MethodConnect {
		status = http.StatusBadRequest
	}
	if status != 0 {
		write(w, status, errorBody(status, routerText(status)))
		return
	}
	e := s.routes.find(r, segments)
	if e == nil {
		s.bare(w, http.StatusNotFound)
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if fn, ok := e.methods[method]; ok {
		fn(w, r)
		return
	}
	if method != http.MethodOptions {
		s.bare(w, http.StatusMethodNotAllowed)
		return
	}
	if !s.authorized(w, r) {
		return
	}
	allowed := e.allowed()
	w.Header().Set("Allow", strings.Join(allowed, ","))
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, strings.Join(allowed, ", ")) // the client is gone; there is nobody to tell
}

func acceptsJSON(r *http.Request) bool {
	accept := r.Header.Values("Accept")
	if strings.TrimSpace(strings.Join(accept, "")) == "" {
		return true
	}
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		t, _, err := mime.ParseMediaType(part)
		if err == nil && (t == jsonType || t == "*/*" || t == "application/*") {
			return true
		}
	}
	return false
}

// body reads and parses the body of a request (CW-03, CW-06, CW-501). A missing body is a
// nil value.
func (r request) body() (any, error) {
	ct := r.Header.Get("Content-Type")
	data, err := io.ReadAll(http.MaxBytesReader(r.w, r.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	if t, _ := mediaType(ct); len(data) > 0 && t != jsonType { // none or a wildcard (CW-502)
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Message: routerText(http.StatusUnsupportedMediaType)}
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil, nil
	}
	v, err := jsontext.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("request body is not valid JSON: %w", err)
	}
	return v, nil
}

// object is body for routes that take an object.
func (r request) object() (jsontext.Object, error) {
	v, err := r.body()
	if err != nil {
		return nil, err
	}
	o, ok := v.(jsontext.Object)
	if !ok {
		return nil, fmt.Errorf("request body must be a JSON object")
	}
	return o, nil
}

func (s *Server) root(r request) (int, any, error) {
	id, err := s.opts.Herder.ClusterID(r.Context())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, jsontext.Object{{Key: "version", Value: s.opts.Version}, {Key: "commit", Value: s.opts.Commit}, {Key: "kafka_cluster_id", Value: id}}, nil
}

func (s *Server) health(r request) (int, any, error) {
	h, err := s.opts.Herder.Health(r.Context())
	status := http.StatusOK
	switch {
	case err != nil:
		status = http.StatusInternalServerError
	case h.Status != "healthy":
		status = http.StatusServiceUnavailable
	}
	return status, jsontext.Object{{Key: "status", Value: h.Status}, {Key: "message", Value: h.Message}}, nil
}
