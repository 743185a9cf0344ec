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
		f, err := parseConnectorFile(data)
		if err != nil {
			return nil, fmt.Errorf("read connector file %s: %w", p, err)
		}
		f.path = p
		out = append(out, f)
	}
	return out, nil
}

func parseConnectorFile(data []byte) (connectorFile, error) {
	f := connectorFile{}
	if !strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
		config, err := configs.ParseProperties(data)
		if err != nil {
			return f, err
		}
		f.config, f.name = config, config[configs.NameKey]
		return f, named(f)
	}
	v, err := jsontext.Parse(data)
	if err != nil {
		return f, fmt.Errorf("not valid JSON: %w", err)
	}
	o, ok := v.(jsontext.Object)
	if !ok {
		return f, fmt.Errorf("not a JSON object")
	}
	flat := o
	if inner, ok := o.Get("config"); ok {
		if flat, ok = inner.(jsontext.Object); !ok {
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
	if f.name == "" {
		f.name = f.config[configs.NameKey]
	}
	if _, ok := f.config[configs.NameKey]; !ok {
		f.config[configs.NameKey] = f.name
	}
	return f, named(f)
}

func named(f connectorFile) error {
	if f.name == "" {
		return fmt.Errorf("the connector has no name")
	}
	if own := f.config[configs.NameKey]; own != f.name {
		return fmt.Errorf("connector name %s of the configuration is not the name %s of the file", own, f.name)
	}
	return nil
}
