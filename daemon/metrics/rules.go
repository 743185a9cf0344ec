package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/anabranch/anabranch/configs/javametrics"
	"github.com/anabranch/anabranch/configs/javaregex"
)

// Rules are the rules of one jmx_exporter configuration file: they turn attributes of beans into
// series. The first rule whose pattern is found wins; an attribute without a rule has no series.
type Rules struct {
	name        string
	lowerName   bool
	lowerLabels bool
	bare        bool // exporter 1.0: no _total and _info at the end of names
	rules       []rule
	// cache holds what was made of numeric attributes, unless their rule looks at the value.
	cache map[string]*series
}

// rule is one entry of "rules".
type rule struct {
	pattern *javaregex.Regex // nil matches everything
	name    string           // "" is the default format
	value   string
	factor  float64
	labels  [][2]string
	help    string
	kind    string
	snake   bool
	// dynamic says that name, labels or value may hold a piece of the attribute's value.
	dynamic bool
}

// series is one name with labels, and how its value comes about.
type series struct {
	name   string
	labels [][2]string // sorted by name
	help   string
	kind   string
	fixed  *float64 // instead of the attribute's value
	factor float64
	desc   *prometheus.Desc
	values []string
}

// ruleFile is the part of jmx_exporter's file that names series. Other keys concern the JVM
// that it connects to, and mean nothing here.
type ruleFile struct {
	LowercaseOutputName       bool       `yaml:"lowercaseOutputName"`
	LowercaseOutputLabelNames bool       `yaml:"lowercaseOutputLabelNames"`
	WhitelistObjectNames      []string   `yaml:"whitelistObjectNames"`
	BlacklistObjectNames      []string   `yaml:"blacklistObjectNames"`
	IncludeObjectNames        []string   `yaml:"includeObjectNames"`
	ExcludeObjectNames        []string   `yaml:"excludeObjectNames"`
	Rules                     []ruleYAML `yaml:"rules"`
}

type ruleYAML struct {
	Pattern           string    `yaml:"pattern"`
	Name              string    `yaml:"name"`
	Value             string    `yaml:"value"`
	ValueFactor       *float64  `yaml:"valueFactor"`
	Labels            yaml.Node `yaml:"labels"`
	Help              string    `yaml:"help"`
	Type              string    `yaml:"type"`
	AttrNameSnakeCase bool      `yaml:"attrNameSnakeCase"`
}

// ParseRules reads a jmx_exporter configuration file. name is used in errors.
func ParseRules(name string, data []byte) (*Rules, error) {
	var f ruleFile
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read metric rules %s: %w", name, err)
	}
	for key, list := range map[string][]string{"whitelistObjectNames": f.WhitelistObjectNames, "blacklistObjectNames": f.BlacklistObjectNames,
		"includeObjectNames": f.IncludeObjectNames, "excludeObjectNames": f.ExcludeObjectNames} {
		if len(list) > 0 {
			return nil, fmt.Errorf("read metric rules %s: %s is not supported; leave objects out with a rule, or drop their series in the scrape configuration", name, key)
		}
	}
	r := &Rules{name: name, lowerName: f.LowercaseOutputName, lowerLabels: f.LowercaseOutputLabelNames, cache: map[string]*series{}}
	if len(f.Rules) == 0 {
		r.rules = []rule{{factor: 1}} // as jmx_exporter: everything in the default format
	}
	for i, y := range f.Rules {
		out, err := parseRule(&y)
		if err != nil {
			return nil, fmt.Errorf("read metric rules %s: rule %d: %w", name, i+1, err)
		}
		r.rules = append(r.rules, out)
	}
	return r, nil
}

func parseRule(y *ruleYAML) (out rule, err error) {
	out = rule{name: y.Name, value: y.Value, help: y.Help, kind: strings.ToUpper(y.Type), factor: 1, snake: y.AttrNameSnakeCase}
	if y.ValueFactor != nil {
		out.factor = *y.ValueFactor
	}
	if y.Pattern != "" {
		if out.pattern, err = javaregex.Compile(y.Pattern, false); err != nil {
			return out, err
		}
	}
	switch {
	case y.Name == "" && (y.Value != "" || y.Labels.Kind != 0 || y.Help != ""):
		return out, errors.New("name is missing: value, labels and help need it")
	case y.Name != "" && y.Pattern == "":
		return out, errors.New("name needs a pattern")
	}
	switch out.kind {
	case "", "GAUGE", "COUNTER", "UNTYPED", "UNKNOWN":
	default:
		return out, fmt.Errorf("type %s is not one of GAUGE, COUNTER, UNTYPED", y.Type)
	}
	for i := 0; i+1 < len(y.Labels.Content); i += 2 {
		out.labels = append(out.labels, [2]string{y.Labels.Content[i].Value, y.Labels.Content[i+1].Value})
	}
	// A group behind the last colon sees the value, so what the rule makes is not kept.
	out.dynamic = strings.Contains(y.Pattern, ": ") || strings.HasSuffix(y.Pattern, ".*)") || strings.Contains(y.Pattern, ":(")
	return out, nil
}

// series finds the series of an attribute; nil if it has none.
func (r *Rules) series(b *javametrics.MBean, a *javametrics.Attr) *series {
	prefix := b.Prefix(a.Name)
	if s, ok := r.cache[prefix]; ok && !a.IsText {
		return s
	}
	s, by := r.match(prefix+a.Display(), b, a)
	if !a.IsText && (by == nil || !by.dynamic) {
		if len(r.cache) >= maxCached {
			clear(r.cache)
		}
		r.cache[prefix] = s
	}
	return s
}

// maxCached bounds the memory of worked out names; connectors come and go.
const maxCached = 200_000

func (r *Rules) match(text string, b *javametrics.MBean, a *javametrics.Attr) (*series, *rule) {
	for i := range r.rules {
		ru := &r.rules[i]
		if ru.pattern == nil {
			return r.standard(ru, b, a), ru
		}
		m, err := ru.pattern.Find(text)
		if err != nil || m == nil {
			continue
		}
		if ru.name == "" {
			return r.standard(ru, b, a), ru
		}
		return r.custom(ru, m, a), ru
	}
	return nil, nil
}

// standard is jmx_exporter's default format: domain, the first property's value and the
// attribute; the other properties become labels. Text has no series.
func (r *Rules) standard(ru *rule, b *javametrics.MBean, a *javametrics.Attr) *series {
	if a.IsText {
		return nil
	}
	attr := a.Name
	if ru.snake {
		attr = snakeCase(attr)
	}
	name := b.Domain
	var labels [][2]string
	for i, p := range b.Props {
		if i == 0 {
			name += "_" + p.Value
		} else {
			labels = append(labels, [2]string{p.Key, p.Value})
		}
	}
	return r.finish(ru, &series{name: name + "_" + attr, labels: labels})
}

func (r *Rules) custom(ru *rule, m *javaregex.Match, a *javametrics.Attr) *series {
	name, err := m.Expand(ru.name)
	if err != nil || name == "" {
		return nil
	}
	s := &series{name: name}
	for _, l := range ru.labels {
		k, err1 := m.Expand(l[0])
		v, err2 := m.Expand(l[1])
		if err1 == nil && err2 == nil && k != "" && v != "" {
			s.labels = append(s.labels, [2]string{k, v})
		}
	}
	if ru.value != "" {
		text, err := m.Expand(ru.value)
		if err != nil {
			return nil
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil
		}
		s.fixed = &v
	} else if a.IsText {
		v, err := strconv.ParseFloat(a.Text, 64)
		if err != nil {
			return nil
		}
		s.fixed = &v
	}
	return r.finish(ru, s)
}

func (r *Rules) finish(ru *rule, s *series) *series {
	s.name = safeName(s.name)
	for r.bare {
		short := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(s.name, "_total"), "_info"), "_created")
		if short == s.name || short == "" {
			break
		}
		s.name = short
	}
	if r.lowerName {
		s.name = strings.ToLower(s.name)
	}
	for i := range s.labels {
		s.labels[i][0] = strings.ReplaceAll(safeName(s.labels[i][0]), ":", "_")
		if r.lowerLabels {
			s.labels[i][0] = strings.ToLower(s.labels[i][0])
		}
	}
	sort.Slice(s.labels, func(i, j int) bool { return s.labels[i][0] < s.labels[j][0] })
	s.help, s.kind, s.factor = ru.help, ru.kind, ru.factor
	if s.help == "" {
		s.help = "As the Java worker's exporter names it; see the documentation of Kafka Connect and Debezium."
	}
	names := make([]string, 0, len(s.labels))
	for _, l := range s.labels {
		if len(names) > 0 && names[len(names)-1] == l[0] {
			return nil // two labels of one name
		}
		names, s.values = append(names, l[0]), append(s.values, l[1])
	}
	s.desc = prometheus.NewDesc(s.name, s.help, names, nil)
	return s
}

// safeName replaces what may not stand in a name, runs of it by one underscore.
func safeName(name string) string {
	var sb strings.Builder
	under := false
	for i, c := range name {
		ok := c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if i == 0 && c >= '0' && c <= '9' {
			sb.WriteByte('_')
		}
		if ok {
			sb.WriteRune(c)
			under = false
		} else if !under {
			sb.WriteByte('_')
			under = true
		}
	}
	return sb.String()
}

func snakeCase(name string) string {
	var sb strings.Builder
	var prev rune
	for i, c := range name {
		if i > 0 && unicode.IsUpper(c) && !unicode.IsUpper(prev) && prev != '_' {
			sb.WriteByte('_')
		}
		sb.WriteRune(unicode.ToLower(c))
		prev = c
	}
	return sb.String()
}
