package rest

import (
	"encoding/json"
	"fmt"
	"strconv"

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
			c.nulls = append(c.nulls, m.Key)
			continue
		default:
			return flatConfig{}, fmt.Errorf("value of configuration %s must be a string, number, boolean or null", m.Key)
		}
		if _, dup := c.values[m.Key]; !dup {
			c.keys = append(c.keys, m.Key)
		}
		c.values[m.Key] = text
	}
	return c, nil
}

// refuseNulls is what a null value ends in when a connector is created or changed.
func (c flatConfig) refuseNulls() error {
	if len(c.nulls) == 0 {
		return nil
	}
	messages := make([]string, len(c.nulls))
	for i, k := range c.nulls {
		messages[i] = fmt.Sprintf("Null value can not be supplied as the configuration value. (%s)", k)
	}
	return Invalid(messages)
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
