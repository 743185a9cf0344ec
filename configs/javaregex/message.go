package javaregex

import (
	"fmt"
	"strings"
)

// JavaMessage is the text of the PatternSyntaxException that Java throws for the usual
// mistakes in a pattern, "" for a pattern in which it finds none.
func JavaMessage(pattern string) string {
	if what, at := mistake(pattern); what != "" {
		return syntaxError(what, at, pattern)
	}
	return ""
}

// mistake finds the first mistake; at counts bytes and is -1 without a place.
func mistake(p string) (what string, at int) {
	depth := 0
	repeatable, possessive := false, false // what stands before may be repeated; a sign of laziness may follow
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			if i+1 == len(p) {
				return "Unexpected internal error", len(p)
			}
			if p[i+1] == 'Q' {
				end := strings.Index(p[i+2:], `\E`)
				if end < 0 {
					return "", 0
				}
				i += end + 3
			} else {
				i++
			}
			repeatable, possessive = true, false
		case '[':
			end := classEnd(p, i)
			if end < 0 {
				return "Unclosed character class", len(p) - 1
			}
			i = end
			repeatable, possessive = true, false
		case '(':
			depth++
			repeatable, possessive = false, false
			if i+1 < len(p) && p[i+1] == '?' {
				i++
			}
		case ')':
			if depth--; depth < 0 {
				return "Unmatched closing ')'", i - 1
			}
			repeatable, possessive = true, false
		case '*', '+', '?':
			switch {
			case repeatable:
				repeatable, possessive = false, true
			case possessive && p[i] != '*':
				possessive = false
			default:
				return "Dangling meta character '" + p[i:i+1] + "'", i
			}
		case '|':
			repeatable, possessive = false, false
		default:
			repeatable, possessive = true, false
		}
	}
	if depth > 0 {
		return "Unclosed group", len(p)
	}
	return "", 0
}

// classEnd finds the bracket that closes the one at i.
func classEnd(p string, i int) int {
	depth := 0
	for ; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func syntaxError(what string, at int, pattern string) string {
	var sb strings.Builder
	sb.WriteString(what)
	if at >= 0 {
		fmt.Fprintf(&sb, " near index %d", at)
	}
	sb.WriteString("\n" + pattern)
	if at >= 0 && at < len(pattern) {
		sb.WriteString("\n" + strings.Repeat(" ", at) + "^")
	}
	return sb.String()
}
