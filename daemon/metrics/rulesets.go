package metrics

import (
	"embed"
	"fmt"
	"os"
	"slices"
	"strings"
)

//go:embed rulesets/*.yml
var ruleSets embed.FS

// DefaultRuleSets are the names served unless the worker file chooses others.
const DefaultRuleSets = "connect-default,debezium"

// RuleSets lists the built-in sets of names.
func RuleSets() []string {
	entries, err := ruleSets.ReadDir("rulesets")
	if err != nil {
		panic(err) // embedded
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".yml"))
	}
	slices.Sort(out)
	return out
}

// LoadRules loads sets by name, or, where an entry has a slash or ends in .yml or .yaml, from a
// jmx_exporter configuration file. "none" alone is no set. exporter is the version whose names
// are wanted: "1.0" takes _total and _info away from their ends, "0.20" keeps them.
func LoadRules(entries []string, exporter string) ([]*Rules, error) {
	var out []*Rules
	if len(entries) == 1 && entries[0] == "none" {
		return nil, nil
	}
	for _, e := range entries {
		var data []byte
		var err error
		switch {
		case strings.ContainsRune(e, '/') || strings.HasSuffix(e, ".yml") || strings.HasSuffix(e, ".yaml"):
			data, err = os.ReadFile(e)
		case slices.Contains(RuleSets(), e):
			data, err = ruleSets.ReadFile("rulesets/" + e + ".yml")
		default:
			err = fmt.Errorf("no such set of metric names; there are %s, or give the path of a jmx_exporter configuration file", strings.Join(RuleSets(), ", "))
		}
		if err != nil {
			return nil, fmt.Errorf("metric names %q: %w", e, err)
		}
		r, err := ParseRules(e, data)
		if err != nil {
			return nil, err
		}
		r.bare = exporter == "1.0"
		out = append(out, r)
	}
	return out, nil
}
