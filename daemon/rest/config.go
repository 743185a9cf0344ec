package rest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/daemon/jsontext"
)

// flatConfig is a configuration as a client sent it: keys in their order, null apart.
type flatConfig struct {
	keys   []string
	values map[string]string
	nulls  []string
}

// parseConfig reads a flat map. Numbers and booleans become their text (CW-04).
func parseConfig(v any) (flatConfig, error) {
	o, ok := v.(jsontext.Object)
	if !ok {
		return flatConfig{}, fmt.Errorf("connector configuration must be a JSON object of strings")
	}
	c := flatConfig{values: make(map[string]string, len(o))}
	for _, m := range o {
		text := ""
		switch x := m.Value.(type) {
		case string:
			text = x
		case bool:
			text = strconv.FormatBool(x)
		case int64:
			text = strconv.FormatInt(x, 10)
		case json.Number:
			text = string(x)
		case nil:
			delete(c.values, m.Key) // of a key given twice the last counts
			c.keys = append(c.keys, m.Key)
			c.nulls = append(c.nulls, m.Key)
			continue
		default:
			return flatConfig{}, fmt.Errorf("value of configuration %s must be a string, number, boolean or null", m.Key)
		}
		if !slices.Contains(c.keys, m.Key) {
			c.keys = append(c.keys, m.Key)
		}
		c.nulls = slices.DeleteFunc(c.nulls, func(k string) bool { return k == m.Key })
		c.values[m.Key] = text
	}
	return c, nil
}

// config is the configuration without its order.
func (c flatConfig) config() Config { return Config{Values: c.values, Nulls: c.nulls} }

// fillName puts the name into the configuration, or compares the two. A null is no name.
func (c *flatConfig) fillName(name string) error {
	given, ok := c.values[configs.NameKey]
	if ok && given != name {
		return BadRequest("Connector name configuration (%s) doesn't match connector name in the URL (%s)", given, name)
	}
	c.nulls = slices.DeleteFunc(c.nulls, func(k string) bool { return k == configs.NameKey })
	c.values[configs.NameKey] = name
	return nil
}

// inOrder shows a configuration with its keys in an order; nil is that of a map in Java.
func inOrder(config map[string]string, order []string) any {
	if order == nil {
		return config
	}
	out := make(jsontext.Object, len(order))
	for i, k := range order {
		out[i] = jsontext.Member{Key: k, Value: config[k]}
	}
	return out
}

// ordered is the stored configuration in the order in which the client sent it, for the
// answer to a create.
func (c flatConfig) ordered(stored map[string]string) any {
	out := make(jsontext.Object, 0, len(stored))
	seen := map[string]bool{}
	for _, k := range c.keys {
		if v, ok := stored[k]; ok {
			out = append(out, jsontext.Member{Key: k, Value: v})
			seen[k] = true
		}
	}
	for k, v := range stored {
		if !seen[k] { // only "name", which the worker adds
			out = append(out, jsontext.Member{Key: k, Value: v})
		}
	}
	return out
}
