package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/anabranch/anabranch/daemon/jsontext"
)

// Loggers are the runtime levels of the log (CW-61 to CW-65).
type Loggers interface {
	// Levels returns name, level and the time of the last change in ms (0 never), sorted by name.
	Levels() []LoggerLevel
	// Set changes the level of a logger and all below it and returns their names; false is
	// an unknown level.
	Set(name, level string) ([]string, bool)
	// Known reports whether Set takes a level.
	Known(level string) bool
}

// LoggerLevel is the level of one logger.
type LoggerLevel struct {
	Name, Level    string
	ModifiedMillis int64
}

func (s *Server) loggerRoutes() {
	if s.opts.Loggers == nil {
		return
	}
	s.handle("GET /admin/loggers", s.loggers)
	s.handle("GET /admin/loggers/{logger}", s.logger)
	s.handle("PUT /admin/loggers/{logger}", s.setLogger)
}

func levelBody(l LoggerLevel) jsontext.Object {
	var modified any
	if l.ModifiedMillis > 0 {
		modified = l.ModifiedMillis
	}
	return jsontext.Object{{Key: "level", Value: l.Level}, {Key: "last_modified", Value: modified}}
}

func (s *Server) loggers(request) (int, any, error) {
	out := jsontext.Object{}
	for _, l := range s.opts.Loggers.Levels() {
		out = append(out, jsontext.Member{Key: l.Name, Value: levelBody(l)})
	}
	return http.StatusOK, out, nil
}

func (s *Server) logger(r request) (int, any, error) {
	for _, l := range s.opts.Loggers.Levels() {
		if l.Name == r.PathValue("logger") {
			return http.StatusOK, levelBody(l), nil
		}
	}
	return 0, nil, NotFound("Logger %s not found.", r.PathValue("logger"))
}

func (s *Server) setLogger(r request) (int, any, error) {
	body, err := r.object()
	if err != nil {
		return 0, nil, err
	}
	level := ""
	switch v, _ := body.Get("level"); x := v.(type) {
	case nil:
		return 0, nil, BadRequest("Desired 'level' parameter was not specified in request.")
	case string:
		if level = strings.TrimSpace(x); level == "" {
			return 0, nil, fmt.Errorf("Illegal null or empty Level name.")
		}
	case int64, bool, json.Number:
		level = fmt.Sprint(x)
	default:
		return 0, nil, fmt.Errorf("field level must be a string")
	}
	if !s.opts.Loggers.Known(level) {
		return 0, nil, NotFound("invalid log level '%s'.", level)
	}
	if strings.EqualFold(r.URL.Query().Get("scope"), "cluster") { // CW-64
		return http.StatusNoContent, nil, s.opts.Herder.SetLevel(r.Context(), r.PathValue("logger"), strings.ToUpper(level))
	}
	changed, _ := s.opts.Loggers.Set(r.PathValue("logger"), level)
	return http.StatusOK, changed, nil
}
