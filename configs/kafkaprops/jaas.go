package kafkaprops

import (
	"errors"
	"strings"
)

// jaasEntry is one login module of a sasl.jaas.config value.
type jaasEntry struct {
	module  string
	flag    string
	options map[string]string
}

// parseJAAS reads `Module flag key=value … ;`. Values may be quoted with escapes. Errors
// never contain the text, it holds a password.
func parseJAAS(text string) (jaasEntry, error) {
	e := jaasEntry{options: map[string]string{}}
	tokens, err := jaasTokens(text)
	if err != nil {
		return e, err
	}
	if len(tokens) < 3 || tokens[len(tokens)-1] != (jaasToken{text: ";"}) {
		return e, errors.New("it must be: login module, required, options, and a semicolon at the end")
	}
	e.module, e.flag = tokens[0].text, strings.ToLower(tokens[1].text)
	switch e.flag {
	case "required", "requisite", "sufficient", "optional":
	default:
		return e, errors.New("the word after the login module must be required, requisite, sufficient or optional")
	}
	rest := tokens[2 : len(tokens)-1]
	for len(rest) > 0 {
		if rest[0] == (jaasToken{text: ";"}) {
			return e, errors.New("only one login module is allowed")
		}
		if len(rest) < 3 || rest[1] != (jaasToken{text: "="}) {
			return e, errors.New("options must have the form key=\"value\"")
		}
		e.options[rest[0].text] = rest[2].text
		rest = rest[3:]
	}
	return e, nil
}

type jaasToken struct {
	text   string
	quoted bool
}

func jaasTokens(s string) ([]jaasToken, error) {
	var out []jaasToken
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c <= ' ':
			i++
		case c == ';' || c == '=':
			out = append(out, jaasToken{text: string(c)})
			i++
		case c == '"' || c == '\'':
			var sb strings.Builder
			j := i + 1
			for ; j < len(s) && s[j] != c; j++ {
				if s[j] == '\\' && j+1 < len(s) {
					j++
					switch s[j] {
					case 'n':
						sb.WriteByte('\n')
						continue
					case 't':
						sb.WriteByte('\t')
						continue
					case 'r':
						sb.WriteByte('\r')
						continue
					}
				}
				sb.WriteByte(s[j])
			}
			if j >= len(s) {
				return nil, errors.New("a quote is not closed")
			}
			out = append(out, jaasToken{sb.String(), true})
			i = j + 1
		default:
			j := i
			for j < len(s) && s[j] > ' ' && !strings.ContainsRune(";=\"'", rune(s[j])) {
				j++
			}
			out = append(out, jaasToken{text: s[i:j]})
			i = j
		}
	}
	return out, nil
}
