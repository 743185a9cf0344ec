package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	pathpkg "path"
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
	opts Options
	mux  *http.ServeMux
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
	s := &Server{opts: o, mux: http.NewServeMux()}
	s.handle("GET /{$}", s.root)
	s.handle("GET /health", s.health)
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
	s := &Server{opts: o, mux: http.NewServeMux()}
	s.loggerRoutes()
	s.metricsRoute()
	return s
}

func (s *Server) metricsRoute() {
	if s.opts.Metrics == nil {
		return
	}
	s.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if s.authorized(w, r) {
			s.opts.Metrics.ServeHTTP(w, r)
		}
	})
}

func (s *Server) handle(pattern string, fn route) {
	within := requestWithin
	if pattern == "GET /health" {
		within = healthWithin
	}
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, hr *http.Request) {
		ctx, cancel := context.WithTimeout(hr.Context(), within)
		defer cancel()
		if !acceptsJSON(hr) {
			s.bare(w, http.StatusNotAcceptable)
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
			var e *Error
			if errors.As(err, &e) && e.bare {
				s.bare(w, e.Status)
				return
			}
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

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; there is nobody to tell
}

// bare answers with what the router of Connect says, which has no Content-Type (CW-502).
func (s *Server) bare(w http.ResponseWriter, status int) {
	text := http.StatusText(status)
	body := errorBody(status, fmt.Sprintf("HTTP %d %s", status, text))
	w.Header()["Content-Type"] = nil
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// ServeHTTP implements http.Handler: it bends the request to what ServeMux expects, and
// ServeMux's own answers to Connect's.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	if strings.Contains(path, "//") { // CW-503
		write(w, http.StatusBadRequest, errorBody(http.StatusBadRequest, "HTTP 400 Bad Request"))
		return
	}
	if len(path) > 1 && strings.HasSuffix(path, "/") { // CW-05
		u := *r.URL
		u.RawPath = strings.TrimSuffix(path, "/")
		u.Path, _ = url.PathUnescape(u.RawPath) // it was escaped well before
		r2 := *r
		r2.URL = &u
		r = &r2
	}
	if pathpkg.Clean(path) != strings.TrimSuffix(path, "/") && path != "/" {
		s.bare(w, http.StatusNotFound) // ServeMux would redirect
		return
	}
	if _, pattern := s.mux.Handler(r); pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	allowed := s.methods(r)
	switch {
	case len(allowed) == 0:
		s.bare(w, http.StatusNotFound)
	case r.Method == http.MethodOptions:
		if !s.authorized(w, r) {
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ","))
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, strings.Join(allowed, ", "))
	default:
		s.bare(w, http.StatusMethodNotAllowed)
	}
}

// methods lists what a path can be asked with, OPTIONS included.
func (s *Server) methods(r *http.Request) []string {
	var out []string
	for _, m := range []string{http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodGet} {
		probe := *r
		probe.Method = m
		if _, pattern := s.mux.Handler(&probe); pattern != "" {
			out = append(out, m)
		}
	}
	if out != nil {
		out = append(out, http.MethodOptions)
	}
	return out
}

func acceptsJSON(r *http.Request) bool {
	accept := r.Header.Values("Accept")
	if len(accept) == 0 {
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
	if t, _, err := mime.ParseMediaType(ct); len(data) > 0 && (err != nil || t != jsonType) {
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Message: "HTTP 415 Unsupported Media Type", bare: ct != ""} // CW-502
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
