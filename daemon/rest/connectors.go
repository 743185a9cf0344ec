package rest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/anabranch/anabranch/daemon/jsontext"
	"github.com/anabranch/anabranch/daemon/store"
)

func (s *Server) connectorRoutes() {
	s.handle("GET /connectors", s.list)
	s.handle("POST /connectors", s.create)
	s.handle("GET /connectors/{name}", s.get)
	s.handle("DELETE /connectors/{name}", s.remove)
	s.handle("GET /connectors/{name}/config", s.config)
	s.handle("PUT /connectors/{name}/config", s.putConfig)
	s.handle("PATCH /connectors/{name}/config", s.patchConfig)
	s.handle("GET /connectors/{name}/status", s.status)
	s.handle("PUT /connectors/{name}/pause", s.pause)
	s.handle("PUT /connectors/{name}/resume", s.resume)
	s.handle("PUT /connectors/{name}/stop", s.stop)
	s.handle("POST /connectors/{name}/restart", s.restart)
	s.handle("GET /connectors/{name}/topics", s.topics)
	s.handle("PUT /connectors/{name}/topics/reset", s.resetTopics)
	s.handle("GET /connectors/{name}/progress", s.progress)
}

// list answers GET /connectors (CW-18, CW-19).
func (s *Server) list(r request) (int, any, error) {
	names, err := s.opts.Herder.Connectors(r.Context())
	if err != nil {
		return 0, nil, err
	}
	expand, asked := r.URL.Query()["expand"]
	if !asked {
		return http.StatusOK, names, nil
	}
	var parts []string // each once, in the order asked for
	for _, e := range expand {
		if (e == "status" || e == "info") && !slices.Contains(parts, e) {
			parts = append(parts, e)
		}
	}
	out := make(jsontext.Object, 0, len(names))
	for _, name := range names {
		one, err := s.expanded(r, name, parts)
		if isNotFound(err) { // a connector that was removed meanwhile is left out
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		out = append(out, jsontext.Member{Key: name, Value: one})
	}
	return http.StatusOK, out, nil
}

func (s *Server) expanded(r request, name string, parts []string) (jsontext.Object, error) {
	one := jsontext.Object{}
	for _, part := range parts {
		if part == "status" {
			st, err := s.opts.Herder.Status(r.Context(), name)
			if err != nil {
				return nil, err
			}
			one = append(one, jsontext.Member{Key: part, Value: statusBody(st)})
			continue
		}
		info, err := s.opts.Herder.Info(r.Context(), name)
		if err != nil {
			return nil, err
		}
		one = append(one, jsontext.Member{Key: part, Value: infoBody(info, info.Config)})
	}
	return one, nil
}

func isNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// create answers POST /connectors (CW-20, CW-22).
func (s *Server) create(r request) (int, any, error) {
	body, err := r.object()
	if err != nil {
		return 0, nil, err
	}
	var name string
	var initial store.Target
	var config flatConfig
	for _, m := range body {
		switch m.Key {
		case "name":
			switch x := m.Value.(type) {
			case string:
				name = strings.TrimFunc(x, func(r rune) bool { return r <= ' ' })
			case int64, bool:
				name = fmt.Sprint(x)
			case nil:
			default:
				return 0, nil, fmt.Errorf("field name must be a string")
			}
		case "config":
			if m.Value == nil {
				continue
			}
			if config, err = parseConfig(m.Value); err != nil {
				return 0, nil, err
			}
		case "initial_state":
			if initial, err = initialState(m.Value); err != nil {
				return 0, nil, err
			}
		default:
			return 0, nil, fmt.Errorf("unrecognized field %q, expected name, config and initial_state", m.Key)
		}
	}
	if config.values == nil {
		return 0, nil, fmt.Errorf("field config is missing")
	}
	if err := config.fillName(name); err != nil {
		return 0, nil, err
	}
	info, _, err := s.opts.Herder.PutConnector(r.Context(), name, config.config(), initial, false)
	if err != nil {
		return 0, nil, err
	}
	r.created(name)
	return http.StatusCreated, infoBody(info, config.ordered(info.Config)), nil
}

func initialState(v any) (store.Target, error) {
	text, ok := v.(string)
	if v == nil {
		return "", nil
	}
	if ok {
		switch strings.ToUpper(text) {
		case "RUNNING":
			return store.Started, nil
		case "PAUSED":
			return store.Paused, nil
		case "STOPPED":
			return store.Stopped, nil
		}
	}
	return "", fmt.Errorf("field initial_state must be RUNNING, PAUSED or STOPPED")
}

// created sets the Location of a new connector: absolute and percent-encoded (CW-05).
func (r request) created(name string) {
	r.w.Header().Set("Location", r.base()+locationOf(name))
}

func (s *Server) get(r request) (int, any, error) {
	info, err := s.opts.Herder.Info(r.Context(), r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, infoBody(info, info.Config), nil
}

func (s *Server) config(r request) (int, any, error) {
	info, err := s.opts.Herder.Info(r.Context(), r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, info.Config, nil
}

func (s *Server) remove(r request) (int, any, error) {
	return http.StatusNoContent, nil, s.opts.Herder.DeleteConnector(r.Context(), r.PathValue("name"))
}

// putConfig answers PUT /connectors/{n}/config (CW-25).
func (s *Server) putConfig(r request) (int, any, error) {
	name := r.PathValue("name")
	v, err := r.body()
	if err != nil {
		return 0, nil, err
	}
	config, err := parseConfig(v)
	if err != nil {
		return 0, nil, err
	}
	if err := config.fillName(name); err != nil {
		return 0, nil, err
	}
	info, created, err := s.opts.Herder.PutConnector(r.Context(), name, config.config(), "", true)
	if err != nil {
		return 0, nil, err
	}
	if created {
		r.created(name)
		return http.StatusCreated, infoBody(info, config.ordered(info.Config)), nil
	}
	return http.StatusOK, infoBody(info, config.ordered(info.Config)), nil
}

// patchConfig answers PATCH /connectors/{n}/config; null removes a key (CW-26).
func (s *Server) patchConfig(r request) (int, any, error) {
	v, err := r.body()
	if err != nil {
		return 0, nil, err
	}
	config, err := parseConfig(v)
	if err != nil {
		return 0, nil, err
	}
	patch := map[string]*string{}
	for k, v := range config.values {
		patch[k] = &v
	}
	for _, k := range config.nulls {
		patch[k] = nil
	}
	info, err := s.opts.Herder.PatchConnector(r.Context(), r.PathValue("name"), patch)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, infoBody(info, inOrder(info.Config, info.Order)), nil
}

func (s *Server) status(r request) (int, any, error) {
	st, err := s.opts.Herder.Status(r.Context(), r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, statusBody(st), nil
}

func (s *Server) pause(r request) (int, any, error) {
	return http.StatusAccepted, nil, s.opts.Herder.Pause(r.Context(), r.PathValue("name"))
}

func (s *Server) resume(r request) (int, any, error) {
	return http.StatusAccepted, nil, s.opts.Herder.Resume(r.Context(), r.PathValue("name"))
}

func (s *Server) stop(r request) (int, any, error) {
	return http.StatusNoContent, nil, s.opts.Herder.Stop(r.Context(), r.PathValue("name"))
}

// restart answers POST /connectors/{n}/restart (CW-37, CW-38).
func (s *Server) restart(r request) (int, any, error) {
	q := r.URL.Query()
	includeTasks := strings.EqualFold(q.Get("includeTasks"), "true") // anything else is false, as in Java
	onlyFailed := strings.EqualFold(q.Get("onlyFailed"), "true")
	name := r.PathValue("name")
	if !includeTasks && !onlyFailed {
		return http.StatusNoContent, nil, s.opts.Herder.Restart(r.Context(), name)
	}
	st, err := s.opts.Herder.RestartPlan(r.Context(), name, includeTasks, onlyFailed)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, statusBody(st), nil
}

func (s *Server) topics(r request) (int, any, error) {
	if !s.opts.TopicTracking {
		return 0, nil, Errorf(http.StatusForbidden, "Topic tracking is disabled.")
	}
	name := r.PathValue("name")
	list, err := s.opts.Herder.Topics(r.Context(), name)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, jsontext.Object{{Key: name, Value: jsontext.Object{{Key: "topics", Value: list}}}}, nil
}

func (s *Server) resetTopics(r request) (int, any, error) {
	if !s.opts.TopicTracking {
		return 0, nil, Errorf(http.StatusForbidden, "Topic tracking is disabled.")
	}
	if !s.opts.TopicTrackingReset {
		return 0, nil, Errorf(http.StatusForbidden, "Topic tracking reset is disabled.")
	}
	return http.StatusAccepted, nil, s.opts.Herder.ResetTopics(r.Context(), r.PathValue("name"))
}

// progress answers GET /connectors/{n}/progress, which Connect does not have: its status
// bodies stay as they are.
func (s *Server) progress(r request) (int, any, error) {
	tasks, err := s.opts.Herder.Progress(r.Context(), r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	out := []jsontext.Object{}
	for _, t := range tasks {
		o := jsontext.Object{{Key: "task", Value: t.Task}, {Key: "state", Value: t.State}, {Key: "records", Value: t.Records},
			{Key: "lag_ms", Value: t.LagMillis}, {Key: "retries", Value: t.Retries}}
		if t.Snapshot {
			var percent any
			if t.Percent >= 0 {
				percent = t.Percent
			}
			o = append(o, jsontext.Member{Key: "snapshot", Value: jsontext.Object{
				{Key: "state", Value: t.SnapshotState}, {Key: "table", Value: t.Table},
				{Key: "tables_done", Value: t.TablesDone}, {Key: "tables_total", Value: t.TablesTotal},
				{Key: "rows", Value: t.Rows}, {Key: "rows_estimated", Value: t.RowsEstimated}, {Key: "percent", Value: percent},
				{Key: "seconds", Value: t.SecondsUsed}, {Key: "seconds_left", Value: t.SecondsLeft}}})
		}
		out = append(out, o)
	}
	return http.StatusOK, jsontext.Object{{Key: "name", Value: r.PathValue("name")}, {Key: "tasks", Value: out}}, nil
}

// infoBody is ConnectorInfo (CW-23); config is in the order to show.
func infoBody(info Info, config any) jsontext.Object {
	tasks := []jsontext.Object{}
	for i := range info.Tasks {
		tasks = append(tasks, jsontext.Object{{Key: "connector", Value: info.Name}, {Key: "task", Value: i}})
	}
	return jsontext.Object{{Key: "name", Value: info.Name}, {Key: "config", Value: config}, {Key: "tasks", Value: tasks}, {Key: "type", Value: info.Type}}
}

// statusBody is ConnectorStateInfo (CW-30).
func statusBody(st Status) jsontext.Object {
	tasks := []jsontext.Object{}
	for i, id := range st.TaskIDs {
		tasks = append(tasks, append(jsontext.Object{{Key: "id", Value: id}}, stateBody(st.Tasks[i])...))
	}
	return jsontext.Object{{Key: "name", Value: st.Name}, {Key: "connector", Value: stateBody(st.Connector)},
		{Key: "tasks", Value: tasks}, {Key: "type", Value: st.Type}}
}

// stateBody leaves out what there is none of (CW-30, CW-446).
func stateBody(st store.Status) jsontext.Object {
	o := jsontext.Object{{Key: "state", Value: string(st.State)}, {Key: "worker_id", Value: st.WorkerID}}
	if st.Version != "undefined" { // what Java calls a version that a plugin does not tell
		var version any
		if st.Version != "" {
			version = st.Version
		}
		o = append(o, jsontext.Member{Key: "version", Value: version})
	}
	if st.Trace != "" {
		o = append(o, jsontext.Member{Key: "trace", Value: st.Trace})
	}
	return o
}
