package javaregex

import (
	"fmt"
	"strings"
)

// posix maps Java's \p{...} classes that the engine does not know to the inside of a bracket class.
var posix = map[string]string{
	"Lower": "a-z", "Upper": "A-Z", "ASCII": `\x00-\x7F`, "Alpha": "a-zA-Z", "Digit": "0-9",
	"Alnum": "a-zA-Z0-9", "Punct": "!-/:-@\\[-`{-~", "Graph": "!-~", "Print": " -~", "Blank": " \\t",
	"Cntrl": `\x00-\x1F\x7F`, "XDigit": "0-9a-fA-F", "Space": ` \t\n\x0B\f\r`,
	"IsAlphabetic": `\p{L}\p{Nl}`, "IsDigit": `\p{Nd}`, "IsLetter": `\p{L}`, "IsUppercase": `\p{Lu}`, "IsLowercase": `\p{Ll}`,
	"javaLowerCase": `\p{Ll}`, "javaUpperCase": `\p{Lu}`,
}

// translate rewrites what Java spells differently. ASCII-only \d, \w and \s are Java's
// defaults; the engine's are Unicode, so they are spelled out.
func translate(p string) (string, error) {
	var sb strings.Builder
	depth := 0 // nesting of bracket classes
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '\\':
			if i+1 == len(p) {
				return "", fmt.Errorf("a backslash ends the pattern")
			}
			i++
			rest := p[i:]
			switch p[i] {
			case 'Q':
				end := strings.Index(rest, `\E`)
				quoted := rest[1:]
				if end >= 0 {
					quoted = rest[1:end]
					i += end + 1
				} else {
					i = len(p)
				}
				for _, r := range quoted {
					if strings.ContainsRune(`\.+*?()|[]{}^$#-&/ `, r) {
						sb.WriteByte('\\')
					}
					sb.WriteRune(r)
				}
			case 'd', 'D', 'w', 'W', 's', 'S', 'h', 'H':
				writeClass(&sb, p[i], depth > 0)
			case 'p', 'P':
				n, err := property(&sb, rest, depth > 0)
				if err != nil {
					return "", err
				}
				i += n
			case 'R', 'X', 'N':
				return "", fmt.Errorf(`\%c is not supported`, p[i])
			case 'x':
				if strings.HasPrefix(rest, "x{") {
					return "", fmt.Errorf(`\x{...} is not supported; write \uXXXX`)
				}
				sb.WriteString(`\x`)
			case 'z', 'Z', 'A', 'b', 'B', 'G', 'k', 'n', 't', 'r', 'f', 'a', 'e', 'c', 'u', '0',
				'1', '2', '3', '4', '5', '6', '7', '8', '9':
				sb.WriteByte('\\')
				sb.WriteByte(p[i])
			default:
				sb.WriteByte('\\')
				sb.WriteByte(p[i])
			}
		case c == '[':
			if depth > 0 {
				return "", fmt.Errorf("a character class inside a character class is not supported; write one class")
			}
			depth++
			sb.WriteByte(c)
			if i+1 < len(p) && p[i+1] == '^' {
				i++
				sb.WriteByte('^')
			}
		case c == ']' && depth > 0:
			depth--
			sb.WriteByte(c)
		case c == '&' && depth > 0 && strings.HasPrefix(p[i:], "&&"):
			return "", fmt.Errorf("the intersection && of character classes is not supported; use a look-ahead")
		case c == '+' && depth == 0 && i > 0 && quantifierEnds(p, i):
			return "", fmt.Errorf("the possessive quantifier at position %d is not supported; use an atomic group (?>...)", i)
		default:
			sb.WriteByte(c)
		}
	}
	return sb.String(), nil
}

// quantifierEnds reports whether p[i]=='+' follows a quantifier and so makes it possessive.
func quantifierEnds(p string, i int) bool {
	prev := p[i-1]
	if prev != '*' && prev != '+' && prev != '?' && prev != '}' {
		return false
	}
	escaped := false
	for j := i - 2; j >= 0 && p[j] == '\\'; j-- {
		escaped = !escaped
	}
	if escaped {
		return false
	}
	if prev == '}' {
		open := strings.LastIndexByte(p[:i], '{')
		return open >= 0 && strings.Trim(p[open+1:i-1], "0123456789,") == "" && open+1 < i-1
	}
	return prev != '?' || (i >= 2 && p[i-2] != '(')
}

func writeClass(sb *strings.Builder, c byte, inside bool) {
	body := map[byte]string{'d': "0-9", 'w': "a-zA-Z_0-9", 's': ` \t\n\x0B\f\r`, 'h': ` \t\xA0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000`}[c|0x20]
	negated := c&0x20 == 0
	switch {
	case !inside && negated:
		sb.WriteString("[^" + body + "]")
	case !inside:
		sb.WriteString("[" + body + "]")
	case !negated:
		sb.WriteString(body)
	default:
		// A negated class inside brackets: the engine's own form is the nearest.
		sb.WriteByte('\\')
		sb.WriteByte(c)
	}
}

// property translates \p{Name} and returns how many bytes beyond the 'p' it used.
func property(sb *strings.Builder, rest string, inside bool) (int, error) {
	if len(rest) < 2 || rest[1] != '{' {
		if len(rest) < 2 {
			return 0, fmt.Errorf(`\p ends the pattern`)
		}
		sb.WriteString(`\` + rest[:1] + "{" + rest[1:2] + "}")
		return 1, nil
	}
	end := strings.IndexByte(rest, '}')
	if end < 0 {
		return 0, fmt.Errorf(`\p{ without }`)
	}
	name := rest[2:end]
	body, ok := posix[name]
	negated := rest[0] == 'P'
	switch {
	case !ok:
		sb.WriteString(`\` + rest[:1] + "{" + strings.TrimPrefix(name, "Is") + "}")
	case inside && negated:
		return 0, fmt.Errorf(`\P{%s} inside a character class is not supported`, name)
	case inside:
		sb.WriteString(body)
	case negated:
		sb.WriteString("[^" + body + "]")
	default:
		sb.WriteString("[" + body + "]")
	}
	return end, nil
}
