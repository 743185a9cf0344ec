package relational

import (
	"fmt"
	"strings"

	"github.com/anabranch/anabranch/schemahistory"
)

// KeyMap is message.key.columns (DM-17): which columns make the message key of a table.
type KeyMap []keyRule

type keyRule struct{ columns []Patterns }

// ParseKeyMap reads `tableRegex:col1,col2;tableRegex2:col`.
func ParseKeyMap(text string) (KeyMap, error) {
	var m KeyMap
	for _, entry := range strings.Split(text, ";") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		table, cols, ok := strings.Cut(entry, ":")
		if !ok || strings.TrimSpace(table) == "" || strings.TrimSpace(cols) == "" || strings.Contains(cols, ":") {
			return nil, fmt.Errorf("%q has an invalid format (expecting '<table regex>:<column>,<column>')", strings.TrimSpace(entry))
		}
		var r keyRule
		for _, c := range strings.Split(cols, ",") {
			ps, err := ParsePatterns(strings.TrimSpace(table) + "." + strings.TrimSpace(c))
			if err != nil {
				return nil, err
			}
			r.columns = append(r.columns, ps)
		}
		m = append(m, r)
	}
	return m, nil
}

// Columns returns the key columns of a table in the order of the entries, the primary key if
// no entry matches, nil if there is none either.
func (m KeyMap) Columns(t *schemahistory.Table) ([]string, error) {
	var out []string
	for _, r := range m {
		for _, ps := range r.columns {
			for i := range t.Columns {
				hit, err := ps.Match(t.ID.String() + "." + t.Columns[i].Name)
				if err != nil {
					return nil, err
				}
				if hit {
					out = append(out, t.Columns[i].Name)
				}
			}
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	return t.PrimaryKey, nil
}
