package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/jsontext"
)

func (s *Server) pluginRoutes() {
	s.handle("GET /connector-plugins", s.plugins)
	s.handle("GET /connector-plugins/{plugin}/config", s.pluginConfig)
	s.handle("PUT /connector-plugins/{plugin}/config/validate", s.validate)
}

// plugins answers GET /connector-plugins (CW-48, CW-49).
func (s *Server) plugins(r request) (int, any, error) {
	all := strings.EqualFold(r.URL.Query().Get("connectorsOnly"), "false")
	out := []jsontext.Object{}
	for _, p := range s.opts.Herder.Plugins() {
		if !all && p.Type != "source" && p.Type != "sink" {
			continue
		}
		out = append(out, jsontext.Object{{Key: "class", Value: p.Class}, {Key: "type", Value: p.Type}, {Key: "version", Value: p.Version}})
	}
	return http.StatusOK, out, nil
}

// pluginConfig answers GET /connector-plugins/{p}/config (CW-50).
func (s *Server) pluginConfig(r request) (int, any, error) {
	keys, err := s.opts.Herder.PluginKeys(r.PathValue("plugin"), r.URL.Query().Get("version"))
	if err != nil {
		return 0, nil, err
	}
	out := []jsontext.Object{}
	for i := range keys {
		out = append(out, definition(&keys[i]))
	}
	return http.StatusOK, out, nil
}

// validate answers PUT /connector-plugins/{p}/config/validate (CW-51, CW-52, CW-507).
func (s *Server) validate(r request) (int, any, error) {
	v, err := r.body()
	if err != nil {
		return 0, nil, err
	}
	config, err := parseConfig(v)
	if err != nil {
		return 0, nil, err
	}
	plugin := r.PathValue("plugin")
	if class, ok := config.values[configs.ClassKey]; ok && !sameClass(class, plugin) {
		return 0, nil, BadRequest("Included connector type %s does not match request type %s", class, plugin)
	}
	answer, err := s.opts.Herder.Validate(r.Context(), config.config())
	if err != nil {
		var bad *Error
		if errors.As(err, &bad) && bad.Status == http.StatusBadRequest {
			return 0, nil, fmt.Errorf("org.apache.kafka.connect.runtime.rest.errors.BadRequestException: %s", bad.Message)
		}
		return 0, nil, err
	}
	entries := []jsontext.Object{}
	for _, e := range answer.Entries {
		var def any
		if e.Key != nil {
			def = definition(e.Key)
		}
		entries = append(entries, jsontext.Object{{Key: "definition", Value: def}, {Key: "value", Value: jsontext.Object{
			{Key: "name", Value: e.Name}, {Key: "value", Value: orNull(e.Value)},
			{Key: "recommended_values", Value: e.Recommended}, {Key: "errors", Value: e.Errors}, {Key: "visible", Value: !e.Hidden}}}})
	}
	return http.StatusOK, jsontext.Object{{Key: "name", Value: answer.Class}, {Key: "error_count", Value: answer.Errors()},
		{Key: "groups", Value: answer.Groups}, {Key: "configs", Value: entries}}, nil
}

// sameClass compares the class of the body with the one of the path, which may be an ending of
// it; a trailing "Connector" does not count (CW-51). So an alias in the path matches a full name
// in the body, not the other way round (CW-507).
func sameClass(body, path string) bool {
	return strings.HasSuffix(withoutConnector(body), withoutConnector(path))
}

func withoutConnector(name string) string {
	if short := strings.TrimSuffix(name, "Connector"); short != "" {
		return short
	}
	return name
}

// definition is ConfigKeyInfo (CW-53).
func definition(k *configs.Key) jsontext.Object {
	var def, group any
	if k.HasDefault {
		def = k.Default
		if k.Type == configs.PasswordType {
			def = configs.NewPassword(k.Default).String()
		}
	}
	if k.Group != "" {
		group = k.Group
	}
	width, display, order := k.Width, k.Display, k.Order
	if width == "" {
		width = "NONE"
	}
	if display == "" {
		display = k.Name
	}
	if k.Group == "" && order == 0 {
		order = -1
	}
	dependents := k.Dependents
	if dependents == nil {
		dependents = []string{}
	}
	return jsontext.Object{{Key: "name", Value: k.Name}, {Key: "type", Value: string(k.Type)}, {Key: "required", Value: k.Required},
		{Key: "default_value", Value: def}, {Key: "importance", Value: string(k.Importance)}, {Key: "documentation", Value: k.Doc},
		{Key: "group", Value: group}, {Key: "order_in_group", Value: order}, {Key: "width", Value: width},
		{Key: "display_name", Value: display}, {Key: "dependents", Value: dependents}}
}

func orNull(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}
