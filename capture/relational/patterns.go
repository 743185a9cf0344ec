package relational

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/configs/javaregex"
)

// Patterns is a comma-separated list of Java regular expressions; a name matches when one of
// them matches the whole name, without regard to case (DM-41).
type Patterns []*javaregex.Regex

// SplitPatterns splits a list at commas that no backslash precedes, trims the parts and drops
// empty ones, as Debezium's include lists are read (DM-41).
func SplitPatterns(text string) ([]string, error) {
	var out []string
	add := func(part string) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, strings.ReplaceAll(part, `\,`, ","))
		}
	}
	start := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
			if i == len(text) {
				return nil, fmt.Errorf("a backslash ends the list; write \\\\ for a backslash")
			}
		case ',':
			add(text[start:i])
			start = i + 1
		}
	}
	add(text[start:])
	return out, nil
}

// ParsePatterns compiles a list.
func ParsePatterns(text string) (Patterns, error) {
	parts, err := SplitPatterns(text)
	if err != nil {
		return nil, err
	}
	ps := make(Patterns, 0, len(parts))
	for _, p := range parts {
		re, err := javaregex.Compile(p, true)
		if err != nil {
			return nil, err
		}
		ps = append(ps, re)
	}
	return ps, nil
}

// Match reports whether one of the patterns matches all of name.
func (ps Patterns) Match(name string) (bool, error) {
	for _, re := range ps {
		ok, err := re.Matches(name)
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// CheckPatterns is a configs.Key check for STRING and LIST keys that hold pattern lists.
func CheckPatterns(val any) error {
	var text string
	switch x := val.(type) {
	case string:
		text = x
	case []string:
		text = strings.Join(x, ",")
	}
	_, err := ParsePatterns(text)
	return err
}
