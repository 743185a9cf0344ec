package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

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
	byHash := func(p records.Position) uint32 { return hashOf(p.Partition) }
	// Connect keeps partitions in a set and puts them into a map of their number.
	for _, p := range jsontext.HashOrderOf(jsontext.HashOrderOf(list, 0, byHash), len(list), byHash) {
		out = append(out, jsontext.Object{{Key: "partition", Value: store.HashObject(p.Partition)}, {Key: "offset", Value: store.HashObject(p.Offset)}})
	}
	return http.StatusOK, jsontext.Object{{Key: "offsets", Value: out}}, nil
}

// hashOf is the hashCode of a partition as a map in Java, which decides the order of offsets.
func hashOf(d records.Doc) uint32 {
	var h uint32
	for _, m := range d {
		h += jsontext.HashCode(m.Key) ^ jsontext.HashCode(m.Value)
	}
	return h
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

// parsePosition reads one element of offsets. Its values are looked at by whoever knows the
// connector: here they may be anything (CW-508).
func parsePosition(v any) (records.Position, error) {
	o, ok := v.(jsontext.Object)
	if !ok {
		return records.Position{}, fmt.Errorf("an element of offsets must be an object with partition and offset")
	}
	var p records.Position
	for _, m := range o {
		if m.Key != "partition" && m.Key != "offset" {
			return p, fmt.Errorf("unrecognized field %q, expected partition and offset", m.Key)
		}
		if m.Value == nil {
			continue
		}
		object, ok := m.Value.(jsontext.Object)
		if !ok {
			return p, fmt.Errorf("field %s of an element of offsets must be an object", m.Key)
		}
		if m.Key == "partition" {
			p.Partition = docOf(object)
		} else {
			p.Offset = docOf(object)
		}
	}
	return p, nil
}

// docOf keeps nested values and numbers that are greater than a long as they are, for the error
// that names them.
func docOf(o jsontext.Object) records.Doc {
	d := make(records.Doc, 0, len(o))
	for _, m := range o {
		v := m.Value
		if n, ok := v.(json.Number); ok && strings.ContainsAny(string(n), ".eE") {
			v, _ = n.Float64() // out of range is infinity, as in Java
		}
		d = d.Set(m.Key, v)
	}
	return d
}

// resetOffsets answers DELETE /connectors/{n}/offsets (CW-44).
func (s *Server) resetOffsets(r request) (int, any, error) {
	message, err := s.opts.Herder.AlterOffsets(r.Context(), r.PathValue("name"), nil)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, jsontext.Object{{Key: "message", Value: message}}, nil
}
