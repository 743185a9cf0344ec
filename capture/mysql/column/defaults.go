package column

import (
	"errors"
)

// parseDefault turns the default expression of a column into the schema's default (DM-170, DM-501).
func (m *modes) parseDefault(pl *plan, expr string) (any, error) {
	return nil, errors.New("todo")
}
