package testenv

import (
	"fmt"
	"strings"
)

// Step is one thing to do of a SQL script: a statement, or a directive of ours.
type Step struct {
	SQL       string
	Directive string // the word after "-- anabranch:", such as "restart"
	Line      int
}

// ParseScript cuts a SQL script of the mysql client's form into statements. It knows quotes,
// comments and DELIMITER. A comment line "-- anabranch:<word>" is a directive.
func ParseScript(text string) ([]Step, error) {
	var (
		steps     []Step
		sb        strings.Builder
		delimiter = ";"
		line      = 1
		startLine = 1
		quote     byte
	)
	flush := func() {
		if s := strings.TrimSpace(sb.String()); s != "" && !onlyComments(s) {
			steps = append(steps, Step{SQL: s, Line: startLine})
		}
		sb.Reset()
	}
	for i := 0; i < len(text); {
		c := text[i]
		if c == '\n' {
			line++
		}
		if quote != 0 {
			sb.WriteByte(c)
			switch {
			case c == '\\' && quote != '`' && i+1 < len(text):
				sb.WriteByte(text[i+1])
				i++
				if text[i] == '\n' {
					line++
				}
			case c == quote:
				quote = 0
			}
			i++
			continue
		}
		atLineStart := i == 0 || text[i-1] == '\n'
		rest := text[i:]
		end := strings.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		switch {
		case atLineStart && strings.HasPrefix(rest, "-- anabranch:"):
			flush()
			steps = append(steps, Step{Directive: strings.TrimSpace(rest[len("-- anabranch:"):end]), Line: line})
			i += end
			continue
		case atLineStart && len(rest) > 10 && strings.EqualFold(rest[:10], "delimiter "):
			flush()
			delimiter = strings.TrimSpace(rest[10:end])
			if delimiter == "" {
				return nil, fmt.Errorf("line %d: DELIMITER without a delimiter", line)
			}
			i += end
			continue
		case strings.HasPrefix(rest, "-- ") || strings.HasPrefix(rest, "--\n") || strings.HasPrefix(rest, "#"):
			sb.WriteString(rest[:end])
			i += end
			continue
		case strings.HasPrefix(rest, "/*"):
			stop := strings.Index(rest, "*/")
			if stop < 0 {
				return nil, fmt.Errorf("line %d: comment without an end", line)
			}
			sb.WriteString(rest[:stop+2])
			line += strings.Count(rest[:stop+2], "\n")
			i += stop + 2
			continue
		case strings.HasPrefix(rest, delimiter):
			flush()
			i += len(delimiter)
			continue
		case c == '\'' || c == '"' || c == '`':
			quote = c
		}
		if strings.TrimSpace(sb.String()) == "" {
			startLine = line
		}
		sb.WriteByte(c)
		i++
	}
	if quote != 0 {
		return nil, fmt.Errorf("line %d: quote %c without an end", line, quote)
	}
	flush()
	return steps, nil
}

func onlyComments(s string) bool {
	for _, l := range strings.Split(s, "\n") {
		l = strings.TrimSpace(l)
		if l != "" && !strings.HasPrefix(l, "--") && !strings.HasPrefix(l, "#") {
			return false
		}
	}
	return true
}
