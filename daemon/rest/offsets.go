package rest

import (
	"fmt"
	"net/http"

	"github.com/anabranch/anabranch/daemon/jsontext"
	"github.com/anabranch/anabranch/daemon/store"
	"github.com/anabranch/anabranch/records"
)

func (s *Server) offsetRoutes() {
	s.handle("GET /connectors/{name}/offsets", s.offsets)
	s.handle("PATCH /connectors/{name}/offsets", s.alterOffsets)
	s.handle("DELETE /connectors/{name}/offsets", s.resetOffsets)
}

// offsets answers GET /connectors/{n}/offsets (CW-42).
func (s *Server) offsets(r request) (int, any, error) {
	list, err := s.opts.Herder.Offsets(r.Context(), r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	out := []jsontext.Object{}
	for _, p := range list {
		out = append(out, jsontext.Object{{Key: "partition", Value: store.HashObject(p.Partition)}, {Key: "offset", Value: store.HashObject(p.Offset)}})
	}
	return http.StatusOK, jsontext.Object{{Key: "offsets", Value: out}}, nil
}

// alterOffsets answers PATCH /connectors/{n}/offsets (CW-43).
func (s *Server) alterOffsets(r request) (int, any, error) {
	body, err := r.object()
	if err != nil {
		return 0, nil, err
	}
	var positions []records.Position
	for _, m := range body {
		if m.Key != "offsets" {
			return 0, nil, fmt.Errorf("unrecognized field %q, expected offsets", m.Key)
		}
		list, ok := m.Value.([]any)
		if !ok && m.Value != nil {
			return 0, nil, fmt.Errorf("field offsets must be a list")
		}
		for _, e := range list {
			p, err := parsePosition(e)
			if err != nil {
				return 0, nil, err
			}
			positions = append(positions, p)
		}
	}
	if len(positions) == 0 {
		return 0, nil, BadRequest("Partitions / offsets need to be provided for an alter offsets request")
	}
	message, err := s.opts.Herder.AlterOffsets(r.Context(), r.PathValue("name"), positions)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, jsontext.Object{{Key: "message", Value: message}}, nil
}

func parsePosition(v any) (records.Position, error) {
	o, ok := v.(jsontext.Object)
	if !ok {
		return records.Position{}, fmt.Errorf("an element of offsets must be an object with partition and offset")
	}
	var p records.Position
	for _, m := range o {
		var err error
		switch {
		case m.Key != "partition" && m.Key != "offset":
			return p, fmt.Errorf("unrecognized field %q, expected partition and offset", m.Key)
		case m.Value == nil:
		case m.Key == "partition":
			p.Partition, err = store.Doc(m.Value)
		default:
			p.Offset, err = store.Doc(m.Value)
		}
		if err != nil {
			return p, BadRequest("field %s of an element of offsets: %v", m.Key, err)
		}
	}
	if p.Partition == nil {
		return p, BadRequest("The partition for a connector offset cannot be null or missing")
	}
	return p, nil
}

// resetOffsets answers DELETE /connectors/{n}/offsets (CW-44).
func (s *Server) resetOffsets(r request) (int, any, error) {
	message, err := s.opts.Herder.AlterOffsets(r.Context(), r.PathValue("name"), nil)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, jsontext.Object{{Key: "message", Value: message}}, nil
}
