package kafkaprops

import (
	"fmt"
	"sort"
	"strings"
)

// LoginModule is one login module of a JAAS configuration. Its options hold secrets.
type LoginModule struct {
	Module, Flag string
	Options      map[string]string
}

// String does not show the options.
func (l LoginModule) String() string { return l.Module + " " + l.Flag }

// Text is the value of sasl.jaas.config that says the same. It holds secrets.
func (l LoginModule) Text() string {
	var sb strings.Builder
	sb.WriteString(l.Module + " " + l.Flag)
	names := make([]string, 0, len(l.Options))
	for n := range l.Options {
		names = append(names, n)
	}
	sort.Strings(names)
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`)
	for _, n := range names {
		sb.WriteString(" " + n + `="` + escape.Replace(l.Options[n]) + `"`)
	}
	return sb.String() + ";"
}

// ParseJAAS reads the value of sasl.jaas.config: login modules, each ended by a semicolon, in the
// grammar of Kafka's JaasConfig. Errors say where, and never show the text: it holds a password.
func ParseJAAS(text string) ([]LoginModule, error) {
	p := &jaasParser{text: text}
	var out []LoginModule
	for p.next(); p.kind != jaasEnd; p.next() {
		l, err := p.login()
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	if out == nil {
		return nil, fmt.Errorf("Login module not specified in JAAS config")
	}
	return out, nil
}

// ParseJAASFile reads a login configuration file, as -Djava.security.auth.login.config names
// it: blocks of login modules in braces, each with a name.
func ParseJAASFile(text string) (map[string][]LoginModule, error) {
	p := &jaasParser{text: text}
	out := map[string][]LoginModule{}
	for p.next(); p.kind != jaasEnd; p.next() {
		if p.kind != jaasWord {
			return nil, p.fail("expected the name of a login context")
		}
		name := p.word
		if p.next(); p.kind != '{' {
			return nil, p.fail("expected { after the name of a login context")
		}
		for p.next(); p.kind != '}'; p.next() {
			if p.kind == jaasEnd {
				return nil, p.fail("a } is missing")
			}
			l, err := p.login()
			if err != nil {
				return nil, err
			}
			out[name] = append(out[name], l)
		}
		if p.next(); p.kind != ';' {
			return nil, p.fail("expected ; after }")
		}
	}
	return out, nil
}

// Kinds of tokens; others are single characters.
const (
	jaasEnd rune = -1 - iota
	jaasWord
	jaasNumber
)

type jaasParser struct {
	text  string
	at    int // where the next token is looked for
	start int // where the token began
	kind  rune
	word  string
}

func (p *jaasParser) fail(format string, args ...any) error {
	return fmt.Errorf("%s (at character %d)", fmt.Sprintf(format, args...), p.start+1)
}

// login reads a login module; the current token is its class.
func (p *jaasParser) login() (LoginModule, error) {
	l := LoginModule{Options: map[string]string{}}
	if p.kind != jaasWord {
		return l, p.fail("expected a login module class")
	}
	l.Module = p.word
	if p.next(); p.kind == jaasEnd {
		return l, p.fail("Login module control flag not specified in JAAS config")
	}
	l.Flag = strings.ToLower(p.word)
	switch {
	case p.kind != jaasWord:
		return l, p.fail("Login module control flag is not available in the JAAS config")
	case l.Flag != "required" && l.Flag != "requisite" && l.Flag != "sufficient" && l.Flag != "optional":
		return l, p.fail("Invalid login module control flag in JAAS config; it must be required, requisite, sufficient or optional")
	}
	for p.next(); p.kind != ';'; p.next() {
		if p.kind == jaasEnd {
			return l, p.fail("JAAS config entry not terminated by semi-colon")
		}
		if p.kind != jaasWord {
			return l, p.fail("expected the name of an option; a value with special characters needs quotes")
		}
		key := p.word
		if p.next(); p.kind != '=' {
			return l, p.fail("Value not specified for key '%s' in JAAS config", key)
		}
		if p.next(); p.kind == jaasNumber {
			return l, p.fail("Value not specified for key '%s' in JAAS config; a number needs quotes", key)
		} else if p.kind != jaasWord {
			return l, p.fail("Value not specified for key '%s' in JAAS config", key)
		}
		l.Options[key] = p.word
	}
	return l, nil
}

func isWordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80
}

func isNumeric(c byte) bool { return c >= '0' && c <= '9' || c == '.' || c == '-' }

// next reads a token as java.io.StreamTokenizer does with both kinds of comments.
func (p *jaasParser) next() {
	p.skip()
	p.start, p.word = p.at, ""
	if p.at >= len(p.text) {
		p.kind = jaasEnd
		return
	}
	c := p.text[p.at]
	switch {
	case c == '"' || c == '\'':
		p.at++
		p.word, p.kind = p.quoted(c), jaasWord
	case isNumeric(c) && p.numberEnds() > p.at:
		p.at = p.numberEnds()
		p.kind = jaasNumber
	case isWordStart(c) || c == '-':
		for p.at < len(p.text) && (isWordStart(p.text[p.at]) || isNumeric(p.text[p.at])) {
			p.at++
		}
		p.word, p.kind = p.text[p.start:p.at], jaasWord
	default:
		p.kind = rune(c)
		p.at++
	}
}

// numberEnds returns where the number at the current place ends; the place itself if it is none.
func (p *jaasParser) numberEnds() int {
	i := p.at
	if p.text[i] == '-' {
		i++
	}
	digits, dots := 0, 0
	for ; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c >= '0' && c <= '9':
			digits++
			continue
		case c == '.' && dots == 0:
			dots++
			continue
		}
		break
	}
	if digits == 0 {
		return p.at
	}
	return i
}

// skip goes over blanks and comments.
func (p *jaasParser) skip() {
	for p.at < len(p.text) {
		rest := p.text[p.at:]
		switch {
		case rest[0] <= ' ':
			p.at++
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexAny(rest, "\r\n")
			if end < 0 {
				end = len(rest)
			}
			p.at += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				p.at = len(p.text)
				return
			}
			p.at += end + 4
		case rest[0] == '/': // a lone slash starts a comment too
			end := strings.IndexAny(rest, "\r\n")
			if end < 0 {
				end = len(rest)
			}
			p.at += end
		default:
			return
		}
	}
}

// quoted reads to the closing quote, the end of the line or the end of the text.
func (p *jaasParser) quoted(quote byte) string {
	var sb strings.Builder
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c == '\n' || c == '\r' {
			break
		}
		p.at++
		if c == quote {
			break
		}
		if c != '\\' || p.at >= len(p.text) {
			sb.WriteByte(c)
			continue
		}
		c = p.text[p.at]
		p.at++
		if i := strings.IndexByte("abfnrtv", c); i >= 0 {
			sb.WriteByte("\a\b\f\n\r\t\v"[i])
			continue
		}
		if c < '0' || c > '7' {
			sb.WriteByte(c)
			continue
		}
		n, most := int(c-'0'), 2
		if c > '3' {
			most = 1
		}
		for ; most > 0 && p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '7'; most-- {
			n = n*8 + int(p.text[p.at]-'0')
			p.at++
		}
		sb.WriteRune(rune(n))
	}
	return sb.String()
}
