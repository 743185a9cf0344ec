package file

import (
	"fmt"

	"github.com/anabranch/anabranch/records"
)

// CheckOffsets refuses offsets that a source cannot start from, as
// FileStreamSourceConnector.alterOffsets does (CW-508). Any partition may be removed.
func CheckOffsets(list []records.Position) error {
	for _, p := range list {
		if p.Offset == nil {
			continue
		}
		if p.Partition == nil {
			return fmt.Errorf("Partition objects cannot be null")
		}
		if _, ok := p.Partition.Get("filename"); !ok {
			return fmt.Errorf("Partition objects should contain the key 'filename'")
		}
		at, ok := p.Offset.Get("position")
		if !ok {
			return fmt.Errorf("Offset objects should either be null or contain the key 'position'")
		}
		n, ok := at.(int64)
		switch {
		case !ok:
			return fmt.Errorf("The value for the 'position' key in the offset is expected to be a Long value")
		case n < 0:
			return fmt.Errorf("The value for the 'position' key in the offset should be a non-negative value")
		}
	}
	return nil
}
