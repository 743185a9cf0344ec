package rest

import (
	"fmt"
	"io"
	"net/http"

	"github.com/anabranch/anabranch/daemon/jsontext"
)

// internalRoutes are what workers ask each other (CW-66).
func (s *Server) internalRoutes() {
	s.add("POST /connectors/{name}/tasks", s.putTasks, requestWithin, false)
	s.add("PUT /connectors/{name}/fence", s.fence, requestWithin, false)
}

// signed reads the body that a signature is about, as it came.
func (r request) signed() (Signed, error) {
	data, err := io.ReadAll(http.MaxBytesReader(r.w, r.Body, maxBody))
	if err != nil {
		return Signed{}, fmt.Errorf("read request body: %w", err)
	}
	return Signed{Header: r.Header, Body: data}, nil
}

func (s *Server) putTasks(r request) (int, any, error) {
	signed, err := r.signed()
	if err != nil {
		return 0, nil, err
	}
	v, err := jsontext.Parse(signed.Body)
	list, ok := v.([]any)
	if err != nil || !ok {
		return 0, nil, fmt.Errorf("request body must be a JSON list of task configurations")
	}
	tasks := make([]map[string]string, len(list))
	for i, e := range list {
		o, ok := e.(jsontext.Object)
		if !ok {
			return 0, nil, fmt.Errorf("element %d of the request body must be a JSON object", i)
		}
		tasks[i] = make(map[string]string, len(o))
		for _, m := range o {
			text, ok := m.Value.(string)
			if !ok {
				return 0, nil, fmt.Errorf("value of %s in element %d of the request body must be a string", m.Key, i)
			}
			tasks[i][m.Key] = text
		}
	}
	return http.StatusNoContent, nil, s.opts.Herder.PutTasks(r.Context(), r.PathValue("name"), tasks, signed)
}

func (s *Server) fence(r request) (int, any, error) {
	signed, err := r.signed()
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.opts.Herder.Fence(r.Context(), r.PathValue("name"), signed)
}
