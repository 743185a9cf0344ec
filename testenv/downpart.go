package testenv

import (
	"context"
	"fmt"
)

// DownPart ends one shared server and removes its data.
func DownPart(ctx context.Context, name string) error {
	all, err := records()
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Owner == 0 && r.Part == name {
			if err := (&Server{rec: r}).discard(ctx); err != nil {
				return fmt.Errorf("end %s: %w", r.Name, err)
			}
		}
	}
	return nil
}
