package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/jsontext"
	"github.com/anabranch/anabranch/daemon/store"
)

// loadConnectorFiles reads the connectors of the command line: the body of a POST, a flat JSON
// object or properties (CW-148).
func loadConnectorFiles(paths []string) ([]connectorFile, error) {
	var out []connectorFile
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("read connector file: %w", err)
		}
		f, err := parseConnectorFile(p, data)
		if err != nil {
			return nil, err
		}
		f.path = p
		out = append(out, f)
	}
	return out, nil
}

// parseConnectorFile takes the forms in Connect's order: JSON, and properties. The texts are
// those of ConnectStandalone.
func parseConnectorFile(path string, data []byte) (connectorFile, error) {
	if !strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
		return propertiesConnector(path, data)
	}
	v, err := jsontext.Parse(data)
	if err != nil {
		if f, other := propertiesConnector(path, data); other == nil {
			return f, nil
		}
		return connectorFile{}, fmt.Errorf("read connector file %s: not valid JSON: %w", path, err)
	}
	o, ok := v.(jsontext.Object)
	if !ok {
		return connectorFile{}, fmt.Errorf("read connector file %s: not a JSON object", path)
	}
	f, err := jsonConnector(path, o)
	if err != nil && !strings.Contains(err.Error(), path) {
		err = fmt.Errorf("read connector file %s: %w", path, err)
	}
	return f, err
}

func nameless(path string) error {
	return fmt.Errorf("Connector configuration at '%s' is missing the mandatory 'name' configuration", path)
}

func propertiesConnector(path string, data []byte) (connectorFile, error) {
	config, err := configs.ParseProperties(data)
	if err != nil {
		return connectorFile{}, fmt.Errorf("read connector file %s: %w", path, err)
	}
	f := connectorFile{config: config, name: config[configs.NameKey]}
	if f.name == "" {
		return f, nameless(path)
	}
	return f, nil
}

func jsonConnector(path string, o jsontext.Object) (connectorFile, error) {
	f := connectorFile{}
	flat, body := o, false
	if inner, given := o.Get("config"); given {
		if flat, body = inner.(jsontext.Object); !body {
			return f, fmt.Errorf("field config is not an object")
		}
		f.name = o.Str("name")
		switch s := strings.ToUpper(o.Str("initial_state")); s {
		case "":
		case "RUNNING":
			f.initial = store.Started
		case "PAUSED", "STOPPED":
			f.initial = store.Target(s)
		default:
			return f, fmt.Errorf("field initial_state must be RUNNING, PAUSED or STOPPED")
		}
	}
	f.config = map[string]string{}
	for _, m := range flat {
		switch x := m.Value.(type) {
		case string:
			f.config[m.Key] = x
		case bool:
			f.config[m.Key] = strconv.FormatBool(x)
		case int64:
			f.config[m.Key] = strconv.FormatInt(x, 10)
		case json.Number:
			f.config[m.Key] = string(x)
		default:
			return f, fmt.Errorf("value of configuration %s must be a string, number or boolean", m.Key)
		}
	}
	own, given := f.config[configs.NameKey]
	switch {
	case !body:
		f.name = own
	case f.name == "":
		f.name = own
	case given && own != f.name:
		return f, fmt.Errorf("Connector name configuration in 'config' doesn't match the one specified in 'name' at '%s'", path)
	}
	if f.name == "" {
		return f, nameless(path)
	}
	f.config[configs.NameKey] = f.name
	return f, nil
}
