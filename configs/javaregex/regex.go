// Package javaregex compiles the Java regular expressions that users have in their
// connector JSON. Go's regexp has neither look-around nor back-references, which Java
// patterns in include lists and routers use (DM-41, CW-452); a backtracking engine does,
// and is bounded in time here. Constructs of Java that the engine does not know are
// refused by name instead of meaning something else.
package javaregex

import (
	"fmt"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// matchTimeout bounds one match: a pattern that backtracks for ever must not hang a task.
const matchTimeout = 2 * time.Second

// Regex is a compiled Java pattern. It is safe for concurrent use.
type Regex struct {
	text string
	full *regexp2.Regexp // anchored at both ends
	part *regexp2.Regexp
}

// Compile compiles a Java pattern. ignoreCase is Pattern.CASE_INSENSITIVE.
func Compile(pattern string, ignoreCase bool) (*Regex, error) {
	p, err := translate(pattern)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	opts := regexp2.RegexOptions(regexp2.None)
	if ignoreCase {
		opts |= regexp2.IgnoreCase
	}
	part, err := regexp2.Compile(p, opts)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	full, err := regexp2.Compile(`\A(?:`+p+`)\z`, opts)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	part.MatchTimeout, full.MatchTimeout = matchTimeout, matchTimeout
	return &Regex{text: pattern, full: full, part: part}, nil
}

// String returns the pattern as it was given.
func (r *Regex) String() string { return r.text }

// Matches is Matcher.matches: the whole of s must match. A match that takes too long is an
// error, not an answer.
func (r *Regex) Matches(s string) (bool, error) {
	ok, err := r.full.MatchString(s)
	if err != nil {
		return false, fmt.Errorf("regular expression %q: %w", r.text, err)
	}
	return ok, nil
}

// ReplaceFirst is Matcher.replaceFirst with Java's replacement syntax: $1, ${name} and
// backslash escapes.
func (r *Regex) ReplaceFirst(s, replacement string) (string, error) {
	m, err := r.part.FindStringMatch(s)
	if err != nil {
		return "", fmt.Errorf("regular expression %q: %w", r.text, err)
	}
	if m == nil {
		return s, nil
	}
	with, err := expand(m, replacement)
	if err != nil {
		return "", fmt.Errorf("replacement %q of regular expression %q: %w", replacement, r.text, err)
	}
	// Match.Index counts runes.
	runes := []rune(s)
	return string(runes[:m.Index]) + with + string(runes[m.Index+m.Length:]), nil
}

// CheckReplacement reports a replacement that names a group which the pattern does not have.
func (r *Regex) CheckReplacement(replacement string) error {
	_, err := walkReplacement(replacement, func(n int) bool { return n < len(r.part.GetGroupNumbers()) },
		func(name string) bool { return r.part.GroupNumberFromName(name) >= 0 })
	return err
}

type piece struct {
	text  string
	group int    // -1 = none
	name  string // "" = none
}

func expand(m *regexp2.Match, replacement string) (string, error) {
	pieces, err := walkReplacement(replacement, func(n int) bool { return n < m.GroupCount() },
		func(name string) bool { return m.GroupByName(name) != nil })
	if err != nil {
		return "", err
	}
	var sb strings.Builder
	for _, p := range pieces {
		switch {
		case p.name != "":
			sb.WriteString(m.GroupByName(p.name).String())
		case p.group >= 0:
			sb.WriteString(m.GroupByNumber(p.group).String())
		default:
			sb.WriteString(p.text)
		}
	}
	return sb.String(), nil
}

// walkReplacement splits a Java replacement. Java takes as many digits after $ as still name
// a group of the pattern.
func walkReplacement(s string, hasGroup func(int) bool, hasName func(string) bool) ([]piece, error) {
	var out []piece
	lit := func(t string) { out = append(out, piece{text: t, group: -1}) }
	for i := 0; i < len(s); {
		switch s[i] {
		case '\\':
			if i+1 == len(s) {
				return nil, fmt.Errorf("a backslash ends the text; write \\\\ for a backslash")
			}
			lit(s[i+1 : i+2])
			i += 2
		case '$':
			i++
			if i < len(s) && s[i] == '{' {
				end := strings.IndexByte(s[i:], '}')
				if end < 0 {
					return nil, fmt.Errorf("${ without }")
				}
				name := s[i+1 : i+end]
				if !hasName(name) {
					return nil, fmt.Errorf("no group with name {%s}", name)
				}
				out = append(out, piece{group: -1, name: name})
				i += end + 1
				continue
			}
			if i >= len(s) || s[i] < '0' || s[i] > '9' {
				return nil, fmt.Errorf("$ must be followed by a group; write \\$ for a dollar sign")
			}
			n := int(s[i] - '0')
			if !hasGroup(n) {
				return nil, fmt.Errorf("no group %d", n)
			}
			i++
			for i < len(s) && s[i] >= '0' && s[i] <= '9' {
				more := n*10 + int(s[i]-'0')
				if !hasGroup(more) {
					break
				}
				n = more
				i++
			}
			out = append(out, piece{group: n})
		default:
			j := i
			for j < len(s) && s[j] != '\\' && s[j] != '$' {
				j++
			}
			lit(s[i:j])
			i = j
		}
	}
	return out, nil
}

// Match is what Find found.
type Match struct{ m *regexp2.Match }

// Find is Matcher.find: the first place in s where the pattern matches, nil if there is none.
func (r *Regex) Find(s string) (*Match, error) {
	m, err := r.part.FindStringMatch(s)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", r.text, err)
	}
	if m == nil {
		return nil, nil
	}
	return &Match{m}, nil
}

// Expand puts the groups of the match into a template with Java's replacement syntax.
func (m *Match) Expand(template string) (string, error) { return expand(m.m, template) }
