package transforms

import (
	"strings"

	"github.com/anabranch/anabranch/configs"
)

const (
	fieldSyntax = "field.syntax.version"
	replaceNull = "replace.null.with.default"
)

func fieldSyntaxKey() configs.Key {
	return configs.Key{Name: fieldSyntax, Type: configs.StringType, Default: "V1", HasDefault: true, Importance: configs.High,
		Doc:   "V1 takes the name as it is, of a field at the top. V2 takes a path with dots; names with dots stand between backticks.",
		Check: configs.AnyCaseWords("V1", "V2")}
}

func replaceNullKey() configs.Key {
	return configs.Key{Name: replaceNull, Type: configs.BooleanType, Default: "true", HasDefault: true, Importance: configs.Medium,
		Doc: "Whether a null field that has a default comes out as its default (KIP-1040); false keeps the null."}
}

// fieldPath reads a key whose syntax field.syntax.version says (KIP-821).
func fieldPath(v *configs.Values, key string) ([]string, error) {
	if strings.EqualFold(v.Str(fieldSyntax), "V1") {
		return []string{v.Str(key)}, nil
	}
	return splitPath(v.Str(key))
}

// splitPath splits at dots. A name that begins with a backtick ends with one before a dot or
// the end; inside it a backtick in front of a dot is escaped by a backslash.
func splitPath(path string) ([]string, error) {
	if path == "" {
		return nil, configErrorf("field must not be empty with %s=V2", fieldSyntax)
	}
	var steps []string
	at := 0
	for at < len(path) {
		if path[at] != '`' {
			name, _, more := strings.Cut(path[at:], ".")
			steps = append(steps, name)
			if at += len(name) + 1; more && at == len(path) {
				steps = append(steps, "")
			}
			continue
		}
		name, end := quotedName(path, at+1)
		if end < 0 {
			return nil, configErrorf("Incomplete backtick pair in path: [%s], consider adding a backslash before backtick at position %d to escape it", path, at)
		}
		steps = append(steps, name)
		if at = end + 2; at == len(path) {
			steps = append(steps, "") // a dot ends the path
		}
	}
	return steps, nil
}

// quotedName reads a name up to its closing backtick, whose place it returns.
func quotedName(path string, at int) (name string, end int) {
	var sb strings.Builder
	start := at
	for i := at; i < len(path); i++ {
		if path[i] != '`' {
			continue
		}
		escaped := path[i-1] == '\\'
		switch {
		case i == len(path)-1:
			if escaped {
				return "", -1
			}
			return sb.String() + path[start:i], i
		case path[i+1] != '.':
			// part of the name
		case escaped:
			sb.WriteString(path[start:i-1] + "`")
			start = i + 1
		default:
			return sb.String() + path[start:i], i
		}
	}
	return "", -1
}
