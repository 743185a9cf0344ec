package configs

import (
	"regexp"
	"strconv"
	"strings"
)

// HeaderRule is one rule of response.http.headers.config (CW-12).
type HeaderRule struct {
	Add   bool   // add a further value; otherwise the value replaces others
	Date  bool   // Value counts milliseconds from now; the header shows the date
	Name  string // as it is written
	Value string
	// Millis is Value of a Date rule.
	Millis int64
}

var (
	oneBlank  = regexp.MustCompile(`\s+`)
	hasBlanks = regexp.MustCompile(`\s`)
)

// parseHeaderRules reads rules separated by commas, each of the form "action name:value" and, if it
// holds a comma, in double quotes; the texts are RestServerConfig's.
func parseHeaderRules(text string) ([]HeaderRule, error) {
	var out []HeaderRule
	for _, rule := range splitQuoted(text) {
		action := oneBlank.Split(trim(rule), 2)
		if len(action) != 2 {
			return nil, WholeText("Invalid format of header config '%s'. Expected: '[action] [header name]:[header value]'", rule)
		}
		h := HeaderRule{}
		switch strings.ToLower(action[0]) {
		case "set":
		case "add":
			h.Add = true
		case "setdate":
			h.Date = true
		case "adddate":
			h.Add, h.Date = true, true
		default:
			return nil, WholeText("Invalid header config action: '%s'. Expected one of [set, add, setDate, addDate]", action[0])
		}
		pair := strings.Split(trim(action[1]), ":")
		for len(pair) > 0 && pair[len(pair)-1] == "" { // as Java's split does
			pair = pair[:len(pair)-1]
		}
		if len(pair) != 2 {
			return nil, WholeText("Invalid format of header name and header value pair '%s'. Expected: '[header name]:[header value]'", action[1])
		}
		h.Name, h.Value = trim(pair[0]), trim(pair[1])
		if h.Name == "" || hasBlanks.MatchString(h.Name) {
			return nil, WholeText("Invalid header name '%s'. The '[header name]' cannot contain whitespace", h.Name)
		}
		if h.Date {
			ms, err := strconv.ParseInt(h.Value, 10, 64)
			if err != nil {
				return nil, WholeText("Invalid header value of '%s': it must be a number of milliseconds", h.Name)
			}
			h.Millis = ms
		}
		out = append(out, h)
	}
	return out, nil
}

// splitQuoted splits at commas outside of double quotes and takes the quotes off.
func splitQuoted(s string) []string {
	var out []string
	var sb strings.Builder
	quoted, some := false, false
	flush := func() {
		if some {
			out = append(out, trim(sb.String()))
		}
		sb.Reset()
		some = false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted && i+1 < len(s):
			i++
			sb.WriteByte(s[i])
		case c == '"':
			quoted = !quoted
			some = true
		case c == ',' && !quoted:
			flush()
		default:
			some = some || c > ' '
			sb.WriteByte(c)
		}
	}
	flush()
	return out
}

func headerRulesCheck(val any) error {
	s, _ := val.(string)
	_, err := parseHeaderRules(s)
	return err
}
