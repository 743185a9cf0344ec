package rest

import (
	"net/http"
	"strconv"

	"github.com/anabranch/anabranch/daemon/jsontext"
)

func (s *Server) taskRoutes() {
	s.handle("GET /connectors/{name}/tasks", s.tasks)
	s.handle("GET /connectors/{name}/tasks/{task}/status", s.taskStatus)
	s.handle("POST /connectors/{name}/tasks/{task}/restart", s.restartTask)
}

// tasks answers GET /connectors/{n}/tasks (CW-34).
func (s *Server) tasks(r request) (int, any, error) {
	name := r.PathValue("name")
	list, err := s.opts.Herder.TaskConfigs(r.Context(), name)
	if err != nil {
		return 0, nil, err
	}
	out := []jsontext.Object{}
	for i, config := range list {
		out = append(out, jsontext.Object{{Key: "id", Value: jsontext.Object{{Key: "connector", Value: name}, {Key: "task", Value: i}}}, {Key: "config", Value: config}})
	}
	return http.StatusOK, out, nil
}

// task reads the number of a task; what is no number is no path (CW-502).
func (r request) task() (int, error) {
	n, err := strconv.ParseInt(r.PathValue("task"), 10, 32)
	if err != nil {
		return 0, NotFound("HTTP 404 Not Found")
	}
	return int(n), nil
}

func (s *Server) taskStatus(r request) (int, any, error) {
	n, err := r.task()
	if err != nil {
		return 0, nil, err
	}
	st, err := s.opts.Herder.TaskStatus(r.Context(), r.PathValue("name"), n)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, append(jsontext.Object{{Key: "id", Value: n}}, stateBody(st)...), nil
}

func (s *Server) restartTask(r request) (int, any, error) {
	n, err := r.task()
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.opts.Herder.RestartTask(r.Context(), r.PathValue("name"), n)
}
